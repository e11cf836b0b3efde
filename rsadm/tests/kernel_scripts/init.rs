//! `/etc/init.d/ipvsadm`, Debian's script for start and stop.

use std::fs;
use std::path::Path;
use std::process::Command;

use testbed::harness::{Context, Outcome};
use testbed::process::Captured;

use super::Result;
use super::seat::{Seat, Tool, cover};

/// What the script needs of the machine.
const FUNCTIONS: &str = "/lib/lsb/init-functions";
const SETTINGS: &str = "/etc/default/ipvsadm";
const RULES: &str = "/etc/ipvsadm.rules";

const TABLE: &str = "\
-A -t 192.0.2.1:80 -s wrr -p 600
-a -t 192.0.2.1:80 -r 198.51.100.1:8080 -m -w 3
-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 0
-A -u [2001:db8::1]:53 -s sh -b sh-port
-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -g -w 1
-A -f 7 -s rr
";

/// What a word of the script left.
#[derive(Debug, PartialEq)]
struct Left {
    table: String,
    daemons: String,
    rules: String,
}

pub(crate) fn every_word(ctx: &Context) -> Outcome {
    if !Path::new(FUNCTIONS).exists() {
        return ctx.skip(format!("no {FUNCTIONS}, which the script reads, on this machine"));
    }
    let seat = Seat::new(ctx)?;
    cover("/etc", &["default", "ipvsadm.rules"])?;
    fs::create_dir("/etc/default")?;
    for (settings, name) in [
        ("AUTO=true\nDAEMON=both\nIFACE=lo\nSYNCID=7\n", "both daemons"),
        ("AUTO=false\nDAEMON=master\nIFACE=lo\n", "one daemon, no table"),
        ("AUTO=true\nDAEMON=backup\nIFACE=nosuch0\n", "no such interface"),
        ("", "nothing set"),
    ] {
        fs::write(SETTINGS, settings)?;
        let reference = life(ctx, &seat, Tool::Reference)?;
        let ours = life(ctx, &seat, Tool::Ours)?;
        for ((word, said, left), (_, our_said, our_left)) in reference.iter().zip(&ours) {
            ctx.same_run(&format!("{word} with {name}"), said, our_said);
            ctx.equal(&format!("after {word} with {name}"), left, our_left);
        }
        if name == "both daemons" {
            told_truly(ctx, &ours);
        }
    }
    Ok(())
}

/// That the two agree would be nothing if both did nothing.
fn told_truly(ctx: &Context, life: &[(&str, Captured, Left)]) {
    for (word, said, left) in life {
        let full = left.table.contains("-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -g -w 1\n");
        let (has_table, has_daemons) = match *word {
            "save" | "load" | "reload" => (true, false),
            "start" | "status" | "rate" | "restart" => (true, true),
            _ => (false, false),
        };
        ctx.equal(&format!("table after {word}"), &has_table, &full);
        let daemons = ["master sync daemon", "backup sync daemon"];
        let running = daemons.map(|daemon| left.daemons.contains(daemon));
        ctx.equal(&format!("daemons after {word}"), &[has_daemons; 2], &running);
        let status = i32::from(*word == "nonsense");
        ctx.equal(&format!("status of {word}"), &status, &said.code());
    }
}

/// Every word of the script, one after the other.
fn life(ctx: &Context, seat: &Seat<'_>, tool: Tool) -> Result<Vec<(&'static str, Captured, Left)>> {
    seat.give(tool)?;
    seat.make_table(TABLE)?;
    if Path::new(RULES).exists() {
        fs::remove_file(RULES)?;
    }
    let words = [
        "save", "start", "status", "rate", "restart", "stop", "load", "reload", "stop", "nonsense",
    ];
    let mut life = Vec::new();
    for word in words {
        let mut script = Command::new("sh");
        // The script's name is in what it says.
        script
            .arg(seat.packaged("etc/init.d/ipvsadm"))
            .arg(word)
            .env("PATH", "/sbin:/usr/bin:/bin");
        let mut said = ctx.capture(&mut script)?;
        said.stdout = without_size(&said.out()).into_bytes();
        let left = Left {
            table: seat.reference(&["-Sn"])?,
            daemons: seat.reference(&["-L", "--daemon"])?,
            rules: fs::read_to_string(RULES)?,
        };
        life.push((word, said, left));
    }
    Ok(life)
}

/// The size of the table of connections changes by itself from Linux 7.1.
fn without_size(text: &str) -> String {
    match text.split_once("(size=").and_then(|(head, rest)| Some((head, rest.split_once(')')?))) {
        Some((head, (_, rest))) => format!("{head}(size=N){rest}"),
        None => text.to_owned(),
    }
}
