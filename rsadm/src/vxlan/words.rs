//! Options as bridge and ip write them: `dev vx1 dst 10.0.0.1` for `--dev vx1 --dst 10.0.0.1`.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Words that say nothing here, because their place or the noun says it, before the word that
/// would be their value: `vni add vni 10`, `mdb add grp 239.1.1.1`, `neigh show to 10.0.0.1`.
const SILENT: [&str; 3] = ["vni", "grp", "to"];

/// The command line with options in place of words; `None` if there is nothing to replace.
pub(crate) fn options(root: &Command, arguments: &[OsString]) -> Option<Vec<OsString>> {
    let mut words = arguments.iter().cloned();
    let mut line: Vec<OsString> = words.next().into_iter().collect();
    let mut command = root;
    let mut replaced = false;
    let mut positionals = 0;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if let Some(next) = command.find_subcommand(&text) {
            command = next;
            line.push(word);
            continue;
        }
        if command.has_subcommands() || text.starts_with('-') {
            let takes = option(command, text.trim_start_matches('-')).is_some_and(takes_value);
            line.push(word);
            if takes && !text.contains('=') {
                line.extend(words.next());
            }
            continue;
        }
        if text == "type" && command.get_name() == "add" {
            // `link add NAME type vxlan`
            replaced = true;
            words.next();
            continue;
        }
        let named = text.replace('_', "-");
        match option(command, &text).or_else(|| option(command, &named)) {
            Some(option) => {
                replaced = true;
                line.push(format!("--{}", option.get_long().unwrap_or_default()).into());
                let most = option.get_num_args().map_or(1, |range| range.max_values());
                if takes_value(option) {
                    line.extend(words.by_ref().take(most.clamp(1, 2)));
                }
            }
            None if SILENT.contains(&text.as_str()) && positionals == 0 => replaced = true,
            None => {
                positionals += 1;
                line.push(word);
            }
        }
    }
    replaced.then_some(line)
}

/// The option with this long name, or one that is short.
fn option<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        argument.get_long() == Some(name)
            || aliases.contains(&name)
            || argument.get_short().is_some_and(|short| name == short.to_string())
    })
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn made(line: &str) -> Option<String> {
        let mut command = Cli::command();
        command.build();
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let made = options(&command, &words)?;
        Some(made.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn words_are_options() {
        let cases = [
            (
                "rsadm vxlan fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.1 self static",
                "rsadm vxlan fdb append 00:00:00:00:00:00 --dev vx0 --dst 10.0.0.1 --self --static",
            ),
            (
                "rsadm -o json vxlan fdb show dev dev vni 7",
                "rsadm -o json vxlan fdb show --dev dev --vni 7",
            ),
            (
                "rsadm vxlan vni add vni 10,20-25 dev vx0 remote 10.0.0.1",
                "rsadm vxlan vni add 10,20-25 --dev vx0 --remote 10.0.0.1",
            ),
            (
                "rsadm vxlan mdb add dev vx0 grp 239.1.1.1 src_vni 10 dst 10.0.0.1",
                "rsadm vxlan mdb add --dev vx0 239.1.1.1 --src-vni 10 --dst 10.0.0.1",
            ),
            (
                "rsadm vxlan link add vx0 type vxlan id 1 nolearning srcport 1 2 dstport 8472",
                "rsadm vxlan link add vx0 --id 1 --nolearning --srcport 1 2 --dstport 8472",
            ),
            (
                "rsadm vxlan neigh add 10.0.0.1 lladdr 2:0:0:0:0:1 dev vx0 nud permanent",
                "rsadm vxlan neigh add 10.0.0.1 --lladdr 2:0:0:0:0:1 --dev vx0 --nud permanent",
            ),
        ];
        for (words, expected) in cases {
            assert_eq!(made(words).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_has_options_stays_as_it_is() {
        for line in [
            "rsadm vxlan fdb add 2:0:0:0:0:1 --dev self --dst 10.0.0.1",
            "rsadm vxlan fdb list --dev=dev -o json",
            "rsadm vxlan link show vx0",
            "rsadm",
        ] {
            assert_eq!(made(line), None, "{line}");
        }
    }
}
