//! What IPVS shows under /proc, on real kernels: read beside netlink, and beside real traffic.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use ipvs::{
    Client, Connection, ConnectionState, Daemon, Destination, DestinationSummary, Family,
    ForwardingMethod, Modules, Namespace, Netmask, Origin, Presence, Proc, Protocol, Role, Service,
    ServiceFlags, ServiceKey, SyncThreshold, Timeouts,
};
use rustix::net::{AddressFamily, SocketType};
use testbed::harness::{Case, Context, Failure, Need, Outcome};

const IPVS: &[Need] = &[Need::Ipvs];

fn main() -> ExitCode {
    testbed::harness::main(&[
        Case { name: "connections_tcp", needs: IPVS, run: connections_tcp },
        Case { name: "connections_udp_and_templates", needs: IPVS, run: udp_and_templates },
        Case { name: "connections_ipv6", needs: IPVS, run: connections_ipv6 },
        Case { name: "connections_many", needs: IPVS, run: connections_many },
        Case { name: "origin_local_and_sync", needs: IPVS, run: origin_local_and_sync },
        Case { name: "table_agrees_with_netlink", needs: IPVS, run: table_agrees_with_netlink },
        Case { name: "totals_agree_with_netlink", needs: IPVS, run: totals_agree_with_netlink },
        Case { name: "namespaces_are_apart", needs: IPVS, run: namespaces_are_apart },
        Case { name: "reading_needs_no_privilege", needs: IPVS, run: reading_needs_no_privilege },
        Case { name: "sysctls_read_and_set", needs: IPVS, run: sysctls_read_and_set },
        Case { name: "status", needs: IPVS, run: status },
        Case { name: "schedulers", needs: IPVS, run: schedulers },
        Case { name: "without_ipvs_it_is_said", needs: &[], run: without_ipvs_it_is_said },
    ])
}

type Result<T> = std::result::Result<T, Failure>;

fn address(text: &str) -> Result<SocketAddr> {
    Ok(text.parse()?)
}

/// A client of a namespace in which every address of 192.0.2.0/24 and 2001:db8::1 to ::9 is local.
fn client(ctx: &Context) -> Result<Client> {
    ctx.out("ip", ["addr", "add", "192.0.2.0/24", "dev", "lo"])?;
    for host in 1..=9 {
        let address = format!("2001:db8::{host}/128");
        ctx.out("ip", ["-6", "addr", "add", &address, "dev", "lo", "nodad"])?;
    }
    Ok(Client::connect()?)
}

/// Adds a service with one masqueraded destination.
fn add(client: &mut Client, service: &Service, destination: &str) -> Result<()> {
    client.add_service(service)?;
    let destination = Destination::new(address(destination)?, ForwardingMethod::MASQUERADE);
    Ok(client.add_destination(&service.key, &destination)?)
}

fn service(key: &str) -> Result<Service> {
    Ok(Service::new(key.parse::<ServiceKey>()?, "rr"))
}

/// Answers what it is sent until the other side closes.
fn echo(at: &str) -> Result<()> {
    let listener = TcpListener::bind(at)?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|length| length == 1) {
                    stream.write_all(&byte)?;
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    Ok(())
}

/// Connects from a chosen address, and waits for the echo of one byte.
fn talk(from: &str, to: &str) -> Result<TcpStream> {
    let (from, to) = (address(from)?, address(to)?);
    let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &from)?;
    rustix::net::connect(&socket, &to)?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"x")?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

fn connections() -> Result<Vec<Connection>> {
    Ok(Proc::new().connections()?.collect::<ipvs::Result<_>>()?)
}

/// The one connection of this client.
fn of_client(ctx: &Context, from: &str) -> Result<Connection> {
    let client = address(from)?;
    let mut found = connections()?;
    found.retain(|connection| connection.client == client);
    match found.pop() {
        Some(connection) if found.is_empty() => Ok(connection),
        _ => ctx.fail(format!("not exactly one connection of {from}")),
    }
}

/// Waits, within bounds, for something that the kernel does in its own time.
fn wait<T>(ctx: &Context, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..400 {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(50));
    }
    ctx.fail(format!("{what} did not come"))
}

