//! `bridge monitor`: changes of forwarding entries, until a signal ends it.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use vxlan::{Event, EventKind, Groups, Subscription};

use super::stop::{Stop, refusal};
use super::text;
use super::tool::Tool;
use super::words::{Words, matches};
use crate::classic::Line;
use crate::classic::bridge::{Form, Format, Printer, deleted_entry, entry};
use crate::classic::conntrack::push_date;
use crate::personality::ipvsadm::Directory;
use crate::personality::system_text;

/// Checks that forwarding entries are all that is asked for.
fn check(mut words: Words<'_>) -> Result<(), Stop> {
    let mut entries = false;
    let mut others = None;
    while let Some(word) = words.next() {
        let is = |whole| matches(word, whole);
        if is("file") {
            words.value()?;
            others = Some("monitor file");
        } else if is("link") {
            others = Some("monitor link");
        } else if is("fdb") {
            entries = true;
        } else if is("mdb") {
            others = Some("monitor mdb");
        } else if is("vlan") {
            others = Some("monitor vlan");
        } else if is("vni") {
            others = Some("monitor vni");
        } else if word == b"all" {
            others = Some("monitor all");
        } else if is("help") {
            return Err(text::help(text::MONITOR));
        } else {
            return Err(Stop::unknown("Argument", word, "monitor "));
        }
    }
    match others {
        None if entries => Ok(()),
        others => Err(Stop::not_here(others.unwrap_or("monitor without `fdb'"))),
    }
}

impl<D: Directory, O: Write, E: Write> Tool<'_, D, O, E> {
    /// Shows events as they come.
    pub(super) fn monitor(&mut self, words: Words<'_>) -> Result<(), Stop> {
        check(words)?;
        let subscription = Subscription::new(Groups::ENTRIES);
        let subscription = subscription.namespace(self.options.namespace.clone());
        let failed = |error: vxlan::Error| Stop::Program(2, refusal(&error));
        let mut events = subscription.open().map_err(failed)?;
        self.names()?;
        // There is no JSON of events.
        let format = match self.options.format() {
            format @ Format { form: Form::Json { .. }, .. } => {
                Format { form: Form::Text, ..format }
            }
            format => format,
        };
        let mut printer = Printer::new(format);
        loop {
            match events.next().map_err(failed)? {
                Event::Entry { kind, entry: found, .. } => {
                    for link in [Some(found.link), found.remote.via, found.master] {
                        self.learn_name(link)?;
                    }
                    if self.options.timestamp {
                        printer.raw(&timestamp());
                    }
                    let names = self.names()?;
                    match kind {
                        EventKind::New => entry(&mut printer, &found, names),
                        EventKind::Delete => deleted_entry(&mut printer, &found, names),
                    }
                    printer.write_to(&mut self.out)?;
                    self.out.flush()?;
                }
                Event::Lost => {
                    let errno = Errno::NOBUFS.raw_os_error();
                    let reason = system_text(errno);
                    self.say(format!("netlink receive error {reason} ({errno})\n").as_bytes());
                }
                _ => {}
            }
        }
    }
}

fn timestamp() -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut line = Line::default();
    line.text("Timestamp: ");
    push_date(&mut line, now.as_nanos() as u64);
    line.byte(b' ');
    line.number(now.subsec_micros());
    line.text(" usec\n");
    line.bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(u8, String)> {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        match check(Words(&words)) {
            Ok(()) => None,
            Err(Stop::Program(status, message)) => {
                Some((status, String::from_utf8(message).expect("text")))
            }
            Err(other) => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn forwarding_entries_and_nothing_else() {
        assert_eq!(told("fdb"), None);
        for other in ["file x", "f fdb", "fdb l", "mdb", "v", "vni", "all fdb"] {
            assert_eq!(told(other).map(|(status, _)| status), Some(1), "{other}");
        }
        let unknown = "Argument \"foo\" is unknown, try \"bridge monitor help\".\n";
        assert_eq!(told("link foo"), Some((255, unknown.into())));
        assert_eq!(told("all help").map(|(status, _)| status), Some(255));
    }
}
