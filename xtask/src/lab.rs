//! `cargo xtask lab`: the cluster on a kernel, to look at.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use testbed::{
    Error, Layout, Result,
    boot::{Boot, Job, require_root, run_on_host},
    lab::{Fault, Variant},
    tools::Tools,
};

use crate::{Choice, cargo, choice};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which kernel: 6.1, 6.12, 7.2, or host (the running one: root, ip_vs)
    #[arg(long, default_value = "6.12", value_parser = choice)]
    kernel: Choice,
    /// Which cluster: vxlan, three-nodes, ipv6, direct, dr, udp (docs/lab.md says what they are)
    #[arg(long, value_name = "NAME", default_value_t = Variant::Vxlan)]
    variant: Variant,
    /// Break this once all is well (docs/lab.md lists the faults)
    #[arg(long = "break", value_name = "FAULT", value_delimiter = ',', value_parser = Fault::find)]
    faults: Vec<&'static Fault>,
    /// On which node a command or a shell runs
    #[arg(long, default_value_t = 120)]
    node: u8,
    /// Give a shell on the node
    #[arg(long, conflicts_with = "command")]
    shell: bool,
    /// What to run on the node instead of the tour; rsadm is on PATH
    #[arg(last = true)]
    command: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<i32> {
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    for fault in &arguments.faults {
        if let Some(lack) = fault.lacks_in(arguments.variant) {
            return Err(Error::new(lack));
        }
    }
    if arguments.shell && !on_terminal {
        return Err(Error::new("--shell needs a terminal; to run a command: lab -- COMMAND"));
    }
    cargo::build(&["rsadm", "testbed"])?;
    let layout = Layout::of_this_program()?;
    let Choice::Boot(kernel) = arguments.kernel else {
        return arguments.on_host(&layout);
    };
    let tools = Tools::fetch(&layout)?;
    let job = arguments.job(&layout, Some(&tools))?;
    let kernel = kernel.fetch(&layout, &tools)?;
    let boot = Boot::new(&layout, &kernel, &tools);
    let interactive = arguments.shell || !arguments.command.is_empty();
    if on_terminal && interactive {
        boot.run_on_terminal(&job)
    } else {
        boot.run(&job, &mut io::stdout(), &mut io::stderr())
    }
}

impl Arguments {
    /// On the running kernel; with the machine's own tools where Debian's cannot be had.
    fn on_host(&self, layout: &Layout) -> Result<i32> {
        require_root()?;
        let tools = Tools::fetch(layout);
        if let Err(error) = &tools {
            eprintln!("{error}\nusing the machine's own ip, bridge, iptables and ipset");
        }
        let job = self.job(layout, tools.as_ref().ok())?;
        run_on_host(&job.env("RSADM_KERNEL", "host"))
    }

    fn job(&self, layout: &Layout, tools: Option<&Tools>) -> Result<Job> {
        let faults: Vec<_> = self.faults.iter().map(|fault| fault.name).collect();
        let mut words = vec!["lab".to_owned(), self.variant.to_string(), faults.join(",")];
        if self.shell {
            words.extend([self.node.to_string(), shell().display().to_string()]);
        } else if !self.command.is_empty() {
            words.push(self.node.to_string());
            words.extend(self.command.iter().cloned());
        }
        let job = Job::new(layout.program("testbed")?, words, tools)?;
        Ok(job.with_programs(layout.programs()))
    }
}

fn shell() -> PathBuf {
    let bash = Path::new("/bin/bash");
    if bash.exists() { bash.into() } else { "/bin/sh".into() }
}
