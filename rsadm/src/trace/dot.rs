//! A trace as a graph of Graphviz's.

use std::io::{self, Write};

use node::trace::{State, Trace, Verdict};

use super::graph::{Graph, Kind, Station};
use super::tree::verdict_line;

/// Writes the graph.
pub(super) fn write(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "digraph trace {{")?;
    writeln!(out, "  rankdir=LR; fontname=\"Helvetica\"; labelloc=b;")?;
    writeln!(out, "  label={};", quote(&verdict_line(trace)))?;
    writeln!(
        out,
        "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\"];"
    )?;
    writeln!(out, "  edge [fontname=\"Helvetica\", fontsize=10];")?;
    for (node, name) in graph.nodes.iter().enumerate() {
        writeln!(out, "  subgraph cluster_{node} {{")?;
        writeln!(
            out,
            "    label={}; style=\"rounded,filled\"; color=\"#d0d7e2\"; fillcolor=\"#f6f8fb\";",
            quote(name)
        )?;
        for (index, station) in graph.stations.iter().enumerate() {
            if station.node == node {
                writeln!(
                    out,
                    "    s{index} [label={}{}];",
                    quote(&station.lines.join("\n")),
                    look(station)
                )?;
            }
        }
        writeln!(out, "  }}")?;
    }
    for way in &graph.ways {
        let look = match way.verdict {
            Verdict::Delivered => "color=\"#2f9e44\"",
            Verdict::Unknown => "color=\"#67718a\", style=dashed",
            Verdict::Broken => "color=\"#c92a2a\", style=dashed",
        };
        let label = if way.back { "answer" } else { &way.label };
        writeln!(out, "  s{} -> s{} [label={}, {look}];", way.from, way.to, quote(label))?;
    }
    writeln!(out, "}}")
}

fn look(station: &Station) -> &'static str {
    match (station.state, station.kind) {
        (State::Broken, _) => {
            ", color=\"#c92a2a\", fontcolor=\"#7a1212\", fillcolor=\"#ffe3e3\", penwidth=2"
        }
        (State::Unknown, _) => {
            ", color=\"#67718a\", fillcolor=\"#eef0f4\", style=\"rounded,filled,dashed\""
        }
        (State::Warning, _) => ", color=\"#b7791f\", fillcolor=\"#fff4d6\"",
        (State::Ok, Kind::Service) => ", color=\"#3b5bdb\", fillcolor=\"#e7edff\"",
        (State::Ok, _) => "",
    }
}

/// A text between quotation marks; line ends stay in the middle of the box.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
