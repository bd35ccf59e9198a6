//! What a value means: sizes, durations, numbers, lists, limits.

use mngr_docker_grammar::values;
use mngr_docker_grammar::words::{did_you_mean, nearest, shown};

use super::Bad;
use crate::contract::types::{DeviceRate, Ulimit};

/// What a flag's function answers.
pub type Outcome<T = ()> = Result<T, Bad>;

const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// A size as Docker spells it, in bytes.
///
/// # Errors
/// Where it is none, or does not fit.
pub fn size(text: &str) -> Outcome<i64> {
    mngr_docker_grammar::size::parse(text).map_err(|error| {
        Bad::new(
            error.to_string(),
            "write a number and one of b, k, m, g, t, for example 512m or 4g",
        )
    })
}

/// A limit in bytes; 0 is none.
pub fn limit_size(text: &str) -> Outcome<Option<i64>> {
    Ok(Some(size(text)?).filter(|bytes| *bytes > 0))
}

/// A size that is more than nothing.
pub fn positive_size(text: &str) -> Outcome<i64> {
    match size(text)? {
        0 => Err(Bad::new(
            "it is zero",
            "leave the flag out for no limit, or give a size such as 512m",
        )),
        bytes => Ok(bytes),
    }
}

/// A duration as Go spells it, in nanoseconds: `30s`, `1m30s`, `1.5h`.
pub fn duration(text: &str) -> Outcome<i64> {
    let bad = || {
        Bad::new(
            "it is not a duration",
            "write a number and a unit, for example 30s, 500ms or 1m30s",
        )
    };
    if text == "0" {
        return Ok(0);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let after = &rest[digits..];
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let nanoseconds = match &after[..letters] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(bad()),
        };
        let part = number * nanoseconds;
        if part > 9e18 {
            return Err(bad());
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        let part = part as i64;
        total = total.checked_add(part).ok_or_else(bad)?;
        rest = &after[letters..];
    }
    if text.is_empty() { Err(bad()) } else { Ok(total) }
}

/// A switch's value, as Go spells one.
pub fn boolean(text: &str) -> Outcome<bool> {
    values::boolean(text).ok_or_else(|| {
        Bad::new(
            "it is neither true nor false",
            "write true or false, or leave the value out",
        )
    })
}

/// A whole number in a range.
pub fn integer(text: &str, least: i64, most: i64) -> Outcome<i64> {
    match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => {
            let range = match most {
                i64::MAX => format!("of {least} or more"),
                most => format!("from {least} to {most}"),
            };
            Err(Bad::new(
                "it is out of range or not a whole number",
                format!("write a whole number {range}"),
            ))
        }
    }
}

/// A whole number as Go reads the value of a flag: `0x10`, `0b11`, `0o17` and `017` are numbers, and `1_000` is.
pub fn flag_number(text: &str, least: i64, most: i64) -> Outcome<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let prefixes = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let prefixed = prefixes
        .into_iter()
        .find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix).filter(|rest| !rest.is_empty())?, radix)));
    let (digits, radix) = prefixed.unwrap_or((&lower, 10));
    let begins = prefixed.is_some() || !digits.starts_with('_');
    let digits = digits.replace('_', "");
    let plain = begins && digits.starts_with(|c: char| c.is_digit(radix));
    match i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        Ok(number) if plain => integer(&number.to_string(), least, most),
        _ => integer("", least, most),
    }
}

/// A number of CPUs, whole or part; 0 is no limit.
pub fn cpus(text: &str) -> Outcome<Option<f64>> {
    let bad = || {
        Bad::new(
            "it is not a number of CPUs",
            "write a number of 0.01 or more with at most nine decimals, for example 1.5",
        )
    };
    let decimal = |text: &str| -> Option<f64> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
        text.parse().ok().filter(|_| plain)
    };
    let number = match text.split_once('/') {
        Some((above, below)) => decimal(above).zip(decimal(below).filter(|below| *below > 0.0)),
        None => decimal(text).zip(Some(1.0)),
    };
    let number = number.map(|(above, below)| above / below).ok_or_else(bad)?;
    let nano = number * 1e9;
    let exact = (nano - nano.round()).abs() < 1e-3;
    match number {
        0.0 => Ok(None),
        number if exact && (0.01..=1_000_000.0).contains(&number) => Ok(Some(number)),
        _ => Err(bad()),
    }
}

/// A list of CPUs or memory nodes: `0-2,4`.
pub fn cpu_list(text: &str) -> Outcome<String> {
    let number = |part: &str| part.parse::<u16>().ok();
    let range = |part: &str| match part.split_once('-') {
        Some((from, to)) => matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to),
        None => number(part).is_some(),
    };
    match text.split(',').all(range) {
        true => Ok(text.to_owned()),
        false => Err(Bad::new(
            "it is not a list of numbers",
            "write numbers and ranges, for example 0-2,4",
        )),
    }
}

/// A text, whatever it is.
pub fn any(value: &str) -> Outcome<String> {
    Ok(value.to_owned())
}

/// A text that may not be empty.
pub fn text(value: &str) -> Outcome<String> {
    match value.is_empty() {
        true => Err(Bad::new("its value is empty", "give a value, or leave the flag out")),
        false => Ok(value.to_owned()),
    }
}

/// `NAME=VALUE`; the value may be empty where there is no `=`.
pub fn pair(value: &str) -> Outcome<(&str, &str)> {
    let (name, value) = value.split_once('=').unwrap_or((value, ""));
    match name.is_empty() {
        true => Err(Bad::new("its name is empty", "write NAME=VALUE")),
        false => Ok((name, value)),
    }
}

