//! Every verb once, over any transport.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io::BufRead;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rsadm_netlink::{Connection, Family as GenericFamily, Message, Reply, Transport};

use crate::change::{Change, Report};
use crate::error::{Error, Reason, Refused, Request, Result};
use crate::overview::Join;
use crate::uapi::*;
use crate::wire;
use crate::{
    Daemon, Destination, DestinationEntry, DestinationPatch, Info, Overview, PlainTable, Role,
    Service, ServiceEntry, ServiceFlags, ServiceKey, ServicePatch, ServiceTable, TableList,
    Timeouts,
};

/// How often a table is read in the hope that it stays as it is meanwhile.
const ATTEMPTS: u32 = 6;

/// Destinations of one service that the kernel surely writes into the first datagram of a dump,
/// under one hold of its lock.
const ATOMIC: usize = 8;

/// A connection to the family `IPVS`.
#[derive(Debug)]
pub(crate) struct Verbs<T> {
    connection: Connection<T>,
    family: GenericFamily,
}

/// Names the request in an error of the exchange, and interprets the kernel's refusal.
fn explain(request: Request, error: rsadm_netlink::Error) -> Error {
    match error {
        rsadm_netlink::Error::Rejected(rejected) => {
            Refused::new(request, rejected.errno, rejected.message).into()
        }
        rsadm_netlink::Error::NoFamily(_) => {
            let errno = rustix::io::Errno::NOENT.raw_os_error();
            Refused::new(request, errno, None).into()
        }
        source => Error::Exchange { request: Box::new(request), source: Box::new(source) },
    }
}

/// Reads a service out of a reply.
fn read_service(reply: Reply<'_>) -> Result<ServiceEntry, rsadm_netlink::Error> {
    let (_, attributes) = reply.generic()?;
    wire::service(wire::nested(attributes, IPVS_CMD_ATTR_SERVICE, "service")?)
}

impl<T: Transport> Verbs<T> {
    pub(crate) async fn connect(transport: T) -> Result<Self> {
        let mut connection = Connection::new(transport);
        let family = connection
            .family(IPVS_GENL_NAME)
            .await
            .map_err(|error| explain(Request::Connect, error))?;
        Ok(Self { connection, family })
    }

    fn message(&self, command: u8) -> Message {
        self.family.message(command, 0)
    }

    /// Carries out a change.
    async fn change(&mut self, change: Change) -> Result<()> {
        let message = change.message(&self.family);
        self.acknowledged(&change, message).await
    }

    /// Sends the message of a change, which is answered by an acknowledgement. Where none comes,
    /// the table says whether it was carried out: a daemon that is stopped before it ran is never
    /// acknowledged.
    async fn acknowledged(&mut self, change: &Change, mut message: Message) -> Result<()> {
        let done = self.connection.request(&mut message, |_| Ok::<_, rsadm_netlink::Error>(()));
        match done.await {
            Ok(()) => Ok(()),
            Err(error) if error.is_unknown() && self.holds(change).await? => Ok(()),
            Err(error) => Err(explain(change.request(), error)),
        }
    }

