//! A batik in indigo: wax-drawn blossoms that kept white, and the fine cracks of the wax.

use crate::canvas::{Canvas, Point};
use crate::color::Rgb;
use crate::curve::{angle, cosine, fract, smooth};
use crate::noise::{cell, chance, clouds, noise};

pub(super) fn paint() -> Canvas {
    Canvas::new(320, 320, point)
}

const DYES: [Rgb; 5] = [
    Rgb::hex(0x0d1a3a),
    Rgb::hex(0x17306b),
    Rgb::hex(0x2a55a0),
    Rgb::hex(0x6f9ccb),
    Rgb::hex(0xdfe8e6),
];

fn point(u: f32, v: f32) -> Point {
    let (wu, wv) =
        (u + 0.012 * clouds(1001, u, v, 4, 4, 3), v + 0.012 * clouds(1005, u, v, 4, 4, 3));
    // 0 is the deepest dye, 1 is cloth under wax.
    let pools = clouds(1009, u, v, 3, 3, 5);
    let mut pale = 0.20 + 0.22 * pools + 0.10 * clouds(1015, u, v, 14, 14, 3);
    for layer in 0..2 {
        pale = blossoms(wu, wv, layer, pale);
    }
    pale = waves(wu, wv, pale);
    // Cracks let dye into the wax, and are darkest where it was thick.
    let crack = crackle(wu, wv);
    pale -= crack * (0.16 + 0.5 * smooth(0.45, 0.9, pale));
    let brushed = 0.05 * noise(1021, u, v, 8, 90) + 0.04 * noise(1023, u, v, 120, 120);
    Point::new(Rgb::along(&DYES, pale + brushed), 0.0)
}

fn blossoms(u: f32, v: f32, layer: u32, pale: f32) -> f32 {
    let count = 3 + 3 * layer as i32;
    let place = cell(1031 + 10 * layer, u, v, count, count, 0.55);
    let (far, turn) = (place.near, angle(place.dx, place.dy) + place.own);
    let petals = 6.0 + (place.own * 3.99).floor();
    let part = (fract(turn * petals) - 0.5).abs() * 2.0;
    let size = if layer == 0 { 0.46 } else { 0.30 } * (0.8 + 0.4 * place.own);
    if layer == 1 && place.own < 0.45 {
        return pale;
    }
    // Outline, veins and heart are drawn with the pen; the petals are dipped once more, so they
    // stay half pale.
    let rim = size * (0.72 + 0.28 * (1.0 - part * part));
    let line = |from: f32, width: f32| smooth(width, 0.4 * width, (far - from).abs());
    let body = smooth(rim, rim - 0.04, far);
    let mut pale = pale + (0.42 + 0.3 * smooth(0.0, rim, far) - pale) * body;
    pale = pale.max(0.97 * line(rim, 0.028));
    pale =
        pale.max(0.9 * smooth(0.10, 0.03, 1.0 - part) * smooth(0.3 * size, 0.4 * size, far) * body);
    pale = pale.max(
        0.85 * smooth(0.16, 0.06, part)
            * smooth(0.25 * size, 0.3 * size, far)
            * smooth(0.8 * rim, 0.7 * rim, far),
    );
    let heart = smooth(0.27 * size, 0.23 * size, far);
    pale += (0.10 - pale) * heart;
    let dots = fract(turn * 9.0) - 0.5;
    let ring = smooth(
        0.05,
        0.025,
        ((far - 0.17 * size) * (far - 0.17 * size) * 9.0 + dots * dots * 0.02).sqrt(),
    );
    pale.max(0.95 * ring).max(0.97 * line(0.27 * size, 0.018))
}

/// Rows of dots along curves, in what the blossoms leave free.
fn waves(u: f32, v: f32, pale: f32) -> f32 {
    let level = (v + 0.05 * cosine(u * 2.0) + 0.04 * clouds(1051, u, v, 3, 3, 2)) * 18.0;
    let row = level.floor();
    let across = u * 36.0 + 0.5 * row + 0.3 * chance(1055, row as i32, 0);
    let (x, y) = ((fract(across) - 0.5) / 2.0, fract(level) - 0.5);
    let dot = smooth(
        0.17,
        0.11,
        (x * x * 4.0 + y * y).sqrt()
            * (0.8 + 0.5 * chance(1057, across.floor() as i32, row as i32)),
    );
    let free = smooth(0.42, 0.30, pale);
    pale.max(0.82 * dot * free)
}

fn crackle(u: f32, v: f32) -> f32 {
    let (wu, wv) = (u + 0.02 * clouds(1061, u, v, 7, 7, 3), v + 0.02 * clouds(1065, u, v, 7, 7, 3));
    let coarse = smooth(0.05, 0.0, cell(1071, wu, wv, 8, 8, 1.0).border);
    let fine = smooth(0.06, 0.0, cell(1075, wu, wv, 21, 21, 1.0).border)
        * smooth(-0.1, 0.4, clouds(1079, u, v, 5, 5, 2));
    coarse.max(0.8 * fine)
}
