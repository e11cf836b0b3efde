//! Changes in the kernel's form.

use rsadm_netlink::{Header, Messages};

use crate::uapi::*;
use crate::{Change, Request, wire};

/// Changes in the kernel's form, made ahead of
/// [`Client::apply_prepared`](crate::Client::apply_prepared): many fit into little memory, and
/// sending them costs little more than what the kernel takes for them. They can be made on several
/// threads.
///
/// ```
/// use conntrack::{Change, NewFlow, Prepared, Tuple};
/// let tuple = Tuple::udp("10.0.0.1:1000".parse()?, "10.0.0.2:53".parse()?);
/// let mut changes = Prepared::new();
/// changes.push(&Change::Create(NewFlow::new(tuple, 30)));
/// assert_eq!(changes.len(), 1);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    pub(crate) messages: Messages,
}

impl Prepared {
    /// No changes yet.
    pub const fn new() -> Self {
        Self { messages: Messages::new() }
    }

    /// No changes yet, and room for so many bytes of them: the usual flow takes about 150.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { messages: Messages::with_capacity(bytes) }
    }

    /// Adds a change.
    pub fn push(&mut self, change: &Change) {
        self.messages.push(&change.message());
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What a change asks of the kernel, as [`Change::request`] tells it.
    pub(crate) fn request(&self, index: usize) -> Option<Request> {
        let message = self.messages.get(index)?;
        let header = Header::read(message)?;
        let key = wire::key(&message[Header::LENGTH..]).ok()?;
        Some(match (header.kind, header.flags & (NLM_F_CREATE | NLM_F_EXCL)) {
            (IPCTNL_MSG_CT_DELETE, _) => Request::DeleteFlow(key),
            (_, 0) => Request::UpdateFlow(key),
            (_, NLM_F_CREATE) => Request::PutFlow(key),
            _ => Request::CreateFlow(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::option;
    use proptest::prelude::*;
    use rsadm_netlink::fake::{
        Answer, FakeKernel, acknowledge, messages, reply, wants_acknowledgement,
    };
    use rsadm_netlink::now;

    use super::*;
    use crate::verbs::Verbs;
    use crate::wire::tests::{any_state, any_tuple};
    use crate::{FlowPatch, Key, NewFlow, Report, Result, Tuple};

    const EPERM: i32 = 1;
    const ENOENT: i32 = 2;
    const EEXIST: i32 = 17;
    const ENOBUFS: i32 = 105;

    prop_compose! {
        /// The zone of a key's tuple is not sent.
        fn any_key()(
            tuple in any_tuple(),
            is_reply in any::<bool>(),
            zone in any::<u16>(),
            id in any::<Option<u32>>(),
        ) -> Key {
            let tuple = Tuple { zone: None, ..tuple };
            let key = if is_reply { Key::reply(tuple) } else { Key::original(tuple) };
            Key { zone, id, ..key }
        }
    }

    prop_compose! {
        fn any_new_flow()(
            (original, reply, master) in (any_tuple(), any_tuple(), option::of(any_tuple())),
            (timeout, zone, mark) in any::<(u32, Option<u16>, Option<u32>)>(),
            state in option::of(any_state()),
            is_too_long in prop::bool::weighted(0.02),
        ) -> NewFlow {
            let mut flow = NewFlow { reply, zone, master, ..NewFlow::new(original, timeout) };
            flow.settings.mark = mark.map(Into::into);
            flow.settings.state = state;
            if is_too_long {
                flow.settings.helper = Some("ftp".into());
                flow.helper_info = Some(vec![0; 70_000]);
            }
            flow
        }
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any_new_flow().prop_map(Change::Create),
            any_new_flow().prop_map(Change::Put),
            (any_key(), any::<Option<u32>>()).prop_map(|(key, timeout)| {
                Change::Update(key, FlowPatch { timeout, ..FlowPatch::default() })
            }),
            any_key().prop_map(Change::Delete),
        ]
    }

    fn prepared(changes: &[Change]) -> Prepared {
        let mut prepared = Prepared::with_capacity(changes.len() * 100);
        for change in changes {
            prepared.push(change);
        }
        prepared
    }

    /// What a kernel was sent that gives these answers one behind the other, and the report.
    fn sent(
        answers: Vec<u8>,
        apply: impl FnOnce(&mut Verbs<FakeKernel>) -> Result<Report>,
    ) -> (Vec<Vec<u8>>, String) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (writer_log, mut answers) = (Arc::clone(&log), answers.into_iter());
        let writer = FakeKernel::new(move |bytes| {
            writer_log.lock().expect("lock").push(bytes.to_vec());
            let answer = |(header, _)| match answers.next() {
                Some(0) => Some(acknowledge(header, EPERM, &[]).into()),
                Some(1) => Some(acknowledge(header, ENOENT, &[]).into()),
                Some(2..20) => Some(acknowledge(header, EEXIST, &[]).into()),
                Some(20..25) => Some(Answer::Errno(ENOBUFS)),
                Some(25) => Some(Answer::Errno(EPERM)),
                _ if wants_acknowledgement(header) => Some(acknowledge(header, 0, &[]).into()),
                _ => None,
            };
            messages(bytes).into_iter().filter_map(answer).collect()
        });
        // It is asked whether there is privilege at all.
        let reader = FakeKernel::new(|bytes| {
            let (header, _) = messages(bytes)[0];
            let statistics = reply(header, header.kind, 0, &[0; 4]);
            vec![statistics.into(), acknowledge(header, 0, &[]).into()]
        });
        let report = format!("{:?}", apply(&mut Verbs::new(reader, writer)));
        let sent = log.lock().expect("lock").clone();
        (sent, report)
    }

    proptest! {
        #[test]
        fn what_is_prepared_is_applied_like_any_changes(
            changes in prop::collection::vec(any_change(), 0..400),
            answers in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut prepared = prepared(&changes);
            prop_assert_eq!(prepared.len(), changes.len());
            prop_assert_eq!(prepared.is_empty(), changes.is_empty());
            let expected = sent(answers.clone(), |verbs| now(verbs.apply(&changes)));
            for _ in 0..2 {
                let again = sent(answers.clone(), |verbs| now(verbs.apply_prepared(&mut prepared)));
                prop_assert_eq!(&again, &expected);
            }
            for (index, change) in changes.iter().enumerate() {
                prop_assert_eq!(prepared.request(index), Some(change.request()));
            }
            prop_assert_eq!(prepared.request(changes.len()), None);
        }
    }

    #[test]
    fn a_report_names_what_was_refused_and_what_is_too_long() {
        let udp = |port| Tuple::udp(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 53).into());
        let mut long = NewFlow::new(udp(3), 60);
        long.settings.helper = Some("x".repeat(70_000));
        let mut changes = prepared(&[
            Change::Put(NewFlow::new(udp(1).in_zone(7), 60)),
            Change::Delete(Key::reply(udp(2)).in_zone(8).with_id(9)),
            Change::Create(long),
            Change::Delete(udp(4).into()),
        ]);
        let (sent, report) = sent(vec![255, 1], |verbs| {
            let report = now(verbs.apply_prepared(&mut changes))?;
            assert_eq!((report.applied, report.unsent.clone()), (1, 2..4));
            let [(1, refused)] = &report.refused[..] else { panic!("{report:?}") };
            assert_eq!(
                refused.to_string(),
                "cannot delete flow udp 10.0.0.1:2 -> 10.0.0.2:53 (reply) zone 8 id 9: no such flow"
            );
            assert_eq!(
                report.error.as_ref().map(ToString::to_string).as_deref(),
                Some(
                    "cannot create flow udp 10.0.0.1:3 -> 10.0.0.2:53: \
                     a value does not fit into a netlink attribute"
                )
            );
            Ok(report)
        });
        assert!(report.starts_with("Ok"), "{report}");
        assert_eq!(sent.iter().map(|bytes| messages(bytes).len()).collect::<Vec<_>>(), [2]);
    }
}
