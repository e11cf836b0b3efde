//! Findings as text for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use node::{Finding, Report, Severity};

/// How words are marked on a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Styles {
    error: Style,
    warning: Style,
    info: Style,
    strong: Style,
    faint: Style,
}

impl Styles {
    /// With colours.
    pub(super) fn coloured() -> Self {
        let colour = |colour: AnsiColor| colour.on_default();
        Self {
            error: colour(AnsiColor::Red).bold(),
            warning: colour(AnsiColor::Yellow).bold(),
            info: colour(AnsiColor::Cyan),
            strong: Style::new().bold(),
            faint: Style::new().dimmed(),
        }
    }

    fn of(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warning,
            Severity::Info => self.info,
        }
    }
}

/// Writes each finding with its reason and its mend, what could not be told, and a last line that
/// counts.
pub(super) fn text(out: &mut impl Write, report: &Report, styles: Styles) -> io::Result<()> {
    for finding in &report.findings {
        one(out, finding, styles)?;
    }
    for doubt in &report.unknown {
        let faint = styles.faint;
        writeln!(
            out,
            "{faint}unknown  {} {}: {}: {}{faint:#}",
            doubt.node, doubt.stage, doubt.subject, doubt.reason
        )?;
    }
    conclusion(out, report, styles)
}

fn one(out: &mut impl Write, finding: &Finding, styles: Styles) -> io::Result<()> {
    let Finding { severity, code, node, stage, summary, why, fix, .. } = finding;
    let (mark, strong, faint) = (styles.of(*severity), styles.strong, styles.faint);
    writeln!(
        out,
        "{mark}{severity:8}{mark:#} {strong}{node}{strong:#} {stage}: {summary}  {faint}[{code}]{faint:#}"
    )?;
    writeln!(out, "         {faint}why{faint:#}  {why}")?;
    writeln!(out, "         {faint}fix{faint:#}  {fix}")
}

fn conclusion(out: &mut impl Write, report: &Report, styles: Styles) -> io::Result<()> {
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
    let strong = styles.strong;
    write!(out, "{strong}{found}{strong:#}")?;
    match report.unknown.len() {
        0 => writeln!(out),
        1 => writeln!(out, "; one check lacked its input"),
        many => writeln!(out, "; {many} checks lacked their input"),
    }
}

#[cfg(test)]
mod tests {
    use node::{Code, Doubt, Stage};

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

    fn drawn(report: &Report, styles: Styles) -> String {
        let mut out = Vec::new();
        text(&mut out, report, styles).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_finding_is_three_lines_and_the_last_line_counts() {
        assert_eq!(
            drawn(&report(), Styles::default()),
            "error    node120 fdb: no forwarding entry  [fdb-missing]\n\
             \x20        why  frames are dropped\n\
             \x20        fix  bridge fdb replace\n\
             unknown  node120 netfilter: rules: no iptables-save\n\
             1 error; one check lacked its input\n"
        );
        assert_eq!(drawn(&Report::default(), Styles::default()), "nothing is wrong\n");
    }

    #[test]
    fn colours_change_nothing_else() {
        let coloured = drawn(&report(), Styles::coloured());
        assert!(coloured.contains("\u{1b}["));
        let mut plain = String::new();
        let mut parts = coloured.split('\u{1b}');
        plain.push_str(parts.next().unwrap_or_default());
        plain.extend(parts.filter_map(|part| part.split_once('m')).map(|(_, text)| text));
        assert_eq!(plain, drawn(&report(), Styles::default()));
    }
}
