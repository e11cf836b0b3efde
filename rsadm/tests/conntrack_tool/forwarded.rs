//! Flows that a router forwards and translates: what the kernel's own tests look at with packets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, getpeername, socket_with,
};
use testbed::Context as _;
use testbed::harness::{Context, Outcome};

use crate::events::compare;
use crate::pair::{Result, split};
use crate::router::{self, PATIENCE, Router, ip, join, set, udp};

/// How long what must not come is waited for.
const SILENCE: Duration = Duration::from_millis(300);

/// Sends to whom the socket is connected to, and answers how much comes back.
fn ask(socket: &UdpSocket, text: &[u8]) -> std::result::Result<usize, ErrorKind> {
    let asked = socket.send(text).and_then(|_| socket.recv(&mut [0; 4096]));
    asked.map_err(|error| error.kind())
}

/// One datagram there and one back; how much of either arrives.
fn exchange(client: &UdpSocket, server: &UdpSocket, size: usize) -> Result<(usize, usize)> {
    client.send(&vec![b'q'; size])?;
    let mut buffer = vec![0; 1 << 16];
    let (there, from) = server.recv_from(&mut buffer)?;
    server.send_to(&vec![b'a'; size], from)?;
    Ok((there, client.recv(&mut buffer)?))
}

/// A message of ICMP about a translated flow belongs to that flow: the client is told about what it
/// sent, and no flow comes of it.
pub(crate) fn related(ctx: &Context) -> Outcome {
    let mut router = Router::new(ctx)?;
    for (tables, family, icmp, client, server, via) in [
        ("iptables", "ipv4", "icmp", "10.71.1.2:0", "10.71.2.2:9", "10.71.2.1"),
        ("ip6tables", "ipv6", "icmpv6", "[fd71:1::2]:0", "[fd71:2::2]:9", "fd71:2::1"),
    ] {
        let rules = "-A FORWARD -m conntrack --ctstate RELATED
                     -t nat -A POSTROUTING -o toserver -j MASQUERADE";
        if !router.rules(tables, rules)? {
            return ctx.skip(format!("this kernel translates no {family}"));
        }
        let socket = udp(&router.client, client)?;
        socket.connect(server)?;
        let (heard, _) = compare(&mut router.pair, &format!("-E -f {family} -p udp"), |pair| {
            let told = ask(&socket, b"hello");
            pair.ctx.equal("nobody is there", &Err(ErrorKind::ConnectionRefused), &told);
            Ok(())
        })?;
        ctx.equal("one event", &1, &heard.lines().count());
        ctx.equal("the error is related", &1, &router.met(tables, "-L FORWARD")?);
        let flows = router.listed(&format!("-L -f {family} -n {via}"))?;
        ctx.equal("one translated flow", &1, &flows.len());
        let shown =
            |flow: &String| flow.contains("[UNREPLIED]") && flow.contains(&format!(" dst={via} "));
        ctx.check(&format!("of UDP, not replied to: {flows:?}"), flows.iter().all(shown));
        ctx.equal("none of ICMP", &0, &router.listed(&format!("-L -f {family} -p {icmp}"))?.len());
        router.pair.compare_reading_lines(&format!(
            "-L -f {family}\n-L -f {family} -u UNREPLIED -o extended\n-L -p {icmp}\n\
             -L -f {family} --src-nat -o save\n-C\n-S"
        ))?;
        let deleted = router.listed(&format!("-D -f {family} -n {via}"))?;
        ctx.equal("deleted by its translation", &1, &deleted.len());
    }
    Ok(())
}

