//! Help, completions, and mistakes on the command line.

use clap::error::ErrorKind;
use clap::{CommandFactory, Error};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Failure, Result};

/// The script that completes rsadm's command line in a shell.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rsadm", &mut script);
    script
}

/// Prints help where that was asked for; all else is a mistake.
pub(crate) fn tell(error: &Error) -> Result<()> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.print()?),
        _ => Err(mistake(&error.render().to_string())),
    }
}

/// Makes one sentence and one hint of what clap says in paragraphs.
fn mistake(text: &str) -> Failure {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace();
    let failure = Failure::usage(words.collect::<Vec<_>>().join(" "));
    let mut usage = None;
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.trim_start().strip_prefix("tip: ") {
            return failure.hint(tip.lines().next().unwrap_or_default().to_owned());
        }
        usage = usage.or_else(|| paragraph.strip_prefix("Usage: "));
    }
    let command = usage.unwrap_or("rsadm").split_whitespace();
    let command: Vec<_> =
        command.take_while(|word| word.starts_with(|letter: char| letter.is_lowercase())).collect();
    failure.hint(format!("`{} --help` tells more", command.join(" ")))
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
            mistake(text).to_string(),
            "rsadm: the following required arguments were not provided: <SERVICE> \
             <ADDRESS[:PORT]>\n  hint: `rsadm ipvs dest add --help` tells more\n"
        );
        let text = "error: unexpected argument '--bogus' found\n\n  tip: to pass '--bogus' as a \
                    value, use '-- --bogus'\n\nUsage: rsadm [OPTIONS]\n";
        assert_eq!(
            mistake(text).to_string(),
            "rsadm: unexpected argument '--bogus' found\n  hint: to pass '--bogus' as a value, \
             use '-- --bogus'\n"
        );
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(completions(shell)).expect("text");
            assert!(script.contains("connections"), "{shell}");
        }
    }
}
