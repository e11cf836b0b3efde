//! Every verb once, over any transport.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use rsadm_netlink::{
    Connection, Dump, Event as Received, Events, Message, Outcome, Reply, Transport,
};

use crate::change::tells_of;
use crate::entry::Defaults;
use crate::uapi::*;
use crate::view::View;
use crate::{
    Change, Entry, EntryFilter, EntryQuery, Error, Event, EventKind, Ignored, Link, LinkConfig,
    MulticastEntry, Neighbour, Nexthop, Plan, Reason, Refused, Report, Request, Result, Route,
    RouterPort, Sync, SyncReport, Verbatim, VniEntry, wire,
};

/// How often a table that changes while it is read is read again, at most.
const MOST_PASSES: u32 = 8;

/// How many changes are sent before the notifications of them are read.
const WINDOW: usize = 128;

/// Opens one more socket, in the same namespace, that hears these groups.
pub(crate) type Listen<T> =
    Box<dyn Fn(&[u32]) -> rsadm_netlink::Result<T> + Send + std::marker::Sync>;

/// Two connections to rtnetlink, and how to hear what happens.
pub(crate) struct Verbs<T> {
    reader: Connection<T>,
    writer: Connection<T>,
    listen: Listen<T>,
    /// The request of the dump under way.
    message: Message,
}

impl<T: fmt::Debug> fmt::Debug for Verbs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verbs")
            .field("reader", &self.reader)
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}

/// Entries that a filter matches, and how well they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The entries, each once.
    pub entries: Vec<Entry>,
    /// How often the table was read.
    pub passes: u32,
    /// Whether no entry is missing. It is false where entries were deleted during every pass; even
    /// then only an entry is missing that every pass skipped.
    pub complete: bool,
}

/// What a flush did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Flushed {
    /// The kernel deleted all with one request. It does not say how many.
    #[default]
    AtOnce,
    /// They were listed and deleted one by one, because the kernel lacks the request or the
    /// condition.
    OneByOne(Report),
}

/// Entries of a dump that a filter matches.
#[derive(Debug)]
pub(crate) struct Cursor<'c, T: Transport> {
    dump: Dump<'c, T>,
    filter: &'c EntryFilter,
    defaults: HashMap<u32, Defaults>,
}

impl<T: Transport> Cursor<'_, T> {
    #[inline]
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            let failed = |error| Error::of(Request::ListEntries, error);
            let Some(reply) = self.dump.next().await.map_err(failed)? else { return Ok(None) };
            let Some(entry) = wire::entry(reply.payload)? else { continue };
            if self.filter.is_whole() && self.filter.is_of_its_table(&entry) {
                return Ok(Some(entry));
            }
            let defaults = self.defaults.get(&entry.link).copied().unwrap_or_default();
            if self.filter.matches(&entry, defaults) {
                return Ok(Some(entry));
            }
        }
    }
}

