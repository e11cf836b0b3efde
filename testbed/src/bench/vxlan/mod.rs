//! VXLAN: a hundred thousand entries of one device, beside bridge.

mod bare;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{ROUNDS, Row, measure, measure::times};
use crate::{Context, Result, namespace::Namespace};
pub(super) use bare::work;

/// Entries of the device.
const ENTRIES: u32 = 100_000;
/// One of a hundred of them leads elsewhere.
const CHANGED: u32 = ENTRIES / 100;
const DEVICE: &str = "vx0";

/// Runs every benchmark of VXLAN.
pub(super) fn rows(rsadm: &Path, bridge: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir().context(|| "cannot make a folder".into())?;
    let file = |name: &str, changed: u32| {
        let path = folder.path().join(name);
        fs::write(&path, script(changed)).context(|| "cannot write entries".into())?;
        Ok(path.to_string_lossy().into_owned())
    };
    let bench = Bench { rsadm, bridge, first: file("first", 0)?, second: file("second", CHANGED)? };
    let full = fresh("full")?;
    full.enter(|| measure::run(&mut bench.sync(&bench.first)))?;
    let list = full.enter(|| bench.list())?;
    Ok(vec![list, bench.append()?, full.enter(|| bench.change())?])
}

/// The entries as `bridge -batch` reads them; the first `changed` lead elsewhere.
fn script(changed: u32) -> String {
    (0..ENTRIES).fold(String::new(), |mut text, number| {
        let mac = bare::mac(number).map(|byte| format!("{byte:02x}")).join(":");
        let remote = bare::remote(number, if number < changed { 2 } else { 1 });
        // Writing to memory does not fail.
        _ = writeln!(text, "fdb append {mac} dev {DEVICE} dst {remote}");
        text
    })
}

/// A namespace with a device without entries.
fn fresh(name: &str) -> Result<Namespace> {
    let namespace = Namespace::new(&format!("rsadm-bench-{name}"))?;
    namespace.ip(&["link", "add", DEVICE, "type", "vxlan", "id", "1", "dstport", "8472"])?;
    Ok(namespace)
}

/// What to measure.
struct Bench<'a> {
    rsadm: &'a Path,
    bridge: &'a Path,
    /// Files of entries.
    first: String,
    second: String,
}

/// A program whose output goes into nothing.
fn quiet(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Bench<'_> {
    fn sync(&self, file: &str) -> Command {
        quiet(self.rsadm, &["vxlan", "fdb", "sync", file, "--dev", DEVICE])
    }

    fn list(&self) -> Result<Row> {
        let ours = || quiet(self.rsadm, &["vxlan", "fdb", "list", "--dev", DEVICE]);
        let mut bridge = quiet(self.bridge, &["fdb", "show", "dev", DEVICE]);
        let (mut limits, mut runs, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(measure::limit("vxlan", "list")?);
            runs.push(measure::run(&mut ours())?);
            peers.push(measure::run(&mut bridge)?);
        }
        Ok(Row {
            work: format!("list {ENTRIES} entries as text"),
            limit: Some(times(limits)),
            ours: times(runs),
            peer: Some(times(peers)),
            target: "<= 1.1",
            memory: Some(measure::memory(&mut ours())?),
        })
    }

    fn append(&self) -> Result<Row> {
        let (mut limits, mut ours, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(fresh("append")?.enter(|| measure::limit("vxlan", "append"))?);
            ours.push(fresh("append")?.enter(|| measure::run(&mut self.sync(&self.first)))?);
            let mut bridge = quiet(self.bridge, &["-batch", &self.first]);
            peers.push(fresh("append")?.enter(|| measure::run(&mut bridge))?);
        }
        let memory = fresh("append")?.enter(|| measure::memory(&mut self.sync(&self.first)))?;
        Ok(Row {
            work: format!("append {ENTRIES} entries from a file"),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some(times(peers)),
            target: "<= 1.2",
            memory: Some(memory),
        })
    }

    /// One of a hundred entries leads elsewhere, and back again before the next round.
    fn change(&self) -> Result<Row> {
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(measure::limit("vxlan", "sync")?);
            measure::run(&mut self.sync(&self.first))?;
            ours.push(measure::run(&mut self.sync(&self.second))?);
            measure::run(&mut self.sync(&self.first))?;
        }
        let memory = measure::memory(&mut self.sync(&self.second))?;
        measure::run(&mut self.sync(&self.first))?;
        Ok(Row {
            work: format!("sync {ENTRIES} entries of which {CHANGED} changed"),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: None,
            target: "",
            memory: Some(memory),
        })
    }
}