fn connections_tcp(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    add(&mut client, &service("tcp://192.0.2.1:80")?, "192.0.2.7:8080")?;
    echo("192.0.2.7:8080")?;
    ctx.equal("before", &0, &connections()?.len());

    let open = talk("192.0.2.9:40001", "192.0.2.1:80")?;
    let closed = talk("192.0.2.9:40002", "192.0.2.1:80")?;
    drop(closed);
    let established = of_client(ctx, "192.0.2.9:40001")?;
    ctx.check("it does not expire at once", (600..=900).contains(&established.expires));
    ctx.equal(
        "open connection",
        &Connection {
            protocol: Protocol::TCP,
            client: address("192.0.2.9:40001")?,
            virtual_address: address("192.0.2.1:80")?,
            destination: address("192.0.2.7:8080")?,
            state: ConnectionState::ESTABLISHED,
            expires: established.expires,
            origin: None,
            persistence: None,
        },
        &established,
    );
    wait(ctx, "TIME_WAIT", || {
        let state = of_client(ctx, "192.0.2.9:40002")?.state;
        Ok((state == ConnectionState::TIME_WAIT).then_some(()))
    })?;

    let row = Proc::new().table()?.next().transpose()?;
    let counted = row.map(|row| {
        let destination = row.destinations[0];
        (destination.active_connections, destination.inactive_connections)
    });
    ctx.equal("active and inactive in the plain table", &Some((1, 1)), &counted);
    drop(open);
    Ok(())
}

/// A request whose call id the engine `sip` takes as the client's identity.
const INVITE: &str = "INVITE sip:bob@example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK776\r\n\
    To: <sip:bob@example.com>\r\nFrom: <sip:alice@example.com>;tag=19\r\n\
    Call-ID: a84b4c76e66710@example.com\r\nCSeq: 314159 INVITE\r\n\
    Contact: <sip:alice@example.com>\r\nContent-Length: 0\r\n\r\n";

fn udp_and_templates(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    add(&mut client, &service("udp://192.0.2.1:53")?, "192.0.2.7:5353")?;
    let mut persistent = service("udp://192.0.2.1:54")?.persistent(600);
    persistent.netmask = Netmask::V4("255.255.255.192".parse()?);
    add(&mut client, &persistent, "192.0.2.7:5353")?;
    let mut sip = service("udp://192.0.2.1:5060")?.persistent(60);
    sip.persistence_engine = Some("sip".to_owned());
    add(&mut client, &sip, "192.0.2.7:5353")?;

    let server = UdpSocket::bind("192.0.2.7:5353")?;
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    for (from, to, payload) in [
        ("192.0.2.99:40001", "192.0.2.1:53", "question"),
        ("192.0.2.99:40002", "192.0.2.1:54", "question"),
        ("192.0.2.99:40003", "192.0.2.1:5060", INVITE),
    ] {
        UdpSocket::bind(from)?.send_to(payload.as_bytes(), to)?;
        let length = server.recv(&mut [0; 2048])?;
        ctx.equal(to, &payload.len(), &length);
    }

    let plain = of_client(ctx, "192.0.2.99:40001")?;
    ctx.equal("protocol", &Protocol::UDP, &plain.protocol);
    ctx.equal("state", &ConnectionState::UDP, &plain.state);
    ctx.check("no template", !plain.is_template() && plain.mark().is_none());

    let template = of_client(ctx, "192.0.2.64:0")?;
    ctx.check("template", template.is_template());
    ctx.equal("of the service", &address("192.0.2.1:54")?, &template.virtual_address);
    ctx.equal("to the destination", &address("192.0.2.7:5353")?, &template.destination);
    ctx.equal("without data", &None, &template.persistence);

    let template = of_client(ctx, "192.0.2.99:0")?;
    ctx.check("template of the engine", template.is_template());
    let data = template.persistence.as_ref();
    ctx.equal("engine", &Some("sip"), &data.map(|data| &*data.engine));
    let id = data.map(|data| data.data_lossy().into_owned());
    ctx.equal("call id", &Some("a84b4c76e66710@example.com"), &id.as_deref());
    ctx.equal("rows", &5, &connections()?.len());
    Ok(())
}

