//! Rules out of JSON.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipvs::Family;
use serde_json::Value as Json;

use super::super::Hook;
use super::super::rule::{
    Addresses, Base, Chain, Condition, Effect, Field, Pattern, Program, Rule, Set, Step, Text,
    Value,
};
use super::super::text::{self, state, status};
use crate::{Prefix, RouteKind};

/// Reads a ruleset, without the tables `taken` that iptables-nft printed in its own words.
pub(in super::super) fn read(
    input: &str,
    family: Family,
    taken: &[String],
    program: &mut Program,
    gaps: &mut Vec<String>,
) {
    // Nothing at all is what the tool prints of no rules.
    if input.trim().is_empty() {
        return;
    }
    let ruleset: Json = match serde_json::from_str(input) {
        Ok(ruleset) => ruleset,
        Err(error) => return gaps.push(format!("nftables: not JSON: {error}")),
    };
    let Some(items) = ruleset.get("nftables").and_then(Json::as_array) else {
        return gaps.push("nftables: not a ruleset".to_owned());
    };
    let mut reader =
        Reader { family, chains: HashMap::new(), sets: HashMap::new(), maps: HashMap::new() };
    let of_interest = |body: &Json| {
        let table = word(body, "table");
        match (word(body, "family"), family) {
            ("inet", _) => true,
            ("ip", Family::Ipv4) => !taken.iter().any(|taken| taken == table),
            ("ip6", Family::Ipv6) => !taken.iter().any(|taken| taken == table),
            _ => false,
        }
    };
    let all = |kind: &'static str| {
        items.iter().filter_map(move |item| item.get(kind)).filter(|body| of_interest(body))
    };
    for other in items.iter().filter_map(|item| item.get("chain")) {
        if matches!(word(other, "family"), "bridge" | "netdev") && other.get("hook").is_some() {
            let (family, table) = (word(other, "family"), word(other, "table"));
            gaps.push(format!("nftables: {family} {table} {} is not asked", word(other, "name")));
        }
    }
    for body in all("chain") {
        reader.chain(body, program);
    }
    for body in all("set") {
        reader.sets.insert(key(body, "name"), Arc::new(reader.set(body.get("elem"))));
    }
    for body in all("map") {
        let entries = reader.entries(body.get("elem"), &table_of(body));
        reader.maps.insert(key(body, "name"), Arc::new(entries));
    }
    for body in all("rule") {
        let chain = reader.chains.get(&key(body, "chain"));
        let Some(chain) = chain.and_then(|chain| program.chains.get_mut(*chain)) else {
            gaps.push(format!("nftables: no chain {}", word(body, "chain")));
            continue;
        };
        let steps = reader.steps(body.get("expr"), &table_of(body));
        chain.rules.push(Rule { text: Text::Json(Arc::new(body.clone())), steps });
    }
}

fn word<'j>(body: &'j Json, name: &str) -> &'j str {
    body.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn table_of(body: &Json) -> String {
    format!("{} {}", word(body, "family"), word(body, "table"))
}

/// A name within its table.
fn key(body: &Json, name: &str) -> (String, String) {
    (table_of(body), word(body, name).to_owned())
}

/// Map of a value to what to do or to another value.
type Entries = Vec<(Vec<Pattern>, Vec<Step>, Option<Json>)>;

struct Reader {
    family: Family,
    chains: HashMap<(String, String), usize>,
    sets: HashMap<(String, String), Arc<Set>>,
    maps: HashMap<(String, String), Arc<Entries>>,
}

const DOUBT: Condition = Condition::Doubt { by_chance: false };

impl Reader {
    fn chain(&mut self, body: &Json, program: &mut Program) {
        let (table, name) = (table_of(body), word(body, "name").to_owned());
        let chain = program.chains.len();
        program.chains.push(Chain { table, name, rules: Vec::new() });
        self.chains.insert(key(body, "name"), chain);
        if let Some(hook) = Hook::named(word(body, "hook")) {
            program.bases.push(Base {
                hook,
                priority: body.get("prio").and_then(Json::as_i64).unwrap_or(0),
                chain,
                nat: word(body, "type") == "nat",
                drops: word(body, "policy") == "drop",
            });
        }
    }

