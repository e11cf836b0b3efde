//! `rsadm doctor` over snapshots of a cluster that is made up.

use std::process::Output;

use node::{Snapshot, testing};

#[path = "support/files.rs"]
mod files;

use files::{over, told, without_entry};

fn doctor(nodes: &[Snapshot], arguments: &[&str]) -> Output {
    over(nodes, "doctor", arguments)
}

#[test]
fn what_is_well_is_status_0() {
    let output = doctor(&testing::cluster(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        told(&output),
        "unknown  n120 conntrack: packets dropped: not collected\n\
         unknown  n121 conntrack: packets dropped: not collected\n\
         nothing is wrong; 2 checks lacked their input\n"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_mend() {
    let output = doctor(&without_entry(), &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stderr, b"");
    let text = told(&output);
    let expected = "\
error    n120 fdb: no forwarding entry on flannel.1 for ee:d6:38:55:d5:c7 (peer 10.244.3.0)  [fdb-missing]
         why  the device drops frames that no entry leads anywhere
         fix  bridge fdb replace ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.121
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("1 error; 2 checks lacked their input\n"), "{text}");
}

#[test]
fn programs_get_what_is_documented() {
    let value = |form: &str| {
        let output = doctor(&without_entry(), &["-o", form]);
        assert_eq!(output.status.code(), Some(3), "{form}");
        output.stdout
    };
    let json: serde_json::Value = serde_json::from_slice(&value("json")).expect("JSON");
    let finding = &json["findings"][0];
    for (key, is) in [
        ("severity", "error"),
        ("code", "fdb-missing"),
        ("node", "n120"),
        ("stage", "fdb"),
        ("subject", "flannel.1 ee:d6:38:55:d5:c7"),
        ("fix", "bridge fdb replace ee:d6:38:55:d5:c7 dev flannel.1 dst 172.16.20.121"),
    ] {
        assert_eq!(finding[key], is, "{key}");
    }
    assert_eq!(json["unknown"].as_array().map(Vec::len), Some(2));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&value("ndjson")).expect("JSON"), json);
    let yaml = String::from_utf8(value("yaml")).expect("text");
    assert!(yaml.contains("code: fdb-missing"), "{yaml}");
    let table = String::from_utf8(value("table")).expect("text");
    assert!(table.contains("fdb-missing"), "{table}");
}

#[test]
fn a_kernel_and_a_snapshot_are_not_both_examined() {
    let output = doctor(&testing::cluster(), &["--netns", "blue"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text, "rsadm: --netns says which kernel's tables, --snapshot none\n");
}
