//! Which options go with which command.

/// What an option sets. Options that exclude each other set the same.
///
/// The order is the one in which combinations are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    Numeric,
    Connection,
    Service,
    Scheduler,
    Persistent,
    Netmask,
    RealServer,
    Forwarding,
    Weight,
    UpperThreshold,
    LowerThreshold,
    Interface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConnections,
    NoSort,
    SyncId,
    Exact,
    OnePacket,
    Engine,
    SchedulerFlags,
    Group,
    Port,
    Ttl,
    MaxLength,
    TunnelInfo,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
}

use Aspect::{
    Connection, Daemon, Engine, Exact, Forwarding, Group, Interface, LowerThreshold, MaxLength,
    Netmask, NoSort, Numeric, OnePacket, Persistent, PersistentConnections, Port, Rate, RealServer,
    Scheduler, SchedulerFlags, Service, Stats, SyncId, Thresholds, Timeout, Ttl, TunnelChecksum,
    TunnelInfo, TunnelNoChecksum, TunnelPort, TunnelRemoteChecksum, TunnelType, UpperThreshold,
    Weight,
};

/// Every aspect in the order of checks, with its name in messages.
const ASPECTS: [(Aspect, &str); 34] = [
    (Numeric, "numeric"),
    (Connection, "connection"),
    (Service, "service-address"),
    (Scheduler, "scheduler"),
    (Persistent, "persistent"),
    (Netmask, "netmask"),
    (RealServer, "real-server"),
    (Forwarding, "forwarding-method"),
    (Weight, "weight"),
    (UpperThreshold, "u-threshold"),
    (LowerThreshold, "l-threshold"),
    (Interface, "mcast-interface"),
    (Timeout, "timeout"),
    (Daemon, "daemon"),
    (Stats, "stats"),
    (Rate, "rate"),
    (Thresholds, "thresholds"),
    (PersistentConnections, "persistent-conn"),
    (NoSort, "nosort"),
    (SyncId, "syncid"),
    (Exact, "exact"),
    (OnePacket, "ops"),
    (Engine, "pe"),
    (SchedulerFlags, "sched-flags"),
    (Group, "mcast-group"),
    (Port, "mcast-port"),
    (Ttl, "mcast-ttl"),
    (MaxLength, "sync-maxlen"),
    (TunnelInfo, "tun-info"),
    (TunnelType, "tun-type"),
    (TunnelPort, "tun-port"),
    (TunnelNoChecksum, "tun-nocsum"),
    (TunnelChecksum, "tun-csum"),
    (TunnelRemoteChecksum, "tun-remcsum"),
];

impl Aspect {
    pub(super) fn name(self) -> &'static str {
        ASPECTS[self as usize].1
    }
}

/// A set of aspects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Aspects(u64);

impl Aspects {
    const fn of(aspects: &[Aspect]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < aspects.len() {
            bits |= 1 << aspects[index] as u64;
            index += 1;
        }
        Self(bits)
    }

    pub(super) const fn contains(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u64 != 0
    }

    /// Whether one of the others is among these.
    pub(super) fn any(self, others: &[Aspect]) -> bool {
        self.0 & Self::of(others).0 != 0
    }

    /// Adds an aspect; false if it was there.
    pub(super) fn insert(&mut self, aspect: Aspect) -> bool {
        let before = self.0;
        self.0 |= 1 << aspect as u64;
        self.0 != before
    }

    /// The aspects without those of tunnels.
    pub(super) fn has_tunnel_options(self) -> bool {
        self.any(&TUNNEL_OPTIONS)
    }
}

const TUNNEL_OPTIONS: [Aspect; 5] =
    [TunnelType, TunnelPort, TunnelNoChecksum, TunnelChecksum, TunnelRemoteChecksum];

/// Commands, in the order of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    AddService,
    EditService,
    DeleteService,
    Flush,
    List,
    AddServer,
    EditServer,
    DeleteServer,
    Set,
    StartDaemon,
    StopDaemon,
    Restore,
    Save,
    Zero,
}

impl Command {
    const fn name(self) -> &'static str {
        match self {
            Self::AddService => "add-service",
            Self::EditService => "edit-service",
            Self::DeleteService => "delete-service",
            Self::Flush => "flush",
            Self::List => "list",
            Self::AddServer => "add-server",
            Self::EditServer => "edit-server",
            Self::DeleteServer => "delete-server",
            Self::Set => "set",
            Self::StartDaemon => "start-daemon",
            Self::StopDaemon => "stop-daemon",
            Self::Restore => "restore",
            Self::Save => "save",
            Self::Zero => "zero",
        }
    }

    /// The rules of this command.
    const fn rules(self) -> Rules {
        match self {
            Self::AddService | Self::EditService => Rules::new(
                &[Service],
                &[Scheduler, Persistent, Netmask, OnePacket, Engine, SchedulerFlags],
                &[],
            ),
            Self::DeleteService => Rules::new(&[Service], &[], &[]),
            Self::List => Rules::new(
                &[],
                &[
                    Numeric,
                    Stats,
                    Rate,
                    Thresholds,
                    PersistentConnections,
                    NoSort,
                    SyncId,
                    Exact,
                    TunnelInfo,
                ],
                &[Connection, Service, Timeout, Daemon],
            ),
            Self::AddServer | Self::EditServer => Rules::new(
                &[Service, RealServer],
                &[
                    Forwarding,
                    Weight,
                    UpperThreshold,
                    LowerThreshold,
                    TunnelType,
                    TunnelPort,
                    TunnelNoChecksum,
                    TunnelChecksum,
                    TunnelRemoteChecksum,
                ],
                &[],
            ),
            Self::DeleteServer => Rules::new(&[Service, RealServer], &[], &[]),
            Self::StartDaemon => {
                Rules::new(&[], &[Interface, SyncId, Group, Port, Ttl, MaxLength], &[])
            }
            Self::StopDaemon => Rules::new(&[], &[SyncId], &[]),
            Self::Save => Rules::new(&[], &[Numeric], &[]),
            Self::Zero => Rules::new(&[], &[Service], &[]),
            Self::Flush | Self::Set | Self::Restore => Rules::new(&[], &[], &[]),
        }
    }

    /// Checks the options of a command line; `Err` is the message.
    pub(super) fn check(self, given: Aspects) -> Result<(), String> {
        self.rules().check(given, "command", self.name())
    }
}

