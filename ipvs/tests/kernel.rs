//! The client on real kernels.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipvs::{
    Builder, Change, Client, Daemon, Destination, DestinationPatch, Error, Family,
    ForwardingMethod, Namespace, Netmask, Reason, Role, Service, ServiceFlags, ServiceKey,
    ServicePatch, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{netlink, sockopt};
use testbed::harness::{Case, Context, Failure, Need, Outcome};

fn main() -> ExitCode {
    let case = |name, run| Case { name, needs: &[Need::Ipvs], run };
    testbed::harness::main(&[
        case("info", info),
        case("services_of_every_kind_come_back_as_they_went", services_of_every_kind),
        case("destinations_of_every_kind_come_back_as_they_went", destinations_of_every_kind),
        case("updates_replace_and_patches_keep", updates_replace_and_patches_keep),
        case("puts_add_or_update", puts_add_or_update),
        case("refusals_have_their_reason", refusals_have_their_reason),
        case("timeouts", timeouts),
        case("daemons", daemons),
        case("a_batch_reports_every_item", a_batch_reports_every_item),
        case("a_large_batch_and_its_overview", a_large_batch_and_its_overview),
        case("a_table_under_deletions_misses_no_survivor", table_under_deletions),
        case("a_namespace_is_entered", a_namespace_is_entered),
        case("two_clients_at_once", two_clients_at_once),
        case("the_descriptor_has_nothing_between_verbs", the_descriptor),
        case("tokio_has_the_same_verbs", tokio_has_the_same_verbs),
    ])
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn key(text: &str) -> ServiceKey {
    text.parse().expect("a service")
}

fn masquerade(text: &str) -> Destination {
    Destination::new(address(text), ForwardingMethod::MASQUERADE)
}

/// Ends the case unless the kernel refused for this reason.
fn refused<T>(result: Result<T, Error>, reason: Reason) -> Outcome {
    match result {
        Err(error) if error.reason() == Some(reason) => Ok(()),
        Err(error) => Err(Failure::Failed(format!("{reason:?} expected, got: {error}"))),
        Ok(_) => Err(Failure::Failed(format!("{reason:?} expected, but it succeeded"))),
    }
}

fn info(ctx: &Context) -> Outcome {
    let info = Client::connect()?.info()?;
    ctx.equal("version", "1.2.1", &info.version.to_string());
    if ctx.version() < (7, 1) {
        ctx.check("the connection table has a size", info.connection_table_size >= 256);
    }
    Ok(())
}

fn services() -> Vec<Service> {
    let keys = [
        "tcp://10.243.21.14:8880",
        "udp://10.243.0.10:53",
        "sctp://10.243.0.10:36412",
        "tcp://[2001:db8::1]:443",
        "fwmark://7",
        "fwmark6://4294967295",
        "fwmark://3000000000",
    ];
    let mut services: Vec<_> = keys.iter().map(|text| Service::new(key(text), "rr")).collect();
    let mut service = Service::new(key("tcp://10.243.21.14:81"), "wlc").persistent(600);
    service.netmask = Netmask::V4([255, 255, 255, 0].into());
    services.push(service.clone());
    service.key = key("tcp://[2001:db8::1]:81");
    service.netmask = Netmask::V6(48);
    services.push(service);
    let mut service = Service::new(key("udp://10.243.21.14:5060"), "sh").persistent(60);
    service.flags |= ServiceFlags::ONE_PACKET;
    service.flags |= ServiceFlags::SCHEDULER_1 | ServiceFlags::SCHEDULER_2;
    services.push(service.clone());
    service.key = key("udp://10.243.21.14:5061");
    service.persistence_engine = Some("sip".to_owned());
    services.push(service);
    services
}

fn services_of_every_kind(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let wanted = services();
    for service in &wanted {
        client.add_service(service)?;
        ctx.equal("read alone", service, &client.service(&service.key)?.service);
    }
    let listed: HashSet<_> = client.services()?.into_iter().map(|entry| entry.service).collect();
    let packed: HashSet<_> = client.table_list()?.iter().map(|row| row.service.service).collect();
    ctx.check("the list in little memory is the same", packed == listed);
    ctx.equal("listed", &wanted.iter().cloned().collect(), &listed);
    client.delete_service(&wanted[0].key)?;
    ctx.equal("one is deleted", &(wanted.len() - 1), &client.services()?.len());
    client.flush()?;
    ctx.equal("all are deleted", &0, &client.services()?.len());
    Ok(())
}

fn destinations_of_every_kind(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let service = Service::new(key("tcp://10.243.21.14:80"), "wrr");
    client.add_service(&service)?;
    let mut wanted = Vec::new();
    let tunnels = [
        (TunnelKind::IPIP, 0, TunnelFlags::empty()),
        (TunnelKind::GUE, 6080, TunnelFlags::empty()),
        (TunnelKind::GUE, 6081, TunnelFlags::CHECKSUM),
        (TunnelKind::GUE, 6082, TunnelFlags::REMOTE_CHECKSUM),
        (TunnelKind::GRE, 0, TunnelFlags::empty()),
        (TunnelKind::GRE, 0, TunnelFlags::CHECKSUM),
    ];
    for (number, (kind, port, flags)) in tunnels.into_iter().enumerate() {
        let to = address(&format!("10.244.3.{}:80", number + 1));
        let mut destination = Destination::new(to, ForwardingMethod::TUNNEL);
        destination.tunnel = Tunnel { kind, port, flags };
        wanted.push(destination);
    }
    wanted.push(Destination::new(address("[2001:db8::9]:80"), ForwardingMethod::TUNNEL));
    wanted.push(Destination::new(address("10.244.3.90:80"), ForwardingMethod::ROUTE));
    let mut destination = masquerade("10.244.3.91:8080");
    destination.weight = i32::MAX.unsigned_abs();
    destination.upper_threshold = 100;
    destination.lower_threshold = 50;
    wanted.push(destination);
    for destination in &wanted {
        client.add_destination(&service.key, destination)?;
    }
    let read = |client: &mut Client| -> Result<HashSet<_>, Error> {
        let listed = client.destinations(&service.key)?;
        Ok(listed.into_iter().map(|entry| entry.destination).collect())
    };
    ctx.equal("listed", &wanted.iter().copied().collect(), &read(&mut client)?);
    let table = client.table()?;
    ctx.equal("services of the table", &1, &table.len());
    ctx.equal("destinations of the table", &wanted.len(), &table[0].destinations.len());
    for destination in wanted.drain(1..) {
        client.delete_destination(&service.key, destination.address)?;
    }
    ctx.equal("one is left", &wanted.into_iter().collect(), &read(&mut client)?);
    let missing = client.destinations(&key("tcp://10.0.0.1:1"))?;
    ctx.equal("a service that is not there has none", &0, &missing.len());
    Ok(())
}

fn updates_replace_and_patches_keep(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut service = Service::new(key("udp://10.243.21.14:53"), "sh").persistent(60);
    service.flags |= ServiceFlags::SCHEDULER_1;
    client.add_service(&service)?;
    let patch = ServicePatch {
        flags: ServiceFlags::ONE_PACKET,
        flags_mask: ServiceFlags::ONE_PACKET,
        ..ServicePatch::default()
    };
    client.patch_service(&service.key, &patch)?;
    service.flags |= ServiceFlags::ONE_PACKET;
    ctx.equal("the other flags stay", &service, &client.service(&service.key)?.service);
    let bare = Service::new(service.key, "rr");
    client.update_service(&bare)?;
    ctx.equal("an update replaces", &bare, &client.service(&service.key)?.service);

    let mut destination = masquerade("10.244.3.32:53");
    destination.upper_threshold = 100;
    destination.lower_threshold = 50;
    client.add_destination(&service.key, &destination)?;
    let patch = DestinationPatch { weight: Some(0), ..DestinationPatch::default() };
    client.patch_destination(&service.key, destination.address, &patch)?;
    destination.weight = 0;
    let read = client.destinations(&service.key)?;
    ctx.equal("the thresholds stay", &destination, &read[0].destination);
    let absent = address("10.244.3.33:53");
    let result = client.patch_destination(&service.key, absent, &patch);
    refused(result, Reason::NoSuchDestination)?;
    refused(
        client.patch_destination(&key("tcp://10.0.0.1:1"), absent, &patch),
        Reason::NoSuchService,
    )
}

fn puts_add_or_update(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut service = Service::new(key("tcp://10.243.21.14:80"), "rr");
    client.put_service(&service)?;
    "lc".clone_into(&mut service.scheduler);
    client.put_service(&service)?;
    ctx.equal("service", &service, &client.service(&service.key)?.service);
    let mut destination = masquerade("10.244.3.32:80");
    client.put_destination(&service.key, &destination)?;
    destination.weight = 9;
    client.put_destination(&service.key, &destination)?;
    let read = client.destinations(&service.key)?;
    ctx.equal("destination", &destination, &read[0].destination);
    Ok(())
}

fn refusals_have_their_reason(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let service = Service::new(key("tcp://10.243.21.14:80"), "rr");
    let destination = masquerade("10.244.3.32:80");
    let absent = key("tcp://10.243.21.14:81");
    client.add_service(&service)?;
    client.add_destination(&service.key, &destination)?;

    refused(client.add_service(&service), Reason::ServiceExists)?;
    refused(client.service(&absent), Reason::NoSuchService)?;
    refused(client.update_service(&Service::new(absent, "rr")), Reason::NoSuchService)?;
    refused(client.delete_service(&absent), Reason::NoSuchService)?;
    refused(client.zero(Some(&absent)), Reason::NoSuchService)?;
    refused(client.add_service(&Service::new(absent, "nosuch")), Reason::NoSuchScheduler)?;
    let mut engine = Service::new(absent, "rr").persistent(9);
    engine.persistence_engine = Some("nosuch".to_owned());
    refused(client.add_service(&engine), Reason::NoSuchScheduler)?;
    refused(client.add_destination(&service.key, &destination), Reason::DestinationExists)?;
    refused(client.add_destination(&absent, &destination), Reason::NoSuchService)?;
    let other = masquerade("10.244.3.33:80");
    refused(client.update_destination(&service.key, &other), Reason::NoSuchDestination)?;
    refused(client.delete_destination(&service.key, other.address), Reason::NoSuchDestination)?;
    let mut heavy = other;
    heavy.weight = u32::MAX;
    refused(client.add_destination(&service.key, &heavy), Reason::OutOfRange)?;
    let mut crossed = other;
    crossed.lower_threshold = 5;
    crossed.upper_threshold = 4;
    refused(client.add_destination(&service.key, &crossed), Reason::OutOfRange)?;
    let multicast = masquerade("224.0.0.1:80");
    refused(client.add_destination(&service.key, &multicast), Reason::Invalid)?;
    refused(client.stop_daemon(Role::Master, 0), Reason::NoDaemon)?;
    let daemon = Daemon::new(Role::Master, "nosuch0");
    refused(client.start_daemon(&daemon), Reason::NoSuchInterface)?;
    let text = client.add_service(&service).map_err(|error| error.to_string());
    ctx.equal(
        "the text says what was tried",
        &Err("cannot add service tcp://10.243.21.14:80: the service exists".to_owned()),
        &text,
    );
    Ok(())
}

fn timeouts(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut expected = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };
    ctx.equal("defaults", &expected, &client.timeouts()?);
    client.set_timeouts(&Timeouts { tcp: 7200, tcp_fin: 0, udp: 60 })?;
    expected.tcp = 7200;
    expected.udp = 60;
    ctx.equal("0 keeps", &expected, &client.timeouts()?);
    Ok(())
}

