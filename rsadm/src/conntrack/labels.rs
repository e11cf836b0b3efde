//! Labels by name or number.

use conntrack::Labels;

use crate::classic::conntrack::{CONFIGURATION, LabelMap};
use crate::failure::{Failure, Result};

/// The labels of these names or numbers.
pub(super) fn bits(names: &[String]) -> Result<Labels> {
    let mut labels = Labels::NONE;
    let mut map = None;
    for name in names {
        let bit = match name.parse::<u8>() {
            Ok(bit) => Some(bit),
            Err(_) => map
                .get_or_insert_with(|| LabelMap::system().unwrap_or_default())
                .bit(name.as_bytes())
                .and_then(|bit| u8::try_from(bit).ok()),
        };
        match bit.filter(|bit| *bit < Labels::COUNT) {
            Some(bit) => labels.insert(bit),
            None => {
                return Err(Failure::usage(format!(
                    "'{name}' is neither the name of a label nor a number up to 127"
                ))
                .hint(format!("{CONFIGURATION} has the names")));
            }
        }
    }
    Ok(labels)
}

/// The system's names, for output that is to show them.
pub(super) fn map() -> Result<LabelMap> {
    LabelMap::system().map_err(|error| {
        Failure::refused(format!("cannot read {CONFIGURATION}: {error}"))
            .hint("it has a line for each label, `BIT NAME`; -o json shows the bits without it")
    })
}
