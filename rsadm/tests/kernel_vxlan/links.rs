//! Devices: what they are made of, as ip tells it.

use serde_json::Value;
use testbed::harness::{Context, Outcome};

use super::{Result, all, ip, list_of, objects, out, refused, run, same};

/// Options of `rsadm vxlan link add`, one device each, and the first kernel that has them.
const DEVICES: [(&str, (u32, u32)); 34] = [
    ("--id 1", (0, 0)),
    ("--id 16777215 --local 10.0.0.1", (0, 0)),
    ("--id 1 --remote 10.0.0.2 --dev eth0", (0, 0)),
    ("--id 1 --group 239.1.1.1 --dev eth0", (0, 0)),
    ("--id 1 --local fd00::1 --remote fd00::2", (0, 0)),
    ("--id 1 --group ff05::1 --dev eth0", (0, 0)),
    ("--id 1 --ttl 7", (0, 0)),
    ("--id 1 --ttl auto", (0, 0)),
    ("--id 1 --ttl inherit", (0, 0)),
    ("--id 1 --tos 16", (0, 0)),
    ("--id 1 --tos inherit", (0, 0)),
    ("--id 1 --df set", (0, 0)),
    ("--id 1 --df inherit", (0, 0)),
    ("--id 1 --local fd00::1 --flowlabel 0x12345", (0, 0)),
    ("--id 1 --ageing 77", (0, 0)),
    ("--id 1 --maxaddress 5", (0, 0)),
    ("--id 1 --srcport 1000-2000", (0, 0)),
    ("--id 1 --nolearning", (0, 0)),
    ("--id 1 --proxy --rsc --l2miss --l3miss", (0, 0)),
    ("--id 1 --noudpcsum", (0, 0)),
    ("--id 1 --udp6zerocsumtx --udp6zerocsumrx", (0, 0)),
    ("--id 1 --remcsumtx --remcsumrx", (0, 0)),
    ("--id 1 --remcsumtx --remcsumrx --remcsumnopartial", (0, 0)),
    ("--id 1 --gbp", (0, 0)),
    ("--external --gpe", (0, 0)),
    ("--external", (0, 0)),
    ("--external --vnifilter", (5, 18)),
    ("--external --gbp", (0, 0)),
    ("--id 1 --nolocalbypass", (6, 5)),
    ("--id 1 --local fd00::1 --flowlabel inherit", (6, 7)),
    ("--id 1 --reserved-bits 0xf7ffffff000000ff", (6, 14)),
    ("--id 1 --reserved-bits 0xf7ffff00000000ff", (6, 14)),
    // Kernels that were built without multicast routing do not keep it; none of ours does.
    ("--id 1 --group 239.1.1.1 --dev eth0 --mcroute", (u32::MAX, 0)),
    ("--id 1 --address 02:00:00:00:00:77 --mtu 1400", (0, 0)),
];

fn underlay(ctx: &Context) -> Result<()> {
    ip(ctx, "link add eth0 type veth peer name far\nlink set eth0 up\nlink set far up")
}

/// The device as `ip -d -j link` tells it.
fn by_ip(ctx: &Context, name: &str) -> Result<Value> {
    let list = list_of(ctx, "ip", &format!("-d -j link show dev {name}"))?;
    Ok(list.into_iter().next().unwrap_or_default())
}

/// Every fact that ip tells is told with the same value under the same name.
fn same_facts(ctx: &Context, what: &str, by_ip: &Value, ours: &Value) {
    let data = |value: &Value| value["linkinfo"]["info_data"].as_object().cloned();
    let (theirs, own) = (data(by_ip).unwrap_or_default(), data(ours).unwrap_or_default());
    ctx.check(&format!("{what}: ip tells something"), !theirs.is_empty());
    for (key, value) in &theirs {
        same(ctx, &format!("{what}: {key}"), Some(value), own.get(key));
    }
    for key in ["ifindex", "ifname", "flags", "mtu", "operstate", "address"] {
        same(ctx, &format!("{what}: {key}"), &by_ip[key], &ours[key]);
    }
}

