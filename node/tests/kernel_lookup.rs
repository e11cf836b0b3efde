//! Route lookup, compared with the kernel's own answers.

#[path = "kernel_lookup/kernel.rs"]
mod kernel;
#[path = "kernel_lookup/random.rs"]
mod random;

use std::fs;
use std::process::{Command, ExitCode};

use node::{Collector, Decision, Network, Query, Refusal, RouteKind, Router, Table};
use testbed::harness::{Case, Context, Failure, Outcome};
use testbed::process;

use kernel::{Answer, Kernel};
use random::Random;

/// Random tables, and questions to each.
const TABLES: u64 = 100;
const QUESTIONS: u32 = 100;
/// Tables that change while they are asked (links notice late that they lost their carrier) are
/// asked again, this often.
const PATIENCE: u32 = 30;

fn main() -> ExitCode {
    let needs = &[];
    testbed::harness::main(&[Case { name: "lookups_are_the_kernels", needs, run: random_tables }])
}

/// What both say to one question.
struct Compared {
    question: String,
    expected: String,
    got: String,
    same: bool,
}

fn random_tables(ctx: &Context) -> Outcome {
    // One seed alone, to look at it.
    let chosen = std::env::var("RSADM_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = chosen.map_or(1..=TABLES, |seed| seed..=seed);
    for seed in seeds {
        let namespace = ctx.namespace(&format!("t{seed}"))?;
        let compared = namespace.enter(|| Ok(one_table(seed)))?.map_err(Failure::Failed)?;
        for Compared { question, expected, got, same } in compared {
            if same {
                ctx.check(&question, true);
            } else {
                ctx.equal(&format!("seed {seed}: {question}"), &expected, &got);
            }
        }
    }
    Ok(())
}

fn one_table(seed: u64) -> Result<Vec<Compared>, String> {
    let random = &mut Random::new(seed);
    for (path, value) in random::sysctls(random) {
        fs::write(format!("/proc/sys/net/{path}"), value).map_err(|error| error.to_string())?;
    }
    // What makes no sense the kernel refuses; the rest is enough.
    let lines = [random::links(random), random::rules(random), random::routes(random)].concat();
    let lines = lines + &random::events(random);
    let mut ip = Command::new("ip");
    process::capture_with(ip.args(["-force", "-batch", "-"]), &lines)
        .map_err(|error| error.to_string())?;
    let mut kernel = Kernel::open().map_err(|error| error.to_string())?;
    let mut before = collect()?;
    for _ in 0..PATIENCE {
        let mut random = Random::new(!seed);
        let router = Router::new(&before);
        let mut compared = Vec::new();
        for _ in 0..QUESTIONS {
            let query = random::query(&mut random, &before);
            compared.push(compare(&mut kernel, &router, &query)?);
        }
        let after = collect()?;
        if before.routes == after.routes && states(&before) == states(&after) {
            return Ok(compared);
        }
        before = after;
    }
    Err(format!("seed {seed}: the tables do not come to rest"))
}

fn collect() -> Result<Network, String> {
    let collector = Collector::new().pods(false).connections(false);
    collector.collect().map(|snapshot| snapshot.network).map_err(|error| error.to_string())
}

/// What may change by itself: carriers, and what is known of neighbours.
fn states(network: &Network) -> Vec<(u32, u32)> {
    let links = network.links.iter().map(|link| (link.index(), link.base.flags.bits()));
    let neighbours = network.neighbours.iter().map(|it| (it.link, u32::from(it.state.bits())));
    links.chain(neighbours).collect()
}

fn compare(kernel: &mut Kernel, router: &Router<'_>, query: &Query) -> Result<Compared, String> {
    let text = |error: rsadm_netlink::Error| error.to_string();
    let expected = kernel.route(query).map_err(text)?;
    let decision = router.route(query);
    let mut same = match (&expected, decision.outcome) {
        (Err(errno), Err(why)) => *errno == why.errno() || is_named_otherwise(*errno, why),
        (Ok(answer), Ok(kind)) => is_same(answer, kind, &decision, query),
        _ => false,
    };
    let mut expected = format!("{expected:?}");
    // The route itself, where the kernel tells it and only one can be meant.
    if let (true, Ok(_), Some(route)) = (same, decision.outcome, decision.route) {
        if let Ok(answer) = kernel.decisive(query).map_err(text)? {
            let source = route.source.map_or(0, |source| source.length());
            same = (route.destination.length(), source) == answer.lengths
                && route.priority == answer.priority;
            if !same {
                expected = format!("the route {answer:?}");
            }
        }
    }
    let Decision { rule, route, outcome, ways } = &decision;
    let got = format!("{outcome:?} {ways:?}\n    by {rule:?}\n    {route:?}");
    Ok(Compared { question: format!("{query:?}"), expected, got, same })
}

/// Since 6.13 a lookup for a packet that comes in has one errno for all that is wrong with its source.
fn is_named_otherwise(errno: i32, why: Refusal) -> bool {
    why == Refusal::ReversePath && errno == Refusal::BadSource.errno()
}

fn is_same(answer: &Answer, kind: RouteKind, decision: &Decision<'_>, query: &Query) -> bool {
    let ipv4 = query.destination.is_ipv4();
    // A kernel of IPv4 that has no rules but its own says `main` for both tables.
    let asked = decision.rule.map(|rule| rule.table);
    let table = decision.table().is_none_or(|table| {
        table == answer.table || ipv4 && asked.is_none() && answer.table == Table::MAIN
    });
    // Of packets that have a source, and of those that come in, it tells none, or for IPv6 the one
    // that it would have chosen.
    let chosen = query.source.is_none() && query.input.is_none();
    let way = decision.ways.iter().any(|way| {
        way.link == answer.link
            && way.gateway == answer.gateway
            && (!chosen || way.source == answer.source)
    });
    kind == answer.kind && table && way
}
