//! The text that conntrack prints, as functions from values of the `conntrack` library to a
//! buffer.
//!
//! `rsadm conntrack ... -o classic` and the conntrack personality share these functions. They
//! append to a [`Line`] that is kept for a whole listing and written in large pieces, because a
//! table has a million flows.

mod clock;
pub mod expectation;
mod flow;
mod labels;
pub mod save;
pub mod statistics;
pub mod text;
pub mod xml;

pub(crate) use clock::push_date;
pub(crate) use flow::{DCCP_STATES, SCTP_STATES, TCP_STATES};
pub use labels::{CONFIGURATION, LabelMap};

use conntrack::EventKind;

use super::Line;

/// How flows are written.
#[derive(Clone, Debug, Default)]
pub struct Format {
    /// Layer 3 protocol in front.
    pub extended: bool,
    /// Ids. XML always has them.
    pub id: bool,
    /// When flows began and ended, as far as the kernel keeps that.
    pub timestamps: bool,
    /// As conntrack prints it even where that is wrong: XML calls states of SCTP and DCCP by names
    /// of TCP's.
    pub verbatim: bool,
    /// Names of labels, which are shown if there is a map of them.
    pub labels: Option<LabelMap>,
}

/// What an event's line begins with.
fn push_kind(line: &mut Line, kind: EventKind) {
    line.text(match kind {
        EventKind::New => "    [NEW] ",
        EventKind::Update => " [UPDATE] ",
        EventKind::Destroy => "[DESTROY] ",
    });
}
