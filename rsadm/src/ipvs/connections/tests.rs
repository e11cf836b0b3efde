use conntrack::Tuple;
use ipvs::Connections as Table;

use super::*;
use crate::ipvs::arguments::GroupBy;

const TITLE: &str = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n";

/// Three clients of two services and a firewall mark, and templates of two of them.
const ROWS: &str = "\
TCP 0A000002 9C41 0A000001 0050 0A090003 1F90 ESTABLISHED LOCAL      894
TCP 0A000002 9C42 0A000001 0050 0A090004 1F90 TIME_WAIT   LOCAL       60
TCP 0A000003 9C41 0A000001 0050 0A090003 1F90 ESTABLISHED SYNC       894
TCP 0A000002 0000 0A000001 0050 0A090003 1F90 ASSURED     LOCAL      300
UDP 0A000004 0035 0A000001 0035 0A090003 0035 UDP         LOCAL      299
IP  0A000004 0000 00000007 0000 0A090003 0000 NONE        LOCAL      300
TCP 2001:0db8:0000:0000:0000:0000:0000:0002 9C41 2001:0db8:0000:0000:0000:0000:0000:0001 0050 \
2001:0db8:0009:0000:0000:0000:0000:0003 1F90 ESTABLISHED LOCAL      894
";

fn arguments() -> Connections {
    Connections {
        numeric: true,
        persistent_conn: false,
        protocol: None,
        client: None,
        virtual_address: None,
        destination: None,
        state: vec![],
        origin: None,
        group_by: None,
        top: None,
        nat: false,
    }
}

fn listing(arguments: &Connections, format: Format, rows: &str) -> String {
    let file = format!("{TITLE}{rows}");
    let table = Table::from_reader(file.as_bytes()).expect("a title");
    let mut out = Vec::new();
    let connections = table.map(|connection| Ok(connection?));
    show(arguments, || Ok(Flows::of_a_snapshot(&[])), format, connections, &mut out)
        .expect("a listing");
    String::from_utf8(out).expect("text")
}

/// Numbers of the rows that a filter leaves, from 1.
fn left(arguments: &Connections) -> Vec<usize> {
    let rows: Vec<_> = ROWS.lines().collect();
    (1..=rows.len())
        .filter(|number| {
            let text = listing(arguments, Format::Ndjson, &format!("{}\n", rows[number - 1]));
            !text.is_empty()
        })
        .collect()
}

#[test]
fn connections_of_a_snapshot_have_its_flows() {
    let rows: Vec<_> = ROWS.lines().take(2).collect();
    let file = format!("{TITLE}{}\n", rows.join("\n"));
    let table = Table::from_reader(file.as_bytes()).expect("a title");
    let connections: Vec<_> = table.map(|connection| connection.expect("a row")).collect();
    let flow = |tuple: &str, zone: Option<u16>| {
        let (client, reply) = tuple.split_once(' ').expect("two ends");
        let (client, reply) = (client.parse().expect("an end"), reply.parse().expect("an end"));
        let original = Tuple::tcp(client, "10.0.0.1:80".parse().expect("an end"));
        let reply = Tuple::tcp("10.9.0.3:8080".parse().expect("an end"), reply);
        let mut flow = Flow::new(original, reply);
        flow.zone = zone;
        flow
    };
    // The second connection's flow is in a zone, where it is another packet's.
    let flows = vec![
        flow("10.0.0.2:40001 10.8.0.1:7001", None),
        flow("10.0.0.2:40002 10.8.0.1:7002", Some(7)),
    ];
    let arguments = Connections { nat: true, ..arguments() };
    let mut out = Vec::new();
    saved(&arguments, &connections, || Ok(&flows), Format::Table, &mut out).expect("a listing");
    let text = String::from_utf8(out).expect("text");
    let answered: Vec<_> = text.lines().map(|line| line.contains(" 10.8.0.1:700")).collect();
    assert_eq!(answered, [false, true, false], "{text}");
}

#[test]
fn filters() {
    let network = |text: &str| Some(text.parse::<crate::ipvs::network::Network>().expect(text));
    let states = |text: &str| text.split(',').map(|state| state.parse().expect(text)).collect();
    assert_eq!(left(&arguments()), [1, 2, 3, 4, 5, 6, 7]);
    let by = |change: &dyn Fn(&mut Connections)| {
        let mut arguments = arguments();
        change(&mut arguments);
        left(&arguments)
    };
    assert_eq!(by(&|it| it.protocol = Some(ipvs::Protocol::UDP)), [5]);
    assert_eq!(by(&|it| it.client = network("10.0.0.2")), [1, 2, 4]);
    assert_eq!(by(&|it| it.client = network("10.0.0.0/30")), [1, 2, 3, 4]);
    assert_eq!(by(&|it| it.virtual_address = network("10.0.0.1:53")), [5]);
    assert_eq!(by(&|it| it.virtual_address = network(":80")), [1, 2, 3, 4, 7]);
    assert_eq!(by(&|it| it.virtual_address = network("0.0.0.0/8")), [0; 0], "a mark is no address");
    assert_eq!(by(&|it| it.destination = network("10.9.0.4:8080")), [2]);
    assert_eq!(by(&|it| it.destination = network("2001:db8::/32")), [7]);
    assert_eq!(by(&|it| it.state = states("established")), [1, 3, 7]);
    assert_eq!(by(&|it| it.state = states("TIME_WAIT,udp")), [2, 5]);
    assert_eq!(by(&|it| it.origin = Some(Origin::Sync)), [3]);
    assert_eq!(
        by(&|it| {
            it.protocol = Some(ipvs::Protocol::TCP);
            it.destination = network("10.9.0.3");
            it.state = states("ESTABLISHED");
        }),
        [1, 3]
    );
}

