//! Errors in a line.

use std::error::Error;

/// An error and its causes, from the outermost to the first, in one line.
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some libraries show their cause in their own text already.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot paint `a.png`")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_their_effects() {
        assert_eq!(
            one_line(&Outer(std::io::Error::other("disk\nfull"))),
            "cannot paint `a.png`: disk full"
        );
    }
}
