//! Errors as text, for logs, messages and peers.

use std::error::Error;

/// An error and its causes on one line, outermost first, joined by `: `.
pub fn error_text(error: &dyn Error) -> String {
    error_chain(error).join(": ")
}

/// An error and its causes, outermost first, each on one line. A cause that the line above already
/// contains is left out: some libraries repeat it there.
pub fn error_chain(error: &dyn Error) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let line = one_line(&error.to_string());
        if !lines.last().is_some_and(|above| above.contains(&line)) {
            lines.push(line);
        }
        next = error.source();
    }
    lines
}

/// Joins the lines of a text with `; `, so that a log keeps them together.
pub fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `a`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_appear_once_and_on_one_line() {
        for (cause, expected) in [
            ("disk on fire", "cannot read `a`: disk on fire"),
            ("disk\n  on fire", "cannot read `a`: disk; on fire"),
            ("`a`", "cannot read `a`"),
        ] {
            assert_eq!(error_text(&Outer(std::io::Error::other(cause))), expected);
        }
    }

    #[test]
    fn lines_are_joined() {
        assert_eq!(one_line("first\n  second\n\nthird\n"), "first; second; third");
    }
}
