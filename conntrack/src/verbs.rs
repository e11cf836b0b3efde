//! Every verb once, over any transport.

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};

use rsadm_netlink::{Connection, Dump, Message, Outcome, Reply, Transport};

use crate::filter::KernelPart;
use crate::repeats::Repeats;
use crate::uapi::*;
use crate::{
    Capabilities, Change, CpuExpectationStatistics, CpuStatistics, Error, Expectation,
    ExpectationKey, Family, Filter, Flow, FlowPatch, GlobalStatistics, Key, Layer4, NewFlow,
    Prepared, Protocol, Reason, Refused, Report, Request, Result, Tuple, encode, wire,
};

/// How many flows a filtered deletion keeps until the kernel has said what became of them.
const WINDOW: usize = 128;

/// What became of the flows that a filter matched.
#[derive(Debug, Default)]
pub struct Deletion {
    /// How many were deleted, as far as the kernel said so.
    pub deleted: usize,
    /// How many ended by themselves before they could be deleted.
    pub vanished: usize,
    /// Those that the kernel refused to delete.
    pub refused: Vec<(Key, Refused)>,
    /// Those whose answer was lost.
    pub unknown: Vec<Key>,
    /// The kernel deleted them all with one request. It names only flows that were created while
    /// events were tracked, so [`deleted`](Self::deleted) is how many at least.
    pub in_one_request: bool,
}

impl Deletion {
    /// Whether [`deleted`](Self::deleted) is the exact number.
    pub fn is_exact(&self) -> bool {
        !self.in_one_request && self.unknown.is_empty()
    }
}

/// Two connections to ctnetlink: one for dumps, one for what is done with what they show.
#[derive(Debug)]
pub(crate) struct Verbs<T> {
    reader: Connection<T>,
    writer: Connection<T>,
    /// The request of the dump under way.
    message: Message,
    /// Whether the kernel has zones, once that was asked.
    zones: Option<bool>,
}

/// Flows of a dump that match a filter.
#[derive(Debug)]
pub(crate) struct Cursor<'c, T: Transport> {
    dump: Dump<'c, T>,
    filter: &'c Filter,
    request: Request,
    repeats: Repeats,
    /// The size of the table when the dump began; none of a list beside the table.
    buckets: Option<u64>,
}

impl<T: Transport> Cursor<'_, T> {
    #[inline]
    pub(crate) async fn next(&mut self) -> Result<Option<Flow<'_>>> {
        loop {
            let more = self.dump.advance().await;
            if !more.map_err(|error| Error::of(self.request.clone(), error))? {
                return self.end().map(|()| None);
            }
            // The borrow checker does not let a flow out that was only looked at; decoding a flow
            // that matches twice costs little beside what the kernel takes for it.
            let matches = self.filter.is_empty()
                || self.flow().transpose()?.is_some_and(|flow| self.filter.matches(&flow));
            let id = self.dump.message().and_then(|reply| wire::id(reply.payload));
            if matches && !self.repeats.has(self.dump.datagrams(), id) {
                return self.flow().transpose();
            }
        }
    }

    /// The kernel marks no dump that a resize has disturbed, so the sizes tell.
    fn end(&self) -> Result<()> {
        if self.buckets.is_none() || buckets() == self.buckets {
            return Ok(());
        }
        Err(Error::of(self.request.clone(), rsadm_netlink::Error::Interrupted))
    }

    #[inline]
    fn flow(&self) -> Option<Result<Flow<'_>>> {
        self.dump.message().map(|reply| Flow::decode(reply.payload))
    }

    /// Hands every flow that is left to `each`.
    pub(crate) async fn for_each<E: From<Error>>(
        mut self,
        mut each: impl FnMut(Flow<'_>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        loop {
            let more = self.dump.advance().await;
            if !more.map_err(|error| Error::of(self.request.clone(), error))? {
                return Ok(self.end()?);
            }
            let datagram = self.dump.datagrams();
            let Some(reply) = self.dump.message() else { continue };
            let flow = Flow::decode(reply.payload)?;
            if self.filter.matches(&flow) && !self.repeats.has(datagram, flow.id) {
                each(flow)?;
            }
        }
    }
}

