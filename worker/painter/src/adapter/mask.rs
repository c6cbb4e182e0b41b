//! Masks: where an asset is painted.

use impasto_assets::Picture;
use impasto_engine::Mask;

use super::{AdapterError, Source, luma, read_picture};

/// The mask in a picture, in that picture's size: its alpha if it has transparency, otherwise its
/// brightness. White is painted, black is kept.
///
/// It is drawn over what a viewer shows of the asset, or over the asset's stored grid, if only that
/// has the mask's size.
pub(super) fn mask(source: &Source, asset: &Picture) -> Result<Mask, AdapterError> {
    let mut picture = read_picture(source)?;
    let stored = asset.origin.orientation;
    let size = (picture.width, picture.height);
    let is_on_grid =
        size == (asset.width, asset.height) && stored.swaps_sides() && size.0 != size.1;
    if !is_on_grid {
        picture = picture.stored_as(stored);
    }
    // Editors add an opaque alpha channel to grey pictures when they save them.
    let drawn = picture.alpha.filter(|alpha| alpha.iter().any(|&alpha| alpha < 1.0));
    let brightness = |pixel: &[f32]| luma(pixel) / 255.0;
    let weights = drawn.unwrap_or_else(|| picture.rgb.chunks_exact(3).map(brightness).collect());
    let weights = weights.into_iter().map(|weight| weight.clamp(0.0, 1.0)).collect();
    let name = picture.origin.name;
    Mask::new(picture.width as usize, picture.height as usize, weights)
        .map_err(|error| AdapterError::Mask { name, source: Box::new(error) })
}

#[cfg(test)]
mod tests {
    use impasto_assets::{Origin, encode};
    use impasto_types::{ContainerFormat, OutputSpec, Part};

    use super::*;

    fn drawn(level: f32, alpha: Option<f32>) -> Result<Mask, AdapterError> {
        let picture = Picture {
            width: 1,
            height: 1,
            rgb: vec![level; 3],
            alpha: alpha.map(|alpha| vec![alpha]),
            extra: Vec::new(),
            origin: Origin::synthetic("mask.png", ContainerFormat::Png),
        };
        let asset =
            Picture { origin: Origin::synthetic("a", ContainerFormat::Png), ..picture.clone() };
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
        let bytes = encode(&picture, output).expect("it encodes");
        mask(&Source { name: "mask.png".to_owned(), bytes }, &asset)
    }

    #[test]
    fn a_mask_is_a_picture_s_brightness_or_alpha() {
        let check = |level: f32, alpha: Option<f32>, expected: f32| {
            let mask = drawn(level, alpha).expect("it is a mask");
            assert_eq!(mask.weights(), [expected], "{level} {alpha:?}");
        };
        check(255.0, None, 1.0);
        check(51.0, None, 0.2);
        check(51.0, Some(1.0), 0.2);
        check(0.0, Some(0.2), 0.2);
        assert!((luma(&[0.0, 100.0, 0.0]) - 71.52).abs() < 1e-4);
    }

    #[test]
    fn an_error_names_a_mask_that_paints_nothing() {
        for refused in [drawn(0.0, None), drawn(255.0, Some(0.0))] {
            let text = refused.expect_err("nothing is painted").to_string();
            assert!(text.contains("`mask.png`"), "{text}");
        }
    }
}
