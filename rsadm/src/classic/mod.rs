//! The text that the classic tools print, as functions from values of the libraries to a writer.

pub mod bridge;
pub mod conntrack;
pub mod ip;
pub mod ipvsadm;
mod line;

pub use line::Line;
