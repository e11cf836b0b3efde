//! The changes that turn the present table into the one that a script describes.
//!
//! Nothing is flushed and nothing that stays is touched, so traffic keeps flowing: services and
//! destinations are added first, then changed, and what the script does not have is deleted last.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ipvs::{
    Change, Daemon, Destination, ForwardingMethod, Netmask, Role, Service, ServiceFlags,
    ServiceKey, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};

use super::script::{Item, Problem, Problems};

/// A service and its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) service: Service,
    pub(crate) destinations: BTreeMap<SocketAddr, Destination>,
}

/// A whole table with its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) services: BTreeMap<ServiceKey, Group>,
    /// In a script, 0 and `None` leave the present timeout alone.
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) daemons: BTreeMap<Role, Daemon>,
}

/// What a script describes when it is run on an empty table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    state: State,
    /// The daemons that the script stops and does not start again.
    stopped: Vec<(Role, u32)>,
}

impl Wanted {
    /// Runs a script in memory; what could not work on any table is a mistake.
    pub(crate) fn of(items: Vec<Item>) -> Result<Self, Problems> {
        let mut wanted = Self::default();
        let mut problems = Problems::default();
        for Item { line, change } in items {
            if let Err(message) = wanted.run(change) {
                problems.push(Problem { line, column: 1, message });
            }
        }
        if problems.total == 0 { Ok(wanted) } else { Err(problems) }
    }

    fn run(&mut self, change: Change) -> Result<(), String> {
        let services = &mut self.state.services;
        match change {
            Change::AddService(service) => {
                let key = service.key;
                if services.contains_key(&key) {
                    return Err(format!("the script has service {key} already"));
                }
                services.insert(key, Group { service, destinations: BTreeMap::new() });
            }
            Change::UpdateService(service) => {
                let key = service.key;
                group(services, &key)?.service = service;
            }
            Change::DeleteService(key) => {
                group(services, &key)?;
                services.remove(&key);
            }
            Change::AddDestination(key, destination) => {
                let address = destination.address;
                let group = group(services, &key)?;
                if group.destinations.insert(address, destination).is_some() {
                    return Err(format!("the script has destination {address} of {key} already"));
                }
            }
            Change::UpdateDestination(key, destination) => {
                let present = group(services, &key)?.destinations.get_mut(&destination.address);
                *present.ok_or_else(|| no_destination(destination.address, &key))? = destination;
            }
            Change::DeleteDestination(key, address) => {
                group(services, &key)?
                    .destinations
                    .remove(&address)
                    .ok_or_else(|| no_destination(address, &key))?;
            }
            Change::SetTimeouts(timeouts) => {
                let present = self.state.timeouts.unwrap_or_default();
                self.state.timeouts = Some(or_present(timeouts, present));
            }
            Change::StartDaemon(daemon) => {
                self.stopped.retain(|(role, _)| *role != daemon.role);
                if let Some(daemon) = self.state.daemons.insert(daemon.role, daemon) {
                    return Err(format!("the script has a {} daemon already", daemon.role));
                }
            }
            Change::StopDaemon(role, sync_id) => {
                self.state.daemons.remove(&role);
                self.stopped.push((role, sync_id));
            }
            Change::Flush => services.clear(),
            Change::Zero(_) => {
                return Err("-Z is no part of a table; --sync cannot make it so".to_owned());
            }
            // The grammar has no other.
            _ => return Err("--sync does not know this change".to_owned()),
        }
        Ok(())
    }

    /// What has to be done to `present`.
    pub(crate) fn changes(&self, present: &State) -> Vec<Change> {
        let mut changes = Vec::new();
        self.add(present, &mut changes);
        self.update(present, &mut changes);
        self.delete(present, &mut changes);
        self.settings(present, &mut changes);
        changes
    }

    fn add(&self, present: &State, changes: &mut Vec<Change>) {
        for (key, group) in &self.state.services {
            let old = present.services.get(key);
            if old.is_none() {
                changes.push(Change::AddService(group.service.clone()));
            }
            for (address, destination) in &group.destinations {
                if !old.is_some_and(|old| old.destinations.contains_key(address)) {
                    changes.push(Change::AddDestination(*key, *destination));
                }
            }
        }
    }

    fn update(&self, present: &State, changes: &mut Vec<Change>) {
        for (key, group) in &self.state.services {
            let Some(old) = present.services.get(key) else { continue };
            if effective_service(&group.service) != effective_service(&old.service) {
                changes.push(Change::UpdateService(group.service.clone()));
            }
            for (address, destination) in &group.destinations {
                if let Some(old) = old.destinations.get(address)
                    && effective_destination(destination) != effective_destination(old)
                {
                    changes.push(Change::UpdateDestination(*key, *destination));
                }
            }
        }
    }

    fn delete(&self, present: &State, changes: &mut Vec<Change>) {
        for (key, old) in &present.services {
            let Some(group) = self.state.services.get(key) else {
                changes.push(Change::DeleteService(*key));
                continue;
            };
            for address in old.destinations.keys() {
                if !group.destinations.contains_key(address) {
                    changes.push(Change::DeleteDestination(*key, *address));
                }
            }
        }
    }

