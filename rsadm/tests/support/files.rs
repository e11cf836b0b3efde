//! Runs of `rsadm` over snapshots of a cluster that is made up.

use std::process::{Command, Output};

use node::{Snapshot, testing};

/// Writes snapshots, and runs a command over them.
pub(crate) fn over(nodes: &[Snapshot], verb: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rsadm"));
    command.arg(verb).args(arguments);
    for node in nodes {
        let file = directory.path().join(format!("{}.json", node.name));
        node.save(&file).expect("a file");
        command.arg("--snapshot").arg(file);
    }
    command.output().expect("rsadm runs")
}

/// What a run wrote to its standard output.
pub(crate) fn told(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Without the forwarding entry for the other node.
pub(crate) fn without_entry() -> [Snapshot; 2] {
    let mut nodes = testing::cluster();
    nodes[0].network.entries.clear();
    nodes
}
