//! The memory and work of a picture that is painted in one pass.

use impasto_types::{OnePass, Recipe, Tileable};

use super::SOURCE_BYTES_PER_PIXEL;

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

/// A side that repeats at no multiple of four pixels is continued by so many.
const UNROLLED_PX: u64 = 2 * 48 + 3;

/// A step of optimisation takes as long as painting so many times its pixels in one pass.
const PIXELS_PER_STEP: u64 = 6;

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
        Recipe::Optimize(_) | Recipe::Synthesize(_) | Recipe::Arbitrary(_) | Recipe::Train(_) => {
            ONE_PASS_BYTES_PER_PIXEL
        }
    };
    let (wide, high) = (side(width, tileable.wraps_x()), side(height, tileable.wraps_y()));
    let unrolled = wide * high - u64::from(width) * u64::from(height);
    ONE_PASS_BASE_BYTES
        + bytes_per_pixel * wide * high
        + 2 * SOURCE_BYTES_PER_PIXEL * unrolled
        + SOURCE_BYTES_PER_PIXEL * (looked_at + assets)
}

/// As [`work`](super::work).
pub(super) fn work(recipe: &OnePass, width: u32, height: u32, tileable: Tileable) -> u64 {
    let scales = recipe.scales(width, height, tileable).into_iter();
    let pixels: u64 = scales.map(|(width, height)| u64::from(width) * u64::from(height)).sum();
    (pixels + LOOKING_PX) / PIXELS_PER_STEP
}
