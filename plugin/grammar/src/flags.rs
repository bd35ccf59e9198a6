//! Flags and their values in a list of words, as the Docker CLI reads them.
//!
//! A value stands behind an equals sign or in the next word: `--memory=4g`, `--memory 4g`. Behind a short flag it may also
//! follow at once: `-m4g`, `-m=4g`, `-m 4g`. Short switches may share a word with a last flag that takes a value: `-Pm4g`.
//! A switch takes a value only behind an equals sign: `--init=false`.
//!
//! [`read`] gives one flag after another. [`rewrite`] puts other words in the places of some flags and keeps the rest as it is.
//! Which flags there are is for the caller to say.

/// What a flag is called in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// What stands behind two dashes, up to an equals sign.
    Long(&'a str),
    /// A letter behind one dash.
    Short(char),
}

impl Name<'_> {
    /// Whether it names the flag that is spelled like this.
    pub fn is_of(self, long: &str, short: Option<char>) -> bool {
        match self {
            Self::Long(name) => name == long,
            Self::Short(letter) => short == Some(letter),
        }
    }
}

/// A flag that the caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<F> {
    /// What the caller knows it by.
    pub flag: F,
    /// Whether it takes a value. Else it is a switch.
    pub takes_value: bool,
}

/// A flag as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given<'a, F> {
    /// What the caller knows it by.
    pub flag: F,
    /// Its value; absent for a switch that stands alone.
    pub value: Option<&'a str>,
    /// Position of the word that names it.
    pub element: usize,
}

/// A word that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault<'a, F> {
    /// Its position.
    pub element: usize,
    /// What is wrong with it.
    pub reason: Reason<'a, F>,
}

/// What is wrong with a word. A text in it may hold a secret, such as a value that lost its flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a, F> {
    /// It is not a flag: this is the whole word.
    NoFlag(&'a str),
    /// The caller knows no such flag.
    Unknown(Name<'a>),
    /// The flag takes a value, and the list ends.
    NoValue(F),
}

/// The flags in a list of words, one after another: see [`read`].
#[derive(Debug, Clone)]
pub struct Flags<'a, K> {
    args: &'a [String],
    known: K,
    /// Position of the next word.
    next: usize,
    /// Position of the word that is being read.
    element: usize,
    /// Letters of that word that are short flags, and are still to be read.
    letters: &'a str,
}

