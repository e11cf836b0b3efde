//! Calls cargo, and reads what it built.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use testbed::{Context as _, Error, Layout, Result, suites::Suite};

/// The cargo that runs this program.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(workspace());
    command
}

/// The project's folder.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Builds the programs of these packages.
pub(crate) fn build(packages: &[&str]) -> Result<()> {
    build_with(packages, &[])
}

/// Builds the programs of these packages, optimised, and answers the folder that they are in.
pub(crate) fn build_release(packages: &[&str]) -> Result<PathBuf> {
    build_with(packages, &["--release"])?;
    Ok(Layout::of_this_program()?.programs().with_file_name("release"))
}

fn build_with(packages: &[&str], options: &[&str]) -> Result<()> {
    let mut build = command();
    build.args(["build", "--quiet", "--bins"]).args(options);
    for package in packages {
        build.args(["--package", package]);
    }
    let status = build.status().context(|| "cannot run cargo".into())?;
    if status.success() { Ok(()) } else { Err(Error::new("the build failed")) }
}

/// Builds the tests and answers those for kernels, which are known by their names.
pub(crate) fn kernel_suites() -> Result<Vec<Suite>> {
    let mut build = command();
    build.args([
        "test",
        "--workspace",
        "--all-features",
        "--no-run",
        "--quiet",
        "--message-format=json",
    ]);
    let output = build.stderr(Stdio::inherit()).output().context(|| "cannot run cargo".into())?;
    if !output.status.success() {
        return Err(Error::new("the tests do not build"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut suites: Vec<Suite> = messages.filter_map(|message| suite(&message)).collect();
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

fn suite(message: &Value) -> Option<Suite> {
    let target = &message["target"];
    let name = target["name"].as_str()?;
    let is_test = target["kind"].as_array()?.iter().any(|kind| kind == "test");
    let for_kernels = name == "kernel" || name.starts_with("kernel_");
    if !(is_test && for_kernels) {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = folder.file_name()?.to_str()?;
    Some(Suite {
        name: format!("{package}/{name}"),
        program: PathBuf::from(message["executable"].as_str()?),
        folder: folder.to_path_buf(),
    })
}
