//! Files that are whole, and files that are not.

use proptest::prelude::*;

use super::*;
use crate::Part;

/// A snapshot of the lab's n120 with all that there is, as version 1 wrote it.
const GOLDEN: &[u8] = include_bytes!("../../tests/golden/n120.v1.json");

fn golden() -> Snapshot {
    Snapshot::read_from(GOLDEN, "n120").expect("a snapshot")
}

fn text(snapshot: &Snapshot) -> Vec<u8> {
    let mut text = Vec::new();
    snapshot.write_to(&mut text).expect("written");
    text
}

fn problem(bytes: &[u8]) -> String {
    Snapshot::read_from(bytes, "n120").expect_err("no snapshot").to_string()
}

#[test]
fn version_1_is_read() {
    let snapshot = golden();
    assert_eq!(snapshot.name, "n120");
    assert!(snapshot.network.link_named("flannel.1").is_some_and(|link| link.base.vxlan.is_some()));
    assert!(snapshot.network.routes.len() > 10 && snapshot.network.rules.len() == 5);
    assert!(!snapshot.network.entries.is_empty() && !snapshot.network.neighbours.is_empty());
    let balancer = snapshot.balancer.get().expect("services");
    assert_eq!(balancer.services.len(), 1);
    assert_eq!(balancer.services[0].destinations.len(), 3);
    assert!(balancer.connections.get().is_some_and(|connections| !connections.is_empty()));
    let tracking = snapshot.tracking.get().expect("flows");
    assert!(tracking.flows.get().is_some_and(|flows| !flows.is_empty()));
    assert_eq!(snapshot.pods.get().map(Vec::len), Some(2));
    assert!(snapshot.netfilter.iptables.get().is_some_and(|text| text.contains("KUBE-SERVICES")));
}