/// Reads the flags in a list of words. `known` finds a flag by its name.
///
/// A word at fault comes as an error in its place, and reading goes on with the next word.
///
/// ```
/// use mngr_docker_grammar::flags::{Known, Name, read};
///
/// let known = |name| match name {
///     Name::Long("memory") | Name::Short('m') => Some(Known { flag: "memory", takes_value: true }),
///     Name::Long("init") => Some(Known { flag: "init", takes_value: false }),
///     _ => None,
/// };
/// let args = ["-m4g", "--init"].map(str::to_owned);
/// let given: Vec<_> = read(&args, known).map(|given| given.map(|given| (given.flag, given.value))).collect();
/// assert_eq!(given, [Ok(("memory", Some("4g"))), Ok(("init", None))]);
/// ```
pub fn read<'a, F, K>(args: &'a [String], known: K) -> Flags<'a, K>
where
    K: Fn(Name<'a>) -> Option<Known<F>>,
{
    Flags {
        args,
        known,
        next: 0,
        element: 0,
        letters: "",
    }
}

type Item<'a, F> = Result<Given<'a, F>, Fault<'a, F>>;

impl<'a, F, K> Flags<'a, K>
where
    K: Fn(Name<'a>) -> Option<Known<F>>,
{
    fn long(&mut self, long: &'a str) -> Item<'a, F> {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let known = self.known_by(Name::Long(name))?;
        self.given(known, value)
    }

    fn short(&mut self, letter: char, tail: &'a str) -> Item<'a, F> {
        let known = self.known_by(Name::Short(letter))?;
        match tail.strip_prefix('=') {
            Some(value) => self.given(known, Some(value)),
            None if known.takes_value => self.given(known, (!tail.is_empty()).then_some(tail)),
            None => {
                self.letters = tail;
                self.given(known, None)
            }
        }
    }

    fn known_by(&self, name: Name<'a>) -> Result<Known<F>, Fault<'a, F>> {
        (self.known)(name).ok_or(self.fault(Reason::Unknown(name)))
    }

    fn given(&mut self, known: Known<F>, value: Option<&'a str>) -> Item<'a, F> {
        let value = match (value, known.takes_value) {
            (None, true) => match self.args.get(self.next) {
                Some(word) => {
                    self.next += 1;
                    Some(word.as_str())
                }
                None => return Err(self.fault(Reason::NoValue(known.flag))),
            },
            (value, _) => value,
        };
        Ok(Given {
            flag: known.flag,
            value,
            element: self.element,
        })
    }

    fn fault(&self, reason: Reason<'a, F>) -> Fault<'a, F> {
        Fault {
            element: self.element,
            reason,
        }
    }
}

impl<'a, F, K> Iterator for Flags<'a, K>
where
    K: Fn(Name<'a>) -> Option<Known<F>>,
{
    type Item = Item<'a, F>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.letters.is_empty() {
            let word = self.args.get(self.next)?;
            self.element = self.next;
            self.next += 1;
            if let Some(long) = word.strip_prefix("--") {
                return Some(self.long(long));
            }
            match word.strip_prefix('-') {
                Some(letters) if !letters.is_empty() => self.letters = letters,
                _ => return Some(Err(self.fault(Reason::NoFlag(word)))),
            }
        }
        let mut letters = std::mem::take(&mut self.letters).chars();
        let letter = letters.next()?;
        Some(self.short(letter, letters.as_str()))
    }
}

/// Puts other words in the places of flags and their values. `fill` gets each flag that has a value, and returns the words
/// that take its place, or `None` to leave it as it is written. Words at fault stay, for the reader of the result to refuse.
///
/// # Errors
/// Those of `fill`.
pub fn rewrite<'a, F, E>(
    args: &'a [String],
    known: impl Fn(Name<'a>) -> Option<Known<F>>,
    mut fill: impl FnMut(F, &'a str) -> Result<Option<Vec<String>>, E>,
) -> Result<Vec<String>, E> {
    let mut flags = read(args, known);
    let mut written = Vec::new();
    while let Some(word) = args.get(flags.next) {
        let from = flags.next;
        // Bytes of the word before the flag that is read: the dash, and switches.
        let mut before = 1;
        let instead = loop {
            let instead = match flags.next() {
                Some(Ok(Given {
                    flag,
                    value: Some(value),
                    ..
                })) => fill(flag, value)?,
                _ => None,
            };
            if flags.letters.is_empty() {
                break instead;
            }
            before = word.len() - flags.letters.len();
        };
        match instead {
            None => written.extend_from_slice(&args[from..flags.next]),
            Some(words) => {
                written.extend((before > 1).then(|| word[..before].to_owned()));
                written.extend(words);
            }
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLAGS: [(&str, char, bool); 4] = [
        ("memory", 'm', true),
        ("env", 'e', true),
        ("publish-all", 'P', false),
        ("init", 'ä', false),
    ];

    fn known(name: Name<'_>) -> Option<Known<&'static str>> {
        let found = FLAGS.iter().find(|(long, short, _)| name.is_of(long, Some(*short)));
        found.map(|&(flag, _, takes_value)| Known { flag, takes_value })
    }

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    fn given<'a>(flag: &'static str, value: Option<&'a str>, element: usize) -> Item<'a, &'static str> {
        Ok(Given { flag, value, element })
    }

    #[test]
    fn every_spelling_of_a_value_means_the_same() {
        for args in [
            &["--memory=4g"][..],
            &["--memory", "4g"],
            &["-m4g"],
            &["-m=4g"],
            &["-m", "4g"],
        ] {
            let args = strings(args);
            let read: Vec<_> = read(&args, known).collect();
            assert_eq!(read, [given("memory", Some("4g"), 0)], "{args:?}");
        }
    }

    #[test]
    fn a_value_may_be_empty_or_look_like_a_flag() {
        let args = strings(&[
            "--memory=",
            "-m",
            "",
            "-e",
            "-P",
            "--env",
            "--init",
            "-e==",
            "--env=A=b=c",
        ]);
        let read: Vec<_> = read(&args, known).collect();
        let expected = [
            given("memory", Some(""), 0),
            given("memory", Some(""), 1),
            given("env", Some("-P"), 3),
            given("env", Some("--init"), 5),
            given("env", Some("="), 7),
            given("env", Some("A=b=c"), 8),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn switches_stand_alone_share_a_word_or_take_a_value_behind_an_equals_sign() {
        let args = strings(&["--init", "--init=0", "-P=false", "-Päm4g", "-äP", "-PmäP"]);
        let read: Vec<_> = read(&args, known).collect();
        let expected = [
            given("init", None, 0),
            given("init", Some("0"), 1),
            given("publish-all", Some("false"), 2),
            given("publish-all", None, 3),
            given("init", None, 3),
            given("memory", Some("4g"), 3),
            given("init", None, 4),
            given("publish-all", None, 4),
            given("publish-all", None, 5),
            given("memory", Some("äP"), 5),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_word_at_fault_is_told_by_its_place_and_the_rest_is_read() {
        let args = strings(&["stray", "-", "--", "--nonesuch=1", "-PxP", "-P", "--env"]);
        let read: Vec<_> = read(&args, known).collect();
        let fault = |element, reason| Err(Fault { element, reason });
        let expected = [
            fault(0, Reason::NoFlag("stray")),
            fault(1, Reason::NoFlag("-")),
            fault(2, Reason::Unknown(Name::Long(""))),
            fault(3, Reason::Unknown(Name::Long("nonesuch"))),
            given("publish-all", None, 4),
            fault(4, Reason::Unknown(Name::Short('x'))),
            given("publish-all", None, 5),
            fault(6, Reason::NoValue("env")),
        ];
        assert_eq!(read, expected);
    }

    fn rewritten(args: &[&str]) -> Vec<String> {
        let fill = |flag: &str, value: &str| match (flag, value) {
            ("env", "") => Err("empty"),
            ("env", "GONE") => Ok(Some(Vec::new())),
            ("env", name) if !name.contains('=') => Ok(Some(vec![format!("--env={name}=filled")])),
            _ => Ok(None),
        };
        rewrite(&strings(args), known, fill).expect("no empty value")
    }

    #[test]
    fn what_is_filled_in_takes_the_place_of_a_flag_in_every_spelling() {
        for args in [&["-e", "A"][..], &["-eA"], &["-e=A"], &["--env", "A"], &["--env=A"]] {
            assert_eq!(rewritten(args), ["--env=A=filled"], "{args:?}");
        }
        assert_eq!(
            rewritten(&["-Päe", "A", "-PeA"]),
            ["-Pä", "--env=A=filled", "-P", "--env=A=filled"]
        );
        assert_eq!(rewritten(&["--init", "-e", "GONE", "-P"]), ["--init", "-P"]);
    }

    #[test]
    fn what_is_given_in_full_and_what_cannot_be_read_stays() {
        let args = [
            "-e",
            "A=b",
            "-P",
            "--memory",
            "-e",
            "A=",
            "--nonesuch",
            "-Z",
            "stray",
            "-Pm=4g",
            "-e",
        ];
        assert_eq!(rewritten(&args), args);
    }

    #[test]
    fn an_error_of_what_fills_in_ends_it() {
        let args = strings(&["--env="]);
        let refused: Result<Vec<String>, &str> = rewrite(&args, known, |_, _| Err("no"));
        assert_eq!(refused, Err("no"));
    }

    proptest! {
        #[test]
        fn no_list_of_words_is_too_odd_to_be_read(args in proptest::collection::vec("(-{0,2}[memPäx=]{0,4}|\\PC{0,6})", 0..8)) {
            let elements: Vec<_> = read(&args, known)
                .map(|item| match item {
                    Ok(given) => given.element,
                    Err(fault) => fault.element,
                })
                .collect();
            prop_assert!(elements.is_sorted() && elements.iter().all(|element| *element < args.len()));
            let same: Result<_, ()> = rewrite(&args, known, |_, _| Ok(None));
            prop_assert_eq!(same, Ok(args));
        }

        #[test]
        fn flags_are_read_as_they_were_written(
            values in proptest::collection::vec(("[a-z=-]{1,6}", 0_usize..5), 0..8),
        ) {
            let mut args = Vec::new();
            for (value, spelling) in &values {
                match spelling {
                    0 => args.push(format!("--memory={value}")),
                    1 => args.extend(["--memory".to_owned(), value.clone()]),
                    2 => args.push(format!("-m={value}")),
                    3 => args.push(format!("-Pm={value}")),
                    _ => args.extend(["-Pm".to_owned(), value.clone()]),
                }
            }
            let read: Vec<_> = read(&args, known)
                .filter_map(|given| given.expect("a flag").value)
                .collect();
            prop_assert_eq!(read, values.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>());
        }
    }
}
