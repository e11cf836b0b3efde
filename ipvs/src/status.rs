//! `/proc/net/ip_vs_status`: how full the hash tables are. Linux 7.1.

use std::io::BufRead;

use crate::Result;
use crate::lines::Lines;

/// The file of the status.
pub(crate) const PATH: &str = "/proc/net/ip_vs_status";

/// State of IPVS in a network namespace.
///
/// A value is `None` if the kernel does not print it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "ip_vs_status")]
pub struct Status {
    /// Entries of the connection table.
    #[doc(alias = "Conns")]
    pub connections: Option<u64>,
    /// The hash table of connections.
    #[doc(alias = "Conn buckets")]
    pub connection_table: Option<HashTable>,
    /// Services.
    #[doc(alias = "Services")]
    pub services: Option<u64>,
    /// The hash table of services.
    #[doc(alias = "Service buckets")]
    pub service_table: Option<HashTable>,
    /// Kernel threads that estimate rates.
    #[doc(alias = "Stats thread slots")]
    pub estimator_threads: Option<u64>,
    /// Limit of those threads; 0 before the first service.
    pub estimator_threads_limit: Option<u64>,
    /// Most estimators that a thread handles in one go.
    #[doc(alias = "Stats chain max len")]
    pub estimator_chain_limit: Option<u64>,
    /// Most estimators that a thread handles.
    #[doc(alias = "Stats thread ests")]
    pub estimators_per_thread: Option<u64>,
    /// Lines that this crate does not know, as name and value.
    pub other: Vec<(String, String)>,
}

/// A hash table that grows and shrinks with what it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HashTable {
    /// Buckets; 0 before the namespace's first service.
    pub buckets: u64,
    /// Buckets as a power of two.
    pub bits: u32,
    /// `conn_lfactor` or `svc_lfactor`: the table is resized to keep about 2^this entries a bucket.
    pub load_factor: i32,
    /// Empty buckets.
    pub empty: Option<u64>,
    /// How many buckets have a chain of how many entries.
    pub chains: Vec<Chains>,
}

/// The buckets of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Chains {
    /// Entries in each. A masqueraded connection has two, one for each direction.
    pub length: u32,
    /// Buckets that have so many.
    pub buckets: u64,
}

impl Status {
    /// Reads the text of `/proc/net/ip_vs_status`, such as one saved on another host.
    ///
    /// Lines without `NAME:` are errors; names and values that are not known are kept in
    /// [`other`](Self::other).
    pub fn from_reader(reader: impl BufRead) -> Result<Self> {
        let mut lines = Lines::new(reader, PATH);
        let mut status = Self::default();
        while lines.advance()? {
            let line = String::from_utf8_lossy(lines.line());
            let Some((name, value)) = line.split_once(':') else {
                return Err(lines.not_understood());
            };
            let value = value.trim();
            if status.take(name, value).is_none() {
                status.other.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(status)
    }

    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "Conns" => self.connections = Some(value.parse().ok()?),
            "Conn buckets" => self.connection_table = Some(parse_table(value)?),
            "Services" => self.services = Some(value.parse().ok()?),
            "Service buckets" => self.service_table = Some(parse_table(value)?),
            "Stats thread slots" => {
                let (threads, limit) = value.strip_suffix(')')?.split_once(" (max ")?;
                let (threads, limit) = (threads.parse().ok()?, limit.parse().ok()?);
                self.estimator_threads = Some(threads);
                self.estimator_threads_limit = Some(limit);
            }
            "Stats chain max len" => self.estimator_chain_limit = Some(value.parse().ok()?),
            "Stats thread ests" => self.estimators_per_thread = Some(value.parse().ok()?),
            _ => {
                if let Some(class) = name.strip_prefix("Conn buckets ") {
                    self.connection_table.as_mut()?.take(class, value)?;
                } else {
                    let class = name.strip_prefix("Service buckets ")?;
                    self.service_table.as_mut()?.take(class, value)?;
                }
            }
        }
        Some(())
    }
}

impl HashTable {
    /// `empty` and `479 (93%)`, or `len-1` and `32 (96%)`.
    fn take(&mut self, class: &str, value: &str) -> Option<()> {
        let buckets = value.split_once(" (").map_or(value, |(number, _)| number).parse().ok()?;
        if class == "empty" {
            self.empty = Some(buckets);
        } else {
            let length = class.strip_prefix("len-")?.parse().ok()?;
            self.chains.push(Chains { length, buckets });
        }
        Some(())
    }
}

/// `512 (9 bits, lfactor -4)`
fn parse_table(value: &str) -> Option<HashTable> {
    let (buckets, rest) = value.strip_suffix(')')?.split_once(" (")?;
    let (bits, load_factor) = rest.split_once(" bits, lfactor ")?;
    Some(HashTable {
        buckets: buckets.parse().ok()?,
        bits: bits.parse().ok()?,
        load_factor: load_factor.parse().ok()?,
        ..HashTable::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: &[u8] = include_bytes!("../tests/golden/7.2/mixed/ip_vs_status");
    const UNUSED: &[u8] = include_bytes!("../tests/golden/7.2/unused/ip_vs_status");

    #[test]
    fn the_status_of_a_table_in_use_is_typed() {
        let status = Status::from_reader(USED).unwrap();
        let expected = Status {
            connections: Some(21),
            connection_table: Some(HashTable {
                buckets: 512,
                bits: 9,
                load_factor: -4,
                empty: Some(479),
                chains: vec![Chains { length: 1, buckets: 32 }, Chains { length: 2, buckets: 1 }],
            }),
            services: Some(15),
            service_table: Some(HashTable {
                buckets: 128,
                bits: 7,
                load_factor: -3,
                empty: Some(113),
                chains: vec![Chains { length: 1, buckets: 15 }],
            }),
            estimator_threads: Some(1),
            estimator_threads_limit: Some(4),
            estimator_chain_limit: Some(3958),
            estimators_per_thread: Some(9_499_200),
            other: Vec::new(),
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn a_namespace_without_services_has_tables_of_no_bucket() {
        let status = Status::from_reader(UNUSED).unwrap();
        assert_eq!(status.services, Some(0));
        assert_eq!(status.connection_table, Some(HashTable::default()));
        assert_eq!(status.estimator_threads_limit, Some(0));
        assert!(status.other.is_empty(), "{status:?}");
    }

    #[test]
    fn unknown_names_and_values_are_kept() {
        let text = "Conns:\tmany\nConn buckets len-1:\t3 (1%)\nFlux:\t1:2\nServices:\t4\n";
        let status = Status::from_reader(text.as_bytes()).unwrap();
        assert_eq!(status.services, Some(4));
        let other: Vec<_> = status.other.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            other,
            [("Conns", "many"), ("Conn buckets len-1", "3 (1%)"), ("Flux", "1:2")],
            "a class of buckets before its table has no place"
        );
    }

    #[test]
    fn a_line_without_a_name_is_an_error_with_its_number() {
        let error = Status::from_reader(&b"Conns:\t1\nnonsense\n"[..]).unwrap_err();
        assert_eq!(error.to_string(), "/proc/net/ip_vs_status:2: not understood: nonsense");
    }

    proptest::proptest! {
        #[test]
        fn no_change_of_bytes_panics(at in 0..USED.len(), byte: u8, cut in 0..USED.len()) {
            let mut bytes = USED.to_vec();
            bytes[at] = byte;
            let _ = Status::from_reader(&bytes[..]);
            let _ = Status::from_reader(&bytes[..cut]);
        }
    }
}
