//! Events, while both programs listen.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testbed::harness::{Context, Failure, Outcome};
use testbed::listeners::listeners;

use crate::pair::{Pair, Result, Tool, split};
use crate::tables::{ENTRIES, LINKS};

const PATIENCE: Duration = Duration::from_secs(20);

/// What happens while both listen.
const EVENTS: &str = "\
fdb add 02:00:00:00:00:91 dev vx1 dst 10.0.0.9
fdb add 02:00:00:00:00:92 dev vx1 dst 10.0.0.9 port 5 vni 77 via u0 static router extern_learn
fdb replace 02:00:00:00:00:91 dev vx1 dst 10.0.0.8
fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.9
fdb add 02:00:00:00:00:93 dev vx6 dst fe80::1 via u0
fdb add 02:00:00:00:00:93 dev vxe dst 10.0.0.9 src_vni 9 vni 8
fdb add 02:00:00:00:00:94 dev vx1 nhid 10
fdb add 02:00:00:00:00:95 dev u0
fdb add 02:00:00:00:00:96 dev p0 master vlan 1
fdb add 02:00:00:00:00:97 dev p0 master dynamic extern_learn
fdb del 02:00:00:00:00:91 dev vx1
fdb del 02:00:00:00:00:94 dev vx1
fdb del 02:00:00:00:00:95 dev u0
fdb del 02:00:00:00:00:96 dev p0 master vlan 1
fdb flush dev vx6
vni add vni 90 dev vxf
mdb add dev br0 port p0 grp 239.9.9.9 permanent
";

/// The last event, which ends the wait for all of them.
const LAST: &str = "fdb add 02:ff:ff:ff:ff:ff dev u1 self";

struct Listener {
    child: Child,
    output: std::path::PathBuf,
}

impl Listener {
    fn start(pair: &Pair<'_>, tool: Tool, line: &str) -> Result<Self> {
        let before = listening()?;
        let output = std::path::PathBuf::from(format!("/run/monitor-{tool:?}"));
        let mut command = pair.command(tool);
        command.args(split(line)).stdin(Stdio::null()).stderr(Stdio::piped());
        let child = command.stdout(std::fs::File::create(&output)?).spawn()?;
        let end = Instant::now() + PATIENCE;
        while listening()? == before {
            if Instant::now() > end {
                return Err(Failure::Failed(format!("{line} does not listen")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Names are read behind that.
        std::thread::sleep(Duration::from_millis(150));
        Ok(Self { child, output })
    }

    /// What it has said when the last event has come.
    fn end(mut self) -> Result<(String, String)> {
        let end = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(&self.output)?.contains("02:ff:ff:ff:ff:ff") {
            if Instant::now() > end {
                return Err(Failure::Failed("the last event does not come".into()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // An interrupt may be ignored: a shell starts what is to run in the background so.
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        let mut err = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut err)?;
        }
        Ok((std::fs::read_to_string(&self.output)?, err))
    }
}

/// How many sockets of rtnetlink listen in this namespace.
fn listening() -> Result<usize> {
    Ok(listeners("self")?.iter().filter(|it| it.bus == 0).count())
}

/// Lines in which the time of day is any time.
fn plain(text: &str) -> Vec<String> {
    let shape = |line: &str| match line.strip_prefix("Timestamp: ") {
        Some(time) => {
            let shape = time.split(' ').map(|word| word.replace(|c: char| c.is_ascii_digit(), "9"));
            let words: Vec<_> = shape.collect();
            // The last number has no zeros in front.
            format!("Timestamp: {} usec", words[..words.len().saturating_sub(2)].join(" "))
        }
        None => line.to_owned(),
    };
    text.lines().map(shape).collect()
}

pub(crate) fn changes(ctx: &Context) -> Outcome {
    for form in ["", "-s -t", "-j -p -d", "-c=always -o"] {
        let pair = Pair::new(ctx, LINKS, ENTRIES)?;
        let line = format!("{form} monitor fdb");
        let listeners = [
            Listener::start(&pair, Tool::Reference, &line)?,
            Listener::start(&pair, Tool::Ours, &line)?,
        ];
        // A link that comes later has a name, too.
        let later = "link add late type vxlan id 99 dstport 9999\nlink set late up\n";
        ctx.capture_with(ctx.reference("ip").args(["-batch", "-"]), later)?;
        let more = "fdb add 02:00:00:00:00:99 dev late dst 10.0.0.9\n";
        let happen = format!("{EVENTS}{more}{LAST}\n");
        pair.run(Tool::Reference, &["-force", "-batch", "-"], happen.as_bytes())?;
        let [reference, ours] = listeners;
        let (expected, got) = (reference.end()?, ours.end()?);
        ctx.check("there are events", expected.0.lines().count() > 5);
        let (expected_lines, got_lines) = (plain(&expected.0), plain(&got.0));
        ctx.equal(&format!("{line}: how many"), &expected_lines.len(), &got_lines.len());
        for (expected, got) in expected_lines.iter().zip(&got_lines) {
            ctx.equal(&line, expected, got);
        }
        ctx.equal(&format!("{line}: messages"), &expected.1, &got.1);
        let undo = "link del late\nlink del vx1\nlink del vx6\nlink del vxe\nlink del vxf\nlink del vxl\n\
            link del a'b<c\nlink del br0\nlink del br1\nlink del p0\nlink del q0\nlink del vxb\nlink del u0\n\
            netns del blue\nnexthop flush\n";
        ctx.capture_with(ctx.reference("ip").args(["-force", "-batch", "-"]), undo)?;
    }
    Ok(())
}
