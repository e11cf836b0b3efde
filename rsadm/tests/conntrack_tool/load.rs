//! Files of commands.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::{MIXED, SMALL};

const FLOW: &str = "-s 10.1.0.1 -d 10.1.0.2 -p 50 -t 50000";

pub(crate) fn files(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let long = |length| format!("-F {}\n", "x".repeat(length));
    let many = |count: usize| format!("-F {}\n", "x ".repeat(count));
    let files = [
        String::new(),
        "\n\n  \n\t\n".to_owned(),
        "# nothing\n  # nothing\n".to_owned(),
        "-F".to_owned(),
        "-F\n-F\n".to_owned(),
        format!("-I {FLOW}\n"),
        format!("  \t-I   {FLOW}\n"),
        format!("-I {FLOW}\n-I {FLOW}\n-F\n"),
        format!("-D\n-I {FLOW}\n-D -s 10.9.9.9\n-U -f ipv4 -m 9\n"),
        format!("-D -o id\n-I {FLOW}\n"),
        format!("-D\n-I {FLOW}\n-D -o xml\n"),
        "-D -o save\n-D -o xml\n".to_owned(),
        "-D -p tcp --sport 1000\n-D --sport 53\n".to_owned(),
        "-D \"-s\" \"10.0.0.1\"\n".to_owned(),
        "-D -s \"10.0.0.1 \\\"x\\\"\"\n".to_owned(),
        "-F \"a b\n-F\n".to_owned(),
        "-F \\\"x\n".to_owned(),
        "-F a\"b c\"d\n".to_owned(),
        "-F \"\"\n".to_owned(),
        "-F \"\" -F\n".to_owned(),
        "-F\\\n".to_owned(),
        "-F\r\n".to_owned(),
        "-F \r\n".to_owned(),
        "foo\n".to_owned(),
        "-o xml\n".to_owned(),
        "-L\n".to_owned(),
        "-F\n-L\n".to_owned(),
        "-G -s 10.0.0.1 -d 10.0.0.2 -p 50\n".to_owned(),
        "-E\n".to_owned(),
        "-h\n".to_owned(),
        "-V\n".to_owned(),
        "-C\n".to_owned(),
        "-C expect\n".to_owned(),
        "-S\n".to_owned(),
        "-S expect\n".to_owned(),
        "-L expect\n".to_owned(),
        "-L dying\n".to_owned(),
        "-F expect\n".to_owned(),
        "-E expect\n".to_owned(),
        "-D expect -s 1.1.1.1 -d 1.1.1.2 -p 50\n".to_owned(),
        "-G expect -s 1.1.1.1 -d 1.1.1.2 -p 50\n".to_owned(),
        "-I expect\n".to_owned(),
        "-R x\n".to_owned(),
        "-zXn\n".to_owned(),
        "-F\n-D -q\n".to_owned(),
        "-F\n-D -u foo\n".to_owned(),
        "-D -l a\n".to_owned(),
        "-D -a x\n".to_owned(),
        "-D -u SRC_NAT\n-D -s foo\n".to_owned(),
        long(1022),
        long(1023),
        long(1024),
        long(5000),
        many(252),
        many(253),
        many(254),
        many(300),
    ];
    for file in &files {
        pair.compare_load(file.as_bytes())?;
    }
    pair.compare_lines("-R /nonexistent\n-R\n-R /dev/null\n-L -R -\n-R- -L")?;
    if !std::path::Path::new("/dev/stdin").exists() {
        return Ok(());
    }
    for words in [&["-R", "/dev/stdin"][..], &["--load-file", "-"], &["-R", "-", "-L", "-q"]] {
        pair.compare(words, b"-F\n")?;
    }
    pair.compare(&["-R", "-"], b"-F\n")
}

/// What `-o save` prints makes the same table again, as far as it is saved.
pub(crate) fn saved_tables(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let saved = pair.run(Tool::Ours, &["-L", "-o", "save"], b"")?.stdout;
    let lines = String::from_utf8_lossy(&saved).lines().count();
    ctx.equal("a line for each flow", &pair.flows(), &lines);
    // Commands of `-A` on flows that exist differ on purpose, so each alone, from nothing.
    pair.start_from("")?;
    for line in String::from_utf8_lossy(&saved).lines() {
        pair.compare_load(line.as_bytes())?;
    }
    // Together.
    pair.compare_load(&saved)
}
