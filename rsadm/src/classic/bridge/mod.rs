//! The text that `bridge` of iproute2 6.1 prints, as functions from values of the `vxlan` library
//! to a [`Printer`].
//!
//! `rsadm vxlan` and the bridge personality share these functions. bridge prints the same fields in
//! the same order as text and as JSON, so there is one function for both. They append to a buffer
//! that is kept for a whole listing and written in large pieces, and look up names that were
//! [read once](Names): a device has 100,000 entries.
//!
//! ```
//! use rsadm::classic::bridge::{self, Form, Format, Names, Printer};
//! use vxlan::Entry;
//!
//! let names = Names::of([(7, "flannel.1")]);
//! let entry = Entry::to(7, "ee:d6:38:55:d5:c7".parse()?, "172.16.20.121".parse()?);
//! let mut printer = Printer::new(Format { form: Form::Json { pretty: false }, ..Format::default() });
//! printer.begin();
//! bridge::entry(&mut printer, &entry, &names);
//! printer.end();
//! printer.write_to(&mut std::io::stdout())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod multicast;
mod names;
mod printer;
#[cfg(test)]
mod tests;
mod vni;

pub use entry::{deleted_entry, entry};
pub use multicast::{multicast, multicast_entry};
pub use names::Names;
pub(crate) use names::PROTOCOLS;
pub use printer::{Form, Format, Printer};
pub use vni::{vni_entries, vni_heading};
