//! Kernels to boot, the lab cluster, namespace guards.
//!
//! The machine's own kernel is rarely the one to test on, so everything here runs on
//! user-mode-linux: a real kernel that is an ordinary process, without privileges.
//!
//! - `packages` unpacks Debian packages under `target/testbed`, installing nothing;
//! - [`kernels`] and [`tools`] say which: kernels to boot, and the tools to compare with;
//!   [`ldirectord`] is a daemon that drives ipvsadm;
//! - [`boot`] boots a kernel around one command, [`guest`] is the first process inside it;
//! - [`lab`] builds the cluster inside, [`http`] and [`udp`] answer in its pods;
//! - [`mod@bench`] measures in such a kernel;
//! - [`listeners`] are sockets that hear events;
//! - [`random`] makes what a test throws at a kernel, the same for the same seed;
//! - [`harness`] is what a kernel test is written with, [`suites`] runs many such tests.

pub mod bench;
pub mod boot;
pub mod error;
pub mod guest;
pub mod harness;
pub mod http;
pub mod kernels;
pub mod lab;
pub mod layout;
pub mod ldirectord;
pub mod listeners;
pub mod namespace;
mod packages;
pub mod process;
pub mod random;
pub mod suites;
pub mod tools;
pub mod udp;

pub use error::{Context, Error, Result};
pub use layout::Layout;