pub(crate) fn facts(ctx: &Context) -> Outcome {
    underlay(ctx)?;
    let mut made = 0;
    for (options, since) in DEVICES {
        if ctx.version() < since {
            refused(
                ctx,
                &format!("link add vx0 {options}"),
                1,
                ": this kernel does not know it\n",
            )?;
            same(ctx, "there is none", 0, objects(ctx, "link list")?.len());
            continue;
        }
        made += 1;
        all(ctx, &format!("link add vx0 {options}"))?;
        let ours = objects(ctx, "link show vx0")?.remove(0);
        same_facts(ctx, options, &by_ip(ctx, "vx0")?, &ours);
        asked_for(ctx, options, &ours);
        all(ctx, "link delete vx0")?;
    }
    ctx.check("most are known to every kernel", made >= 29);
    let options = "link add vx1 --id 5 --dstport 5 --group 239.1.1.1 --dev eth0";
    all(ctx, &format!("{options}\nlink delete vx1"))?;
    changes(ctx)
}

/// What was asked for is what there is, under the names that the fields have.
fn asked_for(ctx: &Context, options: &str, ours: &Value) {
    let data = &ours["linkinfo"]["info_data"];
    let has = |option: &str| options.split_whitespace().any(|word| word == option);
    for (option, key, expected) in [
        ("--nolearning", "learning", Value::from(false)),
        ("--proxy", "proxy", true.into()),
        ("--rsc", "rsc", true.into()),
        ("--l2miss", "l2miss", true.into()),
        ("--l3miss", "l3miss", true.into()),
        ("--noudpcsum", "udp_csum", false.into()),
        ("--udp6zerocsumtx", "udp_zero_csum6_tx", true.into()),
        ("--udp6zerocsumrx", "udp_zero_csum6_rx", true.into()),
        ("--remcsumtx", "remcsum_tx", true.into()),
        ("--remcsumrx", "remcsum_rx", true.into()),
        ("--remcsumnopartial", "remcsum_nopartial", true.into()),
        ("--gbp", "gbp", true.into()),
        ("--gpe", "gpe", true.into()),
        ("--external", "external", true.into()),
        ("--vnifilter", "vnifilter", true.into()),
        ("--nolocalbypass", "localbypass", false.into()),
        ("--mcroute", "mcroute", true.into()),
        ("--ageing", "ageing", 77.into()),
        ("--maxaddress", "limit", 5.into()),
        ("--mtu", "mtu", Value::Null),
    ] {
        if has(option) {
            same(ctx, &format!("{options}: {key}"), &expected, &data[key]);
        }
    }
    if let Some((_, bits)) = options.split_once("--reserved-bits ") {
        same(ctx, options, bits, data["reserved_bits"].as_str().unwrap_or_default());
    }
    if options.contains("flowlabel inherit") {
        same(ctx, options, &Value::from(1), &data["label_policy"]);
    }
    if options.contains("--mtu") {
        same(ctx, options, &Value::from(1400), &ours["mtu"]);
        same(ctx, options, &Value::from("02:00:00:00:00:77"), &ours["address"]);
    }
}

/// What can change while the device is there.
fn changes(ctx: &Context) -> Result<()> {
    ip(ctx, "link add br0 type bridge")?;
    all(ctx, "link add vx0 --id 1 --remote 10.0.0.2 --dev eth0")?;
    for options in [
        "--remote 10.0.0.3",
        "--local 10.0.0.1",
        "--ttl 9",
        "--tos inherit",
        "--df set",
        "--nolearning",
        "--ageing 5",
        "--dev far",
        "--mtu 1300",
        "--master br0",
        "--nomaster",
        "--address 02:00:00:00:00:78",
        "--up",
        "--down",
    ] {
        all(ctx, &format!("link set vx0 {options}"))?;
        let ours = objects(ctx, "link show vx0")?.remove(0);
        let theirs = by_ip(ctx, "vx0")?;
        same_facts(ctx, options, &theirs, &ours);
        same(ctx, options, &theirs["master"], &ours["master"]);
    }
    let last = objects(ctx, "link show vx0")?.remove(0);
    let data = &last["linkinfo"]["info_data"];
    let seen = [&data["remote"], &data["local"], &data["tos"], &data["df"], &data["link"]];
    same(ctx, "all of them", ["10.0.0.3", "10.0.0.1", "0x1", "set", "far"], seen);
    all(ctx, "link set vx0 --name vx9\nlink delete vx9")
}