fn daemons(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    ctx.equal("none runs", &0, &client.daemons()?.len());
    client.start_daemon(&Daemon::new(Role::Master, "lo"))?;
    let mut backup = Daemon::new(Role::Backup, "lo");
    backup.sync_id = 7;
    backup.group = Some("ff02::51".parse()?);
    backup.port = 9999;
    backup.ttl = 5;
    backup.max_length = 1400;
    client.start_daemon(&backup)?;
    let running = client.daemons()?;
    ctx.equal("both run", &2, &running.len());
    ctx.equal("master", &Some("224.0.0.81".parse()?), &running[0].group);
    ctx.equal("port of the master", &8848, &running[0].port);
    ctx.equal("backup", &backup, &running[1]);
    refused(client.start_daemon(&backup), Reason::DaemonRuns)?;
    client.stop_daemon(Role::Master, 0)?;
    client.stop_daemon(Role::Backup, 7)?;
    ctx.equal("none is left", &0, &client.daemons()?.len());
    Ok(())
}

fn a_batch_reports_every_item(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let service = |port| Service::new(key(&format!("tcp://10.243.21.14:{port}")), "rr");
    let changes = [
        Change::AddService(service(1)),
        Change::AddService(service(1)),
        Change::AddDestination(service(1).key, masquerade("10.244.3.1:80")),
        Change::AddDestination(service(2).key, masquerade("10.244.3.1:80")),
        Change::DeleteDestination(service(1).key, address("10.244.3.2:80")),
        Change::SetTimeouts(Timeouts { tcp: 100, ..Timeouts::default() }),
        Change::AddService(Service::new(service(3).key, "nosuch")),
        Change::AddService(service(4)),
    ];
    let report = client.apply(&changes)?;
    let refused: Vec<_> =
        report.refused.iter().map(|(index, refused)| (*index, refused.reason)).collect();
    let expected = vec![
        (1, Reason::ServiceExists),
        (3, Reason::NoSuchService),
        (4, Reason::NoSuchDestination),
        (6, Reason::NoSuchScheduler),
    ];
    ctx.equal("refused", &expected, &refused);
    ctx.equal("applied", &4, &report.applied);
    ctx.equal("tcp timeout", &100, &client.timeouts()?.tcp);
    ctx.equal("services", &2, &client.services()?.len());
    Ok(())
}

