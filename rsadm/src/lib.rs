//! The command `rsadm`, as a library for its tests and fuzz targets.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use rsadm_netlink::Namespace;

pub mod classic;
mod cli;
pub mod conntrack;
mod deferred;
mod diff;
mod doctor;
mod failure;
pub mod ipvs;
mod links;
mod namespace;
mod output;
pub mod personality;
mod script;
mod signals;
mod snapshot;
mod trace;
mod usage;
pub mod vxlan;

use cli::{Cli, Noun};
use deferred::Deferred;
use failure::{Failure, Result};
use output::Form;

/// Bytes of output that are collected before they are written.
const BUFFER: usize = 64 * 1024;

/// Runs a command line, the program's name first, and answers with the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match start(arguments) {
        Ok(()) => 0,
        Err(failure) => {
            // Where nobody listens there is nobody to tell.
            _ = write!(io::stderr(), "{failure}");
            failure.status()
        }
    }
}

fn start(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let parsed = Cli::read(&arguments).or_else(|error| usage::again(error, &arguments));
    let Cli { global, noun } = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::tell(&error, &arguments),
    };
    let form = Form::of(&global.output)?;
    if !global.snapshot.is_empty() {
        if global.netns.is_some() {
            return Err(snapshot::one_namespace("--netns"));
        }
        return saved(&noun, &global.snapshot, &form);
    }
    let Some(name) = global.netns else { return dispatch(noun, &form, None) };
    let namespace: Namespace = match name.parse() {
        Ok(namespace) => namespace,
        Err(never) => match never {},
    };
    namespace::within(&namespace, || dispatch(noun, &form, Some(&name)))
}

/// Runs a command on snapshots instead of the kernel.
fn saved(noun: &Noun, files: &[PathBuf], form: &Form) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout());
    match (noun, files) {
        (Noun::Trace(Deferred(arguments)), _) => trace::over(arguments, files, form, &mut out)?,
        (Noun::Doctor, _) => doctor::over(files, form.plain()?.unwrap_or_default(), &mut out)?,
        (_, [file]) => snapshot::show(noun, file, form, &mut out)?,
        _ => return Err(Failure::usage("this command takes one --snapshot")),
    }
    Ok(out.flush()?)
}

fn dispatch(noun: Noun, form: &Form, netns: Option<&str>) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout());
    match noun {
        Noun::Ipvs(Deferred(verb)) => ipvs::run(verb, form.plain()?, &mut out)?,
        Noun::Conntrack(Deferred(verb)) => {
            form.undrawn()?;
            conntrack::run(verb, form, &mut out)?;
        }
        Noun::Vxlan(Deferred(verb)) => vxlan::run(verb, form.plain()?, &mut out)?,
        Noun::Monitor(Deferred(what)) => vxlan::monitor(what, form.plain()?, &mut out)?,
        Noun::Snapshot(Deferred(arguments)) => {
            output::none(form.plain()?)?;
            snapshot::take(&arguments, netns)?;
        }
        Noun::Diff(Deferred(arguments)) => diff::run(&arguments, form.plain()?, &mut out)?,
        Noun::Trace(Deferred(arguments)) => trace::here(&arguments, netns, form, &mut out)?,
        Noun::Doctor => doctor::here(netns, form.plain()?.unwrap_or_default(), &mut out)?,
        Noun::Completions { shell } => {
            output::none(form.plain()?)?;
            out.write_all(&usage::completions(shell))?;
        }
        Noun::Links { directory } => {
            output::none(form.plain()?)?;
            links::make(&directory)?;
        }
    }
    out.flush()?;
    Ok(())
}
