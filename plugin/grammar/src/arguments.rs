//! Flags as people and programs hand them over: what is one flag, what is its value, and what is a line of flags.
//!
//! This is the one grammar of `-s` and `-b` of the command line, and of the lists that mngr and Python hand over. Each text is
//! read by the first of these rules that fits it.
//!
//! 1. It follows a flag that still lacks its value: it is that value.
//! 2. `--flag=VALUE` and `-fVALUE` are one flag.
//! 3. `--flag VALUE` is a flag and its value, split at the first white space; unless all of the text, read as a shell would,
//!    is a line of two or more known flags, or `VALUE` stands in quotes from its beginning to its end. A shell's rules then
//!    hold for it.
//! 4. Everything else is one word.
//!
//! Where no shell's rules hold a value is taken byte for byte: quotes, backslashes and spaces stay. Rule 3 keeps old lines
//! alive, in which every text was read as by a shell. Where a text meant something else then, there is a [`Doubt`].

use std::fmt;

use crate::flags::{self, Known, Name, Reason};

/// What is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A text by the rules of this module.
    Text(String),
    /// A flag that is read already, with its value behind an equals sign.
    Flag(String),
}

/// The words that texts come to, as [`flags::read`] takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub words: Vec<String>,
    /// Which texts meant something else in former versions.
    pub doubts: Vec<Doubt>,
}

/// A text whose quotes, backslashes or spaces are a value's now, and were a shell's in former versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The flag, without its value.
    pub flag: String,
    /// What was something else.
    pub kind: DoubtKind,
}

/// What a text held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubtKind {
    /// More flags than one.
    SeveralFlags,
    /// A value in a shell's quotes, or with its backslashes or spaces.
    Quotes,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = &self.flag;
        match self.kind {
            DoubtKind::SeveralFlags => write!(
                f,
                "{flag} takes all that follows it for its value; give each flag an argument of its own"
            ),
            DoubtKind::Quotes => write!(
                f,
                "{flag} keeps the quotes, backslashes and spaces of its value; write {flag}=VALUE without those that are a shell's"
            ),
        }
    }
}

/// A flag whose value is missing, and another flag follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The text that ends with it.
    pub text: String,
}

