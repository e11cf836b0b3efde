//! What a kernel test is written with.
//!
//! A kernel test is a test target of its own, named `kernel` or `kernel_...` (that is how
//! `cargo xtask test` finds it), without cargo's harness:
//!
//! ```toml
//! [[test]]
//! name = "kernel"
//! harness = false
//! ```
//!
//! ```no_run
//! use testbed::harness::{Case, Context, Need, Outcome};
//!
//! fn lists_nothing(ctx: &Context) -> Outcome {
//!     let listed = ctx.capture(ctx.reference("ipvsadm").arg("-Ln"))?;
//!     ctx.equal("status", &0, &listed.code());
//!     if ctx.version() < (6, 2) {
//!         return ctx.skip("the rest needs kernel 6.2");
//!     }
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     testbed::harness::main(&[Case {
//!         name: "lists_nothing",
//!         needs: &[Need::Ipvs],
//!         run: lists_nothing,
//!     }])
//! }
//! ```
//!
//! Every case is a process in a fresh network namespace with its loopback up, an empty `/run` of
//! its own, and ten minutes. It fails by an error, a panic, or a comparison that differed.
//! `cargo test` alone boots no kernel: it counts the cases as skipped and says why.

mod arguments;
mod context;
mod report;
mod runner;

pub use context::{Context, Failure, Outcome};
pub use report::{Record, SAID, Verdict};

use std::process::ExitCode;

/// The variable with the version of the kernel that the tests run on.
pub const KERNEL: &str = "RSADM_KERNEL";

/// One test.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, unique in the target; filters match parts of it.
    pub name: &'static str,
    /// What it is skipped without.
    pub needs: &'static [Need],
    /// The test.
    pub run: fn(&Context) -> Outcome,
}

/// What a kernel may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// IPVS over generic netlink, which a user namespace has no right to.
    Ipvs,
    /// iptables-legacy's nat table.
    Nat,
    /// A reference tool.
    Reference(&'static str),
    /// At least this version.
    Version(u32, u32),
    /// Root in the first user namespace.
    RealRoot,
}

/// Runs the cases that the command line asks for.
pub fn main(cases: &[Case]) -> ExitCode {
    runner::main(cases)
}
