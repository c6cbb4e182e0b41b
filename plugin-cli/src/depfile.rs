//! Dependency files in Makefile syntax, for Make, Ninja and CMake.

use std::fmt::Write as _;
use std::path::Path;

/// A rule that lists what `targets` depend on. Paths are written as they are given,
/// with `/` on every system.
pub fn render<'a>(
    targets: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> String {
    let targets: Vec<_> = targets.into_iter().map(escape).collect();
    let mut text = targets.join(" \\\n  ");
    text.push(':');
    for input in inputs {
        write!(text, " \\\n  {}", escape(input)).expect("a string takes everything");
    }
    text.push('\n');
    text
}

/// Escapes a path for GNU Make and Ninja: a backslash before spaces and `#`, `$` doubled.
fn escape(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => escaped.push_str("\\ "),
            '#' => escaped.push_str("\\#"),
            '$' => escaped.push_str("$$"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped() {
        for (path, expected) in [
            ("a/b.png", "a/b.png"),
            ("my wall.png", "my\\ wall.png"),
            ("c#.png", "c\\#.png"),
            ("$x.png", "$$x.png"),
        ] {
            assert_eq!(escape(Path::new(path)), expected);
        }
    }

    #[test]
    fn a_rule_names_outputs_then_inputs() {
        let rule = render(
            ["out/a.png", "out/b.png"].map(Path::new),
            ["a.png", "style 1.jpg"].map(Path::new),
        );
        assert_eq!(rule, "out/a.png \\\n  out/b.png: \\\n  a.png \\\n  style\\ 1.jpg\n");
        assert_eq!(render([Path::new("a")], []), "a:\n");
    }
}
