//! Fills in the colours of transparent pixels.

use crate::Picture;

/// Fills fully transparent pixels with the colours of the opaque ones around them. So the network
/// sees no hard-edged black holes, and a renderer that filters across an edge shows no fringe.
/// Alpha is unchanged. Without alpha, or without an opaque pixel, nothing changes.
///
/// Push-pull: the opaque pixels are averaged over squares of 2, 4, 8, ... pixels, and each hole
/// takes the colour of the smallest square around it that has one, interpolated between
/// neighbouring squares so that no square is visible.
pub fn bleed(picture: &mut Picture) {
    let Some(alpha) = &picture.alpha else { return };
    if alpha.iter().all(|&a| a > 0.0) || alpha.iter().all(|&a| a <= 0.0) {
        return;
    }
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut levels = vec![Level::halved(width, height, |x, y| {
        let at = y * width + x;
        let pixel = &picture.rgb[at * 3..at * 3 + 3];
        // Nearly transparent pixels get little weight, since their colours cause fringes, but never
        // none.
        let weight = if alpha[at] > 0.0 { alpha[at].clamp(1.0 / 65_535.0, 1.0) } else { 0.0 };
        [pixel[0] * weight, pixel[1] * weight, pixel[2] * weight, weight]
    })];
    while let Some(last) = levels.last().filter(|level| level.width > 1 || level.height > 1) {
        let next = Level::halved(last.width, last.height, |x, y| last.cells[y * last.width + x]);
        levels.push(next);
    }
    // From the coarsest level down, every empty cell takes the colour of the level above.
    for index in (0..levels.len() - 1).rev() {
        let (finer, coarser) = levels.split_at_mut(index + 1);
        let (level, above) = (&mut finer[index], &coarser[0]);
        for y in 0..level.height {
            for x in 0..level.width {
                let cell = &mut level.cells[y * level.width + x];
                if cell[3] <= 0.0 {
                    *cell = above.between(x, y);
                }
            }
        }
    }
    for (at, (pixel, &a)) in picture.rgb.chunks_exact_mut(3).zip(alpha).enumerate() {
        if a <= 0.0 {
            let [r, g, b, weight] = levels[0].between(at % width, at / width);
            pixel.copy_from_slice(&[r / weight, g / weight, b / weight]);
        }
    }
}

/// Whether the transparent pixels have no colours of their own: some pixel is fully transparent,
/// and all of these are black, or all are white. These are the colours that programs leave where
/// nothing was drawn. Any other colour was put there by someone: leaves that are drawn opaque in
/// the distance, or a map whose alpha channel is no coverage.
pub fn is_transparency_empty(picture: &Picture) -> bool {
    let Some(alpha) = &picture.alpha else { return false };
    let pixels = picture.rgb.chunks_exact(3).zip(alpha);
    let mut hidden = pixels.filter(|(_, alpha)| **alpha <= 0.0).map(|(pixel, _)| pixel);
    match hidden.next() {
        Some(first @ ([0.0, 0.0, 0.0] | [255.0, 255.0, 255.0])) => hidden.all(|one| one == first),
        Some(_) | None => false,
    }
}

/// Per pixel: red, green and blue times the weight, and the weight.
struct Level {
    width: usize,
    height: usize,
    cells: Vec<[f32; 4]>,
}