    fn set(&self, elements: Option<&Json>) -> Set {
        let mut set = Set::default();
        for element in elements.and_then(Json::as_array).into_iter().flatten() {
            match self.patterns(element) {
                Some(patterns) => set.insert(patterns),
                None => set.doubtful = true,
            }
        }
        set
    }

    fn entries(&self, elements: Option<&Json>, table: &str) -> Entries {
        let pairs = elements.and_then(Json::as_array).into_iter().flatten();
        let entry = |pair: &Json| {
            let (from, to) = (pair.get(0)?, pair.get(1)?);
            Some((self.patterns(from)?, self.statement(to, table), Some(to.clone())))
        };
        pairs.filter_map(entry).collect()
    }

    fn steps(&self, expressions: Option<&Json>, table: &str) -> Vec<Step> {
        let statements = expressions.and_then(Json::as_array).into_iter().flatten();
        statements.flat_map(|statement| self.statement(statement, table)).collect()
    }

    /// What one statement is.
    fn statement(&self, statement: &Json, table: &str) -> Vec<Step> {
        let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next())
        else {
            return vec![Step::If(DOUBT)];
        };
        let does = |effect| vec![Step::Do(effect)];
        let to = || (table.to_owned(), word(body, "target").to_owned());
        let chain = |make: fn(usize) -> Effect| {
            does(self.chains.get(&to()).map_or(Effect::Doubt, |chain| make(*chain)))
        };
        match name.as_str() {
            "match" => self.condition(body, table),
            "accept" => does(Effect::Accept),
            "drop" => does(Effect::Drop),
            "reject" => does(Effect::Reject),
            "return" => does(Effect::Return),
            "jump" => chain(Effect::Jump),
            "goto" => chain(Effect::Goto),
            "masquerade" => does(Effect::Masquerade),
            "snat" | "dnat" | "redirect" => self.translation(name, body, table),
            "notrack" => does(Effect::NoTrack),
            "mangle" => does(mangle(body)),
            "vmap" => self.verdict_map(body, table),
            // A name alone is an object of its own; with the rate in place it is a condition.
            "limit" | "quota" | "ct count" | "meter" => vec![Step::If(DOUBT)],
            "set" if body.get("stmt").is_some() => vec![Step::If(DOUBT)],
            "continue" | "counter" | "log" | "comment" | "set" | "flow" | "ct helper"
            | "ct timeout" | "ct expectation" | "last" | "secmark" | "dup" | "reset" => {
                does(Effect::Nothing)
            }
            // Matches and targets of iptables that nft does not know: either may matter.
            "xt" if word(body, "type") == "match" => vec![Step::If(DOUBT)],
            _ => vec![Step::If(DOUBT), Step::Do(Effect::Doubt)],
        }
    }

    fn condition(&self, body: &Json, table: &str) -> Vec<Step> {
        let (left, right) = (body.get("left"), body.get("right"));
        let operator = word(body, "op");
        let (Some(left), Some(right)) = (left, right) else { return vec![Step::If(DOUBT)] };
        if let Some(steps) = way_back(left, right, operator) {
            return steps;
        }
        let fields = fields(left);
        let mut steps: Vec<Step> = self.requires(left).into_iter().map(Step::If).collect();
        let condition = match operator {
            "==" | "in" | "!=" => self.membership(&fields, right, operator, table),
            "<" | "<=" | ">" | ">=" => comparison(&fields, right, operator),
            _ => DOUBT,
        };
        steps.push(Step::If(condition));
        steps
    }

    fn membership(&self, fields: &[Field], right: &Json, operator: &str, table: &str) -> Condition {
        let negated = operator == "!=";
        // Flags: one of them is enough.
        if let [field @ (Field::State | Field::Status)] = fields {
            let named = if *field == Field::State { state::named } else { status::named };
            let names: Vec<&Json> = match right {
                Json::Array(names) => names.iter().collect(),
                Json::Object(set) => {
                    set.get("set").and_then(Json::as_array).into_iter().flatten().collect()
                }
                name => vec![name],
            };
            let bit = |name: &&Json| name.as_str().and_then(named);
            let bits = names.iter().map(bit).try_fold(0, |all, bit| Some(all | bit?));
            return match bits {
                // An equality of more than one bit is not a question for one of them.
                Some(bits) => Condition::AnyBit { field: field.clone(), bits, negated },
                None => DOUBT,
            };
        }
        if operator == "in" {
            if let ([field], Some(bits)) = (fields, right.as_u64()) {
                return Condition::AnyBit {
                    field: field.clone(),
                    bits: bits.into(),
                    negated: false,
                };
            }
        }
        let set = match right {
            Json::String(name) if name.starts_with('@') => {
                match self.sets.get(&(table.to_owned(), name[1..].to_owned())) {
                    Some(set) => set.clone(),
                    None => return DOUBT,
                }
            }
            Json::Object(object) if object.contains_key("set") => {
                let elements = &object["set"];
                Arc::new(if elements.is_array() {
                    self.set(Some(elements))
                } else {
                    self.set(Some(&Json::Array(vec![elements.clone()])))
                })
            }
            one => match self.patterns(one) {
                Some(patterns) => {
                    let mut set = Set::default();
                    set.insert(patterns);
                    Arc::new(set)
                }
                None => return DOUBT,
            },
        };
        Condition::In { fields: fields.to_vec(), set, negated }
    }

    /// What a field takes for granted: `tcp dport` that it is TCP.
    fn requires(&self, expression: &Json) -> Vec<Condition> {
        let parts = match expression.get("concat").and_then(Json::as_array) {
            Some(parts) => parts.iter().collect(),
            None => vec![expression],
        };
        let required = parts.into_iter().filter_map(|part| {
            let part =
                ["&", "|", "^"].iter().find_map(|bits| part.get(bits)?.get(0)).unwrap_or(part);
            let payload = part.get("payload")?;
            let protocol = match word(payload, "protocol") {
                "ip" if self.family == Family::Ipv4 => return None,
                "ip6" if self.family == Family::Ipv6 => return None,
                "ip" | "ip6" => return Some(Condition::Always(false)),
                "th" => return None,
                name => match text::protocol(name) {
                    Some(protocol) => protocol,
                    None => return Some(DOUBT),
                },
            };
            let set = Arc::new(Set::of(Pattern::One(Value::Number(protocol.into()))));
            Some(Condition::In { fields: vec![Field::Protocol], set, negated: false })
        });
        required.collect()
    }

    /// One element: a value, a range, several values side by side.
    fn patterns(&self, element: &Json) -> Option<Vec<Pattern>> {
        if let Some(inner) = element.get("elem") {
            return self.patterns(inner.get("val")?);
        }
        if let Some(parts) = element.get("concat").and_then(Json::as_array) {
            return parts.iter().map(|part| self.pattern(part)).collect();
        }
        Some(vec![self.pattern(element)?])
    }

    fn pattern(&self, element: &Json) -> Option<Pattern> {
        if let Some(inner) = element.get("elem") {
            return self.pattern(inner.get("val")?);
        }
        if let Some(prefix) = element.get("prefix") {
            let length = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
            let prefix = Prefix::new(word(prefix, "addr").parse().ok()?, length)?;
            return Some(text::network(prefix, self.family));
        }
        if let Some(range) = element.get("range") {
            let end = |place| match self.pattern(range.get(place)?)? {
                Pattern::One(Value::Number(number)) => Some(number),
                _ => None,
            };
            return Some(Pattern::Range(end(0)?, end(1)?));
        }
        if let Some(parts) = element.get("|").and_then(Json::as_array) {
            let mut parts = parts.iter().map(|part| match self.pattern(part)? {
                Pattern::One(Value::Number(number)) => Some(number),
                _ => None,
            });
            let all = parts.try_fold(0, |all, part| Some(all | part?))?;
            return Some(Pattern::One(Value::Number(all)));
        }
        let number = |number: u128| Some(Pattern::One(Value::Number(number)));
        match element {
            Json::Number(value) => number(value.as_u64()?.into()),
            Json::Bool(value) => number((*value).into()),
            Json::String(word) => {
                if let Ok(address) = word.parse::<IpAddr>() {
                    return Some(text::network(Prefix::host(address), self.family));
                }
                if let Some(value) = named_number(word) {
                    return number(value);
                }
                Some(text::link(word, '*'))
            }
            _ => None,
        }
    }

    fn translation(&self, name: &str, body: &Json, table: &str) -> Vec<Step> {
        let port = match body.get("port") {
            None => None,
            Some(port) => match port.as_u64().or_else(|| port.get("range")?.get(0)?.as_u64()) {
                Some(port) => Some(port as u16),
                None => return vec![Step::Do(Effect::Doubt)],
            },
        };
        let make = |address, port| match name {
            "snat" => Effect::SourceNat { address, port },
            "dnat" => Effect::DestinationNat { address, port },
            _ => Effect::Redirect { port },
        };
        let Some(address) = body.get("addr") else { return vec![Step::Do(make(None, port))] };
        if let Some(map) = address.get("map") {
            return self.translation_map(map, table, port, make);
        }
        match addresses(address) {
            Some(range) if text::is_of(range.first, self.family) => {
                vec![Step::Do(make(Some(range), port))]
            }
            Some(_) => vec![Step::If(Condition::Always(false))],
            None => vec![Step::Do(Effect::Doubt)],
        }
    }

    /// `dnat to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }`
    fn translation_map(
        &self,
        map: &Json,
        table: &str,
        port: Option<u16>,
        make: impl Fn(Option<Addresses>, Option<u16>) -> Effect,
    ) -> Vec<Step> {
        let (Some(from), Some(data)) = (map.get("key"), map.get("data")) else {
            return vec![Step::Do(Effect::Doubt)];
        };
        let effect = |to: &Json| {
            let parts = to.get("concat").and_then(Json::as_array);
            let (address, port) = match parts.map(Vec::as_slice) {
                Some([address, own]) => (address, Some(own.as_u64()? as u16)),
                Some(_) => return None,
                None => (to, port),
            };
            Some(make(Some(addresses(address)?), port))
        };
        let entries = self.data(data, table);
        let entries = entries.iter().map(|(patterns, _, to)| {
            let effect = to.as_ref().and_then(effect).unwrap_or(Effect::Doubt);
            (patterns.clone(), vec![Step::Do(effect)])
        });
        self.map_over(from, entries.collect())
    }

    fn verdict_map(&self, body: &Json, table: &str) -> Vec<Step> {
        let (Some(from), Some(data)) = (body.get("key"), body.get("data")) else {
            return vec![Step::Do(Effect::Doubt)];
        };
        let entries = self.data(data, table);
        let entries = entries.iter().map(|(patterns, steps, _)| (patterns.clone(), steps.clone()));
        self.map_over(from, entries.collect())
    }

    fn map_over(&self, from: &Json, entries: Vec<(Vec<Pattern>, Vec<Step>)>) -> Vec<Step> {
        let mut steps: Vec<Step> = self.requires(from).into_iter().map(Step::If).collect();
        let fields = fields(from);
        steps.push(Step::Do(Effect::Map { fields, entries: Arc::new(entries) }));
        steps
    }

    fn data(&self, data: &Json, table: &str) -> Arc<Entries> {
        if let Some(name) = data.as_str().and_then(|name| name.strip_prefix('@')) {
            return self
                .maps
                .get(&(table.to_owned(), name.to_owned()))
                .cloned()
                .unwrap_or_default();
        }
        Arc::new(self.entries(data.get("set").or(Some(data)), table))
    }
}

