//! Links what is always there into the program.
//!
//! A command that lists a small table spends most of its time on being loaded, and every shared
//! library is a part of that. Of libgcc_s the program uses a backtrace that it never makes, of
//! libm one function: both are taken from their archives where the C compiler has those.
//!
//! So is a place by chance: the addresses in the program's data, on two dozen pages, are rewritten for
//! it. The program stays at one place, since safe code does not do what chance is to hinder.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    if !gnu {
        return;
    }
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if features.split(',').all(|feature| feature != "crt-static") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    for library in ["gcc_eh"] {
        if has_archive(library) {
            println!("cargo::rustc-link-lib=static:-bundle={library}");
        }
    }
}

/// Whether the linker finds the archive: it answers the bare name if not.
fn has_archive(library: &str) -> bool {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let name = format!("lib{library}.a");
    let answer = Command::new(linker).arg(format!("-print-file-name={name}")).output();
    answer
        .is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
}
