use std::fmt::Write;
use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::Error;

const MIXED: &str = include_str!("../../tests/golden/7.2/mixed/ip_vs_conn");
const MIXED_ORIGIN: &str = include_str!("../../tests/golden/7.2/mixed/ip_vs_conn_sync");
const BACKUP: &str = include_str!("../../tests/golden/6.12/sync/ip_vs_conn_sync.backup");

/// Every capture, of each kernel.
const CAPTURES: [&str; 12] = [
    MIXED,
    MIXED_ORIGIN,
    BACKUP,
    include_str!("../../tests/golden/7.2/unused/ip_vs_conn"),
    include_str!("../../tests/golden/7.2/unused/ip_vs_conn_sync"),
    include_str!("../../tests/golden/7.2/sync/ip_vs_conn"),
    include_str!("../../tests/golden/7.2/sync/ip_vs_conn_sync.backup"),
    include_str!("../../tests/golden/6.12/unused/ip_vs_conn"),
    include_str!("../../tests/golden/6.12/unused/ip_vs_conn_sync"),
    include_str!("../../tests/golden/6.12/mixed/ip_vs_conn"),
    include_str!("../../tests/golden/6.12/mixed/ip_vs_conn_sync"),
    include_str!("../../tests/golden/6.12/sync/ip_vs_conn"),
];

const TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
const ORIGIN_TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n";

fn read(text: &str) -> Vec<Connection> {
    Connections::from_reader(text.as_bytes()).unwrap().collect::<Result<_>>().unwrap()
}

/// A table as the kernel writes it.
fn write(connections: &[Connection], columns: Columns) -> Vec<u8> {
    let title = if columns == Columns::Origin { ORIGIN_TITLE } else { TITLE };
    let mut text = title.as_bytes().to_vec();
    for connection in connections {
        text.extend(write_line(connection));
    }
    text
}

fn write_line(connection: &Connection) -> Vec<u8> {
    let mut text = String::new();
    match connection.protocol.0 {
        0 => text.push_str("IP "),
        1 => text.push_str("ICMP"),
        58 => text.push_str("ICMPv6"),
        6 | 17 | 132 => {
            let name = connection.protocol.name().unwrap().to_uppercase();
            write!(text, "{name:<3}").unwrap();
        }
        number => write!(text, "IP_{number}").unwrap(),
    }
    for end in [connection.client, connection.virtual_address, connection.destination] {
        match end.ip() {
            IpAddr::V4(address) => write!(text, " {:08X}", address.to_bits()).unwrap(),
            IpAddr::V6(address) => {
                let groups = address.segments().map(|group| format!("{group:04x}"));
                write!(text, " {}", groups.join(":")).unwrap();
            }
        }
        write!(text, " {:04X}", end.port()).unwrap();
    }
    write!(text, " {:<11}", connection.state).unwrap();
    match connection.origin {
        Some(Origin::Local) => text.push_str(" LOCAL "),
        Some(Origin::Sync) => text.push_str(" SYNC  "),
        None => {}
    }
    write!(text, " {:7}", connection.expires).unwrap();
    let mut bytes = text.into_bytes();
    if let Some(persistence) = &connection.persistence {
        bytes.extend(format!(" {} ", persistence.engine).bytes());
        bytes.extend(&*persistence.data);
    }
    bytes.push(b'\n');
    bytes
}

#[test]
fn captures_of_real_kernels_are_read_and_written_identically() {
    for capture in CAPTURES {
        let connections = read(capture);
        assert_eq!(connections.len(), capture.lines().count() - 1);
        let origin = capture.starts_with(ORIGIN_TITLE);
        let columns = if origin { Columns::Origin } else { Columns::Persistence };
        assert_eq!(String::from_utf8(write(&connections, columns)).unwrap(), capture);
        assert!(connections.iter().all(|connection| connection.origin.is_some() == origin));
    }
}

fn find(connections: &[Connection], client: &str) -> Connection {
    let client = client.parse().unwrap();
    let mut found = connections.iter().filter(|connection| connection.client == client);
    let connection = found.next().expect("is there").clone();
    assert_eq!(found.next(), None, "one has this client");
    connection
}

