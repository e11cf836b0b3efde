//! `cargo xtask bench`: the speed table.

use std::{io, time::Duration};

use clap::ValueEnum;
use testbed::{
    Context as _, Error, Layout, Result,
    boot::{Boot, Job},
    kernels::Kernel,
    process,
    tools::Tools,
};

use crate::{Choice, cargo, choice};

/// The classic tools are slow.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to measure; without it, everything
    tables: Vec<Table>,
    /// Which kernel IPVS and nodes are measured on: 6.1, 6.12 or 7.2; without it 6.12 for IPVS, and
    /// for nodes 7.2, whose system calls take less than in other kernels in user mode
    #[arg(long, value_parser = choice)]
    kernel: Option<Choice>,
}

/// A table of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Table {
    /// On a kernel that is booted for it
    Ipvs,
    /// On the running kernel, by root: a million flows want real memory
    Conntrack,
    /// On the running kernel, by root, too
    Vxlan,
    /// Snapshots, traces and doctor: on the lab's nodes, in a kernel that is booted for it
    Node,
}

pub(crate) fn run(arguments: &Arguments) -> Result<i32> {
    // A kernel is booted by the program beside this one; what is measured is optimised.
    cargo::build(&["testbed"])?;
    let programs = cargo::build_release(&["rsadm", "testbed"])?;
    let layout = Layout::of_this_program()?;
    let tools = Tools::fetch(&layout)?;
    let all = [Table::Ipvs, Table::Conntrack, Table::Vxlan, Table::Node];
    let tables = if arguments.tables.is_empty() { &all[..] } else { &arguments.tables };
    let mut code = 0;
    for table in tables {
        let (name, peer) = match table {
            Table::Ipvs => ("ipvs", "ipvsadm"),
            Table::Conntrack => ("conntrack", "conntrack"),
            Table::Vxlan => ("vxlan", "bridge"),
            // Nothing else does that.
            Table::Node => ("node", "ip"),
        };
        let path = |program: &str| programs.join(program).display().to_string();
        let peer = tools.program(peer).display().to_string();
        let words = vec!["bench".to_owned(), name.to_owned(), path("rsadm"), peer];
        // The lab sets its services up by rsadm.
        let job = Job::new(programs.join("testbed"), words, Some(&tools))?.with_programs(&programs);
        let kernel = arguments.kernel.unwrap_or(Choice::Boot(match table {
            Table::Node => Kernel::V7_2,
            _ => Kernel::V6_12,
        }));
        code = code.max(match (table, kernel) {
            (Table::Conntrack | Table::Vxlan, _) => {
                let status = job.command().status();
                process::exit_code(status.context(|| "cannot run the benchmark".into())?)
            }
            (Table::Ipvs | Table::Node, Choice::Boot(kernel)) => {
                let kernel = kernel.fetch(&layout, &tools)?;
                let mut boot = Boot::new(&layout, &kernel, &tools);
                boot.limit = LIMIT;
                // On one processor system calls take little and page faults much, unlike on a
                // machine: ratios are nearer to a machine's on several, times on one.
                if matches!(table, Table::Ipvs) {
                    boot.place = None;
                }
                boot.run(&job, &mut io::stdout(), &mut io::stderr())?
            }
            (Table::Ipvs | Table::Node, Choice::Host) => {
                return Err(Error::new(
                    "this benchmark fills and empties the table: it needs a kernel of its own",
                ));
            }
        });
    }
    Ok(code)
}
