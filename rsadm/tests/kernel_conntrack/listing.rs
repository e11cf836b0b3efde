//! What is listed, beside conntrack.

use std::fmt::Write;

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{listed, load, out, same, table as fill};

/// Lines in an order of their own: two listings of a table that is resized differ in order. The
/// time that a flow has left is another one a second later.
fn settled(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

pub(crate) fn classic(ctx: &Context) -> Outcome {
    fill(ctx)?;
    for arguments in [
        "",
        "-o extended",
        "-o id",
        "-o extended,id,ktimestamp",
        "-o save",
        "-o xml -p tcp",
        "-f ipv6",
        "-f ipv4",
        "-p tcp",
        "-p tcp --state ESTABLISHED",
        "-p udp --dport 53",
        "-s 10.0.0.1",
        "-d 10.0.0.0/24",
        "-r fd00::2",
        "-m 7",
        "-m 7/255",
        "-u ASSURED",
    ] {
        // A second may pass between the two.
        let mut pair = (Vec::new(), Vec::new());
        for _ in 0..20 {
            let mut reference = ctx.reference("conntrack");
            let reference = ctx.capture(reference.arg("-L").args(arguments.split_whitespace()))?;
            let ours = out(ctx, &format!("list {arguments}"))?;
            pair = (settled(&reference.out()), settled(&ours));
            if pair.0 == pair.1 {
                break;
            }
        }
        same(ctx, arguments, pair.0, pair.1);
    }
    Ok(())
}

pub(crate) fn structured(ctx: &Context) -> Outcome {
    fill(ctx)?;
    let lines = listed(ctx, "list")?;
    let document: Value = serde_json::from_str(&out(ctx, "list -o json")?)?;
    same(ctx, "json has as many", Some(lines.len()), document.as_array().map(Vec::len));
    let yaml = out(ctx, "list -o yaml")?;
    same(ctx, "yaml has as many", lines.len(), yaml.matches("- family:").count());
    for flow in &lines {
        for field in [
            "family",
            "protocol",
            "timeout",
            "status",
            "original",
            "reply",
            "mark",
            "zone",
            "id",
            "use",
            "source_nat",
            "destination_nat",
        ] {
            ctx.check(&format!("{field} in {flow}"), flow.get(field).is_some());
        }
        for direction in ["original", "reply"] {
            for field in ["source", "destination"] {
                ctx.check(&format!("{direction} {field}"), flow[direction][field].is_string());
            }
        }
    }
    let table = out(ctx, "list -o table")?;
    same(ctx, "rows", lines.len() + 1, table.lines().count());
    Ok(())
}

pub(crate) fn table(ctx: &Context) -> Outcome {
    fill(ctx)?;
    let flows = listed(ctx, "list")?.len();
    same(ctx, "count", format!("{flows}\n"), out(ctx, "count")?);
    let count: Value = serde_json::from_str(&out(ctx, "count -o json")?)?;
    same(ctx, "count", Some(flows as u64), count["count"].as_u64());
    ctx.check("max", count["max"].as_u64().is_some_and(|max| max > 0));
    let statistics: Value = serde_json::from_str(&out(ctx, "stats -o json")?)?;
    let inserted = |cpu: &Value| cpu["insert"].as_u64().unwrap_or_default();
    let sum: u64 = statistics.as_array().into_iter().flatten().map(inserted).sum();
    ctx.check("insertions are counted", sum >= flows as u64);
    let caps = out(ctx, "caps")?;
    ctx.check("the inverted filter is known", caps.contains("list-ipv6"));
    ctx.check(
        "marks",
        caps.lines().any(|line| line.starts_with("list-mark") && line.contains("works")),
    );
    Ok(())
}

pub(crate) fn top(ctx: &Context) -> Outcome {
    let mut text = String::new();
    for (source, flows) in [(1, 30), (2, 20), (3, 10)] {
        for port in 1..=flows {
            let (destination, service) = (port % 3, 50 + source);
            writeln!(
                text,
                "-A -t 9000 -s 10.0.0.{source} -d 10.0.1.{destination} -p udp --sport {port} \
                 --dport {service}"
            )?;
        }
    }
    load(ctx, &text)?;
    let expected = "\
FLOWS   SHARE  SOURCE
   30  50.0 %  10.0.0.1
   20  33.3 %  10.0.0.2
   10  16.7 %  10.0.0.3
";
    same(ctx, "by source", expected, out(ctx, "top src")?);
    let services: Value = serde_json::from_str(&out(ctx, "top service --top 2 -o json")?)?;
    same(ctx, "services", Some(2), services.as_array().map(Vec::len));
    same(ctx, "largest service", Some(10), services[0]["value"].as_u64());
    same(ctx, "protocol", Some("udp"), services[0]["protocol"].as_str());
    for what in ["dst", "reply-src", "port", "protocol", "state", "mark", "zone"] {
        let groups: Value =
            serde_json::from_str(&out(ctx, &format!("top {what} --top 0 -o json"))?)?;
        let values = groups.as_array().into_iter().flatten();
        let sum: u64 = values.filter_map(|group| group["value"].as_u64()).sum();
        same(ctx, what, 60, sum);
    }
    Ok(())
}

/// The elements of a text that are open at its end; what closes another one is a mistake.
fn open_elements(text: &str) -> std::result::Result<Vec<&str>, String> {
    let mut open = Vec::new();
    let mut roots = 0;
    for part in text.split('<').skip(1) {
        let Some((tag, _)) = part.split_once('>') else {
            return Err(format!("<{part} has no end"));
        };
        if tag.starts_with('?') || tag.ends_with('/') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop();
            if closed != Some(name) {
                return Err(format!("{closed:?} is closed as {name}"));
            }
        } else {
            roots += usize::from(open.is_empty());
            open.push(tag.split(' ').next().unwrap_or_default());
        }
    }
    if roots == 1 { Ok(open) } else { Err(format!("{roots} roots in {text:?}")) }
}

/// Whatever is shown as XML is one document, with nothing in it too.
pub(crate) fn xml(ctx: &Context) -> Outcome {
    fill(ctx)?;
    let key = "-p udp -s fd00::1 -d fd00::2 --sport 1000 --dport 53";
    for line in [
        "list",
        "list -p tcp",
        "list -m 12345",
        &format!("get {key}"),
        "dying",
        "unconfirmed",
        "delete -p icmp --dry-run",
        "update -p udp --set-mark 3",
        "delete -p icmp",
        "delete -m 12345",
    ] {
        let text = out(ctx, &format!("{line} -o xml"))?;
        same(ctx, line, Ok(Vec::new()), open_elements(&text));
        let flows = text.matches("<flow").count();
        let expects_some =
            !line.contains("12345") && !line.contains("dying") && line != "unconfirmed";
        same(ctx, &format!("{line}: flows"), expects_some, flows > 0);
    }
    Ok(())
}