fn connections_ipv6(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    let persistent = service("tcp://[2001:db8::1]:80")?.persistent(300);
    add(&mut client, &persistent, "[2001:db8::7]:8080")?;
    echo("[2001:db8::7]:8080")?;
    let open = talk("[2001:db8::9]:40001", "[2001:db8::1]:80")?;
    let connection = of_client(ctx, "[2001:db8::9]:40001")?;
    ctx.equal("virtual", &address("[2001:db8::1]:80")?, &connection.virtual_address);
    ctx.equal("destination", &address("[2001:db8::7]:8080")?, &connection.destination);
    ctx.equal("state", &ConnectionState::ESTABLISHED, &connection.state);
    let template = of_client(ctx, "[2001:db8::9]:0")?;
    ctx.check("template", template.is_template());
    drop(open);
    Ok(())
}

/// Peak memory of this process in KiB.
fn peak_memory(ctx: &Context) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    match line.and_then(|line| line.split_whitespace().next()?.parse().ok()) {
        Some(kilobytes) => Ok(kilobytes),
        None => ctx.fail("no VmHWM in /proc/self/status"),
    }
}

/// Far more than the kernel writes at once: nothing is lost or doubled between its pieces, and
/// nothing is kept.
fn connections_many(ctx: &Context) -> Outcome {
    // The listing of rsadm is tested with a hundred thousand.
    const CLIENTS: u8 = 1;
    const PORTS: u16 = 20_000;
    let mut client = client(ctx)?;
    // On a slow machine the usual five minutes are over before the last one is read.
    client.set_timeouts(&Timeouts { udp: 86_400, ..Timeouts::default() })?;
    let mut service = service("udp://192.0.2.1:53")?;
    add(&mut client, &service, "192.0.2.7:5353")?;
    service.key = "udp://192.0.2.1:54".parse()?;
    add(&mut client, &service, "192.0.2.8:5353")?;
    for host in 0..CLIENTS {
        for port in 0..PORTS {
            let from = SocketAddr::new(IpAddr::from([192, 0, 2, 100 + host]), 20_000 + port);
            let socket = UdpSocket::bind(from)?;
            socket.send_to(b"x", ("192.0.2.1", 53 + port % 2))?;
        }
    }
    let before = peak_memory(ctx)?;
    let mut seen = 0usize;
    let mut second = 0usize;
    for connection in Proc::new().connections()? {
        let connection = connection?;
        seen += 1;
        second += usize::from(connection.destination == address("192.0.2.8:5353")?);
    }
    let grown = peak_memory(ctx)? - before;
    let expected = usize::from(CLIENTS) * usize::from(PORTS);
    ctx.equal("connections", &expected, &seen);
    ctx.equal("of the second service", &(expected / 2), &second);
    ctx.check(&format!("memory grew by {grown} KiB"), grown < 1024);

    let with_origin = Proc::new().connections_with_origin()?;
    let distinct: BTreeSet<_> = with_origin
        .map(|connection| connection.map(|connection| connection.client))
        .collect::<ipvs::Result<_>>()?;
    ctx.equal("distinct clients in the other file", &expected, &distinct.len());
    Ok(())
}

