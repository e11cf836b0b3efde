//! Many changes in few system calls, with the outcome of each.

use std::io;
use std::mem;
use std::ops::Range;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use crate::connection::{Connection, is_overrun};
use crate::error::{Error, Rejected, Result};
use crate::exchange::{Exchange, Step};
use crate::message::Message;
use crate::messages::{Messages, Window};
use crate::socket::Socket;
use crate::transport::Transport;

/// Most messages in one send. More gain nothing.
const MOST_MESSAGES: usize = 128;
/// Most bytes in one send.
const MOST_BYTES: usize = 64 * 1024;
/// What one queued reply costs of the receive buffer, rounded up: should every message of a window
/// be refused, all refusals must fit.
const REPLY_COST: usize = 1024;

/// Changes that are sent in windows: the kernel carries out every message of one datagram in
/// order, goes on after a refusal, and acknowledges the last one.
///
/// Items are counted from 0 in the order of [`push`](Self::push).
#[derive(Debug)]
pub struct Batch<'c, T: Transport = Socket> {
    connection: &'c mut Connection<T>,
    window: usize,
    /// The items that are not sent yet, which go into one window.
    pending: Messages,
    outcome: Outcome,
}

/// What became of the items of a [`Batch`]. Every item is in exactly one of the groups.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many the kernel carried out.
    pub applied: usize,
    /// Items that the kernel refused.
    pub refused: Vec<(usize, Rejected)>,
    /// Items whose replies were lost: carried out or refused, the kernel must be asked.
    pub unknown: Vec<Range<usize>>,
    /// Items that were never sent, because of [`error`](Self::error).
    pub unsent: Range<usize>,
    /// What stopped the batch before its end.
    pub error: Option<Error>,
    items: usize,
}

impl Outcome {
    /// Whether every item was carried out.
    pub fn is_complete(&self) -> bool {
        self.applied == self.items
    }

    fn done(&self) -> usize {
        let unknown: usize = self.unknown.iter().map(Range::len).sum();
        self.applied + self.refused.len() + unknown
    }
}

impl<'c, T: Transport> Batch<'c, T> {
    pub(crate) fn new(connection: &'c mut Connection<T>) -> Self {
        let window = connection.transport.receive_buffer_size() / REPLY_COST;
        Self {
            window: window.clamp(1, MOST_MESSAGES),
            connection,
            pending: Messages::new(),
            outcome: Outcome::default(),
        }
    }

    /// Adds an item, and sends the window if it is full. An error stops the batch: it is part of
    /// the outcome, and later items count as unsent.
    pub async fn push(&mut self, message: &Message) {
        let size = self.pending.size() + message.bytes().len();
        if self.pending.len() >= self.window || size > MOST_BYTES {
            self.flush().await;
        }
        self.pending.push(message);
    }

    /// Adds items that were made ahead. They are numbered where they lie, and sent from there.
    pub async fn push_all(&mut self, messages: &mut Messages) {
        self.flush().await;
        self.send(messages).await;
    }

    /// Sends what is left and says what became of every item.
    pub async fn finish(mut self) -> Outcome {
        self.flush().await;
        let done = self.outcome.done();
        self.outcome.unsent = done..self.outcome.items;
        self.outcome
    }

    async fn flush(&mut self) {
        let mut pending = mem::take(&mut self.pending);
        self.send(&mut pending).await;
        pending.clear();
        self.pending = pending;
    }

    /// Sends messages, window by window, up to what stops the batch.
    async fn send(&mut self, messages: &mut Messages) {
        self.outcome.items += messages.len();
        let mut first = 0;
        while self.outcome.error.is_none() && first < messages.len() {
            let sent = match messages.window(first, self.window, MOST_BYTES) {
                Some(window) => {
                    first += window.len();
                    self.exchange(window).await
                }
                None => Err(Error::TooLong),
            };
            self.outcome.error = sent.err();
        }
    }

    /// Sends a window and reads all replies to it: they are queued when `send` returns.
    async fn exchange(&mut self, mut window: Window<'_>) -> Result<()> {
        self.connection.settle()?;
        let count = window.len();
        let first = self.connection.number(count as u32);
        let last = first + count as u32 - 1;
        for (index, sequence) in (first..=last).enumerate() {
            let acknowledge = if sequence == last { NLM_F_ACK } else { 0 };
            window.seal(index, sequence, NLM_F_REQUEST | acknowledge);
        }
        self.connection.debug.sent(window.bytes());
        let sent = self.connection.transport.send(window.bytes()).await;
        sent.map_err(Error::socket("send to"))?;
        let base = self.outcome.done();
        let mut exchange = Exchange::of(first, last);
        let mut refused: Vec<(usize, Rejected)> = Vec::new();
        let mut lost = false;
        let complete = loop {
            match exchange.step(&self.connection.buffer) {
                Ok(Step::Receive) => {
                    let Connection { transport, buffer, debug, .. } = &mut *self.connection;
                    match transport.try_receive(buffer) {
                        Ok(length) => {
                            debug.received(buffer.get(..length).unwrap_or_default());
                            lost |= exchange.datagram(length, buffer.len()).is_err();
                        }
                        Err(error) if is_overrun(&error) => lost = true,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                        Err(error) => {
                            self.record(base, count, refused, false);
                            return Err(Error::socket("receive from")(error));
                        }
                    }
                }
                Ok(Step::Refused { sequence, errno, start, end }) => {
                    let index = sequence.wrapping_sub(first) as usize;
                    let (request, attributes_at) = window.message(index);
                    let extended = &self.connection.buffer[start..end];
                    let rejected = Rejected::read(errno, extended, request, attributes_at);
                    refused.push((index, rejected));
                }
                Ok(Step::Message { .. } | Step::Acknowledged { .. }) => {}
                Ok(Step::End) => break true,
                Err(_) => lost = true,
            }
        };
        self.record(base, count, refused, complete && !lost);
        Ok(())
    }

    /// Files the items of a window. Without a complete answer, an item that was not refused is
    /// unknown: its refusal may be among what was lost.
    fn record(
        &mut self,
        base: usize,
        count: usize,
        mut refused: Vec<(usize, Rejected)>,
        complete: bool,
    ) {
        refused.sort_by_key(|(index, _)| *index);
        // One refusal of an item is enough, should the kernel ever send two.
        refused.dedup_by_key(|(index, _)| *index);
        if complete {
            self.outcome.applied += count - refused.len();
        } else {
            let mut next = 0;
            for index in refused.iter().map(|(index, _)| *index).chain([count]) {
                if next < index {
                    self.outcome.unknown.push(base + next..base + index);
                }
                next = index + 1;
            }
        }
        let refused = refused.into_iter().map(|(index, rejected)| (base + index, rejected));
        self.outcome.refused.extend(refused);
    }
}
