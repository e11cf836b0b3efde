//! Times of day.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::classic::Line;

const NANOSECONDS: u64 = 1_000_000_000;

/// Whole seconds of a time of the kernel's.
pub(super) const fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds / NANOSECONDS
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// Appends a time in the system's time zone, as `ctime` writes it: `Thu Jan  1 00:00:00 1970`.
pub(crate) fn push_date(line: &mut Line, nanoseconds: u64) {
    let Some(time) = local(nanoseconds) else { return };
    line.text(WEEKDAYS[usize::from(time.weekday().to_sunday_zero_offset().unsigned_abs()) % 7]);
    line.byte(b' ');
    line.text(MONTHS[usize::from(time.month().unsigned_abs()).saturating_sub(1) % 12]);
    line.byte(b' ');
    line.right::<2>(time.day().unsigned_abs().into());
    line.byte(b' ');
    line.two_digits(time.hour().unsigned_abs());
    line.byte(b':');
    line.two_digits(time.minute().unsigned_abs());
    line.byte(b':');
    line.two_digits(time.second().unsigned_abs());
    line.byte(b' ');
    line.number(time.year());
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A time since 1970 in the system's time zone, if the calendar has it.
pub(super) fn local(nanoseconds: u64) -> Option<jiff::Zoned> {
    let seconds = i64::try_from(seconds(nanoseconds)).ok()?;
    let time = Timestamp::from_second(seconds).ok()?;
    Some(time.to_zoned(TimeZone::system()))
}