fn origin_local_and_sync(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    add(&mut client, &service("udp://192.0.2.1:53")?, "192.0.2.7:5353")?;
    let backup = ctx.namespace("backup")?;
    ctx.out("ip", ["link", "add", "to-backup", "type", "veth", "peer", "to-master"])?;
    ctx.out("ip", ["link", "set", "to-master", "netns", "backup"])?;
    ctx.out("ip", ["addr", "add", "198.51.100.1/24", "dev", "to-backup"])?;
    ctx.out("ip", ["link", "set", "to-backup", "up"])?;
    backup.ip_batch("addr add 198.51.100.2/24 dev to-master\nlink set to-master up\n")?;

    // Every packet tells the backups, instead of the third and then each fiftieth.
    Proc::new().set_sysctl("sync_threshold", "0 1")?;
    let there = Namespace::Named("backup".to_owned());
    let mut receiver = Client::builder().namespace(there.clone()).connect()?;
    receiver.start_daemon(&Daemon::new(Role::Backup, "to-master"))?;
    client.start_daemon(&Daemon::new(Role::Master, "to-backup"))?;

    let socket = UdpSocket::bind("192.0.2.9:40001")?;
    let received = wait(ctx, "the backup's connection", || {
        socket.send_to(b"x", "192.0.2.1:53")?;
        let mut rows = Proc::in_namespace(there.clone()).connections_with_origin()?;
        Ok(rows.next().transpose()?)
    })?;
    let rows = Proc::new().connections_with_origin()?.collect::<ipvs::Result<Vec<_>>>()?;
    let [local] = &rows[..] else { return ctx.fail("not exactly one connection on the master") };
    ctx.equal("origin on the master", &Some(Origin::Local), &local.origin);
    ctx.equal("origin on the backup", &Some(Origin::Sync), &received.origin);
    let ends = |connection: &Connection| {
        (connection.client, connection.virtual_address, connection.destination)
    };
    ctx.equal("the same connection", &ends(local), &ends(&received));
    Ok(())
}

/// Services of every kind that the plain table has a form for.
fn every_kind() -> Result<Vec<(Service, Vec<Destination>)>> {
    let destination =
        |text: &str, method| Ok::<_, Failure>(Destination::new(address(text)?, method));
    let mut rows = Vec::new();
    for key in [
        "tcp://192.0.2.1:80",
        "udp://192.0.2.1:53",
        "sctp://192.0.2.1:90",
        "tcp://[2001:db8::1]:80",
        "udp://[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
        "fwmark://7",
        "fwmark6://7",
        "fwmark://4294967295",
    ] {
        let mut service = service(key)?;
        let (one, two) = match service.key.family() {
            Family::Ipv4 => ("192.0.2.7:80", "198.51.100.255:65535"),
            Family::Ipv6 => ("[2001:db8::7]:80", "[2001:db8:1111:2222:3333:4444:5555:7777]:65535"),
        };
        let mut masqueraded = destination(one, ForwardingMethod::MASQUERADE)?;
        masqueraded.weight = 2_147_483_647;
        let mut routed = destination(two, ForwardingMethod::ROUTE)?;
        routed.weight = 0;
        rows.push((service.clone(), vec![masqueraded, routed]));

        // The same once more on another port or mark, persistent.
        service.key = match service.key {
            ServiceKey::Address { protocol, mut address } => {
                address.set_port(address.port() - 1);
                ServiceKey::Address { protocol, address }
            }
            ServiceKey::Mark { mark, family } => ServiceKey::Mark { mark: mark - 1, family },
        };
        service = service.persistent(86_400);
        "wlc".clone_into(&mut service.scheduler);
        service.netmask = match service.key.family() {
            Family::Ipv4 => Netmask::V4("255.255.240.0".parse()?),
            Family::Ipv6 => Netmask::V6(52),
        };
        if service.key.protocol() != Some(Protocol::TCP) {
            service.flags |= ServiceFlags::ONE_PACKET;
        }
        rows.push((service, Vec::new()));
    }
    let mixed = service("tcp://192.0.2.1:82")?;
    rows.push((
        mixed,
        vec![
            destination("[2001:db8::7]:82", ForwardingMethod::TUNNEL)?,
            destination("192.0.2.7:82", ForwardingMethod::TUNNEL)?,
        ],
    ));
    Ok(rows)
}