/// Sends a request that is answered by one message.
async fn read<T: Transport, V: Send>(
    connection: &mut Connection<T>,
    request: Request,
    mut message: Message,
    mut decode: impl FnMut(Reply<'_>) -> Result<V> + Send,
) -> Result<V> {
    let mut value = None;
    let answer = connection.request(&mut message, |reply| {
        value = Some(decode(reply));
        Ok::<_, rsadm_netlink::Error>(())
    });
    match answer.await {
        Ok(()) => value.unwrap_or_else(|| Err(Error::of(request, rsadm_netlink::Error::NoReply))),
        Err(error) => Err(Error::of(request, error)),
    }
}

/// Reads a flow, and with `IPCTNL_MSG_CT_GET_CTRZERO` zeroes its counters.
async fn get<T: Transport>(
    connection: &mut Connection<T>,
    kind: u16,
    key: &Key,
) -> Result<Flow<'static>> {
    let mut message = wire::message(kind, 0, Some(key.tuple.family()));
    encode::put_key(&mut message, key);
    let decode = |reply: Reply<'_>| Flow::decode(reply.payload).map(Flow::into_owned);
    read(connection, Request::ReadFlow(*key), message, decode).await
}

/// The request for the flows of a kernel's part.
pub(crate) fn listing(kind: u16, part: &KernelPart) -> Message {
    let mut message = wire::message(kind, 0, part.family);
    encode::put_filter(&mut message, part);
    message
}

/// The request to delete the flows of a kernel's part.
pub(crate) fn flush(part: &KernelPart) -> Message {
    let mut message = wire::flush_message(part.family);
    encode::put_filter(&mut message, part);
    message
}

/// Size of the kernel's table, which all network namespaces share; a dump may miss flows while it
/// changes. Read without an allocation, since every listing asks for it.
fn buckets() -> Option<u64> {
    let mut text = [0; 20];
    let mut file = File::open("/proc/sys/net/netfilter/nf_conntrack_buckets").ok()?;
    let length = file.read(&mut text).ok()?;
    std::str::from_utf8(&text[..length]).ok()?.trim().parse().ok()
}

/// Starts a dump of flows.
async fn cursor<'c, T: Transport>(
    connection: &'c mut Connection<T>,
    message: &'c mut Message,
    request: Request,
    filter: &'c Filter,
) -> Result<Cursor<'c, T>> {
    let buckets = match request {
        Request::ListDying | Request::ListUnconfirmed => None,
        _ => buckets(),
    };
    match connection.dump(message).await {
        Ok(dump) => Ok(Cursor { dump, filter, request, repeats: Repeats::new(), buckets }),
        Err(error) => Err(Error::of(request, error)),
    }
}

impl<T: Transport> Verbs<T> {
    pub(crate) fn new(reader: T, writer: T) -> Self {
        Self {
            reader: Connection::new(reader),
            writer: Connection::new(writer),
            message: Message::new(0, 0),
            zones: None,
        }
    }

    /// The part of a filter that this kernel takes. One without zones refuses a filter on them.
    async fn part(&mut self, filter: &Filter) -> Result<KernelPart> {
        let part = filter.plan().kernel;
        let Some(zone) = part.zone else { return Ok(part) };
        if self.zones.is_none() {
            // A flow that cannot be: the kernel looks at the zone first.
            let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            let nothing = Tuple::new(Protocol(u8::MAX), nowhere, nowhere, Layer4::None);
            let key = Key::from(nothing).in_zone(zone);
            self.zones = match get(&mut self.writer, IPCTNL_MSG_CT_GET, &key).await {
                Err(error) if error.reason() == Some(Reason::NotSupported) => Some(false),
                Err(error) if error.is_not_found() => Some(true),
                Err(error) => return Err(error),
                Ok(_) => Some(true),
            };
        }
        Ok(KernelPart { zone: part.zone.filter(|_| self.zones == Some(true)), ..part })
    }

    /// Sends a request that is answered by an acknowledgement.
    async fn acknowledged(&mut self, request: Request, mut message: Message) -> Result<()> {
        let done = self.reader.request(&mut message, |_| Ok::<_, rsadm_netlink::Error>(()));
        done.await.map_err(|error| Error::of(request, error))
    }

