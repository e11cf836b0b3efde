//! What `-R` makes of its input, and whether `-S` and `-R` are each other's inverse.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use testbed::harness::{Context, Failure, Outcome};
use testbed::process::Captured;

use crate::pair::{Pair, Tool, sorted_lines};
use crate::tables::{MIXED, SMALL};

const INPUTS: [&str; 58] = [
    "",
    "\n",
    "\n\n\n",
    "   \n\t\n",
    "-A -t 10.5.0.1:80\n",
    "-A -t 10.5.0.1:80",
    "-A -t 10.5.0.1:80\r\n-A -t 10.5.0.1:81\r\n",
    "-A -t 10.5.0.1:80\r-A -t 10.5.0.1:81\r",
    "  -A   -t\t10.5.0.1:80  \n",
    "-A -t 10.5.0.1:80\n\n\n-A -t 10.5.0.1:81",
    "-A -t 10.5.0.1:80\n-A -t\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\n-A -t 10.5.0.1:81\n-A -t\n",
    "-A -t 10.5.0.1:80\n--bogus\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\n-A --bogus\n-A -t 10.5.0.1:81\n",
    "-A --bogus\n",
    "-A -t 10.5.0.1:80\n-A -t 10.5.0.1:80\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\n-A -t 10.5.0.1:80\n",
    "-A -t 10.5.0.1:80\n-A -t 80\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\n# comment\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80 # comment\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80 -s rr #\n",
    "#\n",
    "-A -t 10.5.0.1:80 -s \"rr\"\n",
    "\"-A\" -t 10.5.0.1:80\n",
    "'-A' -t 10.5.0.1:80\n",
    "-A -t 10.5.0.1:80 \\\n-s rr\n",
    "ipvsadm -A -t 10.5.0.1:80\n",
    "-A ipvsadm -t 10.5.0.1:81 ipvsadm\n",
    "/sbin/ipvsadm -A -t 10.5.0.1:82\n",
    "ipvsadm\nipvsadm ipvsadm\n-A -t 10.5.0.1:80\n",
    "-R\n-A -t 10.5.0.1:80\n",
    "-A -t 10.5.0.1:80\n-R\n-A -t 10.5.0.1:81\n",
    "-R --bogus\n",
    "-R -n\n",
    "-L\n-Ln\n-A -t 10.5.0.1:80\n-S\n-Ln\n",
    "-L -t 10.5.0.1:80\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\n-L -t 10.5.0.1:80\n-Ln -t 10.0.0.1:80 --stats\n",
    "-Sn\n-C\n-Sn\n-L\n",
    "-Z\n-C\n",
    "-C\n-A -t 10.5.0.1:80\n-a -t 10.5.0.1:80 -r 10.6.0.1 -m\n",
    "--set 1 2 3\n-L --timeout\n",
    "--set 1 2\n-A -t 10.5.0.1:80\n",
    "-A -t 10.5.0.1:80\0 -s rr\n-A -t 10.5.0.1:81\n",
    "-A -t 10.5.0.1:80\u{b}-s rr\n",
    "-A -t 10.5.0.1:80\u{c}-s rr\n",
    "-A\n",
    "-n\n",
    "word\n",
    "-A -t 10.5.0.1:80 -p\n-A -t 10.5.0.1:81 -p 60\n",
    "-A -f 3\n-a -f 3 -r 10.6.0.1:http -m\n",
    "-A -t 10.5.0.1:80\n-a -t 10.5.0.1:81 -r 10.6.0.1\n-d -t 10.5.0.1:80 -r 10.6.0.1\n-D -t 10.9.9.9:9\n-E -t 10.9.9.9:9\n",
    "-a -t 10.0.0.1:80 -r 10.6.0.1 -y 9\n-a -t 10.0.0.1:80 -r 0.0.0.0\n-A -t 10.5.0.1:80 -s nosuch\n",
    "-A -t 10.5.0.1:80\n-A -t 10.5.0.1:81 -w 5\n-A -t 10.5.0.1:82\n",
    "-A -t 10.5.0.1:0\n",
    "-A -u 10.5.0.1:80 -b bogus\n-A -t 10.5.0.1:82\n",
    "-A -t 10.5.0.1:80 -t 10.5.0.1:80\n-A -t 10.5.0.1:82\n",
    "-Lc\n-L --daemon\n-L --timeout\n-L --bogus\n",
    "-A -t 10.5.0.1:80\n-Z -t 10.5.0.1:80\n-Z -t 10.5.0.1:81\n-D -t 10.5.0.1:80\n",
];

pub(crate) fn inputs(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for input in INPUTS {
        pair.compare(&["-R"], input.as_bytes())?;
        pair.compare(&["--restore"], input.as_bytes())?;
    }
    pair.compare(&["-R"], b"-A -t 10.5.0.1:80\n-A -t \xff\xfe:80\n")?;
    pair.compare(&["-R"], b"-A -t 10.5.0.1:80\n\xff\xfe\n")?;
    pair.compare(&["-A", "-t", "10.5.0.1:80", "-h"], b"-C\n")?;
    // Another command does not look at its input.
    pair.compare(&["-Sn"], b"-C\n")?;
    let spaces = format!("-A -t 10.5.0.1:80{}-s rr\n", " ".repeat(3000));
    pair.compare(&["-R"], spaces.as_bytes())
}

