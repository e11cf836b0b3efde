//! What to tell when a network namespace cannot be entered.

use std::io;

use rsadm_netlink::Error;

use crate::failure::Failure;

pub(crate) fn failure(error: &Error) -> Failure {
    let failure = Failure::refused(error.to_string());
    let kind = match error {
        Error::Namespace { source, .. } => source.kind(),
        _ => return failure,
    };
    match kind {
        io::ErrorKind::NotFound => failure.hint(
            "--netns takes a name that `ip netns list` shows, a path such as /run/netns/blue, or \
             the id of a process",
        ),
        io::ErrorKind::PermissionDenied => {
            failure.hint("entering a network namespace needs CAP_SYS_ADMIN, for example by sudo")
        }
        io::ErrorKind::InvalidInput => failure.hint("that file is no network namespace"),
        _ => failure,
    }
}
