//! Makes another node of a flannel network reachable from this one, or forgets it: what a CNI
//! plugin does when nodes come and go.
//!
//! Run it as root on a node, with the node's address, the network of its pods, and the Ethernet
//! address of its flannel.1:
//! `cargo run -p examples --bin flannel_peer add 172.16.20.122 10.244.7.0/24 ee:d6:38:55:d5:c9`.

use std::error::Error;
use std::net::IpAddr;
use std::process::Command;

use vxlan::{Client, Entry, Neighbour};

const DEVICE: &str = "flannel.1";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [verb, node, network, mac] = &words[..] else {
        return Err("usage: flannel_peer add|remove NODE NETWORK MAC".into());
    };
    let gateway: IpAddr = network.split('/').next().unwrap_or_default().parse()?;
    let mac = mac.parse()?;

    let mut client = Client::connect()?;
    let link = client.link(DEVICE)?.index;
    let neighbour = Neighbour::permanent(link, gateway, mac);
    let entry = Entry::to(link, mac, node.parse()?);
    match verb.as_str() {
        // Each before what leads to it, so that no packet comes where nobody knows the way.
        "add" => {
            client.replace_neighbour(&neighbour)?;
            client.replace(&entry)?;
            route("replace", network, gateway)?;
        }
        // And back. What is gone already is no failure: a plugin may be told twice.
        "remove" => {
            route("flush", network, gateway)?;
            gone(client.delete(&entry))?;
            gone(client.delete_neighbour(link, gateway))?;
        }
        _ => return Err(format!("{verb} is neither add nor remove").into()),
    }
    println!("{network} by {gateway} at {mac} on {node}: {verb} done");
    Ok(())
}

fn gone(result: vxlan::Result<()>) -> vxlan::Result<()> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

/// Routes are another table's, and ip's to write here.
fn route(verb: &str, network: &str, gateway: IpAddr) -> Result<(), Box<dyn Error>> {
    let gateway = gateway.to_string();
    let mut ip = Command::new("ip");
    ip.args(["route", verb, network, "via", &gateway, "dev", DEVICE]);
    if verb == "replace" {
        ip.arg("onlink");
    }
    let status = ip.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("ip route {verb} {network}: {status}").into())
    }
}
