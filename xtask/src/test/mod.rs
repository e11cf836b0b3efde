//! `cargo xtask test`: every test, on every kernel, and one table.

mod everywhere;
mod kernels;
mod tally;

use testbed::{Error, Layout, Result, kernels::Kernel, ldirectord::Ldirectord, tools::Tools};

use crate::{Choice, cargo, choice};
use tally::Tally;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose names, or whose target's name, contain this: `kernel_ipvs`, `daemons`
    filter: Option<String>,
    /// Only kernel tests, and only on this kernel: 6.1, 6.12, 7.2, or host (the running one)
    #[arg(long, value_parser = choice)]
    kernel: Vec<Choice>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<i32> {
    let filter = arguments.filter.as_deref();
    let mut tallies = Vec::new();
    if arguments.kernel.is_empty() {
        tallies.push(everywhere::cargo_test(filter)?);
        if filter.is_none() {
            tallies.push(everywhere::miri()?);
        }
    }
    cargo::build(&["rsadm", "testbed"])?;
    let suites = cargo::kernel_suites()?;
    if suites.is_empty() {
        return Err(Error::new("the project has no kernel tests: no target is named kernel..."));
    }
    let layout = Layout::of_this_program()?;
    let tools = Tools::fetch(&layout)?;
    let ldirectord = Ldirectord::fetch(&layout, &tools)?;
    let bench = kernels::Bench {
        layout: &layout,
        tools: &tools,
        ldirectord: &ldirectord,
        suites: &suites,
        filter,
    };
    let chosen = |choice| arguments.kernel.is_empty() || arguments.kernel.contains(&choice);
    let boots: Vec<Kernel> =
        Kernel::ALL.into_iter().filter(|&kernel| chosen(Choice::Boot(kernel))).collect();
    tallies.extend(bench.on_kernels(&boots)?);
    if chosen(Choice::Host) {
        tallies.push(bench.on_host()?);
    }
    Ok(i32::from(!tally::print(&tallies)))
}
