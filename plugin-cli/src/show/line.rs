//! The text of a progress line, fitted to a terminal's width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::screen::FAINT;

/// What a line says. In a narrow terminal the bar goes first, then details from the last on, then
/// the beginning of the name; the count stays.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// How far it is, such as `3/12`.
    pub(super) count: &'a str,
    /// What else is known, the most useful first.
    pub(super) details: &'a [String],
    /// The share that is done, from 0 to 1; `None` draws no bar.
    pub(super) done: Option<f64>,
}

const BAR_COLUMNS: usize = 28;
/// A shorter bar shows nothing.
const LEAST_BAR_COLUMNS: usize = 6;
/// A name that is cut to less says nothing.
const LEAST_NAME_COLUMNS: usize = 6;

impl Line<'_> {
    /// The line, at most `columns` wide without its colours.
    pub(super) fn render(&self, columns: usize) -> String {
        let Self { name, count, details, done } = *self;
        let count = shorten(count, columns);
        let room = columns.saturating_sub(width(&count) + 1);
        let mut name = match width(name) {
            whole if whole <= room => name.to_owned(),
            _ if room >= LEAST_NAME_COLUMNS => shorten(name, room),
            _ => String::new(),
        };
        let first = details.first().map_or(0, |detail| width(detail) + 2);
        // The first detail is worth the beginning of a long name.
        let short = room.saturating_sub(first);
        if width(&name) > short && short >= 2 * LEAST_NAME_COLUMNS {
            name = shorten(&name, short);
        }
        let mut used = width(&name) + usize::from(!name.is_empty()) + width(&count);
        let mut text = count;
        for detail in details {
            let wide = width(detail) + 2;
            if used + wide > columns {
                break;
            }
            used += wide;
            text.push_str(", ");
            text.push_str(detail);
        }
        let left = columns.saturating_sub(used + 1).min(BAR_COLUMNS);
        let bar = done.filter(|_| left >= LEAST_BAR_COLUMNS).map(|done| bar(done, left));
        let parts = [Some(name).filter(|name| !name.is_empty()), bar, Some(text)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// The end of `text`, with `…` before it, if it is wider than `columns`.
fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut begin = text.len();
    for (place, c) in text.char_indices().rev() {
        let wide = c.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        begin = place;
    }
    if columns == 0 { String::new() } else { format!("…{}", &text[begin..]) }
}

/// A bar in the colours of the program.
fn bar(done: f64, columns: usize) -> String {
    let full = (done.clamp(0.0, 1.0) * columns as f64) as usize;
    let head = usize::from(full < columns);
    let (line, rest) = ("━".repeat(full), "─".repeat(columns - full - head));
    let yellow = anstyle::AnsiColor::Yellow.on_default();
    format!("{yellow}{line}{}{yellow:#}{FAINT}{rest}{FAINT:#}", "╸".repeat(head))
}

fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line without colours.
    fn plain(line: &Line<'_>, columns: usize) -> String {
        anstream::adapter::strip_str(&line.render(columns)).to_string()
    }

    const WHOLE: &str = "stylized/textures/walls/brick_wall_01.png";

    #[test]
    fn every_width_shows_the_count_and_none_is_exceeded() {
        let details = ["3 m 12 s left".to_owned(), "1 failed".to_owned()];
        for name in ["painting", WHOLE, "絵/レンガの壁.png", ""] {
            for columns in 9..=120 {
                let line = Line { name, count: "12/2718", details: &details, done: Some(0.5) };
                let text = plain(&line, columns);
                assert!(width(&text) <= columns, "{columns}: {text}");
                assert!(text.contains("12/2718"), "{columns}: {text}");
            }
        }
        let narrow = Line { name: WHOLE, count: "12/2718", details: &details, done: Some(0.5) };
        assert_eq!(plain(&narrow, 4), "…718");
        assert_eq!(plain(&narrow, 0), "");
    }

    #[test]
    fn rows() {
        let details = ["3 m 12 s left".to_owned(), "1 failed".to_owned()];
        for (name, columns, expected) in [
            ("painting", 20, "painting 12/2718"),
            ("painting", 40, "painting ━━━━╸─── 12/2718, 3 m 12 s left"),
            ("painting", 44, "painting 12/2718, 3 m 12 s left, 1 failed"),
            (
                "painting",
                80,
                "painting ━━━━━━━━━━━━━━╸───────────── 12/2718, 3 m 12 s left, 1 failed",
            ),
            (WHOLE, 40, "…rick_wall_01.png 12/2718, 3 m 12 s left"),
            (WHOLE, 64, "stylized/textures/walls/brick_wall_01.png 12/2718, 3 m 12 s left"),
        ] {
            let line = Line { name, count: "12/2718", details: &details, done: Some(0.5) };
            assert_eq!(plain(&line, columns), expected, "{columns}");
        }
        let begun = Line { name: WHOLE, count: "begins", ..Line::default() };
        assert_eq!(plain(&begun, 30), "…alls/brick_wall_01.png begins");
    }
}
