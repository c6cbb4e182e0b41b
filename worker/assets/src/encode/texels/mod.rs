//! Packs the pictures of a texture: the painted one, and mips of it.

mod bc6h;
mod bc7;
mod blocks;
mod line;
mod mips;
mod samples;

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::multiplied;
use crate::texels::Texels;
use crate::{AlphaKind, Picture};
use mips::{Level, Meaning};

/// The bytes of a picture and of `count - 1` mips. `is_encoded` says that levels are light as sRGB
/// encodes it, unless the picture is data.
pub(super) fn pictures(
    picture: &Picture,
    texels: Texels,
    count: u32,
    is_encoded: bool,
) -> Vec<Vec<u8>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    pictures_with(picture, texels, count, is_encoded, threads)
}

/// The same bytes for any number of threads.
fn pictures_with(
    picture: &Picture,
    texels: Texels,
    count: u32,
    is_encoded: bool,
    threads: usize,
) -> Vec<Vec<u8>> {
    let is_data = picture.origin.is_data;
    let kind = match picture.origin.is_premultiplied {
        true => AlphaKind::Associated,
        false => picture.origin.alpha_kind,
    };
    let meaning = Meaning {
        is_encoded: is_encoded && !is_data,
        is_opacity: kind != AlphaKind::Unspecified && !is_data,
    };
    let weigh = kind == AlphaKind::Straight && picture.alpha.is_some() && !is_data;
    let levels = mips::levels(picture, count, meaning).into_iter().map(|mut level| {
        if let (AlphaKind::Associated, Some(alpha)) = (kind, &level.alpha) {
            level.rgb = multiplied(&level.rgb, alpha, picture.origin.additive).into();
        }
        packed(&level, texels, weigh, threads)
    });
    levels.collect()
}

/// The bytes of one picture.
fn packed(level: &Level<'_>, texels: Texels, weigh: bool, threads: usize) -> Vec<u8> {
    let row_bytes = texels.row_bytes(level.width as u32) as usize;
    let mut bytes = vec![0; row_bytes * texels.rows(level.height as u32) as usize];
    let pixel = |row: usize, x: usize| {
        let at = row * level.width + x;
        (&level.rgb[3 * at..][..3], level.alpha.as_ref().map_or(1.0, |alpha| alpha[at]))
    };
    let write_row = |row: usize, bytes: &mut [u8]| match texels {
        Texels::Masks(masks) => {
            for (x, bytes) in bytes.chunks_exact_mut(masks.bytes).enumerate() {
                let (rgb, alpha) = pixel(row, x);
                masks.write(rgb, alpha, bytes);
            }
        }
        Texels::Words(word, channels) => {
            for (x, bytes) in bytes.chunks_exact_mut(channels * word.bytes()).enumerate() {
                let (rgb, alpha) = pixel(row, x);
                word.write(rgb, alpha, bytes);
            }
        }
        Texels::Blocks(block) => block.write_row(level, row, weigh, bytes),
    };
    // Each thread takes the next row.
    let rows = Mutex::new(bytes.chunks_exact_mut(row_bytes).enumerate());
    let work = || {
        loop {
            let next = rows.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((row, bytes)) = next else { break };
            write_row(row, bytes);
        }
    };
    if threads > 1 && level.height > SMALL {
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    } else {
        work();
    }
    bytes
}

/// A picture of fewer rows is packed sooner than threads are started.
const SMALL: usize = 64;

/// One channel of what was painted in three: grey as it is, or how bright sRGB's colours are.
fn brightness(rgb: &[f32]) -> f32 {
    let [red, green, blue] = [rgb[0], rgb[1], rgb[2]];
    if red == green && green == blue { red } else { 0.2126 * red + 0.7152 * green + 0.0722 * blue }
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;
    use crate::Origin;
    use crate::texels::Block;

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let (width, height) = (70, 2 * SMALL as u32 + 3);
        let pixels = width as usize * height as usize;
        let level = |at: usize| (at as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
        let picture = Picture {
            width,
            height,
            rgb: (0..3 * pixels).map(|at| 255.0 * level(at)).collect(),
            alpha: Some((0..pixels).map(level).collect()),
            extra: Vec::new(),
            origin: Origin::synthetic("a", ContainerFormat::Png),
        };
        let pack = |threads| pictures_with(&picture, Texels::Blocks(Block::Bc7), 3, true, threads);
        let one = pack(1);
        for threads in [2, 3, 16] {
            assert!(pack(threads) == one, "{threads} threads");
        }
    }
}