/// The sizes of the kernel's datagrams, and of ours, are all crossed by this many.
fn a_large_batch_and_its_overview(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let mut changes = Vec::new();
    for number in 0..300_u32 {
        let service = ServiceKey::mark(number + 1, Family::Ipv4);
        changes.push(Change::AddService(Service::new(service, "rr")));
        for pod in 0..number % 13 {
            let to =
                SocketAddr::from(([10, 244, (number >> 8) as u8, number as u8], pod as u16 + 1));
            let method = ForwardingMethod::MASQUERADE;
            changes.push(Change::AddDestination(service, Destination::new(to, method)));
        }
    }
    // The same mark in the other family makes /proc ambiguous.
    changes.push(Change::AddService(Service::new(ServiceKey::mark(5, Family::Ipv6), "rr")));
    let report = client.apply(&changes)?;
    ctx.check("every item is applied", report.is_complete() && report.applied == changes.len());
    let overview = client.overview()?;
    ctx.equal("services", &301, &overview.len());
    for entry in overview.iter() {
        let dumped = client.destinations(&entry.service.key)?;
        ctx.equal("service", &client.service(&entry.service.key)?.service, &entry.service);
        let dumped: Vec<_> = dumped.iter().map(Into::into).collect();
        ctx.equal("destinations", &dumped, &entry.destinations);
    }
    Ok(())
}