fn table_agrees_with_netlink(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    ctx.equal("an empty table", &0, &Proc::new().table()?.count());
    let rows = every_kind()?;
    for (service, destinations) in &rows {
        client.add_service(service)?;
        for destination in destinations {
            client.add_destination(&service.key, destination)?;
        }
    }
    let table = Proc::new().table()?;
    let info = client.info()?;
    ctx.equal("version", &info.version, &table.version());
    ctx.equal("table size", &info.connection_table_size, &table.connection_table_size());

    let plain = table.collect::<ipvs::Result<Vec<_>>>()?;
    let entries = client.services()?;
    ctx.equal("services", &rows.len(), &plain.len());
    ctx.equal("services over netlink", &rows.len(), &entries.len());
    let mut ticks = BTreeSet::new();
    for (plain, entry) in plain.iter().zip(&entries) {
        let service = &entry.service;
        let name = service.key.to_string();
        ctx.check(&name, plain.key.matches(&service.key));
        ctx.equal(&name, service.scheduler.as_str(), &plain.scheduler);
        let told = !service.key.address().is_some_and(|address| address.is_ipv6());
        ctx.equal(&name, &told.then_some(service.is_one_packet()), &plain.one_packet);
        ctx.equal(&name, &service.is_persistent(), &plain.persistence.is_some());
        if let Some(persistence) = plain.persistence {
            ctx.equal(&name, &service.netmask, &persistence.netmask(service.key.family()));
            ctx.equal(&name, &0, &(persistence.timeout_jiffies % service.timeout));
            ticks.insert(persistence.timeout_jiffies / service.timeout);
        }
        let destinations = client.destinations(&service.key)?;
        let summaries: Vec<_> = destinations.iter().map(DestinationSummary::from).collect();
        ctx.equal(&name, &summaries, &plain.destinations);
    }
    ctx.equal("different ticks a second", &1, &ticks.len());
    Ok(())
}

fn totals_agree_with_netlink(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    add(&mut client, &service("tcp://192.0.2.1:80")?, "192.0.2.7:8080")?;
    add(&mut client, &service("tcp://192.0.2.1:81")?, "192.0.2.7:8080")?;
    echo("192.0.2.7:8080")?;
    let open = [80, 80, 81].map(|port| talk("192.0.2.9:0", &format!("192.0.2.1:{port}")));
    let open = open.into_iter().collect::<Result<Vec<_>>>()?;
    let (totals, services) = wait(ctx, "the estimation of all three connections", || {
        let totals = Proc::new().totals()?;
        let services = client.services()?;
        let counted = services.iter().map(|entry| entry.statistics.connections).sum::<u64>();
        Ok((totals.connections == 3 && counted == 3).then_some((totals, services)))
    })?;
    let sum = |field: fn(&ipvs::Statistics) -> u64| {
        services.iter().map(|entry| field(&entry.statistics)).sum::<u64>()
    };
    ctx.equal("packets in", &sum(|s| s.incoming_packets), &totals.incoming_packets);
    ctx.equal("packets out", &sum(|s| s.outgoing_packets), &totals.outgoing_packets);
    ctx.equal("bytes in", &sum(|s| s.incoming_bytes), &totals.incoming_bytes);
    ctx.equal("bytes out", &sum(|s| s.outgoing_bytes), &totals.outgoing_bytes);
    ctx.check("there were bytes", totals.incoming_bytes > 0 && totals.outgoing_bytes > 0);
    drop(open);
    Ok(())
}

fn keys(proc: &Proc) -> Result<Vec<Option<ServiceKey>>> {
    let services = proc.table()?.collect::<ipvs::Result<Vec<_>>>()?;
    Ok(services.iter().map(|service| service.key.service_key()).collect())
}

fn namespaces_are_apart(ctx: &Context) -> Outcome {
    let mut here = client(ctx)?;
    let other = ctx.namespace("other")?;
    let named = Namespace::Named("other".to_owned());
    let mut there = Client::builder().namespace(named.clone()).connect()?;
    let (mine, theirs) = (service("tcp://192.0.2.1:80")?, service("udp://192.0.2.1:53")?);
    here.add_service(&mine)?;
    there.add_service(&theirs)?;

    let path = Proc::in_namespace(Namespace::Path(other.path()));
    let named = Proc::in_namespace(named);
    ctx.equal("by name", &vec![Some(theirs.key)], &keys(&named)?);
    ctx.equal("by path", &vec![Some(theirs.key)], &keys(&path)?);
    ctx.equal("here", &vec![Some(mine.key)], &keys(&Proc::new())?);
    let process = Proc::in_namespace(Namespace::Process(std::process::id()));
    ctx.equal("by process", &vec![Some(mine.key)], &keys(&process)?);
    // A thread that is elsewhere than its process reads where it is.
    let moved = other.enter(|| Ok(keys(&Proc::new())));
    ctx.equal("in a thread there", &vec![Some(theirs.key)], &moved??);

    named.set_sysctl("conntrack", 1)?;
    ctx.equal("sysctl there", &Some(1), &named.sysctls()?.conntrack);
    ctx.equal("sysctl here", &Some(0), &Proc::new().sysctls()?.conntrack);
    Ok(())
}