/// What cannot: the kernel says so, and ours says what the kernel says.
pub(crate) fn fixed(ctx: &Context) -> Outcome {
    underlay(ctx)?;
    all(ctx, "link add vx0 --id 1 --dev eth0 --maxaddress 5")?;
    let before = out(ctx, "link show vx0 -o json")?;
    for (options, by_ip) in [
        ("--id 2", "id 2"),
        ("--dstport 4789", "id 1 dstport 4789"),
        ("--maxaddress 7", "id 1 maxaddress 7"),
        ("--srcport 1000-2000", "id 1 srcport 1000 2000"),
        ("--proxy", "id 1 proxy"),
        ("--rsc", "id 1 rsc"),
        ("--l2miss", "id 1 l2miss"),
        ("--l3miss", "id 1 l3miss"),
        ("--noudpcsum", "id 1 noudpcsum"),
        ("--udp6zerocsumtx", "id 1 udp6zerocsumtx"),
        ("--udp6zerocsumrx", "id 1 udp6zerocsumrx"),
        ("--remcsumtx", "id 1 remcsumtx"),
        ("--remcsumrx", "id 1 remcsumrx"),
        ("--gbp", "id 1 gbp"),
        ("--external", "external"),
    ] {
        let words = format!("link set vx0 type vxlan {by_ip}");
        let theirs =
            ctx.capture(std::process::Command::new("ip").args(words.split_whitespace()))?;
        let said = theirs.err();
        let captured = run(ctx, &format!("link set vx0 {options}"))?;
        if theirs.code() == 0 {
            // The kernel takes it for what there is already.
            same(ctx, options, 0, captured.code());
            continue;
        }
        let message = said.trim().trim_start_matches("Error: ").trim_end_matches('.');
        let message = message.trim_start_matches("RTNETLINK answers: ");
        let ours = captured.err();
        same(ctx, options, 1, captured.code());
        ctx.check(
            &format!("{options}: {message:?} in {ours:?}"),
            ours.starts_with("rsadm: cannot change vx0: ")
                && (ours.contains(message) || said.contains("RTNETLINK answers")),
        );
    }
    same(ctx, "nothing changed", before, out(ctx, "link show vx0 -o json")?);
    refused(ctx, "link set vx0 --ageing none", 2, "entries always age: the kernel takes none")?;
    refused(ctx, "link set vx0", 2, "rsadm: nothing was given to change\n")?;
    refused(ctx, "link add vx1", 2, "rsadm: a VXLAN device needs --id, or --external")?;
    refused(ctx, "link add vx0 --id 9 --dstport 9", 1, "rsadm: cannot create link vx0: it exists")?;
    refused(ctx, "link delete eth0", 1, "rsadm: NAME eth0: it is not a VXLAN device but veth\n")?;
    refused(ctx, "link show nosuch", 1, "rsadm: NAME nosuch: there is no such link\n")?;
    refused(
        ctx,
        "link add vx1 --id 1 --srcport 7",
        2,
        "rsadm: invalid value for '--srcport': '7' is not a range of ports",
    )?;
    Ok(())
}

pub(crate) fn forms(ctx: &Context) -> Outcome {
    underlay(ctx)?;
    all(
        ctx,
        "link add vx0 --id 1 --local 172.16.20.120 --dev eth0 --dstport 8472 --nolearning --address \
         ca:fe:0a:f4:05:00",
    )?;
    let text = out(ctx, "link list")?;
    let index = objects(ctx, "link list")?[0]["ifindex"].to_string();
    let lines: Vec<_> = text.lines().collect();
    same(
        ctx,
        "two lines",
        [
            format!("{index}: vx0: <BROADCAST,MULTICAST> mtu 1450 state DOWN"),
            "    link/ether ca:fe:0a:f4:05:00".to_owned(),
        ],
        &lines[..2],
    );
    ctx.check(
        lines[2],
        lines[2].starts_with(
            "    vxlan id 1 local 172.16.20.120 dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto \
             ageing 300 udpcsum noudp6zerocsumtx noudp6zerocsumrx",
        ),
    );
    same(ctx, "of one", &text, &out(ctx, "link show vx0")?);
    same(
        ctx,
        "table",
        "DEVICE  STATE  VNI  PORT  LOCAL          REMOTE  UNDERLAY  LEARNING   MTU  MAC                \
         BRIDGE\n\
         vx0     down     1  8472  172.16.20.120          eth0      off       1450  \
         ca:fe:0a:f4:05:00\n",
        out(ctx, "link list -o table")?,
    );
    let yaml = out(ctx, "link list -o yaml")?;
    ctx.check(&yaml, yaml.contains("ifname: vx0\n") && yaml.contains("port: 8472\n"));
    let json: Value = serde_json::from_str(&out(ctx, "link list -o json")?)?;
    same(ctx, "one document", Value::from(objects(ctx, "link list")?), json);
    Ok(())
}
