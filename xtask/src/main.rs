//! Tasks of the project: `cargo xtask lab`, `test`, `bench` and `order`.

mod bench;
mod cargo;
mod lab;
mod order;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::kernels::Kernel;

/// Tasks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Boot a kernel, build a cluster in it, and look around
    Lab(lab::Arguments),
    /// Measure ours beside the kernel's limit and the classic tools
    Bench(bench::Arguments),
    /// Run every test, those that need a kernel on 6.1, 6.12 and 7.2
    Test(test::Arguments),
    /// Write down which functions listings run, for the program to start faster: rsadm/start.ld
    Order,
}

/// Which kernel to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Boot(Kernel),
    /// The running one.
    Host,
}

fn choice(text: &str) -> Result<Choice, String> {
    if text == "host" {
        return Ok(Choice::Host);
    }
    text.parse().map(Choice::Boot).map_err(|error| format!("{error}, and host: the running one"))
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Lab(arguments) => lab::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Order => order::run(),
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
