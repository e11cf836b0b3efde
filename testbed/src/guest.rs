//! The first process inside a booted kernel: prepares it, runs the errand, powers off.

use std::{
    ffi::CStr,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use rustix::{
    fs::{Mode, sync},
    mount::{MountFlags, mount},
    system::{RebootCommand, reboot, sethostname},
    termios::{OptionalActions, Winsize, tcdrain, tcgetattr, tcsetattr, tcsetwinsize},
};

use crate::{Context, Error, Result, boot::Errand, process};

/// The status of a job that could not be started, as shells have it.
const NOT_STARTED: i32 = 127;

/// Whether this process is the first one of a booted kernel.
pub fn is_first_process() -> bool {
    std::process::id() == 1 && std::env::var_os("TESTBED_ERRAND").is_some()
}

/// Runs the errand and powers off. A first process must never return.
pub fn main() -> ! {
    let errors = open_line("/dev/tty2");
    if let Err(error) = run() {
        if let Ok(mut line) = errors.as_ref() {
            drop(writeln!(line, "inside the kernel: {error}"));
            let _ = tcdrain(line);
        }
        eprintln!("inside the kernel: {error}");
    }
    sync();
    let _ = reboot(RebootCommand::PowerOff);
    loop {
        thread::park();
    }
}

fn run() -> Result<()> {
    let path = std::env::var_os("TESTBED_ERRAND").unwrap_or_default();
    let text = fs::read(&path).context(|| format!("cannot read {}", Path::new(&path).display()))?;
    let errand: Errand =
        serde_json::from_slice(&text).context(|| "cannot read the errand".into())?;
    let mut status = File::create(&errand.status).context(|| "cannot write the status".into())?;
    let code = prepare(&errand).and_then(|()| errand.run());
    let saved = write!(status, "{}", code.as_ref().unwrap_or(&NOT_STARTED));
    saved.and_then(|()| status.sync_all()).context(|| "cannot write the status".into())?;
    code.map(drop)
}

fn prepare(errand: &Errand) -> Result<()> {
    mount_at("proc", "/proc", None)?;
    mount_at("sysfs", "/sys", None)?;
    mount_at("tmpfs", "/run", Some(c"mode=755"))?;
    for folder in ["/run/netns", "/run/tmp", "/run/lock", "/dev/pts", "/dev/shm"] {
        fs::create_dir_all(folder).context(|| format!("cannot make {folder}"))?;
    }
    mount_at("devpts", "/dev/pts", Some(c"ptmxmode=666"))?;
    mount_at("tmpfs", "/dev/shm", None)?;
    fs::set_permissions("/run/tmp", fs::Permissions::from_mode(0o1777))
        .context(|| "cannot open /run/tmp to all".into())?;
    sethostname(b"rsadm-lab").context(|| "cannot name the machine".into())?;
    load_modules(errand)?;
    let mut loopback = Command::new("ip");
    loopback.env("PATH", errand.path()).args(["link", "set", "lo", "up"]);
    process::capture(&mut loopback)?.success()?;
    Ok(())
}

fn mount_at(kind: &str, target: &str, options: Option<&CStr>) -> Result<()> {
    mount(kind, target, kind, MountFlags::empty(), options)
        .context(|| format!("cannot mount {target}"))
}

/// Loads the modules, and tells the kernel how to load more.
fn load_modules(errand: &Errand) -> Result<()> {
    let path = errand.modprobe.display().to_string();
    fs::write("/proc/sys/kernel/modprobe", path).context(|| "cannot set up modprobe".into())?;
    let mut command = Command::new(&errand.modprobe);
    process::capture(command.arg("-a").args(&errand.modules))?.success().map(drop)
}

/// A line of the console that passes bytes as they are.
fn open_line(path: &str) -> Result<File> {
    let line = File::options()
        .read(true)
        .write(true)
        .open(path)
        .context(|| format!("cannot open {path}"))?;
    let raw = tcgetattr(&line).and_then(|mut settings| {
        settings.make_raw();
        tcsetattr(&line, OptionalActions::Now, &settings)
    });
    raw.context(|| format!("cannot set up {path}"))?;
    Ok(line)
}

impl Errand {
    fn path(&self) -> &str {
        self.job.environment.get("PATH").map_or("/usr/sbin:/usr/bin:/sbin:/bin", String::as_str)
    }

    fn run(&self) -> Result<i32> {
        rustix::process::umask(Mode::from_raw_mode(0o022));
        if self.terminal { self.run_on_console() } else { self.run_relayed() }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.job.environment).current_dir(&self.job.folder);
        command.env("TMPDIR", "/run/tmp").env("HOME", "/run").env("RSADM_KERNEL", &self.kernel);
        command
    }

    /// Through pipes, so that the job sees no terminal where the caller has none.
    fn run_relayed(&self) -> Result<i32> {
        let (out, errors) = (open_line("/dev/tty1")?, open_line("/dev/tty2")?);
        let mut command = self.command(&self.job.program);
        command.args(&self.job.arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().context(|| format!("cannot run {}", self.job.program.display()))?;
        let pipes = (child.stdout.take(), child.stderr.take());
        // Waits for the end of both outputs: what the job left running has its own outputs.
        let relays = [
            thread::spawn(move || relay(pipes.0, out)),
            thread::spawn(move || relay(pipes.1, errors)),
        ];
        let status = child.wait().context(|| "cannot wait for the job".into())?;
        for relay in relays {
            let done = relay.join().map_err(|_| Error::new("a relay died"))?;
            done.context(|| "cannot relay the output".into())?;
        }
        Ok(process::exit_code(status))
    }

    fn run_on_console(&self) -> Result<i32> {
        let console = || {
            File::options()
                .read(true)
                .write(true)
                .open("/dev/tty1")
                .context(|| "cannot open /dev/tty1".into())
        };
        let size = Winsize { ws_row: self.size.0, ws_col: self.size.1, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&console()?, size).context(|| "cannot size the console".into())?;
        let mut command = self.command(Path::new("setsid"));
        command.args(["--ctty", "--wait"]).arg(&self.job.program).args(&self.job.arguments);
        command.stdin(console()?).stdout(console()?).stderr(console()?);
        let status = command.status().context(|| "cannot run setsid (util-linux)".into())?;
        let _ = tcdrain(&console()?);
        Ok(process::exit_code(status))
    }
}

fn relay(from: Option<impl Read>, mut to: File) -> io::Result<()> {
    if let Some(mut from) = from {
        io::copy(&mut from, &mut to)?;
    }
    tcdrain(&to)?;
    Ok(())
}
