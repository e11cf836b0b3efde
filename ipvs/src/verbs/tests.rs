//! Verbs against a scripted kernel: what real ones do too rarely to wait for.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use rsadm_netlink::fake::{Answer, Calls, FakeKernel, acknowledge, done, is_dump, messages, reply};
use rsadm_netlink::{Attributes, Header, now};

use super::*;
use crate::{Family, ForwardingMethod};

const ENOBUFS: i32 = 105;
const EEXIST: i32 = 17;
const ESRCH: i32 = 3;
const FAMILY: u16 = 0x1c;

/// What the scripted kernel is asked, after it has told its family.
struct Request {
    header: Header,
    command: u8,
    attributes: Vec<u8>,
}

impl Request {
    fn service(&self) -> Option<ServiceKey> {
        let inner =
            wire::nested(Attributes::new(&self.attributes), IPVS_CMD_ATTR_SERVICE, "service");
        wire::service(inner.ok()?).ok().map(|entry| entry.service.key)
    }
}

/// Verbs over a kernel that answers each request by `script`.
fn verbs(script: impl FnMut(&[Request]) -> Vec<Answer> + Send + 'static) -> Verbs<FakeKernel> {
    counted(script).0
}

/// The same, and the counts of system calls that they would be over a socket.
fn counted(
    mut script: impl FnMut(&[Request]) -> Vec<Answer> + Send + 'static,
) -> (Verbs<FakeKernel>, Arc<Calls>) {
    let kernel = FakeKernel::new(move |bytes| {
        let sent = messages(bytes);
        if sent[0].0.kind == 16 {
            let mut family = Message::generic(16, 0, 1, 2);
            family.put_u16(1, FAMILY).put_u32(3, 1);
            return vec![
                reply(sent[0].0, 16, 0, family.payload()).into(),
                acknowledge(sent[0].0, 0, &[]).into(),
            ];
        }
        let requests: Vec<_> = sent
            .into_iter()
            .map(|(header, payload)| Request {
                header,
                command: payload[0],
                attributes: payload[4..].to_vec(),
            })
            .collect();
        script(&requests)
    });
    let calls = kernel.calls();
    (now(Verbs::connect(kernel)).expect("the family is there"), calls)
}

fn mark(number: u32) -> ServiceKey {
    ServiceKey::mark(number, Family::Ipv4)
}

fn service_message(header: Header, key: &ServiceKey) -> Vec<u8> {
    let mut message = Message::generic(FAMILY, 0, IPVS_CMD_NEW_SERVICE, 1);
    wire::put_service(&mut message, &Service::new(*key, "rr"), ServiceFlags::all());
    reply(header, FAMILY, 2, message.payload())
}

fn destination_message(header: Header, port: u16) -> Vec<u8> {
    let mut message = Message::generic(FAMILY, 0, IPVS_CMD_NEW_DEST, 1);
    let address = SocketAddr::from(([10, 0, 0, 1], port));
    let destination = Destination::new(address, ForwardingMethod::MASQUERADE);
    wire::put_destination(&mut message, &destination);
    reply(header, FAMILY, 2, message.payload())
}

fn dump(header: Header, rows: Vec<Vec<u8>>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = rows.into_iter().map(Answer::from).collect();
    answers.push(done(header, 0, 0).into());
    answers
}

/// A kernel whose dumps show one of these lists of services after the other, the last for ever,
/// and which has the services of `present`.
fn changing(dumps: &'static [&'static [u32]], present: &'static [u32]) -> Verbs<FakeKernel> {
    let mut turn = 0;
    verbs(move |requests| {
        let request = &requests[0];
        match (request.command, is_dump(request.header)) {
            (IPVS_CMD_GET_SERVICE, true) => {
                let rows = dumps[turn.min(dumps.len() - 1)];
                turn += 1;
                let rows = rows.iter().map(|row| service_message(request.header, &mark(*row)));
                dump(request.header, rows.collect())
            }
            (IPVS_CMD_GET_SERVICE, false) => {
                let key = request.service().expect("a key");
                if !present.iter().any(|row| mark(*row) == key) {
                    return vec![acknowledge(request.header, ESRCH, &[]).into()];
                }
                vec![
                    service_message(request.header, &key).into(),
                    acknowledge(request.header, 0, &[]).into(),
                ]
            }
            (IPVS_CMD_GET_DEST, true) => dump(request.header, Vec::new()),
            (command, _) => panic!("not scripted: {command}"),
        }
    })
}