/// A datagram that is too large for a link behind the router: what that link's router says reaches
/// the client, whose next datagram arrives in pieces, and all is one flow.
pub(crate) fn too_large(ctx: &Context) -> Outcome {
    const SIZE: usize = 1400;
    let router = Router::new(ctx)?;
    let far = ctx.namespace("far")?;
    router
        .server
        .sysctls(&[("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1")])?;
    router.server.ip_batch(
        "link add tofar type veth peer name eth0 netns far
         addr add 10.71.3.1/24 dev tofar
         addr add fd71:3::1/64 dev tofar nodad
         link set tofar mtu 1280 up",
    )?;
    far.ip_batch(
        "addr add 10.71.3.2/24 dev eth0
         addr add fd71:3::2/64 dev eth0 nodad
         link set eth0 mtu 1280 up
         route add default via 10.71.3.1
         route add default via fd71:3::1",
    )?;
    ip(ctx, "route add 10.71.3.0/24 via 10.71.2.2\nroute add fd71:3::/64 via fd71:2::2")?;
    for (tables, family, client, server) in [
        ("iptables", "ipv4", "10.71.1.2:0", "10.71.3.2:9"),
        ("ip6tables", "ipv6", "[fd71:1::2]:0", "[fd71:3::2]:9"),
    ] {
        let rules = "-A FORWARD -m conntrack --ctstate RELATED
                     -A FORWARD -m conntrack --ctstate INVALID -j DROP
                     -t nat -A POSTROUTING -o toserver -j MASQUERADE";
        if !router.rules(tables, rules)? {
            return ctx.skip(format!("this kernel translates no {family}"));
        }
        let (client, listener) = (udp(&router.client, client)?, udp(&far, server)?);
        client.connect(server)?;
        client.send(&[b'x'; SIZE])?;
        let end = Instant::now() + PATIENCE;
        while router.met(tables, "-L FORWARD")? == 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        ctx.equal("the error is related", &1, &router.met(tables, "-L FORWARD")?);
        let told = client.take_error()?.and_then(|error| Errno::from_io_error(&error));
        ctx.equal("the client is told", &Some(Errno::MSGSIZE), &told);
        let address = listener.local_addr()?.ip().to_string();
        let route =
            router.client.capture(ctx.reference("ip").args(["route", "get", &address]), "")?;
        ctx.check(&format!("the client knows: {}", route.out()), route.out().contains(" mtu 1280"));
        ctx.equal("the next ones arrive", &(SIZE, SIZE), &exchange(&client, &listener, SIZE)?);
        let flows = router.listed(&format!("-L -f {family}"))?;
        ctx.equal("one flow", &1, &flows.len());
        ctx.check(&format!("replied to: {flows:?}"), !flows.concat().contains("[UNREPLIED]"));
        router
            .pair
            .compare_reading_lines(&format!("-L -f {family}\n-L -f {family} --src-nat\n-S"))?;
    }
    Ok(())
}

/// Datagrams through a tunnel whose packets hold less than the client's: put together before they
/// are tracked, and taken apart again.
pub(crate) fn tunnel(ctx: &Context) -> Outcome {
    let router = Router::new(ctx)?;
    let line = |own: u8, other: u8| {
        format!(
            "link add tunnel type ipip local 10.71.2.{own} remote 10.71.2.{other}
             addr add 10.71.9.{own}/24 dev tunnel
             link set tunnel up"
        )
    };
    let made = ctx.capture_with(ctx.reference("ip").args(["-batch", "-"]), line(1, 2))?;
    if !made.status.success() {
        return ctx.skip("this kernel has no tunnels of IP in IP");
    }
    router.server.ip_batch(&line(2, 1))?;
    router.server.ip_batch("route add 10.71.1.0/24 dev tunnel")?;
    set("net/netfilter/nf_conntrack_acct", "1")?;
    router.must("-A FORWARD -m conntrack --ctstate INVALID -j DROP")?;
    let (client, server) =
        (udp(&router.client, "10.71.1.2:7000")?, udp(&router.server, "10.71.9.2:9")?);
    client.connect("10.71.9.2:9")?;
    // The last fits the client's link and not the tunnel: of that it has to be told first.
    let mut packets = 0;
    for size in [100, 1400, 1452, 3000, 1472] {
        if size == 1472 {
            client.send(&vec![b'x'; size])?;
            server.set_read_timeout(Some(SILENCE))?;
            let kind = server.recv(&mut [0; 2048]).map_err(|error| error.kind());
            ctx.equal("what does not fit is not passed on", &Err(ErrorKind::WouldBlock), &kind);
            server.set_read_timeout(Some(PATIENCE))?;
            let told = client.take_error()?.and_then(|error| Errno::from_io_error(&error));
            ctx.equal("the client is told", &Some(Errno::MSGSIZE), &told);
            packets += 1;
        }
        ctx.equal("arrived", &(size, size), &exchange(&client, &server, size)?);
        packets += 1;
    }
    let inner = router.listed("-L -p udp")?;
    ctx.equal("the flow inside", &1, &inner.len());
    let counted = format!(" packets={packets} ");
    ctx.check(&format!("{counted}in {inner:?}"), inner.concat().contains(&counted));
    let outer = router.listed("-L -p 4")?;
    ctx.equal("the tunnel itself", &1, &outer.len());
    ctx.check(&format!("{outer:?}"), outer.concat().starts_with("unknown  4 "));
    ctx.equal("none of ICMP", &0, &router.listed("-L -p icmp")?.len());
    router.pair.compare_reading_lines(
        "-L\n-L -o extended\n-L -p 4\n-L -p ipencap -o xml\n-L -o save\n-S\n-C",
    )
}

