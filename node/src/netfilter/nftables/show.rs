//! Rules as `nft list ruleset` prints them, out of JSON.

use serde_json::Value as Json;

/// A rule as text. What has no words here is shown as it came.
pub(in super::super) fn show(rule: &Json) -> String {
    let statements = rule.get("expr").and_then(Json::as_array).into_iter().flatten();
    let mut words: Vec<String> = statements.map(statement).collect();
    if let Some(comment) = rule.get("comment").and_then(Json::as_str) {
        words.push(format!("comment \"{comment}\""));
    }
    words.join(" ")
}

fn statement(statement: &Json) -> String {
    let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
        return statement.to_string();
    };
    let part = |name: &str| body.get(name).map(expression).unwrap_or_default();
    match name.as_str() {
        "match" => {
            let operator = body.get("op").and_then(Json::as_str).unwrap_or_default();
            let operator = if matches!(operator, "==" | "in") { "" } else { operator };
            join([part("left"), operator.to_owned(), part("right")])
        }
        "jump" | "goto" => format!("{name} {}", part("target")),
        "vmap" => format!("{} vmap {}", part("key"), part("data")),
        "mangle" => format!("{} set {}", part("key"), part("value")),
        "counter" => join([
            "counter".to_owned(),
            body.get("packets").map(|packets| format!("packets {packets}")).unwrap_or_default(),
            body.get("bytes").map(|bytes| format!("bytes {bytes}")).unwrap_or_default(),
        ]),
        "snat" | "dnat" => {
            let port = body.get("port").map(|port| format!(":{}", expression(port)));
            let address = match part("addr") {
                address if address.contains(':') && port.is_some() => format!("[{address}]"),
                address => address,
            };
            join([format!("{name} to"), format!("{address}{}", port.unwrap_or_default())])
        }
        "redirect" => match body.get("port") {
            Some(port) => format!("redirect to :{}", expression(port)),
            None => "redirect".to_owned(),
        },
        "masquerade" | "accept" | "drop" | "return" | "continue" | "notrack" | "log" | "reject" => {
            name.clone()
        }
        _ => statement.to_string(),
    }
}

fn expression(value: &Json) -> String {
    let Some((name, body)) = value.as_object().and_then(|object| object.iter().next()) else {
        return match value {
            Json::String(word) => word.clone(),
            Json::Array(parts) => parts.iter().map(expression).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
    };
    let word = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let side = |place: usize| body.get(place).map(expression).unwrap_or_default();
    match name.as_str() {
        // These say themselves what they are of.
        "meta" if !matches!(&*word("key"), "mark" | "l4proto" | "nfproto") => word("key"),
        "meta" => format!("meta {}", word("key")),
        "payload" if body.get("protocol").is_some() => {
            format!("{} {}", word("protocol"), word("field"))
        }
        "ct" => join(["ct".to_owned(), word("dir"), word("key")]),
        "fib" => {
            let flags = body.get("flags").and_then(Json::as_array);
            let flags = flags.map(|flags| flags.iter().map(expression).collect::<Vec<_>>());
            format!("fib {} {}", flags.unwrap_or_default().join(" . "), word("result"))
        }
        "prefix" => {
            let length = body.get("len").map(ToString::to_string).unwrap_or_default();
            format!("{}/{length}", word("addr"))
        }
        "range" => format!("{}-{}", side(0), side(1)),
        "concat" => {
            let parts = body.as_array().into_iter().flatten().map(expression);
            parts.collect::<Vec<_>>().join(" . ")
        }
        "set" => {
            let elements = match body {
                Json::Array(elements) => {
                    elements.iter().map(element).collect::<Vec<_>>().join(", ")
                }
                other => expression(other),
            };
            format!("{{ {elements} }}")
        }
        "elem" => body.get("val").map(expression).unwrap_or_default(),
        "&" | "|" | "^" | "<<" | ">>" => format!("{} {name} {}", side(0), side(1)),
        "map" => format!(
            "{} map {}",
            body.get("key").map(expression).unwrap_or_default(),
            body.get("data").map(expression).unwrap_or_default()
        ),
        "numgen" => {
            let modulus = body.get("mod").map(ToString::to_string).unwrap_or_default();
            format!("numgen {} mod {modulus}", word("mode"))
        }
        "accept" | "drop" | "return" | "continue" | "jump" | "goto" => statement(value),
        _ => value.to_string(),
    }
}

/// An element of a set, or of a map: two in brackets.
fn element(element: &Json) -> String {
    match element.as_array().map(Vec::as_slice) {
        Some([from, to]) => format!("{} : {}", expression(from), expression(to)),
        _ => expression(element),
    }
}

fn join<const N: usize>(parts: [String; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