fn fields(expression: &Json) -> Vec<Field> {
    match expression.get("concat").and_then(Json::as_array) {
        Some(parts) => parts.iter().map(field).collect(),
        None => vec![field(expression)],
    }
}

fn field(expression: &Json) -> Field {
    for (sign, make) in
        [("&", Field::And as fn(Box<Field>, u128) -> Field), ("|", Field::Or), ("^", Field::Xor)]
    {
        if let Some(sides) = expression.get(sign) {
            let bits = sides.get(1).and_then(Json::as_u64);
            return match (sides.get(0), bits) {
                (Some(inner), Some(bits)) => make(Box::new(field(inner)), bits.into()),
                _ => Field::Doubt,
            };
        }
    }
    if let Some(meta) = expression.get("meta") {
        return match word(meta, "key") {
            "iifname" | "iif" => Field::Input,
            "oifname" | "oif" => Field::Output,
            "mark" => Field::Mark,
            "l4proto" => Field::Protocol,
            "nfproto" => Field::Family,
            _ => Field::Doubt,
        };
    }
    if let Some(payload) = expression.get("payload") {
        return match (word(payload, "protocol"), word(payload, "field")) {
            ("ip" | "ip6", "saddr") => Field::Source,
            ("ip" | "ip6", "daddr") => Field::Destination,
            ("ip", "protocol") | ("ip6", "nexthdr") => Field::Protocol,
            ("tcp" | "udp" | "sctp" | "dccp" | "udplite" | "th", "sport") => Field::SourcePort,
            ("tcp" | "udp" | "sctp" | "dccp" | "udplite" | "th", "dport") => Field::DestinationPort,
            _ => Field::Doubt,
        };
    }
    if let Some(ct) = expression.get("ct") {
        let original = word(ct, "dir") == "original";
        return match word(ct, "key") {
            "state" => Field::State,
            "status" => Field::Status,
            "mark" => Field::ConnectionMark,
            "direction" => Field::Reply,
            "saddr" | "ip saddr" | "ip6 saddr" if original => Field::OriginSource,
            "daddr" | "ip daddr" | "ip6 daddr" if original => Field::OriginDestination,
            "proto-src" if original => Field::OriginSourcePort,
            "proto-dst" if original => Field::OriginDestinationPort,
            _ => Field::Doubt,
        };
    }
    if let Some(fib) = expression.get("fib") {
        let flags = flags(fib);
        return match (word(fib, "result"), &*flags) {
            ("type", ["daddr"]) => Field::DestinationKind,
            ("type", ["saddr"]) => Field::SourceKind,
            _ => Field::Doubt,
        };
    }
    if expression.get("numgen").is_some() || expression.get("jhash").is_some() {
        return Field::Chance;
    }
    Field::Doubt
}

