//! What people built around ipvsadm, with rsadm in its place: Debian's scripts and ldirectord.
//!
//! All of it calls `/sbin/ipvsadm`. Each case puts Debian's program there and then the symlink to
//! ours, and compares what the scripts say and what they leave in the kernel.

use std::process::ExitCode;

use testbed::harness::{Case, Context, Failure, Need, Outcome};

mod init;
mod ldirectord;
mod save;
mod seat;

type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    let case = |name, run: fn(&Context) -> Outcome| Case {
        name,
        needs: &[Need::Ipvs, Need::Reference("ipvsadm")],
        run,
    };
    testbed::harness::main(&[
        case("ipvsadm_save_and_restore", save::and_restore),
        case("the_init_script", init::every_word),
        case("ldirectord_follows_the_servers", ldirectord::follows_the_servers),
    ])
}
