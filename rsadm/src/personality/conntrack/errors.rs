//! How conntrack words the refusals of the kernel.

use conntrack::Error;
use rustix::io::Errno;

use super::command::Command;
use super::stop::Stop;
use crate::personality::system_text;

/// The text of an error number that a command got.
pub(super) fn text(command: Command, errno: i32) -> String {
    use Command::{
        Add, CountExpectations, Create, CreateExpectation, Delete, ExpectationStatistics, Get,
        Statistics,
    };
    let text = match (Errno::from_raw_os_error(errno), command) {
        // These came after the list of commands that this was meant for had been made.
        (Errno::INVAL, Add | Statistics | ExpectationStatistics | CountExpectations) => {
            return system_text(errno);
        }
        (Errno::INVAL, _) => "invalid parameters",
        (Errno::EXIST, Create) => "Such conntrack exists, try -U to update",
        (Errno::NOENT, Create | Get | Delete | Add) => "such conntrack doesn't exist",
        (Errno::NOMEM, Create | Get | Add) => "not enough memory",
        (Errno::AFNOSUPPORT, Get) => "protocol not supported",
        (Errno::TIME, Create | Add) => "conntrack has expired",
        (Errno::NOENT, CreateExpectation) => "master conntrack not found",
        (Errno::PERM, _) => "sorry, you must be root or get CAP_NET_ADMIN capability to do this",
        _ => return system_text(errno),
    };
    text.to_owned()
}

/// Ends a command that the kernel refused.
pub(super) fn refused(command: Command, error: &Error) -> Stop {
    Stop::refused(format!("Operation failed: {}", reason(command, error)))
}

/// Why the kernel refused a command.
pub(super) fn reason(command: Command, error: &Error) -> String {
    match errno(error) {
        Some(errno) => text(command, errno),
        None => error.to_string(),
    }
}

/// The kernel's error number, if there is one.
pub(super) fn errno(error: &Error) -> Option<i32> {
    error.errno()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_depend_on_the_command() {
        for (command, errno, expected) in [
            (Command::Create, Errno::EXIST, "Such conntrack exists, try -U to update"),
            (Command::Add, Errno::EXIST, "File exists"),
            (Command::Create, Errno::INVAL, "invalid parameters"),
            (Command::Add, Errno::INVAL, "Invalid argument"),
            (Command::Delete, Errno::NOENT, "such conntrack doesn't exist"),
            (Command::GetExpectation, Errno::NOENT, "No such file or directory"),
            (Command::CreateExpectation, Errno::NOENT, "master conntrack not found"),
            (Command::Create, Errno::BUSY, "Device or resource busy"),
            (
                Command::List,
                Errno::PERM,
                "sorry, you must be root or get CAP_NET_ADMIN capability to do this",
            ),
        ] {
            assert_eq!(text(command, errno.raw_os_error()), expected, "{command:?}");
        }
    }
}
