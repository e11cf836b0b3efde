//! Rules with conditions that `ip` before 6.15 has no words for.

use std::net::IpAddr;

use node::Query;
use rsadm_netlink::{Bus, Connection, Error, Message, Options, Socket, now};
use testbed::random::Random;

const RTM_NEWRULE: u16 = 32;
const NLM_F_CREATE: u16 = 0x400;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
const FRA_DSCP: u16 = 25;
const FRA_FLOWLABEL: u16 = 26;
const FRA_FLOWLABEL_MASK: u16 = 27;
const FRA_SPORT_MASK: u16 = 28;
const FRA_DPORT_MASK: u16 = 29;
const FRA_DSCP_MASK: u16 = 30;

const TABLES: u32 = 5;
const RULES: u32 = 6;
const PORTS: [u16; 6] = [53, 80, 81, 443, 8080, 8880];

/// A link, and tables that each lead to another router.
pub(crate) const ROUTES: &str = "\
link add d0 type veth peer name d1
link set d1 up
link set d0 up
addr add 10.0.0.1/24 dev d0
addr add fd00::1/64 dev d0 nodad
route add default via 10.0.0.100 table 100
route add default via 10.0.0.101 table 101
route add default via 10.0.0.102 table 102
route add default via 10.0.0.103 table 103
route add default via 10.0.0.104 table 104
route add default via fd00::100 table 100
route add default via fd00::101 table 101
route add default via fd00::102 table 102
route add default via fd00::103 table 103
route add default via fd00::104 table 104
";

/// Adds rules of both families.
pub(crate) fn add(random: &mut Random) -> Result<(), Error> {
    let socket = Socket::open(Bus::Route, &Options::default())?;
    let mut connection = Connection::new(socket);
    for family in [2, 10] {
        for priority in 1..=RULES {
            let mut message = rule(random, family, priority);
            now(connection.request::<Error>(&mut message, |_| Ok(())))?;
        }
    }
    Ok(())
}

/// A rule that asks one of the tables (`struct fib_rule_hdr`).
fn rule(random: &mut Random, family: u8, priority: u32) -> Message {
    const FR_ACT_TO_TBL: u8 = 1;
    let mut message = Message::new(RTM_NEWRULE, NLM_F_CREATE);
    message.header(&[family, 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0]);
    message.put_u32(FRA_PRIORITY, priority).put_u32(FRA_TABLE, 100 + random.below(TABLES));
    if random.one_in(2) {
        let mask = random.pick(&[0x3f, 0x38, 0x07]);
        message.put_u8(FRA_DSCP, random.below(64) as u8 & mask).put_u8(FRA_DSCP_MASK, mask);
    }
    for (range, bits) in [(FRA_SPORT_RANGE, FRA_SPORT_MASK), (FRA_DPORT_RANGE, FRA_DPORT_MASK)] {
        // A mask of its own, which must cover the port; without one the kernel takes all bits.
        let mask = random.pick(&[0xffff, 0xffff, 0xfffe, 0x00ff, 0xff00]);
        let port = random.pick(&PORTS) & mask;
        if port != 0 && random.one_in(3) {
            message.put(range, [port, port].map(u16::to_ne_bytes).as_flattened());
            if mask != 0xffff {
                message.put_u16(bits, mask);
            }
        }
    }
    if family == 10 && random.one_in(4) {
        let label = random.pick(&[0, 1_u32]);
        message.put_be32(FRA_FLOWLABEL, label).put_be32(FRA_FLOWLABEL_MASK, 0xf_ffff);
    }
    message
}

/// A packet of this host.
pub(crate) fn query(random: &mut Random) -> Query {
    let to: IpAddr = if random.one_in(2) {
        [192, 0, 2, random.below(200) as u8].into()
    } else {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, random.below(200) as u16].into()
    };
    let ports = [random.pick(&PORTS), random.pick(&PORTS)];
    let tos = random.pick(&[0, 0, 0xb8, 0x28, 0x1c, 0xe0]);
    Query { tos, ..Query::to(to).of(17, ports[0], ports[1]) }
}
