//! Fields of bridge's output, in text or in JSON.

use std::io::{self, Write};
use std::net::IpAddr;

use vxlan::Mac;

use super::Names;
use crate::classic::Line;

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    #[default]
    Text,
    /// The same in colours, which are others on a dark terminal.
    Coloured {
        /// Whether the terminal's background is known to be dark (`COLORFGBG`).
        dark: bool,
    },
    /// One JSON document.
    Json {
        /// Whether a field is a line.
        pretty: bool,
    },
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Text or JSON.
    pub form: Form,
    /// Details (`-d`).
    pub details: bool,
    /// Statistics and times (`-s`).
    pub statistics: bool,
    /// A backslash where most lines end (`-o`); never in lines of forwarding entries.
    pub one_line: bool,
    /// The device of each entry: left out where one device was asked for.
    pub device: bool,
    /// Remotes of multicast entries, which bridge prints since iproute2 6.4.
    pub remotes: bool,
}

impl Default for Format {
    fn default() -> Self {
        let (details, statistics, one_line, remotes) = (false, false, false, false);
        Self { form: Form::Text, details, statistics, one_line, device: true, remotes }
    }
}

/// What a colour is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    None,
    Link,
    Mac,
    Ipv4,
    Ipv6,
}

impl Colour {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    const fn digit(self) -> u8 {
        match self {
            Self::Link => b'6',
            Self::Mac => b'3',
            Self::Ipv4 => b'5',
            Self::Ipv6 => b'4',
            Self::None => b'9',
        }
    }
}

/// Output under construction.
#[derive(Debug)]
pub struct Printer {
    line: Line,
    format: Format,
    /// Objects and arrays that are open.
    depth: usize,
    /// A value is before this place.
    preceded: bool,
}

impl Printer {
    /// Nothing yet, in this format.
    pub fn new(format: Format) -> Self {
        Self { line: Line::default(), format, depth: 0, preceded: false }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What is printed and not yet written.
    pub fn bytes(&self) -> &[u8] {
        self.line.bytes()
    }

    /// Writes everything, which may be in the middle of a document.
    pub fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.line.spill(0, out)
    }

    /// The same, if there are `limit` bytes or more.
    #[inline]
    pub fn spill(&mut self, limit: usize, out: &mut impl Write) -> io::Result<()> {
        self.line.spill(limit, out)
    }

    /// Begins a document: JSON is an array of what follows.
    pub fn begin(&mut self) {
        self.preceded = false;
        self.open_array(None);
    }

    /// Ends a document.
    pub fn end(&mut self) {
        self.close_array();
        if self.is_json() {
            self.line.byte(b'\n');
        }
        self.preceded = false;
    }

