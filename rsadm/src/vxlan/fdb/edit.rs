//! `rsadm vxlan fdb add`, `append`, `replace`, `delete`.

use vxlan::{Activity, Client, Entry, Flags, Link, Mac, Remote, State, Vni};

use crate::failure::{Failure, Result};
use crate::vxlan::arguments::{FdbDelete, FdbEdit, RemoteOptions, WhichTable};
use crate::vxlan::{connect, devices, hint};

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Append,
    Replace,
}

/// Writes an entry.
pub(super) fn edit(verb: Verb, arguments: &FdbEdit) -> Result<()> {
    arguments.check()?;
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", &arguments.dev)?;
    let entry = arguments.entry(&mut client, &link)?;
    let done = match verb {
        Verb::Add => client.add(&entry),
        Verb::Append => client.append(&entry),
        Verb::Replace => client.replace(&entry),
    };
    done.map_err(|error| hint::on(&arguments.dev, &error))
}

/// Deletes an entry.
pub(super) fn delete(arguments: &FdbDelete) -> Result<()> {
    let FdbDelete { mac, dev, remote, src_vni, vlan, table } = arguments;
    table.check(*vlan, remote)?;
    let mut client = connect()?;
    let link = devices::device(&mut client, "--dev", dev)?;
    let mut entry = start(&link, *mac, *src_vni, *table)?;
    entry.vlan = *vlan;
    entry.remote = remote.remote(&mut client)?;
    client.delete(&entry).map_err(|error| hint::on(dev, &error))
}

impl WhichTable {
    /// Refuses what the kernel would pass over.
    fn check(self, vlan: Option<u16>, remote: &RemoteOptions) -> Result<()> {
        if vlan.is_some() && !self.master {
            return Err(Failure::usage("--vlan is about the table of a bridge (--master)"));
        }
        if remote.dst.is_some() && self.master && !self.own {
            return Err(Failure::usage(
                "--dst is about the device's own table (--self): a bridge's knows ports only",
            ));
        }
        Ok(())
    }

    fn flags(self) -> Flags {
        let mut flags = Flags::empty();
        flags.set(Flags::SELF, self.own || !self.master);
        flags.set(Flags::MASTER, self.master);
        flags
    }
}

impl RemoteOptions {
    fn remote(&self, client: &mut Client) -> Result<Remote> {
        let via = devices::index(client, "--via", self.via.as_deref())?;
        Ok(Remote { address: self.dst, port: self.port, vni: self.vni, via })
    }
}

/// An entry without what is to become of its frames.
fn start(link: &Link, mac: Mac, source_vni: Option<Vni>, table: WhichTable) -> Result<Entry> {
    if source_vni.is_some() && !link.is_external() {
        return Err(Failure::refused(format!(
            "--src-vni is about devices with `external`, which {} is not",
            link.name
        )));
    }
    Ok(Entry { source_vni, flags: table.flags(), ..Entry::new(link.index, mac) })
}

impl FdbEdit {
    fn check(&self) -> Result<()> {
        self.table.check(self.vlan, &self.remote)?;
        let own = self.table.own || !self.table.master;
        if own && self.remote.dst.is_none() && self.nhid.is_none() {
            return Err(Failure::usage(
                "where to? An entry of a VXLAN device needs --dst or --nhid",
            ));
        }
        if !self.table.master && (self.sticky || self.activity_notify || self.norefresh) {
            return Err(Failure::usage(
                "--sticky, --activity-notify and --norefresh are about the table of a bridge \
                 (--master)",
            ));
        }
        Ok(())
    }

    fn entry(&self, client: &mut Client, link: &Link) -> Result<Entry> {
        let mut entry = start(link, self.mac, self.src_vni, self.table)?;
        entry.remote = self.remote.remote(client)?;
        entry.nexthop_group = self.nhid;
        entry.vlan = self.vlan;
        entry.state = match (self.is_static, self.dynamic) {
            (true, _) => State::STATIC,
            (_, true) => State::DYNAMIC,
            _ => State::STATIC_PERMANENT,
        };
        for (given, flag) in [
            (self.mark_used, Flags::USE),
            (self.router, Flags::ROUTER),
            (self.extern_learn, Flags::EXTERN_LEARN),
            (self.sticky, Flags::STICKY),
        ] {
            if given {
                entry.flags |= flag;
            }
        }
        if self.activity_notify || self.norefresh {
            let bits = 1 | u8::from(self.inactive) << 1;
            entry.activity = Some(Activity {
                notify: self.activity_notify.then_some(bits),
                keep_times: self.norefresh,
            });
        }
        Ok(entry)
    }
}
