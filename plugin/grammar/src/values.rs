//! Values of flags that have parts: `NAME=VALUE`, `true`, `KEY=VALUE,KEY=VALUE`.

/// A name and its value, split at the first equals sign. The value may be empty. `None` where there is no equals sign, or no
/// name before it.
///
/// ```
/// use mngr_docker_grammar::values::pair;
///
/// assert_eq!(pair("a=b=c"), Some(("a", "b=c")));
/// assert_eq!(pair("a"), None);
/// ```
pub fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty())
}

/// What a switch is set to, in one of the spellings of Go's `strconv.ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The fields of one line of comma-separated values. A field in double quotes may hold commas, and two double quotes in it
/// stand for one. `None` where a field is empty, a quote is not closed, or one stands inside of a field without quotes: Go's
/// `encoding/csv`, which the Docker CLI reads such values with, has it so.
///
/// ```
/// use mngr_docker_grammar::values::comma_separated;
///
/// let fields = comma_separated(r#"driver=x,"device=0,1""#);
/// assert_eq!(fields, Some(vec!["driver=x".to_owned(), "device=0,1".to_owned()]));
/// ```
pub fn comma_separated(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut is_quoted = false;
    let mut is_start = true;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted => {
                is_quoted = false;
                if characters.peek().is_some_and(|next| *next != ',') {
                    return None;
                }
            }
            '"' if is_start => is_quoted = true,
            '"' => return None,
            ',' if !is_quoted => {
                fields.push(std::mem::take(&mut field));
                is_start = true;
                continue;
            }
            other => field.push(other),
        }
        is_start = false;
    }
    fields.push(field);
    (!is_quoted && !fields.iter().any(String::is_empty)).then_some(fields)
}

/// A field as [`comma_separated`] reads it back: in double quotes where it has to be.
pub fn quoted(field: &str) -> String {
    match field.contains([',', '"']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pair_has_a_name_and_splits_at_the_first_equals_sign() {
        assert_eq!(pair("a=1"), Some(("a", "1")));
        assert_eq!(pair("a=b=c"), Some(("a", "b=c")));
        assert_eq!(pair("a="), Some(("a", "")));
        for none in ["", "=", "=b", "a"] {
            assert_eq!(pair(none), None, "{none}");
        }
    }

    #[test]
    fn switches_are_read_as_go_reads_them() {
        for yes in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean(yes), Some(true), "{yes}");
        }
        for no in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean(no), Some(false), "{no}");
        }
        for neither in ["", "yes", "no", "on", "2", "tRUE", " true"] {
            assert_eq!(boolean(neither), None, "{neither}");
        }
    }

    #[test]
    fn quoted_fields_may_hold_commas_and_quotes() {
        for (line, fields) in [
            ("a", &["a"][..]),
            ("a=1,b", &["a=1", "b"]),
            (r#""device=0,1",driver=x"#, &["device=0,1", "driver=x"]),
            (r#""target=/a,b",ro"#, &["target=/a,b", "ro"]),
            (r#""say ""x""""#, &["say \"x\""]),
        ] {
            let read = comma_separated(line).expect(line);
            assert_eq!(read, fields, "{line}");
        }
        for none in ["", ",", "a,,b", "a,", "\"a", "\"\"", "target=\"/a,b\"", "\"a\"b"] {
            assert_eq!(comma_separated(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn fields_come_back_as_they_were(fields in proptest::collection::vec("[a-z,\"= ä]{1,8}", 1..6)) {
            let line: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
            prop_assert_eq!(comma_separated(&line.join(",")), Some(fields));
        }

        #[test]
        fn no_field_is_ever_empty(line in "[a\",]{0,12}") {
            prop_assert!(comma_separated(&line).is_none_or(|fields| fields.iter().all(|field| !field.is_empty())));
        }
    }
}
