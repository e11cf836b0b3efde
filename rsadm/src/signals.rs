//! The signals that end what goes on until somebody ends it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::failure::{Failure, Result};

/// SIGINT and SIGTERM, caught from now on.
#[derive(Debug)]
pub(crate) struct Signals(UnixStream);

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A signal asks for the end.
    Signal,
    /// What was waited for is there, or the time is over.
    Ready,
}

impl Signals {
    /// Catches the signals: from then on they only end waits.
    pub(crate) fn catch() -> Result<Self> {
        let register = || -> io::Result<UnixStream> {
            let (reader, writer) = UnixStream::pair()?;
            for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
                signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
            }
            Ok(reader)
        };
        let failed = |error| Failure::refused(format!("cannot wait for signals: {error}"));
        register().map(Self).map_err(failed)
    }

    /// Waits until something can be read from one of these, or a signal comes.
    pub(crate) fn or_readable<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a (impl AsFd + 'a)>,
    ) -> Result<Wake> {
        let sources = sources.into_iter().map(|source| PollFd::new(source, PollFlags::IN));
        let mut all: Vec<_> =
            [PollFd::new(&self.0, PollFlags::IN)].into_iter().chain(sources).collect();
        Self::wait(&mut all, None)
    }

    /// Waits for so long, or until a signal comes.
    pub(crate) fn or_after(&self, time: Duration) -> Result<Wake> {
        let time =
            Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        Self::wait(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&time))
    }

    /// Whether a signal has come.
    pub(crate) fn is_raised(&self) -> Result<bool> {
        Ok(self.or_after(Duration::ZERO)? == Wake::Signal)
    }

    fn wait(sources: &mut [PollFd<'_>], time: Option<&Timespec>) -> Result<Wake> {
        match poll(sources, time) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::refused(format!("cannot wait: {error}"))),
        }
        let signalled = sources.first().is_some_and(|first| !first.revents().is_empty());
        Ok(if signalled { Wake::Signal } else { Wake::Ready })
    }
}
