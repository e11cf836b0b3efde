//! Options before the object.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use vxlan::Namespace;

use super::stop::Stop;
use super::text;
use super::words::{Family, Words, matches};
use crate::classic::bridge::{Form, Format};
use crate::personality::reason;

/// What the options say.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) family: Family,
    pub(super) details: bool,
    pub(super) statistics: bool,
    pub(super) one_line: bool,
    pub(super) timestamp: bool,
    pub(super) json: bool,
    pretty: bool,
    colour: bool,
    pub(super) force: bool,
    pub(super) namespace: Namespace,
    /// The file of a batch.
    pub(super) batch: Option<Vec<u8>>,
}

impl Options {
    /// Takes the options from the front of the words.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, Stop> {
        let mut options = Self::default();
        while let Some(word) = words.0.first() {
            if word == b"--" {
                words.next();
                break;
            }
            let Some(option) = word.strip_prefix(b"-") else { break };
            words.next();
            options.take(option.strip_prefix(b"-").unwrap_or(option), words)?;
        }
        Ok(options)
    }

    /// Takes one option, without what it begins with.
    fn take(&mut self, option: &[u8], words: &mut Words<'_>) -> Result<(), Stop> {
        // A hyphen alone is the beginning of the first option that there is.
        let is = |whole: &str| option.is_empty() && whole == "help" || matches(option, whole);
        if is("help") {
            return Err(text::usage());
        } else if is("Version") {
            return Err(Stop::Version);
        } else if is("stats") || is("statistics") {
            self.statistics = true;
        } else if is("details") {
            self.details = true;
        } else if is("oneline") {
            self.one_line = true;
        } else if is("timestamp") {
            self.timestamp = true;
        } else if is("family") {
            self.family = family(words.next().ok_or_else(text::usage)?)?;
        } else if option == b"4" {
            self.family = Family::Ipv4;
        } else if option == b"6" {
            self.family = Family::Ipv6;
        } else if is("netns") {
            self.namespace = namespace(words.next().unwrap_or(b"(null)"))?;
        } else if let Some(colour) = colour(option) {
            self.colour = colour;
        } else if is("compressvlans") {
            // Of listings of VLANs alone.
        } else if is("force") {
            self.force = true;
        } else if is("json") {
            self.json = true;
        } else if is("pretty") {
            self.pretty = true;
        } else if is("batch") {
            self.batch = Some(words.next().ok_or_else(text::usage)?.to_vec());
        } else {
            return Err(Stop::unknown("Option", &[b"-", option].concat(), ""));
        }
        Ok(())
    }

    /// How entries are printed.
    pub(super) fn format(&self) -> Format {
        let form = match (self.json, self.colour) {
            (true, _) => Form::Json { pretty: self.pretty },
            (false, true) => Form::Coloured { dark: is_dark() },
            (false, false) => Form::Text,
        };
        let Self { details, statistics, one_line, .. } = *self;
        Format { form, details, statistics, one_line, ..Format::default() }
    }
}

fn family(word: &[u8]) -> Result<Family, Stop> {
    match word {
        b"inet" => Ok(Family::Ipv4),
        b"inet6" => Ok(Family::Ipv6),
        b"help" => Err(text::usage()),
        _ => Err(Stop::wrong(word, "invalid protocol family")),
    }
}

/// `-c[olor][=always|auto|never]`: whether there are to be colours, if it is that.
fn colour(option: &[u8]) -> Option<bool> {
    let mut parts = option.splitn(2, |byte| *byte == b'=');
    if !matches(parts.next()?, "color") {
        return None;
    }
    match parts.next() {
        None | Some(b"" | b"always") => Some(true),
        Some(b"auto") => Some(io::stdout().is_terminal()),
        Some(b"never") => Some(false),
        Some(_) => None,
    }
}

/// Whether the variable says that the background is dark.
fn is_dark() -> bool {
    let Some(colours) = env::var_os("COLORFGBG") else { return false };
    let mut parts = colours.as_bytes().rsplitn(2, |byte| *byte == b';');
    matches!((parts.next(), parts.next()), (Some([b'0'..=b'6' | b'8']), Some(_)))
}

fn namespace(name: &[u8]) -> Result<Namespace, Stop> {
    let path = Path::new("/run/netns").join(Path::new(OsStr::from_bytes(name)));
    let file = File::open(path).map_err(|error| {
        let before = b"Cannot open network namespace \"";
        Stop::program([before, name, b"\": ", reason(&error).as_bytes()].concat())
    })?;
    let namespace = Namespace::File(Arc::new(OwnedFd::from(file)));
    // Whether it can be entered is known when it is tried.
    match namespace.run(|| ()) {
        Ok(()) => Ok(namespace),
        Err(rsadm_netlink::Error::Namespace { source, .. }) => {
            let before = b"setting the network namespace \"";
            Err(Stop::program([before, name, b"\" failed: ", reason(&source).as_bytes()].concat()))
        }
        Err(error) => Err(Stop::program(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Options, usize), Stop> {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let mut rest = Words(&words);
        let options = Options::read(&mut rest)?;
        Ok((options, rest.0.len()))
    }

    fn told(line: &str) -> (u8, String) {
        match read(line) {
            Err(Stop::Program(status, message)) => {
                (status, String::from_utf8(message).expect("text"))
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn abbreviations() {
        let (options, rest) = read("-s -d --oneli -t -j -pre -f inet6 -fo -b F fdb").expect("read");
        assert!(options.statistics && options.details && options.one_line && options.timestamp);
        assert!(options.json && options.force && options.family == Family::Ipv6 && rest == 1);
        assert_eq!(options.format().form, Form::Json { pretty: true });
        assert_eq!(options.batch.as_deref(), Some(b"F".as_slice()));
        let (options, rest) = read("-4 -com -- -x").expect("read");
        assert!(options.family == Family::Ipv4 && !options.colour && rest == 1);
    }

    #[test]
    fn colours() {
        for (word, expected) in [
            ("c", Some(true)),
            ("color", Some(true)),
            ("co=", Some(true)),
            ("c=always", Some(true)),
            ("colo=never", Some(false)),
            ("c=x", None),
            ("com", None),
            ("=always", None),
        ] {
            assert_eq!(colour(word.as_bytes()), expected, "{word}");
        }
    }

    #[test]
    fn mistakes() {
        assert_eq!(told("-x"), (255, "Option \"-x\" is unknown, try \"bridge help\".\n".into()));
        assert_eq!(told("--foo").1, "Option \"-foo\" is unknown, try \"bridge help\".\n");
        assert_eq!(told("-f foo").1, "Error: argument \"foo\" is wrong: invalid protocol family\n");
        assert!(told("-b").1.starts_with("Usage: bridge"));
        assert_eq!(
            told("-n no/such/namespace").1,
            "Cannot open network namespace \"no/such/namespace\": No such file or directory\n"
        );
    }
}
