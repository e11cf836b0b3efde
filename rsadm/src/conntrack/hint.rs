//! What to do about what the kernel says.

use std::borrow::Cow;

use conntrack::{Error, Reason, Refused, Request};

use crate::failure::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::refused(error.to_string());
        let hint = match &error {
            Error::Refused(refused) => hint(refused),
            Error::Exchange { .. } if error.errno() == Some(NO_PROTOCOL) => {
                Some("load the module with `modprobe nf_conntrack_netlink`".into())
            }
            Error::Exchange { .. } if error.is_interrupted() => {
                Some("it was resized; flows may be missing or shown twice, so ask again".into())
            }
            Error::File { .. } if error.is_permission() => {
                Some("root may read it; try sudo".into())
            }
            _ => None,
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// `EPROTONOSUPPORT`: the kernel has no netfilter sockets.
const NO_PROTOCOL: i32 = 93;

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Error::Refused(Box::new(refused)).into()
    }
}

/// What a person can do about a refusal.
pub(super) fn hint(refused: &Refused) -> Option<Cow<'static, str>> {
    Some(match (refused.reason, &refused.request) {
        (Reason::Permission, _) => "connection tracking needs CAP_NET_ADMIN in the user namespace \
                                    of the network namespace, to read it too; for example by sudo"
            .into(),
        (Reason::Exists, Request::CreateFlow(_)) => "`rsadm conntrack update` changes it".into(),
        (Reason::NotFound, Request::ReadFlow(_) | Request::DeleteFlow(_)) => {
            "a flow is found in its zone only (--zone); `rsadm conntrack list` shows what there is"
                .into()
        }
        (Reason::NoMaster, _) => {
            "the flow that expects another one must exist and have a helper".into()
        }
        (Reason::Full, _) => {
            "`rsadm conntrack count` shows how full the table is; its limit is the sysctl \
             net.netfilter.nf_conntrack_max"
                .into()
        }
        (Reason::NoLabels, _) => {
            "flows have room for labels once a rule of the network namespace uses some".into()
        }
        (
            Reason::NotSupported,
            Request::ReadFlow(key)
            | Request::CreateFlow(key)
            | Request::PutFlow(key)
            | Request::UpdateFlow(key)
            | Request::DeleteFlow(key),
        ) if key.zone != 0 || key.tuple.zone.is_some() => {
            "this kernel may have no zones; `rsadm conntrack caps` tells".into()
        }
        (Reason::NotSupported, Request::CreateExpectation(_)) => {
            "the flow that expects another one must have a helper".into()
        }
        (Reason::NotSupported, Request::CreateFlow(_) | Request::PutFlow(_)) => {
            "NAT needs the module nf_nat, a helper its own, such as nf_conntrack_ftp".into()
        }
        // Of what asks for nothing in particular the kernel can only miss the whole.
        (
            Reason::Invalid,
            Request::ListFlows
            | Request::ListDying
            | Request::ListUnconfirmed
            | Request::ListExpectations
            | Request::ReadStatistics
            | Request::Flush
            | Request::FlushExpectations
            | Request::DeleteMatching,
        ) => "the module may be missing: `modprobe nf_conntrack_netlink` loads it".into(),
        (Reason::Invalid, Request::CreateFlow(_) | Request::PutFlow(_)) => {
            "this kernel may not track that protocol, or lack zones; `rsadm conntrack caps` tells \
             what it can do"
                .into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_come_with_advice() {
        let tuple: conntrack::Tuple = conntrack::Tuple::udp(
            "10.0.0.1:1".parse().expect("an address"),
            "10.0.0.2:2".parse().expect("an address"),
        );
        let told = |request, errno| Failure::from(Refused::new(request, errno)).to_string();
        let text = told(Request::ListFlows, 1);
        assert!(text.starts_with("rsadm: cannot list flows: permission denied\n"), "{text}");
        assert!(text.contains("CAP_NET_ADMIN"), "{text}");
        let text = told(Request::CreateFlow(tuple.into()), 17);
        assert!(text.contains("`rsadm conntrack update` changes it"), "{text}");
        let text = told(Request::CreateFlow(tuple.into()), 12);
        assert!(text.contains("nf_conntrack_max"), "{text}");
        for request in [Request::ListFlows, Request::ReadStatistics, Request::Flush] {
            let text = told(request, 22);
            assert!(text.contains("`modprobe nf_conntrack_netlink`"), "{text}");
        }
        assert_eq!(told(Request::Flush, 5).lines().count(), 1, "nothing to advise");
    }
}