    /// Collects a dump.
    async fn list<V: Send>(
        &mut self,
        request: Request,
        mut message: Message,
        mut decode: impl FnMut(Reply<'_>) -> Result<V> + Send,
    ) -> Result<Vec<V>> {
        let mut values = Vec::new();
        let dump = self.reader.dump(&mut message).await;
        let mut dump = dump.map_err(|error| Error::of(request.clone(), error))?;
        loop {
            match dump.next().await {
                Ok(Some(reply)) => values.push(decode(reply)?),
                Ok(None) => return Ok(values),
                Err(error) => return Err(Error::of(request, error)),
            }
        }
    }

    pub(crate) async fn flows<'c>(&'c mut self, filter: &'c Filter) -> Result<Cursor<'c, T>> {
        self.message = listing(IPCTNL_MSG_CT_GET, &self.part(filter).await?);
        cursor(&mut self.reader, &mut self.message, Request::ListFlows, filter).await
    }

    pub(crate) async fn count_of(&mut self, filter: &Filter) -> Result<u64> {
        loop {
            let mut count = 0;
            let all = self.flows(filter).await?.for_each(|_| {
                count += 1;
                Ok::<_, Error>(())
            });
            match all.await {
                Ok(()) => return Ok(count),
                Err(error) if error.is_interrupted() => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) async fn dying<'c>(&'c mut self, filter: &'c Filter) -> Result<Cursor<'c, T>> {
        self.message = wire::message(IPCTNL_MSG_CT_GET_DYING, 0, None);
        cursor(&mut self.reader, &mut self.message, Request::ListDying, filter).await
    }

    pub(crate) async fn unconfirmed<'c>(&'c mut self, filter: &'c Filter) -> Result<Cursor<'c, T>> {
        self.message = wire::message(IPCTNL_MSG_CT_GET_UNCONFIRMED, 0, None);
        cursor(&mut self.reader, &mut self.message, Request::ListUnconfirmed, filter).await
    }

    pub(crate) async fn zero_flows(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(Flow<'_>) + Send,
    ) -> Result<()> {
        let plan = filter.plan();
        if plan.is_whole() && plan.kernel.is_old() {
            let message = &mut listing(IPCTNL_MSG_CT_GET_CTRZERO, &plan.kernel);
            let request = Request::ZeroCounters;
            let cursor = cursor(&mut self.reader, message, request, filter).await?;
            let all = cursor.for_each(|flow| {
                each(flow);
                Ok::<_, Error>(())
            });
            return all.await;
        }
        // The kernel would zero more than the filter matches.
        let message = &mut listing(IPCTNL_MSG_CT_GET, &self.part(filter).await?);
        let request = Request::ZeroCounters;
        let mut cursor = cursor(&mut self.reader, message, request, filter).await?;
        while let Some(flow) = cursor.next().await? {
            let key = flow.key();
            match get(&mut self.writer, IPCTNL_MSG_CT_GET_CTRZERO, &key).await {
                Ok(flow) => each(flow),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) async fn flow(&mut self, key: &Key) -> Result<Flow<'static>> {
        get(&mut self.reader, IPCTNL_MSG_CT_GET, key).await
    }

    pub(crate) async fn zero_flow(&mut self, key: &Key) -> Result<Flow<'static>> {
        get(&mut self.reader, IPCTNL_MSG_CT_GET_CTRZERO, key).await
    }

    async fn change(&mut self, change: Change) -> Result<()> {
        match self.acknowledged(change.request(), change.message()).await {
            Err(error) if error.reason() == Some(Reason::FixedTimeout) => {
                self.permitted().await?;
                Err(error)
            }
            result => result,
        }
    }

    /// Fails without privilege: the kernel has one error number for that and for a timeout that is
    /// fixed.
    async fn permitted(&mut self) -> Result<()> {
        match self.global_statistics().await {
            Err(error) if error.is_permission() => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) async fn create(&mut self, flow: &NewFlow) -> Result<()> {
        self.change(Change::Create(flow.clone())).await
    }

    pub(crate) async fn put(&mut self, flow: &NewFlow) -> Result<()> {
        self.change(Change::Put(flow.clone())).await
    }

    pub(crate) async fn update(&mut self, key: &Key, patch: &FlowPatch) -> Result<()> {
        self.change(Change::Update(*key, patch.clone())).await
    }

    pub(crate) async fn delete(&mut self, key: &Key) -> Result<()> {
        self.change(Change::Delete(*key)).await
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.acknowledged(Request::Flush, wire::message(IPCTNL_MSG_CT_DELETE, 0, None)).await
    }

    pub(crate) async fn apply(&mut self, changes: &[impl AsRef<Change> + Sync]) -> Result<Report> {
        let mut batch = self.writer.batch();
        for change in changes {
            batch.push(&change.as_ref().message()).await;
        }
        let outcome = batch.finish().await;
        self.report(outcome, |index| Some(changes.get(index)?.as_ref().request())).await
    }

    pub(crate) async fn apply_prepared(&mut self, changes: &mut Prepared) -> Result<Report> {
        let mut batch = self.writer.batch();
        batch.push_all(&mut changes.messages).await;
        let outcome = batch.finish().await;
        self.report(outcome, |index| changes.request(index)).await
    }

    /// What became of changes, of which each is a request.
    async fn report(
        &mut self,
        outcome: Outcome,
        request: impl Fn(usize) -> Option<Request> + Send,
    ) -> Result<Report> {
        let request = |index| request(index).unwrap_or(Request::Connect);
        let refused = outcome.refused.into_iter();
        let report = Report {
            applied: outcome.applied,
            refused: refused
                .map(|(index, rejected)| (index, Refused::read(request(index), rejected)))
                .collect(),
            unknown: outcome.unknown.into_iter().flatten().collect(),
            error: outcome.error.map(|source| Error::of(request(outcome.unsent.start), source)),
            unsent: outcome.unsent,
        };
        let is_unclear = |reason| matches!(reason, Reason::FixedTimeout | Reason::Permission);
        if report.refused.iter().any(|(_, refused)| is_unclear(refused.reason)) {
            self.permitted().await?;
        }
        Ok(report)
    }

    pub(crate) async fn delete_matching(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(&Flow<'static>) + Send,
    ) -> Result<Deletion> {
        let mut deletion = Deletion::default();
        // What a pass misses while the table is resized, the next one finds.
        while self.delete_pass(filter, &mut deletion, &mut each).await? {}
        Ok(deletion)
    }

    /// Deletes what one listing shows; whether it may have missed some.
    async fn delete_pass(
        &mut self,
        filter: &Filter,
        deletion: &mut Deletion,
        each: &mut (impl FnMut(&Flow<'static>) + Send),
    ) -> Result<bool> {
        let part = self.part(filter).await?;
        let Self { reader, writer, message, .. } = self;
        *message = listing(IPCTNL_MSG_CT_GET, &part);
        let mut cursor = cursor(reader, message, Request::DeleteMatching, filter).await?;
        let mut window = Vec::with_capacity(WINDOW);
        let interrupted = loop {
            match cursor.next().await {
                Ok(Some(flow)) => window.push(flow.into_owned()),
                Ok(None) => break false,
                Err(error) if error.is_interrupted() => break true,
                Err(error) => return Err(error),
            }
            if window.len() == WINDOW {
                delete_window(writer, &mut window, deletion, each).await?;
            }
        };
        delete_window(writer, &mut window, deletion, each).await?;
        Ok(interrupted)
    }

    pub(crate) async fn flush_matching(
        &mut self,
        filter: &Filter,
        capabilities: &Capabilities,
        mut each: impl FnMut(&Flow<'_>) + Send,
    ) -> Result<Deletion> {
        let plan = filter.plan();
        if !plan.is_whole() || !capabilities.can_flush(&plan.kernel) {
            return self.delete_matching(filter, |flow| each(flow)).await;
        }
        let mut message = flush(&plan.kernel);
        let mut deletion = Deletion { in_one_request: true, ..Deletion::default() };
        let named = self.writer.request_with_echo(&mut message, |reply| {
            if reply.header.kind == IPCTNL_MSG_CT_DELETE {
                deletion.deleted += 1;
                each(&Flow::decode(reply.payload).map_err(|_| rsadm_netlink::Error::NoReply)?);
            }
            Ok::<_, rsadm_netlink::Error>(())
        });
        match named.await {
            // Only what the kernel has done can be too much to tell.
            Ok(()) | Err(rsadm_netlink::Error::Overrun) => Ok(deletion),
            Err(error) => Err(Error::of(Request::DeleteMatching, error)),
        }
    }

    pub(crate) async fn statistics(&mut self) -> Result<Vec<CpuStatistics>> {
        let message = wire::message(IPCTNL_MSG_CT_GET_STATS_CPU, 0, None);
        let decode = |reply: Reply<'_>| wire::cpu_statistics(reply.payload);
        self.list(Request::ReadStatistics, message, decode).await
    }

    pub(crate) async fn global_statistics(&mut self) -> Result<GlobalStatistics> {
        let message = wire::message(IPCTNL_MSG_CT_GET_STATS, 0, None);
        let decode = |reply: Reply<'_>| wire::global_statistics(reply.payload);
        read(&mut self.reader, Request::ReadStatistics, message, decode).await
    }

    pub(crate) async fn expectation_statistics(&mut self) -> Result<Vec<CpuExpectationStatistics>> {
        let message = wire::message(IPCTNL_MSG_EXP_GET_STATS_CPU, 0, None);
        let decode = |reply: Reply<'_>| wire::cpu_expectation_statistics(reply.payload);
        self.list(Request::ReadStatistics, message, decode).await
    }

    pub(crate) async fn expectations(
        &mut self,
        family: Option<Family>,
    ) -> Result<Vec<Expectation<'static>>> {
        let message = wire::message(IPCTNL_MSG_EXP_GET, 0, family);
        let decode =
            |reply: Reply<'_>| Expectation::decode(reply.payload).map(Expectation::into_owned);
        self.list(Request::ListExpectations, message, decode).await
    }

    pub(crate) async fn expectation(
        &mut self,
        key: &ExpectationKey,
    ) -> Result<Expectation<'static>> {
        let mut message = wire::message(IPCTNL_MSG_EXP_GET, 0, Some(key.tuple.family()));
        encode::put_expectation_key(&mut message, key);
        let decode =
            |reply: Reply<'_>| Expectation::decode(reply.payload).map(Expectation::into_owned);
        read(&mut self.reader, Request::ReadExpectation(key.tuple), message, decode).await
    }

    pub(crate) async fn create_expectation(&mut self, expectation: &Expectation<'_>) -> Result<()> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let mut message = wire::message(IPCTNL_MSG_EXP_NEW, flags, Some(expectation.family()));
        encode::put_expectation(&mut message, expectation);
        self.acknowledged(Request::CreateExpectation(expectation.tuple), message).await
    }

    pub(crate) async fn delete_expectation(&mut self, key: &ExpectationKey) -> Result<()> {
        let mut message = wire::message(IPCTNL_MSG_EXP_DELETE, 0, Some(key.tuple.family()));
        encode::put_expectation_key(&mut message, key);
        self.acknowledged(Request::DeleteExpectation(key.tuple), message).await
    }

    pub(crate) async fn flush_expectations(&mut self) -> Result<()> {
        let message = wire::message(IPCTNL_MSG_EXP_DELETE, 0, None);
        self.acknowledged(Request::FlushExpectations, message).await
    }
}

/// Deletes the flows of a window by tuple, zone and id, and says which are gone.
async fn delete_window<T: Transport>(
    writer: &mut Connection<T>,
    window: &mut Vec<Flow<'static>>,
    deletion: &mut Deletion,
    each: &mut (impl FnMut(&Flow<'static>) + Send),
) -> Result<()> {
    let mut batch = writer.batch();
    for flow in &*window {
        batch.push(&Change::Delete(flow.key()).message()).await;
    }
    let outcome = batch.finish().await;
    if let Some(error) = outcome.error {
        return Err(Error::of(Request::DeleteMatching, error));
    }
    let mut gone = vec![true; window.len()];
    for (index, rejected) in outcome.refused {
        gone[index] = false;
        let key = window[index].key();
        let refused = Refused::read(Request::DeleteFlow(key), rejected);
        if refused.reason == Reason::NotFound {
            deletion.vanished += 1;
        } else {
            deletion.refused.push((key, refused));
        }
    }
    for index in outcome.unknown.into_iter().flatten() {
        gone[index] = false;
        deletion.unknown.push(window[index].key());
    }
    for (flow, _) in window.iter().zip(gone).filter(|(_, gone)| *gone) {
        deletion.deleted += 1;
        each(flow);
    }
    window.clear();
    Ok(())
}

#[cfg(test)]
mod tests;
