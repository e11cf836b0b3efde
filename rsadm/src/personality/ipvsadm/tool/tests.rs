//! The tool on a kernel of its own, which needs no privilege.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use ipvs::{
    Connection, Connections, Daemon, Destination, DestinationEntry, Error, Overview, Refused,
    Report, Request, Result, Role, Service, ServiceEntry, ServiceKey, ServiceOverview, Statistics,
    Timeouts, Version,
};

use super::*;
use crate::personality::ipvsadm::address::tests::Fixed;

const EEXIST: i32 = 17;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;

/// A table, and how many times changes were sent to it.
#[derive(Debug, Default)]
struct Table {
    services: Vec<(ServiceEntry, Vec<DestinationEntry>)>,
    timeouts: Timeouts,
    daemons: Vec<Daemon>,
    batches: Vec<usize>,
}

/// Shared, so that a test sees it while the tool has it.
#[derive(Clone, Debug, Default)]
struct Fake(Rc<RefCell<Table>>);

impl Table {
    fn position(&self, key: &ServiceKey) -> Option<usize> {
        self.services.iter().position(|(entry, _)| entry.service.key == *key)
    }

    /// Carries out a change; `Err` is the error number.
    fn change(&mut self, change: &Change) -> std::result::Result<(), i32> {
        match change {
            Change::AddService(service) => {
                if self.position(&service.key).is_some() {
                    return Err(EEXIST);
                }
                if service.scheduler == "nosuch" {
                    return Err(ENOENT);
                }
                self.services.push((entry(service.clone()), Vec::new()));
            }
            Change::DeleteService(key) => {
                let position = self.position(key).ok_or(ESRCH)?;
                self.services.remove(position);
            }
            Change::AddDestination(key, destination) => {
                let position = self.position(key).ok_or(ESRCH)?;
                let destinations = &mut self.services[position].1;
                if destinations.iter().any(|entry| entry.destination.address == destination.address)
                {
                    return Err(EEXIST);
                }
                destinations.push(destination_entry(*destination));
            }
            Change::Flush => self.services.clear(),
            Change::SetTimeouts(timeouts) => self.timeouts = *timeouts,
            Change::StartDaemon(daemon) => self.daemons.push(daemon.clone()),
            _ => {}
        }
        Ok(())
    }
}

fn entry(service: Service) -> ServiceEntry {
    ServiceEntry { service, statistics: Statistics::default() }
}

fn destination_entry(destination: Destination) -> DestinationEntry {
    DestinationEntry {
        destination,
        active_connections: 0,
        inactive_connections: 0,
        persistent_connections: 0,
        statistics: Statistics::default(),
    }
}

impl Kernel for Fake {
    fn services(&mut self) -> Result<Vec<ServiceEntry>> {
        Ok(self.0.borrow().services.iter().map(|(entry, _)| entry.clone()).collect())
    }

    fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry> {
        let table = self.0.borrow();
        match table.position(key) {
            Some(position) => Ok(table.services[position].0.clone()),
            None => Err(Refused::new(Request::ReadService(*key), ESRCH, None).into()),
        }
    }

    fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>> {
        let table = self.0.borrow();
        Ok(table.position(key).map(|at| table.services[at].1.clone()).unwrap_or_default())
    }

    fn overview(&mut self) -> Result<Overview> {
        let overview = |(service, destinations): &(ServiceEntry, Vec<DestinationEntry>)| {
            let destinations = destinations.iter().map(Into::into).collect();
            ServiceOverview { service: service.service.clone(), destinations }
        };
        Ok(self.0.borrow().services.iter().map(overview).collect())
    }

    fn timeouts(&mut self) -> Result<Timeouts> {
        Ok(self.0.borrow().timeouts)
    }

    fn daemons(&mut self) -> Result<Vec<Daemon>> {
        Ok(self.0.borrow().daemons.clone())
    }

