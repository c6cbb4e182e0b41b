//! Texts for people: truncated, and without control characters that could affect a terminal.

use crate::limits::{MAX_DEVICE_BYTES, MAX_TEXT_BYTES};

/// A message for people: one line of at most [`MAX_TEXT_BYTES`].
pub(crate) fn message(text: &str) -> String {
    line(text, MAX_TEXT_BYTES)
}

/// A device's description: one line of at most [`MAX_DEVICE_BYTES`].
pub(crate) fn device(text: &str) -> String {
    line(text, MAX_DEVICE_BYTES)
}

fn line(text: &str, max_bytes: usize) -> String {
    cut(text, max_bytes).replace(char::is_control, " ")
}

/// At most `max_bytes` of a text, truncated between two characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, max_bytes, expected) in [("aé", 3, "aé"), ("aé", 2, "a"), ("", 5, "")] {
            assert_eq!(cut(text, max_bytes), expected);
        }
    }

    #[test]
    fn control_characters_become_blanks() {
        assert_eq!(message("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(device(&"é".repeat(MAX_DEVICE_BYTES)).len(), MAX_DEVICE_BYTES);
    }
}
