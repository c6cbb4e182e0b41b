//! The style of progress bars.

use indicatif::ProgressStyle;

/// The bar of a whole build or a single picture: `{prefix}` says what, `{msg}` how far.
pub(super) fn bar() -> ProgressStyle {
    styled("{spinner:.yellow} {prefix:.bold} {bar:28.yellow/dim} {msg}").progress_chars("━╸─")
}

/// A line below the bar.
pub(super) fn line() -> ProgressStyle {
    styled("    {prefix}  {msg:.dim}")
}

/// If a template did not parse, the library's default bar would show; a test checks them.
fn styled(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_parse() {
        for template in [
            "{spinner:.yellow} {prefix:.bold} {bar:28.yellow/dim} {msg}",
            "    {prefix}  {msg:.dim}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
