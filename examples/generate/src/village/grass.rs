//! A meadow from above: blades over blades, clover and daisies. Tiles both ways.

use crate::canvas::{Canvas, Light, Point, Shape};
use crate::color::Rgb;
use crate::curve::{cosine, mix, sine, smooth};
use crate::noise::{Dice, clouds};

pub(super) fn paint() -> Canvas {
    let ground = |u, v| {
        let soil =
            Rgb::hex(0x3a3a1c).mix(Rgb::hex(0x55552a), 0.5 + 0.5 * clouds(301, u, v, 10, 10, 3));
        Point::new(soil, 0.0)
    };
    let mut canvas = Canvas::new(256, 256, ground);
    let mut dice = Dice::new(303);
    for layer in 0..3 {
        for _ in 0..900 {
            blade(&mut canvas, &mut dice, layer as f32);
        }
        for _ in 0..26 {
            clover(&mut canvas, &mut dice, layer as f32);
        }
    }
    for _ in 0..11 {
        daisy(&mut canvas, &mut dice);
    }
    canvas.light(Light { relief: 0.32, hollows: 0.20, reach: 5, gloss: 0.03 });
    canvas
}

const GREENS: [Rgb; 6] = [
    Rgb::hex(0x4f7a2a),
    Rgb::hex(0x6d9636),
    Rgb::hex(0x87a83f),
    Rgb::hex(0x3f6a2c),
    Rgb::hex(0xa6b552),
    Rgb::hex(0x5a8a44),
];

fn blade(canvas: &mut Canvas, dice: &mut Dice, layer: f32) {
    let (x, y) = (dice.between(0.0, 256.0), dice.between(0.0, 256.0));
    // The wind combs the meadow in broad swathes.
    let turn = 0.75 + 0.16 * clouds(305, x / 256.0, y / 256.0, 2, 2, 2) + dice.between(-0.14, 0.14);
    let shape = Shape {
        x,
        y,
        along: (cosine(turn), sine(turn)),
        length: dice.between(16.0, 34.0),
        width: dice.between(1.1, 2.1),
        bend: dice.between(-0.4, 0.4),
    };
    let dry = smooth(0.25, 0.7, clouds(309, x / 256.0, y / 256.0, 3, 3, 2));
    let green = Rgb::along(&GREENS, dice.between(0.0, 1.0))
        .mix(Rgb::hex(0xc2b163), 0.7 * dry * dice.between(0.0, 1.0));
    canvas.stamp(shape, |s, t, under| {
        let taper = (1.0 - s) * (0.55 + 1.8 * s * (1.0 - s));
        if t.abs() > taper {
            return None;
        }
        let rib = smooth(0.25, 0.0, t.abs());
        let color = green.times(mix(0.42, 1.12, s) * (1.0 + 0.10 * layer) + 0.08 * rib - 0.10 * t);
        Some(Point::new(color, under.height.max(1.5 * layer) + 3.5 * s + 0.6 * (1.0 - t * t)))
    });
}

/// Three round leaves with a pale band.
fn clover(canvas: &mut Canvas, dice: &mut Dice, layer: f32) {
    let (x, y, turn) = (dice.between(0.0, 256.0), dice.between(0.0, 256.0), dice.between(0.0, 1.0));
    let length = dice.between(7.0, 10.0);
    let green = Rgb::hex(0x3f7f3a).mix(Rgb::hex(0x6fa04a), dice.between(0.0, 1.0));
    for leaf in 0..3 {
        let turn = turn + leaf as f32 / 3.0;
        let shape = Shape {
            x,
            y,
            along: (cosine(turn), sine(turn)),
            length,
            width: 0.55 * length,
            bend: 0.0,
        };
        canvas.stamp(shape, |s, t, _| {
            let (dx, dy) = ((s - 0.55) / 0.45, t);
            let notch = smooth(0.75, 1.0, s) * 0.5 * (1.0 - t.abs());
            let round = dx * dx + dy * dy + notch;
            if round > 1.0 {
                return None;
            }
            let band = smooth(0.16, 0.0, (s - 0.55 - 0.2 * t.abs()).abs());
            let color = green
                .mix(Rgb::hex(0xb9d08c), 0.55 * band)
                .times(0.95 - 0.25 * smooth(0.12, 0.0, t.abs()));
            Some(Point::new(color, 6.0 + 1.5 * layer + 1.2 * t.abs() - 0.8 * round))
        });
    }
}

fn daisy(canvas: &mut Canvas, dice: &mut Dice) {
    let (x, y, turn) = (dice.between(0.0, 256.0), dice.between(0.0, 256.0), dice.between(0.0, 1.0));
    let radius = dice.between(7.0, 10.5);
    let petals = 13;
    for petal in 0..petals {
        let turn = turn + petal as f32 / petals as f32 + dice.between(-0.01, 0.01);
        let shape = Shape {
            x,
            y,
            along: (cosine(turn), sine(turn)),
            length: radius,
            width: 0.19 * radius,
            bend: dice.between(-0.1, 0.1),
        };
        let tint = dice.between(0.0, 1.0);
        canvas.stamp(shape, |s, t, _| {
            let taper = smooth(0.0, 0.5, s) * smooth(1.02, 0.8, s).max(0.2);
            (s > 0.2 && s < 0.98 && t.abs() <= taper).then(|| {
                let color = Rgb::hex(0xf4f0e6)
                    .mix(Rgb::hex(0xe8c9d2), 0.6 * tint * s)
                    .times(0.86 + 0.14 * s);
                Point::new(color, 12.0 + 0.8 * (1.0 - t * t) + 1.5 * s)
            })
        });
    }
    let heart = 0.36 * radius;
    let shape =
        Shape { x: x - heart, y, along: (1.0, 0.0), length: 2.0 * heart, width: heart, bend: 0.0 };
    canvas.stamp(shape, |s, t, _| {
        let far2 = (2.0 * s - 1.0) * (2.0 * s - 1.0) + t * t;
        (far2 < 1.0).then(|| {
            Point::new(
                Rgb::hex(0xe6b02e).mix(Rgb::hex(0xb8741c), far2 * far2),
                13.0 + 2.5 * (1.0 - far2),
            )
        })
    });
}
