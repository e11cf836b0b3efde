//! The rsadm command.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default();
    if name == "ipvsadm" {
        return ExitCode::from(rsadm::personality::ipvsadm::run(std::env::args_os()));
    }
    ExitCode::SUCCESS
}
