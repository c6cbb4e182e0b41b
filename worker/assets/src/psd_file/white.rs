//! Whether the merged image's colours are blended with white where they are transparent.
//!
//! Photoshop blends them. Others write them as they are, and nothing in the file says so. If there
//! is one plain layer, whose colours are straight, they are compared with it: they are like its
//! colours, or like those with white. Otherwise it is guessed: colours that have white in them are
//! not darker than it. So straight colours that are light everywhere are misread.

use super::document::Document;
use super::fields::{Fields, Mode};
use super::layers::PlainLayer;
use super::samples::Samples;
use crate::Depth;
use crate::psd_layout::{PsdPacking, with_white};

/// Whether there is white in the colours of `samples`, of which `alpha` is the transparency.
pub(super) fn is_there(
    bytes: &[u8],
    document: &Document,
    samples: &Samples<'_>,
    alpha: &[f32],
) -> bool {
    let fields = &document.fields;
    if !has_levels(fields.mode) {
        return false;
    }
    let plain = document.layers.plain.as_ref();
    let told = plain.and_then(|plain| told(bytes, fields, plain, samples, alpha));
    told.unwrap_or_else(|| may_be_there(fields, samples, alpha))
}

/// Whether samples are levels: indices and bits cannot be blended.
pub(super) fn has_levels(mode: Mode) -> bool {
    matches!(mode, Mode::Gray | Mode::Rgb | Mode::Cmyk)
}

/// From a sample to a level. Floats are so small that the levels are finite.
pub(super) fn levels(fields: &Fields) -> impl Fn(f32) -> f32 + Copy {
    let most = fields.most();
    let depth = fields.depth();
    move |value| match depth {
        Depth::Eight => value * (255.0 / most),
        // 65535 is 257 * 255, so this is `v * 255 / 65535` with one rounding.
        Depth::Sixteen => value / 257.0,
        Depth::Float => (value * 255.0).clamp(f32::MIN, f32::MAX),
    }
}

/// What the layer's own colours say; nothing if they cannot be read, or are as near to both.
fn told(
    bytes: &[u8],
    fields: &Fields,
    plain: &PlainLayer,
    samples: &Samples<'_>,
    alpha: &[f32],
) -> Option<bool> {
    let level = levels(fields);
    let [top, left, bottom, right] = plain.sides;
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    if width == 0 || height == 0 {
        return None;
    }
    let own = Fields { channels: 1, width, height, ..*fields };
    let (mut straight, mut blended) = (0.0, 0.0);
    for color in 0..fields.mode.colors() {
        let channel = plain.channels.iter().find(|one| usize::try_from(one.number) == Ok(color))?;
        let from = usize::try_from(channel.at).ok()?;
        let data = bytes.get(from..)?.get(..usize::try_from(channel.length).ok()?)?;
        let (code, data) = data.split_first_chunk()?;
        let packing = PsdPacking::of(u16::from_be_bytes(*code))?;
        let layer = Samples::read(data, packing, &own).ok()?;
        let mut layer = layer.channel(0).map(level);
        let mut merged = samples.channel(color).map(level).zip(alpha);
        let columns = left..right;
        for row in 0..bottom {
            for column in 0..fields.width {
                let (merged, &alpha) = merged.next()?;
                if row >= top && columns.contains(&column) {
                    let layer = layer.next()?;
                    straight += f64::from((merged - layer).abs());
                    blended += f64::from((merged - with_white(layer, alpha)).abs());
                }
            }
        }
    }
    match straight.partial_cmp(&blended)? {
        std::cmp::Ordering::Less => Some(false),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(true),
    }
}

/// Whether no colour is darker than the white that would be in it. Where there is nothing to be
/// seen it is white in Photoshop's files.
fn may_be_there(fields: &Fields, samples: &Samples<'_>, alpha: &[f32]) -> bool {
    // Programs round differently, by one sample and not by two; of floats as of 16 bits.
    let tolerance = match fields.depth() {
        Depth::Eight => 1.5,
        Depth::Sixteen | Depth::Float => 1.5 / 257.0,
    };
    (0..fields.mode.colors()).all(|channel| {
        samples.channel(channel).map(levels(fields)).zip(alpha).all(|(value, alpha)| {
            let alpha = alpha.clamp(0.0, 1.0);
            let white = 255.0 * (1.0 - alpha);
            value >= if alpha > 0.0 { white - tolerance } else { white }
        })
    })
}
