//! Finding IPVS before the command line is looked at.

use std::process::Command;

use ipvs::{Client, Error, Info, Reason};
use rustix::net::{AddressFamily, SocketType, ipproto};

use super::kernel;

/// Connects, with the help of modprobe if need be; `Err` is the reason.
pub(super) fn connect() -> Result<(Client, Info), String> {
    try_connect().or_else(|_| {
        load_module();
        try_connect().map_err(|error| reason(&error))
    })
}

fn try_connect() -> Result<(Client, Info), Error> {
    let mut client = Client::connect()?;
    let info = client.info()?;
    Ok((client, info))
}

/// modprobe has its own words for what it does not find; a missing modprobe has none.
fn load_module() {
    let _ = Command::new("/sbin/modprobe").args(["--", "ip_vs"]).status();
}

/// Where the generic netlink family is missing, ipvsadm goes on to the socket options of older
/// kernels, and what it reports is what they say: that there is no such protocol, or, without
/// privilege, that there is no raw socket.
fn reason(error: &Error) -> String {
    if error.reason() == Some(Reason::NoIpvs) {
        let raw = Some(ipproto::RAW);
        return match rustix::net::socket(AddressFamily::INET, SocketType::RAW, raw) {
            Err(rustix::io::Errno::PERM) => "Permission denied (you must be root)".to_owned(),
            _ => "Protocol not available".to_owned(),
        };
    }
    kernel::message(error)
}
