//! The contact sheet: a page that shows every asset before and after, with its styles, its settings
//! and its times.
//!
//! Pictures are thumbnails in a folder beside the page, so a page of a thousand assets is small,
//! and a build writes only the thumbnails that changed. The page loads nothing from the network.

mod card;
mod escape;
mod of_build;
mod settings;
mod thumbnail;

use std::fmt::Write as _;

use impasto_types::{RunReport, Tileable};

use self::card::Loading;
use self::escape::escape;
use crate::units;

pub(crate) use card::loss_text;
pub(crate) use of_build::write;
pub use settings::{Setting, Settings, fields, parameters, settings};
pub use thumbnail::{Thumbnail, ThumbnailError, Thumbnails};

/// The folder of thumbnails, beside the page.
pub const THUMBNAILS_DIR: &str = "thumbnails";

const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A page of cards.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub project: String,
    pub cards: Vec<Card>,
}

/// One asset in one style.
#[derive(Debug, Clone)]
pub struct Card {
    pub asset: String,
    pub output: String,
    pub style: String,
    pub outcome: CardOutcome,
    pub before: Option<Thumbnail>,
    pub styles: Vec<Thumbnail>,
    pub after: Option<Thumbnail>,
    /// `None` for an asset that was never planned.
    pub settings: Option<Settings>,
    pub tileable: Tileable,
    /// How the painting went, if known.
    pub report: Option<RunReport>,
}

/// What this build did with the asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardOutcome {
    Painted,
    Cached,
    UpToDate,
    /// Not done: the build was interrupted.
    Open,
    /// Not selected: its output is that of an earlier build.
    Left,
    Failed {
        message: String,
    },
}

impl Sheet {
    /// Renders the page as HTML.
    pub fn render(&self) -> String {
        let cards = self.cards.iter().enumerate();
        let cards: Vec<String> =
            cards.map(|(place, card)| card::render(card, Loading::of(place))).collect();
        fill(
            TEMPLATE,
            &[
                ("{{title}}", &escape(&self.project)),
                ("{{style}}", STYLE),
                ("{{heading}}", &escape(&self.project)),
                ("{{tally}}", &self.tally()),
                ("{{cards}}", &cards.concat()),
                ("{{script}}", SCRIPT),
            ],
        )
    }

    /// `12 assets`, and how many of each outcome.
    fn tally(&self) -> String {
        let mut html = format!(
            "<li><b>{}</b> {}</li>",
            self.cards.len(),
            if self.cards.len() == 1 { "picture" } else { "pictures" }
        );
        for (class, word) in [
            ("painted", "painted"),
            ("cached", "cached"),
            ("fresh", "up to date"),
            ("open", "not done"),
            ("left", "not chosen"),
            ("failed", "failed"),
        ] {
            let number = self.cards.iter().filter(|card| card.outcome.class() == class).count();
            if number > 0 {
                write!(html, "<li class=\"{class}\"><b>{number}</b> {word}</li>")
                    .expect("a string takes everything");
            }
        }
        let total: u64 = self
            .cards
            .iter()
            .filter_map(|card| card.report.as_ref())
            .map(|report| report.compute_ms)
            .sum();
        if total > 0 {
            let time = units::time(std::time::Duration::from_millis(total));
            write!(html, "<li><b>{time}</b> painting time</li>")
                .expect("a string takes everything");
        }
        html
    }
}

impl CardOutcome {
    fn class(&self) -> &'static str {
        match self {
            Self::Painted => "painted",
            Self::Cached => "cached",
            Self::UpToDate => "fresh",
            Self::Open => "open",
            Self::Left => "left",
            Self::Failed { .. } => "failed",
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Painted => "painted",
            Self::Cached => "cached",
            Self::UpToDate => "up to date",
            Self::Open => "not done",
            Self::Left => "not chosen",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Replaces each marker with its value, in the order of the markers. Values are not searched for
/// markers, so an asset's name cannot contain one.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(
        template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>(),
    );
    let mut rest = template;
    for (marker, value) in values {
        if let Some((before, after)) = rest.split_once(marker) {
            page.push_str(before);
            page.push_str(value);
            rest = after;
        }
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(asset: &str, outcome: CardOutcome) -> Card {
        Card {
            asset: asset.to_owned(),
            output: format!("out/{asset}"),
            style: "night".to_owned(),
            outcome,
            before: None,
            styles: vec![],
            after: None,
            settings: Some(settings(&impasto_types::Preset::Texture.recipe())),
            tileable: Tileable::Both,
            report: None,
        }
    }

    #[test]
    fn text_is_escaped_and_its_markers_are_not_replaced() {
        let failed =
            CardOutcome::Failed { message: "<script>alert(1)</script> {{script}}".to_owned() };
        let sheet = Sheet {
            project: "a & b {{cards}}".to_owned(),
            cards: vec![card("<b>\"x\"'.png", failed)],
        };
        let html = sheet.render();
        assert!(html.contains("<title>a &amp; b {{cards}}"), "the title");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; {{script}}"), "the message");
        assert!(!html.contains("<b>\"x\""), "the asset's name");
        assert!(
            !html.contains("{{style}}") && !html.contains("{{tally}}"),
            "every marker is filled"
        );
    }

    #[test]
    fn nothing_is_loaded_from_the_network() {
        let html =
            Sheet { project: "p".to_owned(), cards: vec![card("a.png", CardOutcome::Painted)] }
                .render();
        for outside in ["http:", "https:", "src=\"/", "@import", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn pictures_are_in_a_folder_beside_the_page() {
        let picture = Thumbnail { file: "0a-512-8x4.jpg".to_owned(), width: 8, height: 4 };
        let card = Card { after: Some(picture), ..card("a.png", CardOutcome::Painted) };
        let html = Sheet { project: "p".to_owned(), cards: vec![card] }.render();
        assert!(html.contains("src=\"thumbnails/0a-512-8x4.jpg\""), "{html}");
    }

    #[test]
    fn the_first_pictures_are_there_when_the_page_is() {
        let picture = Thumbnail { file: "0a-512-8x4.jpg".to_owned(), width: 8, height: 4 };
        let card = Card { after: Some(picture), ..card("a.png", CardOutcome::Painted) };
        let html = Sheet { project: String::new(), cards: vec![card; 300] }.render();
        let count = |text: &str| html.matches(text).count();
        assert_eq!((count("decoding=\"sync\""), count("loading=\"lazy\"")), (256, 44));
    }

    #[test]
    fn the_tally_counts_outcomes() {
        let cards = vec![
            card("a", CardOutcome::Painted),
            card("b", CardOutcome::UpToDate),
            card("c", CardOutcome::UpToDate),
        ];
        let tally = Sheet { project: String::new(), cards }.tally();
        assert!(
            tally.contains("<b>3</b> pictures")
                && tally.contains("<b>2</b> up to date")
                && !tally.contains("failed"),
            "{tally}"
        );
    }
}