/// Runs a request and collects what comes back.
async fn collect<T: Transport, V: Send>(
    connection: &mut Connection<T>,
    request: Request,
    mut message: Message,
    is_dump: bool,
    mut decode: impl FnMut(Reply<'_>, &mut Vec<V>) -> Result<()> + Send,
) -> Result<Vec<V>> {
    /// Which side went wrong.
    enum Trouble {
        Wire(rsadm_netlink::Error),
        Value(Error),
    }
    impl From<rsadm_netlink::Error> for Trouble {
        fn from(error: rsadm_netlink::Error) -> Self {
            Self::Wire(error)
        }
    }
    let mut tries = 1;
    loop {
        let mut values = Vec::new();
        let each = |reply: Reply<'_>| decode(reply, &mut values).map_err(Trouble::Value);
        let done = if is_dump {
            match connection.dump(&mut message).await {
                Ok(dump) => dump.for_each(each).await,
                Err(error) => Err(error.into()),
            }
        } else {
            connection.request(&mut message, each).await
        };
        match done {
            Ok(()) => return Ok(values),
            // Small tables: read again when they changed meanwhile.
            Err(Trouble::Wire(error)) if error.is_interrupted() && tries < MOST_PASSES => {
                tries += 1;
            }
            Err(Trouble::Wire(error)) => return Err(Error::of(request, error)),
            Err(Trouble::Value(error)) => return Err(error),
        }
    }
}

/// Decodes into at most one value a message.
fn single<V>(
    decode: impl Fn(&[u8]) -> Result<Option<V>> + Send,
) -> impl FnMut(Reply<'_>, &mut Vec<V>) -> Result<()> + Send {
    move |reply, values| {
        values.extend(decode(reply.payload)?);
        Ok(())
    }
}

fn only<V>(values: Vec<V>, what: &'static str) -> Result<V> {
    values.into_iter().next().ok_or(Error::Malformed { what })
}

impl<T: Transport> Verbs<T> {
    pub(crate) fn new(reader: T, writer: T, listen: Listen<T>) -> Self {
        let (reader, writer) = (Connection::new(reader), Connection::new(writer));
        Self { reader, writer, listen, message: Message::new(0, 0) }
    }

    pub(crate) fn listen(&self, groups: &[u32]) -> Result<Events<T>> {
        let transport = (self.listen)(groups);
        Ok(Events::new(transport.map_err(|error| Error::of(Request::Subscribe, error))?))
    }

    async fn acknowledged(&mut self, request: Request, mut message: Message) -> Result<()> {
        let done = self.writer.request(&mut message, |_| Ok::<_, rsadm_netlink::Error>(())).await;
        done.map_err(|error| Error::of(request, error))
    }

    async fn change(&mut self, change: Change) -> Result<()> {
        self.acknowledged(change.request(), change.message()).await
    }

    // Links.

    pub(crate) async fn links(&mut self) -> Result<Vec<Link>> {
        let mut links = self.list_links(true).await?;
        links.retain(|link| link.vxlan.is_some());
        Ok(links)
    }

    pub(crate) async fn every_link(&mut self) -> Result<Vec<Link>> {
        self.list_links(false).await
    }

    async fn list_links(&mut self, only_vxlan: bool) -> Result<Vec<Link>> {
        let decode = single(|payload| wire::link::link(payload).map(Some));
        let message = wire::link::list(only_vxlan);
        collect(&mut self.reader, Request::ListLinks, message, true, decode).await
    }

    pub(crate) async fn link(&mut self, name: &str) -> Result<Link> {
        let decode = single(|payload| wire::link::link(payload).map(Some));
        let request = Request::FindLink(name.into());
        let message = wire::link::of_name(name);
        only(collect(&mut self.reader, request, message, false, decode).await?, "link")
    }

    pub(crate) async fn link_by_index(&mut self, index: u32) -> Result<Link> {
        let decode = single(|payload| wire::link::link(payload).map(Some));
        let message = wire::link::of_index(RTM_GETLINK, index);
        let request = Request::ReadLink(index);
        only(collect(&mut self.reader, request, message, false, decode).await?, "link")
    }

    /// The link, if it is a VXLAN device.
    async fn vxlan(&mut self, index: u32, request: Request) -> Result<Link> {
        let link = self.link_by_index(index).await?;
        if link.vxlan.is_some() {
            return Ok(link);
        }
        Err(Error::NotVxlan { request: Box::new(request), name: link.name.into() })
    }

    pub(crate) async fn create_link(&mut self, config: &LinkConfig) -> Result<()> {
        let name = config.name.as_deref().unwrap_or("of VXLAN");
        self.acknowledged(Request::CreateLink(name.into()), wire::link::put_link(None, config))
            .await
    }

    pub(crate) async fn change_link(&mut self, index: u32, config: &LinkConfig) -> Result<()> {
        let request = Request::ChangeLink(index);
        self.vxlan(index, request.clone()).await?;
        self.acknowledged(request, wire::link::put_link(Some(index), config)).await
    }

    pub(crate) async fn delete_link(&mut self, index: u32) -> Result<()> {
        let request = Request::DeleteLink(index);
        self.vxlan(index, request.clone()).await?;
        self.acknowledged(request, wire::link::of_index(RTM_DELLINK, index)).await
    }

    // Forwarding entries.

    /// What entries mean where they say nothing, by link.
    async fn defaults(&mut self, filter: &EntryFilter) -> Result<HashMap<u32, Defaults>> {
        if !filter.needs_defaults() {
            return Ok(HashMap::new());
        }
        let links = self.links().await?;
        Ok(links.iter().map(|link| (link.index, link.defaults())).collect())
    }

    pub(crate) async fn entries<'c>(
        &'c mut self,
        filter: &'c EntryFilter,
    ) -> Result<Cursor<'c, T>> {
        let defaults = self.defaults(filter).await?;
        let Self { reader, message, .. } = self;
        *message = wire::list_entries(filter);
        let dump = reader.dump(message).await;
        let dump = dump.map_err(|error| Error::of(Request::ListEntries, error))?;
        Ok(Cursor { dump, filter, defaults })
    }

    pub(crate) async fn read_entries(&mut self, filter: &EntryFilter) -> Result<Reading> {
        let mut events = self.listen(&[RTNLGRP_NEIGH])?;
        let defaults = self.defaults(filter).await?;
        let ports = self.ports(filter).await?;
        let belongs = |entry: &Entry| {
            filter.is_of_its_table(entry)
                && ports.as_ref().is_none_or(|ports| ports.contains(&entry.link))
        };
        let asked = EntryFilter { link: filter.link, master: filter.master, ..EntryFilter::new() };
        let mut view = View::default();
        let mut complete = false;
        let mut passes = 0;
        while !complete && passes < MOST_PASSES {
            passes += 1;
            let interrupted = self.pass(&asked, &mut view).await?;
            complete = match drain(&mut events, &mut view, &belongs)? {
                Drained::Quiet => !interrupted,
                Drained::Deleted => false,
                Drained::Lost => {
                    view = View::default();
                    false
                }
            };
            if !complete {
                view.settle();
            }
        }
        let mut entries = view.into_entries();
        if !filter.is_whole() {
            entries.retain(|entry| {
                let defaults = defaults.get(&entry.link).copied().unwrap_or_default();
                filter.matches(entry, defaults)
            });
        }
        Ok(Reading { entries, passes, complete })
    }

    /// The links that a filter by bridge means.
    async fn ports(&mut self, filter: &EntryFilter) -> Result<Option<HashSet<u32>>> {
        let Some(master) = filter.master else { return Ok(None) };
        let links = self.every_link().await?;
        let ports = links.iter().filter(|link| link.master == Some(master));
        Ok(Some(ports.map(|link| link.index).chain([master]).collect()))
    }

    /// Reads the table once. Says whether the kernel said that it changed meanwhile.
    async fn pass(&mut self, filter: &EntryFilter, view: &mut View) -> Result<bool> {
        let mut cursor = self.entries(filter).await?;
        loop {
            match cursor.next().await {
                Ok(Some(entry)) => view.row(entry),
                Ok(None) => return Ok(false),
                Err(Error::Exchange { source, .. }) if source.is_interrupted() => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn entry(&mut self, query: &EntryQuery) -> Result<Entry> {
        let request = Request::ReadEntry(query.mac);
        let message = wire::get_entry(query);
        let decode = single(wire::entry);
        only(collect(&mut self.reader, request, message, false, decode).await?, "entry")
    }

    pub(crate) async fn add(&mut self, entry: &Entry) -> Result<()> {
        self.change(Change::Add(*entry)).await
    }

    pub(crate) async fn append(&mut self, entry: &Entry) -> Result<()> {
        let change = Change::Append(*entry);
        let single = change.single_append().is_some();
        match self.change(change.clone()).await {
            Err(error) if single && error.reason() == Some(Reason::Exists) => {}
            result => return result,
        }
        match self.is_there(entry).await? {
            Some(true) => Ok(()),
            Some(false) => {
                let request = Box::new(Request::AppendEntry(*entry));
                Err(Error::Ignored { request, ignored: Ignored::OneRemote })
            }
            // What was in the way is gone.
            None => self.change(change).await,
        }
    }

    /// Whether the address of the entry has its remote; `None` if it has no entry.
    async fn is_there(&mut self, entry: &Entry) -> Result<Option<bool>> {
        let query =
            EntryQuery { source_vni: entry.source_vni, ..EntryQuery::new(entry.link, entry.mac) };
        let is = match self.entry(&query).await {
            Ok(is) => is,
            Err(error) if error.reason() == Some(Reason::NotFound) => return Ok(None),
            // This kind of device cannot be asked.
            Err(error) if error.refused().is_some() => return Ok(Some(false)),
            Err(error) => return Err(error),
        };
        if is.remote == entry.remote && is.nexthop_group == entry.nexthop_group {
            return Ok(Some(true));
        }
        let own = self.link_by_index(entry.link).await?.defaults();
        let meant = |entry: &Entry| {
            let remote = entry.remote;
            (remote.address, remote.port.or(own.port), remote.vni.or(own.vni), remote.via)
        };
        Ok(Some(meant(&is) == meant(entry) && is.nexthop_group == entry.nexthop_group))
    }

    pub(crate) async fn replace(&mut self, entry: &Entry) -> Result<()> {
        self.change(Change::Replace(*entry)).await
    }

    pub(crate) async fn delete(&mut self, entry: &Entry) -> Result<()> {
        let change = Change::Delete(*entry);
        if change.unsure_deletion().is_none() {
            return self.change(change).await;
        }
        let mut events = self.listen(&[RTNLGRP_NEIGH])?;
        self.change(change).await?;
        match deletions(&mut events)? {
            Some(told) if !told.iter().any(|told| tells_of(told, entry)) => {
                let request = Box::new(Request::DeleteEntry(*entry));
                Err(Error::Ignored { request, ignored: Ignored::NoSuchRemote })
            }
            Some(_) => Ok(()),
            None => {
                let source = Box::new(rsadm_netlink::Error::Overrun);
                Err(Error::Exchange { request: Box::new(Request::DeleteEntry(*entry)), source })
            }
        }
    }

    pub(crate) async fn flush(&mut self, link: u32, filter: &EntryFilter) -> Result<Flushed> {
        let request = Request::FlushEntries(link);
        if let Some(message) = wire::flush_entries(link, filter) {
            match self.acknowledged(request.clone(), message).await {
                Ok(()) => return Ok(Flushed::AtOnce),
                // Older kernels have no such request, or take it for the deletion of no address.
                Err(error)
                    if matches!(error.reason(), Some(Reason::NotSupported | Reason::Invalid)) => {}
                Err(error) => return Err(error),
            }
        }
        self.link_by_index(link).await?;
        let filter = EntryFilter { link: Some(link), ..filter.clone() };
        let filter = match filter.in_bridge {
            None => EntryFilter { in_bridge: Some(false), ..filter },
            Some(_) => filter,
        };
        let found = self.read_entries(&filter).await?.entries;
        let delete = |entry: Entry| {
            let flags = if entry.master.is_some() { crate::Flags::MASTER } else { entry.flags };
            Change::Delete(Entry { flags, ..entry })
        };
        let changes: Vec<_> = found.into_iter().map(delete).collect();
        Ok(Flushed::OneByOne(self.apply(&changes).await?))
    }

    pub(crate) async fn apply(
        &mut self,
        changes: &[impl AsRef<Change> + std::marker::Sync],
    ) -> Result<Report> {
        let unsure = changes.iter().any(|change| change.as_ref().unsure_deletion().is_some());
        let window = if unsure { WINDOW } else { changes.len().max(1) };
        let mut events = if unsure { Some(self.listen(&[RTNLGRP_NEIGH])?) } else { None };
        let mut report = Report::default();
        let mut start = 0;
        for chunk in changes.chunks(window) {
            let mut batch = self.writer.batch();
            for change in chunk {
                batch.push(&change.as_ref().message()).await;
            }
            let outcome = batch.finish().await;
            report.applied += outcome.applied;
            let mut failed: HashSet<usize> = HashSet::new();
            for (index, rejected) in outcome.refused {
                failed.insert(index);
                let request = chunk[index].as_ref().request();
                report.refused.push((start + index, Refused::read(request, rejected)));
            }
            failed.extend(outcome.unknown.iter().cloned().flatten());
            report.unknown.extend(outcome.unknown.into_iter().flatten().map(|index| start + index));
            if let Some(events) = &mut events {
                let told = deletions(events)?;
                failed.extend(outcome.unsent.clone());
                look_after(chunk, start, &failed, told, &mut report);
            }
            if let Some(source) = outcome.error {
                let first = start + outcome.unsent.start;
                let request = changes.get(first).map(|change| change.as_ref().request());
                report.unsent = first..changes.len();
                report.error = Some(Error::of(request.unwrap_or(Request::Connect), source));
                break;
            }
            start += chunk.len();
        }
        self.look_after_appends(changes, &mut report).await?;
        Ok(report)
    }

    pub(crate) async fn carry_out(&mut self, asked: &[Verbatim]) -> Result<Report> {
        let mut batch = self.writer.batch();
        for one in asked {
            batch.push(&one.message()).await;
        }
        let Outcome { applied, refused, unknown, unsent, error, .. } = batch.finish().await;
        let read = |(index, rejected)| {
            let request: &Verbatim = &asked[index];
            (index, Refused::read(request.request(), rejected))
        };
        let request = || asked.get(unsent.start).map_or(Request::Connect, Verbatim::request);
        Ok(Report {
            applied,
            refused: refused.into_iter().map(read).collect(),
            ignored: Vec::new(),
            unknown: unknown.into_iter().flatten().collect(),
            error: error.map(|source| Error::of(request(), source)),
            unsent,
        })
    }

    /// Tells what is there already from what the kernel would have done nothing of.
    async fn look_after_appends(
        &mut self,
        changes: &[impl AsRef<Change> + std::marker::Sync],
        report: &mut Report,
    ) -> Result<()> {
        let mut refused = Vec::with_capacity(report.refused.len());
        for (index, refusal) in std::mem::take(&mut report.refused) {
            match changes[index].as_ref().single_append() {
                Some(entry) if refusal.reason == Reason::Exists => {
                    match self.is_there(entry).await? {
                        Some(true) => report.applied += 1,
                        Some(false) => report.ignored.push((index, Ignored::OneRemote)),
                        // It was in the way, and another change has deleted it.
                        None => report.unknown.push(index),
                    }
                }
                _ => refused.push((index, refusal)),
            }
        }
        report.refused = refused;
        report.ignored.sort_by_key(|(index, _)| *index);
        Ok(())
    }

    pub(crate) async fn plan_sync(&mut self, sync: Sync) -> Result<Plan> {
        let link = self.vxlan(sync.link, Request::ListEntries).await?;
        let current = self.read_entries(&EntryFilter::of(sync.link)).await?;
        let settings = link.vxlan.clone().unwrap_or_default();
        Ok(sync.plan(&current.entries, link.defaults(), link.is_external(), settings.group))
    }

    pub(crate) async fn sync(&mut self, sync: Sync) -> Result<SyncReport> {
        let changes: Vec<_> = self.plan_sync(sync).await?.collect();
        let report = self.apply(&changes).await?;
        Ok(SyncReport { changes, report })
    }

    // Neighbours.

    pub(crate) async fn neighbours(&mut self, link: Option<u32>) -> Result<Vec<Neighbour>> {
        let mut found = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let message = wire::list_neighbours(link, family);
            let request = Request::ListNeighbours;
            let decode = single(wire::neighbour);
            found.extend(collect(&mut self.reader, request, message, true, decode).await?);
        }
        found.retain(|neighbour: &Neighbour| link.is_none_or(|link| link == neighbour.link));
        Ok(found)
    }

    pub(crate) async fn neighbour(&mut self, link: u32, address: IpAddr) -> Result<Neighbour> {
        let request = Request::ReadNeighbour(address);
        let message = wire::get_neighbour(link, address);
        let decode = single(wire::neighbour);
        only(collect(&mut self.reader, request, message, false, decode).await?, "neighbour")
    }

    pub(crate) async fn add_neighbour(&mut self, neighbour: &Neighbour) -> Result<()> {
        self.change(Change::AddNeighbour(*neighbour)).await
    }

    pub(crate) async fn replace_neighbour(&mut self, neighbour: &Neighbour) -> Result<()> {
        self.change(Change::ReplaceNeighbour(*neighbour)).await
    }

    pub(crate) async fn delete_neighbour(&mut self, link: u32, address: IpAddr) -> Result<()> {
        let neighbour = Neighbour::permanent(link, address, crate::Mac::ZERO);
        self.change(Change::DeleteNeighbour(Neighbour { mac: None, ..neighbour })).await
    }

    // VNI filters.

    pub(crate) async fn vnis(
        &mut self,
        link: Option<u32>,
        statistics: bool,
    ) -> Result<Vec<VniEntry>> {
        let message = wire::vni::list(link, statistics);
        let decode = |reply: Reply<'_>, values: &mut Vec<VniEntry>| {
            values.extend(wire::vni::entries(reply.payload)?);
            Ok(())
        };
        collect(&mut self.reader, Request::ListVnis, message, true, decode).await
    }

    pub(crate) async fn add_vnis(&mut self, entry: &VniEntry) -> Result<()> {
        self.change(Change::AddVnis(*entry)).await
    }

    pub(crate) async fn delete_vnis(&mut self, entry: &VniEntry) -> Result<()> {
        self.change(Change::DeleteVnis(*entry)).await
    }

    // The multicast database.

    pub(crate) async fn multicast(&mut self, link: Option<u32>) -> Result<Vec<MulticastEntry>> {
        let message = wire::multicast::list();
        let mut found = self.multicast_entries(Request::ListMulticast, message, true).await?;
        found.retain(|entry| link.is_none_or(|link| link == entry.link));
        Ok(found)
    }

    pub(crate) async fn router_ports(&mut self) -> Result<Vec<RouterPort>> {
        let message = wire::multicast::list();
        let decode = |reply: Reply<'_>, values: &mut Vec<RouterPort>| {
            values.extend(wire::multicast::router_ports(reply.payload)?);
            Ok(())
        };
        collect(&mut self.reader, Request::ListRouterPorts, message, true, decode).await
    }

    async fn multicast_entries(
        &mut self,
        request: Request,
        message: Message,
        is_dump: bool,
    ) -> Result<Vec<MulticastEntry>> {
        let decode = |reply: Reply<'_>, values: &mut Vec<MulticastEntry>| {
            values.extend(wire::multicast::entries(reply.payload)?);
            Ok(())
        };
        collect(&mut self.reader, request, message, is_dump, decode).await
    }

    pub(crate) async fn multicast_of(
        &mut self,
        entry: &MulticastEntry,
    ) -> Result<Vec<MulticastEntry>> {
        let request = Request::ReadMulticast(Box::new(entry.clone()));
        self.multicast_entries(request, wire::multicast::get(entry), false).await
    }

    pub(crate) async fn add_multicast(&mut self, entry: &MulticastEntry) -> Result<()> {
        self.change(Change::AddMulticast(entry.clone())).await
    }

    pub(crate) async fn replace_multicast(&mut self, entry: &MulticastEntry) -> Result<()> {
        self.change(Change::ReplaceMulticast(entry.clone())).await
    }

    pub(crate) async fn delete_multicast(&mut self, entry: &MulticastEntry) -> Result<()> {
        self.change(Change::DeleteMulticast(entry.clone())).await
    }

    pub(crate) async fn flush_multicast(&mut self, link: u32) -> Result<Flushed> {
        let request = Request::FlushMulticast(link);
        match self.acknowledged(request, wire::multicast::flush(link)).await {
            Ok(()) => return Ok(Flushed::AtOnce),
            // Older kernels have no such request, or miss the entry that one deletion is about.
            Err(error)
                if matches!(error.reason(), Some(Reason::NotSupported | Reason::Invalid)) => {}
            Err(error) => return Err(error),
        }
        let found = self.multicast(Some(link)).await?;
        let changes: Vec<_> = found.into_iter().map(Change::DeleteMulticast).collect();
        Ok(Flushed::OneByOne(self.apply(&changes).await?))
    }

    // Nexthops.

    pub(crate) async fn nexthops(&mut self) -> Result<Vec<Nexthop>> {
        let decode = single(|payload| wire::nexthop::nexthop(payload).map(Some));
        let message = wire::nexthop::get(None);
        collect(&mut self.reader, Request::ListNexthops, message, true, decode).await
    }

    pub(crate) async fn nexthop(&mut self, id: u32) -> Result<Nexthop> {
        let decode = single(|payload| wire::nexthop::nexthop(payload).map(Some));
        let message = wire::nexthop::get(Some(id));
        let request = Request::ReadNexthop(id);
        only(collect(&mut self.reader, request, message, false, decode).await?, "nexthop")
    }

    // Routes.

    pub(crate) async fn routes(&mut self, link: Option<u32>) -> Result<Vec<Route>> {
        let mut found = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let message = wire::route::list(family);
            let decode = |reply: Reply<'_>, values: &mut Vec<Route>| {
                values.extend(wire::route::routes(reply.payload)?);
                Ok(())
            };
            let request = Request::ListRoutes;
            found.extend(collect(&mut self.reader, request, message, true, decode).await?);
        }
        found.retain(|route: &Route| link.is_none() || link == route.link);
        Ok(found)
    }

    pub(crate) async fn route_to(&mut self, address: IpAddr, link: Option<u32>) -> Result<Route> {
        let message = wire::route::to(address, link);
        let decode = |reply: Reply<'_>, values: &mut Vec<Route>| {
            values.extend(wire::route::routes(reply.payload)?);
            Ok(())
        };
        let request = Request::FindRoute(address);
        only(collect(&mut self.reader, request, message, false, decode).await?, "route")
    }

    /// Runs a request whose refusal is the answer.
    pub(crate) async fn attempt(
        &mut self,
        mut message: Message,
        is_dump: bool,
    ) -> rsadm_netlink::Result<()> {
        let each = |_: Reply<'_>| Ok::<_, rsadm_netlink::Error>(());
        if is_dump {
            return self.reader.dump(&mut message).await?.for_each(each).await;
        }
        self.writer.request(&mut message, each).await
    }
}

