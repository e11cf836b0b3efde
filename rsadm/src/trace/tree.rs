//! A trace for eyes: what all paths have in common, then a branch for each.

use std::io::{self, Write};

use node::Stage;
use node::trace::{Direction, Frame, Path, State, Step, Trace, Verdict};

use crate::output::paint::{Paint, Tone};

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) paint: Paint,
    /// Whether every step is told, with what says so.
    pub(super) explain: bool,
}

/// Draws the trace, and tells of a probe: what became of it, and what that adds to the verdict.
pub(super) fn write(
    out: &mut impl Write,
    trace: &Trace,
    probe: Option<&(Vec<String>, Option<String>)>,
    style: Style,
) -> io::Result<()> {
    let Style { paint, .. } = style;
    let title = format!("{}  from {}", trace.target, trace.from);
    writeln!(out, "{}", paint.with(Tone::Strong, title))?;
    let width = trace.paths.iter().flat_map(|path| &path.steps).map(|step| place(step).len()).max();
    let width = width.unwrap_or(0);
    let common = common(&trace.paths);
    let steps = trace.paths.first().map(|path| &path.steps[..common]).unwrap_or_default();
    Branch { out, style, width, trunk: "" }.steps(steps)?;
    let branches: Vec<_> = trace.paths.iter().filter(|path| path.steps.len() > common).collect();
    for (index, path) in branches.iter().enumerate() {
        let is_last = index + 1 == branches.len();
        let (fork, trunk) = match (branches.len(), is_last) {
            (1, _) => ("", ""),
            (_, false) => ("├─ ", "│  "),
            (_, true) => ("└─ ", "   "),
        };
        if branches.len() > 1 {
            let verdict = paint.with(tone_of(path.verdict), path.verdict);
            let name = paint.with(Tone::Strong, &path.destination);
            writeln!(out, "{}{name}  {verdict}", paint.with(Tone::Faint, fork))?;
        }
        Branch { out, style, width, trunk }.steps(&path.steps[common..])?;
    }
    let mut label = "probe";
    for line in probe.iter().flat_map(|(lines, _)| lines) {
        writeln!(out, "{}  {line}", paint.with(Tone::Faint, format!("{label:5}")))?;
        label = "";
    }
    writeln!(out, "{}", paint.with(tone_of(trace.verdict), verdict_line(trace)))?;
    if let Some((_, Some(remark))) = probe {
        writeln!(out, "{}", paint.with(Tone::Bad, remark))?;
    }
    Ok(())
}

/// `BROKEN on n120 at fdb flannel.1: no entry for ee:d6:38:55:d5:c7 (peer 10.244.3.0)`.
pub(super) fn verdict_line(trace: &Trace) -> String {
    match trace.verdict {
        Verdict::Delivered => match trace.paths.len() {
            1 => "DELIVERED, and the answer too".to_owned(),
            paths => format!("DELIVERED to each of {paths} destinations, and the answers too"),
        },
        Verdict::Broken => match &trace.broken_at {
            Some(at) => {
                let device = at.device.as_ref().map_or_else(String::new, |name| format!(" {name}"));
                format!("BROKEN on {} at {}{device}: {}", at.node, at.stage, at.reason)
            }
            None => "BROKEN".to_owned(),
        },
        Verdict::Unknown => match trace.unknown_at() {
            Some(step) => {
                let device = step.evidence.device.as_ref();
                let device = device.map_or_else(String::new, |name| format!(" {name}"));
                format!("UNKNOWN on {} at {}{device}: {}", step.node, step.stage, step.summary)
            }
            None => "UNKNOWN".to_owned(),
        },
    }
}

/// How many steps all paths begin with.
fn common(paths: &[Path]) -> usize {
    let Some((first, rest)) = paths.split_first() else { return 0 };
    if rest.is_empty() {
        return 0;
    }
    let same =
        |index: usize| rest.iter().all(|path| path.steps.get(index) == first.steps.get(index));
    (0..first.steps.len()).take_while(|index| same(*index)).count()
}

/// Where a step is: the node, or the pod on it.
fn place(step: &Step) -> &str {
    step.evidence.pod.as_deref().unwrap_or(&step.node)
}

pub(super) const fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Delivered => Tone::Good,
        Verdict::Unknown => Tone::Doubtful,
        Verdict::Broken => Tone::Bad,
    }
}

struct Branch<'a, W> {
    out: &'a mut W,
    style: Style,
    width: usize,
    trunk: &'static str,
}

