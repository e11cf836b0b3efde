//! `rsadm trace` over snapshots of a cluster that is made up.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use node::{Network, Snapshot, testing};

#[path = "support/files.rs"]
mod files;

use files::{over, told, without_entry};

const TARGET: &str = "tcp://10.243.21.14:8880";

fn trace(nodes: &[Snapshot], arguments: &[&str]) -> Output {
    over(nodes, "trace", arguments)
}

#[test]
fn a_packet_that_is_delivered() {
    let output = trace(&testing::cluster(), &[TARGET, "--destination", "10.244.3.32"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        told(&output),
        "\
tcp://10.243.21.14:8880  from n120
n120      route         10.243.21.14 is this host's own
          service       tcp://10.243.21.14:8880, scheduler rr, its address on kube-ipvs0
          destination   10.244.3.32:80 masq, weight 1, picked
          nat           destination 10.243.21.14:8880 becomes 10.244.3.32:80 (IPVS)
          nat           source 10.243.21.14 becomes 10.244.5.0
          route         10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink
          neighbour     10.244.3.0 is ee:d6:38:55:d5:c7, permanent
          fdb           ee:d6:38:55:d5:c7 is behind 172.16.20.121
          vtep          flannel.1: VNI 1, UDP 8472, 5e:0a:9c:31:44:7b, up
          passes        1450 of flannel.1 and 50 of VXLAN fit the 1500 of eth0
          underlay      172.16.20.121 is 52:54:00:10:14:79, reachable
                      ▸ 52:54:00:10:14:78 > 52:54:00:10:14:79  udp 172.16.20.120:* > 172.16.20.121:8472  vni 1
                        5e:0a:9c:31:44:7b > ee:d6:38:55:d5:c7  tcp 10.244.5.0:* > 10.244.3.32:80
n121      passes        INPUT accepts it
          vtep          flannel.1: VNI 1, UDP 8472, ee:d6:38:55:d5:c7, up
          route         10.244.3.0/24 dev cni0 src 10.244.3.1
          passes        forwards; FORWARD accepts it
          neighbour     10.244.3.32 is behind veth332, to be resolved
pod-3-32  socket        10.244.3.32:80 listens
          answer        pod-3-32 → n121 → n120: tcp 10.243.21.14:8880 > 10.243.21.14:*
DELIVERED, and the answer too
"
    );
}

#[test]
fn a_packet_that_is_lost_is_told_with_the_place_and_the_mending() {
    let output = trace(&without_entry(), &[TARGET]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stderr, b"");
    let text = told(&output);
    let expected = "\
├─ 10.244.3.32:80  broken
│  n120      destination   10.244.3.32:80 masq, weight 1, one of 3
│            nat           destination 10.243.21.14:8880 becomes 10.244.3.32:80 (IPVS)
│            nat           source 10.243.21.14 becomes 10.244.5.0
│            route         10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink
│            neighbour     10.244.3.0 is ee:d6:38:55:d5:c7, permanent
│            fdb         ✗ no entry for ee:d6:38:55:d5:c7 (peer 10.244.3.0)
│                          shown by  bridge fdb get ee:d6:38:55:d5:c7 dev flannel.1 self
│                               fix  bridge fdb append ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.121
├─ 10.244.5.23:80  delivered
";
    assert!(text.contains(expected), "{text}");
    let verdict =
        "BROKEN on n120 at fdb flannel.1: no entry for ee:d6:38:55:d5:c7 (peer 10.244.3.0)\n";
    assert!(text.ends_with(verdict), "{text}");
}

#[test]
fn without_the_other_nodes_snapshot_it_says_which_to_collect() {
    let [first, _] = testing::cluster();
    let output = trace(&[first], &[TARGET]);
    assert_eq!(output.status.code(), Some(3));
    let verdict = "UNKNOWN on n120 at underlay: no snapshot of the node 172.16.20.121: collect one \
                   there\n";
    assert!(told(&output).ends_with(verdict), "{}", told(&output));
}

#[test]
fn programs_get_what_is_documented() {
    let value = |form: &str| {
        let output = trace(&without_entry(), &[TARGET, "-o", form]);
        assert_eq!(output.status.code(), Some(3), "{form}");
        output.stdout
    };
    let json: serde_json::Value = serde_json::from_slice(&value("json")).expect("JSON");
    assert_eq!(json["verdict"], "broken");
    assert_eq!(json["broken_at"]["code"], "fdb-missing");
    assert_eq!(json["broken_at"]["device"], "flannel.1");
    assert_eq!(json["paths"].as_array().map(Vec::len), Some(3));
    assert!(json.get("probe").is_none());
    let lines: serde_json::Value = serde_json::from_slice(&value("ndjson")).expect("JSON");
    assert_eq!(lines, json);
    let yaml = String::from_utf8(value("yaml")).expect("text");
    assert!(yaml.contains("verdict: broken"), "{yaml}");
}

#[test]
fn pictures_have_every_station() {
    for form in ["svg", "mermaid", "dot"] {
        let output = trace(&testing::cluster(), &[TARGET, "-o", form]);
        assert_eq!(output.status.code(), Some(0), "{form}");
        let text = told(&output);
        for station in ["n120", "n121", "flannel.1", "pod-3-32", "pod-5-23", "pod-5-24", "IPVS"] {
            assert!(text.contains(station), "{form} lacks {station}:\n{text}");
        }
    }
    let output = trace(&without_entry(), &[TARGET, "-o", "svg"]);
    let text = told(&output);
    let opened = text.matches('<').count();
    assert_eq!(opened, text.matches('>').count(), "every tag ends");
    assert!(text.contains("no entry for ee:d6:38:55:d5:c7"), "{text}");
}

#[test]
fn questions_that_make_no_sense_get_one_sentence() {
    let nodes = testing::cluster();
    let refused = |arguments: &[&str], says: &str| {
        let output = trace(&nodes, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(text, format!("rsadm: {says}\n"), "{arguments:?}");
        assert!(output.stdout.is_empty());
    };
    refused(
        &["moon"],
        "'moon' is not a target: write tcp://ADDRESS:PORT, udp://, sctp://, ADDRESS:PORT for TCP, or \
         a pod's address",
    );
    refused(
        &["10.9.9.9"],
        "10.9.9.9 is no address of n120, n121 or of their pods, and no route leads to it",
    );
    refused(
        &[TARGET, "--from", "10.9.9.9"],
        "no node or pod has the address 10.9.9.9 in the snapshots of n120, n121",
    );
    refused(
        &["tcp://10.9.9.9:80"],
        "no service tcp://10.9.9.9:80 on n120, n121; there are tcp://10.243.21.14:8880",
    );
    // Names are not resolved: a trace asks nobody.
    refused(
        &["tcp://web.example:80"],
        "'tcp://web.example:80' is not a target: write tcp://ADDRESS:PORT, udp://, sctp://, \
         ADDRESS:PORT for TCP, or a pod's address",
    );
    refused(
        &[TARGET, "--from", "nobody"],
        "no pod or node is called 'nobody'; there are n120, n121, pod-5-23, pod-5-24, pod-3-32, \
         pod-3-10",
    );
    refused(
        &[TARGET, "--destination", "10.244.3.99"],
        "10.244.3.99 is no destination of tcp://10.243.21.14:8880; it has 10.244.3.32:80, \
         10.244.5.23:80, 10.244.5.24:80",
    );
    refused(
        &[TARGET, "--destination", "x"],
        "'x' is not a destination: write ADDRESS or ADDRESS:PORT",
    );
    refused(&["10.244.3.32", "--probe"], "--probe needs a port: tcp://ADDRESS:PORT or udp://");
}

#[test]
fn a_port_that_the_service_does_not_have_is_broken() {
    let output = trace(&testing::cluster(), &["tcp://10.243.21.14:80"]);
    assert_eq!(output.status.code(), Some(3));
    let verdict = "BROKEN on n120 at service: no service tcp://10.243.21.14:80\n";
    assert!(told(&output).ends_with(verdict), "{}", told(&output));
}

#[test]
fn nodes_of_unrelated_clusters_are_not_mixed() {
    let [first, second] = testing::cluster();
    let stranger = Snapshot { name: "z1".to_owned(), network: Network::default(), ..second };
    let output = trace(&[first, stranger], &[TARGET]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).expect("text"),
        "rsadm: the snapshots of n120 and z1 do not belong together: neither is on a network of the \
         other, or knows an address of it\n"
    );
}

#[test]
fn pictures_are_of_traces_only() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
    let output = command.args(["ipvs", "list", "-o", "svg"]).output().expect("rsadm runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text, "rsadm: mermaid, dot and svg are pictures of `rsadm trace` only\n");
}

#[test]
fn a_snapshot_from_the_future_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("n120.json");
    testing::cluster()[0].save(&file).expect("a file");
    let text = fs::read_to_string(&file).expect("text");
    let newer = text.replacen("\"version\":1", "\"version\":99", 1);
    assert_ne!(newer, text);
    fs::write(&file, newer).expect("a file");
    for verb in [["trace", TARGET].as_slice(), &["doctor"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
        let output = command.args(verb).arg("--snapshot").arg(&file).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{verb:?}");
        let said = format!(
            "rsadm: {}: a snapshot from the future: its version is 99, and versions up to 1 are known \
             here\n  hint: a newer rsadm wrote it, and can read it\n",
            file.display()
        );
        assert_eq!(String::from_utf8(output.stderr).expect("text"), said, "{verb:?}");
    }
}

#[test]
fn a_file_that_is_no_snapshot_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = Path::new(directory.path()).join("n120.json");
    fs::write(&file, "{}").expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
    let output =
        command.args(["trace", TARGET, "--snapshot"]).arg(&file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("this is not a snapshot"), "{text}");
}
