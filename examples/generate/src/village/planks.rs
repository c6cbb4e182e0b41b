//! A fence of weathered boards with two rows of nails. Tiles sideways.

use crate::canvas::{Canvas, Light, Point};
use crate::color::Rgb;
use crate::curve::{fract, mix, sine, smooth};
use crate::noise::{chance, clouds, noise};

const BOARDS: i32 = 6;

pub(super) fn paint() -> Canvas {
    let mut canvas = Canvas::new(256, 256, point);
    canvas.light(Light { relief: 0.60, hollows: 0.35, reach: 4, gloss: 0.02 });
    canvas
}

const WOODS: [Rgb; 5] = [
    Rgb::hex(0x8a6440),
    Rgb::hex(0x9c7a52),
    Rgb::hex(0x7a5536),
    Rgb::hex(0xa98a64),
    Rgb::hex(0x8c7860),
];

fn point(u: f32, v: f32) -> Point {
    let x = u * BOARDS as f32 + 0.02 * noise(101, u, v, 6, 5);
    let board = x.floor().rem_euclid(BOARDS as f32) as i32;
    let own = |seed: u32| chance(seed, board, 0);
    let across = fract(x) - 0.5;

    // Each board has grain of its own: it is cut from another place of the same tree.
    let place = fract(v + own(103));
    let knot = knot(board, across, v);
    let drift = 0.10 * clouds(105, own(104), place, 7, 3, 3) + knot.pull;
    let rings = (across + drift) * 9.0 + 1.2 * clouds(109, fract(u + own(110)), place, 12, 3, 2);
    let grain = sine(rings) * 0.6 + sine(rings * 2.7 + own(111)) * 0.25;
    let fibre = noise(113, u, place, 90, 6) * 0.6 + noise(115, u, place, 150, 14) * 0.4;
    let crack = smooth(
        0.045,
        0.0,
        (across + 0.06 * clouds(117, own(118), place, 9, 4, 2) - 0.5 * (own(119) - 0.5)).abs(),
    ) * smooth(0.15, 0.45, noise(121, u, fract(v + own(122)), 6, 3));

    let half_width = 0.475 + 0.008 * noise(123, u, v, 30, 40);
    let inside = (half_width - across.abs()) * 256.0 / BOARDS as f32;
    let is_board = smooth(-0.3, 0.8, inside);
    let height = 3.0 * smooth(-0.4, 2.6, inside) + 0.32 * grain + 0.45 * fibre - 2.4 * crack
        + 2.2 * (own(125) - 0.5)
        + knot.bulge
        - 1.0 * across * across;

    let wood = Rgb::along(&WOODS, own(127)).times(mix(0.9, 1.1, own(128)));
    let wood = wood.times(1.0 + 0.13 * grain + 0.12 * fibre);
    let wood = wood.mix(Rgb::hex(0x9d9a90), 0.45 * smooth(-0.2, 0.7, clouds(131, u, v, 6, 3, 3)));
    let wood = wood.mix(Rgb::hex(0x3a2617), 0.75 * knot.core + 0.7 * crack);
    // Rain splashes mud up, and moss follows; under the top it drips.
    let foot = smooth(0.70, 1.02, v + 0.12 * clouds(135, u, v, 8, 4, 3));
    let wood = wood
        .mix(Rgb::hex(0x46402a), 0.65 * foot)
        .mix(Rgb::hex(0x66742f), 0.5 * foot * smooth(0.0, 0.5, noise(139, u, v, 30, 26)));
    let drips = smooth(0.32, 0.0, v + 0.25 * noise(141, u, v, 24, 2));
    let wood = wood.times(1.0 - 0.28 * drips);

    let gap = Point::new(Rgb::hex(0x1d150f), -3.0);
    let face = Point::new(gap.color.mix(wood, is_board), mix(gap.height, height, is_board));
    nail(across, v, own(143), face)
}

struct Knot {
    /// How far it pulls the grain aside, in boards.
    pull: f32,
    core: f32,
    bulge: f32,
}

fn knot(board: i32, across: f32, v: f32) -> Knot {
    let own = |seed: u32| chance(seed, board, 1);
    let (x, y) = (across - 0.5 * (own(151) - 0.5), (v - mix(0.2, 0.8, own(152))) * 6.0);
    let size = mix(0.06, 0.15, own(153)) * if own(154) < 0.72 { 1.0 } else { 0.0 };
    let far2 = x * x + 0.3 * y * y;
    if size == 0.0 {
        return Knot { pull: 0.0, core: 0.0, bulge: 0.0 };
    }
    let near = size * size / (far2 + size * size);
    Knot {
        pull: 0.9 * x * near * near,
        core: smooth(1.0, 0.35, far2.sqrt() / size),
        bulge: 0.8 * near * near,
    }
}

/// Two nails a board, on the beams behind it, with rust below.
fn nail(across: f32, v: f32, own: f32, face: Point) -> Point {
    let mut face = face;
    for beam in [0.14, 0.80] {
        let (x, y) = ((across - 0.12 * (own - 0.5)) * 42.0, (v - beam - 0.012 * own) * 256.0);
        let rust = smooth(2.2, 0.0, x.abs()) * smooth(-2.0, 2.0, y) * smooth(26.0, 2.0, y);
        face.color = face.color.mix(Rgb::hex(0x5a2d18), 0.55 * rust);
        let far = (x * x + y * y).sqrt();
        let head = smooth(3.2, 2.4, far);
        face.color = face.color.mix(Rgb::hex(0x4b4744), head);
        face.height += head * (2.4 - 0.12 * far * far) - 0.8 * smooth(5.0, 3.2, far) * (1.0 - head);
    }
    face
}
