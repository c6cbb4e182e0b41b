//! What a task takes: memory and work, estimated before anything runs.
//!
//! The engine fits a picture into the memory that it is given, by cutting it into tiles and by remembering less exactly. So the memory asked for here is
//! what it gets by with, and what the scheduler has to find on a worker; a worker that has more gives more.

use impasto_types::{Optimizer, Recipe};

/// What an attempt takes at any size: VGG-19's weights, prepared for both directions in single precision (0.45 GiB), the process and its threads.
pub const MEMORY_BASE_BYTES: u64 = 576 << 20;

/// What a tile takes for each of its pixels: features, gradients and the pixels themselves, in whichever precision takes more.
pub const TILE_BYTES_PER_PIXEL: u64 = 700;

/// The largest tile that is waited for. Smaller ones work too, but what they compute beyond their own border costs more than they are worth.
pub const TILE_PIXELS: u64 = 1 << 20;

/// What a pixel of the result takes besides: three values of the picture (4 bytes each), of its gradient (4), of the content that it is compared with (4), and the
/// content's features in bf16 (512 channels for 64 pixels).
pub const RESULT_BYTES_PER_PIXEL: u64 = 3 * (4 + 4 + 4) + 16;

/// What Adam remembers of a pixel where it remembers least: three values of two moments in bf16, and of the average.
pub const ADAM_BYTES_PER_PIXEL: u64 = 3 * (2 + 2 + 4);

/// What L-BFGS remembers of a pixel where it remembers least: three values of where it stood, of the gradient there and its change in full, of three steps and
/// changes of gradient in bf16, and of a smoothed picture on coarser grids, a third of its size.
pub const LBFGS_BYTES_PER_PIXEL: u64 = 3 * (3 * 4 + 3 * 2 * 2) + 4;

/// What a pixel of a picture that is read takes: three values and alpha, in single precision.
pub const SOURCE_BYTES_PER_PIXEL: u64 = 4 * 4;

/// The memory that an attempt gets by with for a result of `width` by `height` pixels, in bytes. `sources` are the sizes of all pictures read, and `styles` those
/// of the styles among them, which the network looks at as well.
pub(crate) fn memory_bytes(recipe: &Recipe, (width, height): (u32, u32), sources: &[(u32, u32)], styles: &[(u32, u32)]) -> u64 {
    let remembered = match recipe.optimizer {
        Optimizer::Lbfgs => LBFGS_BYTES_PER_PIXEL,
        Optimizer::Adam => ADAM_BYTES_PER_PIXEL,
    };
    let pixels = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
    let result = pixels(&(width, height));
    // A style's longer side follows the result's, so beside a long, narrow strip it is the larger picture by far. It is never enlarged.
    let style = |size: &(u32, u32)| {
        let ratio = f64::from(width.max(height)) * f64::from(recipe.style_scale) / f64::from(size.0.max(size.1)).max(1.0);
        (pixels(size) as f64 * ratio.min(1.0).powi(2)) as u64
    };
    let style = styles.iter().map(style).max().unwrap_or(0);
    let tile = TILE_BYTES_PER_PIXEL * result.max(style).min(TILE_PIXELS);
    let read: u64 = sources.iter().map(pixels).sum();
    // A style is measured before the picture has its gradient and its optimiser, so the two are not there at once.
    let painted = (RESULT_BYTES_PER_PIXEL + remembered) * result;
    MEMORY_BASE_BYTES + tile + painted.max(SOURCE_BYTES_PER_PIXEL * style) + SOURCE_BYTES_PER_PIXEL * read
}

/// Pixels times optimiser steps over all scales.
pub(crate) fn work(recipe: &Recipe, width: u32, height: u32) -> u64 {
    let scales = recipe.scales(width, height);
    scales.iter().map(|scale| u64::from(scale.width) * u64::from(scale.height) * u64::from(scale.iterations)).sum()
}

// The largest result, 32768 pixels squared, stays far within 64 bits, and so does its work at the most steps over 32 scales.
const _: () = {
    let pixels = Recipe::MAX_SIDE as u64 * Recipe::MAX_SIDE as u64;
    assert!(pixels < u64::MAX / (TILE_BYTES_PER_PIXEL + RESULT_BYTES_PER_PIXEL + LBFGS_BYTES_PER_PIXEL + SOURCE_BYTES_PER_PIXEL));
    assert!(pixels < u64::MAX / (Recipe::MAX_ITERATIONS as u64 * 32));
};

#[cfg(test)]
mod tests {
    use super::*;
    use impasto_types::Preset;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_narrow_strip_pays_for_its_style() {
        let strip = memory_bytes(&Preset::Texture.recipe(), (4096, 16), &[], &[(4096, 4096)]);
        assert_eq!(strip, MEMORY_BASE_BYTES + 700 * MIB + 16 * 4096 * 4096);
    }

    #[test]
    fn a_picture_of_512_pixels() {
        let size = (512, 512);
        let quarter = 512 * 512;
        let least = MEMORY_BASE_BYTES + (700 + 52) * quarter;
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[], &[]), least + 24 * quarter);
        assert_eq!(memory_bytes(&Preset::Gatys.recipe(), size, &[], &[]), least + 76 * quarter);
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[size], &[(2048, 1024)]), least + (24 + 16) * quarter);
    }

    #[test]
    fn large_pictures_fit_where_they_are_promised_to() {
        let side = |side: u32| memory_bytes(&Preset::Painterly.recipe(), (side, side), &[(side, side), (1024, 1024)], &[(1024, 1024)]);
        assert!(side(4096) < 3 << 30, "{} MiB", side(4096) / MIB);
        assert!(side(8192) < 8 << 30, "{} MiB", side(8192) / MIB);
    }

    #[test]
    fn work_counts_pixels_and_steps() {
        let single = Recipe { min_scale: 0, iterations: 10, ..Preset::Painterly.recipe() };
        assert_eq!(work(&single, 512, 256), 512 * 256 * 10);
        let two = Recipe { min_scale: 256, scale_factor: 2.0, iterations: 10, coarse_iterations: 40, ..single };
        assert_eq!(work(&two, 512, 256), 512 * 256 * 10 + 256 * 128 * 40);
    }
}
