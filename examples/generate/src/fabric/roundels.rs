//! Block-printed roundels in half-drop. Repeats both ways.

use crate::canvas::{Canvas, Point};
use crate::color::Rgb;
use crate::curve::{angle, cosine, fract, smooth};
use crate::noise::{clouds, noise};

pub(super) fn paint() -> Canvas {
    Canvas::new(256, 256, point)
}

const GROUND: Rgb = Rgb::hex(0xf2e8d5);
const RUST: Rgb = Rgb::hex(0xc2542d);
const PINE: Rgb = Rgb::hex(0x25544c);
const MUSTARD: Rgb = Rgb::hex(0xdfa63a);
const PLUM: Rgb = Rgb::hex(0x5d2a42);

fn point(u: f32, v: f32) -> Point {
    // The block is cut by hand, and the cloth drinks the paint unevenly.
    let (wu, wv) =
        (u + 0.0028 * clouds(801, u, v, 9, 9, 3), v + 0.0028 * clouds(804, u, v, 9, 9, 3));
    let column = (wu * 4.0).floor();
    let drop = if column.rem_euclid(2.0) < 1.0 { 0.0 } else { 0.5 };
    let (x, y) = (fract(wu * 4.0) - 0.5, fract(wv * 4.0 + drop) - 0.5);
    let row = (wv * 4.0 + drop).floor().rem_euclid(4.0);
    let odd = (column + row).rem_euclid(2.0) < 1.0;

    let mut cloth = GROUND;
    let mut print = |color: Rgb, amount: f32, seed: u32| {
        let thin = smooth(
            -0.9,
            0.3,
            clouds(seed, u, v, 20, 20, 3) + 0.35 * noise(seed + 5, u, v, 100, 100),
        );
        cloth = cloth.mix(color, amount * (0.72 + 0.28 * thin));
    };
    roundel(x, y, odd, &mut print);
    // A sprig where four of them meet.
    let (cx, cy) = (x.abs() - 0.5, fract(y + 1.0) - 0.5);
    leaf_cross(cx, cy, &mut print);

    let weave = 0.5 + 0.25 * cosine(u * 128.0) + 0.25 * cosine(v * 128.0);
    Point::new(cloth.times(0.94 + 0.06 * weave), 0.0)
}

fn roundel(x: f32, y: f32, odd: bool, print: &mut impl FnMut(Rgb, f32, u32)) {
    let (far, turn) = ((x * x + y * y).sqrt(), angle(x, y));
    let (outer, inner) = if odd { (PINE, RUST) } else { (RUST, PLUM) };
    let disc = |reach: f32| smooth(reach + 0.008, reach - 0.008, far);
    // A scalloped rim, a ring of beads, petals, an eye.
    let scallop = 0.40 + 0.022 * cosine(turn * 16.0).abs();
    print(outer, disc(scallop), 811);
    print(GROUND, disc(0.365) - disc(0.345), 821);
    let bead = fract(turn * 20.0) - 0.5;
    let beads = smooth(
        0.021,
        0.013,
        ((far - 0.305) * (far - 0.305) + (bead * 0.305 * 0.314) * (bead * 0.305 * 0.314)).sqrt(),
    );
    print(MUSTARD, beads, 831);
    let petal = fract(turn * 8.0) - 0.5;
    let flower = 0.255 - 0.36 * petal.abs() * petal.abs() - 0.06 * petal.abs();
    print(GROUND, smooth(flower + 0.006, flower - 0.01, far), 841);
    let inside = flower - 0.035 - 0.10 * petal.abs();
    print(inner, smooth(inside + 0.006, inside - 0.01, far) * disc(0.24), 851);
    let rib = smooth(0.06, 0.03, petal.abs()) * smooth(0.10, 0.12, far) * smooth(0.21, 0.19, far);
    print(GROUND, rib, 861);
    print(GROUND, disc(0.105), 871);
    print(MUSTARD, disc(0.085), 881);
    print(outer, disc(0.04), 891);
}

fn leaf_cross(x: f32, y: f32, print: &mut impl FnMut(Rgb, f32, u32)) {
    let (far, turn) = ((x * x + y * y).sqrt(), angle(x, y) + 0.125);
    let part = fract(turn * 4.0) - 0.5;
    let leaf = 0.17 * cosine(part * 0.5) - 0.55 * part * part;
    print(PINE, smooth(leaf + 0.006, leaf - 0.006, far), 911);
    print(
        GROUND,
        smooth(0.045, 0.02, part.abs()) * smooth(0.04, 0.06, far) * smooth(0.13, 0.11, far),
        921,
    );
    print(MUSTARD, smooth(0.042, 0.032, far), 931);
}
