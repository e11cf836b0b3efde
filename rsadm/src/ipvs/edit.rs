//! `rsadm ipvs service` and `rsadm ipvs dest`.

use std::net::SocketAddr;

use ipvs::{
    Destination, DestinationPatch, ForwardingMethod, Refused, Request, Service, ServiceFlags,
    ServiceKey, ServicePatch, Tunnel,
};
use rustix::io::Errno;

use super::arguments::{self, Dest, DestAdd, DestEdit, Place, ServiceAdd, ServiceEdit};
use super::values::{self, Complaint, TunnelOptions};
use super::{reader, writer};
use crate::failure::{Failure, Result};

/// Runs `rsadm ipvs service VERB`.
pub(super) fn service(verb: arguments::Service) -> Result<()> {
    match verb {
        arguments::Service::Add(arguments) => {
            let service = new_service(arguments).map_err(Failure::usage)?;
            Ok(writer()?.add_service(&service)?)
        }
        arguments::Service::Edit(arguments) => {
            let patch = service_patch(&arguments)?;
            Ok(writer()?.patch_service(&arguments.key, &patch)?)
        }
        arguments::Service::Delete { key } => Ok(writer()?.delete_service(&key)?),
    }
}

fn new_service(arguments: ServiceAdd) -> Result<Service, Complaint> {
    let ServiceAdd { key, scheduler, persistent, netmask, pe, ops, sched_flags } = arguments;
    let mut service = Service::new(key, scheduler);
    if let Some(seconds) = persistent {
        service = service.persistent(seconds);
    }
    if let Some(netmask) = netmask {
        service.netmask = values::netmask(&netmask, key.family())?;
    }
    if let Some(flags) = sched_flags {
        service.flags |= values::scheduler_flags(&flags, Some(&service.scheduler))?;
    }
    service.flags.set(ServiceFlags::ONE_PACKET, ops);
    service.persistence_engine = pe;
    values::check_service(&service)?;
    Ok(service)
}

fn service_patch(arguments: &ServiceEdit) -> Result<ServicePatch> {
    let mut patch = plain_patch(arguments).map_err(Failure::usage)?;
    let Some(flags) = &arguments.sched_flags else {
        return if patch == ServicePatch::default() { Err(no_change()) } else { Ok(patch) };
    };
    patch.flags_mask |= ServiceFlags::SCHEDULER;
    if flags == "none" {
        return Ok(patch);
    }
    // Names of flags mean something to one scheduler only: to the service's, unless it changes.
    values::scheduler_flags(flags, None).map_err(Failure::usage)?;
    let scheduler = match &arguments.scheduler {
        Some(scheduler) => scheduler.clone(),
        None => reader()?.service(&arguments.key)?.service.scheduler,
    };
    patch.flags |= values::scheduler_flags(flags, Some(&scheduler)).map_err(Failure::usage)?;
    Ok(patch)
}

/// All but the flags of the scheduler.
fn plain_patch(arguments: &ServiceEdit) -> Result<ServicePatch, Complaint> {
    let key = &arguments.key;
    let mut patch = ServicePatch {
        scheduler: arguments.scheduler.clone(),
        timeout: arguments.persistent,
        ..ServicePatch::default()
    };
    if arguments.persistent.is_some() {
        patch.flags |= ServiceFlags::PERSISTENT;
        patch.flags_mask |= ServiceFlags::PERSISTENT;
    }
    if arguments.no_persistent {
        values::check_port(key, false)?;
        patch.flags_mask |= ServiceFlags::PERSISTENT;
        patch.timeout = Some(0);
    }
    if arguments.ops {
        values::check_one_packet(key)?;
        patch.flags |= ServiceFlags::ONE_PACKET;
    }
    if arguments.ops || arguments.no_ops {
        patch.flags_mask |= ServiceFlags::ONE_PACKET;
    }
    if let Some(netmask) = &arguments.netmask {
        patch.netmask = Some(values::netmask(netmask, key.family())?);
    }
    if arguments.no_pe {
        patch.persistence_engine = Some(None);
    }
    if let Some(engine) = &arguments.pe {
        patch.persistence_engine = Some(Some(engine.clone()));
    }
    Ok(patch)
}