/// Runs a closure on a thread of the user `nobody`.
fn as_nobody<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
    thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            set_thread_groups(&[])?;
            set_thread_gid(rustix::fs::Gid::from_raw(65534))?;
            set_thread_uid(rustix::fs::Uid::from_raw(65534))?;
            work()
        });
        nobody.join().unwrap_or_else(|_| Err(Failure::Failed("the thread panicked".to_owned())))
    })
}

fn reading_needs_no_privilege(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    let plain = service("udp://192.0.2.1:53")?;
    add(&mut client, &plain, "192.0.2.7:5353")?;
    UdpSocket::bind("192.0.2.9:40001")?.send_to(b"x", "192.0.2.1:53")?;
    let loaded = fs::read_to_string("/proc/modules")?;
    let proc = Proc::new();

    let (table, connections, origins) = as_nobody(|| {
        let connections = proc.connections()?.collect::<ipvs::Result<Vec<_>>>()?;
        let origins = proc.connections_with_origin()?.collect::<ipvs::Result<Vec<_>>>()?;
        Ok((keys(&proc)?, connections, origins))
    })?;
    ctx.equal("services", &vec![Some(plain.key)], &table);
    ctx.equal("connections", &1, &connections.len());
    ctx.equal("connections with origin", &1, &origins.len());
    ctx.check("totals", as_nobody(|| Ok(proc.totals()))?.is_ok());
    let sysctls = as_nobody(|| Ok(proc.sysctls()?))?;
    ctx.equal("sysctls", &proc.sysctls()?, &sysctls);
    let modules = as_nobody(|| Ok(Modules::read()?))?;
    ctx.equal("modules", &Modules::read()?, &modules);

    let refused = as_nobody(|| Ok(proc.set_sysctl("conntrack", 1)))?;
    ctx.check("setting is refused", refused.is_err_and(|error| error.is_permission()));
    let status = as_nobody(|| Ok(proc.status()))?;
    if ctx.version() < (7, 1) {
        ctx.check("there is no status", status.is_ok_and(|status| status.is_none()));
    } else {
        ctx.check("the status is refused", status.is_err_and(|error| error.is_permission()));
    }
    ctx.equal("loaded modules", &loaded, &fs::read_to_string("/proc/modules")?);
    Ok(())
}

fn sysctls_read_and_set(ctx: &Context) -> Outcome {
    let proc = Proc::new();
    let before = proc.sysctls()?;
    ctx.check(&format!("all is understood: {:?}", before.other), before.other.is_empty());
    ctx.equal("reading changes nothing", &before, &proc.sysctls()?);
    ctx.equal("conntrack", &Some(0), &before.conntrack);
    ctx.equal("default", &Some(SyncThreshold { first: 3, period: 50 }), &before.sync_threshold);
    let since = |version| ctx.version() >= version;
    ctx.equal("est_nice since 6.2", &since((6, 2)), &before.est_nice.is_some());
    ctx.equal("est_cpulist since 6.2", &since((6, 2)), &before.est_cpulist.is_some());
    ctx.equal("conn_lfactor since 7.1", &since((7, 1)), &before.conn_lfactor.is_some());
    ctx.equal("svc_lfactor since 7.1", &since((7, 1)), &before.svc_lfactor.is_some());
    ctx.equal("conn_max since 7.2", &since((7, 2)), &before.conn_max.is_some());

    proc.set_sysctl("expire_nodest_conn", 1)?;
    proc.set_sysctl("sync_threshold", "2 60")?;
    let mut expected = before;
    expected.expire_nodest_conn = Some(1);
    expected.sync_threshold = Some(SyncThreshold { first: 2, period: 60 });
    ctx.equal("two changed", &expected, &proc.sysctls()?);

    for (name, value, reason) in [
        ("drop_entry", "9", "Invalid argument"),
        ("no_such_sysctl", "1", "No such file"),
        ("../../ip_forward", "1", "not a sysctl's name"),
    ] {
        match proc.set_sysctl(name, value) {
            Ok(()) => ctx.check(&format!("{name} was set"), false),
            Err(error) => {
                let text = error.to_string();
                let told = text.starts_with("cannot write /proc/sys/net/ipv4/vs/");
                ctx.check(&text, told && text.contains(name) && text.contains(reason));
            }
        }
    }
    ctx.equal("nothing else changed", &expected, &proc.sysctls()?);
    Ok(())
}

