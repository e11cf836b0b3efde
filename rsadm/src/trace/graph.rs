//! A trace as a graph: what a packet comes by, and the ways between.

use std::collections::HashMap;

use node::Stage;
use node::trace::{Direction, Path, State, Step, Trace, Verdict};

/// What a packet comes by, and the ways between.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Names of the nodes, in the order in which they are come by.
    pub(super) nodes: Vec<String>,
    pub(super) stations: Vec<Station>,
    pub(super) ways: Vec<Way>,
}

/// Something that a packet comes by.
#[derive(Debug)]
pub(super) struct Station {
    /// Its place in [`Graph::nodes`].
    pub(super) node: usize,
    pub(super) kind: Kind,
    /// What it is, and what is said of it.
    pub(super) lines: Vec<String>,
    pub(super) state: State,
}

/// What a station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Who sends.
    Source,
    /// IPVS.
    Service,
    /// A link.
    Link,
    /// A pod, or a host's own socket.
    Pod,
    /// Where the packet is lost.
    End,
}

/// A way from station to station.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: String,
    pub(super) verdict: Verdict,
    /// Whether an answer takes it, and breaks there.
    pub(super) back: bool,
}

impl Graph {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut builder = Builder::default();
        for path in &trace.paths {
            builder.path(trace, path);
        }
        builder.graph
    }
}

#[derive(Default)]
struct Builder {
    graph: Graph,
    known: HashMap<(usize, Kind, String), usize>,
    /// The station of the path so far.
    at: Option<usize>,
    /// What is written on the next way.
    label: String,
}

impl Builder {
    fn path(&mut self, trace: &Trace, path: &Path) {
        self.at = None;
        self.label.clear();
        let Some(first) = path.steps.first() else { return };
        let name = trace.from.split(" on ").next().unwrap_or(&trace.from).to_owned();
        self.station(first, Kind::Source, vec![name], path.verdict, false);
        let (there, back): (Vec<_>, Vec<_>) =
            path.steps.iter().partition(|step| step.direction == Direction::Forward);
        for step in there {
            self.step(step, path, false);
        }
        // A way back is drawn only where it ends early: else it is the same again.
        if let Some(step) =
            back.iter().find(|step| matches!(step.state, State::Broken | State::Unknown))
        {
            self.step(step, path, true);
        }
    }

    fn step(&mut self, step: &Step, path: &Path, back: bool) {
        let device = step.evidence.device.clone();
        if matches!(step.state, State::Broken | State::Unknown) {
            let title = format!("{} {}", step.stage, device.unwrap_or_default());
            let mut lines = vec![title.trim().to_owned()];
            lines.extend(wrap(&step.summary, 44));
            self.station(step, Kind::End, lines, path.verdict, back);
            return;
        }
        match step.stage {
            Stage::Service => {
                let (name, more) = step.summary.split_once(", ").unwrap_or((&step.summary, ""));
                let scheduler = more.split(", ").next().unwrap_or_default();
                let lines = vec!["IPVS".to_owned(), name.to_owned(), scheduler.to_owned()];
                self.station(step, Kind::Service, lines, path.verdict, back);
            }
            Stage::Destination => self.label.clone_from(&path.destination),
            Stage::Vtep => {
                let mut lines: Vec<_> = device.into_iter().collect();
                lines.extend(
                    step.summary.split(", ").filter(|part| *part != "up").map(str::to_owned),
                );
                self.station(step, Kind::Link, lines, path.verdict, back);
            }
            Stage::Underlay => {
                let Some(frame) = &step.evidence.frame else { return };
                let packet = &frame.packet;
                self.label = match frame.vni {
                    Some(vni) => format!("VXLAN {vni} to {}", packet.destination),
                    None => format!("{packet}"),
                };
                if frame.vni.is_none() {
                    let lines = device.into_iter().collect();
                    self.station(step, Kind::Link, lines, path.verdict, back);
                }
            }
            Stage::Socket => {
                let pod = step.evidence.pod.clone().unwrap_or_else(|| step.node.clone());
                let lines = vec![pod, path.destination.clone()];
                self.station(step, Kind::Pod, lines, path.verdict, back);
            }
            _ => {}
        }
    }

    /// Comes by a station, which several paths may share.
    fn station(
        &mut self,
        step: &Step,
        kind: Kind,
        lines: Vec<String>,
        verdict: Verdict,
        back: bool,
    ) {
        let nodes = &mut self.graph.nodes;
        let node = nodes.iter().position(|name| *name == step.node).unwrap_or_else(|| {
            nodes.push(step.node.clone());
            nodes.len() - 1
        });
        let name = match kind {
            // One device is one station, whichever way it is come by.
            Kind::Link => lines.first().cloned().unwrap_or_default(),
            _ => lines.join("\n"),
        };
        let stations = &mut self.graph.stations;
        let index = *self.known.entry((node, kind, name)).or_insert_with(|| {
            stations.push(Station { node, kind, lines, state: State::Ok });
            stations.len() - 1
        });
        let station = &mut stations[index];
        if rank(step.state) > rank(station.state) {
            station.state = step.state;
        }
        let label = std::mem::take(&mut self.label);
        if let Some(from) = self.at.replace(index).filter(|from| *from != index) {
            self.way(Way { from, to: index, label, verdict, back });
        }
    }

    fn way(&mut self, way: Way) {
        let known = self
            .graph
            .ways
            .iter_mut()
            .find(|known| (known.from, known.to, known.back) == (way.from, way.to, way.back));
        match known {
            // One that works for some is not to blame.
            Some(known) => known.verdict = known.verdict.min(way.verdict),
            None => self.graph.ways.push(way),
        }
    }
}

const fn rank(state: State) -> u8 {
    match state {
        State::Ok => 0,
        State::Warning => 1,
        State::Unknown => 2,
        State::Broken => 3,
    }
}

/// Breaks a text into lines of about this many characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
