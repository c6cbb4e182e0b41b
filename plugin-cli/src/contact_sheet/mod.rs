//! The contact sheet: a page that shows assets before and after, with their styles, settings and
//! times: all of them, or in a large project the five hundred that are most worth a look.
//!
//! Pictures are thumbnails in a folder beside the page, and a build writes only those that changed.
//! Page and folder have a bounded size, see `size.rs`. The page loads nothing from the network.

mod card;
mod choice;
mod escape;
mod lit;
mod of_build;
mod settings;
mod size;
mod tally;
mod thumbnail;

use impasto_types::{RunReport, Tileable};

use self::card::Loading;
pub(crate) use self::escape::escape;

pub(crate) use card::loss_text;
pub(crate) use of_build::write;
pub use settings::{Setting, Settings, fields, named, of_preset, parameters, settings};
pub use size::PictureSize;
pub use tally::Tally;
pub(crate) use thumbnail::embedded;
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
    /// Everything that could be shown.
    pub tally: Tally,
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
    /// A material under a light, before and after.
    pub lit: Option<[Thumbnail; 2]>,
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
                ("{{tally}}", &tally::render(self)),
                ("{{note}}", &tally::note(self)),
                ("{{cards}}", &cards.concat()),
                ("{{script}}", SCRIPT),
            ],
        )
    }
}

impl CardOutcome {
    /// Its class in the page.
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

    /// A sheet that shows everything.
    pub(super) fn sheet(project: &str, cards: Vec<Card>) -> Sheet {
        let mut tally = Tally::default();
        cards.iter().for_each(|card| tally.add(&card.outcome));
        Sheet { project: project.to_owned(), cards, tally }
    }

    pub(super) fn card(asset: &str, outcome: CardOutcome) -> Card {
        Card {
            asset: asset.to_owned(),
            output: format!("out/{asset}"),
            style: "night".to_owned(),
            outcome,
            before: None,
            styles: vec![],
            after: None,
            lit: None,
            settings: Some(settings(&impasto_types::Preset::Texture.recipe())),
            tileable: Tileable::Both,
            report: None,
        }
    }

    #[test]
    fn text_is_escaped_and_its_markers_are_not_replaced() {
        let failed =
            CardOutcome::Failed { message: "<script>alert(1)</script> {{script}}".to_owned() };
        let sheet = sheet("a & b {{cards}}", vec![card("<b>\"x\"'.png", failed)]);
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
        let html = sheet("p", vec![card("a.png", CardOutcome::Painted)]).render();
        for outside in ["http:", "https:", "src=\"/", "@import", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn pictures_are_in_a_folder_beside_the_page() {
        let picture = Thumbnail { file: "0a-512-8x4.jpg".to_owned(), width: 8, height: 4 };
        let card = Card { after: Some(picture), ..card("a.png", CardOutcome::Painted) };
        let html = sheet("p", vec![card]).render();
        assert!(html.contains("src=\"thumbnails/0a-512-8x4.jpg\""), "{html}");
    }

    #[test]
    fn the_first_pictures_are_there_when_the_page_is() {
        let picture = Thumbnail { file: "0a-512-8x4.jpg".to_owned(), width: 8, height: 4 };
        let card = Card { after: Some(picture), ..card("a.png", CardOutcome::Painted) };
        let html = sheet("", vec![card; 300]).render();
        let count = |text: &str| html.matches(text).count();
        assert_eq!((count("decoding=\"sync\""), count("loading=\"lazy\"")), (256, 44));
    }
}
