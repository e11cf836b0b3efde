//! bridge of iproute2 6.1, to the byte: `fdb`, `vni`, `mdb` and `monitor fdb`.
//!
//! The order of things is bridge's as well: words are read one by one, and the first mistake ends
//! the command; then links are looked up, then the kernel is asked. Some mistakes end the line of a
//! batch, others the whole program. `docs/compatibility.md` lists where this departs from it and
//! why.

mod asked;
mod batch;
mod fdb;
mod links;
mod lookup;
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

use lookup::Lookup;

use super::ipvsadm::System;

/// Carries out a command line of bridge, whose first word is the name of the program, and returns
/// the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<_> = arguments.into_iter().skip(1).map(OsString::into_vec).collect();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    tool::run(&words, io::stdin(), System::default(), &mut out, &mut err)
}

/// Reads commands as from a file of `-batch`, for the fuzz targets: every name in them is known.
/// How many changes they ask for.
pub fn read_batch(text: &[u8]) -> usize {
    let (mut links, mut directory) = (Anything, Anything);
    let mut commands = batch::Commands::new(text);
    let mut changes = 0;
    while let Ok(batch::Command::Words(words)) = commands.next() {
        let family = words::Family::Any;
        let mut lookup = Lookup { links: &mut links, directory: &mut directory, family };
        let asked = asked::Asked::read(words::Words(&words), &mut lookup);
        changes += usize::from(matches!(asked, Ok(asked::Asked::Change(_))));
    }
    changes
}

/// Where every name but `nope` is that of something.
struct Anything;

impl links::FindLink for Anything {
    fn index(&mut self, name: &[u8]) -> Option<u32> {
        (name != b"nope").then_some(7)
    }
}

impl super::ipvsadm::Directory for Anything {
    fn host(&mut self, _: &str) -> Option<std::net::Ipv4Addr> {
        None
    }

    fn port(&mut self, name: &str, _: ipvs::Protocol) -> Option<u16> {
        (name != "nope").then_some(53)
    }
}
