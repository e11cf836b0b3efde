//! Plans over tables that stand in for the kernel's.

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::{Mac, Vni};

fn defaults() -> Defaults {
    Defaults { port: Some(8472), vni: Vni::new(1) }
}

fn entry(last: u8, remote: u8) -> Entry {
    Entry::to(7, Mac([2, 0, 0, 0, 0, last]), [10, 0, 0, remote].into())
}

fn flooding(remote: u8) -> Entry {
    Entry { mac: Mac::ZERO, ..entry(0, remote) }
}

fn plan(current: &[Entry], desired: &[Entry]) -> Vec<Change> {
    Sync::new(7, desired.to_vec()).plan(current, defaults(), false, None).collect()
}

#[test]
fn what_is_as_it_should_be_takes_no_change() {
    let current = [entry(1, 1), flooding(1), flooding(2)];
    assert_eq!(plan(&current, &current), []);
    let mut spelled = current;
    for entry in &mut spelled {
        entry.remote.port = Some(8472);
        entry.remote.vni = Vni::new(1);
        entry.source_vni = Vni::new(5);
    }
    assert_eq!(plan(&current, &spelled), []);
}

#[test]
fn permanent_is_permanent_whoever_wrote_it() {
    let of_flannel = Entry { state: State::PERMANENT, ..entry(1, 1) };
    assert_eq!(plan(&[of_flannel], &[entry(1, 1)]), []);
    let fixed = Entry { state: State::STATIC, ..entry(1, 1) };
    assert_eq!(plan(&[of_flannel], &[fixed]), [Change::Replace(fixed)]);
}

#[test]
fn one_change_for_each_difference() {
    let current = [entry(1, 1), entry(2, 1), flooding(1), flooding(2)];
    let desired = [entry(1, 9), entry(3, 1), flooding(2), flooding(3)];
    assert_eq!(
        plan(&current, &desired),
        [
            Change::Delete(entry(2, 1)),
            Change::Delete(flooding(1)),
            Change::Replace(entry(1, 9)),
            Change::Add(entry(3, 1)),
            Change::Append(flooding(3)),
        ]
    );
}

#[test]
fn what_somebody_else_knows_is_left_alone() {
    let learned = Entry { state: State::REACHABLE, ..entry(1, 1) };
    let mut controlled = entry(2, 1);
    controlled.flags |= Flags::EXTERN_LEARN;
    let mut in_bridge = Entry::new(7, Mac([2, 0, 0, 0, 0, 3]));
    in_bridge.master = Some(9);
    assert_eq!(plan(&[learned, controlled, in_bridge], &[]), []);
    let own = Some(IpAddr::from([10, 0, 0, 1]));
    let sync = Sync::new(7, Vec::new());
    assert_eq!(sync.plan(&[flooding(1)], defaults(), false, own).len(), 0);
    // But what is wanted is made so, whoever wrote what is there.
    assert_eq!(plan(&[learned], &[entry(1, 1)]), [Change::Replace(entry(1, 1))]);
}

#[test]
fn a_nexthop_group_and_a_remote_do_not_become_each_other() {
    let group = Entry { nexthop_group: Some(10), ..Entry::new(7, Mac([2, 0, 0, 0, 0, 1])) };
    assert_eq!(plan(&[group], &[entry(1, 1)]), [Change::Delete(group), Change::Add(entry(1, 1))]);
    let other = Entry { nexthop_group: Some(11), ..group };
    assert_eq!(plan(&[group], &[other]), [Change::Replace(other)]);
}

#[test]
fn the_last_of_doubled_wishes_counts() {
    assert_eq!(plan(&[], &[entry(1, 1), entry(1, 2)]), [Change::Add(entry(1, 2))]);
}

/// The kernel's table, as far as plans use it.
fn carry_out(table: &mut Vec<Entry>, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Delete(gone) => table.retain(|is| is.key() != gone.key()),
            Change::Add(new) => {
                assert!(table.iter().all(|is| is.key() != new.key()));
                table.push(*new);
            }
            Change::Replace(new) | Change::Append(new) => {
                table.retain(|is| is.key() != new.key());
                table.push(*new);
            }
            _ => unreachable!("plans are about entries"),
        }
    }
}

fn any_table() -> impl Strategy<Value = Vec<Entry>> {
    let row = (0_u8..6, 0_u8..4, any::<bool>()).prop_map(|(last, remote, group)| {
        if last == 0 {
            return flooding(remote);
        }
        let entry = entry(last, remote);
        if group && remote == 0 {
            Entry { nexthop_group: Some(3), remote: crate::Remote::NONE, ..entry }
        } else {
            entry
        }
    });
    proptest::collection::vec(row, 0..12).prop_map(|rows| {
        let by_key: HashMap<_, _> = rows.into_iter().map(|row| (row.key(), row)).collect();
        by_key.into_values().collect()
    })
}

proptest! {
    #[test]
    fn the_table_becomes_what_it_should_be(current in any_table(), desired in any_table()) {
        let mut table = current.clone();
        let changes = plan(&current, &desired);
        carry_out(&mut table, &changes);
        prop_assert_eq!(plan(&table, &desired), []);
        prop_assert_eq!(table.len(), desired.len());
        prop_assert!(desired.iter().all(|entry| table.contains(entry)));
        let differing = desired.iter().filter(|entry| !current.contains(entry)).count();
        prop_assert!(changes.len() <= 2 * differing + current.len());
    }
}
