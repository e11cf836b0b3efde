//! `cargo xtask order`: which functions listings run, for the linker to lay them side by side.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    os::unix::fs::symlink,
    path::Path,
};

use testbed::{
    Context as _, Error, Layout, Result,
    boot::{Boot, Job},
    kernels::Kernel,
    tools::Tools,
};

use crate::cargo;

/// The commands whose start matters most: scripts run them by the hundred.
const LISTINGS: [&str; 6] = [
    "rsadm ipvs list -n",
    "ipvsadm -L -n",
    "rsadm conntrack list",
    "conntrack -L",
    "rsadm vxlan fdb list",
    "bridge fdb show",
];

pub(crate) fn run() -> Result<i32> {
    cargo::build(&["testbed"])?;
    let programs = cargo::build_release(&["rsadm"])?;
    let layout = Layout::of_this_program()?;
    let tools = Tools::fetch(&layout)?;
    let kernel = Kernel::V6_12.fetch(&layout, &tools)?;
    let folder = programs.with_file_name("order");
    fs::create_dir_all(&folder).context(|| format!("cannot make {}", folder.display()))?;
    let program = folder.join("rsadm");
    _ = fs::remove_file(&program);
    symlink(programs.join("rsadm"), &program)
        .context(|| format!("cannot link {}", program.display()))?;
    let mut script = "set -e; ./rsadm links .\n".to_owned();
    for (index, listing) in LISTINGS.iter().enumerate() {
        let valgrind = "valgrind --tool=callgrind --demangle=no --log-file=log";
        _ = writeln!(script, "{valgrind} --callgrind-out-file={index} ./{listing} >/dev/null");
    }
    let words = ["lab", "vxlan", "", "120", "sh", "-c", &script].map(str::to_owned).to_vec();
    // The lab sets its services up by rsadm.
    let mut job =
        Job::new(layout.program("testbed")?, words, Some(&tools))?.with_programs(&programs);
    job.folder.clone_from(&folder);
    let boot = Boot::new(&layout, &kernel, &tools);
    let code = boot.run(&job, &mut io::stdout(), &mut io::stderr())?;
    if code != 0 {
        return Err(Error::new("the listings failed: is valgrind installed?"));
    }
    let mut listings = BTreeMap::<String, BTreeSet<usize>>::new();
    for index in 0..LISTINGS.len() {
        for function in functions(&folder.join(index.to_string()))? {
            listings.entry(function).or_default().insert(index);
        }
    }
    let path = cargo::workspace().join("rsadm/start.ld");
    fs::write(&path, linker_script(listings))
        .context(|| format!("cannot write {}", path.display()))?;
    Ok(0)
}

/// The program's own functions among those that were run, as patterns of their sections' names.
fn functions(profile: &Path) -> Result<BTreeSet<String>> {
    let text =
        fs::read_to_string(profile).context(|| format!("cannot read {}", profile.display()))?;
    // `fn=(12) name` where a function is first told of, `fn=(12)` after that.
    let names = text.lines().filter_map(|line| {
        line.trim_start_matches('c').strip_prefix("fn=(")?.split_once(") ").map(|(_, name)| name)
    });
    Ok(names.filter_map(pattern).collect())
}

/// A name without what another compiler gives it: `17h` and a number at the end of an old name, the
/// numbers of crates, `Cs` and a number, in a new one, and what tells copies of a function apart.
fn pattern(name: &str) -> Option<String> {
    let name = name.split(['\'', '.']).next().filter(|_| !name.starts_with("_ZN")).unwrap_or(name);
    if name == "main" {
        return Some(name.into());
    }
    if let Some(start) = name.rfind("17h").filter(|_| name.starts_with("_ZN")) {
        return Some(format!("*{}*", &name[..start]));
    }
    let mut parts = name.strip_prefix("_R")?.split("Cs");
    let mut pattern = format!("*_R{}", parts.next()?);
    for part in parts {
        match part.split_once('_') {
            Some((_, rest)) => _ = write!(pattern, "Cs*_{rest}"),
            None => _ = write!(pattern, "Cs{part}"),
        }
    }
    Some(pattern + "*")
}

/// What the first listing runs comes first, then what the second runs beside that, and so on. Tables
/// of jumps lie as their functions do; texts are a third of the other constants, and lie together.
fn linker_script(functions: BTreeMap<String, BTreeSet<usize>>) -> String {
    let mut sorted: Vec<_> = functions.into_iter().collect();
    let runs = |listings: &BTreeSet<usize>| {
        (0..LISTINGS.len()).map(|index| !listings.contains(&index)).collect::<Vec<_>>()
    };
    sorted.sort_by_cached_key(|(name, listings)| (runs(listings), name.clone()));
    let lines = |kind: &str| {
        sorted.iter().fold(String::new(), |mut lines, (name, _)| {
            _ = writeln!(lines, "        *(.{kind}.{name})");
            lines
        })
    };
    format!(
        "/* Written by `cargo xtask order`: what listings run and read lies side by side. */\n\
         SECTIONS\n{{\n    .rodata.start : {{\n{}        *(.rodata..Lanon.*)\n    }}\n}}\n\
         INSERT BEFORE .rodata;\n\
         SECTIONS\n{{\n    .text.start : {{\n        *crt1.o(.text)\n{}    }}\n}}\n\
         INSERT BEFORE .text;\n",
        lines("rodata"),
        lines("text"),
    )
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_pattern_leaves_out_what_another_compiler_gives_a_name() {
        for (name, expected) in [
            ("main", Some("main")),
            ("_ZN5rsadm3cli3Cli4read17h4b8923bc95685fa0E", Some("*_ZN5rsadm3cli3Cli4read*")),
            ("_ZN5rsadm3run17h4b8923bc95685fa0E'2", Some("*_ZN5rsadm3run*")),
            ("_ZN5rsadm3run17h4b8923bc95685fa0E.1821", Some("*_ZN5rsadm3run*")),
            ("_RNvNtCsgEmfK2I1SDS_4core3fmt5write", Some("*_RNvNtCs*_4core3fmt5write*")),
            (
                "_RNvXNtNtCsgEmfK2I1SDS_4core3fmt3numhNtCslNYArtu3iFV_5alloc3fmtB7_.llvm.12",
                Some("*_RNvXNtNtCs*_4core3fmt3numhNtCs*_5alloc3fmtB7_*"),
            ),
            ("memchr", None),
            ("(below main)", None),
        ] {
            assert_eq!(pattern(name).as_deref(), expected, "{name}");
        }
    }
}