fn flags(body: &Json) -> Vec<&str> {
    match body.get("flags") {
        Some(Json::Array(flags)) => flags.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(flag)) => vec![flag],
        _ => Vec::new(),
    }
}

/// `fib saddr . iif oif exists`: whether the way back leads through the link that it came from.
fn way_back(left: &Json, right: &Json, operator: &str) -> Option<Vec<Step>> {
    let fib = left.get("fib")?;
    let flags = flags(fib);
    let asks = word(fib, "result") == "oif" && flags.contains(&"saddr") && flags.contains(&"iif");
    let exists =
        right.as_bool().or_else(|| right.as_u64().filter(|it| *it < 2).map(|it| it == 1))?;
    let leads = exists == (operator != "!=");
    let condition = Condition::WayBack { leads, with_mark: flags.contains(&"mark") };
    asks.then(|| vec![Step::If(condition)])
}

fn comparison(fields: &[Field], right: &Json, operator: &str) -> Condition {
    let Some(bound) = right.as_u64().map(u128::from) else { return DOUBT };
    let range = match operator {
        "<" => bound.checked_sub(1).map(|last| Pattern::Range(0, last)),
        "<=" => Some(Pattern::Range(0, bound)),
        ">" => Some(Pattern::Range(bound + 1, u128::MAX)),
        _ => Some(Pattern::Range(bound, u128::MAX)),
    };
    match range {
        Some(range) => {
            Condition::In { fields: fields.to_vec(), set: Arc::new(Set::of(range)), negated: false }
        }
        None => Condition::Always(false),
    }
}

