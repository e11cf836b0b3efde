//! `/proc/net/ip_vs_stats`: what the services of a namespace did together.

use std::io::BufRead;

use crate::fields::Fields;
use crate::lines::Lines;
use crate::{Rates, Result, Statistics};

/// The file of the totals.
pub(crate) const PATH: &str = "/proc/net/ip_vs_stats";

impl Statistics {
    /// Reads the text of `/proc/net/ip_vs_stats`, such as one saved on another host.
    pub fn from_reader(reader: impl BufRead) -> Result<Self> {
        let mut lines = Lines::new(reader, PATH);
        // Two lines of titles, the counters, a blank line, the title of the rates, the rates.
        let counters = row(&mut lines, 3, b"   Total ")?;
        let rates = row(&mut lines, 3, b"")?;
        Ok(Self {
            connections: counters[0],
            incoming_packets: counters[1],
            outgoing_packets: counters[2],
            incoming_bytes: counters[3],
            outgoing_bytes: counters[4],
            rates: Rates {
                connections: rates[0],
                incoming_packets: rates[1],
                outgoing_packets: rates[2],
                incoming_bytes: rates[3],
                outgoing_bytes: rates[4],
            },
        })
    }
}

/// The `number`th line from here as five hexadecimal numbers; the first line starts with `title`.
fn row<R: BufRead>(lines: &mut Lines<R>, number: usize, title: &[u8]) -> Result<[u64; 5]> {
    for index in 0..number {
        if !lines.advance()? || (index == 0 && !lines.line().starts_with(title)) {
            return Err(lines.not_understood());
        }
    }
    let mut fields = Fields::new(lines.line());
    let mut row = [0; 5];
    for value in &mut row {
        match fields.hex64() {
            Some(number) => *value = number,
            None => return Err(lines.not_understood()),
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &[u8] = include_bytes!("../tests/golden/6.12/mixed/ip_vs_stats");

    #[test]
    fn totals_are_hexadecimal() {
        let text = "   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
      13       56 FFFFFFFFFFFFFFFF             159C             134F

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       1        6        A              190              179
";
        let statistics = Statistics::from_reader(text.as_bytes()).unwrap();
        assert_eq!(statistics.connections, 0x13);
        assert_eq!(statistics.incoming_packets, 0x56);
        assert_eq!(statistics.outgoing_packets, u64::MAX);
        assert_eq!((statistics.incoming_bytes, statistics.outgoing_bytes), (0x159c, 0x134f));
        assert_eq!(statistics.rates.outgoing_packets, 10);
        assert_eq!(statistics.rates.outgoing_bytes, 0x179);
    }

    #[test]
    fn a_real_file_is_read() {
        let statistics = Statistics::from_reader(STATS).unwrap();
        assert!(statistics.connections > 0 && statistics.incoming_bytes > 0);
    }

    #[test]
    fn every_cut_is_an_error() {
        for length in 0..STATS.len() {
            assert!(Statistics::from_reader(&STATS[..length]).is_err(), "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_change_of_a_byte_panics(at in 0..STATS.len(), byte: u8) {
            let mut bytes = STATS.to_vec();
            bytes[at] = byte;
            let _ = Statistics::from_reader(&bytes[..]);
        }
    }
}