/// Help and version in the middle end it with 0; their words are our own.
pub(crate) fn help_inside(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    for input in ["-A -t 10.5.0.1:80\n-h\n-C\n", "-A -t 10.5.0.1:80\n-v --bogus\n-C\n"] {
        let mut results = Vec::new();
        for tool in [Tool::Reference, Tool::Ours] {
            pair.start_from(SMALL)?;
            let run = pair.run(tool, &["-R"], input.as_bytes())?;
            let saved = pair.run(Tool::Reference, &["-Sn"], b"")?.out();
            results.push((run.code(), run.err(), saved));
        }
        ctx.equal(input, &results[0], &results[1]);
    }
    Ok(())
}

/// Save with one, restore with the other: the same table, and the same text again.
pub(crate) fn round_trips(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    // Marks from 2^31 are saved as negative numbers, which Debian's does not take back.
    let restorable: String = MIXED
        .lines()
        .filter(|line| !line.contains("-f 2147483648") && !line.contains("-f 4294967295"))
        .fold(String::new(), |text, line| text + line + "\n");
    for numeric in [&["-S", "-n"][..], &["-S"]] {
        pair.start_from(&restorable)?;
        let saved = pair.run(Tool::Reference, numeric, b"")?;
        pair.same("save", &saved, &pair.run(Tool::Ours, numeric, b"")?);
        for tool in [Tool::Reference, Tool::Ours] {
            pair.client().flush()?;
            let restored = pair.run(tool, &["-R"], &saved.stdout)?;
            ctx.equal("status of restore", &0, &restored.code());
            ctx.equal("errors of restore", "", restored.err().as_str());
            ctx.equal("saved again", &sorted_lines(&saved.out()), &pair.saved(numeric)?);
        }
    }
    Ok(())
}

/// Where ours is better: a saved table with large marks can be restored.
pub(crate) fn large_marks_come_back(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let saved = pair.run(Tool::Ours, &["-Sn"], b"")?;
    ctx.check("a mark is saved as a negative number", saved.out().contains("-A -f -1 "));
    pair.client().flush()?;
    let restored = pair.run(Tool::Ours, &["-R"], &saved.stdout)?;
    ctx.equal("status", &0, &restored.code());
    ctx.equal("errors", "", restored.err().as_str());
    ctx.equal("saved again", &sorted_lines(&saved.out()), &pair.saved(&["-Sn"])?);
    Ok(())
}

/// Debian's shell scripts `ipvsadm-save` and `ipvsadm-restore`, with ours first on PATH.
pub(crate) fn scripts(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let program = fs::canonicalize(ctx.reference("ipvsadm").get_program())?;
    let script = |name: &str, tool, input: &str| -> Result<Captured, Failure> {
        let text = fs::read_to_string(program.with_file_name(name))?;
        // They set a PATH of their own, in which neither program is.
        let text: String =
            text.split_inclusive('\n').filter(|line| !line.starts_with("PATH=")).collect();
        let usual = env::var_os("PATH").unwrap_or_default();
        let ours = (tool == Tool::Ours).then(|| PathBuf::from("/run"));
        let path = env::join_paths(ours.into_iter().chain(env::split_paths(&usual)))?;
        let mut command = Command::new("sh");
        Ok(ctx.capture_with(command.env("PATH", path).args(["-c", &text, name, "-n"]), input)?)
    };
    let saved = script("ipvsadm-save", Tool::Reference, "")?;
    pair.same("ipvsadm-save", &saved, &script("ipvsadm-save", Tool::Ours, "")?);
    for tool in [Tool::Reference, Tool::Ours] {
        pair.client().flush()?;
        let restored = script("ipvsadm-restore", tool, &format!("# comment\n{}", saved.out()))?;
        ctx.equal("status of ipvsadm-restore", &0, &restored.code());
        ctx.equal("errors of ipvsadm-restore", "", restored.err().as_str());
        let again = pair.run(Tool::Reference, &["-Sn"], b"")?;
        ctx.equal("the table comes back", &saved.out(), &again.out());
    }
    Ok(())
}

/// Many lines at once: the changes go to the kernel together, the messages keep their order.
pub(crate) fn large_inputs(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, SMALL)?;
    let lines = |number: u32| {
        let (high, low) = (number / 200, number % 200 + 1);
        let refused = match number % 7 {
            0 => "-A -t 10.0.0.1:80\n",
            1 => "-A -t 10.5.0.1:80 -s nosuch\n",
            2 => "-d -t 10.0.0.1:80 -r 10.9.9.9\n",
            _ => "",
        };
        format!(
            "-A -t 10.7.{high}.{low}:80 -s rr\n\
             -a -t 10.7.{high}.{low}:80 -r 10.8.{high}.{low} -m\n{refused}"
        )
    };
    let input: String = (0..300).map(lines).collect();
    pair.compare(&["-R"], input.as_bytes())?;
    pair.compare(&["-R"], format!("{input}-A --bogus\n").as_bytes())?;
    pair.compare(&["-R"], format!("{input}bogus\n{input}").as_bytes())
}