/// `meta mark set meta mark | 0x4000` and the like.
fn mangle(body: &Json) -> Effect {
    let (Some(target), Some(value)) = (body.get("key"), body.get("value")) else {
        return Effect::Doubt;
    };
    match (field(target), bit_change(value)) {
        (Field::Mark, Some((Field::Mark, keep, flip))) => Effect::Mark { keep, flip },
        (Field::Mark, Some((Field::ConnectionMark, u32::MAX, 0))) => {
            Effect::RestoreMark { mask: u32::MAX }
        }
        (Field::ConnectionMark, Some((Field::ConnectionMark, keep, flip))) => {
            Effect::ConnectionMark { keep, flip }
        }
        (Field::ConnectionMark, Some((Field::Mark, u32::MAX, 0))) => {
            Effect::SaveMark { mask: u32::MAX }
        }
        // A number: whatever it was, it becomes that.
        (Field::Mark, Some((Field::Doubt, 0, flip))) => Effect::Mark { keep: 0, flip },
        (Field::ConnectionMark, Some((Field::Doubt, 0, flip))) => {
            Effect::ConnectionMark { keep: 0, flip }
        }
        // Other parts of a packet than addresses and ports decide nothing here.
        (Field::Doubt, _) if !touches_tuple(target) => Effect::Nothing,
        _ => Effect::Doubt,
    }
}

