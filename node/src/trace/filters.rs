//! What a host's sysctls and rules do to a packet that passes it.

use std::net::IpAddr;

use super::cluster::Place;
use super::routing;
use super::rules::Verdict;
use super::value::{Direction, Packet};
use super::walk::{Stopped, Told, Walk, Way};
use crate::netfilter::Hook;
use crate::{Code, Refusal, Stage};

impl Walk<'_, '_> {
    /// Passes the packet through netfilter's rules, and answers the mark that it has then.
    pub(super) fn filter(
        &mut self,
        place: Place,
        hook: Hook,
        packet: &Packet,
        mark: u32,
        input: Option<u32>,
        output: Option<(u32, IpAddr)>,
    ) -> Way<u32> {
        if place.pod.is_some() {
            return Ok(mark);
        }
        let outcome = self.judge(place, hook, packet, mark, input, output);
        match outcome.verdict {
            Verdict::Accepted => {
                if hook == Hook::Forward || hook == Hook::Input && input.is_some() {
                    self.tell_accepted(place, hook, packet, outcome.rule);
                }
                Ok(outcome.mark)
            }
            Verdict::Dropped => {
                let code = match hook {
                    Hook::Prerouting | Hook::Input => Code::InputDrop,
                    Hook::Forward => Code::ForwardDrop,
                    Hook::Output | Hook::Postrouting => Code::OutputDrop,
                };
                Err(self.lose_to_rule(place, hook, code, packet, outcome.rule))
            }
            Verdict::Unknown(why) => {
                self.doubt_rules(place, hook, packet, &why);
                Ok(outcome.mark)
            }
        }
    }

    /// Tells that rules let a packet pass.
    pub(super) fn tell_accepted(
        &mut self,
        place: Place,
        hook: Hook,
        packet: &Packet,
        rule: Option<String>,
    ) {
        let summary = match &rule {
            Some(rule) => format!("{} accepts it: {rule}", hook.chain()),
            None => format!("{} accepts it", hook.chain()),
        };
        let told = Told::new(summary).maybe_row(rule).command(filter_command(packet));
        self.ok(place, Stage::Netfilter, told);
    }

    /// Tells of a rule that drops a packet.
    pub(super) fn lose_to_rule(
        &mut self,
        place: Place,
        hook: Hook,
        code: Code,
        packet: &Packet,
        rule: Option<String>,
    ) -> Stopped {
        let summary = match &rule {
            Some(rule) => format!("{} drops {packet}: {rule}", hook.chain()),
            None => format!("{} drops {packet}", hook.chain()),
        };
        let told = Told::new(summary).maybe_row(rule).command(filter_command(packet));
        self.lose(place, Stage::Netfilter, code, told)
    }

    /// Tells once for a node and direction that its rules cannot be judged.
    pub(super) fn doubt_rules(&mut self, place: Place, hook: Hook, packet: &Packet, why: &str) {
        let node = self.cluster.nodes[place.node].name();
        let direction = self.direction;
        let told_already = self.steps.iter().any(|step| {
            step.stage == Stage::Netfilter
                && step.direction == direction
                && step.evidence.code == Some(Code::NetfilterUnknown)
                && step.node == node
        });
        if told_already {
            return;
        }
        let summary = format!("{} may drop it: {why}", hook.chain());
        let told = Told::new(summary).command(filter_command(packet));
        self.doubt(place, Stage::Netfilter, Code::NetfilterUnknown, told);
    }

    /// Tells of a sysctl that lets the host forward what came in through the link, or does not.
    ///
    /// Of IPv4 the route lookup has asked for it already.
    pub(super) fn check_forwarding(
        &mut self,
        place: Place,
        packet: &Packet,
        input: u32,
    ) -> Way<()> {
        let network = self.host(place).network;
        let link = network.link_name(input);
        let name = if packet.source.is_ipv4() {
            format!("net.ipv4.conf.{}.forwarding", link.replace('.', "/"))
        } else {
            "net.ipv6.conf.all.forwarding".to_owned()
        };
        let told =
            |summary: &str| Told::new(summary).device(&link).command(format!("sysctl {name}"));
        match network.sysctl(&name) {
            Some(0) => Err(self.lose_unforwarded(place, packet, input)),
            Some(value) => {
                self.ok(place, Stage::Sysctl, told("forwards").row(format!("{name} = {value}")));
                Ok(())
            }
            None => {
                let told = told(&format!("{name} was not collected"));
                self.doubt(place, Stage::Sysctl, Code::InputMissing, told);
                Ok(())
            }
        }
    }

