//! Sizes and ages as the Docker CLI writes them.

use jiff::{SignedDuration, Timestamp};

/// Decimal units with three digits: `4.26MB`.
pub fn size(bytes: u64) -> String {
    scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Binary units, as limits are given: `512MiB`.
pub fn binary_size(bytes: i64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    let number = format!("{value:.decimals$}");
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{number}{}", units[unit])
}

/// A size as limits are given, in bytes: `4096`, `512m`, `1.5g`, `4GiB`; the units are binary.
pub fn parse_size(text: &str) -> Result<i64, String> {
    mngr_docker_grammar::size::parse(text.trim()).map_err(|_| format!("`{text}` is not a size; write it as 512m or 4g"))
}

/// A size, or -1 for no limit.
pub fn parse_size_or_none(text: &str) -> Result<i64, String> {
    match text {
        "-1" => Ok(-1),
        _ => parse_size(text),
    }
}

/// `5 minutes ago`; the text itself where it is no time.
pub fn age(timestamp: &str, now: Timestamp) -> String {
    match timestamp.parse::<Timestamp>() {
        Ok(then) => format!("{} ago", duration(now.duration_since(then))),
        Err(_) => timestamp.to_owned(),
    }
}

fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match () {
        () if seconds < 1 => "less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "about a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "about an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 14 => format!("{} days", hours / 24),
        () if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// An id without its prefix's word, cut to what people compare: `sha256:` goes, 12 characters stay.
pub fn short_id(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    match id.split_once('-') {
        Some((_, rest)) if rest.len() > 12 => id.get(..id.len() - rest.len() + 12).unwrap_or(id),
        Some(_) => id,
        None => id.get(..12).unwrap_or(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_at_most() {
        assert_eq!(size(0), "0B");
        assert_eq!(size(999), "999B");
        assert_eq!(size(4_261_550), "4.26MB");
        assert_eq!(size(2_100_000_000), "2.1GB");
        assert_eq!(size(123_400_000), "123MB");
        assert_eq!(binary_size(512 << 20), "512MiB");
        assert_eq!(binary_size(100), "100B");
    }

    #[test]
    fn a_size_is_read_as_it_is_written() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("1.5g"), Ok(3 << 29));
        assert_eq!(parse_size("4GiB"), Ok(4 << 30));
        assert_eq!(parse_size_or_none("-1"), Ok(-1));
        for wrong in ["", "m", "-1", "4x", "1.2.3", "99999999t"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_read_as_docker_writes_them() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a time");
        assert_eq!(age("2026-01-31T11:59:18Z", now), "42 seconds ago");
        assert_eq!(age("2026-01-31T11:59:00Z", now), "about a minute ago");
        assert_eq!(age("2026-01-31T11:54:59.877Z", now), "5 minutes ago");
        assert_eq!(age("2026-01-31T11:00:00Z", now), "about an hour ago");
        assert_eq!(age("2026-01-28T12:00:00Z", now), "3 days ago");
        assert_eq!(age("2020-01-28T12:00:00Z", now), "6 years ago");
        assert_eq!(age("2026-01-31T12:00:09Z", now), "less than a second ago");
        assert_eq!(age("yesterday", now), "yesterday");
    }

    #[test]
    fn short_ids_keep_enough_to_compare() {
        assert_eq!(short_id("agent-0123456789abcdef0123"), "agent-0123456789ab");
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("agent-1"), "agent-1");
        assert_eq!(short_id("short"), "short");
    }
}
