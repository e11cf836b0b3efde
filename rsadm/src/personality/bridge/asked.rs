//! Commands: the object, and what its words ask for.

use vxlan::{EntryQuery, Verbatim};

use super::fdb::{self, Fdb};
use super::lookup::Lookup;
use super::mdb::{self, Mdb};
use super::stop::Stop;
use super::text;
use super::vni::VniCommand;
use super::words::{Words, matches};

/// What a command asks for.
#[derive(Debug)]
pub(super) enum Asked<'w> {
    Entries(fdb::Show),
    Entry(EntryQuery, fdb::Dynamic),
    Vnis(Option<u32>),
    Multicast(mdb::Show),
    Change(Verbatim),
    /// These words say what is listened to.
    Monitor(Words<'w>),
}

impl<'w> Asked<'w> {
    /// Reads a command.
    pub(super) fn read(mut words: Words<'w>, lookup: &mut Lookup<'_>) -> Result<Self, Stop> {
        let object = words.next().unwrap_or_default();
        let is = |whole| matches(object, whole);
        if is("link") {
            Err(Stop::not_here("link"))
        } else if is("fdb") {
            Ok(match Fdb::read(words, lookup)? {
                Fdb::Show(show) => Self::Entries(show),
                Fdb::Get(query, dynamic) => Self::Entry(query, dynamic),
                Fdb::Change(change) => Self::Change(change),
            })
        } else if is("mdb") {
            Ok(match Mdb::read(words, lookup)? {
                Mdb::Show(show) => Self::Multicast(show),
                Mdb::Change(change) => Self::Change(change),
            })
        } else if is("vlan") {
            Err(Stop::not_here("vlan"))
        } else if is("vni") {
            Ok(match VniCommand::read(words, lookup)? {
                VniCommand::Show(link) => Self::Vnis(link),
                VniCommand::Change(change) => Self::Change(change),
            })
        } else if is("monitor") {
            Ok(Self::Monitor(words))
        } else if is("help") {
            Err(text::usage())
        } else {
            Err(match Stop::unknown("Object", object, "") {
                Stop::Program(status, message) => Stop::Command(status, message),
                stop => stop,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use vxlan::{Entry, Flags, Flush, State, Vni, VniEntry};

    use super::*;
    use crate::personality::bridge::Anything;
    use crate::personality::bridge::words::Family;

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    /// What a line asks for, where every name but `nope` is that of link 7.
    fn read(line: &str) -> Result<Verbatim, String> {
        let words = words(line);
        let (mut links, mut directory) = (Anything, Anything);
        let mut lookup =
            Lookup { links: &mut links, directory: &mut directory, family: Family::Any };
        match Asked::read(Words(&words), &mut lookup) {
            Ok(Asked::Change(change)) => Ok(change),
            Ok(other) => Err(format!("{other:?}")),
            Err(Stop::Command(status, message) | Stop::Program(status, message)) => {
                Err(format!("{status} {}", String::from_utf8_lossy(&message).trim_end()))
            }
            Err(other) => Err(format!("{other:?}")),
        }
    }

    fn entry(to: &str) -> Entry {
        let mac = "02:00:00:00:00:01".parse().expect("an address");
        Entry::to(7, mac, to.parse().expect("an address"))
    }

    #[test]
    fn entries_of_bridge_and_of_vxlan() {
        let plain = "fdb add 02:00:00:00:00:01 dev vx1 dst 10.0.0.1";
        let mut expected = entry("10.0.0.1");
        assert_eq!(read(plain), Ok(Verbatim::Add(expected)));
        expected.state = State::STATIC;
        assert_eq!(read(&format!("{plain} static")), Ok(Verbatim::Add(expected)));
        expected.state = State::DYNAMIC;
        expected.flags = Flags::MASTER | Flags::STICKY;
        expected.vlan = Some(5);
        let line = format!("{plain} dynamic m sticky vlan 5").replace("add", "rep");
        assert_eq!(read(&line), Ok(Verbatim::Replace(expected)));
        let mut expected = entry("fe80::1");
        expected.remote.port = Some(53);
        expected.remote.vni = Vni::new(9);
        expected.remote.via = Some(7);
        expected.source_vni = Vni::new(0);
        let line = "f d to 2:0:0:0:0:1 dst fe80::1 port domain vni 9 via d0 src_vni 0 dev vx1";
        assert_eq!(read(line), Ok(Verbatim::Delete(expected)));
        let mut expected = entry("10.0.0.1");
        (expected.remote.address, expected.nexthop_group) = (None, Some(10));
        let line = "fdb app 02:00:00:00:00:01 dev vx1 nhid 10";
        assert_eq!(read(line), Ok(Verbatim::Append(expected)));
    }

    #[test]
    fn flushes_compare_bits_under_masks() {
        let flush = |line: &str| read(&format!("fdb flush dev vx1 {line}"));
        let both = State::STATIC_PERMANENT;
        let with = |state, state_mask| {
            Ok(Verbatim::Flush(Flush {
                link: 7,
                flags: Flags::SELF,
                state,
                state_mask,
                ..Flush::default()
            }))
        };
        assert_eq!(flush("permanent"), with(State::PERMANENT, State::PERMANENT));
        assert_eq!(flush("nopermanent"), with(State::empty(), State::PERMANENT));
        assert_eq!(flush("static"), with(State::NOARP, both));
        assert_eq!(flush("nostatic"), with(State::empty(), State::NOARP));
        assert_eq!(flush("dynamic"), with(State::empty(), both));
        assert_eq!(flush("nodynamic"), with(State::NOARP, State::NOARP));
        assert_eq!(flush("permanent static"), with(both, both));
        let flags = Flush {
            link: 7,
            port: Some(7),
            vlan: Some(5),
            flags: Flags::MASTER | Flags::STICKY,
            flags_mask: Flags::STICKY | Flags::USE,
            ..Flush::default()
        };
        let line = "master sticky noadded_by_user brport p0 vlan 5";
        assert_eq!(flush(line), Ok(Verbatim::Flush(flags)));
        assert!(flush("vni 5").is_err_and(|text| text.contains("\"vni\" is no condition")));
    }

    #[test]
    fn vnis_and_groups() {
        let vni = |number| Vni::new(number).expect("a VNI");
        let mut entry = VniEntry::new(7, vni(10), vni(12));
        entry.remote = Some([10, 0, 0, 1].into());
        let line = "vni add vni 10-12 remote 10.0.0.1 dev vxf";
        assert_eq!(read(line), Ok(Verbatim::AddVnis(7, vec![entry])));
        assert!(matches!(read("vni del dev v vni 1"), Ok(Verbatim::DeleteVnis(7, _))));
        let Ok(Verbatim::AddMulticast(group)) =
            read("mdb add dev br0 port p0 grp 239.1.1.1 src 10.0.0.1 permanent vid 5")
        else {
            panic!("no group")
        };
        assert_eq!((group.link, group.port, group.vlan, group.permanent), (7, 7, 5, true));
        assert_eq!(group.source, Some(Ipv4Addr::new(10, 0, 0, 1).into()));
        let gone = read("m del dev br0 port p0 grp 1:2:3:4:5:6 permanent");
        assert!(matches!(gone, Ok(Verbatim::DeleteMulticast(group)) if !group.permanent));
    }

    #[test]
    fn mistakes_and_their_statuses() {
        for (line, expected) in [
            ("foo", "255 Object \"foo\" is unknown, try \"bridge help\"."),
            ("fdb foo", "255 Command \"foo\" is unknown, try \"bridge fdb help\"."),
            ("fdb add dev x", "255 Device and address are required arguments."),
            ("fdb add z dev nope", "255 Invalid mac address z"),
            ("fdb add 1:2:3:4:5:6 dev nope", "255 Cannot find device \"nope\""),
            ("fdb add 1:2:3:4:5:6 via nope", "255 Cannot find device \"nope\""),
            (
                "fdb add 1:2:3:4:5:6 dst x",
                "1 Error: any valid address is expected rather than \"x\".",
            ),
            ("fdb add dev", "255 Command line is not complete. Try option \"help\""),
            ("fdb add a b", "255 Error: either \"to\" is duplicate, or \"b\" is a garbage."),
            ("vni add vni 1 vni 2", "255 Error: argument \"2\" is wrong: duplicate vni"),
            (
                "mdb add dev a port b",
                "255 Device, group address and port name are required arguments.",
            ),
            ("link", "1 bridge link is not part of rsadm: use the bridge of iproute2 for it"),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
    }

    /// Words that mean something, and others.
    fn any_word() -> impl Strategy<Value = String> {
        let known = "fdb|vni|mdb|monitor|add|append|replace|del|get|flush|show|dev|dst|port|vni\
            |src_vni|via|nhid|vlan|br|brport|state|self|master|use|sticky|static|permanent|dynamic\
            |router|grp|src|vid|to|remote|group|2:0:0:0:0:1|10\\.0\\.0\\.1|fe80::1|239\\.1\\.1\\.1\
            |vx1|nope|5|10-20|4789|.{0,3}";
        known.prop_filter("not empty", |word| !word.is_empty())
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(words in proptest::collection::vec(any_word(), 0..14)) {
            let _ = read(&words.join(" "));
        }

        #[test]
        fn every_entry_reads_back(
            mac: [u8; 6], to: std::net::IpAddr, port in 1_u16.., vni in 0_u32..1 << 24,
            vlan in 0_u16..0x8000, verb in 0_usize..4)
        {
            let mut entry = entry("10.0.0.1");
            entry.mac = vxlan::Mac(mac);
            entry.remote.address = Some(to);
            entry.remote.port = Some(port);
            (entry.remote.vni, entry.source_vni) = (Vni::new(vni), Vni::new(vni));
            entry.vlan = Some(vlan);
            let (name, expected) = [
                ("add", Verbatim::Add(entry)),
                ("append", Verbatim::Append(entry)),
                ("replace", Verbatim::Replace(entry)),
                ("delete", Verbatim::Delete(entry)),
            ][verb].clone();
            let line = format!(
                "fdb {name} {} dev vx1 dst {to} port {port} vni {vni} src_vni {vni} vlan {vlan}",
                entry.mac
            );
            prop_assert_eq!(read(&line), Ok(expected));
        }
    }
}
