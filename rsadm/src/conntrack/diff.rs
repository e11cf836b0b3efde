//! `rsadm conntrack diff`: what lies between two listings.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use conntrack::Filter;
use serde::Serialize;
use serde_json::{Map, Value};

use super::arguments::Diff;
use super::view::FlowView;
use super::{connect, say};
use crate::cli::Format;
use crate::failure::{Failure, Result};
use crate::output::table::{Align, Table};
use crate::output::{Form, Items, Structure};
use crate::script::read;

/// A flow as it was listed for programs.
type Listed = Map<String, Value>;

/// What changes all the time and means nothing.
const RESTLESS: [&str; 4] = ["timeout", "use", "packets", "bytes"];

/// A difference for programs.
#[derive(Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
enum Difference<'a> {
    Added { flow: &'a Listed },
    Removed { flow: &'a Listed },
    Changed { fields: Vec<String>, before: &'a Listed, after: &'a Listed },
}

/// Tells what differs between two listings, or between one and the table.
pub(super) fn run(arguments: &Diff, form: &Form, out: &mut impl Write) -> Result<()> {
    let format = form.plain()?.unwrap_or_default();
    let before = listing(&arguments.before)?;
    let after = match &arguments.after {
        Some(file) => listing(file)?,
        None => table()?,
    };
    let differences = differences(&before, &after);
    show(&differences, format, out)?;
    out.flush()?;
    let count = |which: fn(&Difference<'_>) -> bool| {
        differences.iter().filter(|difference| which(difference)).count()
    };
    say(&format!(
        "{} added, {} removed, {} changed",
        count(|it| matches!(it, Difference::Added { .. })),
        count(|it| matches!(it, Difference::Removed { .. })),
        count(|it| matches!(it, Difference::Changed { .. })),
    ));
    if differences.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

/// The flows of a file that `list -o json` or `list -o ndjson` wrote.
fn listing(file: &Path) -> Result<Vec<Listed>> {
    let (name, input) = read(Some(file))?;
    let complaint = |what: String| {
        Failure::usage(format!("{name}: {what}"))
            .hint("`rsadm conntrack list -o ndjson` writes what is compared here")
    };
    let mut flows = Vec::new();
    for value in serde_json::Deserializer::from_slice(&input).into_iter::<Value>() {
        match value.map_err(|error| complaint(error.to_string()))? {
            Value::Array(list) => flows.extend(list),
            value => flows.push(value),
        }
    }
    let is_flow = |flow: &Listed| flow.contains_key("original") && flow.contains_key("protocol");
    let numbered = flows.into_iter().zip(1..);
    let listed = numbered.map(|(flow, number)| match flow {
        Value::Object(flow) if is_flow(&flow) => Ok(flow),
        _ => Err(complaint(format!("value {number} is no flow"))),
    });
    listed.collect()
}

/// The flows that there are.
fn table() -> Result<Vec<Listed>> {
    let mut client = connect()?;
    let all = Filter::new();
    let mut flows = client.flows(&all)?;
    let mut listed = Vec::new();
    while let Some(flow) = flows.next()? {
        match serde_json::to_value(FlowView::from(&flow)) {
            Ok(Value::Object(flow)) => listed.push(flow),
            _ => return Err(Failure::refused(format!("cannot compare {}", flow.original))),
        }
    }
    Ok(listed)
}

/// Which flow it is: its id tells it from a later one with the same tuple.
fn identity(flow: &Listed) -> String {
    let of = |field: &str| flow.get(field).cloned().unwrap_or_default();
    let original = settled(&of("original"));
    format!("{} {original} {} {}", of("protocol"), of("zone"), of("id"))
}

/// A value without what changes all the time.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !RESTLESS.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        value => value.clone(),
    }
}

/// What is only in the one, only in the other, or in both and not the same; in the order of the
/// listings.
fn differences<'a>(before: &'a [Listed], after: &'a [Listed]) -> Vec<Difference<'a>> {
    let mut left: HashMap<_, _> = before.iter().map(|flow| (identity(flow), flow)).collect();
    let mut found = Vec::new();
    for flow in after {
        match left.remove(&identity(flow)) {
            None => found.push(Difference::Added { flow }),
            Some(before) => {
                let fields = changed(before, flow);
                if !fields.is_empty() {
                    found.push(Difference::Changed { fields, before, after: flow });
                }
            }
        }
    }
    let gone = before.iter().filter(|flow| left.contains_key(&identity(flow)));
    let mut all: Vec<_> = gone.map(|flow| Difference::Removed { flow }).collect();
    all.append(&mut found);
    all
}

/// Names of the fields that are not the same.
fn changed(before: &Listed, after: &Listed) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let kept = names.filter(|name| !RESTLESS.contains(&name.as_str()));
    let differs = |name: &&String| {
        let of = |flow: &Listed| flow.get(*name).map(settled).unwrap_or_default();
        of(before) != of(after)
    };
    kept.filter(differs).cloned().collect()
}

