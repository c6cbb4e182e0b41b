//! What the pixels of a picture show about its use: whether they are vectors, whether colours are
//! hidden under alpha 0, whether one stands for transparency, whether it has a frame.
//!
//! Each answer is a guess that leads to a warning, so each is careful: a photograph must not be
//! taken for a normal map, nor a night sky for a frame.

use std::collections::HashMap;

use impasto_types::Crop;

use crate::texels::Texels;
use crate::{Origin, Picture};

/// What a picture's pixels show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Most pixels are unit vectors around +z, so the picture is a normal map.
    pub normal_map: bool,
    /// Colours differ where alpha is 0, so alpha may be data rather than coverage.
    pub hidden_colors: bool,
    /// Many pixels of an opaque picture are plain magenta, as where a colour stands for
    /// transparency.
    pub magenta_ground: bool,
    /// A black or white frame on two sides at least, with the pixels beside it, which it blurs.
    pub border: Option<Crop>,
}

/// Looks at every pixel of a small picture, and at an even sample of a large one.
pub fn look(picture: &Picture) -> Look {
    Look {
        normal_map: is_normal_map(picture),
        hidden_colors: has_hidden_colors(picture),
        magenta_ground: has_magenta_ground(picture),
        border: border(picture),
    }
}

/// More pixels do not change the answer.
const SAMPLES: usize = 1 << 17;

/// Every so many pixels: an odd number that no regular pattern shares.
fn stride(picture: &Picture) -> usize {
    (picture.pixels() / SAMPLES).max(1) | 1
}

/// Of 8-bit rounding, JPEG, and maps that were scaled down without being normalised again.
const LENGTH_TOLERANCE: f32 = 0.12;

/// The share of pixels whose vectors have to be of unit length; the rest may be text or seams.
const UNIT_SHARE: f32 = 0.85;

/// How far the mean direction of a surface may lean. Skies lean further: their green is above red.
const LEAN: f32 = 0.12;

/// Below this deviation of x and y together, the picture is one flat colour.
const LEAST_RELIEF: f32 = 0.004;

/// A normal map stores `(n + 1) / 2` in red, green and blue; in OpenGL's and DirectX's conventions
/// alike the vectors have length 1 and lean around +z, (0.5, 0.5, 1). Pixels that no vector can
/// have, transparent or black ones around the islands of an atlas, do not count. A texture of two
/// channels has x and y.
fn is_normal_map(picture: &Picture) -> bool {
    let alpha = |index: usize| picture.alpha.as_ref().map_or(1.0, |alpha| alpha[index]);
    // Whoever draws these computes z from x and y.
    let Origin { dds, ktx2, .. } = &picture.origin;
    let texels = dds.map(|dds| dds.pixels).or(ktx2.as_ref().map(|ktx2| ktx2.texels));
    let without_z = texels.is_some_and(Texels::has_two_channels);
    let pixels = picture.rgb.chunks_exact(3).enumerate().step_by(stride(picture));
    let (mut looked_at, mut counted, mut unit) = (0_u32, 0_u32, 0_u32);
    let (mut sum, mut squares, mut lengths) = ([0.0_f32; 3], 0.0_f32, 0.0_f32);
    for (index, pixel) in pixels {
        looked_at += 1;
        if alpha(index) == 0.0 || pixel.iter().all(|level| *level < 1.0) {
            continue;
        }
        let [x, y, z] = [0, 1, 2].map(|channel| pixel[channel] / 127.5 - 1.0);
        let z = if without_z { (1.0 - x * x - y * y).max(0.0).sqrt() } else { z };
        let length = (x * x + y * y + z * z).sqrt();
        counted += 1;
        if (length - 1.0).abs() <= LENGTH_TOLERANCE && z > 0.0 {
            unit += 1;
            lengths += length;
            sum = [sum[0] + x, sum[1] + y, sum[2] + z];
            squares += x * x + y * y;
        }
    }
    if unit == 0 || counted * 8 < looked_at || (unit as f32) < UNIT_SHARE * counted as f32 {
        return false;
    }
    let count = unit as f32;
    let [x, y, z] = sum.map(|sum| sum / count);
    let relief = (squares / count - x * x - y * y).max(0.0).sqrt();
    let is_upright = x.abs() <= LEAN && y.abs() <= LEAN && z >= 0.4;
    is_upright && relief >= LEAST_RELIEF && (lengths / count - 1.0).abs() <= LENGTH_TOLERANCE / 2.0
}