fn marks(table: &[ServiceTable]) -> Vec<u32> {
    let mark = |table: &ServiceTable| match table.service.service.key {
        ServiceKey::Mark { mark, .. } => mark,
        ServiceKey::Address { .. } => 0,
    };
    let mut marks: Vec<_> = table.iter().map(mark).collect();
    marks.sort_unstable();
    marks
}

#[test]
fn a_quiet_table_is_read_twice() {
    let mut verbs = changing(&[&[1, 2, 3]], &[]);
    assert_eq!(marks(&now(verbs.table()).expect("a table")), [1, 2, 3]);
}

#[test]
fn a_reading_with_a_deletion_is_not_trusted() {
    // 2 was deleted while the first dump ran, which made it skip 3.
    let mut verbs = changing(&[&[1, 2, 4], &[1, 3, 4]], &[]);
    assert_eq!(marks(&now(verbs.table()).expect("a table")), [1, 3, 4]);
}

#[test]
fn under_endless_deletions_every_service_is_asked_for() {
    let dumps: &[&[u32]] = &[
        &[1, 2, 9],
        &[1, 3, 8],
        &[2, 3, 7],
        &[1, 2, 6],
        &[1, 3, 5],
        &[2, 3, 4],
        &[1, 2, 3, 10],
        &[1, 2, 11],
    ];
    let mut verbs = changing(dumps, &[1, 2, 3, 10]);
    assert_eq!(marks(&now(verbs.table()).expect("a table")), [1, 2, 3, 10]);
}

#[test]
fn long_lists_of_destinations_are_settled_too() {
    let mut turn = 0;
    let mut verbs = verbs(move |requests| {
        let request = &requests[0];
        let ports: Vec<u16> = match turn {
            0 => (1..20).collect(),
            _ => (2..22).collect(),
        };
        turn += 1;
        let rows = ports.into_iter().map(|port| destination_message(request.header, port));
        dump(request.header, rows.collect())
    });
    let read = now(verbs.settled_destinations(&mark(1))).expect("destinations");
    let ports: Vec<_> = read.iter().map(|entry| entry.destination.address.port()).collect();
    assert_eq!(ports, (2..22).collect::<Vec<_>>());
}

#[test]
fn lost_acknowledgements_are_looked_up_in_the_table() {
    let mut verbs = verbs(|requests| {
        let request = &requests[0];
        match request.command {
            IPVS_CMD_NEW_SERVICE => vec![Answer::Errno(ENOBUFS)],
            // The kernel carried out the first and, of the others, nobody knows.
            IPVS_CMD_GET_SERVICE if request.service() == Some(mark(1)) => vec![
                service_message(request.header, &mark(1)).into(),
                acknowledge(request.header, 0, &[]).into(),
            ],
            _ => vec![acknowledge(request.header, ESRCH, &[]).into()],
        }
    });
    let changes = [1, 2].map(|number| Change::AddService(Service::new(mark(number), "rr")));
    let report = now(verbs.apply(&changes)).expect("a report");
    assert_eq!((report.applied, report.unknown.as_slice()), (1, &[1][..]));
    assert!(!report.is_complete());
}

#[test]
fn a_refusal_in_a_batch_names_its_change() {
    let mut verbs = verbs(|requests| {
        let last = requests.len() - 1;
        vec![
            acknowledge(requests[1].header, EEXIST, &[]).into(),
            acknowledge(requests[last].header, 0, &[]).into(),
        ]
    });
    let changes = [1, 2, 3].map(|number| Change::AddService(Service::new(mark(number), "rr")));
    let report = now(verbs.apply(&changes)).expect("a report");
    assert_eq!(report.applied, 2);
    let (index, refused) = &report.refused[0];
    assert_eq!(*index, 1);
    assert_eq!(refused.to_string(), "cannot add service fwmark://2: the service exists");
}

