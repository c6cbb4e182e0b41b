//! Round clay tiles of a roof, row over row. Tiles both ways.

use crate::canvas::{Canvas, Light, Point};
use crate::color::Rgb;
use crate::curve::{fract, mix, smooth};
use crate::noise::{cell, chance, clouds, noise};

const COLUMNS: i32 = 6;
const ROWS: i32 = 8;

pub(super) fn paint() -> Canvas {
    let mut canvas = Canvas::new(256, 256, point);
    canvas.light(Light { relief: 0.55, hollows: 0.30, reach: 5, gloss: 0.06 });
    canvas
}

const CLAYS: [Rgb; 7] = [
    Rgb::hex(0xb5562f),
    Rgb::hex(0xc76b3c),
    Rgb::hex(0x9e4630),
    Rgb::hex(0xd08149),
    Rgb::hex(0x8d4a3a),
    Rgb::hex(0xa95f4a),
    Rgb::hex(0x7a5350),
];

fn point(u: f32, v: f32) -> Point {
    let (wu, wv) =
        (u + 0.003 * clouds(201, u, v, 12, 12, 2), v + 0.003 * clouds(203, u, v, 12, 12, 2));
    let row = (wv * ROWS as f32).floor();
    // The row's own tile reaches down over the next row; where it ends, the tile of the row below
    // shows.
    let below = tile(u, v, wu, wv, row as i32);
    let above = tile(u, v, wu, wv, row as i32 - 1);
    above.unwrap_or_else(|| below.unwrap_or(Point::new(Rgb::hex(0x20120e), 0.0)))
}

/// The tile of `row` at this place, if it reaches here. It begins at the top of its row and hangs
/// 0.55 rows over the next.
fn tile(u: f32, v: f32, wu: f32, wv: f32, row: i32) -> Option<Point> {
    let x = wu * COLUMNS as f32 + 0.5 * row.rem_euclid(2) as f32;
    let place = (x.floor().rem_euclid(COLUMNS as f32) as i32, row.rem_euclid(ROWS));
    let own = |seed: u32| chance(seed, place.0, place.1);
    let across = (fract(x) - 0.5) * 2.0;
    let down = wv * ROWS as f32 - row as f32;
    // A round end, a bit chipped, each hung a bit differently.
    let end = 1.0 + 0.55 * (1.0 - across * across).max(0.0).sqrt() + 0.10 * (own(211) - 0.5)
        - 0.05 * smooth(0.3, 0.8, noise(213, u, v, 30, 30));
    let to_end = (end - down) * 32.0;
    let to_side = (0.975 - across.abs()) * 21.3;
    if to_end <= 0.0 || to_side <= 0.0 {
        return None;
    }
    let edge = to_end.min(to_side * 1.4 + 30.0 * smooth(1.0, 0.7, down));
    let rough = clouds(217, u, v, 24, 24, 3);
    let height = 6.0 * down + 1.6 * (1.0 - across * across) - 1.6 * smooth(2.6, 0.0, edge)
        + 0.45 * rough
        + 1.2 * (own(221) - 0.5);

    let clay = Rgb::along(&CLAYS, own(223)).times(mix(0.84, 1.12, own(224)));
    let clay = clay.times(1.0 + 0.14 * rough + 0.06 * clouds(225, u, v, 60, 20, 2));
    let soot = smooth(0.0, 0.8, clouds(227, u, v, 5, 5, 3));
    let pale = smooth(4.0, 0.5, edge) * smooth(-0.3, 0.5, noise(231, u, v, 22, 22));
    let clay = clay.mix(Rgb::hex(0x57332c), 0.5 * soot).mix(Rgb::hex(0xe3a877), 0.45 * pale);
    let spots = cell(
        233,
        u + 0.006 * noise(235, u, v, 40, 40),
        v + 0.006 * noise(236, u, v, 40, 40),
        26,
        26,
        1.0,
    );
    let lichen = smooth(0.40, 0.22, spots.near + 0.22 * noise(237, u, v, 70, 70))
        * smooth(0.84, 0.9, spots.own);
    let clay = clay.mix(Rgb::hex(0xb5ab78), 0.5 * lichen);
    let moss = smooth(0.1, 0.6, clouds(239, u, v, 4, 4, 3)) * smooth(0.75, 0.35, down);
    let clay = clay.mix(Rgb::hex(0x55602c), 0.8 * moss);
    let shadow = 1.0 - 0.35 * smooth(0.95, 0.55, down);
    Some(Point::new(clay.times(shadow), height + 0.4 * lichen + 0.5 * moss))
}