#[test]
fn entries_of_every_kind() {
    let connections = read(MIXED);
    assert_eq!(
        find(&connections, "10.0.0.2:40001"),
        Connection {
            protocol: Protocol::TCP,
            client: "10.0.0.2:40001".parse().unwrap(),
            virtual_address: "10.0.0.1:80".parse().unwrap(),
            destination: "10.9.0.3:8080".parse().unwrap(),
            state: ConnectionState::ESTABLISHED,
            expires: 894,
            origin: None,
            persistence: None,
        }
    );

    let sctp = find(&connections, "10.0.0.2:40060");
    assert_eq!((sctp.protocol, sctp.state), (Protocol::SCTP, ConnectionState::ESTABLISHED));
    let mixed = find(&connections, "10.0.0.2:40033");
    assert_eq!(mixed.destination, "[2001:db8:9::2]:82".parse().unwrap());
    assert!(mixed.virtual_address.is_ipv4());
    let ipv6 = find(&connections, "[2001:db8:9::fe]:40073");
    assert_eq!(ipv6.virtual_address, "[2001:db8:99::1]:8080".parse().unwrap());
    assert_eq!((ipv6.is_template(), ipv6.mark()), (false, None));

    let netmask = find(&connections, "10.0.0.0:0");
    assert!(netmask.is_template());
    assert_eq!(netmask.mark(), None);
    assert_eq!(connections.iter().filter(|connection| connection.is_template()).count(), 4);
}

#[test]
fn templates_tell_their_engine_or_their_mark() {
    let connections = read(MIXED);
    let with_data: Vec<_> =
        connections.iter().filter_map(|connection| connection.persistence.as_ref()).collect();
    assert_eq!(with_data.len(), 1);
    assert_eq!(&*with_data[0].engine, "sip");
    assert_eq!(with_data[0].data_lossy(), "a84b4c76e66710@pc33.example.com");

    let mark = find(&connections, "10.9.0.254:0");
    assert_eq!((mark.protocol, mark.mark()), (Protocol(0), Some(7)));
    let mark = find(&read(BACKUP), "[2001:db8:9::]:0");
    assert_eq!((mark.protocol, mark.mark()), (Protocol(0), Some(7)));
    assert!(mark.is_template());
}

#[test]
fn the_origin_is_in_its_own_file() {
    let local = read(MIXED_ORIGIN);
    assert!(local.iter().all(|connection| connection.origin == Some(Origin::Local)));
    assert_eq!(local.len(), read(MIXED).len());
    let received = read(BACKUP);
    assert_eq!(received.len(), 12);
    assert!(received.iter().all(|connection| connection.origin == Some(Origin::Sync)));
}

#[test]
fn data_of_an_engine_is_kept_byte_by_byte() {
    let mut text = TITLE.as_bytes().to_vec();
    text.extend(b"UDP 0A000002 0000 0A000001 13C5 0A090002 14E9 NONE             57 sip ");
    text.extend(b"  \xff\x00 two  words \n");
    let connection = Connections::from_reader(&text[..]).unwrap().next().unwrap().unwrap();
    let persistence = connection.persistence.unwrap();
    assert_eq!(&*persistence.data, b"  \xff\x00 two  words ");
    assert_eq!(persistence.data_lossy(), "  \u{fffd}\0 two  words ");
}

#[test]
fn a_file_that_is_no_connection_table_is_refused_at_once() {
    for text in ["", "\n", "Pro FromIP", "Prot LocalAddress:Port\n", "TCP 0A000002\n"] {
        let error = Connections::from_reader(text.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Line { line: 1, .. }), "{text:?}: {error}");
    }
}

#[test]
fn a_bad_line_is_an_error_in_its_place() {
    let good = "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       54";
    for bad in [
        "",
        "TCP",
        "XYZ 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       54",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       -1",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       4294967296",
        "TCP 0A000002 10000 0A000001 0050 0A090002 1F90 CLOSE_WAIT      54",
        "TCP 0A00002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       54",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 CLOSE_WAIT       54 sip",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 THE_STATE_THAT_IS_FAR_TOO_LONG 54",
        "TCP 0A000002 9C44 0A000001 0050 0A090002 1F90 \u{1b}[31m           54",
    ] {
        let text = format!("{TITLE}{good}\n{bad}\n{good}\n");
        let read: Vec<_> = Connections::from_reader(text.as_bytes()).unwrap().collect();
        assert_eq!(read.len(), 3, "{bad}");
        assert!(read[0].is_ok() && read[2].is_ok(), "{bad}");
        let error = read[1].as_ref().unwrap_err();
        assert!(matches!(error, Error::Line { line: 3, .. }), "{bad}: {error}");
    }
    let text = format!("{ORIGIN_TITLE}{good}\n");
    assert!(Connections::from_reader(text.as_bytes()).unwrap().next().unwrap().is_err());
}

