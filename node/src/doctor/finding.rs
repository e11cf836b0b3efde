//! What was found, and what could not be.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Code, Snapshot, Stage};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It will hurt, or hurts some packets.
    Warning,
    /// Packets are lost.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The word for it.
    pub code: Code,
    /// Name of the node.
    pub node: String,
    /// Where on a packet's way.
    pub stage: Stage,
    /// What it is about: a link, an address, a service.
    pub subject: String,
    /// What is wrong.
    pub summary: String,
    /// Why that hurts.
    pub why: String,
    /// What to do, a command where there is one.
    pub fix: String,
}

/// A check that lacked its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Doubt {
    /// Name of the node.
    pub node: String,
    /// Where on a packet's way.
    pub stage: Stage,
    /// What is not known.
    pub subject: String,
    /// Why not.
    pub reason: String,
}

/// The result of an examination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What is wrong, the worst first, then in the order of a packet's way.
    pub findings: Vec<Finding>,
    /// What could not be told.
    #[serde(default)]
    pub unknown: Vec<Doubt>,
}

/// What a check says of its finding; node and stage are the caller's.
pub(super) struct Told {
    pub(super) subject: String,
    pub(super) summary: String,
    pub(super) why: &'static str,
    pub(super) fix: String,
}

impl Report {
    /// Whether there is an error or a warning.
    pub fn is_alarming(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity > Severity::Info)
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        code: Code,
        node: &Snapshot,
        stage: Stage,
        told: Told,
    ) {
        let Told { subject, summary, why, fix } = told;
        let (node, why) = (node.name.clone(), why.to_owned());
        self.findings.push(Finding { severity, code, node, stage, subject, summary, why, fix });
    }

    pub(super) fn doubt(&mut self, node: &Snapshot, stage: Stage, subject: &str, reason: &str) {
        let (node, subject) = (node.name.clone(), subject.to_owned());
        self.unknown.push(Doubt { node, stage, subject, reason: reason.to_owned() });
    }

    /// Sorts, and says everything once.
    pub(super) fn conclude(&mut self) {
        let order = |finding: &Finding| {
            (Reverse(finding.severity), finding.stage, finding.code, finding.node.clone())
        };
        self.findings.sort_by_cached_key(|finding| (order(finding), finding.subject.clone()));
        self.findings.dedup();
        self.unknown.sort();
        self.unknown.dedup();
    }
}
