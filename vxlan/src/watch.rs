//! A view of entries that stays true: events, and a new reading where some were lost.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};

use rsadm_netlink::{Socket, Transport, now};

use crate::subscription::{next, try_next};
use crate::uapi::RTNLGRP_NEIGH;
use crate::verbs::Verbs;
use crate::{Client, Entry, EntryFilter, EntryKey, Event, EventKind, Result};

/// The entries of a link or bridge, kept up to date by what the kernel tells.
///
/// Lost events are told as [`Event::Lost`]; then the table has been read again, and the events
/// behind it, marked with `resync`, say what was missed. So whoever follows the events of a watch
/// always ends with what the kernel has.
///
/// ```no_run
/// use vxlan::{Client, EntryFilter, Event};
/// let mut client = Client::connect()?;
/// let link = client.link("flannel.1")?.index;
/// let mut watch = client.watch(&EntryFilter::of(link))?;
/// println!("{} entries", watch.entries().count());
/// while let Event::Entry { kind, entry, .. } = watch.next()? {
///     println!("{kind} {entry}");
/// }
/// # Ok::<(), vxlan::Error>(())
/// ```
#[derive(Debug)]
pub struct Watch<'c> {
    pub(crate) inner: Watcher<'c, Socket>,
}

impl Watch<'_> {
    /// The entries as far as [`next`](Self::next) has told them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.inner.view.values()
    }

    /// The next event, waiting for it.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and errors are not its end")]
    pub fn next(&mut self) -> Result<Event> {
        now(self.inner.next())
    }

    /// The next event that is there already, if there is one.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        now(self.inner.try_next())
    }
}

/// Readable when there is an event.
impl AsFd for Watch<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.events.transport().as_fd()
    }
}

impl Client {
    /// The entries that a filter matches, and from then on what happens to them. Only the filter's
    /// link, bridge and address are looked at in events, and whatever else the entry itself says.
    ///
    /// ```no_run
    /// # let mut client = vxlan::Client::connect()?;
    /// let mut watch = client.watch(&vxlan::EntryFilter::new())?;
    /// println!("{:?}", watch.next()?);
    /// # Ok::<(), vxlan::Error>(())
    /// ```
    pub fn watch(&mut self, filter: &EntryFilter) -> Result<Watch<'_>> {
        Ok(Watch { inner: now(Watcher::open(&mut self.verbs, filter))? })
    }
}

/// The same over any transport.
#[derive(Debug)]
pub(crate) struct Watcher<'c, T> {
    verbs: &'c mut Verbs<T>,
    filter: EntryFilter,
    events: rsadm_netlink::Events<T>,
    pub(crate) view: HashMap<EntryKey, Entry>,
    /// What is to be told before the next event.
    queue: VecDeque<Event>,
}

impl<'c, T: Transport> Watcher<'c, T> {
    pub(crate) async fn open(verbs: &'c mut Verbs<T>, filter: &EntryFilter) -> Result<Self> {
        let events = verbs.listen(&[RTNLGRP_NEIGH])?;
        let filter = filter.clone();
        let mut watcher =
            Self { verbs, filter, events, view: HashMap::new(), queue: VecDeque::new() };
        let reading = watcher.verbs.read_entries(&watcher.filter).await?;
        watcher.view = reading.entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        Ok(watcher)
    }

    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(event);
            }
            let event = next(&mut self.events).await?;
            self.take(event).await?;
        }
    }

    pub(crate) async fn try_next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Some(event));
            }
            let Some(event) = try_next(&mut self.events)? else { return Ok(None) };
            self.take(event).await?;
        }
    }

    /// Takes note of an event and queues what is to be told of it.
    async fn take(&mut self, event: Event) -> Result<()> {
        if event != Event::Lost {
            self.note(event);
            return Ok(());
        }
        // What is queued behind the loss is older than what is read now.
        while let Some(event) = try_next(&mut self.events)? {
            if event != Event::Lost {
                self.note(event);
            }
        }
        self.queue.push_back(Event::Lost);
        self.resync().await
    }

    fn note(&mut self, event: Event) {
        if let Event::Entry { kind, entry, .. } = &event {
            let key = entry.key();
            let matches = self.filter.matches(entry, crate::Defaults::default());
            match kind {
                EventKind::New if matches => {
                    if entry.is_echo(self.view.get(&key), self.view.values()) {
                        return;
                    }
                    self.view.insert(key, *entry);
                }
                // What was not known is not missed.
                _ => {
                    if self.view.remove(&key).is_none() {
                        return;
                    }
                }
            }
        }
        self.queue.push_back(event);
    }

    /// Reads the table and tells the difference to what was known.
    async fn resync(&mut self) -> Result<()> {
        let reading = self.verbs.read_entries(&self.filter).await?;
        let entries: HashMap<_, _> =
            reading.entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        let old = std::mem::replace(&mut self.view, entries);
        for (_, entry) in old.iter().filter(|(key, _)| !self.view.contains_key(key)) {
            let (kind, entry) = (EventKind::Delete, *entry);
            self.queue.push_back(Event::Entry { kind, entry, resync: true });
        }
        for (key, entry) in &self.view {
            let before = old.get(key).map(timeless);
            if before != Some(timeless(entry)) {
                let (kind, entry) = (EventKind::New, *entry);
                self.queue.push_back(Event::Entry { kind, entry, resync: true });
            }
        }
        Ok(())
    }
}

/// The entry without the times since its use, which are others at every look.
fn timeless(entry: &Entry) -> Entry {
    Entry { cache: None, ..*entry }
}
