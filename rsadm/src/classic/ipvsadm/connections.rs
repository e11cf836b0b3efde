//! The listing of connections.

use std::io::{self, Write};

use ipvs::{Connection, Protocol};

use super::Format;
use super::Line;

/// Writes the lines above the first connection.
pub fn connection_titles(out: &mut impl Write, persistence: bool) -> io::Result<()> {
    out.write_all(b"IPVS connection entries\n")?;
    out.write_all(if persistence {
        concat!(
            "pro expire state       source             virtual            ",
            "destination        pe name          pe_data\n"
        )
        .as_bytes()
    } else {
        b"pro expire state       source             virtual            destination\n"
    })
}

impl Format {
    /// Writes the line of a connection, with the data of its persistence engine if there is any
    /// and `persistence` asks for it.
    pub fn connection(
        &mut self,
        out: &mut impl Write,
        connection: &Connection,
        persistence: bool,
    ) -> io::Result<()> {
        let Self { names, line, .. } = self;
        let protocol = connection.protocol;
        let named = matches!(protocol, Protocol::TCP | Protocol::UDP | Protocol::SCTP);
        let port_names = named.then_some(protocol);
        line.clear();
        push_protocol(line, protocol);
        line.byte(b' ');
        push_expiry(line, connection.expires);
        line.byte(b' ');
        column(line, 11, |line| line.text(connection.state.as_str()));
        column(line, 18, |line| line.endpoint(connection.client, port_names, names));
        column(line, 18, |line| line.endpoint(connection.virtual_address, port_names, names));
        match connection.persistence.as_ref().filter(|_| persistence) {
            None => line.endpoint(connection.destination, port_names, names),
            // These widths are not those of the title. ipvsadm's readers know them so.
            Some(persistence) => {
                column(line, 16, |line| line.endpoint(connection.destination, port_names, names));
                column(line, 18, |line| line.text(&persistence.engine));
                line.raw(first_word(&persistence.data));
            }
        }
        line.byte(b'\n');
        out.write_all(line.bytes())
    }
}

/// Appends a column and the blank behind it.
fn column(line: &mut Line, width: usize, push: impl FnOnce(&mut Line)) {
    let start = line.len();
    push(line);
    line.pad(start, width);
    line.byte(b' ');
}

/// The name that the kernel gives a protocol in its table.
fn push_protocol(line: &mut Line, protocol: Protocol) {
    let start = line.len();
    match protocol.0 {
        0 => line.text("IP"),
        1 => line.text("ICMP"),
        6 => line.text("TCP"),
        17 => line.text("UDP"),
        58 => line.text("ICMPv6"),
        132 => line.text("SCTP"),
        number => {
            line.text("IP_");
            line.number(number);
        }
    }
    line.pad(start, 3);
}

/// Appends minutes and seconds; there is no limit to the minutes.
fn push_expiry(line: &mut Line, seconds: u32) {
    let start = line.len();
    for (number, separator) in [(seconds / 60, Some(b':')), (seconds % 60, None)] {
        if number < 10 {
            line.byte(b'0');
        }
        line.number(number);
        if let Some(separator) = separator {
            line.byte(separator);
        }
    }
    line.pad(start, 6);
}

/// Clients choose the data; what follows a blank in it is not shown.
fn first_word(data: &[u8]) -> &[u8] {
    data.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ipvs::Connections;

    use super::*;
    use crate::classic::ipvsadm::{Columns, Names};

    const TABLE: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0A000002 0000 0A000001 0050 0A090002 1F90 ASSURED         288
TCP 20010db8000000000000000000000002 EDEC 20010db8000000000000000000000001 0050 \
20010db8000900000000000000000002 1F90 ESTABLISHED     888
SCTP 0A000002 0400 0A000001 0050 0A090002 1F90 C-ECHOED       3600
IP  0A000002 0000 00000007 0000 0A090002 0000 NONE         360000
UDP 0A000002 0000 0A000001 13C4 0A090002 13C4 UDP              59 sip abc@example.org
UDP 0A000002 0000 0A000001 13C4 0A090002 13C4 UDP              61 sip with blank
";

    fn listing(persistence: bool) -> String {
        let mut format = Format::new(Columns::Plain, Names::numeric());
        let mut out = Vec::new();
        let table = TABLE
            .replace("20010db8000000000000000000000002", "2001:0db8:0000:0000:0000:0000:0000:0002");
        let table = table
            .replace("20010db8000000000000000000000001", "2001:0db8:0000:0000:0000:0000:0000:0001")
            .replace("20010db8000900000000000000000002", "2001:0db8:0009:0000:0000:0000:0000:0002");
        connection_titles(&mut out, persistence).expect("a vector takes everything");
        for connection in Connections::from_reader(table.as_bytes()).expect("a title") {
            let connection = connection.expect("a line");
            format.connection(&mut out, &connection, persistence).expect("a vector");
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn without_persistence() {
        assert_eq!(
            listing(false),
            "\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 04:48  ASSURED     10.0.0.2:0         10.0.0.1:80        10.9.0.2:8080
TCP 14:48  ESTABLISHED [2001:db8::2]:60908 [2001:db8::1]:80   [2001:db8:9::2]:8080
SCTP 60:00  C-ECHOED    10.0.0.2:1024      10.0.0.1:80        10.9.0.2:8080
IP  6000:00 NONE        10.0.0.2:0         0.0.0.7:0          10.9.0.2:0
UDP 00:59  UDP         10.0.0.2:0         10.0.0.1:5060      10.9.0.2:5060
UDP 01:01  UDP         10.0.0.2:0         10.0.0.1:5060      10.9.0.2:5060
"
        );
    }

    #[test]
    fn with_persistence() {
        let text = listing(true);
        let mut lines = text.lines().skip(1);
        assert_eq!(
            lines.next(),
            Some(
                "pro expire state       source             virtual            \
                 destination        pe name          pe_data"
            )
        );
        assert_eq!(
            lines.nth(4),
            Some(
                "UDP 00:59  UDP         10.0.0.2:0         10.0.0.1:5060      \
                 10.9.0.2:5060    sip                abc@example.org"
            )
        );
        assert!(lines.next().is_some_and(|line| line.ends_with("sip                with")));
    }
}
