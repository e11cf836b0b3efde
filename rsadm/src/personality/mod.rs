//! Command lines of other tools, taken when the program is invoked under their names.

pub mod bridge;
pub mod conntrack;
pub mod ipvsadm;
pub(crate) mod numbers;

use std::io;

/// The C library's text of an error.
pub(crate) fn reason(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), system_text)
}

/// The C library's text of an error number, without the number that Rust adds.
pub(crate) fn system_text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
