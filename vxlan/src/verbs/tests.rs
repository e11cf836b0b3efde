//! Readings of a table that changes while it is listed, by a kernel that goes on at an index.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rsadm_netlink::fake::{done, is_dump, messages, reply};
use rsadm_netlink::{Header, now};

use super::*;
use crate::Mac;

/// How many rows the kernel puts into a datagram.
const ROWS: usize = 200;

fn entry(number: usize) -> Entry {
    let [.., a, b, c] = number.to_be_bytes();
    Entry::to(7, Mac([2, 0, 0, a, b, c]), [10, 0, 0, 1].into())
}

fn message(request: Header, kind: u16, entry: &Entry) -> Vec<u8> {
    reply(request, kind, 0, wire::put_entry(entry, 0).payload())
}

/// What happens to a table at one datagram of a listing.
type Happening = Box<dyn FnMut(&mut Table, usize) + Send>;

/// The kernel's table, and what its listeners have not read yet.
struct Table {
    entries: Vec<Entry>,
    heard: VecDeque<io::Result<Vec<u8>>>,
    listings: usize,
}

impl Table {
    fn delete(&mut self, index: usize) {
        let gone = self.entries.remove(index);
        self.heard.push_back(Ok(message(Header::default(), RTM_DELNEIGH, &gone)));
    }

    fn add_first(&mut self, entry: Entry) {
        self.entries.insert(0, entry);
        self.heard.push_back(Ok(message(Header::default(), RTM_NEWNEIGH, &entry)));
    }
}

/// A socket of that kernel.
#[derive(Clone)]
struct Socket {
    table: Arc<Mutex<(Table, Happening)>>,
    listens: bool,
    listing: Option<(Header, usize)>,
}

impl Socket {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut guard = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let (table, happening) = &mut *guard;
        if self.listens {
            return table.heard.pop_front().unwrap_or(Err(io::ErrorKind::WouldBlock.into()));
        }
        let Some((request, index)) = self.listing else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let rows = table.entries.iter().skip(index).take(ROWS);
        let datagram: Vec<u8> = rows.flat_map(|row| message(request, RTM_NEWNEIGH, row)).collect();
        if datagram.is_empty() {
            self.listing = None;
            return Ok(done(request, 0, 0));
        }
        self.listing = Some((request, index + ROWS));
        happening(table, index / ROWS);
        Ok(datagram)
    }
}

impl Transport for Socket {
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        let (request, _) = messages(bytes)[0];
        assert!(is_dump(request), "readings only list");
        self.table.lock().unwrap_or_else(PoisonError::into_inner).0.listings += 1;
        self.listing = Some((request, 0));
        ready(Ok(bytes.len()))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        ready(self.try_receive(buffer))
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.next()?;
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }

    fn receive_buffer_size(&self) -> usize {
        212_992
    }
}

/// Reads a table of that many entries while that happens. Checks that the reading has what the
/// table has in the end.
fn read(count: usize, happening: Happening) -> Reading {
    let entries = (0..count).map(entry).collect();
    let table = Table { entries, heard: VecDeque::new(), listings: 0 };
    let table = Arc::new(Mutex::new((table, happening)));
    let socket = |listens| Socket { table: Arc::clone(&table), listens, listing: None };
    let listener = socket(true);
    let listen = Box::new(move |_: &[u32]| Ok(listener.clone()));
    let mut verbs = Verbs::new(socket(false), socket(false), listen);
    let reading = now(verbs.read_entries(&EntryFilter::of(7))).expect("a reading");
    let guard = table.lock().unwrap_or_else(PoisonError::into_inner);
    let table = &guard.0;
    assert_eq!(table.listings, reading.passes as usize);
    if reading.complete {
        let sorted = |entries: &[Entry]| {
            let mut entries = entries.to_vec();
            entries.sort_by_key(|entry| (entry.mac, entry.remote.address));
            entries
        };
        assert_eq!(sorted(&reading.entries), sorted(&table.entries));
    }
    reading
}

#[test]
fn a_quiet_table_is_read_once_and_in_its_order() {
    let reading = read(20_000, Box::new(|_, _| {}));
    assert_eq!((reading.passes, reading.complete), (1, true));
    assert_eq!(reading.entries, (0..20_000).map(entry).collect::<Vec<_>>());
}

#[test]
fn deletions_in_the_middle_hide_no_entry() {
    let mut deleted = false;
    let reading = read(
        20_000,
        Box::new(move |table, datagram| {
            if datagram == 50 && !std::mem::replace(&mut deleted, true) {
                (0..300).for_each(|_| table.delete(0));
            }
        }),
    );
    assert_eq!((reading.entries.len(), reading.passes), (19_700, 2));
}

#[test]
fn additions_in_the_middle_double_no_entry() {
    let reading = read(
        20_000,
        Box::new(|table, datagram| {
            if datagram == 50 {
                (0..300).for_each(|number| table.add_first(entry(30_000 + number)));
            }
        }),
    );
    assert_eq!((reading.entries.len(), reading.passes), (20_300, 1));
}

#[test]
fn a_table_that_never_rests_is_told_to_be_so() {
    let reading = read(
        2000,
        Box::new(|table, datagram| {
            if datagram == 1 {
                table.delete(0);
            }
        }),
    );
    assert_eq!((reading.passes, reading.complete), (MOST_PASSES, false));
    // What one pass skipped another one showed.
    assert_eq!(reading.entries.len(), 2000 - MOST_PASSES as usize);
}

#[test]
fn lost_notifications_take_another_reading() {
    let mut lost = false;
    let reading = read(
        2000,
        Box::new(move |table, datagram| {
            if datagram == 3 && !std::mem::replace(&mut lost, true) {
                (0..100).for_each(|_| table.delete(0));
                table.heard.clear();
                // ENOBUFS
                table.heard.push_back(Err(io::Error::from_raw_os_error(105)));
            }
        }),
    );
    assert_eq!((reading.entries.len(), reading.passes, reading.complete), (1900, 2, true));
}
