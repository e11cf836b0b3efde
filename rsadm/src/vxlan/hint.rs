//! What to say and do about what the kernel says.

use std::borrow::Cow;

use vxlan::{Error, Ignored, Link, Reason, Refused, Request};

use crate::failure::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        told(&error, error.to_string())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Error::from(refused).into()
    }
}

/// The same about a device, which the library knows by its index alone.
pub(super) fn on(device: &str, error: &Error) -> Failure {
    told(error, sentence(device, error))
}

/// Names the device in what the library says.
pub(super) fn sentence(device: &str, error: &Error) -> String {
    let text = error.to_string();
    let Some((what, why)) = text.split_once(": ") else { return text };
    let what = match error.refused().map(|refused| &refused.request) {
        Some(Request::CreateLink(_)) => return text,
        Some(Request::ChangeLink(_)) => format!("cannot change {device}"),
        Some(Request::DeleteLink(_)) => format!("cannot delete {device}"),
        Some(Request::FlushEntries(_)) => {
            format!("cannot flush the forwarding entries of {device}")
        }
        Some(Request::FlushMulticast(_)) => {
            format!("cannot flush the multicast entries of {device}")
        }
        _ => format!("{what} on {device}"),
    };
    format!("{what}: {why}")
}

fn told(error: &Error, text: String) -> Failure {
    let failure = Failure::refused(text);
    let hint = match error {
        Error::Refused(refused) => hint(refused),
        Error::Ignored { ignored, .. } => Some(passed_over(*ignored).into()),
        _ => None,
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn passed_over(ignored: Ignored) -> &'static str {
    match ignored {
        Ignored::NoSuchRemote => {
            "`rsadm vxlan fdb list --mac MAC` shows the remotes that it has; the kernel acknowledges \
             this and does nothing"
        }
        _ => {
            "`rsadm vxlan fdb replace` changes where it leads; the kernel acknowledges this and does \
             nothing"
        }
    }
}

/// What a person can do about a refusal.
pub(super) fn hint(refused: &Refused) -> Option<Cow<'static, str>> {
    Some(match (refused.reason, &refused.request) {
        (Reason::Permission, _) => "this needs CAP_NET_ADMIN in the user namespace of the network \
                                    namespace, for example by sudo; listings need nothing"
            .into(),
        (Reason::Exists, Request::AddEntry(_)) => {
            "`rsadm vxlan fdb replace` changes an entry, `fdb append` adds a remote to the zero \
             address or a group"
                .into()
        }
        (Reason::Exists, Request::AddNeighbour(_)) => {
            "`rsadm vxlan neigh replace` changes it".into()
        }
        (Reason::Exists, Request::AddMulticast(_)) => "`rsadm vxlan mdb replace` changes it".into(),
        (Reason::NotFound, Request::ReadEntry(_) | Request::DeleteEntry(_)) => {
            "`rsadm vxlan fdb list --dev DEV` shows what there is".into()
        }
        (Reason::OtherFamily, _) => {
            "a device is of IPv4 unless its --local, --remote or --group is of IPv6; every --dst is \
             of the device's family"
                .into()
        }
        (Reason::Full, _) => {
            "`rsadm vxlan link show DEV` shows its limit, maxaddr, which is set when it is created"
                .into()
        }
        (Reason::InUse, _) => {
            "`rsadm vxlan link list` shows who has the port (dstport); with other settings of the \
             header two devices cannot share one"
                .into()
        }
        (Reason::NotSupported, Request::ReplaceEntry(entry)) if entry.mac.floods() => {
            "the zero address and groups have several remotes: `rsadm vxlan fdb append` adds one, \
             `fdb delete --dst` takes one away"
                .into()
        }
        (Reason::NotSupported, Request::CreateLink(_)) => {
            "the kernel may lack VXLAN: `modprobe vxlan`".into()
        }
        (
            Reason::NotSupported | Reason::Invalid,
            Request::AddMulticast(_) | Request::ReplaceMulticast(_) | Request::DeleteMulticast(_),
        ) => "VXLAN devices have a multicast database since Linux 6.4; `rsadm vxlan caps` tells what \
              this kernel does"
            .into(),
        (Reason::NotSupported | Reason::Invalid, Request::ReadMulticast(_)) => {
            "the kernel shows one group since Linux 6.7; `rsadm vxlan mdb list` shows all".into()
        }
        (
            Reason::NotSupported | Reason::Invalid,
            Request::ListVnis | Request::AddVnis(_) | Request::DeleteVnis(_),
        ) if refused.message.is_none() => "VNIs are filtered by devices made with --external --vnifilter, since Linux 5.18".into(),
        _ => return None,
    })
}

/// The name of an option leads to no link.
pub(super) fn no_such_link(option: &str, name: &str) -> Failure {
    Failure::refused(format!("{option} {name}: there is no such link"))
        .hint("`rsadm vxlan link list` shows the VXLAN devices of this network namespace")
}

/// The name of an option leads to a link of another kind.
pub(super) fn not_vxlan(option: &str, link: &Link) -> Failure {
    let kind = match &link.kind {
        Some(kind) => format!(" but {kind}"),
        None => String::new(),
    };
    Failure::refused(format!("{option} {}: it is not a VXLAN device{kind}", link.name))
        .hint("`rsadm vxlan link list` shows the VXLAN devices of this network namespace")
}

#[cfg(test)]
mod tests {
    use vxlan::{Entry, Mac};

    use super::*;

    fn refused(request: Request, errno: i32) -> String {
        on("vx0", &Refused::new(request, errno).into()).to_string()
    }

    #[test]
    fn refusals_name_the_device_and_come_with_advice() {
        let entry = Entry::to(7, Mac([2, 0, 0, 0, 0, 1]), [10, 0, 0, 1].into());
        let text = refused(Request::AddEntry(entry), 17);
        assert!(
            text.starts_with(
                "rsadm: cannot add forwarding entry 02:00:00:00:00:01 dst 10.0.0.1 on vx0: it \
                 exists\n  hint: "
            ),
            "{text}"
        );
        let text = refused(Request::ChangeLink(7), 95);
        assert!(text.starts_with("rsadm: cannot change vx0: the kernel or the device"), "{text}");
        let text = refused(Request::AddEntry(entry), 28);
        assert!(text.contains("maxaddr"), "{text}");
        let text = refused(Request::AddEntry(entry), 97);
        assert!(text.contains("--dst is of the device's family"), "{text}");
        let text = refused(Request::FlushEntries(7), 1);
        assert!(
            text.contains("of vx0: permission denied\n  hint: this needs CAP_NET_ADMIN"),
            "{text}"
        );
        assert_eq!(refused(Request::ListRoutes, 5).lines().count(), 1, "nothing to advise");
    }

    #[test]
    fn what_the_kernel_passes_over_is_told() {
        let entry = Entry::to(7, Mac([2, 0, 0, 0, 0, 1]), [10, 0, 0, 1].into());
        let request = Box::new(Request::DeleteEntry(entry));
        let text =
            on("vx0", &Error::Ignored { request, ignored: Ignored::NoSuchRemote }).to_string();
        assert!(text.contains("on vx0: the address has no such remote\n  hint: "), "{text}");
    }
}
