//! `/etc/services`: names of ports, read once instead of once a port.

use std::collections::HashMap;
use std::fs;

use ipvs::Protocol;

/// Names and ports by protocol. Of entries that repeat a name or a port the first counts.
#[derive(Debug, Default)]
pub(crate) struct ServicesFile {
    names: HashMap<(u16, &'static str), String>,
    ports: HashMap<(String, &'static str), u16>,
    complete: bool,
}

impl ServicesFile {
    /// Reads the file of this system; an unreadable one is empty.
    pub(crate) fn read() -> Self {
        let text = fs::read("/etc/services").unwrap_or_default();
        let switch = fs::read("/etc/nsswitch.conf").unwrap_or_default();
        let mut services = Self::parse(&String::from_utf8_lossy(&text));
        services.complete = files_only(&String::from_utf8_lossy(&switch));
        services
    }

    /// Whether the system has no other source of names of ports.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The name of a port.
    pub(crate) fn name(&self, port: u16, protocol: Protocol) -> Option<&str> {
        self.names.get(&(port, transport(protocol)?)).map(String::as_str)
    }

    /// The port of a name or of another name for it.
    pub(crate) fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        self.ports.get(&(name.to_owned(), transport(protocol)?)).copied()
    }

    fn parse(text: &str) -> Self {
        let mut services = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
            let Some((port, protocol)) = port.split_once('/') else { continue };
            let Ok(port) = port.parse::<u64>() else { continue };
            let Some(protocol) =
                ["tcp", "udp", "sctp"].into_iter().find(|known| *known == protocol)
            else {
                continue;
            };
            // The C library keeps the lower 16 bits of whatever stands there.
            let port = port as u16;
            services.names.entry((port, protocol)).or_insert_with(|| name.to_owned());
            for name in std::iter::once(name).chain(words) {
                services.ports.entry((name.to_owned(), protocol)).or_insert(port);
            }
        }
        services
    }
}

fn transport(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::TCP => Some("tcp"),
        Protocol::UDP => Some("udp"),
        Protocol::SCTP => Some("sctp"),
        _ => None,
    }
}

/// Whether `nsswitch.conf` names no source of services but files. Debian's has `db files`, with
/// no `db` unless somebody builds it.
fn files_only(switch: &str) -> bool {
    switch
        .lines()
        .filter_map(|line| line.split('#').next()?.trim_start().strip_prefix("services:"))
        .flat_map(str::split_ascii_whitespace)
        .all(|source| matches!(source, "files" | "db"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Services
http\t\t80/tcp\t\twww\t# WorldWideWeb HTTP
http-alt 80/tcp
domain 53/tcp
domain 53/udp
amqp 5672/sctp
over 70000/tcp
odd 7782/dccp
broken
broken x/tcp
";

    #[test]
    fn both_directions() {
        let services = ServicesFile::parse(TEXT);
        assert_eq!(services.name(80, Protocol::TCP), Some("http"));
        assert_eq!(services.name(80, Protocol::UDP), None);
        assert_eq!(services.name(53, Protocol::UDP), Some("domain"));
        assert_eq!(services.name(5672, Protocol::SCTP), Some("amqp"));
        assert_eq!(services.name(7782, Protocol(33)), None);
        assert_eq!(services.port("www", Protocol::TCP), Some(80));
        assert_eq!(services.port("http-alt", Protocol::TCP), Some(80));
        assert_eq!(services.port("over", Protocol::TCP), Some(4464));
        assert_eq!(services.port("odd", Protocol::TCP), None);
        assert_eq!(services.port("HTTP", Protocol::TCP), None);
    }

    #[test]
    fn other_sources_are_noticed() {
        assert!(files_only("services:       db files\nhosts: files dns\n"));
        assert!(files_only("services: files # sss\n"));
        assert!(files_only(""));
        assert!(!files_only("services: files sss\n"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_parses(text: String) {
            let services = ServicesFile::parse(&text);
            for (port, protocol) in services.names.keys() {
                proptest::prop_assert!(services.ports.values().any(|other| other == port), "{protocol}");
            }
        }
    }
}
