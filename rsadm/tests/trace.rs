//! `rsadm trace` over snapshots of a cluster that is made up.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use node::{Snapshot, testing};

/// Writes snapshots, and runs a trace over them.
fn trace(directory: &Path, nodes: &[Snapshot], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
    command.arg("trace").args(arguments);
    for node in nodes {
        let file = directory.join(format!("{}.json", node.name));
        node.save(&file).expect("a file");
        command.arg("--snapshot").arg(file);
    }
    command.output().expect("rsadm runs")
}

#[test]
fn scratch() {
    let directory = Path::new("/tmp/tracedemo");
    fs::create_dir_all(directory).unwrap();
    let nodes = testing::cluster();
    let out = trace(directory, &nodes, &["tcp://10.243.21.14:8880"]);
    println!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let mut nodes = testing::cluster();
    nodes[0].network.entries.clear();
    nodes[0].name = "b120".into();
    nodes[1].name = "b121".into();
    let out = trace(directory, &nodes, &["tcp://10.243.21.14:8880"]);
    println!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