/// Connections that begin and that nobody answers. What translates them comes later, and takes
/// hold only of flows that begin after it: once the old ones are deleted.
pub(crate) fn flood(ctx: &Context) -> Outcome {
    const CONNECTIONS: u16 = 100;
    let many = usize::from(CONNECTIONS);
    let nowhere = SocketAddrV4::new([10, 98, 0, 2].into(), 80);
    let router = Router::new(ctx)?;
    let _nowhere = router::nowhere(ctx)?;
    router.must("-t nat -A POSTROUTING -o toserver -j MASQUERADE")?;
    let service: SocketAddr = "10.71.2.2:8080".parse()?;
    let listener = router
        .server
        .enter(|| TcpListener::bind(service).context(|| format!("cannot listen on {service}")))?;
    let kept = router.client.enter(|| {
        TcpStream::connect_timeout(&service, PATIENCE).context(|| "cannot connect".into())
    })?;
    let connections = router.client.enter(|| {
        (0..CONNECTIONS)
            .map(|number| begin(20_000 + number, nowhere).context(|| "cannot connect".into()))
            .collect::<testbed::Result<Vec<_>>>()
    })?;
    let line = "-L -p tcp --state SYN_SENT -u UNREPLIED -d 10.98.0.2";
    let begun = router.wait_for(line, many)?;
    ctx.check("none is translated", begun.iter().all(|flow| flow.contains(" src=10.98.0.2 ")));
    router.pair.compare_reading_lines(&format!("{line}\n-L\n-L -u ASSURED\n-C"))?;
    router
        .must("-t nat -I PREROUTING -d 10.98.0.2 -p tcp --dport 80 -j DNAT --to 10.71.2.2:8080")?;
    // By then each has tried again.
    thread::sleep(Duration::from_millis(1500));
    ctx.equal("the rule is too late", &0, &router.listed("-L --dst-nat")?.len());
    ctx.equal("the flows are the same", &many, &router.listed(line)?.len());
    // Each try of a flow that is deleted makes another one, from now on.
    let deleted = router.listed("-D -p tcp -u UNREPLIED")?;
    ctx.check(&format!("{} deleted", deleted.len()), deleted.len() >= many);
    ctx.check("the other stays", !deleted.concat().contains(" src=10.71.1.2 dst=10.71.2.2 "));
    let translated = router.wait_for("-L -p tcp --state ESTABLISHED -g 10.71.2.2:8080", many)?;
    ctx.check(
        "both ways",
        translated.iter().all(|flow| flow.contains(" src=10.71.2.2 dst=10.71.2.1 ")),
    );
    let reached = connections.iter().filter(|socket| getpeername(socket).is_ok()).count();
    ctx.equal("they are connected", &many, &reached);
    router.pair.compare_reading_lines(
        "-L -g\n-L -g 10.71.2.2\n-L --src-nat -p tcp --state ESTABLISHED\n-L -j -u ASSURED\n-L -u UNREPLIED\n-C",
    )?;
    ctx.equal("the one that was there", &1, &router.listed("-L -p tcp -d 10.71.2.2")?.len());
    drop((kept, listener));
    Ok(())
}

/// Begins a connection from a port, and does not wait for it.
fn begin(port: u16, to: SocketAddrV4) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Two clients with one address, told apart by the device that they are behind, ask one server
/// through one translation.
pub(crate) fn zones_of_devices(ctx: &Context) -> Outcome {
    let router = Router::new(ctx)?;
    let twin = join(ctx, "twin", 1)?;
    ip(
        ctx,
        "route del 10.71.1.0/24 dev totwin
         rule add fwmark 1 lookup 101
         rule add fwmark 2 lookup 102
         route add 10.71.1.0/24 dev toclient table 101
         route add 10.71.1.0/24 dev totwin table 102",
    )?;
    for device in ["toclient", "totwin", "all"] {
        set(&format!("net/ipv4/conf/{device}/rp_filter"), "0")?;
    }
    let zones = "-t raw -A PREROUTING -i toclient -j CT --zone-orig 1
                 -t raw -A PREROUTING -i totwin -j CT --zone-orig 2";
    if !router.rules("iptables", zones)? {
        return ctx.skip("this kernel has no zones");
    }
    router.must(
        "-t mangle -A PREROUTING -i toclient -j CONNMARK --set-mark 1
         -t mangle -A PREROUTING -i totwin -j CONNMARK --set-mark 2
         -t mangle -A PREROUTING -i toserver -j CONNMARK --restore-mark
         -t nat -A POSTROUTING -o toserver -j MASQUERADE",
    )?;
    let server = udp(&router.server, "10.71.2.2:9")?;
    for (namespace, name) in [(&router.client, "first"), (&twin, "second")] {
        let client = udp(namespace, "10.71.1.2:7000")?;
        client.connect("10.71.2.2:9")?;
        ctx.equal(name, &(5, 5), &exchange(&client, &server, 5)?);
    }
    let flows = router.listed("-L -p udp")?;
    ctx.equal("each is seen once", &2, &flows.len());
    for zone in ["1", "2"] {
        let line = format!("-L -p udp --orig-zone {zone}");
        let own = router.listed(&line)?;
        ctx.equal(&line, &1, &own.len());
        let shown = own.concat();
        ctx.check(
            &format!("zone and mark: {shown}"),
            shown.contains(&format!(" zone-orig={zone} "))
                && shown.contains(&format!(" mark={zone} ")),
        );
        ctx.check(
            "replied to and translated",
            !shown.contains("[UNREPLIED]") && shown.contains(" src=10.71.2.2 dst=10.71.2.1 "),
        );
        let saved = router.listed(&format!("{line} -o save"))?.concat();
        ctx.check(&saved, saved.contains(&format!(" --orig-zone {zone} ")));
    }
    for (line, many) in [
        ("-L -w 1", 0),
        ("-L -w 0", 2),
        ("-L -p udp --reply-zone 1", 0),
        ("-L --src-nat", 2),
        ("-L -n 10.71.2.1 -m 2", 1),
    ] {
        ctx.equal(line, &many, &router.listed(line)?.len());
    }
    router.pair.compare_reading_lines(
        "-L\n-L --orig-zone 1\n-L --orig-zone 2 -o save\n-L --orig-zone 3\n-L -w 0 -o xml\n-L -w 1\n\
         -L --reply-zone 1\n-L -m 1 -o extended\n-L --src-nat",
    )?;
    ctx.equal("one is deleted", &1, &router.listed("-D --orig-zone 1")?.len());
    ctx.equal("the other stays", &1, &router.listed("-L --orig-zone 2")?.len());
    Ok(())
}