/// The share of the hidden pixels that have another colour than most of them. Fewer are what
/// editors leave along edges.
const HIDDEN_SHARE: f32 = 0.05;

fn has_hidden_colors(picture: &Picture) -> bool {
    let Some(alpha) = &picture.alpha else { return false };
    let pixels = picture.rgb.chunks_exact(3).zip(alpha).step_by(stride(picture));
    let mut counts: HashMap<[u8; 3], u32> = HashMap::new();
    for (pixel, _) in pixels.filter(|(_, alpha)| **alpha == 0.0) {
        // Four levels together, so that the noise of lossy files does not count.
        let color = [0, 1, 2].map(|channel| pixel[channel].round().clamp(0.0, 255.0) as u8 / 4);
        *counts.entry(color).or_default() += 1;
    }
    let hidden: u32 = counts.values().sum();
    let most = counts.values().max().copied().unwrap_or(0);
    (hidden - most) as f32 > HIDDEN_SHARE * hidden as f32
}

/// A ground that is cut out: fewer pixels of this colour may be paint.
const GROUND_SHARE: f32 = 0.02;

/// Nothing else that is drawn has many pixels of exactly this colour. Other colours that stand for
/// transparency, such as blue, are also paint.
fn has_magenta_ground(picture: &Picture) -> bool {
    if picture.alpha.iter().flatten().any(|alpha| *alpha < 1.0) {
        return false;
    }
    let pixels = picture.rgb.chunks_exact(3).step_by(stride(picture));
    let looked_at = pixels.len();
    let magenta = pixels.filter(|pixel| **pixel == [255.0, 0.0, 255.0]).count();
    magenta < looked_at && magenta as f32 > GROUND_SHARE * looked_at as f32
}

/// How far a frame's pixels may be from black or white, in levels.
const FRAME_TOLERANCE: f32 = 20.0;

/// The share of a line's pixels that have to belong to the frame; dust and scratches are allowed.
const FRAME_SHARE: f32 = 0.985;

/// A frame of fewer pixels is a scan's soft edge, or part of the picture.
const NARROWEST: u32 = 2;

/// Scaling and compression mix frame and picture in so many lines.
const SOFT_EDGE: u32 = 2;

fn border(picture: &Picture) -> Option<Crop> {
    let is_near = |level: f32| move |value: &f32| (value - level).abs() <= FRAME_TOLERANCE;
    [0.0, 255.0].into_iter().find_map(|level| {
        let frame = frame(picture, is_near(level));
        let sides = [frame.left, frame.top, frame.right, frame.bottom];
        let framed = sides.iter().filter(|width| **width >= NARROWEST).count();
        // What is left has to be a picture: a black one is no frame.
        let cut = widened(frame);
        let remains = cut.remaining(picture.width, picture.height).is_ok();
        (framed >= 2 && remains).then_some(cut)
    })
}

/// How many lines on each side consist of such levels.
fn frame(picture: &Picture, is_frame: impl Fn(&f32) -> bool) -> Crop {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let pixel = |x: usize, y: usize| {
        let at = 3 * (y * width + x);
        picture.rgb[at..at + 3].iter().all(&is_frame)
    };
    let is_line = |length: usize, pixel: &dyn Fn(usize) -> bool| {
        let misses_allowed = (length as f32 * (1.0 - FRAME_SHARE)) as usize;
        let mut misses = (0..length).filter(|at| !pixel(*at));
        misses.nth(misses_allowed).is_none()
    };
    let row = |y: usize| is_line(width, &|x| pixel(x, y));
    let count = |lines: usize| u32::try_from(lines).unwrap_or(u32::MAX);
    let top = (0..height).take_while(|y| row(*y)).count();
    let bottom = (0..height - top).take_while(|y| row(height - 1 - y)).count();
    // Columns count between the rows of the frame, which would hide the picture's own.
    let inner = height - top - bottom;
    let column = |x: usize| is_line(inner, &|y| pixel(x, top + y));
    let left = if inner == 0 { 0 } else { (0..width).take_while(|x| column(*x)).count() };
    let right = if inner == 0 {
        0
    } else {
        (0..width - left).take_while(|x| column(width - 1 - x)).count()
    };
    Crop { left: count(left), top: count(top), right: count(right), bottom: count(bottom) }
}

