//! The kernel tests, on booted kernels and on the running one.

use std::{
    io::{self, BufReader, Write},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use testbed::{
    Context as _, Error, Layout, Result,
    boot::{Boot, Job},
    kernels::{Installed, Kernel},
    ldirectord::Ldirectord,
    process,
    suites::Suite,
    tools::Tools,
};

use super::Tally;

/// How many kernels run side by side; each has one processor.
const SIDE_BY_SIDE: usize = 2;

/// When a kernel is given up.
const LIMIT: Duration = Duration::from_secs(70 * 60);

/// What all kernels share.
pub(super) struct Bench<'a> {
    pub(super) layout: &'a Layout,
    pub(super) tools: &'a Tools,
    pub(super) ldirectord: &'a Ldirectord,
    pub(super) suites: &'a [Suite],
    pub(super) filter: Option<&'a str>,
}

impl Bench<'_> {
    /// Boots the kernels and runs the suites on each.
    pub(super) fn on_kernels(&self, kernels: &[Kernel]) -> Result<Vec<Tally>> {
        let fetched = kernels.iter().map(|kernel| kernel.fetch(self.layout, self.tools));
        let installed: Vec<Installed> = fetched.collect::<Result<_>>()?;
        let job = self.job()?;
        let waiting = Mutex::new(installed.iter().enumerate());
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for place in 0..SIDE_BY_SIDE {
                let (waiting, done, job) = (&waiting, &done, &job);
                scope.spawn(move || {
                    loop {
                        let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                        let Some((turn, kernel)) = next else { return };
                        let tally = self.on_kernel(kernel, place, job);
                        if let Ok(mut done) = done.lock() {
                            done.push((turn, tally));
                        }
                    }
                });
            }
        });
        let mut done = done.into_inner().map_err(|_| Error::new("a kernel's thread died"))?;
        done.sort_by_key(|(turn, _)| *turn);
        Ok(done.into_iter().map(|(_, tally)| tally).collect())
    }

    fn on_kernel(&self, kernel: &Installed, place: usize, job: &Job) -> Tally {
        let mut tally = Tally::new(format!("kernel {}", kernel.release));
        tally.must_run = true;
        let name = kernel.kernel.to_string();
        let (mut lines, mut errors) =
            (Lines::new(&name, |line| tally.take_harness(line)), Lines::new(&name, |_| {}));
        let mut boot = Boot::new(self.layout, kernel, self.tools);
        boot.limit = LIMIT;
        boot.place = Some(place);
        let result = boot.run(job, &mut lines, &mut errors);
        lines.finish();
        errors.finish();
        tally.conclude(result);
        tally
    }

    /// On the running kernel, in a user namespace: root there and nothing outside.
    pub(super) fn on_host(&self) -> Result<Tally> {
        let mut tally = Tally::new("running kernel");
        let unshare = ["--user", "--map-root-user", "--net", "--mount"];
        let allowed = process::capture(Command::new("unshare").args(unshare).arg("true"))?;
        if !allowed.status.success() {
            let said = allowed.err();
            tally.skip(format!("no user namespaces here: {}", said.trim()), self.count()?);
            return Ok(tally);
        }
        let job = self.job()?.env("RSADM_KERNEL", "host");
        let mut command = Command::new("unshare");
        command.args(unshare).arg(&job.program).args(&job.arguments);
        command.env_clear().envs(&job.environment).stdout(Stdio::piped());
        let mut child = command.spawn().context(|| "cannot run unshare".into())?;
        if let Some(stdout) = child.stdout.take() {
            let mut lines = Lines::new("host", |line| tally.take_harness(line));
            let mut stdout = BufReader::new(stdout);
            io::copy(&mut stdout, &mut lines).context(|| "cannot read the results".into())?;
            lines.finish();
        }
        let status = child.wait().context(|| "cannot wait for unshare".into())?;
        tally.conclude(Ok(process::exit_code(status)));
        Ok(tally)
    }

    fn job(&self) -> Result<Job> {
        let suites =
            serde_json::to_string(self.suites).context(|| "cannot list the suites".into())?;
        let mut arguments = vec!["suites".to_owned(), suites];
        arguments.extend(self.filter.map(str::to_owned));
        let job = Job::new(self.layout.program("testbed")?, arguments, Some(self.tools))?;
        let job = job.env(Ldirectord::VARIABLE, self.ldirectord.root().display().to_string());
        let path = job.environment.get("PATH").cloned().unwrap_or_default();
        Ok(job.env("PATH", format!("{}:{path}", self.layout.programs().display())))
    }

    /// How many cases there are.
    fn count(&self) -> Result<u64> {
        let mut count = 0;
        for suite in self.suites {
            let mut list = Command::new(&suite.program);
            let filter: Vec<&str> = self.filter.into_iter().collect();
            let listed = process::capture(list.arg("--list").args(suite.filter(&filter)))?;
            let listed = listed.success()?;
            count += listed.out().lines().count() as u64;
        }
        Ok(count)
    }
}

/// Shows lines under the kernel's name, and gives each to `take`.
struct Lines<'a, F: FnMut(&str)> {
    name: &'a str,
    take: F,
    part: Vec<u8>,
}

impl<'a, F: FnMut(&str)> Lines<'a, F> {
    fn new(name: &'a str, take: F) -> Self {
        Self { name, take, part: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        println!("{:>5} | {text}", self.name);
        (self.take)(&text);
    }

    /// Takes a last line without an end.
    fn finish(mut self) {
        if !self.part.is_empty() {
            let last = std::mem::take(&mut self.part);
            self.line(&last);
        }
    }
}

impl<F: FnMut(&str)> Write for Lines<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        let Some(end) = self.part.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(bytes.len());
        };
        let rest = self.part.split_off(end + 1);
        let lines = std::mem::replace(&mut self.part, rest);
        for line in lines[..end].split(|&byte| byte == b'\n') {
            self.line(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
