//! Where the personality differs on purpose: `docs/compatibility.md` says why.

use testbed::harness::{Context, Outcome};

use crate::pair::{Pair, Tool};
use crate::tables::{MIXED, SMALL};

/// Commands that delete what they are not asked to, in conntrack; here they do not.
pub(crate) fn are_not_done(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let whole = pair.table()?.len();
    for (line, kept) in [
        ("-D -u UNREPLIED", "SEEN_REPLY"),
        ("-D -u !ASSURED", "ASSURED"),
        ("-D -u !SEEN_REPLY", "SEEN_REPLY"),
        ("-F -f ipv6", "10.0.0.1"),
        ("-F -f ipv4", "fd00::1"),
        ("-D -p gre --srckey 5", "GRE"),
        ("-D -n fd00::77", "fd00::8"),
        ("-D -g [fd00::77]:5353", "fd00::9"),
    ] {
        let (run, left) = pair.ours(line)?;
        let kept_before = {
            pair.reset()?;
            pair.table()?.into_iter().filter(|flow| is(flow, kept)).count()
        };
        let kept_now = left.iter().filter(|flow| is(flow, kept)).count();
        if kept_before > 0 {
            ctx.equal(&format!("{line} leaves those with {kept}"), &kept_before, &kept_now);
        }
        ctx.check(line, matches!(run.code(), 0 | 1));
    }
    let (run, left) = pair.ours("-D -u UNREPLIED")?;
    ctx.equal("status", &0, &run.code());
    ctx.check(
        "those without a reply are gone",
        left.iter().all(|flow| flow.contains("SEEN_REPLY")),
    );
    ctx.check("some are left, some are not", !left.is_empty() && left.len() < whole);
    let (run, left) = pair.ours("-D -p gre --srckey 0x11")?;
    ctx.equal("status", &0, &run.code());
    ctx.equal("one flow is gone", &whole, &(left.len() + 1));
    let listed = pair.run(Tool::Ours, &["-L", "-u", "SEEN_REPLY,!ASSURED"], b"")?.out();
    ctx.check("a status and no other", !listed.is_empty() && !listed.contains("ASSURED"));
    Ok(())
}

fn is(flow: &str, what: &str) -> bool {
    match what {
        "GRE" => flow.contains("Keys"),
        "SEEN_REPLY" | "ASSURED" => flow.contains(what),
        address => flow.contains(address),
    }
}

/// What conntrack cannot do at all, or not as it was meant.
pub(crate) fn what_was_meant(ctx: &Context) -> Outcome {
    let mut pair = Pair::new(ctx, MIXED)?;
    let flows = pair.flows();
    // 1.4.8: an update does not need a family and shows every flow.
    let (run, left) = pair.ours("-U -m 77")?;
    ctx.equal("status", &0, &run.code());
    ctx.equal("every flow is shown", &flows, &run.out().lines().count());
    ctx.check(
        "the footer",
        run.err().ends_with(&format!(": {flows} flow entries have been updated.\n")),
    );
    ctx.check("every flow is changed", left.iter().all(|flow| flow.contains("mark: Some(77)")));
    // 1.4.8: what is there already is updated.
    pair.start_from(SMALL)?;
    for status in ["", " -u SEEN_REPLY,ASSURED"] {
        let line = format!(
            "-A -s 10.0.0.1 -d 10.0.0.2 -p tcp -t 777 --sport 1000 --dport 80 --state CLOSE -m 8{status}"
        );
        let (run, left) = pair.ours(&line)?;
        ctx.equal(
            "status",
            &(0, true),
            &(run.code(), run.err().ends_with("1 flow entries have been added.\n")),
        );
        ctx.check("it is updated", left.iter().any(|flow| flow.contains("mark: Some(8)")));
        ctx.equal("none is added", &pair.flows(), &left.len());
    }
    // By the reply alone.
    let (run, _) =
        pair.ours("-G -r 10.0.0.2 -q 10.0.0.1 -p tcp --reply-port-src 80 --reply-port-dst 1000")?;
    ctx.check(
        "found by its reply",
        run.code() == 0 && run.out().contains("src=10.0.0.1 dst=10.0.0.2"),
    );
    // A state that no list has does not end the program.
    let (run, _) = pair.ours("-L -p sctp --state foo")?;
    ctx.equal("a wrong state", &2, &run.code());
    ctx.check("is named", run.err().contains("unknown SCTP state `foo'\n"));
    // Keys of GRE are compared.
    pair.start_from("-I -s 10.0.0.1 -d 10.0.0.2 -p gre -t 50000 --srckey 0x11 --dstkey 0xffff\n")?;
    for (line, found) in [
        ("-L -p gre --srckey 17 --dstkey 0xffff", 1),
        ("-L -p gre --srckey 18", 0),
        ("-L -p gre --reply-key-src 65535", 1),
        ("-L -p gre --reply-key-dst 5", 0),
    ] {
        let (run, _) = pair.ours(line)?;
        ctx.equal(line, &found, &run.out().lines().count());
    }
    // A part of what SCTP keeps.
    pair.start_from("-I -s 10.0.0.1 -d 10.0.0.2 -p sctp -t 50000 --sport 1 --dport 2 --state CLOSED --orig-vtag 1 --reply-vtag 2\n")?;
    if pair.flows() > 0 {
        let (run, _) = pair.ours("-U -p sctp --state ESTABLISHED")?;
        ctx.check("a state without tags", run.code() == 0 && run.out().contains("ESTABLISHED"));
    }
    Ok(())
}