/// Encapsulations that ipvsadm knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encapsulation {
    #[default]
    Ipip,
    Gue,
    Gre,
}

impl Encapsulation {
    /// Checks the options of a tunnel; `Err` is the message.
    pub(super) fn check(self, given: Aspects) -> Result<(), String> {
        let (name, rules) = match self {
            Self::Ipip => ("ipip", Rules::new(&[], &[TunnelType], &[])),
            Self::Gue => (
                "gue",
                Rules::new(
                    &[TunnelPort],
                    &[TunnelType],
                    &[TunnelNoChecksum, TunnelChecksum, TunnelRemoteChecksum],
                ),
            ),
            Self::Gre => {
                ("gre", Rules::new(&[], &[TunnelType], &[TunnelNoChecksum, TunnelChecksum]))
            }
        };
        let given = Aspects(given.0 & Aspects::of(&TUNNEL_OPTIONS).0);
        rules.check(given, "tunnel type", name)
    }
}

/// What must, may, and may one at a time be given.
struct Rules {
    required: Aspects,
    allowed: Aspects,
    exclusive: Aspects,
}

impl Rules {
    const fn new(required: &[Aspect], allowed: &[Aspect], exclusive: &[Aspect]) -> Self {
        Self {
            required: Aspects::of(required),
            allowed: Aspects::of(allowed),
            exclusive: Aspects::of(exclusive),
        }
    }

    fn check(&self, given: Aspects, kind: &str, name: &str) -> Result<(), String> {
        let mut chosen: Option<Aspect> = None;
        for (aspect, option) in ASPECTS {
            if !given.contains(aspect) {
                if self.required.contains(aspect) {
                    return Err(format!(
                        "You need to supply the '{option}' option for the '{name}' {kind}"
                    ));
                }
            } else if self.exclusive.contains(aspect) {
                if let Some(chosen) = chosen.replace(aspect) {
                    let chosen = chosen.name();
                    return Err(format!(
                        "The option '{option}' conflicts with the '{chosen}' option in the \
                         '{name}' {kind}"
                    ));
                }
            } else if !self.required.contains(aspect) && !self.allowed.contains(aspect) {
                return Err(format!("Illegal '{option}' option with the '{name}' {kind}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names_is_in_the_order_of_the_aspects() {
        for (index, (aspect, _)) in ASPECTS.into_iter().enumerate() {
            assert_eq!(aspect as usize, index);
        }
    }

    #[test]
    fn required_illegal_and_exclusive() {
        let check = |command: Command, given: &[Aspect]| {
            command.check(Aspects::of(given)).err().unwrap_or_default()
        };
        assert_eq!(check(Command::AddService, &[Service, Scheduler]), "");
        assert_eq!(
            check(Command::AddService, &[Scheduler]),
            "You need to supply the 'service-address' option for the 'add-service' command"
        );
        assert_eq!(
            check(Command::AddServer, &[RealServer]),
            "You need to supply the 'service-address' option for the 'add-server' command"
        );
        assert_eq!(
            check(Command::Flush, &[Numeric]),
            "Illegal 'numeric' option with the 'flush' command"
        );
        assert_eq!(
            check(Command::List, &[Daemon, Timeout]),
            "The option 'daemon' conflicts with the 'timeout' option in the 'list' command"
        );
        assert_eq!(
            check(Command::List, &[Service, Connection]),
            "The option 'service-address' conflicts with the 'connection' option in the 'list' \
             command"
        );
    }

    #[test]
    fn tunnels() {
        let check = |kind: Encapsulation, given: &[Aspect]| {
            kind.check(Aspects::of(given)).err().unwrap_or_default()
        };
        assert_eq!(check(Encapsulation::Ipip, &[Service, Weight, TunnelType]), "");
        assert_eq!(
            check(Encapsulation::Gue, &[TunnelType]),
            "You need to supply the 'tun-port' option for the 'gue' tunnel type"
        );
        assert_eq!(
            check(Encapsulation::Gre, &[TunnelRemoteChecksum]),
            "Illegal 'tun-remcsum' option with the 'gre' tunnel type"
        );
        assert_eq!(
            check(Encapsulation::Gre, &[TunnelNoChecksum, TunnelChecksum]),
            "The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel \
             type"
        );
    }
}
