//! The API's small habits: null for empty, year 1 for never, maps where the contract has pairs, numbers with a sign.

use std::collections::HashMap;

use jiff::Timestamp;

/// What is there, or the empty value.
pub(super) fn or_default<T: Default>(value: Option<T>) -> T {
    value.unwrap_or_default()
}

/// A count that the API has with a sign; 0 for a negative one.
pub(super) fn unsigned(value: Option<i64>) -> u64 {
    u64::try_from(value.unwrap_or_default()).unwrap_or_default()
}

/// A number that the API writes as a signed one.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Pairs sorted by name.
pub(super) fn pairs(map: Option<HashMap<String, String>>) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = or_default(map).into_iter().collect();
    pairs.sort();
    pairs
}

/// Nothing for no pairs.
pub(super) fn map(pairs: Vec<(String, String)>) -> Option<HashMap<String, String>> {
    (!pairs.is_empty()).then(|| pairs.into_iter().collect())
}

/// Nothing for an empty list.
pub(super) fn list<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

/// Nothing for an empty text or number.
pub(super) fn filled<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

/// A moment in UTC. The engine writes year 1 where there was none.
pub(super) fn moment(text: Option<&str>) -> Option<String> {
    let moment: Timestamp = text?.parse().ok()?;
    (moment > Timestamp::UNIX_EPOCH).then(|| moment.to_string())
}

/// Names of `KEY=value`.
pub(super) fn names(env: Option<Vec<String>>) -> Vec<String> {
    let name = |entry: String| Some(entry.split_once('=')?.0.to_owned());
    or_default(env).into_iter().filter_map(name).collect()
}

/// A filter by labels.
pub(super) fn label_filter(labels: Vec<String>) -> HashMap<String, Vec<String>> {
    if labels.is_empty() {
        return HashMap::new();
    }
    HashMap::from([("label".to_owned(), labels)])
}

/// Filters as a query has them: JSON.
pub(super) fn filters(filters: HashMap<String, Vec<String>>) -> String {
    serde_json::json!(filters).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_utc_and_year_one_is_never() {
        assert_eq!(
            moment(Some("2026-01-31T10:30:00.5+01:00")).as_deref(),
            Some("2026-01-31T09:30:00.5Z")
        );
        assert_eq!(moment(Some("0001-01-01T00:00:00Z")), None);
        assert_eq!(moment(Some("")), None);
        assert_eq!(moment(None), None);
    }

    #[test]
    fn of_the_environment_only_names_of_values_are_kept() {
        let env = vec!["TOKEN=s3cret=x".to_owned(), "EMPTY=".to_owned(), "BARE".to_owned()];
        assert_eq!(names(Some(env)), ["TOKEN", "EMPTY"]);
    }

    #[test]
    fn pairs_are_sorted() {
        let map = HashMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
        assert_eq!(pairs(Some(map))[0].0, "a");
        assert!(pairs(None).is_empty());
    }
}