/// One line for several steps, or one of its own.
enum Line<'s> {
    Step(&'s Step),
    /// Checks without a finding.
    Checks(Vec<&'s Step>),
    /// The way back, if there is nothing to say of it.
    Back(Vec<&'s Step>),
}

impl<W: Write> Branch<'_, W> {
    fn steps(&mut self, steps: &[Step]) -> io::Result<()> {
        let mut last = None;
        for line in lines(steps, self.style.explain) {
            match line {
                Line::Step(step) => self.step(step, &mut last)?,
                Line::Checks(steps) => {
                    let texts: Vec<_> = steps.iter().map(|step| step.summary.as_str()).collect();
                    self.line(steps[0], &mut last, "passes", State::Ok, &texts.join("; "))?;
                }
                Line::Back(steps) => self.back(&steps)?,
            }
        }
        Ok(())
    }

    /// The beginning of a line: the trunk, and the place where it is another than before.
    fn line<'s>(
        &mut self,
        step: &'s Step,
        last: &mut Option<&'s str>,
        label: &str,
        state: State,
        text: &str,
    ) -> io::Result<()> {
        let paint = self.style.paint;
        let place = place(step);
        let shown = if *last == Some(place) { "" } else { place };
        *last = Some(place);
        let (mark, tone) = match state {
            State::Ok => (" ", None),
            State::Warning => ("!", Some(Tone::Doubtful)),
            State::Unknown => ("?", Some(Tone::Doubtful)),
            State::Broken => ("✗", Some(Tone::Bad)),
        };
        let trunk = paint.with(Tone::Faint, self.trunk);
        let place = paint.with(Tone::Strong, format!("{shown:width$}", width = self.width));
        let label = paint.with(Tone::Faint, format!("{label:11}"));
        match tone {
            Some(tone) => {
                let (mark, text) = (paint.with(tone, mark), paint.with(tone, text));
                writeln!(self.out, "{trunk}{place}  {label} {mark} {text}")
            }
            None => writeln!(self.out, "{trunk}{place}  {label} {mark} {text}"),
        }
    }

    fn step<'s>(&mut self, step: &'s Step, last: &mut Option<&'s str>) -> io::Result<()> {
        let text = match (&step.evidence.device, step.stage) {
            (Some(device), Stage::Vtep) => format!("{device}: {}", step.summary),
            _ => step.summary.clone(),
        };
        self.line(step, last, step.stage.name(), step.state, &text)?;
        if let Some(frame) = &step.evidence.frame {
            self.frame(frame)?;
        }
        if self.style.explain || step.state != State::Ok {
            self.more("row", step.evidence.row.as_deref().filter(|row| *row != text))?;
            self.more("shown by", step.evidence.command.as_deref())?;
        }
        self.more("fix", step.evidence.fix.as_deref())
    }

    /// What belongs to the line above.
    fn more(&mut self, label: &str, text: Option<&str>) -> io::Result<()> {
        let paint = self.style.paint;
        let Some(text) = text else { return Ok(()) };
        for (index, line) in text.lines().enumerate() {
            let label = if index == 0 { label } else { "" };
            let trunk = paint.with(Tone::Faint, self.trunk);
            let indent = self.width + 14;
            let label = paint.with(Tone::Faint, format!("{label:>8}"));
            writeln!(self.out, "{trunk}{:indent$}  {label}  {line}", "")?;
        }
        Ok(())
    }

    /// The frame as a capture shows it, and what is in it.
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let paint = self.style.paint;
        let mut next = Some(frame);
        let mut arrow = "▸";
        while let Some(frame) = next {
            let mac =
                |mac: Option<vxlan::Mac>| mac.map_or_else(|| "?".to_owned(), |mac| mac.to_string());
            let (from, to) = (mac(frame.source), mac(frame.destination));
            let vni = frame.vni.map_or_else(String::new, |vni| format!("  vni {vni}"));
            let trunk = paint.with(Tone::Faint, self.trunk);
            let text = format!("{arrow} {from} > {to}  {}{vni}", frame.packet);
            writeln!(
                self.out,
                "{trunk}{:indent$}  {}",
                "",
                paint.with(Tone::Faint, text),
                indent = self.width + 12
            )?;
            arrow = " ";
            next = frame.inner.as_deref();
        }
        Ok(())
    }

    fn back(&mut self, steps: &[&Step]) -> io::Result<()> {
        let mut places: Vec<&str> = steps.iter().map(|step| place(step)).collect();
        places.dedup();
        let packet = steps.iter().rev().find_map(|step| step.evidence.packet);
        let arrives = packet.map_or_else(String::new, |packet| format!(": {packet}"));
        let text = format!("{}{arrives}", places.join(" → "));
        let Some(first) = steps.first() else { return Ok(()) };
        // The text says where it is.
        self.line(first, &mut Some(place(first)), "answer", State::Ok, &text)
    }
}

/// Joins steps that say little: checks that found nothing, and a way back without a finding.
fn lines(steps: &[Step], all: bool) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    if all {
        return steps.iter().map(Line::Step).collect();
    }
    let back = steps.iter().position(|step| step.direction == Direction::Return);
    let back = back.filter(|back| steps[*back..].iter().all(|step| step.state == State::Ok));
    let (there, back) = steps.split_at(back.unwrap_or(steps.len()));
    for step in there {
        let is_check =
            matches!(step.stage, Stage::Rule | Stage::Mtu | Stage::Netfilter | Stage::Sysctl);
        let joins = is_check && step.state == State::Ok;
        match lines.last_mut() {
            Some(Line::Checks(checks)) if joins && place(checks[0]) == place(step) => {
                checks.push(step);
            }
            _ if joins => lines.push(Line::Checks(vec![step])),
            _ => lines.push(Line::Step(step)),
        }
    }
    if !back.is_empty() {
        lines.push(Line::Back(back.iter().collect()));
    }
    lines
}
