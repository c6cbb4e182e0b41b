//! Chance that is the same each time, and fields made of it. Every field repeats over the unit
//! square, so what is made of them tiles.

use crate::curve::mix;

/// A number in 0 to 1 that looks like chance.
pub(crate) fn chance(seed: u32, x: i32, y: i32) -> f32 {
    (scramble(seed, x, y) >> 8) as f32 / (1 << 24) as f32
}

fn scramble(seed: u32, x: i32, y: i32) -> u32 {
    let mut h = seed.wrapping_mul(0x9e37_79b9)
        ^ (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d);
    h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// A sequence of chances.
pub(crate) struct Dice {
    seed: u32,
    thrown: i32,
}

impl Dice {
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, thrown: 0 }
    }

    pub(crate) fn between(&mut self, from: f32, to: f32) -> f32 {
        self.thrown += 1;
        mix(from, to, chance(self.seed, self.thrown, 0))
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let index = (self.between(0.0, of.len() as f32) as usize).min(of.len() - 1);
        of[index]
    }
}

/// Gradient noise of about -1 to 1 with `across` by `down` cells over the unit square.
pub(crate) fn noise(seed: u32, u: f32, v: f32, across: i32, down: i32) -> f32 {
    let (x, y) = (u * across as f32, v * down as f32);
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let corner = |dx: i32, dy: i32| {
        let (cx, cy) = ((x0 as i32 + dx).rem_euclid(across), (y0 as i32 + dy).rem_euclid(down));
        let (gx, gy) =
            (chance(seed, cx, cy) * 2.0 - 1.0, chance(seed ^ 0x5bd1_e995, cx, cy) * 2.0 - 1.0);
        gx * (fx - dx as f32) + gy * (fy - dy as f32)
    };
    let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (tx, ty) = (fade(fx), fade(fy));
    1.8 * mix(mix(corner(0, 0), corner(1, 0), tx), mix(corner(0, 1), corner(1, 1), tx), ty)
}

/// Noise of several sizes on top of each other, each half as large and half as strong as the one
/// before.
pub(crate) fn clouds(seed: u32, u: f32, v: f32, across: i32, down: i32, octaves: u32) -> f32 {
    let octave = |n: u32| noise(seed + n, u, v, across << n, down << n) / (1 << n) as f32;
    (0..octaves).map(octave).sum()
}

/// Where a point lies among irregular cells.
pub(crate) struct Cell {
    /// The distance to the nearest cell's centre, in cells.
    pub(crate) near: f32,
    /// The distance to the border between the nearest two cells, in cells.
    pub(crate) border: f32,
    /// From the centre to the point, in cells.
    pub(crate) dx: f32,
    pub(crate) dy: f32,
    /// A chance of the cell's own.
    pub(crate) own: f32,
}

/// The irregular cell at a point, of `across` by `down` over the unit square. `jitter` of 0 makes
/// them squares.
pub(crate) fn cell(seed: u32, u: f32, v: f32, across: i32, down: i32, jitter: f32) -> Cell {
    let (x, y) = (u * across as f32, v * down as f32);
    let (x0, y0) = (x.floor() as i32, y.floor() as i32);
    let mut centres = [(0.0, 0.0, 0.0); 25];
    for (index, centre) in centres.iter_mut().enumerate() {
        let (cx, cy) = (x0 + index as i32 % 5 - 2, y0 + index as i32 / 5 - 2);
        let (wx, wy) = (cx.rem_euclid(across), cy.rem_euclid(down));
        let offset = |seed| 0.5 + jitter * (chance(seed, wx, wy) - 0.5);
        *centre = (
            x - cx as f32 - offset(seed),
            y - cy as f32 - offset(seed + 1),
            chance(seed + 2, wx, wy),
        );
    }
    let length2 = |(dx, dy, _): (f32, f32, f32)| dx * dx + dy * dy;
    let nearest =
        centres.into_iter().fold(centres[0], |a, b| if length2(b) < length2(a) { b } else { a });
    // The border to another cell is the line half way between both centres.
    let border = centres.into_iter().map(|other| {
        let (ox, oy) = (nearest.0 - other.0, nearest.1 - other.1);
        let distance = (ox * ox + oy * oy).sqrt();
        if distance < 1e-4 {
            f32::INFINITY
        } else {
            (length2(other) - length2(nearest)) / (2.0 * distance)
        }
    });
    let border = border.fold(f32::INFINITY, f32::min);
    Cell { near: length2(nearest).sqrt(), border, dx: nearest.0, dy: nearest.1, own: nearest.2 }
}