    fn connections(&mut self) -> Result<Box<dyn Iterator<Item = Result<Connection>>>> {
        let table =
            b"Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n\
            TCP 0A000002 9C41 0A000001 0050 0A090003 1F90 ESTABLISHED     894\n";
        Ok(Box::new(Connections::from_reader(&table[..])?))
    }

    fn apply(&mut self, changes: &[Change]) -> Result<Report> {
        let mut table = self.0.borrow_mut();
        table.batches.push(changes.len());
        let mut report = Report::default();
        for (index, change) in changes.iter().enumerate() {
            match table.change(change) {
                Ok(()) => report.applied += 1,
                Err(errno) => {
                    report.refused.push((index, Refused::new(change.request(), errno, None)));
                }
            }
        }
        Ok(report)
    }
}

const INFO: Info = Info { version: Version(0x0001_0201), connection_table_size: 4096 };

/// What a run said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    status: u8,
    out: String,
    err: String,
}

fn run_words(fake: &Fake, words: &[Vec<u8>], input: impl Read) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = Tool::new(b"ipvsadm".to_vec(), fake.clone(), INFO, Fixed, &mut out, &mut err)
        .run(words, input);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { status, out: text(out), err: text(err) }
}

fn run(fake: &Fake, line: &str, input: &str) -> Said {
    let words: Vec<_> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
    run_words(fake, &words, input.as_bytes())
}

fn fake(script: &str) -> Fake {
    let fake = Fake::default();
    assert_eq!(
        run(&fake, "-R", script),
        Said { status: 0, out: String::new(), err: String::new() }
    );
    fake
}

const TABLE: &str = "\
-A -t 10.0.0.1:82 -s wrr -p 600 -M 255.255.255.0
-A -t 10.0.0.1:80
-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5
-a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i
-a -t 10.0.0.1:80 -r 10.1.1.4:80 -i --tun-type gue --tun-port 6080
-A -u 10.0.0.1:53 -s sh -b sh-fallback,sh-port -o
-A -u 10.0.0.1:5061 -s rr -p 60 --pe sip -o -b flag-1
-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -s rr -p 10 -M 48
-a -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -r [2001:db8:1111:2222:3333:4444:5555:7777]:65535 -i
-A -f 2 -6 -s rr
-A -f 4294967295 -s rr
";

#[test]
fn plain_listing() {
    let said = run(&fake(TABLE), "-Ln", "");
    assert_eq!(said.status, 0);
    assert_eq!(
        said.out,
        "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
FWM  -1 rr
TCP  10.0.0.1:80 wlc
  -> 10.1.1.1:8080                Masq    5      0          0         
  -> 10.1.1.4:80                  Tunnel  1      0          0         
  -> [2001:db8::99]:80            Tunnel  1      0          0         
TCP  10.0.0.1:82 wrr persistent 600 mask 255.255.255.0
UDP  10.0.0.1:53 sh (sh-fallback,sh-port) ops
UDP  10.0.0.1:5061 rr (flag-1) persistent 60 pe sip ops
TCP  [2001:db8:1111:2222:3333:4444:5555:6666]:65535 rr persistent 10 mask 48
  -> [2001:db8:1111:2222:3333:4444:5555:7777]:65535 Tunnel  1      0          0         
FWM  2 IPv6 rr
"
    );
}

#[test]
fn saved_lines_restore_the_same_table() {
    let saved = run(&fake(TABLE), "-Sn", "");
    assert!(saved.out.contains("-A -f -1 -s rr\n"), "{}", saved.out);
    assert!(saved.out.contains(
        "-a -t 10.0.0.1:80 -r 10.1.1.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n"
    ));
    assert_eq!(run(&fake(&saved.out), "-Sn", ""), saved);
}

