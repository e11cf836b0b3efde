//! What became of many changes.

use std::borrow::Cow;

use vxlan::{Change, Error, Reason, Report};

use super::hint;
use crate::failure::{Failure, Result};

/// How many refusals are told one by one.
const TOLD: usize = 20;

/// What became of changes, as far as it has to be told.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) applied: usize,
    /// Changes that were not made, and why; the first of them.
    failed: Vec<(String, Option<Cow<'static, str>>)>,
    total_failed: usize,
    unknown: usize,
    stopped: Option<Error>,
    is_final: bool,
}

impl Outcome {
    /// Takes note of what became of `part`. Says whether there is no use in going on.
    pub(super) fn add(&mut self, report: Report, part: &[Change]) -> bool {
        self.applied += report.applied;
        self.unknown += report.unknown.len();
        for (_, refused) in report.refused {
            self.is_final |= refused.reason == Reason::Permission;
            let advice = hint::hint(&refused);
            self.failed(&Error::from(refused), advice);
        }
        for (index, ignored) in report.ignored {
            let Some(change) = part.get(index) else { continue };
            let request = Box::new(change.request());
            self.failed(&Error::Ignored { request, ignored }, None);
        }
        self.stopped = report.error;
        self.is_final || self.stopped.is_some()
    }

    fn failed(&mut self, error: &Error, advice: Option<Cow<'static, str>>) {
        self.total_failed += 1;
        if self.failed.len() < TOLD {
            self.failed.push((error.to_string(), advice));
        }
    }

    /// Whether each change was made.
    fn is_complete(&self) -> bool {
        self.total_failed == 0 && self.unknown == 0 && self.stopped.is_none()
    }

    /// Tells what was refused, and how much was done all the same.
    pub(super) fn tell(&self, device: &str) -> Result<()> {
        if self.is_complete() {
            return Ok(());
        }
        let shown = if self.is_final && self.applied == 0 { 1 } else { TOLD };
        let mut lines: Vec<_> =
            self.failed.iter().take(shown).map(|(text, _)| format!("{device}: {text}")).collect();
        let more = self.total_failed - lines.len();
        if more > 0 {
            lines.push(format!("{more} more were refused"));
        }
        if self.unknown > 0 {
            lines.push(format!("of {} changes the kernel's answer was lost", self.unknown));
        }
        if let Some(error) = &self.stopped {
            lines.push(format!("{device}: {error}"));
        }
        lines.push(match self.applied {
            0 => "nothing was changed".to_owned(),
            1 => "1 change was made".to_owned(),
            made => format!("{made} changes were made"),
        });
        let failure = Failure::refused(lines.join("\n"));
        Err(match self.failed.iter().find_map(|(_, advice)| advice.clone()) {
            Some(advice) => failure.hint(advice),
            None => failure,
        })
    }
}