/// With the lines between frame and picture, which have the colours of both.
fn widened(frame: Crop) -> Crop {
    let side = |width: u32| if width >= NARROWEST { width + SOFT_EDGE } else { 0 };
    Crop {
        left: side(frame.left),
        top: side(frame.top),
        right: side(frame.right),
        bottom: side(frame.bottom),
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;

    const SIDE: u32 = 64;

    /// A picture whose pixels are functions of the place, from 0 to 1.
    fn picture(rgb: impl Fn(f32, f32) -> [f32; 3]) -> Picture {
        let places = (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE));
        let side = SIDE as f32;
        let pixels = places.flat_map(|(x, y)| rgb(x as f32 / side, y as f32 / side));
        Picture {
            width: SIDE,
            height: SIDE,
            rgb: pixels.collect(),
            alpha: None,
            extra: Vec::new(),
            origin: Origin::synthetic("a", ContainerFormat::Png),
        }
    }

    /// The normals of waves of this steepness; `down` is DirectX's convention.
    fn waves(steepness: f32, down: f32, rounding: f32) -> Picture {
        picture(|x, y| {
            let (dx, dy) = ((40.0 * x).sin() * steepness, (30.0 * y).cos() * steepness * down);
            let length = (dx * dx + dy * dy + 1.0).sqrt();
            [-dx, -dy, 1.0].map(|n| ((n / length + 1.0) * 127.5 / rounding).round() * rounding)
        })
    }

    /// Something between 0 and 1 that looks random.
    fn noise(x: f32, y: f32) -> f32 {
        ((x * 127.1 + y * 311.7).sin() * 43_758.547).fract().abs()
    }

    #[test]
    fn normal_maps_are_recognised_by_their_vectors() {
        for (steepness, down, rounding) in [
            (0.02, 1.0, 1.0),
            (0.3, 1.0, 1.0),
            (0.3, -1.0, 1.0),
            (1.0, 1.0, 1.0 / 257.0),
            (2.0, -1.0, 1.0),
            (0.5, 1.0, 8.0),
        ] {
            let map = waves(steepness, down, rounding);
            assert!(look(&map).normal_map, "{steepness} {down} {rounding}");
        }
        // An atlas: three quarters of it are black.
        let island = waves(0.5, 1.0, 1.0);
        let mut atlas = picture(|_, _| [0.0; 3]);
        let row = SIDE as usize * 3;
        for y in 0..SIDE as usize / 2 {
            let half = row * y..row * y + row / 2;
            atlas.rgb[half.clone()].copy_from_slice(&island.rgb[half]);
        }
        assert!(look(&atlas).normal_map);
    }

    #[test]
    fn pictures_are_not_taken_for_normal_maps() {
        let scaled = |rgb: [f32; 3], by: f32| rgb.map(|level| level * by);
        let check = |what: &str, picture: Picture| assert!(!look(&picture).normal_map, "{what}");
        check("flat", picture(|_, _| [128.0, 128.0, 255.0]));
        check("blue grey", picture(|x, y| scaled([128.0, 132.0, 150.0], 0.9 + 0.1 * noise(x, y))));
        check("sky", picture(|_, y| [70.0 + 90.0 * y, 130.0 + 70.0 * y, 235.0 - 5.0 * y]));
        check("deep sky", picture(|x, y| [100.0 + 8.0 * noise(x, y), 150.0 + 20.0 * y, 255.0]));
        check("lavender", picture(|x, y| scaled([170.0, 150.0, 230.0], 0.7 + 0.3 * noise(x, y))));
        check(
            "noise",
            picture(|x, y| [noise(x, y), noise(y, x), noise(x + y, y)].map(|n| n * 255.0)),
        );
        check("grey", picture(|x, y| [255.0 * noise(x, y); 3]));
        check("white", picture(|_, _| [255.0; 3]));
        check("black", picture(|_, _| [0.0; 3]));
        check("red", picture(|x, _| [255.0, 128.0 + 60.0 * x, 128.0]));
    }

    #[test]
    fn colours_under_alpha_zero_are_hidden_unless_they_are_empty() {
        let with_alpha = |rgb: fn(f32, f32) -> [f32; 3], alpha: f32| {
            let picture = picture(rgb);
            let alpha = (0..picture.pixels()).map(|at| if at % 2 == 0 { alpha } else { 1.0 });
            let alpha = Some(alpha.collect());
            look(&Picture { alpha, ..picture }).hidden_colors
        };
        let varied = |x: f32, y: f32| [255.0 * x, 255.0 * y, 128.0];
        assert!(with_alpha(varied, 0.0));
        assert!(!with_alpha(varied, 0.01), "nothing is hidden");
        assert!(!with_alpha(|_, _| [0.0; 3], 0.0));
        assert!(!with_alpha(|_, _| [255.0; 3], 0.0));
        assert!(!with_alpha(|_, _| [255.0, 0.0, 255.0], 0.0), "one key colour");
        assert!(!with_alpha(|x, y| [2.0 * noise(x, y); 3], 0.0), "noise of a lossy file");
        assert!(!look(&picture(varied)).hidden_colors, "no alpha");
    }

    #[test]
    fn a_ground_is_magenta_of_an_opaque_picture() {
        let ground = |share: f32| {
            picture(move |x, _| match x < share {
                true => [255.0, 0.0, 255.0],
                false => [90.0, 120.0, 60.0],
            })
        };
        let is_ground = |picture: &Picture| look(picture).magenta_ground;
        assert!(is_ground(&ground(0.1)) && !is_ground(&ground(0.0)) && !is_ground(&ground(2.0)));
        let alpha = Some(vec![0.0; ground(0.1).pixels()]);
        assert!(!is_ground(&Picture { alpha, ..ground(0.1) }));
        assert!(!is_ground(&picture(|x, _| [255.0, 60.0 * x, 255.0])), "pink paint");
    }

    #[test]
    fn a_frame_is_black_or_white_on_two_sides() {
        let framed = |level: f32, left: u32, top: u32, right: u32, bottom: u32| {
            let inside = |at: f32, before: u32, after: u32| {
                let at = at * SIDE as f32;
                at >= before as f32 && at < (SIDE - after) as f32
            };
            look(&picture(|x, y| match inside(x, left, right) && inside(y, top, bottom) {
                true => [40.0 + 170.0 * noise(x, y); 3],
                false => [(level - 6.0 * noise(y, x)).abs(); 3],
            }))
            .border
        };
        for level in [0.0, 255.0] {
            assert_eq!(framed(level, 5, 5, 5, 5), Some(Crop::all(7)));
            let bars = Crop { top: 10, bottom: 12, ..Crop::default() };
            assert_eq!(framed(level, 0, 8, 0, 10), Some(bars));
            assert_eq!(framed(level, 0, 20, 0, 0), None, "a night sky");
            assert_eq!(framed(level, 1, 1, 1, 1), None, "a soft edge");
            assert_eq!(framed(level, 0, 0, 0, 0), None);
            assert_eq!(framed(level, 30, 30, 30, 30), None, "hardly any picture");
        }
        assert_eq!(look(&picture(|_, _| [0.0; 3])).border, None);
        assert_eq!(framed(128.0, 5, 5, 5, 5), None, "grey may be part of the picture");
    }
}
