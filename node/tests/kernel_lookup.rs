//! Route lookup, compared with the kernel's own answers.

#[path = "kernel_lookup/kernel.rs"]
mod kernel;
#[path = "kernel_lookup/random.rs"]
mod random;
#[path = "kernel_lookup/rules.rs"]
mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use node::{Collector, Decision, Network, Query, Refusal, Route, RouteKind, Router, Table};
use testbed::harness::{Case, Context, Failure, Need, Outcome};
use testbed::process;
use testbed::random::Random;

use kernel::{Answer, Kernel};

/// Random tables, and questions to each.
const TABLES: u64 = 100;
const QUESTIONS: u32 = 100;
/// Tables that change while they are asked (links notice late that they lost their carrier) are
/// asked again, this often.
const PATIENCE: u32 = 30;
/// What changed and changed back meanwhile is not seen: only what differs this often is a difference.
const CERTAIN: u32 = 3;
/// Between two looks at what differed: what changes back has the time to.
const PAUSE: Duration = Duration::from_millis(500);
/// What a run must have come across to be worth anything.
const CASES: [&str; 19] = [
    "prohibited",
    "blackhole",
    "no route",
    "unreachable",
    "IPv4",
    "IPv6",
    "coming in",
    "bound to a link",
    "unicast",
    "local",
    "broadcast",
    "multicast",
    "by a router",
    "by a router of the other family",
    "several ways",
    "by a rule of somebody's",
    "for certain sources",
    "by a nexthop object",
    "a source was chosen",
];

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "lookups_are_the_kernels", needs: &[], run: random_tables },
        Case { name: "masked_rules_are_the_kernels", needs: &[Need::Version(6, 15)], run: masked },
    ])
}

/// What both say to one question.
struct Compared {
    question: String,
    expected: String,
    got: String,
    same: bool,
    /// What the question was a case of.
    seen: Vec<&'static str>,
}

