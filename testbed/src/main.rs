//! The test bed's own program: what runs beside and inside the kernels that `cargo xtask` boots.

use std::{path::Path, process::ExitCode};

use testbed::{
    Context as _, Error, Result, bench, boot, guest,
    lab::{Fault, Lab},
    suites,
};

fn main() -> ExitCode {
    if guest::is_first_process() {
        guest::main();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<i32> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["watch", file] => boot::watch(Path::new(file)).map(|()| 0),
        ["lab", variant, faults, rest @ ..] => lab(variant, faults, rest),
        ["bench", table, rsadm, peer] => {
            bench::main(table, Path::new(rsadm), Path::new(peer)).map(|()| 0)
        }
        ["bare", table, work] => {
            println!("{}", bench::bare(table, work)?.as_micros());
            Ok(0)
        }
        ["suites", list, filter @ ..] => suites::run(list, filter),
        _ => Err(Error::new("started by `cargo xtask`, not by hand")),
    }
}

/// The tour of a lab, or a command on a node of it; with faults, whose names have commas between.
fn lab(variant: &str, faults: &str, rest: &[&str]) -> Result<i32> {
    let variant = variant.parse()?;
    let faults = faults.split(',').filter(|name| !name.is_empty()).map(Fault::find);
    let faults = faults.collect::<Result<Vec<_>>>()?;
    let mut lab = Lab::build(variant)?;
    let [node, command @ ..] = rest else {
        lab.tour(&faults)?;
        return Ok(0);
    };
    let node = node.parse().context(|| format!("no node {node}"))?;
    lab.send_traffic()?;
    lab.break_aloud(&faults)?;
    lab.run(node, &command.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}
