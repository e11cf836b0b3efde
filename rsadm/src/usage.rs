//! Help, completions, and mistakes on the command line.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, Error, Parser};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Failure, Result};
use crate::vxlan::words;

/// The script that completes rsadm's command line in a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rsadm", &mut script);
    script
}

/// Reads a command line that is wrong as bridge and ip write theirs, if it is about their tables.
pub(crate) fn again(error: Error, arguments: &[OsString]) -> Result<Cli, Error> {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help || !arguments.iter().any(|word| word == "vxlan" || word == "monitor") {
        return Err(error);
    }
    let mut command = Cli::command();
    command.build();
    match words::options(&command, arguments) {
        Some(arguments) => Cli::try_parse_from(arguments),
        None => Err(error),
    }
}

/// Prints help where that was asked for; all else is a mistake in `arguments`.
pub(crate) fn tell(error: &Error, arguments: &[OsString]) -> Result<()> {
    let command = command(arguments);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.print()?),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let failure = Failure::usage(format!("'{command}' is not a whole command"));
            Err(failure.hint(format!("`{command} --help` lists what may follow")))
        }
        _ => Err(mistake(&error.render().to_string(), &command)),
    }
}

/// The names of commands that a command line begins with.
fn command(arguments: &[OsString]) -> String {
    let mut names = vec!["rsadm".to_owned()];
    let mut command = Cli::command();
    command.build();
    for argument in arguments.iter().skip(1) {
        if let Some(next) = command.find_subcommand(argument) {
            names.push(next.get_name().to_owned());
            command = next.clone();
        }
    }
    names.join(" ")
}

/// Makes one sentence and one hint of what clap says in paragraphs.
fn mistake(text: &str, command: &str) -> Failure {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace();
    let failure = Failure::usage(words.collect::<Vec<_>>().join(" "));
    // The tip to put a dash-dash before an unknown option helps nobody here.
    let tip = paragraphs
        .find_map(|paragraph| paragraph.trim_start().strip_prefix("tip: "))
        .filter(|tip| !tip.starts_with("to pass"));
    failure.hint(match tip {
        Some(tip) => tip.lines().next().unwrap_or_default().to_owned(),
        None => format!("`{command} --help` tells more"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn clap_in_one_sentence() {
        let text = "error: the following required arguments were not provided:\n  <SERVICE>\n  \
                    <ADDRESS[:PORT]>\n\nUsage: rsadm ipvs dest add <SERVICE> <ADDRESS[:PORT]>\n\n\
                    For more information, try '--help'.\n";
        assert_eq!(
            mistake(text, "rsadm ipvs").to_string(),
            "rsadm: the following required arguments were not provided: <SERVICE> \
             <ADDRESS[:PORT]>\n  hint: `rsadm ipvs --help` tells more\n"
        );
        let text = "error: unexpected argument '--stat' found\n\n  tip: a similar argument \
                    exists: '--stats'\n\nUsage: rsadm [OPTIONS]\n";
        assert_eq!(
            mistake(text, "rsadm").to_string(),
            "rsadm: unexpected argument '--stat' found\n  hint: a similar argument exists: \
             '--stats'\n"
        );
    }

    #[test]
    fn the_command_of_a_command_line() {
        let of = |line: &str| command(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("rsadm"), "rsadm");
        assert_eq!(of("/usr/bin/rsadm ipvs -o json ls x"), "rsadm ipvs list");
        assert_eq!(of("rsadm ipvs dest add tcp://10.0.0.1:80"), "rsadm ipvs dest add");
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(completions(shell)).expect("text");
            assert!(script.contains("connections"), "{shell}");
        }
    }
}