/// Reads what is handed over. `known` finds a flag by its name, as for [`flags::read`].
///
/// # Errors
/// Where a [`Given::Flag`] stands in the place of a value.
///
/// ```
/// use mngr_docker_grammar::arguments::{Given, words};
/// use mngr_docker_grammar::flags::{Known, Name};
///
/// let known = |name: Name<'_>| name.is_of("env", Some('e')).then_some(Known { flag: (), takes_value: true });
/// let given = [r#"--env=A={"b": 2}"#, "-e B=it's"].map(|text| Given::Text(text.to_owned()));
/// let read = words(&given, known).unwrap();
/// assert_eq!(read.words, [r#"--env=A={"b": 2}"#, "-e", "B=it's"]);
/// ```
pub fn words<F>(given: &[Given], known: impl Fn(Name<'_>) -> Option<Known<F>>) -> Result<Words, Unfinished> {
    let mut read = Words::default();
    let mut open: Option<String> = None;
    for given in given {
        match (given, open.take()) {
            (Given::Flag(word), None) => read.words.push(word.clone()),
            (Given::Flag(_), Some(text)) => return Err(Unfinished { text }),
            (Given::Text(value), Some(flag)) => {
                if is_wrapped(value) {
                    let kind = DoubtKind::Quotes;
                    read.doubts.push(Doubt { flag, kind });
                }
                read.words.push(value.clone());
            }
            (Given::Text(text), None) => {
                let (words, doubt) = split(text, &known);
                open = lacks_value(&words, &known).then(|| words.last().cloned().unwrap_or_default());
                read.words.extend(words);
                read.doubts.extend(doubt);
            }
        }
    }
    Ok(read)
}

/// A text that is no value, by the rules 2 to 4.
fn split<F>(text: &str, known: &impl Fn(Name<'_>) -> Option<Known<F>>) -> (Vec<String>, Option<Doubt>) {
    let text = match text.trim_start() {
        trimmed if trimmed.starts_with('-') => trimmed,
        _ => return (vec![text.to_owned()], None),
    };
    let (first, rest) = match text.find(char::is_whitespace) {
        Some(end) => (&text[..end], text[end..].trim_start()),
        None => (text, ""),
    };
    let one = vec![first.to_owned()];
    let doubt = |kind| {
        Some(Doubt {
            flag: first.split('=').next().unwrap_or_default().to_owned(),
            kind,
        })
    };
    let line = || shlex::split(text).filter(|words| are_flags(words, known));
    if !lacks_value(&one, known) {
        let has_value = first.contains('=') || has_value(&one, known);
        return match (has_value, line()) {
            (true, Some(_)) => (vec![text.to_owned()], doubt(DoubtKind::SeveralFlags)),
            (true, None) => {
                let value = text.split_once('=').map_or("", |(_, value)| value);
                let inner = value.split_once('=').map_or("", |(_, value)| value);
                let quoted = is_wrapped(value) || is_wrapped(inner) || text.ends_with(char::is_whitespace);
                (vec![text.to_owned()], doubt(DoubtKind::Quotes).filter(|_| quoted))
            }
            (false, _) if rest.is_empty() => (one, None),
            // Switches, and other flags behind them.
            (false, Some(words)) => (words, None),
            (false, None) => (vec![text.to_owned()], None),
        };
    }
    if rest.is_empty() {
        return (one, None);
    }
    if let Some(words) = line() {
        return (words, None);
    }
    let (value, doubt) = match shlex::split(rest).as_deref() {
        Some([value]) if is_wrapped(rest) => (value.clone(), None),
        Some([value]) if value != rest => (rest.to_owned(), doubt(DoubtKind::Quotes)),
        // It is the same, or was refused: a quote that is not closed, words that are no flags.
        _ => (rest.to_owned(), None),
    };
    (vec![first.to_owned(), value], doubt)
}

/// Whether a value stands in quotes from its beginning to its end.
fn is_wrapped(value: &str) -> bool {
    ['"', '\''].iter().any(|quote| {
        let inner = value.strip_prefix(*quote).and_then(|value| value.strip_suffix(*quote));
        inner.is_some_and(|inner| !inner.contains(*quote))
    })
}

/// Whether the words are two or more flags, the last of which may lack its value.
fn are_flags<F>(words: &[String], known: &impl Fn(Name<'_>) -> Option<Known<F>>) -> bool {
    let mut flags = 0;
    let all = flags::read(words, known).all(|item| {
        flags += 1;
        !item.is_err_and(|fault| !matches!(fault.reason, Reason::NoValue(_)))
    });
    all && flags > 1
}

/// Whether the last of the words names a flag whose value is still to come.
fn lacks_value<F>(words: &[String], known: &impl Fn(Name<'_>) -> Option<Known<F>>) -> bool {
    let last = flags::read(words, known).last();
    last.is_some_and(|item| item.is_err_and(|fault| matches!(fault.reason, Reason::NoValue(_))))
}

/// Whether the last flag of the words has a value.
fn has_value<F>(words: &[String], known: &impl Fn(Name<'_>) -> Option<Known<F>>) -> bool {
    let last = flags::read(words, known).last();
    last.is_some_and(|item| item.is_ok_and(|given| given.value.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLAGS: [(&str, Option<char>, bool); 7] = [
        ("env", Some('e'), true),
        ("label", Some('l'), true),
        ("cpus", None, true),
        ("mount", None, true),
        ("health-cmd", None, true),
        ("publish-all", Some('P'), false),
        ("init", None, false),
    ];

    fn known(name: Name<'_>) -> Option<Known<()>> {
        let found = FLAGS.iter().find(|(long, short, _)| name.is_of(long, *short));
        found.map(|&(_, _, takes_value)| Known { flag: (), takes_value })
    }

    fn read(texts: &[&str]) -> Words {
        let given: Vec<_> = texts.iter().map(|text| Given::Text((*text).to_owned())).collect();
        words(&given, known).expect("no flag stands in the place of a value")
    }

    fn kinds(texts: &[&str]) -> Vec<DoubtKind> {
        read(texts).doubts.into_iter().map(|doubt| doubt.kind).collect()
    }

    #[test]
    fn a_value_behind_an_equals_sign_is_taken_as_it_is() {
        for text in [
            r#"--env=K={"b":2}"#,
            r"--label=p=C:\dir",
            "--env=A=it's",
            "--env=A=b c",
            "--env=A=",
            r#"--mount=type=bind,"source=/a,b",target=/x"#,
            "-eA=b c",
            "-eA=\"",
            "--env=A=#",
        ] {
            assert_eq!(
                read(&[text]),
                Words {
                    words: vec![text.to_owned()],
                    doubts: Vec::new()
                },
                "{text}"
            );
        }
    }

    #[test]
    fn a_flag_and_its_value_are_split_at_the_first_white_space() {
        for (text, flag, value) in [
            ("--cpus 2", "--cpus", "2"),
            ("--env  A=1", "--env", "A=1"),
            ("-e A=b c", "-e", "A=b c"),
            ("-e A=it's", "-e", "A=it's"),
            ("-Pe A=1", "-Pe", "A=1"),
            ("--health-cmd test -f /x", "--health-cmd", "test -f /x"),
            (" --env A=1", "--env", "A=1"),
        ] {
            assert_eq!(
                read(&[text]),
                Words {
                    words: vec![flag.to_owned(), value.to_owned()],
                    doubts: Vec::new()
                },
                "{text}"
            );
        }
    }

    #[test]
    fn lines_of_flags_and_values_in_quotes_mean_what_a_shell_means() {
        for (text, words) in [
            ("--env A=1 --cpus=2", &["--env", "A=1", "--cpus=2"][..]),
            ("--env 'A=b c' --cpus=1.5", &["--env", "A=b c", "--cpus=1.5"]),
            ("--env 'A=b c'", &["--env", "A=b c"]),
            (r#"-e "A=b c""#, &["-e", "A=b c"]),
            ("--init --cpus=2", &["--init", "--cpus=2"]),
            ("-P --env", &["-P", "--env"]),
        ] {
            assert_eq!(read(&[text]).words, words, "{text}");
            assert!(kinds(&[text]).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_text_that_meant_something_else_is_told() {
        for (text, words, kind) in [
            (
                "--env=A=1 --cpus=2",
                &["--env=A=1 --cpus=2"][..],
                DoubtKind::SeveralFlags,
            ),
            ("-eA=1 -P", &["-eA=1 -P"], DoubtKind::SeveralFlags),
            ("--env='A=b c'", &["--env='A=b c'"], DoubtKind::Quotes),
            ("--env=A=\"b c\"", &["--env=A=\"b c\""], DoubtKind::Quotes),
            ("--env A={\"b\":2}", &["--env", "A={\"b\":2}"], DoubtKind::Quotes),
            (r"--label p=C:\dir", &["--label", r"p=C:\dir"], DoubtKind::Quotes),
            ("--cpus 2 ", &["--cpus", "2 "], DoubtKind::Quotes),
        ] {
            assert_eq!(read(&[text]).words, words, "{text}");
            assert_eq!(kinds(&[text]), [kind], "{text}");
        }
        let told = read(&["--env=TOKEN='hunter2'"]).doubts[0].to_string();
        assert!(told.starts_with("--env keeps") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn what_follows_a_flag_without_a_value_is_its_value() {
        assert_eq!(read(&["--env", "--cpus 2", "-P"]).words, ["--env", "--cpus 2", "-P"]);
        assert_eq!(read(&["-e", "", "--cpus=1"]).words, ["-e", "", "--cpus=1"]);
        assert_eq!(read(&["-P -e", "A=b c"]).words, ["-P", "-e", "A=b c"]);
        assert_eq!(kinds(&["--env", "'A=b'"]), [DoubtKind::Quotes]);
    }

    #[test]
    fn what_is_no_flag_stays_one_word() {
        for text in [
            "stray word",
            "",
            ".",
            "A=1 --env",
            "--nonesuch a b",
            "-Z 'x'",
            "--",
            "-",
        ] {
            assert_eq!(read(&[text]).words, [text]);
        }
    }

    #[test]
    fn a_flag_that_is_read_already_is_never_a_value() {
        let flag = Given::Flag("--env=A=b 'c'".to_owned());
        let text = |text: &str| Given::Text(text.to_owned());
        let read = words(&[flag.clone(), text("-P"), flag.clone()], known).expect("three flags");
        assert_eq!(read.words, ["--env=A=b 'c'", "-P", "--env=A=b 'c'"]);
        let unfinished = words(&[text("-P --cpus"), flag], known).expect_err("no value");
        assert_eq!(unfinished.text, "--cpus");
    }

    fn odd() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,24}", "[-e\"'\\\\ =A#$\n\t]{0,16}", "[ -~]{0,32}"]
    }

    proptest! {
        #[test]
        fn any_value_arrives_byte_for_byte(values in proptest::collection::vec((odd(), 0_usize..4), 0..6)) {
            let mut given = Vec::new();
            for (value, spelling) in &values {
                match spelling {
                    0 => given.push(Given::Text(format!("--env=K={value}"))),
                    1 => given.push(Given::Text(format!("-eK={value}"))),
                    2 => given.push(Given::Flag(format!("--env=K={value}"))),
                    _ => given.extend(["--env".to_owned(), format!("K={value}")].map(Given::Text)),
                }
            }
            let read = words(&given, known).expect("no flag stands in the place of a value").words;
            let arrived: Vec<_> = flags::read(&read, known).map(|item| item.map(|given| given.value)).collect();
            let expected: Vec<_> = values.iter().map(|(value, _)| format!("K={value}")).collect();
            prop_assert_eq!(arrived, expected.iter().map(|value| Ok(Some(value.as_str()))).collect::<Vec<_>>());
        }

        #[test]
        fn what_a_shell_read_as_something_else_is_never_passed_over(text in "(--env|-e|--cpus|-P|--init)[ =]{1,2}[A=\"'\\\\ b-]{0,12}") {
            let read = read(&[&text]);
            let before = shlex::split(&text).filter(|words| flags::read(words, known).all(|item| item.is_ok()));
            let quiet = read.doubts.is_empty();
            let values = |words: &[String]| -> Vec<Option<String>> {
                flags::read(words, known).flatten().map(|given| given.value.map(str::to_owned)).collect()
            };
            if let Some(before) = before && quiet && !text.contains("=") {
                prop_assert_eq!(values(&read.words), values(&before), "{}", text);
            }
        }

        #[test]
        fn words_that_are_split_already_stay(texts in proptest::collection::vec("(-{0,2}[eP=Ax]{0,4}|[A=x]{0,6})", 0..8)) {
            let given: Vec<_> = texts.iter().cloned().map(Given::Text).collect();
            prop_assert_eq!(words(&given, known).map(|read| read.words), Ok(texts));
        }
    }
}