/// Packets of a VRF pass the hooks twice, once for their device and once for the VRF; their flow is
/// there once, and translated once.
pub(crate) fn vrf(ctx: &Context) -> Outcome {
    let router = Router::new(ctx)?;
    let made =
        ctx.capture(ctx.reference("ip").args(split("link add tenant type vrf table 100")))?;
    if !made.status.success() {
        return ctx.skip("this kernel has no VRF");
    }
    ip(
        ctx,
        "addr add 10.71.7.1/32 dev tenant
         link set tenant up
         link set toclient master tenant
         link set toserver master tenant
         rule add from 10.71.2.1 lookup 100",
    )?;
    set("net/ipv4/udp_l3mdev_accept", "1")?;
    // An address of a VRF is no local one outside of it.
    set("net/ipv4/ip_nonlocal_bind", "1")?;
    router.must(
        "-t mangle -A PREROUTING -i toclient
         -t raw -A PREROUTING -i tenant
         -t nat -A POSTROUTING -o toserver -p udp --sport 7000 -j MASQUERADE
         -t nat -A POSTROUTING -o toserver -p udp --sport 7001 -j SNAT --to-source 10.71.7.1",
    )?;
    let server = udp(&router.server, "10.71.2.2:9")?;
    let forwarded = udp(&router.client, "10.71.1.2:7000")?;
    let own = UdpSocket::bind("10.71.2.1:7001")?;
    own.set_read_timeout(Some(PATIENCE))?;
    for socket in [&forwarded, &own] {
        socket.connect("10.71.2.2:9")?;
        ctx.equal("first", &(5, 5), &exchange(socket, &server, 5)?);
        ctx.equal("second", &(5, 5), &exchange(socket, &server, 5)?);
    }
    // Of each answer to the client, too, the VRF has seen what its device has.
    ctx.equal("of the device", &2, &router.met("iptables", "-t mangle -L PREROUTING")?);
    ctx.equal("of the VRF", &6, &router.met("iptables", "-t raw -L PREROUTING")?);
    ctx.equal("each is seen once", &2, &router.listed("-L")?.len());
    for (source, via) in [("10.71.1.2", "10.71.2.1"), ("10.71.2.1", "10.71.7.1")] {
        let line = format!("-L -p udp -s {source} -n {via}");
        let flows = router.listed(&line)?;
        ctx.equal(&line, &1, &flows.len());
        ctx.check(&format!("replied to: {flows:?}"), !flows.concat().contains("[UNREPLIED]"));
    }
    router.pair.compare_reading_lines(
        "-L\n-L -o extended\n-L --src-nat\n-L -n 10.71.7.1\n-L -n 10.71.2.1\n-L -w 0\n-L -w 100\n-L -o save\n-C",
    )?;
    let deleted = router.listed("-D -n 10.71.7.1")?;
    ctx.equal("one is deleted", &1, &deleted.len());
    ctx.equal("the other stays", &1, &router.listed("-L")?.len());
    Ok(())
}
