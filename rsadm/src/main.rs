//! rsadm, and the tools that it stands in for when it is called by their names.

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args_os().peekable();
    let tool = arguments.peek().and_then(|name| Path::new(name).file_name());
    ExitCode::from(match tool {
        Some(tool) if tool == "ipvsadm" => rsadm::personality::ipvsadm::run(arguments),
        Some(tool) if tool == "bridge" => rsadm::personality::bridge::run(arguments),
        Some(tool) if tool == "conntrack" => rsadm::personality::conntrack::run(arguments),
        _ => rsadm::run(arguments),
    })
}