#[test]
fn other_columns() {
    let table =
        fake("-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -x 100 -y 50");
    for (option, service, destination) in [
        (
            "--stats",
            "TCP  10.0.0.1:80                         0        0        0        0        0",
            "  -> 10.1.1.1:8080                       0        0        0        0        0",
        ),
        (
            "--rate",
            "TCP  10.0.0.1:80                         0        0        0        0        0",
            "  -> 10.1.1.1:8080                       0        0        0        0        0",
        ),
        (
            "--thresholds",
            "TCP  10.0.0.1:80 wlc",
            "  -> 10.1.1.1:8080                100        50         0          0         ",
        ),
        (
            "--persistent-conn",
            "TCP  10.0.0.1:80 wlc",
            "  -> 10.1.1.1:8080                1         0           0          0         ",
        ),
        (
            "--tun-info",
            "TCP  10.0.0.1:80 wlc",
            "  -> 10.1.1.1:8080                Masq    n/a           1      0          0         ",
        ),
    ] {
        let said = run(&table, &format!("-Ln {option}"), "");
        let lines: Vec<_> = said.out.lines().skip(3).collect();
        assert_eq!(lines, [service, destination], "{option}");
    }
}

#[test]
fn one_service_has_titles_and_no_version() {
    let table = fake(TABLE);
    let said = run(&table, "-Ln -f 2 -6", "");
    assert_eq!(said.out.lines().count(), 3);
    assert!(said.out.starts_with("Prot LocalAddress:Port Scheduler Flags\n"));
    let missing = run(&table, "-Ln -f 2", "");
    assert_eq!((missing.status, missing.err.as_str()), (1, "No such service\n"));
    assert_eq!(missing.out, "");
}

#[test]
fn settings_and_connections() {
    let table =
        fake("--set 900 120 300\n--start-daemon backup --syncid 7\n--start-daemon master\n");
    assert_eq!(run(&table, "-L --timeout", "").out, "Timeout (tcp tcpfin udp): 900 120 300\n");
    assert_eq!(
        run(&table, "-L --daemon", "").out,
        "master sync daemon (mcast=eth0, syncid=0)\nbackup sync daemon (mcast=eth0, syncid=7)\n"
    );
    assert_eq!(table.0.borrow().daemons[0].role, Role::Backup);
    assert_eq!(
        run(&table, "-Lnc", "").out,
        "\
IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:54  ESTABLISHED 10.0.0.2:40001     10.0.0.1:80        10.9.0.3:8080
"
    );
}

#[test]
fn mistakes_and_refusals_have_their_statuses() {
    let table = fake(TABLE);
    for (line, status, err) in [
        ("-A -t 10.0.0.1:80", 255, "Service already exists\n"),
        ("-A -t 10.0.0.9:80 -s nosuch", 255, "Scheduler or persistence engine not found\n"),
        ("-D -t 10.0.0.9:80", 255, "No such service\n"),
        ("-a -t 10.0.0.9:80 -r 10.1.1.1", 255, "Service not defined\n"),
        ("-L --bogus", 255, "--bogus: unknown option\n"),
        ("-A -t 80", 2, "illegal virtual server address[:port] specified\n"),
        ("-L -6", 2, "-6 used before -f\n\n"),
        ("-A -f -1", 2, "invalid fwmark value `-1' specified\n"),
        ("-n", 255, "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"),
    ] {
        let said = run(&table, line, "");
        assert_eq!((said.status, said.err.as_str()), (status, err), "{line}");
        assert_eq!(said.out, "", "{line}");
    }
}

#[test]
fn help_and_version_succeed() {
    let table = Fake::default();
    let version = run(&table, "-v --bogus", "");
    assert_eq!(version.status, 0);
    assert!(version.out.starts_with("ipvsadm v1.31 2019/12/24 (compiled with "));
    assert!(version.out.ends_with("IPVS v1.2.1)\n"));
    let help = run(&table, "-hL", "");
    assert_eq!(help.status, 0);
    assert!(help.out.starts_with(&version.out));
    assert!(help.out.contains("\nUsage: ipvsadm COMMAND"));
}