/// A plain dump misses survivors here; the consistent read may not.
fn table_under_deletions(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    let service = |mark| Service::new(ServiceKey::mark(mark, Family::Ipv4), "rr");
    let survivors: Vec<_> = (1..=200).map(service).collect();
    let add = |services: &[Service]| -> Vec<_> {
        services.iter().cloned().map(Change::AddService).collect()
    };
    let report = client.apply(&add(&survivors))?;
    ctx.check("survivors are there", report.is_complete());
    let victims: Vec<_> = (1000..1200).map(service).collect();
    let stop = AtomicBool::new(false);
    let mut missed = 0;
    thread::scope(|scope| -> Outcome {
        let churn = scope.spawn(|| -> Result<u32, Error> {
            let mut client = Client::connect()?;
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                client.apply(&add(&victims))?;
                for victim in &victims {
                    client.delete_service(&victim.key)?;
                }
                rounds += 1;
            }
            Ok(rounds)
        });
        let read = (0..25).try_for_each(|_| -> Result<(), Error> {
            let table = client.table()?;
            let seen: HashSet<_> = table.iter().map(|entry| entry.service.service.key).collect();
            missed += survivors.iter().filter(|service| !seen.contains(&service.key)).count();
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let rounds = churn.join().expect("the other thread does not panic")?;
        ctx.check("the table was changed meanwhile", rounds > 0);
        Ok(read?)
    })?;
    ctx.equal("survivors missed", &0, &missed);
    Ok(())
}

fn a_namespace_is_entered(ctx: &Context) -> Outcome {
    let blue = ctx.namespace("blue")?;
    let mut there =
        Client::builder().namespace(Namespace::Named(blue.name().to_owned())).connect()?;
    there.add_service(&Service::new(key("tcp://10.0.0.1:80"), "rr"))?;
    there.add_destination(&key("tcp://10.0.0.1:80"), &masquerade("10.0.0.2:80"))?;
    ctx.equal("there", &1, &there.services()?.len());
    ctx.equal(
        "its plain table",
        &1,
        &there.overview()?.iter().map(|row| row.destinations.len()).sum::<usize>(),
    );
    ctx.equal("here", &0, &Client::connect()?.services()?.len());
    let path = Namespace::Path(format!("/run/netns/{}", blue.name()).into());
    ctx.equal("by path", &1, &Builder::new().namespace(path).connect()?.services()?.len());
    let missing = Builder::new().namespace(Namespace::Named("red".to_owned())).connect();
    ctx.check("a namespace that is not there", missing.is_err());
    Ok(())
}

fn two_clients_at_once(ctx: &Context) -> Outcome {
    let mut one = Client::connect()?;
    let mut two = Client::connect()?;
    one.add_service(&Service::new(key("tcp://10.0.0.1:80"), "rr"))?;
    ctx.equal("the other sees it", &1, &two.services()?.len());
    thread::spawn(move || two.flush()).join().expect("no panic")?;
    ctx.equal("and may move to another thread", &0, &one.services()?.len());
    Ok(())
}

fn the_descriptor(ctx: &Context) -> Outcome {
    let mut client = Client::connect()?;
    client.add_service(&Service::new(key("tcp://10.0.0.1:80"), "rr"))?;
    ctx.equal("services", &1, &client.services()?.len());
    let protocol = sockopt::socket_protocol(&client)?;
    ctx.equal("protocol", &Some(netlink::GENERIC), &protocol);
    let mut waiting = [PollFd::new(&client, PollFlags::IN)];
    ctx.equal("nothing to receive", &0, &poll(&mut waiting, Some(&Timespec::default()))?);
    Ok(())
}

#[cfg(feature = "tokio")]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    /// Runtimes with several threads want futures that can move.
    fn sent<T: Send>(future: T) -> T {
        future
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut client = ipvs::tokio::Client::connect().await?;
        let services = services();
        let changes: Vec<_> = services.iter().cloned().map(Change::AddService).collect();
        ctx.equal("applied", &services.len(), &sent(client.apply(&changes)).await?.applied);
        ctx.equal("listed", &services.len(), &sent(client.services()).await?.len());
        ctx.equal("overview", &services.len(), &sent(client.overview()).await?.len());
        ctx.equal("table", &services.len(), &sent(client.table()).await?.len());
        refused(client.add_service(&services[0]).await, Reason::ServiceExists)?;
        client.flush().await?;
        ctx.equal("flushed", &0, &client.services().await?.len());
        Ok(())
    })
}

#[cfg(not(feature = "tokio"))]
fn tokio_has_the_same_verbs(ctx: &Context) -> Outcome {
    ctx.skip("built without the feature tokio")
}