    /// Appends what is not part of a document.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.line.raw(bytes);
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self.format.form, Form::Json { .. })
    }

    fn is_pretty(&self) -> bool {
        self.format.form == Form::Json { pretty: true }
    }

    /// Appends to text alone.
    #[inline]
    pub(super) fn text(&mut self, text: &str) {
        if !self.is_json() {
            self.line.text(text);
        }
    }

    /// Ends a line of text.
    pub(super) fn end_line(&mut self) {
        self.text(if self.format.one_line { "\\" } else { "\n" });
    }

    /// A field whose value needs no escapes: `push` appends it.
    #[inline]
    pub(super) fn field(
        &mut self,
        key: &str,
        (before, after): (&str, &str),
        colour: Colour,
        push: impl FnOnce(&mut Line),
    ) {
        if self.is_json() {
            self.key(key);
            self.line.byte(b'"');
            push(&mut self.line);
            self.line.byte(b'"');
            self.preceded = true;
            return;
        }
        let coloured = self.colour(colour);
        self.line.text(before);
        push(&mut self.line);
        self.line.text(after);
        if coloured {
            self.line.text("\x1b[0m");
        }
    }

    /// Switches a colour on; whether there is one to be switched off.
    fn colour(&mut self, colour: Colour) -> bool {
        let Form::Coloured { dark } = self.format.form else { return false };
        if colour == Colour::None {
            return false;
        }
        self.line.text(if dark { "\x1b[1;3" } else { "\x1b[3" });
        self.line.byte(colour.digit());
        self.line.byte(b'm');
        true
    }

    /// A text that needs no escapes.
    #[inline]
    pub(super) fn string(&mut self, key: &str, around: (&str, &str), value: &str) {
        self.field(key, around, Colour::None, |line| line.text(value));
    }

    /// A number, left-aligned; of text alone.
    pub(super) fn column<const WIDTH: usize>(&mut self, number: u32) {
        self.line.left::<WIDTH>(number.into());
    }

    /// A number.
    #[inline]
    pub(super) fn number(
        &mut self,
        key: &str,
        (before, after): (&str, &str),
        number: impl itoa::Integer,
    ) {
        if self.is_json() {
            self.key(key);
            self.line.number(number);
            self.preceded = true;
        } else {
            self.line.text(before);
            self.line.number(number);
            self.line.text(after);
        }
    }

    /// An address.
    #[inline]
    pub(super) fn address(&mut self, key: &str, around: (&str, &str), address: IpAddr) {
        self.field(key, around, Colour::of(address), |line| line.address(address));
    }

    /// An Ethernet address.
    #[inline]
    pub(super) fn mac(&mut self, key: &str, around: (&str, &str), colour: Colour, mac: Mac) {
        self.field(key, around, colour, |line| {
            for (index, byte) in mac.0.into_iter().enumerate() {
                if index > 0 {
                    line.byte(b':');
                }
                line.two_hexadecimal(byte);
            }
        });
    }

    /// The name of a link.
    #[inline]
    pub(super) fn link(
        &mut self,
        key: &str,
        around: (&str, &str),
        colour: Colour,
        index: u32,
        names: &Names,
    ) {
        if !self.is_json() {
            self.field(key, around, colour, |line| names.push(line, index));
            return;
        }
        self.key(key);
        self.line.byte(b'"');
        self.escaped(index, names);
        self.line.byte(b'"');
        self.preceded = true;
    }

    /// A name that needs escapes: it may have any byte but blanks, slashes and colons.
    fn escaped(&mut self, index: u32, names: &Names) {
        let Some(name) = names.get(index) else { return names.push(&mut self.line, index) };
        for byte in name.bytes() {
            match byte {
                b'"' | b'\\' => self.line.raw(&[b'\\', byte]),
                0x08 => self.line.text("\\b"),
                _ => self.line.byte(byte),
            }
        }
    }

    /// An element of an array of flags: a word and what follows it in text.
    pub(super) fn flag(&mut self, (before, after): (&str, &str), name: &str) {
        if self.is_json() {
            self.separate();
            self.line.byte(b'"');
            self.line.text(name);
            self.line.byte(b'"');
            self.preceded = true;
        } else {
            self.line.text(before);
            self.line.text(name);
            self.line.text(after);
        }
    }

    /// A switch that is on; in text it is called otherwise.
    pub(super) fn switch(&mut self, key: &str, text: &str) {
        if self.is_json() {
            self.key(key);
            self.line.text("true");
            self.preceded = true;
        } else {
            self.line.text(text);
        }
    }

    /// Opens an object of JSON, an element of an array.
    #[inline]
    pub(super) fn open_object(&mut self) {
        if self.is_json() {
            self.separate();
            self.open(b'{');
        }
    }

    /// Opens an object of JSON that is a field.
    pub(super) fn open_field(&mut self, key: &str) {
        if self.is_json() {
            self.key(key);
            self.open(b'{');
        }
    }

    /// Opens an array of JSON that is called like a link.
    pub(super) fn open_array_of(&mut self, index: u32, names: &Names) {
        if self.is_json() {
            self.separate();
            self.new_line();
            self.line.byte(b'"');
            self.escaped(index, names);
            self.line.text(if self.is_pretty() { "\": " } else { "\":" });
            self.preceded = false;
            self.open_array(None);
        }
    }

    #[inline]
    pub(super) fn close_object(&mut self) {
        if self.is_json() {
            self.depth -= 1;
            if self.preceded {
                self.new_line();
            }
            self.line.byte(b'}');
            self.preceded = true;
        }
    }

    /// Opens an array of JSON, with its key if it is a field.
    #[inline]
    pub(super) fn open_array(&mut self, key: Option<&str>) {
        if self.is_json() {
            match key {
                Some(key) => self.key(key),
                None => self.separate(),
            }
            self.open(b'[');
            if self.is_pretty() {
                self.line.byte(b' ');
            }
        }
    }

    #[inline]
    pub(super) fn close_array(&mut self) {
        if self.is_json() {
            if self.is_pretty() && self.preceded {
                self.line.byte(b' ');
            }
            self.depth -= 1;
            self.line.byte(b']');
            self.preceded = true;
        }
    }

    fn open(&mut self, bracket: u8) {
        self.line.byte(bracket);
        self.depth += 1;
        self.preceded = false;
    }

    fn separate(&mut self) {
        if self.preceded {
            self.line.byte(b',');
        }
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.separate();
        self.new_line();
        self.line.byte(b'"');
        self.line.text(key);
        self.line.text(if self.is_pretty() { "\": " } else { "\":" });
        self.preceded = false;
    }

    fn new_line(&mut self) {
        if self.is_pretty() {
            self.line.byte(b'\n');
            for _ in 0..self.depth {
                self.line.text("    ");
            }
        }
    }
}
