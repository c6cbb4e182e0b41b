//! How many pictures there are, and which of them a sheet leaves out.

use std::fmt::Write as _;
use std::time::Duration;

use super::{CardOutcome, Sheet};
use crate::units;

/// How many pictures had each outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally([usize; OUTCOMES.len()]);

/// The outcomes in the order of the page: their classes and words.
const OUTCOMES: [(&str, &str); 6] = [
    ("failed", "failed"),
    ("painted", "painted"),
    ("cached", "cached"),
    ("open", "not done"),
    ("fresh", "up to date"),
    ("left", "not chosen"),
];

impl Tally {
    pub fn add(&mut self, outcome: &CardOutcome) {
        for (count, (class, ..)) in self.0.iter_mut().zip(OUTCOMES) {
            *count += usize::from(class == outcome.class());
        }
    }

    fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// The outcomes that there are, and how many pictures had each.
    fn counts(&self) -> impl Iterator<Item = ((&'static str, &'static str), usize)> {
        OUTCOMES.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// `12 pictures`, how many of each outcome, and if all are shown how long they took.
pub(super) fn render(sheet: &Sheet) -> String {
    let total = sheet.tally.total();
    let pictures = if total == 1 { "picture" } else { "pictures" };
    let mut html = format!("<li><b>{}</b> {pictures}</li>", thousands(total));
    for ((class, word), count) in sheet.tally.counts() {
        let count = thousands(count);
        write!(html, "<li class=\"{class}\"><b>{count}</b> {word}</li>").expect(TAKEN);
    }
    let reports = sheet.cards.iter().filter_map(|card| card.report.as_ref());
    let took: u64 = reports.map(|report| report.compute_ms).sum();
    if took > 0 && sheet.cards.len() == total {
        let time = units::time(Duration::from_millis(took));
        write!(html, "<li><b>{time}</b> painting time</li>").expect(TAKEN);
    }
    html
}

/// What the sheet leaves out; empty if it shows everything.
pub(super) fn note(sheet: &Sheet) -> String {
    let (cards, total) = (sheet.cards.len(), sheet.tally.total());
    if cards >= total {
        return String::new();
    }
    let shown =
        |class: &str| sheet.cards.iter().filter(|card| card.outcome.class() == class).count();
    let parts: Vec<String> = sheet
        .tally
        .counts()
        .map(|((class, word), count)| {
            format!("{} of {} {word}", thousands(shown(class)), thousands(count))
        })
        .collect();
    format!(
        "<p class=\"note\"><b>This sheet shows {} of {} pictures:</b> {}. Failures come first, \
         then what the last builds made, then a sample of every rule and style. The other {} are \
         in their folders.</p>",
        thousands(cards),
        thousands(total),
        parts.join(", "),
        thousands(total - cards)
    )
}

/// Why writing to a string does not fail.
const TAKEN: &str = "a string takes everything";

/// `100,000`
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{card, sheet};
    use super::*;

    #[test]
    fn outcomes_are_counted() {
        let sheet = sheet(
            "",
            vec![
                card("a", CardOutcome::Painted),
                card("b", CardOutcome::UpToDate),
                card("c", CardOutcome::UpToDate),
            ],
        );
        let html = render(&sheet);
        assert!(
            html.contains("<b>3</b> pictures")
                && html.contains("<b>2</b> up to date")
                && !html.contains("failed"),
            "{html}"
        );
        assert_eq!(note(&sheet), "", "everything is shown");
    }

    #[test]
    fn what_is_left_out_is_said() {
        let mut sheet =
            sheet("", vec![card("a", CardOutcome::Painted), card("b", CardOutcome::UpToDate)]);
        for _ in 0..1234 {
            sheet.tally.add(&CardOutcome::UpToDate);
        }
        sheet.tally.add(&CardOutcome::Left);
        let html = note(&sheet);
        assert!(
            html.contains(
                "This sheet shows 2 of 1,237 pictures:</b> 1 of 1 painted, 1 of 1,235 up to date, \
                 0 of 1 not chosen."
            ) && html.contains("The other 1,235 are in their folders"),
            "{html}"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
