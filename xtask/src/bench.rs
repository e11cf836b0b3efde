//! `cargo xtask bench`: the speed table, measured on a booted kernel.

use std::{io, time::Duration};

use testbed::{
    Error, Layout, Result,
    boot::{Boot, Job},
    tools::Tools,
};

use crate::{Choice, cargo, choice};

/// The classic tool is slow.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which kernel: 6.1, 6.12 or 7.2
    #[arg(long, default_value = "6.12", value_parser = choice)]
    kernel: Choice,
}

pub(crate) fn run(arguments: &Arguments) -> Result<i32> {
    let Choice::Boot(kernel) = arguments.kernel else {
        return Err(Error::new(
            "the benchmark fills and empties the table: it needs a kernel of its own",
        ));
    };
    let programs = cargo::build_release(&["rsadm", "testbed"])?;
    let layout = Layout::of_this_program()?;
    let tools = Tools::fetch(&layout)?;
    let kernel = kernel.fetch(&layout, &tools)?;
    let path = |program: &str| programs.join(program).display().to_string();
    let ipvsadm = tools.program("ipvsadm").display().to_string();
    let words = vec!["bench".to_owned(), path("rsadm"), ipvsadm];
    let job = Job::new(programs.join("testbed"), words, Some(&tools))?;
    let mut boot = Boot::new(&layout, &kernel, &tools);
    boot.limit = LIMIT;
    boot.run(&job, &mut io::stdout(), &mut io::stderr())
}