fn touches_tuple(target: &Json) -> bool {
    target.get("payload").is_some_and(|payload| {
        !matches!(
            word(payload, "field"),
            "dscp" | "ecn" | "ttl" | "hoplimit" | "version" | "flowlabel"
        )
    })
}

/// What a value is made of: a field, the bits of it that stay, and those that are turned over then.
/// A number is no field of which nothing stays.
fn bit_change(value: &Json) -> Option<(Field, u32, u32)> {
    if let Some(number) = value.as_u64() {
        return Some((Field::Doubt, 0, u32::try_from(number).ok()?));
    }
    for sign in ["&", "|", "^"] {
        let Some(sides) = value.get(sign) else { continue };
        let (field, keep, flip) = bit_change(sides.get(0)?)?;
        let bits = u32::try_from(sides.get(1)?.as_u64()?).ok()?;
        return Some(match sign {
            "&" => (field, keep & bits, flip & bits),
            "|" => (field, keep & !bits, flip & !bits | bits),
            _ => (field, keep, flip ^ bits),
        });
    }
    match field(value) {
        field @ (Field::Mark | Field::ConnectionMark) => Some((field, u32::MAX, 0)),
        _ => None,
    }
}

fn addresses(value: &Json) -> Option<Addresses> {
    if let Some(range) = value.get("range") {
        let end = |place| range.get(place)?.as_str()?.parse().ok();
        return Some(Addresses { first: end(0)?, last: end(1)? });
    }
    let address = value.as_str()?.parse().ok()?;
    Some(Addresses { first: address, last: address })
}

/// Words that stand for numbers: protocols, families, kinds of addresses, directions, services.
fn named_number(word: &str) -> Option<u128> {
    let kind = |kind: RouteKind| Some(u128::from(kind.0));
    match word {
        "ipv4" => Some(2),
        "ipv6" => Some(10),
        "unicast" => kind(RouteKind::UNICAST),
        "local" => kind(RouteKind::LOCAL),
        "broadcast" => kind(RouteKind::BROADCAST),
        "anycast" => kind(RouteKind::ANYCAST),
        "multicast" => kind(RouteKind::MULTICAST),
        "blackhole" => kind(RouteKind::BLACKHOLE),
        "unreachable" => kind(RouteKind::UNREACHABLE),
        "prohibit" => kind(RouteKind::PROHIBIT),
        "original" => Some(0),
        "reply" => Some(1),
        _ => text::protocol(word).map(u128::from),
    }
}