fn status(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    add(&mut client, &service("udp://192.0.2.1:53")?, "192.0.2.7:5353")?;
    for port in 40_001..=40_003 {
        UdpSocket::bind(("192.0.2.9", port))?.send_to(b"x", "192.0.2.1:53")?;
    }
    let Some(status) = Proc::new().status()? else {
        ctx.check("it is there since 7.1", ctx.version() < (7, 1));
        return Ok(());
    };
    ctx.equal("connections", &Some(3), &status.connections);
    ctx.equal("services", &Some(1), &status.services);
    ctx.check(&format!("all is understood: {:?}", status.other), status.other.is_empty());
    ctx.check("estimators", status.estimators_per_thread.is_some());
    let sysctls = Proc::new().sysctls()?;
    // Each masqueraded connection is entered for both directions.
    for (table, entries, load_factor) in [
        (status.connection_table, 6, sysctls.conn_lfactor),
        (status.service_table, 1, sysctls.svc_lfactor),
    ] {
        let Some(table) = table else { return ctx.fail("a hash table is missing") };
        ctx.equal("buckets are a power of two", &(1 << table.bits), &table.buckets);
        let used: u64 = table.chains.iter().map(|chains| chains.buckets).sum();
        ctx.equal("used and empty", &Some(table.buckets - used), &table.empty);
        let held = table.chains.iter().map(|chains| chains.buckets * u64::from(chains.length));
        ctx.equal("entries in buckets", &entries, &held.sum());
        ctx.equal("load factor", &load_factor, &Some(table.load_factor));
    }
    Ok(())
}

fn schedulers(ctx: &Context) -> Outcome {
    let mut client = client(ctx)?;
    for (port, scheduler) in (1..).zip(["rr", "mh", "ovf"]) {
        let mut service = service(&format!("tcp://192.0.2.1:{port}"))?;
        scheduler.clone_into(&mut service.scheduler);
        client.add_service(&service)?;
    }
    let modules = Modules::read()?;
    ctx.equal("ip_vs itself", &Presence::Loaded, &modules.ipvs);
    for name in ["rr", "mh", "ovf"] {
        let found = modules.schedulers.iter().find(|scheduler| scheduler.name == name);
        let presence = found.map(|scheduler| scheduler.presence);
        ctx.equal(name, &Some(Presence::Loaded), &presence);
    }
    let names: BTreeSet<_> = modules.schedulers.iter().map(|module| &module.name).collect();
    ctx.equal("each once", &modules.schedulers.len(), &names.len());
    ctx.check("no helper is one", !names.contains(&"ftp".to_owned()));
    Ok(())
}

fn without_ipvs_it_is_said(ctx: &Context) -> Outcome {
    if fs::exists("/proc/net/ip_vs")? {
        return ctx.skip("this kernel has ip_vs loaded");
    }
    let proc = Proc::new();
    let errors = [
        proc.connections().err(),
        proc.connections_with_origin().err(),
        proc.table().err(),
        proc.totals().err(),
        proc.sysctls().err(),
        proc.set_sysctl("conntrack", 1).err(),
    ];
    for error in errors {
        ctx.check(&format!("{error:?}"), error.is_some_and(|error| error.is_no_ipvs()));
    }
    ctx.equal("status", &None, &proc.status()?);
    Ok(())
}