fn random_tables(ctx: &Context) -> Outcome {
    // One seed alone, to look at it.
    let chosen = std::env::var("RSADM_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let mut seen = BTreeSet::new();
    let seeds = chosen.map_or(1..=TABLES, |seed| seed..=seed);
    for seed in seeds {
        let namespace = ctx.namespace(&format!("t{seed}"))?;
        let compared = namespace.enter(|| Ok(one_table(seed)))?.map_err(Failure::Failed)?;
        for Compared { question, expected, got, same, seen: cases } in compared {
            seen.extend(cases);
            if same {
                ctx.check(&question, true);
            } else {
                ctx.equal(&format!("seed {seed}: {question}"), &expected, &got);
            }
        }
    }
    for case in CASES.iter().filter(|_| chosen.is_none()) {
        ctx.check(&format!("some question was a case of: {case}"), seen.contains(case));
    }
    Ok(())
}

/// Rules with masks of ports, DSCPs and flow labels, which older programs cannot write.
fn masked(ctx: &Context) -> Outcome {
    let mut decided = BTreeSet::new();
    for seed in 1..=10 {
        let namespace = ctx.namespace(&format!("m{seed}"))?;
        let compared = namespace.enter(|| Ok(masked_rules(seed)))?.map_err(Failure::Failed)?;
        for (rule, Compared { question, expected, got, same, .. }) in compared {
            decided.insert(rule);
            ctx.check(&format!("seed {seed}: {question}\n{expected}\n{got}"), same);
        }
    }
    ctx.check(&format!("each rule decided something: {decided:?}"), decided.len() > 6);
    Ok(())
}

/// Each comparison with the priority of the rule that decided.
fn masked_rules(seed: u64) -> Result<Vec<(u32, Compared)>, String> {
    batch(&[], rules::ROUTES)?;
    let text = |error: rsadm_netlink::Error| error.to_string();
    let mut random = Random::new(seed);
    rules::add(&mut random).map_err(text)?;
    let mut kernel = Kernel::open().map_err(text)?;
    let network = collect()?;
    let router = Router::new(&network).for_kernel(&release());
    let mut compared = Vec::new();
    for _ in 0..QUESTIONS {
        let query = rules::query(&mut random);
        let priority = router.route(&query).rule.map_or(0, |rule| rule.priority);
        compared.push((priority, compare(&mut kernel, &router, &query)?));
    }
    Ok(compared)
}

fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn one_table(seed: u64) -> Result<Vec<Compared>, String> {
    let random = &mut Random::new(seed);
    for (path, value) in random::sysctls(random) {
        fs::write(format!("/proc/sys/net/{path}"), value).map_err(|error| error.to_string())?;
    }
    let links = random::links(random);
    let vrf = random::vrf(random);
    let [rules4, rules6] = random::rules(random);
    let [routes4, routes6] = random::routes(random);
    batch(&[], &links)?;
    batch(&[], vrf)?;
    batch(&[], &(rules4 + &routes4))?;
    batch(&["-6"], &(rules6 + &routes6))?;
    batch(&[], &random::events(random))?;
    let mut kernel = Kernel::open().map_err(|error| error.to_string())?;
    let release = release();
    let (mut before, mut differed) = (collect()?, 0);
    for _ in 0..PATIENCE {
        let mut random = Random::new(!seed);
        let router = Router::new(&before).for_kernel(&release);
        let mut compared = Vec::new();
        for _ in 0..QUESTIONS {
            let query = random::query(&mut random, &before);
            compared.push(compare(&mut kernel, &router, &query)?);
        }
        let after = collect()?;
        if before.routes == after.routes && states(&before) == states(&after) {
            differed += 1;
            if differed == CERTAIN || compared.iter().all(|it| it.same) {
                return Ok(compared);
            }
            thread::sleep(PAUSE);
        }
        before = after;
    }
    Err(format!("seed {seed}: the tables do not come to rest"))
}

/// Runs lines of `ip`. What makes no sense the kernel refuses; the rest is enough. But the program must
/// have come to its end, which it does not if it cannot read a line.
fn batch(family: &[&str], lines: &str) -> Result<(), String> {
    let mut ip = Command::new("ip");
    let ended = format!("{lines}link show lo\n");
    let run = process::capture_with(ip.args(family).args(["-force", "-batch", "-"]), ended);
    let run = run.map_err(|error| error.to_string())?;
    let missing = lines.contains("vrf") && run.err().contains("Unknown device type");
    if run.out().is_empty() && !missing { Err(run.err()) } else { Ok(()) }
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

/// What both say. A kernel that says something else is asked again without what it remembers.
fn compare(kernel: &mut Kernel, router: &Router<'_>, query: &Query) -> Result<Compared, String> {
    let compared = compare_once(kernel, router, query)?;
    if compared.same || query.destination.is_ipv4() {
        return Ok(compared);
    }
    forget()?;
    compare_once(kernel, router, query)
}

/// Has IPv6 forget the ways out that it remembers. It keeps one for a nexthop object, whichever route
/// led there first, and a rule that suppresses short prefixes looks at that route's: what was asked
/// before decides. An address that comes makes all of them old.
fn forget() -> Result<(), String> {
    let address = "2001:db8:ffff::1/128 dev lo";
    batch(&["-6"], &format!("addr add {address} nodad noprefixroute\naddr del {address}\n"))
}

fn compare_once(
    kernel: &mut Kernel,
    router: &Router<'_>,
    query: &Query,
) -> Result<Compared, String> {
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
    let told = decision.route.filter(|route| !is_shared(route));
    if let (true, Ok(_), Some(route)) = (same, decision.outcome, told) {
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
    let seen = cases(query, &decision);
    Ok(Compared { question: format!("{query:?}"), expected, got, same, seen })
}

/// Since 6.13 a lookup for a packet that comes in has one errno for all that is wrong with its source.
fn is_named_otherwise(errno: i32, why: Refusal) -> bool {
    why == Refusal::ReversePath && errno == Refusal::BadSource.errno()
}

fn cases(query: &Query, decision: &Decision<'_>) -> Vec<&'static str> {
    let kind = |kind| decision.outcome == Ok(kind);
    let refused = |why| decision.outcome == Err(why);
    let by = |is: fn(&Route) -> bool| decision.route.is_some_and(is);
    let router = decision.ways.iter().find_map(|way| way.gateway);
    let ipv4 = query.destination.is_ipv4();
    let holds = [
        refused(Refusal::Prohibited),
        refused(Refusal::Blackhole),
        refused(Refusal::NoRoute),
        refused(Refusal::Unreachable),
        ipv4,
        !ipv4,
        query.input.is_some(),
        query.output.is_some(),
        kind(RouteKind::UNICAST),
        kind(RouteKind::LOCAL),
        kind(RouteKind::BROADCAST),
        kind(RouteKind::MULTICAST),
        router.is_some(),
        router.is_some_and(|router| router.is_ipv4() != ipv4),
        decision.ways.len() > 1,
        decision.rule.is_some_and(|rule| ![0, 32766, 32767].contains(&rule.priority)),
        by(|route| route.source.is_some()),
        by(|route| route.nexthop.is_some()),
        query.source.is_none() && decision.ways.iter().any(|way| way.source.is_some()),
    ];
    CASES.into_iter().zip(holds).filter(|(_, holds)| *holds).map(|(case, _)| case).collect()
}

/// IPv6 keeps what it tells of a route with the way out, so that of routes which share a nexthop object
/// it tells what is true of one of them.
fn is_shared(route: &Route) -> bool {
    route.nexthop.is_some() && route.destination.address().is_ipv6()
}

fn is_same(answer: &Answer, kind: RouteKind, decision: &Decision<'_>, query: &Query) -> bool {
    let ipv4 = query.destination.is_ipv4();
    // A kernel of IPv4 that has no rules but its own says `main` for both tables.
    let asked = decision.rule.map(|rule| rule.table);
    let table = decision.route.is_none_or(|route| {
        let table = route.table;
        is_shared(route)
            || table == answer.table
            || ipv4 && asked.is_none() && answer.table == Table::MAIN
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