#[test]
fn after_an_error_of_reading_there_is_nothing_more() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let reader = BufReader::new(MIXED.as_bytes().chain(Broken));
    let mut connections = Connections::from_reader(reader).unwrap();
    let rows = connections.by_ref().take_while(Result::is_ok).count();
    assert_eq!(rows, MIXED.lines().count() - 1);
    assert!(connections.next().is_none());
    let error = Connections::from_reader(BufReader::new(Broken)).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read /proc/net/ip_vs_conn: Input/output error (os error 5)"
    );
}

#[test]
fn states_are_compared_and_padded_as_text() {
    assert_eq!(ConnectionState::new("SYN_RECV"), Some(ConnectionState::SYN_RECV));
    assert_eq!(format!("{:<12}|", ConnectionState::NONE), "NONE        |");
    assert!(ConnectionState::new("CLOSE") < ConnectionState::new("CLOSE_WAIT"));
    let longest = "X".repeat(24);
    assert_eq!(ConnectionState::new(&longest).unwrap().as_str(), longest);
    for wrong in ["", " ", "A B", "É", "\0", &"X".repeat(25)] {
        assert_eq!(ConnectionState::new(wrong), None, "{wrong:?}");
    }
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(address, port)| SocketAddr::new(address, port))
}

prop_compose! {
    fn connection(columns: Columns)(
        protocol in any::<u16>(),
        ends in (address(), address(), address()),
        state in "[!-~]{1,24}",
        expires in any::<u32>(),
        sync in any::<bool>(),
        persistence in proptest::option::of(("[a-z]{1,16}", "[^\n]{0,255}")),
    ) -> Connection {
        Connection {
            protocol: Protocol(protocol),
            client: ends.0,
            virtual_address: ends.1,
            destination: ends.2,
            state: ConnectionState::new(&state).unwrap(),
            expires,
            origin: match columns {
                Columns::Origin if sync => Some(Origin::Sync),
                Columns::Origin => Some(Origin::Local),
                Columns::Persistence => None,
            },
            persistence: match columns {
                Columns::Origin => None,
                Columns::Persistence => persistence.map(|(engine, data)| PersistenceData {
                    engine: engine.into(),
                    data: data.into_bytes().into(),
                }),
            },
        }
    }
}

proptest! {
    #[test]
    fn what_the_kernel_would_write_is_read_back(
        table in prop_oneof![
            proptest::collection::vec(connection(Columns::Origin), 0..9)
                .prop_map(|table| (table, Columns::Origin)),
            proptest::collection::vec(connection(Columns::Persistence), 0..9)
                .prop_map(|table| (table, Columns::Persistence)),
        ],
    ) {
        let (table, columns) = table;
        let text = write(&table, columns);
        let read: Vec<_> =
            Connections::from_reader(&text[..]).unwrap().collect::<Result<_>>().unwrap();
        prop_assert_eq!(read, table);
    }

    #[test]
    fn a_prefix_gives_a_prefix_and_says_that_it_was_cut(
        which in 0..CAPTURES.len(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = CAPTURES[which];
        let cut = cut.index(text.len());
        let whole = read(text);
        let Ok(connections) = Connections::from_reader(&text.as_bytes()[..cut]) else {
            prop_assert!(cut <= text.find('\n').unwrap());
            return Ok(());
        };
        let (rows, errors): (Vec<_>, Vec<_>) = connections.partition(Result::is_ok);
        let rows: Vec<_> = rows.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(&rows[..], &whole[..rows.len()]);
        prop_assert_eq!(errors.len(), usize::from(!text[..cut].ends_with('\n')));
    }

    #[test]
    fn no_bytes_panic(
        which in 0..CAPTURES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = CAPTURES[which].as_bytes().to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(connections) = Connections::from_reader(&bytes[..]) {
            prop_assert!(connections.count() <= bytes.len());
        }
    }
}