/// Runs `rsadm ipvs dest VERB`.
pub(super) fn destination(verb: Dest) -> Result<()> {
    match verb {
        Dest::Add(arguments) => {
            let destination = new_destination(&arguments).map_err(Failure::usage)?;
            Ok(writer()?.add_destination(&arguments.place.key, &destination)?)
        }
        Dest::Edit(arguments) => {
            let address = arguments.place.address();
            let patch = destination_patch(&arguments, address)?;
            Ok(writer()?.patch_destination(&arguments.place.key, address, &patch)?)
        }
        Dest::Delete { place } => Ok(writer()?.delete_destination(&place.key, place.address())?),
    }
}

impl Place {
    fn address(&self) -> SocketAddr {
        self.address.or_port(self.key.port())
    }
}

fn new_destination(arguments: &DestAdd) -> Result<Destination, Complaint> {
    let DestAdd { place, settings } = arguments;
    let address = place.address();
    let method = settings.method.chosen().unwrap_or(ForwardingMethod::ROUTE);
    check_port(&place.key, address, method)?;
    values::check_families(place.key.family(), address.ip(), method)?;
    let tunnel = settings
        .tunnel
        .options()
        .over(method, Tunnel::default())
        .map_err(|(_, complaint)| complaint)?;
    let destination = Destination {
        tunnel,
        weight: settings.weight.unwrap_or(1),
        upper_threshold: settings.u_threshold.unwrap_or(0),
        lower_threshold: settings.l_threshold.unwrap_or(0),
        ..Destination::new(address, method)
    };
    values::check_thresholds(destination.lower_threshold, destination.upper_threshold)?;
    Ok(destination)
}

/// Only masquerading rewrites the port of a packet.
fn check_port(
    key: &ServiceKey,
    address: SocketAddr,
    method: ForwardingMethod,
) -> Result<(), Complaint> {
    let fixed = method != ForwardingMethod::MASQUERADE && key.protocol().is_some();
    if fixed && address.port() != key.port() {
        return Err(format!(
            "only --masquerading (-m) rewrites the port: packets to port {} arrive there",
            key.port()
        )
        .into());
    }
    Ok(())
}

fn destination_patch(arguments: &DestEdit, address: SocketAddr) -> Result<DestinationPatch> {
    let DestEdit { place, settings } = arguments;
    let method = settings.method.chosen();
    let mut patch = DestinationPatch {
        method,
        weight: settings.weight,
        upper_threshold: settings.u_threshold,
        lower_threshold: settings.l_threshold,
        tunnel: None,
    };
    if let Some(method) = method {
        check_port(&place.key, address, method).map_err(Failure::usage)?;
        values::check_families(place.key.family(), address.ip(), method).map_err(Failure::usage)?;
    }
    if let (Some(lower), Some(upper)) = (settings.l_threshold, settings.u_threshold) {
        values::check_thresholds(lower, upper).map_err(Failure::usage)?;
    }
    let options = settings.tunnel.options();
    if options.first().is_some() {
        // The kernel takes a tunnel as a whole: what is not given is as it is now.
        let present = present(&place.key, address)?;
        let method = method.unwrap_or(present.method);
        let tunnel = options.over(method, present.tunnel);
        patch.tunnel = Some(tunnel.map_err(|(_, complaint)| Failure::usage(complaint))?);
    }
    if patch == DestinationPatch::default() { Err(no_change()) } else { Ok(patch) }
}

fn no_change() -> Failure {
    Failure::usage("nothing was given to change")
        .hint("give at least one setting; --help lists them")
}

fn present(key: &ServiceKey, address: SocketAddr) -> Result<Destination> {
    let mut client = reader()?;
    let entries = client.destinations(key)?;
    if let Some(entry) = entries.iter().find(|entry| entry.destination.address == address) {
        return Ok(entry.destination);
    }
    // The kernel does not tell an unknown service from an empty one when it lists.
    client.service(key)?;
    let request = Request::UpdateDestination(*key, address);
    Err(Refused::new(request, Errno::NOENT.raw_os_error(), None).into())
}

impl arguments::Tunnel {
    fn options(&self) -> TunnelOptions {
        TunnelOptions {
            kind: self.kind,
            port: self.port,
            no_checksum: self.no_checksum,
            checksum: self.checksum,
            remote_checksum: self.remote_checksum,
        }
    }
}
