//! A trace as a flowchart of Mermaid's.

use std::io::{self, Write};

use node::trace::{State, Trace, Verdict};

use super::graph::{Graph, Kind, Station};
use super::tree::verdict_line;

/// Writes the flowchart.
pub(super) fn write(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    let graph = Graph::of(trace);
    writeln!(out, "%% {}", verdict_line(trace))?;
    writeln!(out, "flowchart LR")?;
    for (node, name) in graph.nodes.iter().enumerate() {
        writeln!(out, "  subgraph n{node}[\"{}\"]", escape(name))?;
        for (index, station) in graph.stations.iter().enumerate() {
            if station.node == node {
                writeln!(out, "    {}", shape(index, station))?;
            }
        }
        writeln!(out, "  end")?;
    }
    for way in &graph.ways {
        let arrow = match (way.verdict, way.back) {
            (Verdict::Delivered, _) => "-->",
            (_, false) => "-.->",
            (_, true) => "-. answer .->",
        };
        let label = if way.label.is_empty() || way.back {
            String::new()
        } else {
            format!("|\"{}\"|", escape(&way.label))
        };
        writeln!(out, "  s{} {arrow}{label} s{}", way.from, way.to)?;
    }
    writeln!(out, "  classDef warning fill:#fff4d6,stroke:#b7791f,color:#5f3f0b")?;
    writeln!(
        out,
        "  classDef unknown fill:#eef0f4,stroke:#67718a,color:#333b4f,stroke-dasharray:4"
    )?;
    writeln!(out, "  classDef broken fill:#ffe3e3,stroke:#c92a2a,color:#7a1212,stroke-width:2px")?;
    for (index, station) in graph.stations.iter().enumerate() {
        let class = match station.state {
            State::Ok => continue,
            State::Warning => "warning",
            State::Unknown => "unknown",
            State::Broken => "broken",
        };
        writeln!(out, "  class s{index} {class}")?;
    }
    Ok(())
}

fn shape(index: usize, station: &Station) -> String {
    let lines: Vec<_> = station.lines.iter().map(|line| escape(line)).collect();
    let text = lines.join("<br/>");
    match station.kind {
        Kind::Source => format!("s{index}([\"{text}\"])"),
        Kind::Service => format!("s{index}{{{{\"{text}\"}}}}"),
        Kind::Link | Kind::End => format!("s{index}[\"{text}\"]"),
        Kind::Pod => format!("s{index}(\"{text}\")"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
