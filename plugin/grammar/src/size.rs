//! Sizes: `4096`, `512m`, `1.5g`, `4GiB`.

use std::error::Error;
use std::fmt;

/// Why a text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeError {
    /// It is not a number with a unit that Docker knows.
    Malformed,
    /// It is a size, and more bytes than the engine can count.
    TooLarge,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a size",
            Self::TooLarge => "it is too large for a size",
        })
    }
}

impl Error for SizeError {}

/// The bytes that a text means to `docker run --memory`. They are never below zero.
///
/// The number has digits, and may have a point among them. One of `k`, `m`, `g`, `t` and `p` may follow, with `b` or `ib`
/// after it, or `b` alone. The case of a unit does not matter, and one space may stand before it. Every unit is binary: `1k`
/// is 1024 bytes. A part of a byte is cut off. Docker's own parser is the model; signs and exponents, which it lets pass
/// as well, are refused here.
///
/// # Errors
/// [`SizeError`] for a text that is no size, or too large a one.
///
/// ```
/// use mngr_docker_grammar::size::{self, SizeError};
///
/// assert_eq!(size::parse("1.5g"), Ok(1_610_612_736));
/// assert_eq!(size::parse("lots"), Err(SizeError::Malformed));
/// ```
pub fn parse(text: &str) -> Result<i64, SizeError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = shift(unit.strip_prefix(' ').unwrap_or(unit)).ok_or(SizeError::Malformed)?;
    // Whole numbers are counted exactly, which a floating-point number cannot do above 2^53.
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(1 << shift).ok_or(SizeError::TooLarge);
    }
    let number: f64 = number.parse().map_err(|_| SizeError::Malformed)?;
    let bytes = number * (1_i64 << shift) as f64;
    match bytes < i64::MAX as f64 {
        true => Ok(bytes as i64),
        false => Err(SizeError::TooLarge),
    }
}

/// The power of two that a unit stands for.
fn shift(unit: &str) -> Option<u32> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        "t" | "tb" | "tib" => Some(40),
        "p" | "pb" | "pib" => Some(50),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_docker_is_read() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1b", 1),
            ("1B", 1),
            ("1 b", 1),
            ("1k", 1 << 10),
            ("1K", 1 << 10),
            ("1kb", 1 << 10),
            ("1KiB", 1 << 10),
            ("512m", 512 << 20),
            ("512MB", 512 << 20),
            ("512mib", 512 << 20),
            ("4g", 4 << 30),
            ("4 g", 4 << 30),
            ("4GiB", 4 << 30),
            ("2t", 2 << 40),
            ("2TB", 2 << 40),
            ("1p", 1 << 50),
            ("1.5g", 3 << 29),
            ("1.5 GB", 3 << 29),
            (".5g", 1 << 29),
            ("5.k", 5 << 10),
            ("0.3MB", 314_572),
            ("32.7", 32),
            ("007", 7),
            ("7 ", 7),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_from_what_is_too_large() {
        for text in [
            "", " ", ".", "g", "b", "-1", "-1g", "+1", "1x", "1i", "1ki", "1ib", "1bb", "1kk", "1gbs", "1..5g",
            "1.2.3", "1,5g", "1 2", "1  g", " 1", "1g ", "1e3", "9e9", "0x10", "1_000", "inf", "NaN", "lots", "١k",
            "1µ",
        ] {
            assert_eq!(parse(text), Err(SizeError::Malformed), "{text:?}");
        }
        for text in [
            "9223372036854775808",
            "8192p",
            "99999999t",
            "9999999999999999999999",
            "9007199254740992.5k",
        ] {
            assert_eq!(parse(text), Err(SizeError::TooLarge), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_of_bytes_is_itself(bytes in 0..i64::MAX) {
            prop_assert_eq!(parse(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn a_unit_is_a_power_of_1024(number in 0_i64..8191, power in 0_usize..5, end in "(b|B|ib|iB)?", space in " ?") {
            let unit = ["k", "M", "g", "T", "p"][power];
            let text = format!("{number}{space}{unit}{end}");
            prop_assert_eq!(parse(&text), Ok(number << (10 * (power + 1))), "{}", text);
        }

        #[test]
        fn half_of_a_unit_is_half_of_its_bytes(number in 0_i64..100_000) {
            prop_assert_eq!(parse(&format!("{number}.5m")), Ok((number << 20) + (1 << 19)));
        }

        #[test]
        fn no_size_is_below_zero(text in "[-+.0-9]{1,22} ?[bkmgtpiBKMGTPI]{0,3}") {
            prop_assert!(parse(&text).unwrap_or(0) >= 0, "{}", text);
        }
    }
}
