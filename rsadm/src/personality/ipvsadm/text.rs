//! Help and version, in this project's own words.

use std::io::{self, Write};

/// The first line is read by scripts: the version of ipvsadm whose behaviour this is.
pub(super) fn version(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "ipvsadm v1.31 2019/12/24 (compiled with rsadm {} and IPVS v1.2.1)",
        env!("CARGO_PKG_VERSION")
    )
}

/// How to call it.
pub(super) fn help(out: &mut impl Write, name: &[u8]) -> io::Result<()> {
    version(out)?;
    out.write_all(b"Usage: ")?;
    out.write_all(name)?;
    out.write_all(b" COMMAND [OPTION]...\n")?;
    out.write_all(HELP.as_bytes())
}

const HELP: &str = "\
The table of the Linux virtual server, on the command line of ipvsadm. The command
comes first. This is rsadm; `rsadm ipvs --help' shows what it can do beyond that.

Virtual services:
  -A, --add-service SERVICE      add; options: -s -p -M --pe -o -b
  -E, --edit-service SERVICE     replace every setting by those given
  -D, --delete-service SERVICE   delete, with its real servers
  -C, --clear                    delete all
SERVICE is one of
  -t, --tcp-service ADDRESS[:PORT]     ADDRESS: IPv4, a host, or [IPv6]
  -u, --udp-service ADDRESS[:PORT]
      --sctp-service ADDRESS[:PORT]
  -f, --fwmark-service MARK [-6]       packets that netfilter marked; -6: of IPv6
Options of a service:
  -s, --scheduler NAME           rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos
                                 (wlc)
  -p, --persistent [SECONDS]     keep a client with its real server (360)
  -M, --netmask MASK             clients of one network count as one: an IPv4 mask or
                                 an IPv6 prefix length
      --pe NAME                  persistence engine (sip)
  -o, --ops                      schedule each packet on its own; UDP and marks only
  -b, --sched-flags FLAG,...     sh-fallback sh-port, mh-fallback mh-port,
                                 flag-1 flag-2 flag-3

Real servers:
  -a, --add-server SERVICE -r ADDRESS[:PORT]      add
  -e, --edit-server SERVICE -r ADDRESS[:PORT]     replace every setting
  -d, --delete-server SERVICE -r ADDRESS[:PORT]   delete
Options of a real server:
  -g, --gatewaying               route to it (this is the default)
  -i, --ipip                     tunnel to it
  -m, --masquerading             translate addresses
  -w, --weight NUMBER            share of new connections (1); 0 takes none
  -x, --u-threshold NUMBER       no new connections above this many (0: no limit)
  -y, --l-threshold NUMBER       new ones again below this many
      --tun-type TYPE            with -i: ipip, gue or gre (ipip)
      --tun-port PORT            UDP port of gue
      --tun-nocsum, --tun-csum, --tun-remcsum     checksums of gue and gre

Listing:
  -L, -l, --list [SERVICE]       services and real servers
  -n, --numeric                  numbers instead of names
      --stats, --rate            counters; rates per second
  -X, --exact                    counters in full
      --thresholds, --persistent-conn, --tun-info     other columns
      --nosort                   the order of the kernel
  -L -c, --connection            connections; --persistent-conn adds engine data
  -L --timeout                   timeouts
  -L --daemon                    synchronisation daemons
  -Z, --zero [SERVICE]           zero the counters
  -S, --save [-n]                print the table as lines for -R
  -R, --restore                  carry out the lines of standard input

Settings:
      --set TCP TCPFIN UDP       timeouts in seconds; 0 leaves one as it is
      --start-daemon master|backup     synchronise connections; options:
        --mcast-interface NAME (eth0), --syncid 0-255, --sync-maxlen BYTES,
        --mcast-group ADDRESS (224.0.0.81), --mcast-port PORT (8848), --mcast-ttl TTL (1)
      --stop-daemon master|backup [--syncid N]
  -h, --help                     this text
  -v, --version                  the version
";
