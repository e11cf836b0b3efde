//! A kernel that answers what the fuzzer wants.

use std::collections::VecDeque;

use rsadm_netlink::fake::{Answer, FakeKernel, acknowledge, done, messages, reply};
use rsadm_netlink::{Header, Message};

/// Message type of the family that [`kernel`] describes.
pub const FAMILY: u16 = 40;

/// Most answers to one send, so that a run ends.
const MOST_ANSWERS: usize = 64;

/// Bytes of the fuzzer, taken from the front.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes from `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// Up to `length` bytes.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// Bytes behind their length, which is one byte in units of four.
    pub fn region(&mut self) -> &'a [u8] {
        let length = self.byte().unwrap_or_default();
        self.take(usize::from(length) * 4)
    }
}

/// A kernel whose answers are `script`. With `describes_family` it first says that the family is
/// there.
///
/// Each answer is a byte that says what it is, one that says to which of the messages of the send,
/// and what it needs: so the fuzzer gets past the headers and still can spoil them.
pub fn kernel(script: &[u8], describes_family: bool) -> FakeKernel {
    let mut script: VecDeque<u8> = script.iter().copied().collect();
    let mut describes_family = describes_family;
    FakeKernel::new(move |sent| {
        let requests: Vec<Header> = messages(sent).into_iter().map(|(header, _)| header).collect();
        if std::mem::take(&mut describes_family) {
            return vec![family(requests[0]).into()];
        }
        let mut answers = Vec::new();
        while answers.len() < MOST_ANSWERS {
            let bytes = script.make_contiguous();
            let mut input = Input::new(bytes);
            let answer = answer(&requests, &mut input);
            let taken = bytes.len() - input.bytes.len();
            script.drain(..taken);
            match answer {
                Some(answer) => answers.push(answer),
                None => break,
            }
        }
        answers
    })
}

/// The next answer; `None` ends the answers to this send.
fn answer(requests: &[Header], input: &mut Input<'_>) -> Option<Answer> {
    let kind = input.byte()?;
    if kind % 8 == 7 {
        return None;
    }
    let index = usize::from(input.byte()?) % requests.len().max(1);
    let request = *requests.get(index)?;
    Some(match kind % 8 {
        0 | 1 => reply(request, FAMILY, 2, &[&[1, 1, 0, 0], input.region()].concat()).into(),
        2 => reply(request, FAMILY, 0, input.region()).into(),
        3 => acknowledge(request, i32::from(input.byte()?), input.region()).into(),
        4 => done(request, i32::from(input.byte()?), u16::from(input.byte()? & 0x10)).into(),
        5 => input.region().to_vec().into(),
        _ => Answer::Errno(i32::from(input.byte()?)),
    })
}

/// The description of the family and its acknowledgement (`CTRL_ATTR_FAMILY_ID`, ..._NAME).
fn family(request: Header) -> Vec<u8> {
    let mut message = Message::generic(16, 0, 1, 2);
    message.put_u16(1, FAMILY).put_str(2, "IPVS");
    [reply(request, 16, 0, message.payload()), acknowledge(request, 0, &[])].concat()
}
