//! Help and version, in this project's own words.

use std::io::{self, Write};

/// The line begins as that of the conntrack whose behaviour this is.
pub(super) fn version(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "conntrack v1.4.7 (conntrack-tools), as rsadm {} has it",
        env!("CARGO_PKG_VERSION")
    )
}

/// How to call it, and the options of a protocol if one is named.
pub(super) fn help(out: &mut impl Write, name: &[u8], protocol: Option<&str>) -> io::Result<()> {
    version(out)?;
    out.write_all(b"Usage: ")?;
    out.write_all(name)?;
    out.write_all(b" COMMAND [TABLE] [OPTION]...\n")?;
    out.write_all(HELP.as_bytes())?;
    let Some(protocol) = protocol else { return Ok(()) };
    write!(out, "\nOptions of {protocol}:\n{}", protocol_help(protocol))
}

const HELP: &str = "\
The kernel's table of tracked flows, on the command line of conntrack. This is rsadm;
`rsadm conntrack --help' shows what it can do beyond that.

Commands:
  -L, --dump [TABLE]       list; 0 flows are no failure
  -G, --get [TABLE]        show one
  -I, --create [TABLE]     create one that must not exist
  -A, --add                create one, or update it
  -U, --update             change all that match
  -D, --delete [TABLE]     delete all that match; without options all of them
  -F, --flush [TABLE]      delete all
  -E, --event [TABLE]      show what happens, until interrupted
  -C, --counter [TABLE]    how many there are
  -S, --stats [TABLE]      what each processor counted
  -R, --load-file FILE     carry out the commands of a file (-: standard input)
  -h, --help [-p PROTOCOL] this text
  -V, --version            the version
TABLE is conntrack, expect, or for -L also dying or unconfirmed.

Which flows:
  -s, --src, --orig-src ADDRESS[/PREFIX]     who sent the first packet
  -d, --dst, --orig-dst ADDRESS[/PREFIX]     to whom
      --mask-src, --mask-dst MASK            the bits of those that count
  -r, --reply-src ADDRESS                    who answers
  -q, --reply-dst ADDRESS                    to whom
  -p, --protonum PROTOCOL                    name or number; its own options follow it
  -f, --family ipv4|ipv6
  -n, --src-nat, -g, --dst-nat, -j, --any-nat [ADDRESS[:PORT]]     translated, to that
  -m, --mark MARK[/MASK]
  -u, --status [!]STATUS,...                 ASSURED SEEN_REPLY UNREPLIED FIXED_TIMEOUT
                                             EXPECTED OFFLOAD HW_OFFLOAD UNSET
  -w, --zone ZONE, --orig-zone ZONE, --reply-zone ZONE
  -l, --label LABEL,...                      that have all of these
  -i, --id ID
  -e, --event-mask ALL|NEW|UPDATES|DESTROY,...
What to set (-I, -A, -U):
  -t, --timeout SECONDS, -m, -u; -n, -g and -w where a flow is created
      --label-add LABEL,...                  add labels
      --label-del [LABEL,...]                delete labels, all without a name
Expectations:
      --tuple-src, --tuple-dst ADDRESS       the flow that is expected
      --mask-src, --mask-dst MASK            the bits that count
  -s, -d: the flow that expects it
Output:
  -o, --output FORM,...    xml extended timestamp id ktimestamp labels; or save, for -R
  -z, --zero               zero the counters that are listed
  -b, --buffer-size BYTES  receive buffer of -E
";

fn protocol_help(protocol: &str) -> &'static str {
    match protocol {
        "tcp" => concat!(
            "  --sport, --dport PORT                   of the original direction\n",
            "  --reply-port-src, --reply-port-dst PORT of the reply\n",
            "  --tuple-port-src, --tuple-port-dst, --mask-port-src, --mask-port-dst PORT\n",
            "  --state STATE                           such as ESTABLISHED\n",
        ),
        "sctp" => concat!(
            "  --sport, --dport PORT                   of the original direction\n",
            "  --reply-port-src, --reply-port-dst PORT of the reply\n",
            "  --tuple-port-src, --tuple-port-dst, --mask-port-src, --mask-port-dst PORT\n",
            "  --state STATE                           such as ESTABLISHED\n",
            "  --orig-vtag, --reply-vtag TAG           verification tags\n",
        ),
        "dccp" => concat!(
            "  --sport, --dport PORT                   of the original direction\n",
            "  --reply-port-src, --reply-port-dst PORT of the reply\n",
            "  --tuple-port-src, --tuple-port-dst, --mask-port-src, --mask-port-dst PORT\n",
            "  --state STATE                           such as OPEN\n",
            "  --role client|server                    of the original side\n",
        ),
        "udp" | "udplite" => concat!(
            "  --sport, --dport PORT                   of the original direction\n",
            "  --reply-port-src, --reply-port-dst PORT of the reply\n",
            "  --tuple-port-src, --tuple-port-dst, --mask-port-src, --mask-port-dst PORT\n",
        ),
        "icmp" => "  --icmp-type TYPE, --icmp-code CODE, --icmp-id ID\n",
        "icmpv6" => "  --icmpv6-type TYPE, --icmpv6-code CODE, --icmpv6-id ID\n",
        "gre" => concat!(
            "  --srckey, --dstkey KEY                  of the original direction\n",
            "  --reply-key-src, --reply-key-dst KEY    of the reply\n",
            "  --tuple-key-src, --tuple-key-dst, --mask-key-src, --mask-key-dst KEY\n",
        ),
        _ => "  none\n",
    }
}
