//! bridge of iproute2 6.1, to the byte: `fdb`, `vni`, `mdb` and `monitor fdb`.
//!
//! The order of things is bridge's as well: words are read one by one, and the first mistake ends
//! the command; then links are looked up, then the kernel is asked. Some mistakes end the line of a
//! batch, others the whole program. `docs/compatibility.md` lists where this departs from it and
//! why.

mod batch;
mod fdb;
mod links;
mod mdb;
mod monitor;
mod options;
mod pending;
mod stop;
mod text;
mod tool;
mod vni;
mod words;

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use super::ipvsadm::System;

/// Carries out a command line of bridge, whose first word is the name of the program, and returns
/// the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<_> = arguments.into_iter().skip(1).map(OsString::into_vec).collect();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    tool::run(&words, io::stdin(), System::default(), &mut out, &mut err)
}

/// Reads commands as from a file of `-batch`, for the fuzz targets: their lines and words, and what
/// each asks for as far as no kernel is needed. How many lines there were.
pub fn read_batch(text: &[u8]) -> usize {
    let mut commands = batch::Commands::new(text);
    while let Ok(batch::Command::Words(words)) = commands.next() {
        assert!(words.iter().all(|word| !word.contains(&0)));
        for word in &words {
            let _ = (words::mac(word), words::group_mac(word), words::unsigned(word));
            let _ = (words::address(word, words::Family::Any), words::vni(word, "VNI"));
        }
        let _ = options::Options::read(&mut words::Words(&words));
    }
    commands.number
}
