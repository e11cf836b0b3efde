//! The rsadm command.

fn main() {}
