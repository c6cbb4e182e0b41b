//! A wall of old bricks in running bond. Tiles both ways.

use crate::canvas::{Canvas, Light, Point};
use crate::color::Rgb;
use crate::curve::{fract, mix, smooth};
use crate::noise::{cell, chance, clouds, noise};

const COLUMNS: i32 = 4;
const ROWS: i32 = 8;

/// The wall, and its normal map.
pub(super) fn paint() -> (Canvas, Canvas) {
    let mut canvas = Canvas::new(256, 256, point);
    let normals = canvas.normals(0.7);
    canvas.light(Light { relief: 0.55, hollows: 0.30, reach: 4, gloss: 0.03 });
    (canvas, normals)
}

const CLAYS: [Rgb; 6] = [
    Rgb::hex(0x9c4a34),
    Rgb::hex(0xb4593c),
    Rgb::hex(0xa8503f),
    Rgb::hex(0x8a3b30),
    Rgb::hex(0xc27350),
    Rgb::hex(0x6f3a36),
];

fn point(u: f32, v: f32) -> Point {
    // Hands laid them: no edge is quite straight.
    let (wu, wv) = (u + 0.004 * clouds(1, u, v, 10, 10, 2), v + 0.005 * clouds(3, u, v, 9, 9, 2));
    let y = wv * ROWS as f32;
    let row = y.floor();
    let x = wu * COLUMNS as f32
        + 0.5 * (row.rem_euclid(2.0))
        + 0.10 * (chance(5, row.rem_euclid(ROWS as f32) as i32, 0) - 0.5);
    let brick = (x.floor().rem_euclid(COLUMNS as f32) as i32, row.rem_euclid(ROWS as f32) as i32);
    let own = |seed: u32| chance(seed, brick.0, brick.1);

    // The distance to the brick's edge in pixels: a box of 64 by 32 with round corners and a joint
    // around it.
    let (bx, by) = ((fract(x) - 0.5).abs() * 64.0, (fract(y) - 0.5).abs() * 32.0);
    let (ox, oy) = ((bx - 24.5).max(0.0), (by - 8.5).max(0.0));
    let inside = 5.0 - (ox * ox + oy * oy).sqrt();
    let chip = 2.6 * smooth(0.25, 0.8, clouds(7, u, v, 14, 14, 2)) + 0.8 * noise(9, u, v, 50, 50);
    let inside = inside - chip;
    let is_brick = smooth(-0.4, 0.7, inside);

    let grain = clouds(11, u, v, 32, 32, 3);
    let pits = smooth(0.26, 0.08, cell(15, u, v, 44, 44, 1.0).near)
        * smooth(0.05, 0.4, clouds(17, u, v, 8, 8, 2));
    let dome = smooth(-0.5, 3.8, inside);
    let tilt = (own(21) - 0.5) * (fract(x) - 0.5) * 2.2 + (own(22) - 0.5) * (fract(y) - 0.5) * 1.4;
    let brick_height = 3.4 * dome + tilt + 0.5 * grain - 1.1 * pits + 0.9 * (own(23) - 0.5);
    let mortar_height = 0.45 * clouds(25, u, v, 48, 48, 2) + 0.2;

    let clay = Rgb::along(&CLAYS, own(27)).times(mix(0.86, 1.12, own(28)));
    let burnt = smooth(0.0, 0.7, clouds(29, u, v, 5, 7, 3)) * own(30);
    let dusty = smooth(0.1, 0.8, clouds(33, u, v, 9, 9, 3));
    let clay = clay.mix(Rgb::hex(0x4a2a2c), 0.6 * burnt).mix(Rgb::hex(0xd09a78), 0.35 * dusty);
    let clay = clay.times(1.0 + 0.13 * grain).mix(Rgb::hex(0x3e2420), 0.5 * pits);

    let mortar = Rgb::hex(0xb3a48c).times(1.0 + 0.14 * clouds(37, u, v, 40, 40, 3));
    let moss =
        smooth(0.15, 0.6, clouds(41, u, v, 4, 4, 3)) * smooth(-0.3, 0.4, noise(44, u, v, 36, 36));
    let mortar = mortar.mix(Rgb::hex(0x5f6b35), 0.85 * moss);
    let clay = clay.mix(Rgb::hex(0x6b6b38), 0.35 * moss * smooth(4.0, 0.5, inside));
    Point::new(mortar.mix(clay, is_brick), mix(mortar_height + 0.5 * moss, brick_height, is_brick))
}
