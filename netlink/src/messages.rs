//! Messages that lie one behind the other, as they are sent together.

use crate::header;
use crate::message::Message;

/// Messages that are made ahead of sending: [`Batch::push_all`](crate::Batch::push_all) sends them
/// from where they lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// The first one that is too long to be sent.
    too_long: Option<usize>,
}

/// Where a message ends, and where its attributes start. Every message is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    end: usize,
    attributes_at: usize,
}

impl Messages {
    /// None yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), places: Vec::new(), too_long: None }
    }

    /// None yet, and room for so many bytes of them.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::new() }
    }

    /// Adds a message.
    pub fn push(&mut self, message: &Message) {
        if message.is_too_long() {
            self.too_long.get_or_insert(self.places.len());
        }
        self.bytes.extend_from_slice(message.bytes());
        let attributes_at = message.attributes_at();
        self.places.push(Place { end: self.bytes.len(), attributes_at });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A message with its header, whose length and number are those of the last time that it was
    /// sent.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = self.places.get(index)?.end;
        Some(&self.bytes[self.start(index)..end])
    }

    /// Makes room for others.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.too_long = None;
    }

    /// Bytes of all of them.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    fn start(&self, index: usize) -> usize {
        let before = index.checked_sub(1).and_then(|before| self.places.get(before));
        before.map_or(0, |before| before.end)
    }

    /// Those from `first` on that are sent together: at most so many, and at most so many bytes
    /// unless one alone has more. `None` at the end, and at one that is too long.
    pub(crate) fn window(&mut self, first: usize, most: usize, size: usize) -> Option<Window<'_>> {
        let start = self.start(first);
        let end = self.places.len().min(first.saturating_add(most));
        let places = self.places.get(first..self.too_long.unwrap_or(end).min(end))?;
        let fitting = places.partition_point(|place| place.end - start <= size).max(1);
        let places = places.get(..fitting)?;
        let end = places.last()?.end;
        Some(Window { bytes: &mut self.bytes[start..end], places, start })
    }
}

/// Messages that are sent together.
#[derive(Debug)]
pub(crate) struct Window<'m> {
    bytes: &'m mut [u8],
    places: &'m [Place],
    /// Where the bytes start, as the places count them.
    start: usize,
}

impl Window<'_> {
    /// How many there are; at least one.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The bytes of all of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes
    }

    fn place(&self, index: usize) -> (usize, usize) {
        let start = if index == 0 { self.start } else { self.places[index - 1].end };
        (start - self.start, self.places[index].end - self.start)
    }

    /// Completes a message for sending.
    pub(crate) fn seal(&mut self, index: usize, sequence: u32, flags: u16) {
        let (start, end) = self.place(index);
        header::seal(&mut self.bytes[start..end], sequence, flags);
    }

    /// A message, and where its attributes start.
    pub(crate) fn message(&self, index: usize) -> (&[u8], usize) {
        let (start, end) = self.place(index);
        (&self.bytes[start..end], self.places[index].attributes_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize) -> Message {
        let mut message = Message::new(16, 0);
        message.header(&[0; 4]).put(1, &vec![0; size]);
        message
    }

    #[test]
    fn windows_are_of_so_many_messages_and_bytes() {
        let mut messages = Messages::new();
        assert!(messages.is_empty() && messages.window(0, 9, 9).is_none());
        for size in [4, 4, 4, 100, 4, 70_000, 4] {
            messages.push(&message(size));
        }
        let mut lengths = |most, size| {
            let (mut first, mut lengths) = (0, Vec::new());
            while let Some(window) = messages.window(first, most, size) {
                lengths.push(window.len());
                first += window.len();
            }
            lengths
        };
        assert_eq!(lengths(2, usize::MAX), [2, 2, 1]);
        assert_eq!(lengths(9, 56), [2, 1, 1, 1]);
        assert_eq!(lengths(9, 1), [1; 5]);
        assert_eq!(lengths(usize::MAX, usize::MAX), [5]);
        assert_eq!((messages.len(), messages.get(3).map(<[u8]>::len)), (7, Some(124)));
        assert_eq!(messages.get(7), None);
    }
}