    fn settings(&self, present: &State, changes: &mut Vec<Change>) {
        if let Some(timeouts) = self.state.timeouts {
            let old = present.timeouts.unwrap_or_default();
            if or_present(timeouts, old) != old {
                changes.push(Change::SetTimeouts(timeouts));
            }
        }
        for (role, sync_id) in &self.stopped {
            if present.daemons.contains_key(role) {
                changes.push(Change::StopDaemon(*role, *sync_id));
            }
        }
        for (role, daemon) in &self.state.daemons {
            match present.daemons.get(role) {
                Some(old) if runs_as(old, daemon) => continue,
                // A running daemon cannot be changed.
                Some(old) => changes.push(Change::StopDaemon(*role, old.sync_id)),
                None => {}
            }
            changes.push(Change::StartDaemon(daemon.clone()));
        }
    }
}

fn group<'a>(
    services: &'a mut BTreeMap<ServiceKey, Group>,
    key: &ServiceKey,
) -> Result<&'a mut Group, String> {
    services.get_mut(key).ok_or_else(|| format!("the script has no service {key} before this line"))
}

fn no_destination(address: SocketAddr, key: &ServiceKey) -> String {
    format!("the script has no destination {address} of {key} before this line")
}

/// Timeouts with the present ones in place of 0.
fn or_present(timeouts: Timeouts, present: Timeouts) -> Timeouts {
    let or = |new: u32, old: u32| if new == 0 { old } else { new };
    Timeouts {
        tcp: or(timeouts.tcp, present.tcp),
        tcp_fin: or(timeouts.tcp_fin, present.tcp_fin),
        udp: or(timeouts.udp, present.udp),
    }
}

/// The service without what the kernel keeps but does not use.
fn effective_service(service: &Service) -> Service {
    let mut service = service.clone();
    service.flags &= ServiceFlags::PERSISTENT | ServiceFlags::ONE_PACKET | ServiceFlags::SCHEDULER;
    if !service.is_persistent() {
        service.timeout = 0;
        service.netmask = Netmask::host(service.key.family());
    }
    service
}

/// The destination without what the kernel keeps but does not use.
fn effective_destination(destination: &Destination) -> Destination {
    let mut destination = *destination;
    let tunnel = &mut destination.tunnel;
    match tunnel.kind {
        _ if destination.method != ForwardingMethod::TUNNEL => *tunnel = Tunnel::default(),
        TunnelKind::IPIP => *tunnel = Tunnel::default(),
        TunnelKind::GRE => {
            *tunnel = Tunnel {
                kind: TunnelKind::GRE,
                port: 0,
                flags: tunnel.flags & TunnelFlags::CHECKSUM,
            };
        }
        _ => {}
    }
    destination
}

