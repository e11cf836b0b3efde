//! What changed from one snapshot to another.

mod rows;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Part, Snapshot};
use rows::{Rows, Table};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowChange {
    /// It is in the second snapshot only.
    Added,
    /// It is in the first snapshot only.
    Removed,
    /// It is in both, and not the same.
    Changed,
}

/// A field that changed, as text; `None` is one that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct FieldChange {
    /// Its name, with dots where it is inside another.
    pub field: String,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// A row that is not the same in two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Difference {
    /// The table, such as `routes`.
    pub table: &'static str,
    /// The pod whose table it is; `None` is the node itself.
    pub pod: Option<String>,
    /// What the row is about.
    pub subject: String,
    /// What became of it.
    pub change: RowChange,
    /// Fields that changed; of a row that was added or removed, all that it has.
    pub fields: Vec<FieldChange>,
}

/// How two snapshots are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffOptions {
    /// Whether what changes all the time counts: counters, times, numbers of connections, flows, and
    /// whether a neighbour was confirmed of late.
    pub volatile: bool,
}

/// Compares two snapshots, table by table. Links are told by their names, since indexes are given
/// anew when a link is made anew.
///
/// ```
/// # fn compare(before: &node::Snapshot, after: &node::Snapshot) {
/// for difference in node::diff(before, after, node::DiffOptions::default()) {
///     println!("{} {:?} {}", difference.table, difference.change, difference.subject);
/// }
/// # }
/// ```
pub fn diff(before: &Snapshot, after: &Snapshot, options: DiffOptions) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(&mut differences, None, rows::node(before, options), rows::node(after, options));
    let (pods_before, pods_after) = (by_name(before), by_name(after));
    for (name, pod) in &pods_before {
        if let Some(other) = pods_after.get(name) {
            let networks = [pod, other].map(|pod| rows::network(&pod.network, options));
            let [before, after] = networks;
            compare(&mut differences, Some(name), before, after);
        }
    }
    differences
}

fn by_name(snapshot: &Snapshot) -> BTreeMap<&str, &crate::Pod> {
    let pods = snapshot.pods.get().into_iter().flatten();
    pods.map(|pod| (pod.name.as_str(), pod)).collect()
}

/// Compares tables that both have in the same order.
fn compare(
    differences: &mut Vec<Difference>,
    pod: Option<&str>,
    before: Vec<Table>,
    after: Vec<Table>,
) {
    for (before, after) in before.into_iter().zip(after) {
        let table = before.name;
        let mut found = |subject: String, change, fields| {
            let pod = pod.map(str::to_owned);
            differences.push(Difference { table, pod, subject, change, fields });
        };
        match (before.rows, after.rows) {
            (Part::Read(before), Part::Read(after)) => compare_rows(before, after, &mut found),
            // That a table became unknown is told once, not as the loss of every row.
            (before, after) if before.reason() != after.reason() => {
                let field = FieldChange {
                    field: "unknown".to_owned(),
                    before: before.reason().map(str::to_owned),
                    after: after.reason().map(str::to_owned),
                };
                found("the table itself".to_owned(), RowChange::Changed, vec![field]);
            }
            _ => {}
        }
    }
}

fn compare_rows(
    before: Rows,
    mut after: Rows,
    found: &mut impl FnMut(String, RowChange, Vec<FieldChange>),
) {
    for (subject, old) in before {
        match after.remove(&subject) {
            None => found(subject, RowChange::Removed, fields(old, BTreeMap::new())),
            Some(new) if old == new => {}
            Some(new) => found(subject, RowChange::Changed, fields(old, new)),
        }
    }
    for (subject, new) in after {
        found(subject, RowChange::Added, fields(BTreeMap::new(), new));
    }
}

fn fields(before: rows::Fields, mut after: rows::Fields) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for (field, before) in before {
        let after = after.remove(&field);
        if after.as_ref() != Some(&before) {
            changes.push(FieldChange { field, before: Some(before), after });
        }
    }
    let new = after.into_iter();
    changes.extend(new.map(|(field, after)| FieldChange {
        field,
        before: None,
        after: Some(after),
    }));
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

#[cfg(test)]
mod tests;
