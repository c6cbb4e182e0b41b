//! A painted vase: a model whose texture has four islands, one of them turned.

use crate::canvas::{Canvas, Point};
use crate::color::Rgb;
use crate::curve::{cosine, mix, sine, smooth};
use crate::model::{Corner, Mesh};
use crate::noise::{clouds, noise};

const SIDE: usize = 384;
const CELL: f32 = 0.5;
/// Around each island, as a share of the texture.
const MARGIN: f32 = 12.0 / SIDE as f32;

/// Faces of an island along each axis.
const STEPS: u16 = 16;

/// Radii from the foot to the lip, at even heights.
const PROFILE: [f32; 9] = [0.30, 0.34, 0.50, 0.60, 0.56, 0.40, 0.24, 0.22, 0.34];
const HEIGHT: f32 = 1.6;

/// A part of the vase that is an island of the texture.
struct Island {
    column: f32,
    row: f32,
    /// Where it begins around the vase, in turns, and from its foot, as a share of its height.
    around: f32,
    up: f32,
    /// Whether heights run to the right in the texture.
    is_turned: bool,
}

const ISLANDS: [Island; 4] = [
    Island { column: 0.0, row: 0.0, around: 0.0, up: 0.5, is_turned: false },
    Island { column: 1.0, row: 0.0, around: 0.5, up: 0.5, is_turned: true },
    Island { column: 0.0, row: 1.0, around: 0.0, up: 0.0, is_turned: false },
    Island { column: 1.0, row: 1.0, around: 0.5, up: 0.0, is_turned: false },
];

impl Island {
    /// The place in the texture of a point of the island, by shares of its half turn and height.
    fn at(&self, around: f32, up: f32) -> [f32; 2] {
        let (x, y) = if self.is_turned { (up, around) } else { (around, 1.0 - up) };
        let within = |share: f32| MARGIN + share * (CELL - 2.0 * MARGIN);
        [self.column * CELL + within(x), self.row * CELL + within(y)]
    }

    /// Turns around the vase and the share of its height at a place of the texture.
    fn surface(&self, u: f32, v: f32) -> (f32, f32) {
        let within = |at: f32, cell: f32| (at - cell * CELL - MARGIN) / (CELL - 2.0 * MARGIN);
        let (x, y) = (within(u, self.column), within(v, self.row));
        let (around, up) = if self.is_turned { (y, x) } else { (x, 1.0 - y) };
        (self.around + 0.5 * around.clamp(0.0, 1.0), self.up + 0.5 * up.clamp(0.0, 1.0))
    }
}

pub(super) fn texture() -> Canvas {
    Canvas::new(SIDE, SIDE, |u, v| {
        let cell = |at: f32| if at < CELL { 0 } else { 1 };
        let (around, up) = ISLANDS[2 * cell(v) + cell(u)].surface(u, v);
        Point::new(color(around, up), 0.0)
    })
}

fn color(around: f32, up: f32) -> Rgb {
    let clay = Rgb::hex(0x9c4f2e).mix(Rgb::hex(0xd9945c), 0.5 + clouds(301, around, up, 8, 6, 4));
    let ring = sine(34.0 * up + 0.5 * noise(303, around, up, 6, 4));
    let clay = clay.times(1.0 + 0.06 * ring + 0.10 * noise(305, around, up, 60, 40));
    // A cream band on the belly, with waves in it and a line on either side.
    let off = up - 0.35 + 0.006 * noise(307, around, up, 14, 3);
    let cream = Rgb::hex(0xeadfb8).times(1.0 + 0.05 * noise(309, around, up, 40, 30));
    let ink = Rgb::hex(0x24386b);
    let wave = (off - 0.035 * sine(9.0 * around)).abs();
    let second = (off + 0.035 * sine(9.0 * around)).abs();
    let body = clay
        .mix(cream, smooth(0.105, 0.098, off.abs()))
        .mix(ink, smooth(0.016, 0.010, wave))
        .mix(Rgb::hex(0xb8442c), smooth(0.016, 0.010, second))
        .mix(ink, smooth(0.010, 0.006, (off.abs() - 0.082).abs()));
    // Glaze runs down from the lip.
    let run = 0.74 + 0.10 * clouds(311, around, 0.3, 9, 2, 3);
    let glaze = Rgb::hex(0x1f5a58).mix(Rgb::hex(0x6fb3a0), 0.5 + noise(313, around, up, 24, 18));
    body.mix(glaze, smooth(run - 0.006, run + 0.006, up))
}

pub(super) fn mesh() -> Mesh {
    let mut mesh = Mesh::default();
    for island in &ISLANDS {
        let first = mesh.corners.len() as u16;
        for row in 0..=STEPS {
            for column in 0..=STEPS {
                let share = |step: u16| f32::from(step) / f32::from(STEPS);
                let (around, up) = (share(column), share(row));
                let (turn, height) = (island.around + 0.5 * around, island.up + 0.5 * up);
                mesh.corners.push(Corner { at: island.at(around, up), ..corner(turn, height) });
            }
        }
        for (row, column) in (0..STEPS).flat_map(|row| (0..STEPS).map(move |at| (row, at))) {
            let at = |row: u16, column: u16| first + row * (STEPS + 1) + column;
            let [a, b] = [at(row, column), at(row, column + 1)];
            let [c, d] = [at(row + 1, column + 1), at(row + 1, column)];
            mesh.triangles.extend([[a, c, b], [a, d, c]]);
        }
    }
    mesh
}

/// A point of the surface; the last turn is the first one.
fn corner(turn: f32, up: f32) -> Corner {
    let turn = if turn >= 1.0 { turn - 1.0 } else { turn };
    let (x, z) = (cosine(turn), sine(turn));
    let step = 0.01;
    let lean = (radius(up + step) - radius(up - step)) / (2.0 * step * HEIGHT);
    let length = (1.0 + lean * lean).sqrt();
    let radius = radius(up);
    Corner {
        position: [radius * x, HEIGHT * up, radius * z],
        normal: [x / length, -lean / length, z / length],
        at: [0.0; 2],
    }
}

fn radius(up: f32) -> f32 {
    let place = up.clamp(0.0, 1.0) * (PROFILE.len() - 1) as f32;
    let index = (place as usize).min(PROFILE.len() - 2);
    // A curve through all of them, whose slope at each is that between its neighbours.
    let at = |index: isize| PROFILE[index.clamp(0, PROFILE.len() as isize - 1) as usize];
    let (here, t) = (index as isize, place - index as f32);
    let (from, to) = (at(here), at(here + 1));
    let [leaving, arriving] = [0.5 * (to - at(here - 1)), 0.5 * (at(here + 2) - from)];
    let smooth = t * t * (3.0 - 2.0 * t);
    mix(from, to, smooth) + t * (1.0 - t) * ((1.0 - t) * leaving - t * arriving)
}