    /// Sends a request that is answered by one message.
    async fn read<V: Send>(
        &mut self,
        request: Request,
        mut message: Message,
        mut decode: impl FnMut(Reply<'_>) -> Result<V, rsadm_netlink::Error> + Send,
    ) -> Result<V> {
        let mut value = None;
        let answer = self.connection.request(&mut message, |reply| {
            value = Some(decode(reply)?);
            Ok::<_, rsadm_netlink::Error>(())
        });
        match answer.await {
            Ok(()) => value.ok_or_else(|| explain(request, rsadm_netlink::Error::NoReply)),
            Err(error) => Err(explain(request, error)),
        }
    }

    /// Hands the messages of a dump to `take`.
    async fn each(
        &mut self,
        request: Request,
        mut message: Message,
        take: impl FnMut(Reply<'_>) -> Result<(), rsadm_netlink::Error> + Send,
    ) -> Result<()> {
        let taken = match self.connection.dump(&mut message).await {
            Ok(dump) => dump.for_each(take).await,
            Err(error) => Err(error),
        };
        taken.map_err(|error| explain(request, error))
    }

    /// Collects a dump.
    async fn list<V: Send>(
        &mut self,
        request: Request,
        message: Message,
        mut decode: impl FnMut(Reply<'_>) -> Result<V, rsadm_netlink::Error> + Send,
    ) -> Result<Vec<V>> {
        let mut values = Vec::new();
        self.each(request, message, |reply| {
            values.push(decode(reply)?);
            Ok(())
        })
        .await?;
        Ok(values)
    }

    pub(crate) async fn info(&mut self) -> Result<Info> {
        let message = self.message(IPVS_CMD_GET_INFO);
        self.read(Request::ReadInfo, message, |reply| Ok(wire::info(reply.generic()?.1))).await
    }

    pub(crate) async fn services(&mut self) -> Result<Vec<ServiceEntry>> {
        let message = self.message(IPVS_CMD_GET_SERVICE);
        self.list(Request::ListServices, message, read_service).await
    }

    pub(crate) async fn service(&mut self, key: &ServiceKey) -> Result<ServiceEntry> {
        let mut message = self.message(IPVS_CMD_GET_SERVICE);
        wire::put_key(&mut message, key);
        self.read(Request::ReadService(*key), message, read_service).await
    }

    pub(crate) async fn destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>> {
        let mut destinations = Vec::new();
        self.destinations_into(key, &mut destinations).await?;
        Ok(destinations)
    }

    pub(crate) async fn destinations_into(
        &mut self,
        key: &ServiceKey,
        destinations: &mut Vec<DestinationEntry>,
    ) -> Result<()> {
        destinations.clear();
        let mut message = self.message(IPVS_CMD_GET_DEST);
        wire::put_key(&mut message, key);
        let family = key.family();
        self.each(Request::ListDestinations(*key), message, |reply| {
            let (_, attributes) = reply.generic()?;
            let inner = wire::nested(attributes, IPVS_CMD_ATTR_DEST, "destination")?;
            destinations.push(wire::destination(inner, family)?);
            Ok(())
        })
        .await
    }

    /// Reads services until one reading has lost none of those of the reading before it: then
    /// nothing was deleted while the first ran, which is what makes the kernel skip entries.
    /// Under endless deletions the readings are put together, and each service is asked for.
    async fn settled_services(&mut self) -> Result<Vec<ServiceEntry>> {
        let mut union: HashMap<ServiceKey, usize> = HashMap::new();
        let mut previous = self.services().await?;
        for _ in 0..ATTEMPTS {
            let current = self.services().await?;
            let present = keys(&current, |entry| entry.service.key);
            if previous.iter().all(|entry| present.contains(&entry.service.key)) {
                return Ok(current);
            }
            for entry in previous.iter().chain(&current) {
                let position = union.len();
                union.entry(entry.service.key).or_insert(position);
            }
            previous = current;
        }
        let mut ordered: Vec<_> = union.into_iter().collect();
        ordered.sort_unstable_by_key(|(_, position)| *position);
        let mut services = Vec::with_capacity(ordered.len());
        for (key, _) in ordered {
            match self.service(&key).await {
                Ok(entry) => services.push(entry),
                Err(error) if error.reason() == Some(Reason::NoSuchService) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(services)
    }

    /// The same for the destinations of one service. There is no request for one destination, so
    /// under endless deletions one counts as present if either of the last two readings showed it.
    async fn settled_destinations(&mut self, key: &ServiceKey) -> Result<Vec<DestinationEntry>> {
        let mut previous = self.destinations(key).await?;
        if previous.len() <= ATOMIC {
            return Ok(previous);
        }
        let mut missing = Vec::new();
        for _ in 0..ATTEMPTS {
            let current = self.destinations(key).await?;
            let present = keys(&current, |entry| entry.destination.address);
            previous.retain(|entry| !present.contains(&entry.destination.address));
            missing = std::mem::replace(&mut previous, current);
            if missing.is_empty() {
                break;
            }
        }
        previous.append(&mut missing);
        Ok(previous)
    }

    pub(crate) async fn table(&mut self) -> Result<Vec<ServiceTable>> {
        let services = self.settled_services().await?;
        let mut table = Vec::with_capacity(services.len());
        for service in services {
            let destinations = self.settled_destinations(&service.service.key).await?;
            table.push(ServiceTable { service, destinations });
        }
        Ok(table)
    }

    pub(crate) async fn table_list(&mut self) -> Result<TableList> {
        let mut services = TableList::default();
        let message = self.message(IPVS_CMD_GET_SERVICE);
        self.each(Request::ListServices, message, |reply| {
            services.push(read_service(reply)?, &[]);
            Ok(())
        })
        .await?;
        let (mut list, mut destinations) = (TableList::default(), Vec::new());
        for ServiceTable { service, .. } in services.iter() {
            self.destinations_into(&service.service.key, &mut destinations).await?;
            list.push(service, &destinations);
        }
        Ok(list)
    }

    /// `plain` is what /proc shows, if it can be read.
    pub(crate) async fn overview<R: BufRead + Send>(
        &mut self,
        plain: Option<PlainTable<R>>,
    ) -> Result<Overview> {
        let mut join = Join::new(plain);
        let message = self.message(IPVS_CMD_GET_SERVICE);
        self.each(Request::ListServices, message, |reply| {
            join.service(read_service(reply)?.service);
            Ok(())
        })
        .await?;
        let (mut overview, missing) = join.finish();
        for index in missing {
            let dumped = self.destinations(&overview.key(index)).await?;
            let summaries: Vec<_> = dumped.iter().map(Into::into).collect();
            overview.complete(index, &summaries);
        }
        Ok(overview)
    }

    pub(crate) async fn add_service(&mut self, service: &Service) -> Result<()> {
        self.change(Change::AddService(service.clone())).await
    }

    pub(crate) async fn update_service(&mut self, service: &Service) -> Result<()> {
        self.change(Change::UpdateService(service.clone())).await
    }

    pub(crate) async fn put_service(&mut self, service: &Service) -> Result<()> {
        match self.update_service(service).await {
            Err(error) if error.reason() == Some(Reason::NoSuchService) => {
                self.add_service(service).await
            }
            result => result,
        }
    }

    pub(crate) async fn patch_service(
        &mut self,
        key: &ServiceKey,
        patch: &ServicePatch,
    ) -> Result<()> {
        let service = patch.apply(self.service(key).await?.service);
        let mut message = self.message(IPVS_CMD_SET_SERVICE);
        wire::put_service(&mut message, &service, patch.flags_mask);
        self.acknowledged(&Change::UpdateService(service), message).await
    }

    pub(crate) async fn delete_service(&mut self, key: &ServiceKey) -> Result<()> {
        self.change(Change::DeleteService(*key)).await
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.change(Change::Flush).await
    }

    pub(crate) async fn zero(&mut self, key: Option<&ServiceKey>) -> Result<()> {
        self.change(Change::Zero(key.copied())).await
    }

    pub(crate) async fn add_destination(
        &mut self,
        key: &ServiceKey,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Change::AddDestination(*key, *destination)).await
    }

    pub(crate) async fn update_destination(
        &mut self,
        key: &ServiceKey,
        destination: &Destination,
    ) -> Result<()> {
        self.change(Change::UpdateDestination(*key, *destination)).await
    }

    pub(crate) async fn put_destination(
        &mut self,
        key: &ServiceKey,
        destination: &Destination,
    ) -> Result<()> {
        match self.update_destination(key, destination).await {
            Err(error) if error.reason() == Some(Reason::NoSuchDestination) => {
                self.add_destination(key, destination).await
            }
            result => result,
        }
    }

    pub(crate) async fn patch_destination(
        &mut self,
        key: &ServiceKey,
        address: SocketAddr,
        patch: &DestinationPatch,
    ) -> Result<()> {
        // A service that does not exist has an empty dump, not an error.
        self.service(key).await?;
        let present = self.settled_destinations(key).await?;
        let entry = present.iter().find(|entry| entry.destination.address == address);
        let Some(entry) = entry else {
            let request = Request::UpdateDestination(*key, address);
            let errno = rustix::io::Errno::NOENT.raw_os_error();
            return Err(Refused::new(request, errno, None).into());
        };
        self.update_destination(key, &patch.apply(entry.destination)).await
    }

    pub(crate) async fn delete_destination(
        &mut self,
        key: &ServiceKey,
        address: SocketAddr,
    ) -> Result<()> {
        self.change(Change::DeleteDestination(*key, address)).await
    }

    pub(crate) async fn timeouts(&mut self) -> Result<Timeouts> {
        let message = self.message(IPVS_CMD_GET_CONFIG);
        self.read(Request::ReadTimeouts, message, |reply| Ok(wire::timeouts(reply.generic()?.1)))
            .await
    }

    pub(crate) async fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<()> {
        self.change(Change::SetTimeouts(*timeouts)).await
    }

    pub(crate) async fn daemons(&mut self) -> Result<Vec<Daemon>> {
        let message = self.message(IPVS_CMD_GET_DAEMON);
        self.list(Request::ListDaemons, message, |reply| {
            let (_, attributes) = reply.generic()?;
            wire::daemon(wire::nested(attributes, IPVS_CMD_ATTR_DAEMON, "daemon")?)
        })
        .await
    }

    pub(crate) async fn start_daemon(&mut self, daemon: &Daemon) -> Result<()> {
        self.change(Change::StartDaemon(daemon.clone())).await
    }

    pub(crate) async fn stop_daemon(&mut self, role: Role, sync_id: u32) -> Result<()> {
        self.change(Change::StopDaemon(role, sync_id)).await
    }

    pub(crate) async fn apply(&mut self, changes: &[impl AsRef<Change> + Sync]) -> Result<Report> {
        let mut batch = self.connection.batch();
        for change in changes {
            batch.push(&change.as_ref().message(&self.family)).await;
        }
        let outcome = batch.finish().await;
        let mut report =
            Report { applied: outcome.applied, unsent: outcome.unsent, ..Report::default() };
        report.error = outcome.error.map(|source| {
            let first = changes.get(report.unsent.start);
            let first = first.map_or(Request::Connect, |change| change.as_ref().request());
            explain(first, source)
        });
        for (index, rejected) in outcome.refused {
            let request = changes[index].as_ref().request();
            let refused = Refused::new(request, rejected.errno, rejected.message);
            report.refused.push((index, refused));
        }
        for index in outcome.unknown.into_iter().flatten() {
            if self.holds(changes[index].as_ref()).await? {
                report.applied += 1;
            } else {
                report.unknown.push(index);
            }
        }
        Ok(report)
    }

    /// Whether the table is as `change` would have made it.
    async fn holds(&mut self, change: &Change) -> Result<bool> {
        match change {
            Change::AddService(service) | Change::UpdateService(service) => {
                match self.service(&service.key).await {
                    Ok(entry) => Ok(entry.service == without_hashed(service)),
                    Err(error) if error.is_not_found() => Ok(false),
                    Err(error) => Err(error),
                }
            }
            Change::DeleteService(key) => match self.service(key).await {
                Ok(_) => Ok(false),
                Err(error) if error.is_not_found() => Ok(true),
                Err(error) => Err(error),
            },
            Change::AddDestination(key, destination)
            | Change::UpdateDestination(key, destination) => {
                let present = self.settled_destinations(key).await?;
                Ok(present.iter().any(|entry| entry.destination == *destination))
            }
            Change::DeleteDestination(key, address) => {
                let present = self.settled_destinations(key).await?;
                Ok(!present.iter().any(|entry| entry.destination.address == *address))
            }
            Change::SetTimeouts(wanted) => {
                let present = self.timeouts().await?;
                let holds = |wanted, present| wanted == 0 || wanted == present;
                Ok(holds(wanted.tcp, present.tcp)
                    && holds(wanted.tcp_fin, present.tcp_fin)
                    && holds(wanted.udp, present.udp))
            }
            Change::StartDaemon(wanted) => {
                let present = self.daemons().await?;
                Ok(present.iter().any(|daemon| {
                    (daemon.role, &daemon.interface) == (wanted.role, &wanted.interface)
                }))
            }
            Change::StopDaemon(role, _) => {
                let present = self.daemons().await?;
                Ok(!present.iter().any(|daemon| daemon.role == *role))
            }
            Change::Flush => Ok(self.services().await?.is_empty()),
            // Counters move on by themselves.
            Change::Zero(_) => Ok(false),
        }
    }
}

impl<T: AsFd> AsFd for Verbs<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

fn without_hashed(service: &Service) -> Service {
    Service { flags: service.flags - ServiceFlags::HASHED, ..service.clone() }
}

/// The keys of entries.
fn keys<V, K: Eq + Hash>(entries: &[V], key: impl Fn(&V) -> K) -> HashSet<K> {
    entries.iter().map(key).collect()
}

#[cfg(test)]
mod tests;