impl Level {
    /// Averages squares of two by two pixels, fewer at an odd edge.
    fn halved(width: usize, height: usize, cell: impl Fn(usize, usize) -> [f32; 4]) -> Self {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let mut cells = Vec::with_capacity(half_width * half_height);
        for y in 0..half_height {
            for x in 0..half_width {
                let mut sum = [0.0; 4];
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    if 2 * x + dx < width && 2 * y + dy < height {
                        let part = cell(2 * x + dx, 2 * y + dy);
                        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
                    }
                }
                // Weights are at most one, so that far pixels do not outweigh near ones.
                let scale = if sum[3] > 1.0 { 1.0 / sum[3] } else { 1.0 };
                cells.push(sum.map(|value| value * scale));
            }
        }
        Self { width: half_width, height: half_height, cells }
    }

    /// The blend at pixel (x, y) of the level below: 9/16 of its own cell and 3/16, 3/16 and 1/16
    /// of the nearest others. Only cells with a weight count, so the result has one if any of the
    /// four has.
    fn between(&self, x: usize, y: usize) -> [f32; 4] {
        let toward = |at: usize, length: usize| {
            if at.is_multiple_of(2) {
                (at / 2).saturating_sub(1)
            } else {
                (at / 2 + 1).min(length - 1)
            }
        };
        let (x0, y0, x1, y1) = (x / 2, y / 2, toward(x, self.width), toward(y, self.height));
        let mut sum = [0.0; 4];
        for (cx, cy, share) in
            [(x0, y0, 9.0 / 16.0), (x1, y0, 3.0 / 16.0), (x0, y1, 3.0 / 16.0), (x1, y1, 1.0 / 16.0)]
        {
            let cell = self.cells[cy * self.width + cx];
            sum.iter_mut().zip(cell).for_each(|(sum, part)| *sum += part * share);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;
    use proptest::prelude::*;

    use super::*;
    use crate::Origin;

    fn picture(width: u32, height: u32, alpha: impl Fn(u32, u32) -> f32) -> Picture {
        let places = || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        Picture {
            width,
            height,
            // Red on the left half, green on the right, black where alpha is zero.
            rgb: places()
                .flat_map(|(x, y)| match (alpha(x, y) > 0.0, x < width / 2) {
                    (false, _) => [0.0, 0.0, 0.0],
                    (true, true) => [200.0, 0.0, 10.0],
                    (true, false) => [0.0, 200.0, 10.0],
                })
                .collect(),
            alpha: Some(places().map(|(x, y)| alpha(x, y)).collect()),
            extra: Vec::new(),
            origin: Origin::synthetic("test", ContainerFormat::Png),
        }
    }

    #[test]
    fn holes_take_the_colours_around_them() {
        let mut filled =
            picture(
                33,
                20,
                |x, y| if (4..29).contains(&x) && (6..9).contains(&y) { 1.0 } else { 0.0 },
            );
        let before = filled.clone();
        bleed(&mut filled);
        assert_eq!(filled.alpha, before.alpha);
        let at = |x: usize, y: usize| &filled.rgb[(y * 33 + x) * 3..][..3];
        assert_eq!(at(5, 7), [200.0, 0.0, 10.0]);
        assert!(at(0, 5)[0] > 150.0 && at(32, 9)[1] > 150.0, "{:?} {:?}", at(0, 5), at(32, 9));
        assert!(filled.rgb.chunks_exact(3).all(|pixel| (pixel[2] - 10.0).abs() < 0.01));
    }

    #[test]
    fn only_black_or_white_alone_is_no_colour() {
        let check = |hidden: &dyn Fn(u32) -> [f32; 3], expected: bool| {
            let mut half = picture(4, 4, |x, _| if x < 2 { 0.0 } else { 1.0 });
            for (at, pixel) in half.rgb.chunks_exact_mut(3).enumerate() {
                if at % 4 < 2 {
                    pixel.copy_from_slice(&hidden(at as u32));
                }
            }
            assert_eq!(is_transparency_empty(&half), expected, "{:?}", half.rgb);
        };
        check(&|_| [0.0; 3], true);
        check(&|_| [255.0; 3], true);
        check(&|at| [if at == 0 { 255.0 } else { 0.0 }; 3], false);
        check(&|at| [at as f32, 0.0, 0.0], false);
        check(&|_| [30.0, 120.0, 20.0], false);
        assert!(!is_transparency_empty(&picture(4, 4, |_, _| 1.0)), "nothing is transparent");
    }

    #[test]
    fn without_holes_or_without_anything_nothing_changes() {
        for alpha in [0.0, 0.5, 1.0] {
            let mut same = picture(5, 3, |_, _| alpha);
            let before = same.clone();
            bleed(&mut same);
            assert_eq!(same, before);
        }
    }

    proptest! {
        #[test]
        fn every_hole_gets_a_colour_that_is_there(
            width in 1_u32..40,
            height in 1_u32..40,
            opaque in prop::collection::vec(any::<bool>(), 1600),
        ) {
            let alpha = |x, y| f32::from(u8::from(opaque[(y * 40 + x) as usize])) * 1e-6;
            let mut filled = picture(width, height, alpha);
            let any = filled.alpha.as_ref().is_some_and(|alpha| alpha.iter().any(|&a| a > 0.0));
            bleed(&mut filled);
            for pixel in filled.rgb.chunks_exact(3).filter(|_| any) {
                prop_assert!((pixel[2] - 10.0).abs() < 0.01, "{:?}", pixel);
                prop_assert!((pixel[0] + pixel[1] - 200.0).abs() < 0.1, "{:?}", pixel);
            }
        }
    }
}