    /// Tells that the host does not forward.
    pub(super) fn lose_unforwarded(
        &mut self,
        place: Place,
        packet: &Packet,
        input: u32,
    ) -> Stopped {
        let link = self.host(place).network.link_name(input);
        let name = if packet.source.is_ipv4() {
            "net.ipv4.ip_forward"
        } else {
            "net.ipv6.conf.all.forwarding"
        };
        let own = format!("net.ipv4.conf.{}.forwarding", link.replace('.', "/"));
        if packet.source.is_ipv4() && self.host(place).network.sysctl(&own).is_none() {
            let told =
                Told::new(format!("{own} was not collected")).command(format!("sysctl {own}"));
            return self.lose_sight(place, Stage::Sysctl, Code::InputMissing, told);
        }
        let told = Told::new(format!("does not forward: {packet} is dropped")).device(&link);
        let told = told.row(format!("{name} = 0")).command(format!("sysctl {name}"));
        let told = told.fix(format!("sysctl -w {name}=1"));
        self.lose(place, Stage::Sysctl, Code::ForwardingOff, told)
    }

    /// Tells that the host does not take the packet's source from the link.
    pub(super) fn lose_source(
        &mut self,
        place: Place,
        packet: &Packet,
        input: u32,
        refusal: Refusal,
    ) -> Stopped {
        let host = self.host(place);
        let name = host.network.link_name(input);
        let (source, link) = (packet.source, name.replace('.', "/"));
        if host.network.owns(source) {
            let summary = format!("{source} is this host's own address: as a source it is dropped");
            let told = Told::new(summary)
                .device(&name)
                .command("nstat -az IpInDiscards TcpExtIPReversePathFilter");
            // Answers of pods that own the service's address pass the director with it.
            if self.direction == Direction::Return && self.balanced.is_none() {
                let told = told.fix(format!("sysctl -w net.ipv4.conf.{link}.accept_local=1"));
                return self.lose(place, Stage::Sysctl, Code::AcceptLocalOff, told);
            }
            return self.lose(place, Stage::Nat, Code::MasqueradeMissing, told);
        }
        let row = routing::way_back(host, source);
        let way = match &row {
            Some(row) => format!("the way back to {source} is {row}"),
            None => format!("{refusal}: {source}"),
        };
        let sysctls = format!("net.ipv4.conf.all.rp_filter net.ipv4.conf.{link}.rp_filter");
        let told = Told::new(format!("rp_filter drops it: {way}")).device(&name).maybe_row(row);
        let told = told.command(format!("sysctl {sysctls}"));
        let told = told.fix(format!("sysctl -w {}", sysctls.replace(".rp_filter", ".rp_filter=2")));
        self.lose(place, Stage::Sysctl, Code::RpFilterStrict, told)
    }

    /// Whether the table of flows has room.
    pub(super) fn check_tracking(&mut self, place: Place) -> Way<()> {
        let tracking = self.cluster.nodes[place.node].snapshot.tracking.get();
        let Some(tracking) = tracking.filter(|_| place.pod.is_none()) else { return Ok(()) };
        let (Some(count), Some(max)) = (tracking.sysctls.count(), tracking.sysctls.max()) else {
            return Ok(());
        };
        if max == 0 || count < max || self.direction == Direction::Return {
            return Ok(());
        }
        let told = Told::new(format!("the table of flows is full: {count} of {max}"));
        let told = told.row(format!("net.netfilter.nf_conntrack_count = {count}"));
        let told =
            told.command("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
        let told =
            told.fix(format!("sysctl -w net.netfilter.nf_conntrack_max={}", max.saturating_mul(2)));
        Err(self.lose(place, Stage::Conntrack, Code::ConntrackFull, told))
    }
}

fn filter_command(packet: &Packet) -> &'static str {
    if packet.source.is_ipv4() {
        "iptables-save; nft list ruleset"
    } else {
        "ip6tables-save; nft list ruleset"
    }
}
