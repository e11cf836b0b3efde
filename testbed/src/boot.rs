//! Boots a kernel around one command and relays what the command says.
//!
//! Three processes take part. The caller starts `testbed watch`, which starts the kernel and
//! outlives it: however the caller ends, the watcher ends the kernel and removes its files. Inside,
//! `testbed` is the first process (see [`crate::guest`]).

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{StatVfsMountFlags, statvfs},
    process::{Pid, Signal, getppid, getuid, kill_process_group},
    termios::tcgetwinsize,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde::{Deserialize, Serialize};

use crate::{Context, Error, Layout, Result, kernels::Installed, process, tools::Tools};

/// Modules that are there from the start; the kernel loads others when asked for.
const MODULES: &[&str] =
    &["ip_vs", "nf_conntrack_netlink", "vxlan", "dummy", "veth", "bridge", "br_netfilter"];
/// How often the watcher looks.
const TICK: Duration = Duration::from_millis(20);

/// A command to run in a booted kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The program's path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, whole.
    pub environment: BTreeMap<String, String>,
    /// Its working folder.
    pub folder: PathBuf,
}

impl Job {
    /// A job with the caller's environment, its folder, and the reference tools first on PATH.
    pub fn new(program: PathBuf, arguments: Vec<String>, tools: Option<&Tools>) -> Result<Self> {
        let mut environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        // Cargo's own, for libraries that nothing here uses.
        environment.remove("LD_LIBRARY_PATH");
        let own = environment.get("PATH").cloned().unwrap_or_default();
        let mut path = format!("{own}:/usr/sbin:/sbin:/usr/bin:/bin");
        if let Some(tools) = tools {
            let folder = tools.folder().display().to_string();
            path = format!("{folder}:{path}");
            environment.extend([
                ("XTABLES_LIBDIR".into(), tools.iptables_extensions().display().to_string()),
                ("RSADM_REFERENCE".into(), folder),
                ("RSADM_REFERENCE_IPVSADM".into(), tools.program("ipvsadm").display().to_string()),
            ]);
        }
        environment.insert("PATH".into(), path);
        let folder = std::env::current_dir().context(|| "cannot tell the folder".into())?;
        Ok(Self { program, arguments, environment, folder })
    }

    /// The job as a command of the running kernel.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(&self.environment);
        command.current_dir(&self.folder);
        command
    }

    /// Puts a folder of programs first on its PATH.
    pub fn with_programs(self, folder: &Path) -> Self {
        let path = self.environment.get("PATH").cloned().unwrap_or_default();
        self.env("PATH", format!("{}:{path}", folder.display()))
    }

    /// Sets one variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }
}

/// What the first process inside needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) job: Job,
    /// Run the job on the console, for a person.
    pub(crate) terminal: bool,
    /// The terminal's rows and columns.
    pub(crate) size: (u16, u16),
    /// The program that loads modules, for the kernel to call.
    pub(crate) modprobe: PathBuf,
    pub(crate) modules: Vec<String>,
    pub(crate) status: PathBuf,
    pub(crate) kernel: String,
}

/// What the watcher needs to know.
#[derive(Debug, Serialize, Deserialize)]
struct Watch {
    linux: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// Where the file that is the kernel's memory goes.
    memory: PathBuf,
    limit: Duration,
    terminal: bool,
    place: Option<usize>,
}

/// How to boot.
#[derive(Debug, Clone)]
pub struct Boot<'a> {
    /// Where the programs are.
    pub layout: &'a Layout,
    /// What boots.
    pub kernel: &'a Installed,
    /// The tools for inside.
    pub tools: &'a Tools,
    /// Memory in MiB.
    pub memory: u32,
    /// When the kernel is ended, done or not.
    pub limit: Duration,
    /// Its place among kernels that run at the same time, for each to have a processor of its own;
    /// `None` lets it use any.
    pub place: Option<usize>,
}

impl<'a> Boot<'a> {
    /// A boot with 1 GiB of memory and an hour of time.
    pub fn new(layout: &'a Layout, kernel: &'a Installed, tools: &'a Tools) -> Self {
        let limit = Duration::from_secs(3600);
        Self { layout, kernel, tools, memory: 1024, limit, place: Some(0) }
    }

