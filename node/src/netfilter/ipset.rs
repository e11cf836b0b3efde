//! What `ipset save` prints.

use std::collections::HashMap;
use std::sync::Arc;

use ipvs::Family;

use super::rule::{Condition, Field, Pattern, Set, Value};
use super::text;

/// Sets by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    by_name: HashMap<String, Named>,
}

#[derive(Clone, Debug)]
struct Named {
    /// `ip`, `port`, `net` ...
    dimensions: Vec<String>,
    set: Arc<Set>,
    /// Names of its members, if it is a list of sets.
    members: Vec<String>,
}

/// A list of sets has no lists in it; more than this many steps down are a mistake.
const DEEPEST: usize = 4;

impl Sets {
    pub(super) fn parse(text: &str, family: Family) -> Self {
        let mut sets = Self::default();
        let mut filling: HashMap<&str, Set> = HashMap::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("create"), Some(name), Some(kind)) => {
                    let (_, dimensions) = kind.split_once(':').unwrap_or((kind, ""));
                    let dimensions = dimensions.split(',').map(str::to_owned).collect();
                    let named = Named { dimensions, set: Arc::default(), members: Vec::new() };
                    sets.by_name.insert(name.to_owned(), named);
                    filling.insert(name, Set::default());
                }
                (Some("add"), Some(name), Some(member)) => {
                    let (Some(named), Some(set)) =
                        (sets.by_name.get_mut(name), filling.get_mut(name))
                    else {
                        continue;
                    };
                    if named.dimensions == ["set"] {
                        named.members.push(member.to_owned());
                        continue;
                    }
                    let matches = !words.any(|word| word == "nomatch");
                    match element(member, &named.dimensions, family) {
                        Some(patterns) => set.insert_with(patterns, matches),
                        None => set.doubtful = true,
                    }
                }
                _ => {}
            }
        }
        for (name, set) in filling {
            if let Some(named) = sets.by_name.get_mut(name) {
                named.set = Arc::new(set);
            }
        }
        sets
    }

    /// The condition that the packet is in a set, which takes these sides of it (`src,dst`).
    pub(super) fn condition(&self, name: &str, sides: &str, negated: bool) -> Condition {
        match self.member(name, sides, 0) {
            Some(Condition::In { fields, set, .. }) => Condition::In { fields, set, negated },
            Some(condition) if !negated => condition,
            _ => Condition::Doubt { by_chance: false },
        }
    }

    fn member(&self, name: &str, sides: &str, depth: usize) -> Option<Condition> {
        let named = self.by_name.get(name).filter(|_| depth < DEEPEST)?;
        if named.dimensions == ["set"] {
            let members = named.members.iter().map(|member| self.member(member, sides, depth + 1));
            return members.collect::<Option<Vec<_>>>().map(Condition::Any);
        }
        let mut sides = sides.split(',');
        let fields = named.dimensions.iter().enumerate().map(|(place, dimension)| {
            let source = sides.next()? == "src";
            Some(match (&**dimension, source) {
                ("ip" | "net", true) => Field::Source,
                ("ip" | "net", false) => Field::Destination,
                // A set of nothing but ports does not ask for the protocol.
                ("port", true) if place == 0 => Field::SourcePort,
                ("port", false) if place == 0 => Field::DestinationPort,
                ("port", true) => Field::SourceService,
                ("port", false) => Field::DestinationService,
                ("iface", true) => Field::Input,
                ("iface", false) => Field::Output,
                ("mark", _) => Field::Mark,
                _ => return None,
            })
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        Some(Condition::In { fields, set: named.set.clone(), negated: false })
    }
}

fn element(member: &str, dimensions: &[String], family: Family) -> Option<Vec<Pattern>> {
    let parts: Vec<&str> = member.split(',').collect();
    if parts.len() != dimensions.len() {
        return None;
    }
    let parts = parts.iter().zip(dimensions).map(|(part, dimension)| match &**dimension {
        "ip" | "net" => text::addresses(part, family),
        "port" => match part.split_once(':') {
            None => text::ports(part),
            Some((protocol, ports)) => {
                let protocol = text::protocol(protocol)?;
                let service = |port: u128| text::service(protocol, port as u16);
                Some(match text::ports(ports)? {
                    Pattern::One(Value::Number(port)) => Pattern::One(Value::Number(service(port))),
                    Pattern::Range(first, last) => Pattern::Range(service(first), service(last)),
                    _ => return None,
                })
            }
        },
        "iface" => Some(Pattern::One(Value::Name((*part).to_owned()))),
        "mark" => Some(Pattern::One(Value::Number(text::integer(part)?.into()))),
        _ => None,
    });
    parts.collect()
}