/// Whether a running daemon does what a script wants. What the script leaves to the kernel fits
/// any value, and so does what an old kernel does not report.
fn runs_as(running: &Daemon, wanted: &Daemon) -> bool {
    let fits = |running: u16, wanted: u16| running == 0 || wanted == 0 || running == wanted;
    running.interface == wanted.interface
        && running.sync_id == wanted.sync_id
        && fits(running.max_length, wanted.max_length)
        && fits(running.port, wanted.port)
        && fits(running.ttl.into(), wanted.ttl.into())
        && (running.group.is_none() || wanted.group.is_none() || running.group == wanted.group)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ipvs::script::{Numeric, parse};

    fn wanted(script: &str) -> Wanted {
        Wanted::of(parse(script.as_bytes(), &Numeric).expect(script)).expect(script)
    }

    /// A kernel that does as it is told: the state after a script ran.
    fn present(script: &str) -> State {
        let mut state = wanted(script).state;
        state.timeouts = Some(or_present(
            state.timeouts.unwrap_or_default(),
            Timeouts { tcp: 900, tcp_fin: 120, udp: 300 },
        ));
        state
    }

    fn changes(from: &str, to: &str) -> Vec<Change> {
        wanted(to).changes(&present(from))
    }

    fn script(text: &str) -> Vec<Change> {
        let items = parse(text.as_bytes(), &Numeric).expect(text);
        items.into_iter().map(|item| item.change).collect()
    }

    const WEB: &str = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n";

    #[test]
    fn an_equal_table_needs_nothing() {
        assert_eq!(changes(WEB, WEB), []);
        assert_eq!(changes("", ""), []);
        assert_eq!(changes(WEB, &format!("-C\n{WEB}--set 0 120 0\n")), []);
        // Without effect in the kernel.
        assert_eq!(changes(WEB, &WEB.replace("-s rr", "-s rr -M 255.0.0.0")), []);
    }

    #[test]
    fn only_what_differs_changes() {
        let more = format!("{WEB}-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m\n");
        assert_eq!(changes(WEB, &more), script("-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m"));
        assert_eq!(changes(&more, WEB), script("-d -t 10.0.0.1:80 -r 10.1.0.2:80"));
        assert_eq!(
            changes(WEB, &WEB.replace("-w 1", "-w 0")),
            script("-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0")
        );
        assert_eq!(changes(WEB, &WEB.replace("rr", "wrr")), script("-E -t 10.0.0.1:80 -s wrr"));
        assert_eq!(changes(WEB, ""), script("-D -t 10.0.0.1:80"));
        assert_eq!(changes("", WEB), script(WEB));
    }

    #[test]
    fn additions_come_before_deletions() {
        let other = WEB.replace("10.0.0.1", "10.0.0.2");
        let expected = script(&format!("{other}-D -t 10.0.0.1:80"));
        assert_eq!(changes(WEB, &other), expected);
    }

    #[test]
    fn a_script_is_run_in_memory_first() {
        let edited = format!(
            "{WEB}-E -t 10.0.0.1:80 -s lc\n-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 9\n\
             -A -f 7\n-D -f 7\n-a -t 10.0.0.1:80 -r 10.1.0.2\n-d -t 10.0.0.1:80 -r 10.1.0.2\n"
        );
        let plain = "-A -t 10.0.0.1:80 -s lc\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 9\n";
        assert_eq!(wanted(&edited), wanted(plain));
    }

    #[test]
    fn what_cannot_be_is_a_mistake() {
        let cases = [
            ("-A -f 7\n-A -f 7", "2:1: the script has service fwmark://7 already"),
            ("-a -f 7 -r 10.1.0.1", "1:1: the script has no service fwmark://7 before this line"),
            ("-E -f 7", "1:1: the script has no service fwmark://7 before this line"),
            (
                "-A -f 7\n-d -f 7 -r 10.1.0.1",
                "2:1: the script has no destination 10.1.0.1:0 of fwmark://7 before this line",
            ),
            (
                "-A -f 7\n-a -f 7 -r 10.1.0.1\n-a -f 7 -r 10.1.0.1",
                "3:1: the script has destination 10.1.0.1:0 of fwmark://7 already",
            ),
            ("-Z", "1:1: -Z is no part of a table; --sync cannot make it so"),
            (
                "--start-daemon master\n--start-daemon master",
                "2:1: the script has a master daemon already",
            ),
        ];
        for (text, message) in cases {
            let items = parse(text.as_bytes(), &Numeric).expect(text);
            assert_eq!(Wanted::of(items).expect_err(text).to_string(), message);
        }
    }

    #[test]
    fn timeouts_and_daemons() {
        assert_eq!(changes("", "--set 0 0 60"), script("--set 0 0 60"));
        assert_eq!(changes("--set 0 0 60", "--set 900 0 60"), []);
        let master = "--start-daemon master --mcast-interface lo --syncid 1\n";
        assert_eq!(changes(master, ""), [], "a script without daemons leaves them alone");
        assert_eq!(changes("", master), script(master));
        assert_eq!(changes(master, master), []);
        assert_eq!(changes(&master.replace("syncid 1", "syncid 1 --mcast-ttl 3"), master), []);
        assert_eq!(
            changes(master, "--start-daemon master --mcast-interface lo --syncid 2"),
            script(
                "--stop-daemon master --syncid 1\n\
                 --start-daemon master --mcast-interface lo --syncid 2"
            )
        );
        assert_eq!(changes(master, "--stop-daemon master"), script("--stop-daemon master"));
        assert_eq!(changes("", "--stop-daemon master"), []);
        assert_eq!(changes("", &format!("--stop-daemon master\n{master}")), script(master));
    }

    /// Scripts of a few services and destinations, so that two of them share some.
    fn scripts() -> impl Strategy<Value = String> {
        let service = (0u8..4, proptest::sample::select(vec!["rr", "wrr -p 60", "sh -b sh-port"]));
        let destination = (0u8..4, 0u8..4, 0u8..3);
        let services = proptest::collection::btree_map(0u8..4, service, 0..4);
        let destinations = proptest::collection::btree_map((0u8..4, 0u8..4), destination, 0..8);
        (services, destinations).prop_map(|(services, destinations)| {
            let first = services.iter().map(|(number, (_, scheduler))| {
                format!("-A -u 10.0.0.{number}:53 -s {scheduler}\n")
            });
            let then = destinations.iter().map(|((service, number), (weight, upper, _))| {
                if services.contains_key(service) {
                    format!(
                        "-a -u 10.0.0.{service}:53 -r 10.1.0.{number} -m -w {weight} -x {upper}\n"
                    )
                } else {
                    String::new()
                }
            });
            first.chain(then).collect()
        })
    }

    proptest! {
        #[test]
        fn the_changes_make_the_wanted_table_and_then_there_are_none(
            from in scripts(),
            to in scripts(),
        ) {
            let mut state = Wanted { state: present(&from), stopped: vec![] };
            for change in wanted(&to).changes(&state.state) {
                prop_assert!(!matches!(change, Change::Flush));
                state.run(change).expect("a change that fits the table");
            }
            prop_assert_eq!(&state.state.services, &wanted(&to).state.services);
            prop_assert_eq!(wanted(&to).changes(&state.state), vec![]);
        }
    }
}