/// `NAME=VALUE` where neither may be left out.
pub fn full_pair(value: &str) -> Outcome<(&str, &str)> {
    let bad = || Bad::new("it is not NAME=VALUE", "write a name, an equals sign and a value");
    values::pair(value)
        .filter(|(_, value)| !value.is_empty())
        .ok_or_else(bad)
}

/// One of a few words.
pub fn one_of(value: &str, words: &[&str]) -> Outcome<String> {
    match words.contains(&value) {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            format!("`{}` is not known here", shown(value)),
            format!("use one of: {}", words.join(", ")),
        )),
    }
}

/// `nofile=1024:2048`; the hard limit is the soft one where it is left out, and -1 is no limit.
pub fn ulimit(value: &str) -> Outcome<Ulimit> {
    let bad = |reason: &str| {
        Bad::new(
            reason,
            "write NAME=SOFT or NAME=SOFT:HARD, for example nofile=1024:2048",
        )
    };
    let (name, numbers) = value.split_once('=').ok_or_else(|| bad("its limit is missing"))?;
    if !ULIMITS.contains(&name) {
        let near = did_you_mean(&nearest(name, ULIMITS));
        return Err(Bad::new(
            "there is no such limit",
            format!("{near}use one of: {}", ULIMITS.join(", ")),
        ));
    }
    let number = |text: &str| text.parse::<i64>().ok();
    let (soft, hard) = numbers.split_once(':').unwrap_or((numbers, numbers));
    let (Some(soft), Some(hard)) = (number(soft), number(hard)) else {
        return Err(bad("its limit is not a number"));
    };
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(bad("its soft limit is above the hard one"));
    }
    Ok(Ulimit {
        name: name.to_owned(),
        soft,
        hard,
    })
}

/// `/dev/sda:1mb` or `/dev/sda:100`.
pub fn device_rate(value: &str, sized: bool) -> Outcome<DeviceRate> {
    let bad = || {
        Bad::new(
            "it is not DEVICE:RATE",
            "write a device and a rate, for example /dev/sda:10mb or /dev/sda:100",
        )
    };
    let (path, rate) = value
        .split_once(':')
        .filter(|(path, _)| path.starts_with("/dev/"))
        .ok_or_else(bad)?;
    let rate = if sized {
        size(rate)?
    } else {
        integer(rate, 0, i64::MAX)?
    };
    Ok(DeviceRate {
        path: path.to_owned(),
        rate: u64::try_from(rate).map_err(|_| bad())?,
    })
}

/// The fields of one line of comma-separated values; a field in double quotes may hold commas.
pub fn comma_separated(line: &str) -> Outcome<Vec<String>> {
    values::comma_separated(line).ok_or_else(|| {
        Bad::new(
            "a field is empty, or a quote stands in the middle of one",
            "write KEY=VALUE,KEY=VALUE, and put quotes around the whole of a field: \"KEY=A,B\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_size_that_is_none_says_why_and_what_would_be_one() {
        assert_eq!(size("1.5g"), Ok(3 << 29));
        for (bad, reason) in [
            ("lots", "it is not a size"),
            ("99999999t", "it is too large for a size"),
        ] {
            let bad = size(bad).expect_err(bad);
            assert!(bad.reason == reason && bad.remedy.contains("512m"), "{bad:?}");
        }
        assert!(positive_size("0").expect_err("nothing").reason.contains("zero"));
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        assert_eq!(duration("1m30s"), Ok(90_000_000_000));
        assert_eq!(duration("500ms"), Ok(500_000_000));
        assert_eq!(duration("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(duration("0"), Ok(0));
        for bad in ["", "5", "s", "1x", "1m30", "-1s", "999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_of_flags_are_read_as_go_reads_them() {
        for (text, number) in [
            ("0x10", 16),
            ("0b11", 3),
            ("0o17", 15),
            ("017", 15),
            ("1_000", 1000),
            ("-1", -1),
            ("+5", 5),
        ] {
            assert_eq!(flag_number(text, -10, 1000), Ok(number), "{text}");
        }
        for bad in ["", "-", "x", "0x", "1.5", "--1", "0b2", "_1", "1001"] {
            assert!(flag_number(bad, -10, 1000).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_of_cpus_may_be_a_fraction_and_none_is_no_limit() {
        for (text, number) in [
            ("1.5", 1.5),
            (".5", 0.5),
            ("1/2", 0.5),
            ("1e-1", 0.1),
            ("+1", 1.0),
            ("2.", 2.0),
        ] {
            assert_eq!(cpus(text), Ok(Some(number)), "{text}");
        }
        assert_eq!((cpus("0"), limit_size("0")), (Ok(None), Ok(None)));
        for bad in ["", "x", "-1", "1/0", "1.0000000001", "0.001", "inf", "NaN", "1/2/3"] {
            assert!(cpus(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_has_a_known_name_and_its_soft_part_below_its_hard_one() {
        let limit = |soft, hard| Ulimit {
            name: "nofile".to_owned(),
            soft,
            hard,
        };
        assert_eq!(ulimit("nofile=1024:2048"), Ok(limit(1024, 2048)));
        assert_eq!(ulimit("nofile=1024"), Ok(limit(1024, 1024)));
        assert_eq!(ulimit("nofile=-1"), Ok(limit(-1, -1)));
        for bad in [
            "nofile",
            "nofile=",
            "nofile=2:1",
            "nofile=-1:5",
            "nofiles=1",
            "nofile=1:2:3",
        ] {
            assert!(ulimit(bad).is_err(), "{bad}");
        }
        assert!(ulimit("nofiles=1").expect_err("unknown").remedy.contains("nofile"));
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd_to_be_judged(text in ".*") {
            let _ = (size(&text), duration(&text), ulimit(&text), cpus(&text), cpu_list(&text));
        }
    }
}
