//! Words in messages: how a value is repeated, and what a misspelt word was likely to be.

/// Most characters of a value that a message repeats.
const SHOWN: usize = 64;
/// Least likeness of a word that was likely meant, from 0 to 1.
const LIKELY: f64 = 0.75;
/// Most words that a message offers.
const OFFERED: usize = 3;
/// Most bytes of a word that may be a slip of the hand. Nothing longer is compared.
const LONGEST: usize = 256;

/// A value as a message repeats it: control characters are escaped, and a long value is cut.
pub fn shown(value: &str) -> String {
    let mut text = String::new();
    for (position, character) in value.chars().enumerate() {
        if position == SHOWN {
            text.push_str(&format!("… ({} characters)", value.chars().count()));
            break;
        }
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// Those of `known` that look like `given`, the nearest first; at most three.
///
/// The likeness is that of Jaro and Winkler. Neither the case of a letter nor a dash in place of an underscore makes a
/// difference.
///
/// ```
/// use mngr_docker_grammar::words::nearest;
///
/// assert_eq!(nearest("memori", ["cpus", "memory", "memory-swap"]), ["memory", "memory-swap"]);
/// ```
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if given.len() > LONGEST {
        return Vec::new();
    }
    let given = plain(given);
    let mut likely: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&given, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= LIKELY)
        .collect();
    likely.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    likely
        .into_iter()
        .take(OFFERED)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Whether `given` must have been meant for `word`: so near that it is an error, and not only worth a hint.
///
/// ```
/// use mngr_docker_grammar::words::is_misspelt;
///
/// assert!(is_misspelt("provider", "providers"));
/// assert!(is_misspelt("rocker", "docker"));
/// assert!(!is_misspelt("profiles", "providers"));
/// assert!(!is_misspelt("docker_vm", "docker"));
/// ```
pub fn is_misspelt(given: &str, word: &str) -> bool {
    // Slips are counted here, since a likeness also rises with a beginning that both have.
    let slips = || strsim::osa_distance(&plain(given), &plain(word));
    given.len() <= LONGEST && slips() <= 1 + word.len() / 5
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// `did you mean …? ` as the beginning of a remedy. It is empty where nothing is near.
pub fn did_you_mean(nearest: &[&str]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}? ", quoted.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_value_is_cut_and_control_characters_are_escaped() {
        assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
        let long = shown(&"ä".repeat(300));
        assert!(long.ends_with("… (300 characters)"), "{long}");
        assert!(long.starts_with(&"ä".repeat(SHOWN)));
    }

    #[test]
    fn the_nearest_words_come_first() {
        assert_eq!(
            nearest("worker1", ["zebra", "worker", "worker2"]),
            ["worker", "worker2"]
        );
        assert!(nearest("x", ["zebra"]).is_empty());
        assert_eq!(
            nearest("aaaa", ["aaab", "aaac", "aaad", "aaae"]),
            ["aaab", "aaac", "aaad"]
        );
    }

    #[test]
    fn case_and_dashes_make_no_difference() {
        assert_eq!(nearest("Default-Imge", ["default_image", "gpu"]), ["default_image"]);
        assert_eq!(nearest("bind_mont", ["bind-mount"]), ["bind-mount"]);
    }

    #[test]
    fn what_is_near_is_offered_and_nothing_else() {
        assert_eq!(did_you_mean(&[]), "");
        assert_eq!(did_you_mean(&["a"]), "did you mean `a`? ");
        assert_eq!(did_you_mean(&["a", "b"]), "did you mean `a` or `b`? ");
    }

    proptest! {
        #[test]
        fn a_word_is_nearest_to_itself(words in proptest::collection::btree_set("[a-z]{1,12}", 1..6)) {
            for word in &words {
                let near = nearest(word, words.iter().map(String::as_str));
                prop_assert_eq!(near.first(), Some(&word.as_str()));
                prop_assert!(near.len() <= OFFERED);
            }
        }

        #[test]
        fn no_value_breaks_the_line_it_is_shown_on(value in "\\PC{0,80}|[\\x00-\\x1f]{0,80}") {
            let shown = shown(&value);
            prop_assert!(!shown.contains(char::is_control), "{}", shown);
        }

        #[test]
        fn too_long_a_word_is_near_to_nothing(more in 1_usize..100) {
            prop_assert!(nearest(&"a".repeat(LONGEST + more), ["a"]).is_empty());
        }
    }
}
