//! Dependency files in Makefile syntax, for Make, Ninja and CMake.
//!
//! The three do not read the same escapes, so a path is written only if all of them read it, as far
//! as they can: `tests/build_systems.rs` tries them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A rule that lists what `targets` depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depfile {
    pub text: String,
    /// The paths that no escape makes readable. They are left out.
    pub unreadable: Vec<PathBuf>,
}

/// Writes the rule. Paths are written as they are given, with `/` on every system.
///
/// Each input also gets a rule of its own without prerequisites, as with `gcc -MP`, so that Make
/// does not stop when one was deleted.
pub fn render<'a>(
    targets: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Depfile {
    let mut depfile = Depfile::default();
    let mut names = |paths: &mut dyn Iterator<Item = &'a Path>| {
        let mut names = Vec::new();
        for path in paths {
            match escape(path) {
                Some(name) => names.push(name),
                None => depfile.unreadable.push(path.to_owned()),
            }
        }
        names
    };
    let targets = names(&mut targets.into_iter());
    let mut inputs = names(&mut inputs.into_iter());
    // Make takes a first prerequisite with `=` for the value of a variable.
    inputs.sort_by_key(|input| input.contains('='));
    let mut text = targets.join(" \\\n  ");
    text.push(':');
    for input in &inputs {
        write!(text, " \\\n  {input}").expect("a string takes everything");
    }
    text.push('\n');
    // For Make, `%` would make it a pattern, and `=` a variable.
    for input in inputs.iter().filter(|input| !input.contains(['%', '='])) {
        write!(text, "\n{input}:\n").expect("a string takes everything");
    }
    depfile.text = text;
    depfile
}

/// Escapes a path for GNU Make and Ninja; `None` if there is no way to write it for Ninja, which
/// would take it for several names that do not exist.
///
/// A backslash stands before blanks, `#` and `:`, and `$` is doubled. Backslashes of a path are
/// doubled only before a blank, where both programs halve them.
fn escape(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    let mut escaped = String::with_capacity(text.len());
    let mut backslashes = 0;
    for (place, c) in text.char_indices() {
        match c {
            '\\' => {
                backslashes += 1;
                escaped.push(c);
                continue;
            }
            ' ' => {
                escaped.extend(std::iter::repeat_n('\\', backslashes));
                escaped.push_str("\\ ");
            }
            // The two do not agree on further backslashes before these.
            '#' | ':' | '$' if backslashes > 0 => return None,
            '#' => escaped.push_str("\\#"),
            // Both know drives.
            ':' if cfg!(windows) && place == 1 => escaped.push(c),
            ':' => escaped.push_str("\\:"),
            '$' => escaped.push_str("$$"),
            '"' | '&' | '\'' | '*' | ';' | '<' | '>' | '?' | '^' | '`' | '|' => return None,
            c if c.is_ascii_control() => return None,
            c => escaped.push(c),
        }
        backslashes = 0;
    }
    // A blank or a line's end follows.
    (!text.ends_with(['\\', ':'])).then_some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped() {
        for (path, expected) in [
            ("a/b.png", Some("a/b.png")),
            ("my wall.png", Some("my\\ wall.png")),
            ("two  blanks", Some("two\\ \\ blanks")),
            ("c#.png", Some("c\\#.png")),
            ("$x.png", Some("$$x.png")),
            ("/art:2/a.png", Some("/art\\:2/a.png")),
            ("wall (1) [old] {x}~.png", Some("wall\\ (1)\\ [old]\\ {x}~.png")),
            ("münze.png", Some("münze.png")),
            ("it's.png", None),
            ("R&D/a.png", None),
            ("a;b", None),
            ("a\tb", None),
            ("end:", None),
        ] {
            assert_eq!(escape(Path::new(path)).as_deref(), expected, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn backslashes_are_doubled_before_blanks() {
        for (path, expected) in [
            ("a\\b", Some("a\\b")),
            ("a\\ b", Some("a\\\\\\ b")),
            ("a\\\\ b", Some("a\\\\\\\\\\ b")),
            ("a\\#b", None),
            ("a\\:b", None),
            ("a\\$b", None),
            ("end\\", None),
        ] {
            assert_eq!(escape(Path::new(path)).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_rule_names_outputs_then_inputs() {
        let rule = render(
            ["out/a.png", "out/b.png"].map(Path::new),
            ["x=1.png", "a.png", "style 1.jpg", "it's.png"].map(Path::new),
        );
        assert_eq!(
            rule.text,
            "out/a.png \\\n  out/b.png: \\\n  a.png \\\n  style\\ 1.jpg \\\n  x=1.png\n\
             \na.png:\n\nstyle\\ 1.jpg:\n"
        );
        assert_eq!(rule.unreadable, [Path::new("it's.png")]);
        assert_eq!(render([Path::new("a")], []).text, "a:\n");
    }
}
