//! Lists of an engine: each entry is looked at in turn and made into what is kept of it, so that no more than one is there in
//! full, and none that is longer than an entry may be.

use std::fmt;
use std::marker::PhantomData;

use bollard::errors::Error as Failure;
use mngr_contract::docker::{ContainerSummary, ImageSummary, Volume};
use mngr_contract::limits::{Exceeded, LIST_ENTRY, LIST_VALUES, Limit};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What is kept of an entry.
pub(super) trait Kept {
    /// How many values of its own it has beside those that each entry has: a short one takes twenty times its length.
    fn values(&self) -> usize {
        0
    }
}

impl Kept for ContainerSummary {
    fn values(&self) -> usize {
        self.labels.len() + self.ports.len()
    }
}

impl Kept for ImageSummary {
    fn values(&self) -> usize {
        self.labels.len() + self.tags.len()
    }
}

impl Kept for Volume {
    fn values(&self) -> usize {
        self.labels.len() + self.options.len()
    }
}

impl Kept for String {}

impl Kept for () {}

/// Reads a list of so many entries; null is an empty one.
///
/// # Errors
/// For what is no list of such entries, and for more of them.
pub(super) fn read<Row, T>(json: &[u8], limit: Limit, keep: impl FnMut(Row) -> T) -> Result<Vec<T>, Failure>
where
    Row: for<'de> Deserialize<'de>,
    T: Kept,
{
    let (mut rows, mut exceeded) = (Vec::new(), None);
    let list = List {
        keep,
        rows: &mut rows,
        values: 0,
        limit,
        exceeded: &mut exceeded,
        row: PhantomData,
    };
    let mut json = serde_json::Deserializer::from_slice(json);
    let read = list.deserialize(&mut json).and_then(|()| json.end());
    match (exceeded, read) {
        (Some(exceeded), _) => Err(std::io::Error::from(exceeded).into()),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(())) => Ok(rows),
    }
}

/// A list that is read.
struct List<'a, Row, T, F> {
    keep: F,
    rows: &'a mut Vec<T>,
    values: usize,
    limit: Limit,
    exceeded: &'a mut Option<Exceeded>,
    row: PhantomData<Row>,
}

impl<Row, T, F> List<'_, Row, T, F> {
    /// Ends the reading where there is too much of something, and notes of what.
    fn refuse<E: Error>(&mut self, counted: Result<(), Exceeded>) -> Result<(), E> {
        counted.map_err(|exceeded| {
            *self.exceeded = Some(exceeded);
            E::custom(exceeded)
        })
    }
}

impl<'de, Row: Deserialize<'de>, T: Kept, F: FnMut(Row) -> T> DeserializeSeed<'de> for List<'_, Row, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, Row: Deserialize<'de>, T: Kept, F: FnMut(Row) -> T> Visitor<'de> for List<'_, Row, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            let length = LIST_ENTRY.check(entry.get().len());
            self.refuse(length.and_then(|()| self.limit.check(self.rows.len() + 1)))?;
            let row = serde_json::from_str(entry.get()).map_err(A::Error::custom)?;
            let kept = (self.keep)(row);
            self.values += kept.values();
            self.refuse(LIST_VALUES.check(self.values))?;
            self.rows.push(kept);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mngr_contract::limits::LIST_ENTRIES;

    use super::*;

    impl Kept for u8 {
        fn values(&self) -> usize {
            usize::from(*self)
        }
    }

    fn numbers(json: &str) -> Result<Vec<u8>, Failure> {
        read(json.as_bytes(), LIST_ENTRIES, |row: u8| row + 1)
    }

    #[test]
    fn entries_are_kept_as_they_are_to_be_and_null_is_none() {
        assert_eq!(numbers("[1, 2]").expect("a list"), [2, 3]);
        assert!(numbers("null").expect("nothing").is_empty());
        for wrong in ["{}", "[1", "[-1]", "[1] 2"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn more_entries_than_are_taken_are_an_error_that_says_how_many() {
        let list = |length: usize| format!("[{}]", vec!["0"; length].join(","));
        let most = usize::try_from(LIST_ENTRIES.most).expect("a count");
        assert_eq!(numbers(&list(most)).expect("all").len(), most);
        let error = numbers(&list(most + 1)).expect_err("one too many");
        assert!(error.to_string().contains("more than 100000 entries"), "{error}");
    }

    #[test]
    fn what_entries_hold_is_counted_too_and_how_long_one_is() {
        // Each stands for a hundred values.
        let list = format!("[{}]", vec!["99"; 5001].join(","));
        let error = numbers(&list).expect_err("too many");
        assert!(error.to_string().contains("more than 500000 entries"), "{error}");
        let spaced = numbers(&format!("[{}1]", " ".repeat(2 << 20)));
        assert_eq!(spaced.expect("spaces are no part of an entry"), [2]);
        let error = numbers(&format!("[\"{}\"]", "x".repeat(2 << 20))).expect_err("too long");
        assert!(error.to_string().contains("longer than 1 MiB"), "{error}");
    }
}
