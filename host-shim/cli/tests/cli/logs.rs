//! `logs` between two times, and lines for programs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::person::Person;

/// An agent whose main command has printed numbers, a line each.
fn speaker(person: &Person, lines: usize) {
    let script = format!("i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo $i; done");
    person.json(&["create", "a1", "--", "sh", "-c", &script]);
    // It ends when the agent does.
    assert_eq!(person.run(&["logs", "-f", "a1"]).status, 0);
}

#[test]
fn no_line_is_lost_or_doubled_at_a_time_with_a_fraction() {
    let person = Person::new();
    speaker(&person, 30);
    let log = |arguments: &[&str]| {
        let ran = person.run(&[&["logs", "a1"], arguments].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout
    };
    let all = log(&[]);
    let stamped = log(&["-t"]);
    for line in stamped.lines().step_by(3) {
        let time: Timestamp = line.split(' ').next().expect("a time").parse().expect("a time");
        let before = time - SignedDuration::from_nanos(1);
        let nanoseconds = |time: Timestamp| {
            let (whole, rest) = (
                time.as_nanosecond() / 1_000_000_000,
                time.as_nanosecond() % 1_000_000_000,
            );
            format!("{whole}.{rest:09}")
        };
        for (until, since) in [
            (before.to_string(), time.to_string()),
            (nanoseconds(before), nanoseconds(time)),
        ] {
            let (first, last) = (log(&["--until", &until]), log(&["--since", &since]));
            assert_eq!(first + &last, all, "parted at {time}");
        }
        // What was printed at that very moment is on both sides of it.
        let moment = log(&["--since", &time.to_string(), "--until", &time.to_string()]);
        assert!(!moment.is_empty() && all.contains(&moment), "{moment}");
    }
}

#[test]
fn a_time_is_written_as_docker_reads_it() {
    let person = Person::new();
    speaker(&person, 3);
    for time in [
        "1h",
        "1h30m",
        "90.5s",
        "2020-01-31",
        "2020-01-31T09:30",
        "2020-01-31T09:30:00.25",
        "1600000000.5",
        "0",
    ] {
        let ran = person.run(&["logs", "a1", "--since", time]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (0, "1\n2\n3\n"),
            "{time}: {}",
            ran.stderr
        );
    }
    assert_eq!(person.run(&["logs", "a1", "--since", "-1h"]).stdout, "");
    for time in ["soon", "-5", "5d"] {
        assert_eq!(person.run(&["logs", "a1", "--since", time]).status, 2, "{time}");
    }
}

#[test]
fn programs_get_every_byte_of_long_lines_and_of_what_is_no_text() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    let lines = |script: &str| -> Vec<Value> {
        let ran = person.run(&["--json", "exec", "a1", "--", "sh", "-c", script]);
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let values = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        values.filter(|value: &Value| value.get("channel").is_some()).collect()
    };
    let long = lines(
        "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); printf '\u{20ac}0123456789\u{e4}\u{e4}'; done; echo; echo next",
    );
    let (next, pieces) = long.split_last().expect("lines");
    assert_eq!(*next, json!({"channel": "stdout", "text": "next"}));
    let text: String = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
    assert_eq!(text, "\u{20ac}0123456789\u{e4}\u{e4}".repeat(4000));
    let partial: Vec<_> = pieces.iter().map(|piece| piece["partial"] == true).collect();
    assert_eq!(partial, [true, false]);
    assert_eq!(
        lines("printf 'a\\377b\\n'"),
        [json!({"channel": "stdout", "text": "a\u{fffd}b", "base64": "Yf9i"})]
    );
}
