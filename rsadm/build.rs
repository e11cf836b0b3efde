//! Links the program so that it starts fast.
//!
//! A command that lists a small table spends most of its time on being loaded:
//!
//! - Every shared library is a part of that. Of libgcc_s the program uses a backtrace that it never
//!   makes: it is taken from its archive where the C compiler has that.
//! - So is a place by chance: the addresses in the program's data, on two dozen pages, are rewritten
//!   for it. The program stays at one place, since safe code does not do what chance is to hinder.
//! - So is every page with a function that is run. The functions that listings run lie side by side:
//!   `start.ld` names them, `cargo xtask order` writes it. A name that is no more costs nothing.

use std::{env, ffi::OsString, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=start.ld");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu");
    if !gnu {
        return;
    }
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if features.split(',').all(|feature| feature != "crt-static") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") && takes_scripts() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-T{folder}/start.ld");
    }
    if has_archive("gcc_eh") {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether the linker takes such a script: GNU's and LLVM's do. One that the person who builds this
/// has chosen is not asked.
fn takes_scripts() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let version = Command::new(linker()).arg("-Wl,--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    !flags.contains("linker")
        && !flags.contains("fuse-ld")
        && version.is_ok_and(|version| version.contains("GNU ld") || version.contains("LLD"))
}

/// Whether the linker finds the archive: it answers the bare name if not.
fn has_archive(library: &str) -> bool {
    let name = format!("lib{library}.a");
    let answer = Command::new(linker()).arg(format!("-print-file-name={name}")).output();
    answer
        .is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
}

/// The program that links: a C compiler.
fn linker() -> OsString {
    env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into())
}
