//! DDS. An asset's own layout comes back: the format of its pixels, its kind of header and its
//! number of mips, which are made anew. Another picture gets [`DdsLayout::usual`].

mod bc6h;
mod bc7;
mod blocks;
mod header;
mod line;
mod mips;
mod samples;

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::multiplied;
use crate::dds_layout::{Block, DdsAlpha, DdsLayout, DdsName, DdsPixels, Word, most_mips};
use crate::{AlphaKind, Picture, dds_file};
use mips::{Level, Meaning};

pub(super) fn write(picture: &Picture) -> Vec<u8> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    write_with(picture, threads)
}

/// The same bytes for any number of threads.
fn write_with(picture: &Picture, threads: usize) -> Vec<u8> {
    let mut layout = layout_of(picture);
    let (kind, is_data) = (picture.origin.alpha_kind, picture.origin.is_data);
    let meaning = Meaning {
        is_encoded: holds_encoded_light(&layout) && !is_data,
        is_opacity: kind != AlphaKind::Unspecified && !is_data,
    };
    let weigh = kind == AlphaKind::Straight && picture.alpha.is_some() && !is_data;
    let mut body = Vec::new();
    for (mip, mut level) in mips::levels(picture, layout.mips, meaning).into_iter().enumerate() {
        if let (AlphaKind::Associated, Some(alpha)) = (kind, &level.alpha) {
            level.rgb = multiplied(&level.rgb, alpha, picture.origin.additive).into();
        }
        let pixels = packed(&level, layout.pixels, weigh, threads);
        let size = (picture.width, picture.height);
        if mip == 0
            && layout.alpha == DdsAlpha::Unsaid
            && picture.alpha.is_some()
            && !dds_file::has_alpha(&pixels, layout.pixels, size)
        {
            // Rounding has left no trace of it, so that the header has to say it.
            layout.alpha = DdsAlpha::Straight;
        }
        body.extend(pixels);
    }
    let mut bytes = header::header(&layout, (picture.width, picture.height));
    bytes.extend(body);
    bytes
}

/// The asset's layout, if it has room for the picture's alpha; the number of mips for its size.
fn layout_of(picture: &Picture) -> DdsLayout {
    let has_alpha = picture.alpha.is_some();
    let said = match (has_alpha, picture.origin.alpha_kind) {
        (false, _) => DdsAlpha::Opaque,
        (true, AlphaKind::Straight) => DdsAlpha::Straight,
        (true, AlphaKind::Associated) => DdsAlpha::Multiplied,
        (true, AlphaKind::Unspecified) => DdsAlpha::Data,
    };
    let own = picture.origin.dds.filter(|own| own.pixels.may_have_alpha() || !has_alpha);
    let mut layout = own.unwrap_or(DdsLayout::usual(picture.origin.depth, said));
    if layout.alpha != DdsAlpha::Unsaid && layout.pixels.may_have_alpha() {
        layout.alpha = said;
    }
    layout.mips = layout.mips.clamp(1, most_mips((picture.width, picture.height)));
    layout
}

/// Whether levels are taken for light as sRGB encodes it. Few headers say so of colours that are;
/// floats, and one or two channels in blocks or by DXGI, are as a rule no encoded light.
fn holds_encoded_light(layout: &DdsLayout) -> bool {
    match layout.pixels {
        DdsPixels::Blocks(block) => !matches!(block, Block::Bc4 | Block::Bc5 | Block::Bc6h),
        DdsPixels::Masks(masks) => {
            !layout.has_two_channels() && (!masks.gray || layout.name == DdsName::Masks)
        }
        DdsPixels::Words(word) => word == Word::Sixteen,
    }
}

/// The bytes of one picture.
fn packed(level: &Level<'_>, pixels: DdsPixels, weigh: bool, threads: usize) -> Vec<u8> {
    let row_bytes = pixels.row_bytes(level.width as u32) as usize;
    let mut bytes = vec![0; row_bytes * pixels.rows(level.height as u32) as usize];
    let pixel = |row: usize, x: usize| {
        let at = row * level.width + x;
        (&level.rgb[3 * at..][..3], level.alpha.as_ref().map_or(1.0, |alpha| alpha[at]))
    };
    let write_row = |row: usize, bytes: &mut [u8]| match pixels {
        DdsPixels::Masks(masks) => {
            for (x, bytes) in bytes.chunks_exact_mut(masks.bytes).enumerate() {
                let (rgb, alpha) = pixel(row, x);
                masks.write(rgb, alpha, bytes);
            }
        }
        DdsPixels::Words(word) => {
            for (x, bytes) in bytes.chunks_exact_mut(4 * word.bytes()).enumerate() {
                let (rgb, alpha) = pixel(row, x);
                word.write(rgb, alpha, bytes);
            }
        }
        DdsPixels::Blocks(block) => block.write_row(level, row, weigh, bytes),
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
        let one = write_with(&picture, 1);
        for threads in [2, 3, 16] {
            assert!(write_with(&picture, threads) == one, "{threads} threads");
        }
    }
}
