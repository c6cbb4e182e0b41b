//! The style of progress bars. Their lines are laid out by [`Line`](super::line::Line).

use indicatif::ProgressStyle;

const BAR: &str = "{spinner:.yellow} {msg}";
const LINE: &str = "    {msg}";

/// The columns that each style takes besides its text.
pub(super) const BAR_MARGIN: usize = 2;
pub(super) const LINE_MARGIN: usize = 4;

/// The bar of a whole build or a single picture.
pub(super) fn bar() -> ProgressStyle {
    styled(BAR)
}

/// A line below the bar.
pub(super) fn line() -> ProgressStyle {
    styled(LINE)
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
        for template in [BAR, LINE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
