//! How the network sees a canvas that repeats after a length that is no multiple of 16 pixels.
//!
//! The deepest layer halves four times, so its pixels are 16 of the picture's. A canvas that
//! repeats after 193 pixels has 12 of them and a sixteenth: taken for a whole pixel there, a single
//! column weighed as much as 16, its gradient was that of 16, and the optimiser drew a hard line
//! along the seam. So the network is shown the canvas unrolled: a lap, some pixels of the lap
//! before it and some of the lap after it, together a multiple of 16. Only the lap counts, by
//! weights as a mask has; what stands around it is seen through receptive fields, and the gradient
//! there is that of the pixels it was copied from. What the optimiser moves is the lap, which stays
//! a ring.

use impasto_types::Optimize;

use crate::Image;
use crate::frame::Frame;

/// One axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lap {
    /// What the optimiser moves.
    len: usize,
    /// What the network sees.
    seen: usize,
    /// Of it, before the lap.
    before: usize,
}

impl Lap {
    fn new(len: usize, repeats: bool) -> Self {
        let seen = Optimize::seen(len as u32, repeats) as usize;
        let before = if seen == len { 0 } else { Optimize::LAP_PX as usize };
        Self { len, seen, before }
    }

    /// Where a line that the network sees was copied from.
    fn source(self, at: usize) -> usize {
        (at + self.before * (self.len - 1)) % self.len
    }

    fn is_inside(self, at: usize) -> bool {
        (self.before..self.before + self.len).contains(&at)
    }
}

/// A canvas as the network sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Laps {
    across: Lap,
    down: Lap,
}

impl Laps {
    /// `None` where the network sees the canvas itself.
    pub(super) fn of(frame: Frame) -> Option<Self> {
        let across = Lap::new(frame.width(), frame.wraps_across());
        let down = Lap::new(frame.height(), frame.wraps_down());
        let is_plain = across.len == across.seen && down.len == down.seen;
        (!is_plain).then_some(Self { across, down })
    }

    /// The width and the height that the network sees.
    pub(super) fn seen(&self) -> (usize, usize) {
        (self.across.seen, self.down.seen)
    }

    /// For each column and row that the network sees, that of the canvas.
    pub(super) fn sources(&self) -> (Vec<u32>, Vec<u32>) {
        let along = |lap: Lap| (0..lap.seen).map(|at| lap.source(at) as u32).collect();
        (along(self.across), along(self.down))
    }

    /// A canvas as the network sees it.
    pub(super) fn unrolled(&self, canvas: &Image) -> Image {
        let (width, height) = self.seen();
        let mut rgb = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            let row = &canvas.rgb[self.down.source(y) * 3 * canvas.width..][..3 * canvas.width];
            rgb.extend((0..width).flat_map(|x| &row[3 * self.across.source(x)..][..3]));
        }
        Image { width, height, rgb }
    }

    /// The gradient at a canvas, from that at what the network saw of it.
    pub(super) fn fold(&self, seen: &[f32], gradient: &mut [f32]) {
        gradient.fill(0.0);
        let wide = 3 * self.across.len;
        for (y, row) in seen.chunks_exact(3 * self.across.seen).enumerate() {
            let to = &mut gradient[self.down.source(y) * wide..][..wide];
            for (x, slope) in row.chunks_exact(3).enumerate() {
                let to = &mut to[3 * self.across.source(x)..][..3];
                to.iter_mut().zip(slope).for_each(|(to, slope)| *to += slope);
            }
        }
    }

    /// How much each pixel counts that the network sees: as much as the canvas's by `weights`, and
    /// nothing around the lap.
    pub(super) fn weights(&self, weights: Option<&[f32]>) -> Vec<f32> {
        let (width, height) = self.seen();
        let weight = |x: usize, y: usize| {
            if !self.across.is_inside(x) || !self.down.is_inside(y) {
                return 0.0;
            }
            let at = self.down.source(y) * self.across.len + self.across.source(x);
            weights.map_or(1.0, |weights| weights[at])
        };
        (0..height).flat_map(|y| (0..width).map(move |x| weight(x, y))).collect()
    }

    /// Memory of what is unrolled: the picture, its gradient and the weights.
    pub(super) fn bytes(&self) -> u64 {
        let (width, height) = self.seen();
        2 * 3 * 4 * (width * height) as u64 + super::blend::weights_bytes(width, height)
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::Padding;

    use super::*;
    use crate::Joins;
    use crate::noise::Noise;

    fn laps(width: u32, height: u32, joins: Joins) -> Option<Laps> {
        Laps::of(Frame::new(&joins, Padding::Reflect, width, height))
    }

    #[test]
    fn only_what_repeats_at_no_multiple_of_16_is_unrolled() {
        let across = Joins::repeating(true, false);
        assert_eq!(laps(192, 131, across), None);
        assert_eq!(laps(193, 131, Joins::default()), None);
        assert_eq!(laps(193, 131, across).map(|laps| laps.seen()), Some((240, 144)));
        // A lap may be shorter than what stands around it.
        assert_eq!(
            laps(17, 16, Joins::repeating(true, true)).map(|laps| laps.seen()),
            Some((64, 16))
        );
    }

    #[test]
    fn a_lap_goes_on_around_itself_and_counts_once() {
        for (width, height) in [(193, 50), (17, 33), (16, 35)] {
            let laps = laps(width, height, Joins::repeating(true, true)).expect("it is unrolled");
            let (width, height) = (width as usize, height as usize);
            let rgb = (0..width * height).flat_map(|at| [at as f32; 3]).collect();
            let seen = laps.unrolled(&Image { width, height, rgb });
            let at = |x: usize, y: usize| seen.rgb[(y * seen.width + x) * 3] as usize;
            for (x, y) in (1..seen.width).flat_map(|x| (1..seen.height).map(move |y| (x, y))) {
                assert_eq!(at(x, y) % width, (at(x - 1, y) % width + 1) % width);
                assert_eq!(at(x, y) / width, (at(x, y - 1) / width + 1) % height);
            }
            let counted: f32 = laps.weights(None).iter().sum();
            assert_eq!(counted as usize, width * height);
        }
    }

    #[test]
    fn folding_is_the_transpose_of_unrolling() {
        let laps = laps(35, 21, Joins::repeating(true, true)).expect("it is unrolled");
        let mut noise = Noise::new(4);
        let mut values = |len: usize| (0..len).map(|_| noise.normal()).collect::<Vec<f32>>();
        let picture = Image { width: 35, height: 21, rgb: values(35 * 21 * 3) };
        let slope = values(3 * laps.seen().0 * laps.seen().1);
        let mut folded = vec![f32::NAN; picture.rgb.len()];
        laps.fold(&slope, &mut folded);
        let product = |a: &[f32], b: &[f32]| {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
        };
        let (seen, own) =
            (product(&laps.unrolled(&picture).rgb, &slope), product(&picture.rgb, &folded));
        assert!((seen - own).abs() < 1e-4 * seen.abs().max(1.0), "{seen} {own}");
    }
}
