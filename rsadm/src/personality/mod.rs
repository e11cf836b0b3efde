//! Command lines of other tools, taken when the program is invoked under their names.

pub mod conntrack;
pub mod ipvsadm;
pub(crate) mod numbers;
