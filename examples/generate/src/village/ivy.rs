//! A card of ivy that hangs over a wall: leaves on stems, nothing behind them.

use crate::canvas::{Canvas, Light, Point, Shape};
use crate::color::Rgb;
use crate::curve::{cosine, mix, sine, smooth};
use crate::noise::Dice;

const SIDE: f32 = 256.0;

pub(super) fn paint() -> Canvas {
    // Transparent points are leaf green too: a game blends them in when it draws the card small.
    let mut canvas =
        Canvas::new(256, 256, |_, _| Point { color: Rgb::hex(0x2f4a22), height: 0.0, alpha: 0.0 });
    let mut dice = Dice::new(401);
    let mut leaves = Vec::new();
    let vines = [
        (36.0, 176.0),
        (58.0, 232.0),
        (80.0, 140.0),
        (102.0, 206.0),
        (126.0, 246.0),
        (150.0, 160.0),
        (174.0, 228.0),
        (198.0, 192.0),
        (218.0, 236.0),
    ];
    for (x, reach) in vines {
        leaves.extend(vine(&mut canvas, &mut dice, x, reach));
    }
    // Those higher up hang over those below.
    leaves.sort_by(|a, b| b.shape.y.total_cmp(&a.shape.y));
    for leaf in &leaves {
        leaf.paint(&mut canvas);
    }
    canvas.light(Light { relief: 0.45, hollows: 0.16, reach: 4, gloss: 0.10 });
    canvas
}

struct Leaf {
    shape: Shape,
    green: Rgb,
    lift: f32,
}

/// A stem from the top down to `reach`, and the leaves that grow from it.
fn vine(canvas: &mut Canvas, dice: &mut Dice, x: f32, reach: f32) -> Vec<Leaf> {
    let (mut x, mut y) = (x, 6.0);
    let mut leaves = Vec::new();
    let mut side = 1.0;
    let mut lean = dice.between(-0.02, 0.02);
    while y < reach {
        lean = 0.7 * lean + dice.between(-0.05, 0.05) - 0.00008 * (x - SIDE / 2.0);
        let turn = 0.25 - lean;
        let along = (cosine(turn), sine(turn));
        let length = dice.between(13.0, 19.0);
        let stem =
            Shape { x, y, along, length: length + 2.0, width: 2.2, bend: dice.between(-0.1, 0.1) };
        canvas.stamp(stem, |s, t, under| {
            let color = Rgb::hex(0x5a4526).mix(Rgb::hex(0x7d6a3a), 0.5 - 0.5 * t);
            (t.abs() < 0.8).then_some(Point {
                color: color.times(mix(1.0, 0.85, s)),
                height: under.height + 2.0 * (1.0 - t * t),
                alpha: 1.0,
            })
        });
        // Young leaves at the end are small and light.
        let age = 1.0 - 0.62 * (y / reach) * (y / reach);
        for _ in 0..2 {
            let size = dice.between(24.0, 36.0) * age;
            let turn = 0.25 + side * dice.between(0.07, 0.21);
            let green = Rgb::along(&GREENS, dice.between(0.0, 0.75) + 0.3 * (1.0 - age));
            let place = (x + side * dice.between(0.0, 3.0), y - 4.0);
            let shape = Shape {
                x: place.0,
                y: place.1,
                along: (cosine(turn), sine(turn)),
                length: size,
                width: 0.62 * size,
                bend: dice.between(-0.15, 0.15),
            };
            if fits(&shape) {
                leaves.push(Leaf { shape, green, lift: dice.between(6.0, 13.0) });
            }
            side = -side;
        }
        x += along.0 * length;
        y += along.1 * length;
    }
    leaves
}

/// Whether a leaf stays on the card, wherever it bends.
fn fits(shape: &Shape) -> bool {
    let (end_x, end_y) =
        (shape.x + shape.along.0 * shape.length, shape.y + shape.along.1 * shape.length);
    let room = 0.7 * shape.width;
    let inside = |at: f32| (room..SIDE - room).contains(&at);
    inside(shape.x) && inside(shape.y) && inside(end_x) && inside(end_y)
}

const GREENS: [Rgb; 5] = [
    Rgb::hex(0x27521f),
    Rgb::hex(0x3a6b2a),
    Rgb::hex(0x4f8433),
    Rgb::hex(0x76a144),
    Rgb::hex(0xa9c25c),
];

/// Half of a leaf's width along it: a heart's shoulders, two side lobes, a long tip.
fn half_width(s: f32) -> f32 {
    let shoulders = 0.78 * smooth(-0.02, 0.12, s) * smooth(0.50, 0.16, s);
    let lobes = 0.98 * smooth(0.22, 0.44, s) * smooth(0.66, 0.42, s);
    let tip = 0.56 * smooth(0.2, 0.45, s) * (1.0 - s) * 1.75;
    shoulders.max(lobes).max(tip.min(0.56))
}

impl Leaf {
    fn paint(&self, canvas: &mut Canvas) {
        let shadow = Shape { x: self.shape.x + 1.5, y: self.shape.y + 3.0, ..self.shape };
        canvas.stamp(shadow, |s, t, under| {
            let depth = smooth(0.1, -0.15, t.abs() - half_width(s));
            Some(Point { color: under.color.times(1.0 - 0.42 * depth), ..under })
        });
        canvas.stamp(self.shape, |s, t, _| {
            let edge = half_width(s) - t.abs();
            if edge < 0.0 {
                return None;
            }
            // Five main veins fan out from the stalk; small ones branch off the middle.
            let middle = smooth(0.07, 0.0, t.abs());
            let fan = |slope: f32| {
                smooth(0.07, 0.0, (t.abs() - slope * s).abs())
                    * smooth(0.0, 0.1, s)
                    * smooth(0.6, 0.3, s)
            };
            let branch = s * 9.0 - t.abs() * 5.0;
            let twigs = smooth(0.16, 0.0, (branch - branch.floor() - 0.5).abs())
                * smooth(0.3, 0.45, s)
                * smooth(0.02, 0.15, edge);
            let veins = middle.max(fan(1.9)).max(0.7 * fan(0.85)).max(0.45 * twigs);
            let color =
                self.green.mix(Rgb::hex(0xc9d79a), 0.55 * veins).times(0.94 + 0.2 * s - 0.12 * t);
            let color = color.mix(Rgb::hex(0x1f3d1c), 0.5 * smooth(0.10, 0.0, edge));
            let fold = 2.6 * t.abs() - 1.5 * t * t;
            Some(Point { color, height: self.lift + fold - 0.7 * veins - 3.0 * s * s, alpha: 1.0 })
        });
    }
}