fn show(differences: &[Difference<'_>], format: Format, out: &mut impl Write) -> Result<()> {
    if let Some(structure) = Structure::of(format) {
        let mut items = Items::new(out, structure);
        for difference in differences {
            items.push(difference)?;
        }
        return items.finish();
    }
    if format == Format::Table {
        let titles =
            [("CHANGE", Align::Left), ("FLOW", Align::Left), ("BEFORE -> AFTER", Align::Left)];
        let mut table = Table::new(&titles);
        for difference in differences {
            let (change, flow, what) = difference.words();
            table.row(out, vec![change.to_owned(), flow, what])?;
        }
        return Ok(table.finish(out)?);
    }
    for difference in differences {
        let (change, flow, what) = difference.words();
        let sign = match change {
            "added" => '+',
            "removed" => '-',
            _ => '~',
        };
        writeln!(out, "{}", format!("{sign} {flow}  {what}").trim_end())?;
    }
    Ok(())
}

impl Difference<'_> {
    /// What happened, to which flow, and what of it.
    fn words(&self) -> (&'static str, String, String) {
        match self {
            Self::Added { flow } => ("added", name(flow), String::new()),
            Self::Removed { flow } => ("removed", name(flow), String::new()),
            Self::Changed { fields, before, after } => {
                let of = |flow: &Listed, field: &String| match flow.get(field).map(settled) {
                    None | Some(Value::Null) => "none".to_owned(),
                    Some(Value::String(text)) => text,
                    Some(value) => value.to_string().replace('"', ""),
                };
                let change = |field: &String| {
                    format!("{field} {} -> {}", of(before, field), of(after, field))
                };
                let what: Vec<_> = fields.iter().map(change).collect();
                ("changed", name(after), what.join(", "))
            }
        }
    }
}

/// `tcp 10.0.0.1:1000 -> 10.0.0.2:80`, and its zone.
fn name(flow: &Listed) -> String {
    let of = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let original = flow.get("original");
    let field = |name: &str| original.and_then(|original| original.get(name));
    let end = |address: &str, port: &str, key: &str| {
        let text = of(field(address));
        let number = field(port).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        match (text.parse::<IpAddr>(), number, field(key)) {
            (Ok(address), Some(port), _) => SocketAddr::new(address, port).to_string(),
            (_, _, Some(key)) => format!("{text} key {key}"),
            _ => text,
        }
    };
    let mut words = vec![
        of(flow.get("protocol")),
        end("source", "source_port", "source_key"),
        "->".to_owned(),
        end("destination", "destination_port", "destination_key"),
    ];
    for (of_icmp, word) in [("icmp_type", "type"), ("icmp_code", "code"), ("icmp_id", "id")] {
        words.extend(field(of_icmp).map(|value| format!("{word} {value}")));
    }
    let zone = flow.get("zone").and_then(Value::as_u64).filter(|zone| *zone != 0);
    words.extend(zone.map(|zone| format!("zone {zone}")));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flows(values: Value) -> Vec<Listed> {
        serde_json::from_value(values).expect("flows")
    }

    fn udp(port: u16, id: u32, mark: u32) -> Value {
        json!({
            "protocol": "udp", "timeout": id, "zone": 0, "id": id, "mark": mark,
            "original": { "source": "fd00::1", "destination": "fd00::2", "source_port": port,
                          "destination_port": 53, "packets": mark },
        })
    }

    fn text(before: Value, after: Value) -> String {
        let (before, after) = (flows(before), flows(after));
        let mut out = Vec::new();
        show(&differences(&before, &after), Format::Classic, &mut out).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_moves_by_itself_is_no_difference() {
        let mut later = udp(1, 5, 0);
        later["timeout"] = json!(1);
        later["original"]["packets"] = json!(99);
        assert_eq!(text(json!([udp(1, 5, 0)]), json!([later])), "");
    }

    #[test]
    fn flows_are_told_apart_by_their_ids() {
        let (before, after) = (
            json!([udp(1, 5, 0), udp(2, 6, 0), udp(3, 7, 0)]),
            json!([udp(3, 7, 9), udp(1, 8, 0), udp(4, 9, 0)]),
        );
        assert_eq!(
            text(before, after),
            "- udp [fd00::1]:1 -> [fd00::2]:53\n\
             - udp [fd00::1]:2 -> [fd00::2]:53\n\
             ~ udp [fd00::1]:3 -> [fd00::2]:53  mark 0 -> 9\n\
             + udp [fd00::1]:1 -> [fd00::2]:53\n\
             + udp [fd00::1]:4 -> [fd00::2]:53\n"
        );
    }

    #[test]
    fn fields_that_come_and_go_are_changes() {
        let mut named = udp(1, 5, 0);
        named["helper"] = json!("tftp");
        named["status"] = json!(["ASSURED", "CONFIRMED"]);
        assert_eq!(
            text(json!([udp(1, 5, 0)]), json!([named])),
            "~ udp [fd00::1]:1 -> [fd00::2]:53  helper none -> tftp, status none -> \
             [ASSURED,CONFIRMED]\n"
        );
    }
}
