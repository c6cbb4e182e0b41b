//! What of a picture shows: by its alpha, or by a colour that stands for transparency.

use impasto_assets::{AlphaKind, Picture, bleed, is_transparency_empty};
use impasto_engine::Mask;
use impasto_types::{AlphaUse, Common};

use super::color_key::ColorKey;
use super::mask_of_alpha;
use crate::nearest::nearest;

/// How much of each pixel there is.
#[derive(Debug)]
pub(super) struct Transparency {
    pub(super) key: Option<ColorKey>,
    /// What colours are averaged by; none if all of each pixel is there.
    pub(super) coverage: Option<Mask>,
    /// Whether only what shows is painted.
    pub(super) has_islands: bool,
    /// Whether transparent pixels are ground between islands, which gets their colours.
    pub(super) has_gutters: bool,
    /// The level of all transparent pixels of the file, if they are black or white.
    pub(super) hidden: Option<f32>,
}

impl Transparency {
    /// Fills what has no colour from its neighbours: black holes would mislead the network, and
    /// show where a renderer filters across an edge.
    pub(super) fn of(picture: &mut Picture, common: &Common) -> Self {
        let alpha_use = common.alpha_use();
        let is_coverage = match alpha_use {
            AlphaUse::Data => false,
            AlphaUse::Premultiplied => true,
            AlphaUse::Coverage | AlphaUse::Islands => {
                picture.origin.alpha_kind != AlphaKind::Unspecified
            }
        };
        let key = common.color_key.and_then(|color| ColorKey::of(color, picture));
        let has_islands = (is_coverage || key.is_some()) && alpha_use == AlphaUse::Islands;
        let is_empty = is_coverage && is_transparency_empty(picture);
        let hidden = is_empty.then(|| hidden_level(picture)).flatten();
        let fills = is_empty || has_islands;
        let coverage = match &key {
            Some(key) => {
                let alpha = picture.alpha.take();
                let there = key.there(alpha.as_deref().filter(|_| is_coverage));
                // A hole of the key has no colour; what alpha hides may have one.
                picture.alpha = Some(if fills { there.clone() } else { key.there(None) });
                bleed(picture);
                picture.alpha = Some(there);
                let coverage = mask_of_alpha(picture);
                picture.alpha = alpha;
                coverage
            }
            None if is_coverage => {
                if fills {
                    bleed(picture);
                }
                mask_of_alpha(picture)
            }
            None => None,
        };
        let has_gutters = has_islands && is_coverage;
        Self { key, coverage, has_islands, has_gutters, hidden }
    }
}

/// The level of the first transparent pixel.
fn hidden_level(picture: &Picture) -> Option<f32> {
    let at = picture.alpha.as_ref()?.iter().position(|alpha| *alpha <= 0.0)?;
    picture.rgb.get(3 * at).copied()
}

/// Where something shows.
pub(super) fn visible(coverage: &Mask) -> Option<Mask> {
    let weights = coverage.weights().iter().map(|weight| if *weight > 0.0 { 1.0 } else { 0.0 });
    Mask::new(coverage.width(), coverage.height(), weights.collect()).ok()
}

/// Gives transparent pixels the colours of the nearest that show, so that smaller mips of an island
/// have no colour of another.
pub(super) fn fill_gutters(
    rgb: &mut [f32],
    alpha: &[f32],
    size: (usize, usize),
    wraps: (bool, bool),
) {
    let Some(nearest) = nearest(|place| alpha[place] > 0.0, size, wraps) else { return };
    for (place, from) in nearest.into_iter().enumerate() {
        let from = from as usize;
        if from != place {
            rgb.copy_within(3 * from..3 * from + 3, 3 * place);
        }
    }
}