#[test]
fn groups() {
    let by = |what| {
        let arguments = Connections { group_by: Some(what), ..arguments() };
        listing(&arguments, Format::Classic, ROWS)
    };
    assert_eq!(
        by(GroupBy::Client),
        "\
CONNECTIONS  TEMPLATES  CLIENT
          2          1  10.0.0.2
          1          1  10.0.0.4
          1          0  10.0.0.3
          1          0  2001:db8::2
"
    );
    assert_eq!(
        by(GroupBy::Dest),
        "\
CONNECTIONS  TEMPLATES  DESTINATION
          2          1  10.9.0.3:8080
          1          0  10.9.0.3:53
          1          0  10.9.0.4:8080
          1          0  [2001:db8:9::3]:8080
          0          1  10.9.0.3:0
"
    );
    assert_eq!(
        by(GroupBy::State),
        "\
CONNECTIONS  TEMPLATES  STATE
          3          0  ESTABLISHED
          1          0  TIME_WAIT
          1          0  UDP
          0          1  ASSURED
          0          1  NONE
"
    );
    assert_eq!(
        by(GroupBy::Service),
        "\
CONNECTIONS  TEMPLATES  SERVICE
          3          1  tcp://10.0.0.1:80
          1          0  tcp://[2001:db8::1]:80
          1          0  udp://10.0.0.1:53
          0          1  fwmark 7
"
    );
}

#[test]
fn the_largest_groups_for_programs() {
    let arguments = Connections { group_by: Some(GroupBy::Service), top: Some(1), ..arguments() };
    assert_eq!(
        listing(&arguments, Format::Ndjson, ROWS),
        "{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80,\"connections\":3,\
         \"templates\":1}\n"
    );
    assert_eq!(listing(&arguments, Format::Json, ""), "[]\n");
    for (by, first) in [
        (GroupBy::Client, "{\"client\":\"10.0.0.2\","),
        (GroupBy::Dest, "{\"destination\":{\"address\":\"10.9.0.3\",\"port\":8080},"),
        (GroupBy::State, "{\"state\":\"ESTABLISHED\","),
    ] {
        let arguments = Connections { group_by: Some(by), ..self::arguments() };
        let text = listing(&arguments, Format::Ndjson, ROWS);
        assert!(text.starts_with(first), "{text}");
    }
    let arguments = Connections { group_by: Some(GroupBy::Service), ..self::arguments() };
    assert!(listing(&arguments, Format::Ndjson, ROWS).contains("{\"fwmark\":7,\"connections\":0,"));
}

#[test]
fn for_programs() {
    let lines = listing(&arguments(), Format::Ndjson, ROWS);
    let mut lines = lines.lines();
    assert_eq!(
        lines.next(),
        Some(
            "{\"protocol\":\"tcp\",\"client\":{\"address\":\"10.0.0.2\",\"port\":40001},\
            \"virtual\":{\"address\":\"10.0.0.1\",\"port\":80},\
            \"destination\":{\"address\":\"10.9.0.3\",\"port\":8080},\"state\":\"ESTABLISHED\",\
            \"expires\":894,\"template\":false,\"origin\":\"local\"}"
        )
    );
    assert!(lines.nth(4).is_some_and(|line| {
        line.starts_with("{\"protocol\":0,") && line.contains("\"fwmark\":7,")
    }));
    let document = listing(&arguments(), Format::Json, ROWS);
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document.as_array().map(Vec::len), Some(7));
    let yaml = listing(&arguments(), Format::Yaml, ROWS);
    let yaml: serde_json::Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!(yaml, document);
}

#[test]
fn for_people() {
    let text = listing(&arguments(), Format::Table, ROWS);
    let mut lines = text.lines();
    assert_eq!(
        lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["PROTOCOL", "EXPIRES", "STATE", "CLIENT", "VIRTUAL", "DESTINATION", "ORIGIN"])
    );
    assert_eq!(
        lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec![
            "tcp",
            "894s",
            "ESTABLISHED",
            "10.0.0.2:40001",
            "10.0.0.1:80",
            "10.9.0.3:8080",
            "local"
        ])
    );
    assert!(text.contains("fwmark 7"));
    let classic = listing(&arguments(), Format::Classic, ROWS);
    assert_eq!(classic.lines().count(), 2 + 7);
    assert!(classic.starts_with("IPVS connection entries\npro expire state "));
}

#[test]
fn a_line_that_is_not_understood_is_told() {
    let file = format!("{TITLE}TCP nonsense\n");
    let table = Table::from_reader(file.as_bytes()).expect("a title");
    let connections = table.map(|connection| Ok(connection?));
    let flows = || Ok(Flows::of_a_snapshot(&[]));
    let shown = show(&arguments(), flows, Format::Ndjson, connections, &mut Vec::new());
    let failure = shown.expect_err("nonsense");
    assert_eq!(failure.status(), 1);
    assert!(failure.to_string().contains("/proc/net/ip_vs_conn_sync:2: not understood"));
}