#[test]
fn a_restore_sends_neighbours_together_and_keeps_the_order() {
    let table = Fake::default();
    let said = run(
        &table,
        "-R",
        "-A -t 10.0.0.1:80\n\
         -A -t 10.0.0.1:80\n\
         -a -t 10.0.0.2:80 -r 10.1.1.1\n\
         -Sn\n\
         -A -t\n\
         -A -t 10.0.0.3:80\n",
    );
    assert_eq!(said.status, 0);
    assert_eq!(said.out, "-A -t 10.0.0.1:80 -s wlc\n");
    assert_eq!(said.err, "Service already exists\nService not defined\n-t: missing argument\n");
    assert_eq!(table.0.borrow().batches, [3, 1]);
}

#[test]
fn the_status_of_a_restore_is_that_of_the_last_line() {
    for (input, status) in [
        ("", 0),
        ("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n", 255),
        ("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n\n", 255),
        ("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n-A -t 10.0.0.1:81", 0),
        ("-A -t 10.0.0.1:80\n-A --bogus\n", 255),
        ("-A --bogus\n-A -t 10.0.0.1:80\n", 0),
        ("-A -t 10.0.0.1:80\nword\n-A -t 10.0.0.1:81\n", 255),
        ("-A -t 10.0.0.1:80\n-A -t 80\n-A -t 10.0.0.1:81\n", 2),
        ("-A -t 10.0.0.1:80\n-L -t 10.0.0.9:80\n-A -t 10.0.0.1:81\n", 1),
        ("-A -t 10.0.0.1:80\n-v\n-A -t 10.0.0.1:81\n", 0),
        ("-R\n-A -t 10.0.0.1:80\n", 255),
        ("-A -f -1\n", 0),
        ("-A -f 0\n", 2),
    ] {
        assert_eq!(run(&Fake::default(), "-R", input).status, status, "{input:?}");
    }
}

/// Input that comes line by line, and sees that the line before was carried out.
struct Slow<'a> {
    lines: Vec<&'a str>,
    next: usize,
    fake: Fake,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert_eq!(self.fake.0.borrow().services.len(), self.next);
        let Some(line) = self.lines.get(self.next) else { return Ok(0) };
        self.next += 1;
        buffer[..line.len()].copy_from_slice(line.as_bytes());
        Ok(line.len())
    }
}

#[test]
fn a_restore_does_not_wait_for_more_input() {
    let fake = Fake::default();
    let lines = vec!["-A -t 10.0.0.1:80\n", "-A -t 10.0.0.1:81\n", "-A -t 10.0.0.1:82\n"];
    let input = Slow { lines, next: 0, fake: fake.clone() };
    assert_eq!(run_words(&fake, &[b"-R".to_vec()], input).status, 0);
    assert_eq!(fake.0.borrow().batches, [1, 1, 1]);
}

/// Output that fails in a chosen way.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
    for (kind, status, complaint) in [
        (ErrorKind::BrokenPipe, 0, ""),
        (ErrorKind::StorageFull, 1, "cannot write to standard output: "),
    ] {
        let mut err = Vec::new();
        let name = b"ipvsadm".to_vec();
        let status_got = Tool::new(name, fake(TABLE), INFO, Fixed, Broken(kind), &mut err)
            .run(&[b"-Sn".to_vec()], io::empty());
        assert_eq!(status_got, status);
        assert!(String::from_utf8_lossy(&err).starts_with(complaint));
        assert_eq!(err.is_empty(), complaint.is_empty());
    }
}

/// Words that get past the first checks more often than chance.
fn word() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let known = proptest::sample::select(vec![
        "-A",
        "-E",
        "-D",
        "-C",
        "-Ln",
        "-Sn",
        "-Z",
        "-a",
        "-e",
        "-d",
        "--set",
        "-R",
        "-t",
        "-u",
        "--sctp-service",
        "-f",
        "-6",
        "-s",
        "-p",
        "-M",
        "-r",
        "-m",
        "-g",
        "-i",
        "-w",
        "-x",
        "-y",
        "--pe",
        "-o",
        "-b",
        "--tun-type",
        "--tun-port",
        "--tun-csum",
        "--start-daemon",
        "master",
        "--stop-daemon",
        "backup",
        "--mcast-group",
        "--syncid",
        "--stats",
        "--timeout",
        "-c",
        "-n",
        "10.0.0.1:80",
        "[::1]:80",
        "10.1.1.1",
        "7",
        "0",
        "-1",
        "4294967295",
        "rr",
        "sh-port",
        "gue",
        "ff02::1",
        "--",
        "-",
        "",
    ]);
    prop_oneof![
        9 => known.prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(1_u8..=255, 0..12),
    ]
}

