//! Cobblestones in sandy earth. Tiles both ways.

use crate::canvas::{Canvas, Light, Point};
use crate::color::Rgb;
use crate::curve::{mix, smooth};
use crate::noise::{cell, clouds, noise};

pub(super) fn paint() -> Canvas {
    let mut canvas = Canvas::new(256, 256, point);
    canvas.light(Light { relief: 0.42, hollows: 0.22, reach: 6, gloss: 0.10 });
    canvas
}

const STONES: [Rgb; 6] = [
    Rgb::hex(0x7d838c),
    Rgb::hex(0x938d85),
    Rgb::hex(0x6a7380),
    Rgb::hex(0xa89a86),
    Rgb::hex(0x7f7a84),
    Rgb::hex(0x8f7f72),
];

fn point(u: f32, v: f32) -> Point {
    let (wu, wv) = (u + 0.012 * clouds(51, u, v, 6, 6, 2), v + 0.012 * clouds(53, u, v, 6, 6, 2));
    let stone = cell(55, wu, wv, 6, 7, 0.62);
    let own = |n: f32| (stone.own * n).fract();

    let gap = 0.055 + 0.03 * noise(57, u, v, 12, 12);
    let inside = stone.border - gap;
    let is_stone = smooth(-0.01, 0.025, inside);
    // Worn round: steep at the edge, nearly flat on top.
    let dome =
        1.0 - (1.0 - (inside / 0.36).clamp(0.0, 1.0)) * (1.0 - (inside / 0.36).clamp(0.0, 1.0));
    let tilt = (own(17.0) - 0.5) * stone.dx * 5.0 + (own(31.0) - 0.5) * stone.dy * 5.0;
    let rough = clouds(59, u, v, 20, 20, 4);
    let facets = cell(63, wu, wv, 19, 19, 1.0).near;
    let stone_height = 11.0 * dome + tilt + 1.1 * rough + 1.0 * facets + 2.5 * (own(7.0) - 0.5);
    let pebbles = cell(65, u, v, 34, 34, 1.0);
    let earth_height = 1.0 * clouds(67, u, v, 24, 24, 2) + 1.4 * smooth(0.5, 0.1, pebbles.near);

    let rock = Rgb::along(&STONES, stone.own).times(mix(0.82, 1.14, own(13.0)));
    let rock = rock
        .times(1.0 + 0.16 * rough)
        .mix(Rgb::hex(0xc4b193), 0.4 * smooth(0.15, 0.75, clouds(71, u, v, 7, 7, 3)));
    let veins =
        smooth(0.05, 0.0, (clouds(75, wu, wv, 6, 6, 3) - 0.1 + 0.4 * (own(5.0) - 0.5)).abs())
            * smooth(0.6, 0.75, own(3.0));
    let rock = rock.mix(Rgb::hex(0xd8d2c4), 0.45 * veins);
    let lichen = smooth(0.3, 0.55, clouds(79, u, v, 8, 8, 3));
    let rock = rock.mix(Rgb::hex(0x9a9a52), 0.4 * lichen);

    let earth = Rgb::hex(0x5e4c38).times(1.0 + 0.25 * clouds(83, u, v, 30, 30, 2));
    let earth = earth.mix(
        Rgb::hex(0x8f7b5c),
        0.6 * smooth(0.45, 0.1, pebbles.near) * smooth(0.3, 0.7, pebbles.own),
    );
    let moss = smooth(-0.1, 0.45, clouds(87, u, v, 4, 4, 3));
    let tufts = noise(91, u, v, 60, 60);
    let earth = earth.mix(Rgb::hex(0x5b6f2e).times(1.0 + 0.35 * tufts), 0.9 * moss);
    let earth_height = earth_height + moss * (2.0 + 1.2 * tufts);
    Point::new(earth.mix(rock, is_stone), mix(earth_height, stone_height, is_stone))
}
