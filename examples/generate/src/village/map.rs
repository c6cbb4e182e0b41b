//! A painted map of an island, for an inn's wall. Smooth gradients that 8 bits would band: it is a
//! picture of 16.

use crate::canvas::{Canvas, Light, Point};
use crate::color::Rgb;
use crate::curve::{angle, fract, mix, sine, smooth};
use crate::noise::{clouds, noise};

const WIDTH: f32 = 224.0;
const HEIGHT: f32 = 160.0;

pub(super) fn paint() -> Canvas {
    let mut canvas = Canvas::new(WIDTH as usize, HEIGHT as usize, point);
    canvas.light(Light { relief: 0.8, hollows: 0.05, reach: 6, gloss: 0.0 });
    canvas
}

/// The map's regions: where it is sea, where it is land, and what is neither.
pub(super) fn regions() -> Canvas {
    Canvas::new(WIDTH as usize, HEIGHT as usize, |u, v| Point::new(region(u, v), 0.0))
}

fn region(u: f32, v: f32) -> Rgb {
    let (x, y) = rose_place(u, v);
    let is_printed = frame(u, v).1 > 0.5 || x * x + y * y < 18.0 * 18.0;
    match is_printed {
        true => Rgb::hex(0xff0000),
        false if level(u, v) > 0.0 => Rgb::hex(0x00ff00),
        false => Rgb::hex(0x0000ff),
    }
}

const SEA: [Rgb; 4] =
    [Rgb::hex(0x1f4e6b), Rgb::hex(0x2f7488), Rgb::hex(0x5fa5a3), Rgb::hex(0xa7d0b8)];
const LAND: [Rgb; 6] = [
    Rgb::hex(0xe8d59a),
    Rgb::hex(0xa9b45c),
    Rgb::hex(0x6f9447),
    Rgb::hex(0x8a8a4c),
    Rgb::hex(0x9b7b58),
    Rgb::hex(0xf2ede2),
];

fn point(u: f32, v: f32) -> Point {
    let level = level(u, v);
    let fibre = 0.02 * noise(505, u, v, 50, 36);
    let sea = Rgb::along(&SEA, 1.0 + level * 2.2);
    // Lines along the coast, fainter the further out, as engravers draw water.
    let line = smooth(0.82, 0.95, sine(-level * 26.0).abs()) * smooth(-0.16, -0.02, level);
    let sea = sea.mix(Rgb::hex(0xe4efdc), 0.30 * line);
    let land = Rgb::along(&LAND, level * 1.65);
    let woods = smooth(0.08, 0.2, level)
        * smooth(0.42, 0.3, level)
        * smooth(0.05, 0.35, clouds(507, u, v, 16, 12, 2));
    let land = land.mix(Rgb::hex(0x3f6b3a), 0.65 * woods);
    let is_land = smooth(-0.004, 0.004, level);
    let shore = smooth(0.016, 0.0, level.abs());
    let ground = sea.mix(land, is_land).mix(Rgb::hex(0x4a3320), 0.75 * shore);
    let height = is_land * (16.0 * level.max(0.0) + 1.2 * woods * (0.5 + noise(511, u, v, 40, 28)));

    let ground = rose(u, v, ground);
    let (paper, is_paper) = frame(u, v);
    let aged = smooth(0.1, 0.8, clouds(513, u, v, 4, 3, 4));
    let color = ground.mix(Rgb::hex(0xb98d52), 0.18 * aged).mix(paper, is_paper);
    Point::new(color.times(1.0 + fibre), height * (1.0 - is_paper))
}

/// How high the land is; negative under water.
fn level(u: f32, v: f32) -> f32 {
    let (x, y) = ((u - 0.47) * 1.4, v - 0.5);
    let (x, y) = (x + 0.14 * clouds(521, u, v, 3, 3, 3), y + 0.14 * clouds(525, u, v, 3, 3, 3));
    let island = 0.42 - (x * x * 1.5 + y * y * 2.3).sqrt();
    let islet = 0.09 - ((u - 0.83) * (u - 0.83) * 1.9 + (v - 0.27) * (v - 0.27)).sqrt()
        + 0.03 * clouds(529, u, v, 9, 8, 2);
    let ridges = 0.22 * (1.0 - clouds(531, u, v, 5, 4, 4).abs() * 1.8);
    let land = island + smooth(0.0, 0.3, island) * ridges + 0.05 * clouds(537, u, v, 8, 6, 4);
    land.max(islet)
}

/// In pixels from the middle of the compass rose.
fn rose_place(u: f32, v: f32) -> (f32, f32) {
    ((u - 0.845) * WIDTH, (v - 0.76) * HEIGHT)
}

/// A compass rose in the corner.
fn rose(u: f32, v: f32, under: Rgb) -> Rgb {
    let (x, y) = rose_place(u, v);
    let far = (x * x + y * y).sqrt();
    let turn = angle(x, y);
    let ray = |count: f32, length: f32| {
        let part = fract(turn * count + 0.5) - 0.5;
        let edge = length * 0.24 / (0.24 + part.abs() * 8.0 / count * 2.2) - far;
        (smooth(-0.5, 0.5, edge), part)
    };
    let (small, small_part) = ray(8.0, 13.0);
    let (large, large_part) = ray(4.0, 22.0);
    let two_sides = |part: f32| if part < 0.0 { Rgb::hex(0xf0e2bd) } else { Rgb::hex(0x8c2f27) };
    let ring = smooth(1.1, 0.5, (far - 15.0).abs());
    under
        .mix(Rgb::hex(0xf0e2bd), 0.8 * ring)
        .mix(two_sides(small_part), small)
        .mix(two_sides(large_part), large)
}

/// The paper around the map: its colour, and where it is.
fn frame(u: f32, v: f32) -> (Rgb, f32) {
    let wobble = 1.2 * clouds(541, u, v, 12, 9, 3);
    let to_edge = (u.min(1.0 - u) * WIDTH).min(v.min(1.0 - v) * HEIGHT) + wobble;
    let paper = Rgb::hex(0xe3cc98)
        .times(mix(0.62, 1.0, smooth(-1.0, 9.0, to_edge)) + 0.04 * clouds(545, u, v, 20, 14, 3));
    let rule = smooth(1.0, 0.4, (to_edge - 9.5).abs()).max(smooth(0.8, 0.3, (to_edge - 6.5).abs()));
    (paper.mix(Rgb::hex(0x5a3b22), 0.85 * rule), smooth(10.6, 10.0, to_edge))
}
