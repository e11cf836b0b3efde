//! ipvsadm 1.31, to the byte.
//!
//! The order of things is ipvsadm's as well: IPVS is looked for before the command line is, options
//! are checked one by one as they come and then together, and only then the kernel is asked.
//! `docs/compatibility.md` lists where this departs from it and why.

mod action;
mod address;
mod draft;
mod kernel;
mod listing;
mod matrix;
mod options;
mod order;
mod restore;
mod startup;
mod stop;
mod text;
mod tool;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStringExt;

pub(super) use address::{Directory, System};
use tool::Tool;

/// Output is written in pieces of this size.
const BUFFER: usize = 64 * 1024;

/// Carries out a command line of ipvsadm, whose first word is the name of the program, and returns
/// the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let mut words = arguments.into_iter().map(OsString::into_vec);
    let name = words.next().unwrap_or_else(|| b"ipvsadm".to_vec());
    let words: Vec<_> = words.collect();
    let mut err = io::stderr();
    let (client, info) = match startup::connect() {
        Ok(connected) => connected,
        Err(reason) => {
            // Nobody is left to tell if this cannot be written.
            let _ = write!(
                err,
                "Can't initialize ipvs: {reason}\n\
                 Are you sure that IP Virtual Server is built in the kernel or as module?\n"
            );
            return 2;
        }
    };
    let out = BufWriter::with_capacity(BUFFER, io::stdout());
    Tool::new(name, client, info, address::System::default(), out, err)
        .run(&words, io::stdin().lock())
}