    /// Runs the job, relays its two outputs, and answers its exit status.
    pub fn run(
        &self,
        job: &Job,
        stdout: &mut (impl Write + Send),
        stderr: &mut (impl Write + Send),
    ) -> Result<i32> {
        let folder = RunFolder::new()?;
        let mut child = self.start(job, &folder, false)?;
        let pipes = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let out = scope.spawn(|| relay(pipes.0, stdout));
            relay(pipes.1, stderr);
            drop(out.join());
        });
        self.finish(child, &folder)
    }

    /// Runs the job on this terminal.
    pub fn run_on_terminal(&self, job: &Job) -> Result<i32> {
        let folder = RunFolder::new()?;
        let child = self.start(job, &folder, true)?;
        self.finish(child, &folder)
    }

    fn start(&self, job: &Job, folder: &RunFolder, terminal: bool) -> Result<Child> {
        let testbed = self.layout.program("testbed")?;
        symlink(&testbed, folder.file("init")).context(|| "cannot link the init".into())?;
        let errand = Errand {
            job: job.clone(),
            terminal,
            size: tcgetwinsize(io::stdin()).map_or((0, 0), |size| (size.ws_row, size.ws_col)),
            modprobe: self.write_modprobe(folder)?,
            modules: MODULES.iter().map(|&module| module.to_owned()).collect(),
            status: folder.file("status"),
            kernel: self.kernel.kernel.to_string(),
        };
        folder.save("errand.json", &errand)?;
        let watch = Watch {
            linux: self.kernel.linux.clone(),
            arguments: self.kernel_arguments(folder, terminal),
            folder: folder.path().to_path_buf(),
            memory: self.memory_folder(folder),
            limit: self.limit,
            terminal,
            place: self.place,
        };
        folder.save("watch.json", &watch)?;
        let mut command = Command::new(&testbed);
        command.arg("watch").arg(folder.file("watch.json"));
        if terminal {
            command.stdin(Stdio::inherit());
        } else {
            // Its own group, so that Ctrl-C reaches the caller and leaves the watcher to clean up.
            command.process_group(0).stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        command.spawn().context(|| format!("cannot run {}", testbed.display()))
    }

    /// Real memory if it suffices: containers have little of it at `/dev/shm`.
    fn memory_folder(&self, folder: &RunFolder) -> PathBuf {
        let wanted = u64::from(self.memory) << 20;
        let suits = statvfs("/dev/shm").is_ok_and(|shm| {
            shm.f_bavail * shm.f_frsize >= wanted && !shm.f_flag.contains(StatVfsMountFlags::NOEXEC)
        });
        if suits { PathBuf::from("/dev/shm") } else { folder.path().to_path_buf() }
    }

    /// A modprobe that takes the kernel's own modules. Not below `/run`, which tests hide.
    fn write_modprobe(&self, folder: &RunFolder) -> Result<PathBuf> {
        let path = folder.file("modprobe");
        let modprobe = self.tools.program("modprobe").display().to_string();
        let modules = self.kernel.modules.display().to_string();
        let script =
            format!("#!/bin/sh\nexec {} -d {} \"$@\"\n", quoted(&modprobe), quoted(&modules));
        fs::write(&path, script)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The kernel's command line. Its console goes to the log, and the job talks through lines of
    /// its own: 1 for output (with 5 as input on a terminal), 2 for errors.
    fn kernel_arguments(&self, folder: &RunFolder, terminal: bool) -> Vec<String> {
        let mut arguments = vec![
            format!("mem={}M", self.memory),
            "rootfstype=hostfs".into(),
            "rw".into(),
            "quiet".into(),
            "panic=-1".into(),
            format!("init={}", folder.file("init").display()),
            format!("TESTBED_ERRAND={}", folder.file("errand.json").display()),
            format!("uml_dir={}/", folder.path().display()),
            "umid=uml".into(),
            "con=null".into(),
            "con0=null,fd:1".into(),
            if terminal { "con1=fd:5,fd:3".into() } else { "con1=null,fd:3".into() },
            "con2=null,fd:4".into(),
        ];
        // Kernels without it would hand the word to init.
        if self.kernel.kernel == crate::kernels::Kernel::V7_2 {
            arguments.push("seccomp=on".into());
        }
        arguments
    }

    /// Waits for the watcher and reads how the job ended.
    fn finish(&self, mut child: Child, folder: &RunFolder) -> Result<i32> {
        child.wait().context(|| "cannot wait for the kernel".into())?;
        let status = fs::read_to_string(folder.file("status")).unwrap_or_default();
        status.trim().parse().map_err(|_| {
            let log = fs::read_to_string(folder.file("log")).unwrap_or_default();
            // From the reason on; without one, the end.
            let lines: Vec<&str> = log.lines().collect();
            let reason = lines.iter().position(|line| line.contains("Kernel panic"));
            let tail = &lines[reason.unwrap_or(lines.len().saturating_sub(20))..];
            let tail = tail[..tail.len().min(20)].join("\n");
            Error::new(format!(
                "kernel {} ended before its command did; its last words:\n{tail}",
                self.kernel.kernel
            ))
        })
    }
}

/// Copies until the end, without holding anything back.
fn relay(from: Option<impl Read>, to: &mut impl Write) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 64 * 1024];
    // A reader that went away (a closed pipe) must not stop the job: the rest is dropped.
    let mut open = true;
    while let Ok(length) = from.read(&mut buffer) {
        if length == 0 {
            return;
        }
        open = open && to.write_all(&buffer[..length]).and_then(|()| to.flush()).is_ok();
    }
}

