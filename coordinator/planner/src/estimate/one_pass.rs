//! The memory and work of a picture that is painted in one pass.

use impasto_types::{Arbitrary, OnePass, Recipe};

use super::{MEMORY_BASE_BYTES, SOURCE_BYTES_PER_PIXEL};

/// Memory of an attempt at any size: the process (64 MiB), both networks as they are stored and as
/// they are prepared (20 MiB), and what they see of style images.
pub const ONE_PASS_BASE_BYTES: u64 = 128 << 20;

/// Memory per pixel of the result with the network for any style: three maps (14 values of 4
/// bytes), three values each of what a scale begins with, the same where its sides meet, and what
/// was painted.
pub const ONE_PASS_BYTES_PER_PIXEL: u64 = 4 * (14 + 3 * 3);

/// The same with a network as `impasto train` makes it: its maps have 26 values, and the asset may
/// be held to be blended with the result.
pub const LEARNED_BYTES_PER_PIXEL: u64 = 4 * (26 + 3 * 4);

/// The same with a network for any style as `impasto train` makes it: the picture, with noise,
/// three values each of what a scale begins with and of the same where its sides meet, and what was
/// painted, with the next lap and without it.
const RESTYLED_BYTES_PER_PIXEL: u64 = 4 * (3 * 6);

/// A tile with what is around it, which a smaller picture has no pixels for.
const RESTYLED_TILE_PIXELS: u64 = 928 * 928;
const RESTYLED_TILE_BYTES_PER_PIXEL: u64 = 1000;

/// What looking at a picture takes for each pixel, and at most.
const LOOK_BYTES_PER_PIXEL: u64 = 700;
const MOST_LOOK_BYTES: u64 = 512 << 20;

/// A side that repeats at no multiple of four pixels is continued by so many.
const UNROLLED_PX: u64 = 2 * 48 + 3;

/// A step of optimisation takes as long as painting so many times its pixels in one pass.
const PIXELS_PER_STEP: u64 = 6;

/// The same with a network of one's own for any style, which looks with VGG-19, twice.
const RESTYLED_PIXELS_PER_STEP: u64 = 1;

/// What looking at styles takes beside that, in pixels.
const LOOKING_PX: u64 = 128 * 128;

/// As [`memory_bytes`](super::memory_bytes); `looked_at` are the pixels of all style images that
/// are held, `assets` those of the other pictures.
pub(super) fn memory_bytes(
    recipe: &Recipe,
    (width, height): (u32, u32),
    looked_at: u64,
    assets: u64,
) -> u64 {
    let side = |len: u32, repeats: bool| {
        u64::from(len) + if repeats && !len.is_multiple_of(4) { UNROLLED_PX } else { 3 }
    };
    let tileable = recipe.common().tileable;
    let bytes_per_pixel = match recipe {
        Recipe::FeedForward(_) => LEARNED_BYTES_PER_PIXEL,
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => RESTYLED_BYTES_PER_PIXEL,
        Recipe::Optimize(_) | Recipe::Synthesize(_) | Recipe::Arbitrary(_) | Recipe::Train(_) => {
            ONE_PASS_BYTES_PER_PIXEL
        }
    };
    let (wide, high) = (side(width, tileable.wraps_x()), side(height, tileable.wraps_y()));
    let unrolled = wide * high - u64::from(width) * u64::from(height);
    let base = match recipe {
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => {
            let around = |len: u32| u64::from(len) + 2 * UNROLLED_PX;
            let tile = (around(width) * around(height)).min(RESTYLED_TILE_PIXELS);
            let looking = (LOOK_BYTES_PER_PIXEL * looked_at).min(MOST_LOOK_BYTES)
                + 2 * SOURCE_BYTES_PER_PIXEL * looked_at;
            MEMORY_BASE_BYTES + (tile * RESTYLED_TILE_BYTES_PER_PIXEL).max(looking)
        }
        _ => ONE_PASS_BASE_BYTES,
    };
    base + bytes_per_pixel * wide * high
        + 2 * SOURCE_BYTES_PER_PIXEL * unrolled
        + SOURCE_BYTES_PER_PIXEL * (looked_at + assets)
}

/// As [`work`](super::work).
pub(super) fn work(recipe: &Recipe, pass: &OnePass, width: u32, height: u32) -> u64 {
    let scales = pass.scales(width, height, recipe.common().tileable).into_iter();
    let pixels: u64 = scales.map(|(width, height)| u64::from(width) * u64::from(height)).sum();
    let per_step = match recipe {
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => RESTYLED_PIXELS_PER_STEP,
        _ => PIXELS_PER_STEP,
    };
    (pixels + LOOKING_PX) / per_step
}
