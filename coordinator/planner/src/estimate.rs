//! What a task takes: memory and work, estimated before anything runs.
//!
//! The engine fits a picture into the memory that it is given, by cutting it into tiles and by remembering less exactly. So the memory asked for here is
//! what it gets by with, and what the scheduler has to find on a worker; a worker that has more gives more.

use impasto_types::{Optimizer, Profile, Recipe, Scale};

/// What an attempt takes at any size: VGG-19's weights, prepared for both directions in single precision (0.45 GiB), the process and its threads.
pub const MEMORY_BASE_BYTES: u64 = 576 << 20;

/// What a tile takes for each of its pixels: features, gradients and the pixels themselves, in whichever precision takes more.
pub const TILE_BYTES_PER_PIXEL: u64 = 700;

/// The largest tile that is waited for. Smaller ones work too, but what they compute beyond their own border costs more than they are worth.
pub const TILE_PIXELS: u64 = 1 << 20;

/// What a pixel of the result takes besides: three values of the picture (4 bytes each), of its gradient (4) and of the content that it is compared with (4).
pub const RESULT_BYTES_PER_PIXEL: u64 = 3 * (4 + 4 + 4);

/// What a pixel of a picture that is read takes: three values and alpha, in single precision.
pub const SOURCE_BYTES_PER_PIXEL: u64 = 4 * 4;

/// The memory that an attempt gets by with for a result of `width` by `height` pixels, in bytes. `sources` are the sizes of all pictures read, and `styles` those
/// of the styles among them, which the network looks at as well.
pub(crate) fn memory_bytes(recipe: &Recipe, (width, height): (u32, u32), sources: &[(u32, u32)], styles: &[(u32, u32)]) -> u64 {
    let pixels = |&(width, height): &(u32, u32)| u64::from(width) * u64::from(height);
    let result = pixels(&recipe.canvas(width, height));
    // A style's longer side follows the result's, so beside a long, narrow strip it is the larger picture by far.
    let single = recipe.scales(width, height).len() == 1;
    let style = |size: &(u32, u32)| {
        let factor = recipe.style_factor(size.0.max(size.1), width.max(height), single);
        (pixels(size) as f64 * factor.powi(2)) as u64
    };
    let style = styles.iter().map(style).max().unwrap_or(0);
    let tile = TILE_BYTES_PER_PIXEL * result.max(style).min(TILE_PIXELS);
    let read: u64 = sources.iter().map(pixels).sum();
    // A style is measured before the picture has its gradient and its optimiser, so the two are not there at once.
    let painted = (RESULT_BYTES_PER_PIXEL + remembered_bytes_per_pixel(recipe)) * result;
    MEMORY_BASE_BYTES + tile + painted.max(SOURCE_BYTES_PER_PIXEL * style) + SOURCE_BYTES_PER_PIXEL * read
}

/// What is remembered of a pixel where least is: by the optimiser, and as the content's features (512 channels for 64 pixels).
///
/// In profile `fast` both may be kept in 16 bits, and any picture may be painted with Adam; `exact` gives up nothing for memory.
fn remembered_bytes_per_pixel(recipe: &Recipe) -> u64 {
    let content = |word: u64| word * 512 / 64;
    // Two moments, and the average.
    let adam = |word: u64| 3 * (2 * word + 4);
    match (recipe.profile, recipe.optimizer) {
        (Profile::Fast, Optimizer::Adam | Optimizer::Lbfgs) => content(2) + adam(2),
        (Profile::Exact, Optimizer::Adam) => content(4) + adam(4),
        // Where it stood, the gradient there and its change, the pairs, and a smoothed picture on coarser grids, a third of its size.
        (Profile::Exact, Optimizer::Lbfgs) => content(4) + 3 * (3 * 4 + 2 * u64::from(recipe.history) * 4) + 4,
    }
}

/// Pixels times optimiser steps over all scales.
pub(crate) fn work(recipe: &Recipe, width: u32, height: u32) -> u64 {
    let scales = recipe.scales(width, height);
    let pixels = |scale: &Scale| {
        let (width, height) = recipe.canvas(scale.width, scale.height);
        u64::from(width) * u64::from(height)
    };
    scales.iter().map(|scale| pixels(scale) * u64::from(scale.iterations)).sum()
}

// The largest result, 32768 pixels squared, stays far within 64 bits, and so does its work at the most steps over 32 scales.
const _: () = {
    let pixels = Recipe::MAX_SIDE as u64 * Recipe::MAX_SIDE as u64;
    let remembered = 3 * (3 * 4 + 2 * Recipe::MAX_HISTORY as u64 * 4) + 4 + 32;
    assert!(pixels < u64::MAX / (TILE_BYTES_PER_PIXEL + RESULT_BYTES_PER_PIXEL + remembered + SOURCE_BYTES_PER_PIXEL));
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
        let (picture, canvas) = (512 * 512, 528 * 528);
        let least = |pixels: u64, remembered: u64| MEMORY_BASE_BYTES + (700 + 36 + remembered) * pixels;
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[], &[]), least(canvas, 16 + 24));
        assert_eq!(memory_bytes(&Preset::Gatys.recipe(), size, &[], &[]), least(picture, 16 + 24));
        assert_eq!(memory_bytes(&Preset::Painterly.recipe(), size, &[size], &[(2048, 1024)]), least(canvas, 16 + 24) + 16 * picture);
        let exact = Recipe { profile: Profile::Exact, ..Preset::Gatys.recipe() };
        assert_eq!(memory_bytes(&exact, size, &[], &[]), least(picture, 32 + 40 + 20 * 24));
        let adam = Recipe { optimizer: Optimizer::Adam, ..exact };
        assert_eq!(memory_bytes(&adam, size, &[], &[]), least(picture, 32 + 36));
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
        assert_eq!(work(&single, 512, 256), 528 * 272 * 10);
        let two = Recipe { min_scale: 256, scale_factor: 2.0, iterations: 10, coarse_iterations: 40, ..single };
        assert_eq!(work(&two, 512, 256), 528 * 272 * 10 + 272 * 144 * 40);
    }
}