/// The folder of one run, removed with it. In the system's folder for such, because the kernel's
/// command line takes no blanks and its control socket no long path.
struct RunFolder(tempfile::TempDir);

impl RunFolder {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rsadm-uml-").tempdir();
        folder.map(Self).context(|| "cannot make a folder for the kernel".into())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn save(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.file(name);
        serde_json::to_vec(value)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&path, text))
            .context(|| format!("cannot write {}", path.display()))
    }
}

/// The watcher: runs the kernel and ends it when its time is over or the caller is gone.
pub fn watch(file: &Path) -> Result<()> {
    let caller = getppid();
    let text = fs::read(file).context(|| format!("cannot read {}", file.display()))?;
    let watch: Watch = serde_json::from_slice(&text).context(|| "cannot read the watch".into())?;
    if let Some(place) = watch.place {
        stay_on_one_processor(place);
    }
    let mut child = watch.kernel().spawn().context(|| {
        let program = if watch.terminal { "script (bsdutils)" } else { "sh" };
        format!("cannot run {program} to start the kernel")
    })?;
    let group = Pid::from_child(&child);
    let end = Instant::now() + watch.limit;
    loop {
        if child.try_wait().context(|| "cannot wait for the kernel".into())?.is_some() {
            return Ok(());
        }
        let orphaned = getppid() != caller;
        if orphaned || Instant::now() > end {
            // The group, because the kernel's processes are processes of this machine.
            let _ = kill_process_group(group, Signal::KILL);
            drop(child.wait());
        }
        if orphaned {
            drop(fs::remove_dir_all(&watch.folder));
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Error::new(format!(
                "the kernel was ended: its {} s were over",
                watch.limit.as_secs()
            )));
        }
        thread::sleep(TICK);
    }
}

/// Keeps this process and those that it starts on one processor. A kernel in user mode and the
/// processes inside are processes that hand over to each other at every system call, which takes
/// five times as long from one processor to another.
fn stay_on_one_processor(place: usize) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut processors = (0..CpuSet::MAX_CPU).filter(|&number| allowed.is_set(number)).cycle();
    let Some(processor) = processors.nth(place) else { return };
    let mut one = CpuSet::new();
    one.set(processor);
    // It is slower elsewhere, and works.
    let _ = sched_setaffinity(None, &one);
}

impl Watch {
    /// The kernel's process. The shell gives it the job's output as descriptors 3 to 5, and sends
    /// what the kernel itself says into the log.
    fn kernel(&self) -> Command {
        let log = self.folder.join("log");
        let script = "exec \"$@\" 5<&0 3>&1 4>&2 </dev/null >>\"$LOG\" 2>&1";
        let mut command = if self.terminal {
            // A terminal of its own: the kernel leaves the one it is given unusable.
            let words = std::iter::once(self.linux.display().to_string());
            let words: Vec<String> = words.chain(self.arguments.iter().cloned()).collect();
            let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
            let mut command = Command::new("script");
            command.args(["--quiet", "--return", "--command"]);
            command.arg(script.replace("\"$@\"", &line)).arg("/dev/null");
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).arg(&self.linux).args(&self.arguments);
            command.process_group(0);
            command
        };
        command.env("LOG", log).env("TMPDIR", &self.memory);
        command
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Refuses the running kernel to those who cannot use it.
pub fn require_root() -> Result<()> {
    if getuid().is_root() {
        return Ok(());
    }
    Err(Error::new("--kernel host needs root: run it with sudo, or boot a kernel"))
}

/// Runs the job on this machine's kernel, in namespaces that end with it.
pub fn run_on_host(job: &Job) -> Result<i32> {
    // What cannot be loaded may be built in; what is missing is found out where it is needed.
    drop(process::capture(Command::new("modprobe").arg("-a").args(MODULES)));
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let prepare = "mount -t tmpfs tmpfs /run && mkdir /run/netns && exec \"$@\"";
    command.args(["sh", "-c", prepare, "sh"]).arg(&job.program).args(&job.arguments);
    command.env_clear().envs(&job.environment).current_dir(&job.folder);
    let status = command.status().context(|| "cannot run unshare (util-linux)".into())?;
    Ok(process::exit_code(status))
}
