//! Moments as `docker logs --since` reads them.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// What a time may be written like.
pub const FORMS: &str = "write a time like 2026-01-31T09:30:00.5Z, a date, seconds since the epoch, or how long ago, like 10m or \
                         1h30m";

/// Reads a date, a time, seconds since the epoch, or how long ago it was.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    // As the Docker CLI has it: a time without a zone is in the zone of this moment, whatever its own season.
    let here = TimeZone::system().to_offset(now);
    read(text, now, here).ok_or_else(|| FORMS.to_owned())
}

/// A moment as an engine takes it: whole seconds since the epoch, and nanoseconds to be added to them.
pub fn split(moment: Timestamp) -> (i64, u32) {
    let nanoseconds = moment.as_nanosecond();
    let second = nanoseconds.div_euclid(SECOND);
    let rest = nanoseconds.rem_euclid(SECOND);
    (
        i64::try_from(second).unwrap_or_default(),
        u32::try_from(rest).unwrap_or_default(),
    )
}

const SECOND: i128 = 1_000_000_000;

fn read(text: &str, now: Timestamp, here: Offset) -> Option<Timestamp> {
    if let Some(ago) = duration(text) {
        return now.checked_sub(ago).ok();
    }
    match text.contains('-') {
        true => date(text, here),
        false => epoch(text),
    }
}

/// How long ago, as Go spells a duration: `1h30m`, `1.5h`, `-5m` for what is to come. A bare number is none.
fn duration(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        if !whole.is_empty() {
            total = total.checked_add(whole.parse::<i128>().ok()?.checked_mul(unit)?)?;
        }
        total += unit * i128::from(billionths(fraction)?) / SECOND;
        rest = after;
    }
    let total = sign * total;
    let seconds = i64::try_from(total / SECOND).ok()?;
    Some(SignedDuration::new(seconds, i32::try_from(total % SECOND).ok()?))
}

/// Digits after a point, in billionths. More than nine say nothing more.
fn billionths(digits: &str) -> Option<u32> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{:0<9}", digits.get(..9).unwrap_or(digits)).parse().ok()
}

/// Seconds since the epoch: `1700000000`, `1700000000.25`.
fn epoch(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((seconds, fraction)) => (seconds, billionths(fraction)?),
        None => (text, 0),
    };
    Timestamp::new(seconds.parse().ok()?, i32::try_from(fraction).ok()?).ok()
}

/// A date, with or without a time and a zone.
fn date(text: &str, here: Offset) -> Option<Timestamp> {
    let (local, offset) = match text.strip_suffix('Z') {
        Some(local) => (local, Offset::UTC),
        None if text.contains('+') || text.matches('-').count() == 3 => {
            let (local, zone) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
            (local, offset(zone)?)
        }
        None => (text, here),
    };
    offset.to_timestamp(civil(local)?).ok()
}

/// `+02:00`
fn offset(zone: &str) -> Option<Offset> {
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let seconds = 3600 * digits::<i32>(hours, 2)? + 60 * digits::<i32>(minutes, 2)?;
    Offset::from_seconds(sign * seconds).ok()
}

/// `2026-01-31`, with as much of `T09:30:00.5` as is known.
fn civil(text: &str) -> Option<DateTime> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() {
        return None;
    }
    let (mut clock, mut nanosecond) = ([0_i8; 3], 0);
    if let Some(time) = time {
        let (time, fraction) = match time.split_once('.') {
            Some((_, "")) => return None,
            Some((time, fraction)) => (time, Some(fraction)),
            None => (time, None),
        };
        let given: Vec<_> = time.split(':').map(|part| digits(part, 2)).collect::<Option<_>>()?;
        clock.get_mut(..given.len())?.copy_from_slice(&given);
        if let Some(fraction) = fraction {
            // Only seconds have fractions.
            nanosecond = i32::try_from(billionths(fraction).filter(|_| given.len() == 3)?).ok()?;
        }
    }
    let [hour, minute, second] = clock;
    DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()
}

/// A number of so many digits.
fn digits<N: std::str::FromStr>(text: &str, length: usize) -> Option<N> {
    let is_whole = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    /// With local time an hour ahead of UTC.
    fn at(text: &str) -> Option<(i64, u32)> {
        let now = Timestamp::from_second(NOW).expect("a time");
        read(text, now, jiff::tz::offset(1)).map(split)
    }

    #[test]
    fn a_date_may_have_as_much_of_a_time_as_is_known_and_a_zone() {
        for (text, expected) in [
            ("2023-11-14T22:13:20Z", (NOW, 0)),
            ("2023-11-14T22:13:20.000000001Z", (NOW, 1)),
            ("2023-11-14T22:13:20.5+00:00", (NOW, 500_000_000)),
            ("2023-11-15T00:13:20+02:00", (NOW, 0)),
            ("2023-11-14T20:13:20-02:00", (NOW, 0)),
            ("2023-11-14T23:13:20", (NOW, 0)),
            ("2023-11-14T23:13:20.25", (NOW, 250_000_000)),
            ("2023-11-14T23:13", (NOW - 20, 0)),
            ("2023-11-14T22:13Z", (NOW - 20, 0)),
            ("2023-11-14T23", (NOW - 800, 0)),
            ("2023-11-14T22Z", (NOW - 800, 0)),
            ("2023-11-14", (1_699_916_400, 0)),
            ("2023-11-14Z", (1_699_920_000, 0)),
            ("2023-11-14+02:00", (1_699_912_800, 0)),
            ("1969-12-31T23:59:59.25Z", (-1, 250_000_000)),
        ] {
            assert_eq!(at(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_number_is_seconds_since_the_epoch_with_or_without_a_fraction() {
        for (text, expected) in [
            ("0", (0, 0)),
            ("1700000000", (NOW, 0)),
            ("1700000000.5", (NOW, 500_000_000)),
            ("1700000000.000000001", (NOW, 1)),
            ("1700000000.0000000019", (NOW, 1)),
        ] {
            assert_eq!(at(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_duration_is_how_long_ago() {
        for (text, expected) in [
            ("10m", (NOW - 600, 0)),
            ("1h30m", (NOW - 5400, 0)),
            ("1.5h", (NOW - 5400, 0)),
            ("0.25s", (NOW - 1, 750_000_000)),
            (".5s", (NOW - 1, 500_000_000)),
            ("1ms", (NOW - 1, 999_000_000)),
            ("0s", (NOW, 0)),
            ("-5m", (NOW + 300, 0)),
            ("+5m", (NOW - 300, 0)),
        ] {
            assert_eq!(at(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "soon",
            "-",
            "-5",
            "5d",
            "m",
            ".s",
            "1.2.3s",
            "17.",
            "17.x",
            "2023-11",
            "2023-13-01",
            "2023-11-14 22:13:20",
            "2023-11-14T",
            "2023-11-14T1:2",
            "2023-11-14T22:13.5Z",
            "2023-11-14T22:13:20z",
            "2023-11-14T22:13:20+2",
            "9999999999999",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
