//! Suggestions for misspelt words.

/// The candidate nearest to `word`, if it is near enough for a typing error.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        // If more than a third of the letters differ, it is another word.
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_corrected_and_other_words_are_not() {
        let keys = ["style", "style_weight", "name", "exclude"];
        for (word, expected) in [
            ("sytle_weight", Some("style_weight")),
            ("Name", Some("name")),
            ("stlye", Some("style")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, keys).as_deref(), expected, "{word}");
        }
    }
}
