//! The memory and work of a picture that is painted in one pass.

use impasto_types::{Arbitrary, OnePass, PreserveColor, Recipe};

use super::{KEPT_BYTES_PER_PIXEL, MEMORY_BASE_BYTES, SOURCE_BYTES_PER_PIXEL};

/// Memory of an attempt at any size: the process (64 MiB), both networks as they are stored and as
/// they are prepared (20 MiB), and what they see of style images.
pub const ONE_PASS_BASE_BYTES: u64 = 128 << 20;

/// Memory of both networks for any style, and of what they see of style images.
pub const ANY_STYLE_BYTES: u64 = 48 << 20;

/// Memory per pixel of the result that the maps of a network take.
#[derive(Debug, Clone, Copy)]
struct Maps {
    /// Values of a map of the picture's full size.
    full: u64,
    /// In bytes, of all maps that are held at a time.
    bytes: u64,
    /// The same where none of full size is: see [`in_strips`].
    bytes_in_strips: u64,
}

/// The network for any style: 14 values, or 6 and some of a strip.
const ANY_STYLE: Maps = Maps { full: 8, bytes: 4 * 14, bytes_in_strips: 4 * 6 + 1 };

/// A network as `impasto train` makes it: 26 values, or 10 and more of a strip.
const LEARNED: Maps = Maps { full: 16, bytes: 4 * 26, bytes_in_strips: 4 * 10 + 4 };

/// A network for any style as `impasto train` makes it: the picture as it was, and with noise.
const RESTYLED_BYTES: u64 = 2 * PICTURE_BYTES;

/// Three values of a pixel.
const PICTURE_BYTES: u64 = 3 * 4;

/// What is put together under a mask, per pixel of the result: light and dark, what is under the
/// mask, and weights.
pub(super) const MASKED_BYTES_PER_PIXEL: u64 = PICTURE_BYTES + 3 * PICTURE_BYTES / 2;

/// The least picture of which no map of its full size is stored: rows, and values of such a map.
/// The kernels have the same (`kernels/src/networks/body.rs`).
const STRIPS_ROWS: u64 = 1536;
const STRIPS_VALUES: u64 = 64 << 20;

fn in_strips((width, height): (u64, u64), full: u64) -> bool {
    height >= STRIPS_ROWS && width * height * full >= STRIPS_VALUES
}

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
    let continued = |len: u32, repeats: bool| repeats && !len.is_multiple_of(4);
    let side = |len: u32, repeats: bool| {
        u64::from(len) + if continued(len, repeats) { UNROLLED_PX } else { 3 }
    };
    let tileable = recipe.common().tileable;
    let (wide, high) = (side(width, tileable.wraps_x()), side(height, tileable.wraps_y()));
    let pixels = wide * high;
    let unrolled = pixels - u64::from(width) * u64::from(height);
    let of_maps = |maps: Maps| {
        let strips = in_strips((u64::from(width), u64::from(height)), maps.full);
        if strips { maps.bytes_in_strips } else { maps.bytes }
    };
    let around = |len: u32| u64::from(len) + 2 * UNROLLED_PX;
    let tile = (around(width) * around(height)).min(RESTYLED_TILE_PIXELS);
    let (run, share) = match recipe {
        Recipe::FeedForward(own) => (of_maps(LEARNED) * pixels, own.pass.strength),
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => {
            let closes = |len: u32, repeats: bool| repeats && !len.is_multiple_of(8);
            let closes = closes(width, tileable.wraps_x()) || closes(height, tileable.wraps_y());
            // What is painted, with the next lap and without it.
            let laps = if closes { 2 * PICTURE_BYTES * pixels } else { 0 };
            let painting = tile * RESTYLED_TILE_BYTES_PER_PIXEL + laps;
            // Looked at as a whole: a copy, with what continues it and weights.
            let looking = (LOOK_BYTES_PER_PIXEL * pixels).min(MOST_LOOK_BYTES);
            let looking = looking + (PICTURE_BYTES + SOURCE_BYTES_PER_PIXEL) * pixels;
            (RESTYLED_BYTES * pixels + painting.max(looking), 1.0)
        }
        Recipe::Optimize(_) | Recipe::Synthesize(_) | Recipe::Arbitrary(_) | Recipe::Train(_) => {
            (of_maps(ANY_STYLE) * pixels, 1.0)
        }
    };
    // The asset is let go for the last scale, unless it is blended with the result.
    let let_go = if share < 1.0 { 0 } else { PICTURE_BYTES * assets.min(pixels) };
    let blended = if share < 1.0 { PICTURE_BYTES } else { 0 };
    // Its chroma is kept, and put back in copies of the result and of it.
    let keeps_chroma = recipe.common().preserve_color == PreserveColor::Luminance;
    let (kept, chroma) =
        if keeps_chroma { (PICTURE_BYTES * assets, 2 * PICTURE_BYTES) } else { (0, 0) };
    let is_continued =
        continued(width, tileable.wraps_x()) || continued(height, tileable.wraps_y());
    // Unrolled, and what is cut of that.
    let continued = if is_continued { 3 * PICTURE_BYTES } else { 0 };
    // Before and after that there are two pictures.
    let painting = run + (PICTURE_BYTES + continued) * pixels - let_go;
    let painted = painting.max((2 * PICTURE_BYTES + blended + chroma) * pixels) + kept;
    let base = match recipe {
        Recipe::Arbitrary(Arbitrary { own_network: true, .. }) => {
            // Styles, as large as they are.
            let looking = (LOOK_BYTES_PER_PIXEL * looked_at).min(MOST_LOOK_BYTES)
                + 2 * SOURCE_BYTES_PER_PIXEL * looked_at;
            MEMORY_BASE_BYTES + looking
        }
        _ => ONE_PASS_BASE_BYTES,
    };
    base + painted
        + 2 * SOURCE_BYTES_PER_PIXEL * unrolled
        + SOURCE_BYTES_PER_PIXEL * looked_at
        + KEPT_BYTES_PER_PIXEL * assets
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