/// What happened while a table was read.
enum Drained {
    /// Nothing that could make the dump skip an entry.
    Quiet,
    /// An entry was deleted.
    Deleted,
    /// It is not known what happened.
    Lost,
}

/// Takes note of everything that happened by now.
fn drain<T: Transport>(
    events: &mut Events<T>,
    view: &mut View,
    belongs: &impl Fn(&Entry) -> bool,
) -> Result<Drained> {
    let mut drained = Drained::Quiet;
    let failed = |error| Error::of(Request::Subscribe, error);
    while let Some(received) = events.try_next().map_err(failed)? {
        let reply = match received {
            Received::Message(reply) => reply,
            Received::Lost => {
                drained = Drained::Lost;
                continue;
            }
        };
        let event = Event::decode(reply.header.kind, reply.payload)?;
        let Some(Event::Entry { kind, entry, .. }) = event else { continue };
        let belongs = belongs(&entry);
        // In its own table an entry of another link is none of ours, nor was it ever.
        if !belongs && entry.master.is_none() {
            continue;
        }
        let skips = view.event(kind, &entry, belongs);
        if skips && matches!(drained, Drained::Quiet) {
            drained = Drained::Deleted;
        }
    }
    Ok(drained)
}

/// Entries that were deleted by now; `None` if it is not known which.
fn deletions<T: Transport>(events: &mut Events<T>) -> Result<Option<Vec<Entry>>> {
    let mut told = Some(Vec::new());
    let failed = |error| Error::of(Request::Subscribe, error);
    while let Some(received) = events.try_next().map_err(failed)? {
        match received {
            Received::Lost => told = None,
            Received::Message(reply) => {
                let event = Event::decode(reply.header.kind, reply.payload)?;
                if let Some(Event::Entry { kind: EventKind::Delete, entry, .. }) = event {
                    if let Some(told) = &mut told {
                        told.push(entry);
                    }
                }
            }
        }
    }
    Ok(told)
}

/// Finds the deletions that the kernel acknowledged and did nothing of.
fn look_after(
    chunk: &[impl AsRef<Change>],
    start: usize,
    failed: &HashSet<usize>,
    told: Option<Vec<Entry>>,
    report: &mut Report,
) {
    let mut told = told;
    for (index, change) in chunk.iter().enumerate() {
        let Some(asked) = change.as_ref().unsure_deletion() else { continue };
        if failed.contains(&index) {
            continue;
        }
        match &mut told {
            None => report.unknown.push(start + index),
            Some(told) => match told.iter().position(|told| tells_of(told, asked)) {
                Some(position) => {
                    told.swap_remove(position);
                    continue;
                }
                None => report.ignored.push((start + index, Ignored::NoSuchRemote)),
            },
        }
        report.applied -= 1;
    }
}

#[cfg(test)]
mod tests;
