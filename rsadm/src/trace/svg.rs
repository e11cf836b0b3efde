//! A trace as a picture: a lane for each node, stations from left to right, ways between them.

use std::io::{self, Write};

use node::trace::{State, Trace, Verdict};

use super::graph::{Graph, Kind, Station};
use super::tree::verdict_line;

/// Width of a character of the type that is used, in pixels.
const CHARACTER: usize = 7;
const LINE: usize = 17;
const PADDING: usize = 12;
/// Between stations of a column, and around those of a lane.
const GAP: usize = 18;
/// Between columns, where ways and their labels are.
const ALLEY: usize = 150;
const MARGIN: usize = 24;
/// Height of a lane's title, and of the picture's.
const TITLE: usize = 30;

/// A box of the picture.
#[derive(Clone, Copy, Debug, Default)]
struct Area {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Where everything is.
struct Layout {
    stations: Vec<Area>,
    lanes: Vec<Area>,
    width: usize,
    height: usize,
}

/// Writes the picture.
pub(super) fn write(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    let graph = Graph::of(trace);
    let title = format!("{} from {}", trace.target, trace.from);
    let verdict = verdict_line(trace);
    let layout = Layout::of(&graph, title.chars().count().max(verdict.chars().count()));
    head(out, &layout, &title)?;
    for (name, area) in graph.nodes.iter().zip(&layout.lanes) {
        writeln!(
            out,
            "<rect class=\"lane\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"12\"/>\n\
             <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
            area.x,
            area.y,
            area.width,
            area.height,
            area.x + PADDING,
            area.y + 20,
            escape(name)
        )?;
    }
    for way in &graph.ways {
        draw_way(out, &layout, way)?;
    }
    for (station, area) in graph.stations.iter().zip(&layout.stations) {
        draw_station(out, station, *area)?;
    }
    writeln!(
        out,
        "<text class=\"verdict {}\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n</svg>",
        trace.verdict,
        layout.height - MARGIN + 4,
        escape(&verdict)
    )
}

fn head(out: &mut impl Write, layout: &Layout, title: &str) -> io::Result<()> {
    let Layout { width, height, .. } = *layout;
    let title = escape(title);
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n\
         <title>{title}</title>\n\
         <style>\n\
         text{{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#2b3245}}\n\
         .name,.title,.first{{font-weight:600}}\n\
         .title{{font-size:14px}}\n\
         .name{{fill:#5b6780}}\n\
         .lane{{fill:#f5f7fb;stroke:#d6dde9}}\n\
         .box{{fill:#fff;stroke:#9aa7bf;stroke-width:1.2}}\n\
         .service{{fill:#e8eeff;stroke:#4263eb}}\n\
         .source{{fill:#eefaf1;stroke:#2f9e44}}\n\
         .box.warning{{fill:#fff6dc;stroke:#d08a11}}\n\
         .box.unknown{{fill:#eef0f4;stroke:#67718a;stroke-dasharray:5 4}}\n\
         .box.broken{{fill:#ffe8e8;stroke:#d6292d;stroke-width:2}}\n\
         .way{{fill:none;stroke-width:1.8}}\n\
         .way.delivered{{stroke:#2f9e44}}\n\
         .way.unknown{{stroke:#67718a;stroke-dasharray:5 4}}\n\
         .way.broken{{stroke:#d6292d;stroke-dasharray:5 4}}\n\
         .label{{font-size:11px;fill:#5b6780;paint-order:stroke;stroke:#fff;stroke-width:4px}}\n\
         .verdict{{font-weight:700}}\n\
         .verdict.delivered{{fill:#2b8a3e}}\n\
         .verdict.unknown{{fill:#5b6780}}\n\
         .verdict.broken{{fill:#c92a2a}}\n\
         </style>\n\
         <defs>\n"
    )?;
    for (name, colour) in [("delivered", "#2f9e44"), ("unknown", "#67718a"), ("broken", "#d6292d")]
    {
        writeln!(
            out,
            "<marker id=\"{name}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{colour}\"/></marker>"
        )?;
    }
    writeln!(
        out,
        "</defs>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{title}</text>",
        MARGIN + 8
    )
}

fn draw_station(out: &mut impl Write, station: &Station, area: Area) -> io::Result<()> {
    let kind = match station.kind {
        Kind::Source => "source",
        Kind::Service => "service",
        _ => "",
    };
    let state = match station.state {
        State::Ok => "",
        State::Warning => "warning",
        State::Unknown => "unknown",
        State::Broken => "broken",
    };
    let round = if matches!(station.kind, Kind::Source | Kind::Pod) { 16 } else { 7 };
    writeln!(
        out,
        "<rect class=\"box {kind} {state}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
        area.x, area.y, area.width, area.height
    )?;
    for (index, line) in station.lines.iter().enumerate() {
        let class = if index == 0 { " class=\"first\"" } else { "" };
        writeln!(
            out,
            "<text{class} x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            area.x + area.width / 2,
            area.y + PADDING + LINE * index + 10,
            escape(line)
        )?;
    }
    Ok(())
}

fn draw_way(out: &mut impl Write, layout: &Layout, way: &super::graph::Way) -> io::Result<()> {
    let (from, to) = (layout.stations[way.from], layout.stations[way.to]);
    let class = match way.verdict {
        Verdict::Delivered => "delivered",
        Verdict::Unknown => "unknown",
        Verdict::Broken => "broken",
    };
    let is_forth = from.x + from.width < to.x;
    let (x1, y1) = (if is_forth { from.x + from.width } else { from.x }, from.y + from.height / 2);
    let (x2, y2) = (if is_forth { to.x } else { to.x + to.width }, to.y + to.height / 2);
    let middle = x1.midpoint(x2);
    writeln!(
        out,
        "<path class=\"way {class}\" d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\" \
         marker-end=\"url(#{class})\"/>"
    )?;
    let label = if way.back { "answer" } else { &way.label };
    if label.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<text class=\"label\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        y1.midpoint(y2).saturating_sub(7),
        escape(label)
    )
}

impl Layout {
    fn of(graph: &Graph, title: usize) -> Self {
        let columns = columns(graph);
        let sizes: Vec<_> = graph.stations.iter().map(size).collect();
        let count = columns.iter().max().map_or(0, |last| last + 1);
        let mut lefts = Vec::with_capacity(count);
        let mut x = MARGIN + PADDING;
        for column in 0..count {
            lefts.push(x);
            let here = columns.iter().zip(&sizes).filter(|(at, _)| **at == column);
            let widest = here.map(|(_, size)| size.0).max().unwrap_or(0);
            x += widest + ALLEY;
        }
        let right = (x + PADDING).saturating_sub(ALLEY);
        let width = (right + MARGIN).max(MARGIN * 2 + title * (CHARACTER + 1));
        let mut stations = vec![Area::default(); graph.stations.len()];
        let mut lanes = Vec::new();
        let mut y = MARGIN + TITLE;
        for node in 0..graph.nodes.len() {
            let height = place_lane(graph, node, &columns, &sizes, &lefts, y, &mut stations);
            lanes.push(Area { x: MARGIN, y, width: width - MARGIN * 2, height });
            y += height + GAP;
        }
        Self { stations, lanes, width, height: y + TITLE }
    }
}

/// Places the stations of a lane, and answers its height.
fn place_lane(
    graph: &Graph,
    node: usize,
    columns: &[usize],
    sizes: &[(usize, usize)],
    lefts: &[usize],
    top: usize,
    stations: &mut [Area],
) -> usize {
    let inner = |column: usize| {
        let here = graph.stations.iter().enumerate();
        here.filter(move |(index, station)| station.node == node && columns[*index] == column)
            .map(|(index, _)| index)
    };
    let heights = (0..lefts.len()).map(|column| {
        inner(column).map(|index| sizes[index].1 + GAP).sum::<usize>().saturating_sub(GAP)
    });
    let highest = heights.clone().max().unwrap_or(0);
    for (column, height) in heights.enumerate() {
        let mut y = top + TITLE + (highest - height) / 2;
        for index in inner(column) {
            let (width, height) = sizes[index];
            stations[index] = Area { x: lefts[column], y, width, height };
            y += height + GAP;
        }
    }
    TITLE + highest + GAP
}

/// How many stations lie before each one at most.
fn columns(graph: &Graph) -> Vec<usize> {
    let mut columns = vec![0; graph.stations.len()];
    // Ways may lead in a circle, which ends with the number of stations.
    for _ in 0..graph.stations.len() {
        for way in &graph.ways {
            let next = columns[way.from] + 1;
            if columns[way.to] < next && next < graph.stations.len() {
                columns[way.to] = next;
            }
        }
    }
    columns
}

fn size(station: &Station) -> (usize, usize) {
    let longest = station.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    (longest * CHARACTER + CHARACTER + PADDING * 2, station.lines.len() * LINE + PADDING * 2 - 6)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