#[test]
fn what_is_written_is_read_and_always_the_same() {
    let snapshot = golden();
    let first = text(&snapshot);
    assert_eq!(Snapshot::read_from(&*first, "n120").expect("a snapshot"), snapshot);
    assert_eq!(text(&snapshot.clone()), first);
    assert!(first.starts_with(br#"{"format":"rsadm-snapshot","version":1,"snapshot":{"name":"#));
    assert!(first.ends_with(b"}\n"));
}

#[test]
fn names_say_how_files_are_compressed() {
    let snapshot = golden();
    let directory = tempfile::tempdir().expect("a directory");
    let mut sizes = Vec::new();
    for name in ["n120.json", "n120.json.gz", "n120.json.zst"] {
        let path = directory.path().join(name);
        snapshot.save(&path).expect("written");
        assert_eq!(Snapshot::load(&path).expect("a snapshot"), snapshot, "{name}");
        sizes.push(std::fs::metadata(&path).expect("a file").len());
    }
    assert!(sizes[1] * 3 < sizes[0] && sizes[2] * 3 < sizes[0], "{sizes:?}");
    // Whatever the name says then, the bytes tell.
    let renamed = directory.path().join("renamed");
    std::fs::rename(directory.path().join("n120.json.zst"), &renamed).expect("renamed");
    assert_eq!(Snapshot::load(&renamed).expect("a snapshot"), snapshot);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Snapshot::load("/nonexistent/n120.json").expect_err("no file");
    let expected = "cannot read /nonexistent/n120.json: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), expected);
    let error = golden().save("/nonexistent/n120.json").expect_err("no directory");
    assert!(error.to_string().starts_with("cannot write /nonexistent/n120.json: "));
}

#[test]
fn what_is_no_snapshot_is_refused() {
    assert_eq!(problem(b"[1, 2]"), "n120: this is not a snapshot");
    assert_eq!(problem(b"{}"), "n120: this is not a snapshot");
    assert_eq!(problem(b""), "n120: the snapshot is cut short");
    let other = br#"{"format": "rsadm", "version": 1, "snapshot": {}}"#;
    assert_eq!(problem(other), "n120: this is not a snapshot");
    assert!(problem(b"ELF\x01\x02").starts_with("n120: this is not a snapshot, or damaged: "));
    let old = br#"{"format": "rsadm-snapshot", "version": 1, "snapshot": {"name": 7}}"#;
    let told = problem(old);
    assert!(told.starts_with("n120: the snapshot is damaged: invalid type: integer `7`"), "{told}");
}

#[test]
fn a_snapshot_from_the_future_is_refused() {
    let told = problem(br#"{"format": "rsadm-snapshot", "version": 2, "snapshot": {"nodes": []}}"#);
    let expected = "n120: a snapshot from the future: its version is 2, and versions up to 1 are \
        known here";
    assert_eq!(told, expected);
    // Even if it could be read.
    let text = String::from_utf8(GOLDEN.to_vec()).expect("text");
    let later = text.replacen(r#""version":1"#, r#""version":9"#, 1);
    assert!(problem(later.as_bytes()).contains("its version is 9"));
    let never = text.replacen(r#""version":1"#, r#""version":0"#, 1);
    assert_eq!(problem(never.as_bytes()), "n120: there never was a version 0");
}

#[test]
fn fields_that_are_new_or_missing_are_no_error() {
    let text = String::from_utf8(GOLDEN.to_vec()).expect("text");
    let newer = text.replacen(r#""snapshot":{"#, r#""snapshot":{"flux":{"a":[1]},"#, 1);
    assert_eq!(Snapshot::read_from(newer.as_bytes(), "n120").expect("a snapshot"), golden());
    let least = r#"{"format":"rsadm-snapshot","version":1,
        "snapshot":{"name":"n1","kernel":"6.1","taken_at":1,"network":{}}}"#;
    let least = Snapshot::read_from(least.as_bytes(), "n1").expect("a snapshot");
    assert_eq!(least.balancer, Part::Unknown("not collected".to_owned()));
    assert!(least.network.links.is_empty());
}

#[test]
fn more_than_a_snapshot_can_be_is_refused() {
    let zeros = || io::repeat(b' ').take(LITTLE + (1 << 20));
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut zeros(), &mut bomb).expect("compressed");
    let bomb = bomb.finish().expect("compressed");
    assert!(bomb.len() < 1 << 20);
    assert_eq!(problem(&bomb), "n120: this is more data than a snapshot can be");
    let bomb = ruzstd::encoding::compress_to_vec(zeros(), CompressionLevel::Fastest);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(problem(&bomb), "n120: this is more data than a snapshot can be");
}

#[test]
fn compressed_files_that_are_cut_short_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["n120.json.gz", "n120.json.zst"] {
        let path = directory.path().join(name);
        golden().save(&path).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        for length in [3, 5, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(Snapshot::read_from(&bytes[..length], "n120").is_err(), "{name} {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_part_of_a_snapshot_is_none(length in 0..GOLDEN.len() - 2) {
        let told = problem(&GOLDEN[..length]);
        prop_assert_eq!(told, "n120: the snapshot is cut short");
    }

    #[test]
    fn a_damaged_byte_is_found_or_harmless(at in 0..GOLDEN.len(), byte: u8) {
        let mut bytes = GOLDEN.to_vec();
        bytes[at] = byte;
        if let Err(error) = Snapshot::read_from(&*bytes, "n120") {
            prop_assert!(error.to_string().starts_with("n120: "));
        }
    }

    #[test]
    fn a_damaged_compressed_byte_is_found_or_harmless(at: prop::sample::Index, byte: u8, gzip: bool) {
        let packing = if gzip { Packing::Gzip } else { Packing::Zstandard };
        let mut bytes = golden().pack(Vec::new(), packing).expect("compressed");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Err(error) = Snapshot::read_from(&*bytes, "n120") {
            prop_assert!(error.to_string().starts_with("n120: "));
        }
    }
}
