//! Where bridge does harm, and ours does not.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool, split};
use crate::tables::{ENTRIES, LINKS};

pub(crate) fn are_not_done(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, LINKS, ENTRIES)?;
    let before = pair.tables()?;
    // Conditions of newer versions, of which 6.1 says nothing and deletes everything.
    for condition in ["vni 5", "src_vni 5", "dst 10.0.0.1", "port 5", "nhid 10", "perm", "router"] {
        let line = format!("fdb flush dev vx1 {condition}");
        let (run, left) = pair.run_and_look(Tool::Ours, &split(&line), b"")?;
        ctx.equal(&format!("tables after {line}"), &before, &left);
        let word = condition.split(' ').next().unwrap_or_default();
        let text = format!(
            "Error: \"{word}\" is no condition that bridge 6.1 knows, so nothing was flushed; `rsadm \
             vxlan fdb flush' knows more\n"
        );
        ctx.equal(&line, &(255, text), &(run.code(), run.err()));
    }
    // A filter of one line of a batch is none of the next.
    let file =
        b"fdb show dev vx6 state 2 vlan 0 dynamic\nfdb show vlan 1\nfdb show vlan 2\nfdb show\n";
    let batch = pair.run(Tool::Ours, &["-b", "-"], file)?;
    let alone: Vec<String> = ["fdb show dev vx6 state 2 dynamic", "fdb show vlan 1", "fdb show"]
        .iter()
        .map(|line| Ok(pair.run(Tool::Reference, &split(line), b"")?.out()))
        .collect::<Result<_, testbed::harness::Failure>>()?;
    ctx.equal("filters end with their line", &alone.concat(), &batch.out());
    ctx.equal("and are no mistake", &(0, String::new()), &(batch.code(), batch.err()));
    // Addresses of no bytes.
    for word in ["any", "all", "default"] {
        let line = format!("fdb add 02:00:00:00:00:91 dev vx1 dst {word}");
        let (run, left) = pair.run_and_look(Tool::Ours, &split(&line), b"")?;
        let text = format!("Error: any valid address is expected rather than \"{word}\".\n");
        ctx.equal(&line, &(1, text, &before), &(run.code(), run.err(), &left));
    }
    if pair.has("vxf") {
        let line = "vni add vni 16777216 dev vxf";
        let (run, left) = pair.run_and_look(Tool::Ours, &split(line), b"")?;
        let text = "Error: argument \"16777216\" is wrong: invalid VNI\n".to_owned();
        ctx.equal(line, &(255, text, &before), &(run.code(), run.err(), &left));
        // The word that the help names.
        let (run, left) = pair.run_and_look(Tool::Ours, &split("vni del vni 10 dev vxf"), b"")?;
        ctx.equal("vni del", &(0, String::new()), &(run.code(), run.err()));
        ctx.check("vni del deletes", left != before);
    }
    Ok(())
}
