//! What happens, until a signal ends it.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use conntrack::{Event, EventKind, Expectation, Filter, Groups, Origin, Subscription};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::command::Command;
use super::directory::Directory;
use super::matrix::Aspect;
use super::order::Order;
use super::stop::Stop;
use super::tool::{Result, Tool};
use super::words;
use crate::classic::Line;
use crate::classic::conntrack::{expectation, save, text, xml};

/// Signals that end the listening: SIGINT and SIGTERM.
const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

const LOST: &[u8] = b"WARNING: We have hit ENOBUFS! We are losing events.\n\
    This message means that the current netlink socket buffer size is too small.\n\
    Please, check --buffer-size in conntrack(8) manpage.\n";

impl<D: Directory, O: Write + Send, E: Write> Tool<D, O, E> {
    /// Shows events as they come; how many it were.
    pub(super) fn events(&mut self, command: Command, order: &Order) -> Result<u64> {
        let stopped = stopped()?;
        let mut subscription = Subscription::new(groups(command, order));
        if let Some(bytes) = order.buffer_size {
            subscription = subscription.receive_buffer(bytes as usize);
        }
        let mut events = subscription.open()?;
        if order.given.has(Aspect::BufferSize) {
            let size = events.receive_buffer_size();
            let text =
                format!("NOTICE: Netlink socket buffer size has been set to {size} bytes.\n");
            self.say(text.as_bytes());
        }
        let filter = order.filter();
        let mut count = 0;
        loop {
            let found = match events.try_next()? {
                Some(Event::Lost) => {
                    self.say(LOST);
                    true
                }
                Some(event) => {
                    count += u64::from(self.event(&event, &filter)?);
                    true
                }
                None => false,
            };
            if !found && wait(&events, &stopped)? {
                break;
            }
        }
        let foot = match command {
            Command::Event => xml::FOOT,
            _ => xml::EXPECTATIONS_FOOT,
        };
        self.out.end(foot);
        Ok(count)
    }

    /// Shows an event; whether it was one to show.
    fn event(&mut self, event: &Event<'_>, filter: &Filter) -> Result<bool> {
        let when = self.time();
        let (as_xml, as_save) = (self.out.has(words::XML), self.out.has(words::SAVE));
        match event {
            Event::Flow { kind, flow, origin } if filter.matches(flow) => {
                if as_xml {
                    self.out.begin(xml::HEAD);
                    self.out.write(|line, format| xml::event(line, *kind, flow, when, format));
                } else {
                    self.push_time(when, push_precise_time);
                    self.out.write(|line, format| {
                        if as_save {
                            save::flow(line, *kind, flow);
                        } else {
                            text::event(line, *kind, flow, format);
                        }
                    });
                }
                self.push_origin(*origin);
            }
            Event::Expectation { kind, expectation: expected, .. } => {
                if as_xml {
                    self.out.begin(xml::EXPECTATIONS_HEAD);
                    let kind: EventKind = *kind;
                    self.out.write(|line, _| xml::expectation_event(line, kind, expected, when));
                } else {
                    self.push_time(when, push_plain_time);
                    self.out.write(|line, _| expectation::event(line, *kind, expected));
                }
            }
            _ => return Ok(false),
        }
        self.out.flush()?;
        Ok(true)
    }

    /// Writes an expectation of a listing, with the time of day if that is asked for.
    pub(super) fn show_expectation(&mut self, expected: &Expectation<'_>) -> Result<()> {
        let when = self.time();
        if !self.out.has(words::XML) {
            self.push_time(when, push_plain_time);
        }
        Ok(self.out.expectation(expected, when)?)
    }

    /// The time of day, if it is to be shown.
    fn time(&self) -> Option<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.out.has(words::TIMESTAMP).then_some(now.as_nanos() as u64)
    }

    fn push_time(&mut self, when: Option<u64>, push: fn(&mut Line, u64)) {
        if let Some(when) = when {
            self.out.write(|line, _| push(line, when));
        }
    }

    /// Ends the line, with the process that made the change if one did.
    fn push_origin(&mut self, origin: Origin) {
        let name = (origin.port != 0).then(|| program_of(origin.port));
        self.out.write(|line, _| {
            if let Some(name) = name {
                line.text(" [USERSPACE] portid=");
                line.number(origin.port);
                if let Some(name) = name {
                    line.text(" progname=");
                    line.raw(&name);
                }
            }
            line.byte(b'\n');
        });
    }
}

/// What to listen to.
fn groups(command: Command, order: &Order) -> Groups {
    if command == Command::ExpectationEvents {
        return Groups::EXPECTATIONS;
    }
    let mut groups = Groups::empty();
    for (event, group) in [
        (words::NEW, Groups::NEW),
        (words::UPDATE, Groups::UPDATE),
        (words::DESTROY, Groups::DESTROY),
    ] {
        if order.events & event != 0 {
            groups |= group;
        }
    }
    if groups.is_empty() { Groups::FLOWS } else { groups }
}

/// A pipe that becomes readable when a signal asks for the end.
fn stopped() -> Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in SIGNALS {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    Ok(reader)
}

/// Waits for an event; whether a signal came first.
fn wait(events: &conntrack::Events, stopped: &UnixStream) -> Result<bool> {
    let mut both = [PollFd::new(events, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
    match poll(&mut both, None) {
        Ok(_) | Err(Errno::INTR) => Ok(!both[1].revents().is_empty()),
        Err(error) => Err(Stop::refused(format!("cannot wait for events: {error}")).into()),
    }
}

/// Seconds and microseconds of an event on a flow.
fn push_precise_time(line: &mut Line, nanoseconds: u64) {
    line.byte(b'[');
    line.zero_padded(nanoseconds / 1_000_000_000, 8);
    line.byte(b'.');
    line.zero_padded(nanoseconds / 1000 % 1_000_000, 6);
    line.text("]\t");
}

/// The same of an event on an expectation: filled with blanks, not with zeros.
fn push_plain_time(line: &mut Line, nanoseconds: u64) {
    line.byte(b'[');
    line.left::<8>(nanoseconds / 1_000_000_000);
    line.byte(b'.');
    line.left::<6>(nanoseconds / 1000 % 1_000_000);
    line.text("]\t");
}

/// The program that has a netlink port, as far as that can be seen.
fn program_of(port: u32) -> Option<Vec<u8>> {
    let inode = inode_of(port)?;
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let has = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|target| target.as_os_str() == &*wanted)
        });
        if has {
            let status = fs::read(process.path().join("stat")).ok()?;
            let start = status.iter().position(|byte| *byte == b'(')? + 1;
            let end = status.iter().position(|byte| *byte == b')')?;
            return status.get(start..end).map(<[u8]>::to_vec);
        }
    }
    None
}

/// The inode of the netfilter socket that has a port.
fn inode_of(port: u32) -> Option<u64> {
    const NETFILTER: &str = "12";
    let table = fs::read_to_string("/proc/net/netlink").ok()?;
    table.lines().skip(1).find_map(|row| {
        let columns: Vec<_> = row.split_whitespace().collect();
        let same = columns.get(1) == Some(&NETFILTER)
            && columns.get(2).is_some_and(|column| column.parse() == Ok(port));
        if same { columns.get(9)?.parse().ok() } else { None }
    })
}