#[test]
fn a_daemon_that_is_stopped_without_an_answer_is_looked_for() {
    for (runs, stopped) in [(false, true), (true, false)] {
        let mut verbs = verbs(move |requests| {
            let request = &requests[0];
            match request.command {
                IPVS_CMD_DEL_DAEMON => Vec::new(),
                IPVS_CMD_GET_DAEMON => {
                    let mut message = Message::generic(FAMILY, 0, IPVS_CMD_NEW_DAEMON, 1);
                    wire::put_daemon(&mut message, &Daemon::new(Role::Master, "lo"));
                    let row = reply(request.header, FAMILY, 2, message.payload());
                    dump(request.header, if runs { vec![row] } else { Vec::new() })
                }
                command => panic!("not scripted: {command}"),
            }
        });
        let result = now(verbs.stop_daemon(Role::Master, 0));
        assert_eq!(result.is_ok(), stopped, "{result:?}");
    }
}

const TITLE: &str = "IP Virtual Server version 1.2.1 (size=4096)\n\
    Prot LocalAddress:Port Scheduler Flags\n\
    \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

/// To resolve the family: one send, and its answer and acknowledgement.
const CONNECT: (usize, usize) = (1, 2);

#[test]
fn six_thousand_changes_take_less_than_a_hundred_system_calls() {
    let (mut verbs, calls) = counted(|requests| {
        let last = requests.last().expect("a request");
        vec![acknowledge(last.header, 0, &[]).into()]
    });
    let changes = (1..=6000).map(|number| Change::AddService(Service::new(mark(number), "rr")));
    let report = now(verbs.apply(&changes.collect::<Vec<_>>())).expect("a report");
    assert!(report.is_complete());
    assert_eq!(report.applied, 6000);
    // 47 windows of at most 128, each with one acknowledgement.
    assert_eq!((calls.sends(), calls.receives()), (CONNECT.0 + 47, CONNECT.1 + 47));
}

#[test]
fn an_overview_takes_one_dump_and_one_more_for_each_service_that_is_missing() {
    const SERVICES: u32 = 1000;
    const IN_A_DATAGRAM: usize = 100;
    let of = |plain: &[u32]| {
        let (mut verbs, calls) = counted(|requests| {
            let request = &requests[0];
            if request.command == IPVS_CMD_GET_DEST {
                return dump(request.header, vec![destination_message(request.header, 80)]);
            }
            let services = (1..=SERVICES).map(|row| service_message(request.header, &mark(row)));
            let services: Vec<_> = services.collect();
            dump(request.header, services.chunks(IN_A_DATAGRAM).map(<[_]>::concat).collect())
        });
        let rows = plain.iter().map(|number| {
            format!("FWM  {number:08X} rr \n  -> 0A000001:0050      Masq    1      0          0\n")
        });
        let text = TITLE.to_owned() + &rows.collect::<String>();
        let table = PlainTable::from_reader(Cursor::new(text)).expect("a title");
        let overview = now(verbs.overview(Some(table))).expect("an overview");
        assert!(overview.iter().all(|row| row.destinations.len() == 1));
        assert_eq!(overview.len(), SERVICES as usize);
        (calls.sends() - CONNECT.0, calls.receives() - CONNECT.1)
    };
    let whole: Vec<u32> = (1..=SERVICES).collect();
    // Ten datagrams of services, and the end.
    assert_eq!(of(&whole), (1, 11));
    // Seven dumps more, each a datagram and the end.
    assert_eq!(of(&whole[7..]), (8, 11 + 14));
}

