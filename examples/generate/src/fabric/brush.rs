//! Broad strokes of thick paint: terracotta, ochre and cream over a dark ground, with a little
//! blue.

use crate::canvas::{Canvas, Light, Point, Shape};
use crate::color::Rgb;
use crate::curve::{cosine, mix, sine, smooth};
use crate::noise::{Dice, clouds, noise};

const SIDE: f32 = 320.0;

pub(super) fn paint() -> Canvas {
    let ground =
        |u, v| Point::new(Rgb::hex(0x5a2a20).times(1.0 + 0.2 * clouds(1101, u, v, 6, 6, 3)), 0.0);
    let mut canvas = Canvas::new(SIDE as usize, SIDE as usize, ground);
    let mut dice = Dice::new(1103);
    // Large strokes lay in, smaller ones work over them.
    for (count, length, width) in [(420, 84.0, 13.0), (620, 58.0, 8.0), (620, 38.0, 4.6)] {
        for _ in 0..count {
            stroke(&mut canvas, &mut dice, length, width);
        }
    }
    canvas.light(Light { relief: 0.75, hollows: 0.12, reach: 3, gloss: 0.06 });
    canvas
}

const WARM: [Rgb; 7] = [
    Rgb::hex(0x7e2f1f),
    Rgb::hex(0xa8452a),
    Rgb::hex(0xc9633a),
    Rgb::hex(0xdd8a4b),
    Rgb::hex(0xe8b06a),
    Rgb::hex(0xf1d9a8),
    Rgb::hex(0xf7ecd6),
];
const COOL: [Rgb; 4] =
    [Rgb::hex(0x1f4a55), Rgb::hex(0x2f7478), Rgb::hex(0x6fa39a), Rgb::hex(0xb7cdb9)];

fn stroke(canvas: &mut Canvas, dice: &mut Dice, length: f32, width: f32) {
    let (x, y) = (dice.between(0.0, SIDE), dice.between(0.0, SIDE));
    let (u, v) = (x / SIDE, y / SIDE);
    // The brush goes round hills of a hidden landscape, whose height is the tone.
    let hill = |u: f32, v: f32| clouds(1105, u, v, 3, 3, 2);
    let (sx, sy) = (hill(u + 0.01, v) - hill(u - 0.01, v), hill(u, v + 0.01) - hill(u, v - 0.01));
    let steep = (sx * sx + sy * sy).sqrt().max(1e-3);
    let wander = dice.between(-0.05, 0.05);
    let (c, s) = (cosine(wander), sine(wander));
    let (ax, ay) = (-sy / steep, sx / steep);
    let tone = 0.46 + 0.62 * hill(u, v) + dice.between(-0.20, 0.20);
    let cool = smooth(0.28, 0.42, clouds(1109, u, v, 4, 4, 2)) > dice.between(0.0, 1.0);
    let color = if cool { Rgb::along(&COOL, tone) } else { Rgb::along(&WARM, tone) };
    let second = Rgb::along(&WARM, tone + dice.between(-0.25, 0.25));
    let bristles = dice.between(0.0, 1.0);
    let shape = Shape {
        x,
        y,
        along: (ax * c - ay * s, ax * s + ay * c),
        length: length * dice.between(0.7, 1.2),
        width: width * dice.between(0.75, 1.2),
        bend: dice.between(-0.16, 0.16),
    };
    canvas.stamp(shape, |s, t, under| {
        // Hairs of the brush leave furrows, and run dry toward the end.
        let hair = noise(1113, bristles + 0.04 * s, 0.5 + 0.5 * t, 6, 11)
            + 0.5 * noise(1117, bristles + 0.05 * s, 0.5 + 0.5 * t, 5, 23);
        let end = 0.94 - 0.16 * hair - 0.10 * t * t;
        let load = smooth(0.0, 0.04, s - 0.03 * t * t)
            * smooth(end, end - 0.03, s)
            * smooth(1.0, 0.9, t.abs());
        let dry = smooth(0.55, 1.0, s) * smooth(0.1, -0.4, hair);
        let cover = load * (1.0 - 0.9 * dry);
        if cover < 0.02 {
            return None;
        }
        let paint = color.mix(second, smooth(-0.2, 0.8, hair)).times(1.0 + 0.10 * hair);
        let ridge = 1.0 * smooth(0.6, 0.92, t.abs()) + 0.8 * smooth(0.75, 0.9, s);
        let thick = 1.3 + 0.8 * hair + ridge;
        let height = mix(under.height, 0.45 * under.height + thick, cover);
        Some(Point::new(under.color.mix(paint, cover), height))
    });
}