proptest::proptest! {
    #[test]
    fn any_command_line_ends_with_a_known_status(
        words in proptest::collection::vec(word(), 1..9),
        input in proptest::collection::vec(word(), 0..20),
    ) {
        let input = input.join(&b' ');
        let said = run_words(&fake("-A -t 10.0.0.1:80\n"), &words, input.as_slice());
        proptest::prop_assert!(matches!(said.status, 0 | 1 | 2 | 255), "{:?}", said);
        // Whoever fails says why, and says nothing else.
        proptest::prop_assert!(said.status == 0 || !said.err.is_empty(), "{:?}", said);
    }

    #[test]
    fn any_input_of_a_restore_ends_with_a_known_status(input: Vec<u8>) {
        let said = run_words(&Fake::default(), &[b"-R".to_vec()], input.as_slice());
        proptest::prop_assert!(matches!(said.status, 0 | 1 | 2 | 255), "{:?}", said);
    }

    /// What `-S` prints of any service, `-R` takes back.
    #[test]
    fn every_service_comes_back(endpoint: SocketAddr, mark: u32, timeout in 0_u32..2_678_400) {
        let endpoint = SocketAddr::new(endpoint.ip(), endpoint.port().max(1));
        let mark = mark.max(1);
        let fake = fake(&format!(
            "-A -t {endpoint} -s rr{}\n-A -f {} -s wlc\n",
            if timeout == 0 { String::new() } else { format!(" -p {timeout}") },
            mark.cast_signed(),
        ));
        let saved = run(&fake, "-Sn", "");
        proptest::prop_assert_eq!(run(&self::fake(&saved.out), "-Sn", ""), saved);
    }
}

#[test]
fn errors_that_are_no_refusals_are_told() {
    /// Loses its connection.
    struct Gone;

    fn gone<T>() -> Result<T> {
        let source = io::Error::from_raw_os_error(105);
        Err(Error::File { action: "read", path: "/proc/net/ip_vs".into(), source })
    }

    impl Kernel for Gone {
        fn services(&mut self) -> Result<Vec<ServiceEntry>> {
            gone()
        }
        fn service(&mut self, _: &ServiceKey) -> Result<ServiceEntry> {
            gone()
        }
        fn destinations(&mut self, _: &ServiceKey) -> Result<Vec<DestinationEntry>> {
            gone()
        }
        fn overview(&mut self) -> Result<Overview> {
            gone()
        }
        fn timeouts(&mut self) -> Result<Timeouts> {
            gone()
        }
        fn daemons(&mut self) -> Result<Vec<Daemon>> {
            gone()
        }
        fn connections(&mut self) -> Result<Box<dyn Iterator<Item = Result<Connection>>>> {
            gone()
        }
        fn apply(&mut self, _: &[Change]) -> Result<Report> {
            gone()
        }
    }

    for (line, status, expected) in [
        ("-L", 1, "No buffer space available\n"),
        ("-S", 1, "No buffer space available\n"),
        ("-L --timeout", 1, "No buffer space available\n"),
        ("-Lc", 1, "cannot open file /proc/net/ip_vs_conn\n"),
        ("-C", 255, "No buffer space available\n"),
    ] {
        let words: Vec<_> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let name = b"ipvsadm".to_vec();
        let got = Tool::new(name, Gone, INFO, Fixed, &mut out, &mut err).run(&words, io::empty());
        assert_eq!((got, String::from_utf8_lossy(&err).as_ref()), (status, expected), "{line}");
    }
}
