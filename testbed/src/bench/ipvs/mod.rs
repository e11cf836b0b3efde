//! IPVS: tables of many services, beside ipvsadm.

mod bare;

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{ROUNDS, Row, measure, measure::times};
use crate::{Context, Error, Result, namespace::Namespace, process};
pub(super) use bare::{Ipvs, service_address, work};

/// Size of the table: services, and destinations of each.
const SERVICES: u32 = 10_000;
const DESTINATIONS: u32 = 10;
/// The classic tool restores this part of the table; all of it would take minutes.
const PEER_PART: u32 = 20;
/// How long the kernel takes to take apart a namespace with a full table.
const SETTLE: Duration = Duration::from_secs(2);
/// How often an empty table is listed in turn.
const STARTS: usize = 40;

/// Runs every benchmark of IPVS.
pub(super) fn rows(rsadm: &Path, ipvsadm: &Path) -> Result<Vec<Row>> {
    let bench = Bench::new(rsadm, ipvsadm)?;
    let full = Namespace::new("full")?;
    let start = full.enter(|| bench.start())?;
    let restore = bench.restore()?;
    full.enter(|| Ipvs::connect()?.restore(&Ipvs::table(0..SERVICES, DESTINATIONS)))?;
    let plain = full.enter(|| bench.plain())?;
    let statistics = full.enter(|| bench.statistics())?;
    Ok(vec![start, restore, plain, statistics])
}

/// Where and with what to measure.
struct Bench<'a> {
    rsadm: &'a Path,
    ipvsadm: &'a Path,
    folder: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    fn new(rsadm: &'a Path, ipvsadm: &'a Path) -> Result<Self> {
        let folder = tempfile::tempdir().context(|| "cannot make a folder".into())?;
        let bench = Self { rsadm, ipvsadm, folder };
        bench.write("all", SERVICES)?;
        bench.write("part", SERVICES / PEER_PART)?;
        Ok(bench)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a table in the format of `ipvsadm -S`.
    fn write(&self, name: &str, services: u32) -> Result<()> {
        let mut text = String::new();
        for service in 0..services {
            let virtual_address = bare::service_address(service);
            let _ = writeln!(text, "-A -t {virtual_address} -s rr");
            for destination in 0..DESTINATIONS {
                let address = bare::destination_address(service, destination);
                let _ = writeln!(text, "-a -t {virtual_address} -r {address} -m -w 1");
            }
        }
        fs::write(self.file(name), text).context(|| "cannot write a table".into())
    }

    /// A program whose output goes into nothing: what a file costs belongs to the file system.
    fn command(&self, program: &Path, arguments: &[&str], input: Option<&str>) -> Result<Command> {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stdin(match input {
            Some(name) => {
                Stdio::from(File::open(self.file(name)).context(|| "cannot read".into())?)
            }
            None => Stdio::null(),
        });
        Ok(command)
    }

    fn run(&self, program: &Path, arguments: &[&str], input: Option<&str>) -> Result<Duration> {
        measure::run(&mut self.command(program, arguments, input)?)
    }

    fn memory(&self, arguments: &[&str]) -> Result<u64> {
        measure::memory(&mut self.command(self.rsadm, arguments, None)?)
    }

    /// Process start, connecting, and an empty table.
    fn start(&self) -> Result<Row> {
        let list = ["ipvs", "list", "-n"];
        let (mut ours, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            ours.push(self.run(self.rsadm, &list, None)?);
            peers.push(self.run(self.ipvsadm, &["-L", "-n"], None)?);
        }
        Ok(Row {
            work: "start: list an empty table".to_owned(),
            limit: None,
            ours: times(ours),
            peer: Some(times(peers)),
            target: "<= 1",
            memory: Some(self.memory(&list)?),
        })
    }

    /// Each run has a namespace of its own: the kernel keeps deleted destinations for two minutes
    /// and searches them, one by one, for each that is added. It takes a namespace apart in the
    /// background, which would go to the account of the next run.
    fn restore(&self) -> Result<Row> {
        let file = self.file("all");
        let file = file.to_string_lossy();
        let restore = ["ipvs", "restore", &file];
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let fresh = |name| Namespace::new(&format!("{name}{round}"));
            thread::sleep(SETTLE);
            limits.push(once(&fresh("limit")?, SERVICES, || measure::limit("ipvs", "restore"))?);
            thread::sleep(SETTLE);
            ours.push(once(&fresh("ours")?, SERVICES, || self.run(self.rsadm, &restore, None))?);
        }
        let memory = once(&Namespace::new("memory")?, SERVICES, || self.memory(&restore))?;
        let peer = || self.run(self.ipvsadm, &["-R"], Some("part"));
        let part = once(&Namespace::new("peer")?, SERVICES / PEER_PART, peer)?;
        Ok(Row {
            work: "restore (ipvsadm: a 20th, x 20)".to_owned(),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some((part * PEER_PART).into()),
            target: "<= 1.5",
            memory: Some(memory),
        })
    }

    fn plain(&self) -> Result<Row> {
        self.compare("list -n", "plain", &["ipvs", "list", "-n"], &["-L", "-n"], "<= 1.3")
    }

    fn statistics(&self) -> Result<Row> {
        let ours = ["ipvs", "list", "-n", "--stats"];
        self.compare("list -n --stats", "destinations", &ours, &["-L", "-n", "--stats"], "<= 1.1")
    }

    fn compare(
        &self,
        work: &'static str,
        limit: &str,
        arguments: &[&str],
        peers: &[&str],
        target: &'static str,
    ) -> Result<Row> {
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(measure::limit("ipvs", limit)?);
            ours.push(self.run(self.rsadm, arguments, None)?);
        }
        let listed = process::capture(Command::new(self.rsadm).args(arguments))?.success()?;
        let lines = listed.out().lines().count();
        let least = (SERVICES * (DESTINATIONS + 1)) as usize;
        if lines < least {
            return Err(Error::new(format!("{work} printed {lines} lines, not {least}")));
        }
        Ok(Row {
            work: work.to_owned(),
            limit: Some(times(limits)),
            ours: times(ours),
            peer: Some(self.run(self.ipvsadm, peers, None)?.into()),
            target,
            memory: Some(self.memory(arguments)?),
        })
    }
}

/// Does work that fills the namespace's table with this many services, and empties it.
fn once<T: Send>(
    namespace: &Namespace,
    services: u32,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    namespace.enter(|| {
        let figure = work()?;
        let listed = Ipvs::connect()?.services()?.len();
        Ipvs::connect()?.flush()?;
        if listed == services as usize {
            return Ok(figure);
        }
        Err(Error::new(format!("{listed} services were restored, not {services}")))
    })
}
