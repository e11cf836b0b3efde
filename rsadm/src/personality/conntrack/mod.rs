//! conntrack 1.4.7 with the corrections of 1.4.8, to the byte.
//!
//! The order of things is conntrack's as well: options are checked one by one as they come, with
//! warnings at once, and then together; then the kernel is asked. `docs/compatibility.md` lists
//! where this departs from it and why.

mod address;
mod command;
mod directory;
mod draft;
mod errors;
mod events;
mod getopt;
mod load;
mod matrix;
mod options;
mod order;
mod output;
mod protocol;
mod stop;
mod text;
mod tool;
mod verbs;
mod words;

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use directory::System;
use tool::Tool;

/// Carries out a command line of conntrack, whose first word is the name of the program, and
/// returns the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let words = arguments.into_iter().map(OsString::into_vec).collect();
    let posix = env::var_os("POSIXLY_CORRECT").is_some();
    let (out, err) = (io::stdout(), io::stderr());
    Tool::new(words, posix, System::default(), out, err).run(io::stdin().lock())
}
