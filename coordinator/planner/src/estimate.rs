//! What a task takes: memory and work, estimated before anything runs.

use impasto_types::{Optimizer, Recipe};

/// What an attempt takes at any size: VGG-19's weights, the style's statistics, the allocator's slack.
pub const MEMORY_BASE_BYTES: u64 = 700 << 20;

/// What an attempt takes for each pixel of its last scale. The feature maps up to relu5_1 that a backward pass needs are about 320 floats a pixel;
/// twice that covers their gradients.
pub const MEMORY_BYTES_PER_PIXEL: u64 = 3_000;

/// What each step that L-BFGS remembers takes for a pixel: a step and a change of gradient, three floats each.
pub const HISTORY_BYTES_PER_PIXEL: u64 = 24;

/// What each pixel of a picture that is read takes: decoded, in single precision, and recoloured.
pub const SOURCE_BYTES_PER_PIXEL: u64 = 40;

/// The most memory that an attempt takes for a result of `width` by `height` pixels, in bytes. `sources` are the sizes of all pictures read, and `styles` those of
/// the styles among them, which the network looks at as well.
pub(crate) fn memory_bytes(recipe: &Recipe, (width, height): (u32, u32), sources: &[(u32, u32)], styles: &[(u32, u32)]) -> u64 {
    let remembered = match recipe.optimizer {
        Optimizer::Lbfgs => HISTORY_BYTES_PER_PIXEL * u64::from(recipe.history),
        Optimizer::Adam => 0,
    };
    let pixels = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
    let result = pixels(&(width, height));
    // A style's longer side follows the result's, so beside a long, narrow strip it is the larger picture by far. It is never enlarged.
    let style = |size: &(u32, u32)| {
        let ratio = f64::from(width.max(height)) * f64::from(recipe.style_scale) / f64::from(size.0.max(size.1)).max(1.0);
        (pixels(size) as f64 * ratio.min(1.0).powi(2)) as u64
    };
    let largest = styles.iter().map(style).max().unwrap_or(0).max(result);
    let read: u64 = sources.iter().map(pixels).sum();
    MEMORY_BASE_BYTES + MEMORY_BYTES_PER_PIXEL * largest + remembered * result + SOURCE_BYTES_PER_PIXEL * read
}

/// Pixels times optimiser steps over all scales.
pub(crate) fn work(recipe: &Recipe, width: u32, height: u32) -> u64 {
    let scales = recipe.scales(width, height);
    scales.iter().map(|scale| u64::from(scale.width) * u64::from(scale.height) * u64::from(scale.iterations)).sum()
}

// The largest result, 32768 pixels squared, stays within 64 bits at the longest history, and so does its work at the most steps over 32 scales.
const _: () = {
    let pixels = Recipe::MAX_SIDE as u64 * Recipe::MAX_SIDE as u64;
    assert!(pixels < (u64::MAX - MEMORY_BASE_BYTES) / (MEMORY_BYTES_PER_PIXEL + HISTORY_BYTES_PER_PIXEL * 1000));
    assert!(pixels < u64::MAX / (Recipe::MAX_ITERATIONS as u64 * 32));
};

#[cfg(test)]
mod tests {
    use super::*;
    use impasto_types::Preset;

    #[test]
    fn a_narrow_strip_pays_for_its_style() {
        let strip = memory_bytes(&Preset::Texture.recipe(), (4096, 16), &[], &[(4096, 4096)]);
        assert_eq!(strip, MEMORY_BASE_BYTES + MEMORY_BYTES_PER_PIXEL * 4096 * 4096);
    }

    #[test]
    fn a_picture_of_512_pixels() {
        let size = (512, 512);
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[], &[]), 1_520_435_200);
        assert_eq!(memory_bytes(&Preset::Gatys.recipe(), size, &[], &[]), 1_520_435_200 + 2400 * 512 * 512);
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[size], &[(2048, 1024)]), 1_520_435_200 + 40 * 512 * 512);
        let single = Recipe { min_scale: 0, iterations: 10, ..Preset::Painterly.recipe() };
        assert_eq!(work(&single, 512, 256), 512 * 256 * 10);
        let two = Recipe { min_scale: 256, scale_factor: 2.0, iterations: 10, coarse_iterations: 40, ..single };
        assert_eq!(work(&two, 512, 256), 512 * 256 * 10 + 256 * 128 * 40);
    }
}