#[test]
fn the_plain_table_must_agree_with_the_dump() {
    let row = |mark: &u32| {
        format!(
            "FWM  {mark:08X} rr \n  -> 0A0000{mark:02X}:0050      Masq    1      2          3\n"
        )
    };
    let rows = |marks: &[u32]| {
        let rows: Vec<_> = marks.iter().map(row).collect();
        TITLE.to_owned() + &rows.concat()
    };
    let joined = |text: Option<String>| {
        let plain = text.map(|text| PlainTable::from_reader(Cursor::new(text)));
        let mut join = Join::new(plain.and_then(Result::ok));
        for number in 1..=3 {
            join.service(Service::new(mark(number), "rr"));
        }
        let (mut overview, missing) = join.finish();
        assert_eq!(overview.len(), 3);
        for index in missing {
            overview.complete(index, &[]);
        }
        assert!(overview.keys().eq([1, 2, 3].map(mark)));
        let pods = overview.iter().map(|row| {
            assert_eq!(row.service.scheduler, "rr");
            row.destinations.first().map(|pod| pod.address.ip().to_string())
        });
        pods.collect::<Vec<_>>()
    };
    let pod = |number: u8| Some(format!("10.0.0.{number}"));
    let of = |marks: &[u32]| joined(Some(rows(marks)));
    assert_eq!(of(&[1, 2, 3]), [pod(1), pod(2), pod(3)]);
    assert_eq!(of(&[2]), [None, pod(2), None], "rows that the kernel leaves out");
    assert_eq!(of(&[]), [None, None, None]);
    assert_eq!(of(&[2, 1]), [None, None, None], "another order");
    assert_eq!(of(&[1, 2, 3, 4]), [None, None, None], "a row that the dump has not");
    assert_eq!(joined(None), [None, None, None], "no file");
    let whole = rows(&[1, 2, 3]);
    for cut in 0..whole.len() {
        let pods = joined(Some(whole[..cut].to_owned()));
        for (index, pod) in pods.into_iter().enumerate() {
            assert!(pod.is_none_or(|pod| pod == format!("10.0.0.{}", index + 1)), "cut at {cut}");
        }
    }
}

#[test]
fn what_the_plain_table_does_not_say_comes_from_the_dump() {
    let text = TITLE.to_owned()
        + "FWM  00000001 rr \n\
           FWM  00000002 sh persistent 36000 FFFFFF00\n  -> 0A000002:0050      Masq    1      2          3\n\
           FWM  00000003 rr \n  -> 0A000003:0050      Masq    1      2          3\n";
    let mut persistent = Service::new(mark(2), "sh").persistent(360);
    persistent.flags |= ServiceFlags::SCHEDULER_1;
    let services = [Service::new(mark(1), "rr"), persistent, Service::new(mark(3), "wrr")];
    let plain = PlainTable::from_reader(text.as_bytes()).expect("a title");
    let mut join = Join::new(Some(plain));
    for service in &services {
        join.service(service.clone());
    }
    let (mut overview, missing) = join.finish();
    assert_eq!(missing, [0; 0]);
    let read: Vec<_> = overview.iter().collect();
    assert!(read.iter().map(|row| &row.service).eq(&services));
    assert!(read.iter().map(|row| row.destinations.len()).eq([0, 1, 1]));
    overview.sort();
    assert_eq!(overview.get(1).as_ref(), Some(&read[1]));
    assert_eq!(overview.get(3), None);
}

#[test]
fn a_patch_sends_the_mask_and_the_old_values() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut verbs = {
        let seen = Arc::clone(&seen);
        verbs(move |requests| {
            let request = &requests[0];
            let acknowledged = acknowledge(request.header, 0, &[]).into();
            match request.command {
                IPVS_CMD_GET_SERVICE => {
                    vec![service_message(request.header, &mark(1)).into(), acknowledged]
                }
                IPVS_CMD_SET_SERVICE => {
                    seen.lock().expect("lock").clone_from(&request.attributes);
                    vec![acknowledged]
                }
                command => panic!("not scripted: {command}"),
            }
        })
    };
    let patch = ServicePatch {
        flags: ServiceFlags::ONE_PACKET,
        flags_mask: ServiceFlags::ONE_PACKET,
        ..ServicePatch::default()
    };
    now(verbs.patch_service(&mark(1), &patch)).expect("patched");
    let sent = seen.lock().expect("lock").clone();
    let inner =
        wire::nested(Attributes::new(&sent), IPVS_CMD_ATTR_SERVICE, "service").expect("one");
    let flags = inner.clone().find(|attribute| attribute.kind == IPVS_SVC_ATTR_FLAGS);
    let bits = ServiceFlags::ONE_PACKET.bits().to_ne_bytes();
    assert_eq!(flags.map(|flags| flags.value.to_vec()), Some([bits, bits].concat()));
    assert_eq!(wire::service(inner).expect("one").service.scheduler, "rr");
}
