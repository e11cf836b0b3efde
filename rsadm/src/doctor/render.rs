//! Findings as text for people.

use std::io::{self, Write};

use node::{Doubt, Finding, Report, Severity};

use crate::output::paint::{Paint, Tone};

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Doubtful,
        Severity::Info => Tone::Good,
    }
}

/// Writes each finding with its reason and its mend, what could not be told, and a last line that
/// counts.
pub(super) fn text(out: &mut impl Write, report: &Report, paint: Paint) -> io::Result<()> {
    for finding in &report.findings {
        one(out, finding, paint)?;
    }
    for doubt in &report.unknown {
        let Doubt { node, stage, subject, reason } = doubt;
        let line = format!("unknown  {node} {stage}: {subject}: {reason}");
        writeln!(out, "{}", paint.with(Tone::Faint, line))?;
    }
    conclusion(out, report, paint)
}

fn one(out: &mut impl Write, finding: &Finding, paint: Paint) -> io::Result<()> {
    let Finding { severity, code, node, stage, summary, why, fix, .. } = finding;
    let mark = paint.with(tone(*severity), format!("{severity:8}"));
    let node = paint.with(Tone::Strong, node);
    let code = paint.with(Tone::Faint, format!("[{code}]"));
    writeln!(out, "{mark} {node} {stage}: {summary}  {code}")?;
    writeln!(out, "         {}  {why}", paint.with(Tone::Faint, "why"))?;
    writeln!(out, "         {}  {fix}", paint.with(Tone::Faint, "fix"))
}

fn conclusion(out: &mut impl Write, report: &Report, paint: Paint) -> io::Result<()> {
    let count =
        |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let mut parts = Vec::new();
    for (severity, word) in
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "note")]
    {
        match count(severity) {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            many => parts.push(format!("{many} {word}s")),
        }
    }
    let found = if parts.is_empty() { "nothing is wrong".to_owned() } else { parts.join(", ") };
    write!(out, "{}", paint.with(Tone::Strong, found))?;
    match report.unknown.len() {
        0 => writeln!(out),
        1 => writeln!(out, "; one check lacked its input"),
        many => writeln!(out, "; {many} checks lacked their input"),
    }
}

#[cfg(test)]
mod tests {
    use node::{Code, Stage};

    use super::*;

    fn report() -> Report {
        let finding = Finding {
            severity: Severity::Error,
            code: Code::FdbMissing,
            node: "node120".to_owned(),
            stage: Stage::Fdb,
            subject: "flannel.1 ee:d6:38:55:d5:c7".to_owned(),
            summary: "no forwarding entry".to_owned(),
            why: "frames are dropped".to_owned(),
            fix: "bridge fdb replace".to_owned(),
        };
        let doubt = Doubt {
            node: "node120".to_owned(),
            stage: Stage::Netfilter,
            subject: "rules".to_owned(),
            reason: "no iptables-save".to_owned(),
        };
        Report { findings: vec![finding], unknown: vec![doubt] }
    }

    fn drawn(report: &Report, paint: Paint) -> String {
        let mut out = Vec::new();
        text(&mut out, report, paint).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_finding_is_three_lines_and_the_last_line_counts() {
        assert_eq!(
            drawn(&report(), Paint::NONE),
            "error    node120 fdb: no forwarding entry  [fdb-missing]\n\
             \x20        why  frames are dropped\n\
             \x20        fix  bridge fdb replace\n\
             unknown  node120 netfilter: rules: no iptables-save\n\
             1 error; one check lacked its input\n"
        );
        assert_eq!(drawn(&Report::default(), Paint::NONE), "nothing is wrong\n");
    }

    #[test]
    fn colours_change_nothing_else() {
        let coloured = drawn(&report(), Paint::ALL);
        assert!(coloured.contains("\u{1b}["));
        let mut plain = String::new();
        let mut parts = coloured.split('\u{1b}');
        plain.push_str(parts.next().unwrap_or_default());
        plain.extend(parts.filter_map(|part| part.split_once('m')).map(|(_, text)| text));
        assert_eq!(plain, drawn(&report(), Paint::NONE));
    }
}
