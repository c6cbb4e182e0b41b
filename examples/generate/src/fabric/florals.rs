//! Flowers strewn over a night-blue ground, painted in gouache. Repeats both ways.

use crate::canvas::{Canvas, Point, Shape};
use crate::color::Rgb;
use crate::curve::{cosine, mix, sine, smooth};
use crate::noise::{Dice, clouds};

const SIDE: f32 = 256.0;

pub(super) fn paint() -> Canvas {
    let ground =
        |u, v| Point::new(Rgb::hex(0x1f2a44).times(1.0 + 0.09 * clouds(701, u, v, 5, 5, 4)), 0.0);
    let mut canvas = Canvas::new(SIDE as usize, SIDE as usize, ground);
    let mut dice = Dice::new(703);
    let places = places(&mut dice);
    for &(x, y, room) in places.iter().filter(|place| place.2 > 10.0) {
        sprays(&mut canvas, &mut dice, x, y, room);
    }
    for &(x, y, room) in &places {
        if room > 30.0 {
            peony(&mut canvas, &mut dice, x, y, 0.62 * room);
        } else if room > 19.0 {
            daisy(&mut canvas, &mut dice, x, y, 0.74 * room);
        } else if room > 10.0 {
            berries(&mut canvas, &mut dice, x, y);
        } else {
            let tone = dice.pick(&[Rgb::hex(0x6f8fb0), Rgb::hex(0xcdbf9c), Rgb::hex(0x8f5a6e)]);
            dot(&mut canvas, x, y, 1.7, |_| tone);
        }
    }
    canvas
}

/// Where flowers stand, and how much room each has: the large ones first, the small ones in what is
/// left.
fn places(dice: &mut Dice) -> Vec<(f32, f32, f32)> {
    let mut places: Vec<(f32, f32, f32)> = Vec::new();
    for (room, tries) in [(44.0, 300), (27.0, 500), (13.0, 500), (6.5, 700)] {
        for _ in 0..tries {
            let (x, y) = (dice.between(0.0, SIDE), dice.between(0.0, SIDE));
            let apart = |a: f32, b: f32| ((a - b).abs()).min(SIDE - (a - b).abs());
            let free = places.iter().all(|&(px, py, other)| {
                let (dx, dy) = (apart(x, px), apart(y, py));
                (dx * dx + dy * dy).sqrt() > 0.92 * (room + other)
            });
            if free {
                places.push((x, y, room));
            }
        }
    }
    places
}

fn along(turn: f32) -> (f32, f32) {
    (cosine(turn), sine(turn))
}

const LEAVES: [Rgb; 4] =
    [Rgb::hex(0x4f7d5c), Rgb::hex(0x7fa06a), Rgb::hex(0x2f5f58), Rgb::hex(0xa3b06c)];

/// Leaves around a flower, two tones each.
fn sprays(canvas: &mut Canvas, dice: &mut Dice, x: f32, y: f32, room: f32) {
    let count = if room > 30.0 { 7 } else { 4 };
    let first = dice.between(0.0, 1.0);
    for n in 0..count {
        let turn = first + n as f32 / count as f32 + dice.between(-0.05, 0.05);
        let shape = Shape {
            x,
            y,
            along: along(turn),
            length: room * dice.between(0.98, 1.22),
            width: 0.16 * room + 2.0,
            bend: dice.between(-0.25, 0.25),
        };
        let green = dice.pick(&LEAVES);
        canvas.stamp(shape, |s, t, _| {
            let half = 3.2 * s * s * (1.0 - s) + 0.9 * s * (1.0 - s);
            (t.abs() < half.max(0.09 * (1.0 - s))).then(|| {
                let side = if t < 0.0 { 1.0 } else { 0.78 };
                let vein = smooth(0.09, 0.04, t.abs()).max(
                    smooth(0.1, 0.05, (((s * 7.0 - t.abs() * 3.0).fract()) - 0.5).abs()) * 0.5,
                );
                Point::new(
                    green.times(side * mix(0.8, 1.15, s)).mix(Rgb::hex(0xdfe3b4), 0.5 * vein),
                    0.0,
                )
            })
        });
    }
}

const PINKS: [Rgb; 3] = [Rgb::hex(0xd9596a), Rgb::hex(0xe88a6f), Rgb::hex(0xc23f5b)];

/// Three rings of petals, each ring lighter and smaller than the one below.
fn peony(canvas: &mut Canvas, dice: &mut Dice, x: f32, y: f32, radius: f32) {
    let base = dice.pick(&PINKS);
    let first = dice.between(0.0, 1.0);
    for (ring, (count, reach)) in [(7, 1.0), (6, 0.74), (5, 0.5)].into_iter().enumerate() {
        let ring = ring as f32;
        for n in 0..count {
            let turn = first + 0.07 * ring + n as f32 / count as f32 + dice.between(-0.02, 0.02);
            let length = radius * reach * dice.between(0.94, 1.06);
            let shape = Shape {
                x,
                y,
                along: along(turn),
                length,
                width: 0.52 * length,
                bend: dice.between(-0.12, 0.12),
            };
            let tint = dice.between(0.9, 1.1);
            canvas.stamp(shape, |s, t, under| {
                petal(s, t, 0.10).map(|edge| {
                    let color = base
                        .times(mix(0.62, 1.0, s) * tint)
                        .mix(Rgb::hex(0xfbe3d3), 0.16 * ring + 0.42 * s * s);
                    let streak = smooth(0.2, 0.0, ((t * 4.0 + 8.0).fract() - 0.5).abs())
                        * smooth(0.85, 0.3, s);
                    let color = color.mix(Rgb::hex(0x8a2346), 0.28 * streak);
                    Point::new(
                        under.color.mix(
                            color.mix(Rgb::hex(0x6d1f3c), 0.55 * smooth(0.09, 0.02, edge)),
                            0.98,
                        ),
                        0.0,
                    )
                })
            });
        }
    }
    heart(canvas, dice, x, y, 0.17 * radius);
}

const PALES: [Rgb; 4] =
    [Rgb::hex(0xf3e6c8), Rgb::hex(0xf0c659), Rgb::hex(0xa9c4dc), Rgb::hex(0xeeb9b0)];

fn daisy(canvas: &mut Canvas, dice: &mut Dice, x: f32, y: f32, radius: f32) {
    let base = dice.pick(&PALES);
    let first = dice.between(0.0, 1.0);
    for n in 0..9 {
        let turn = first + n as f32 / 9.0;
        let length = radius * dice.between(0.9, 1.08);
        let shape = Shape {
            x,
            y,
            along: along(turn),
            length,
            width: 0.27 * length,
            bend: dice.between(-0.15, 0.15),
        };
        canvas.stamp(shape, |s, t, _| {
            petal(s, t, 0.0).map(|edge| {
                let rib = smooth(0.14, 0.04, t.abs()) * smooth(0.8, 0.2, s);
                let color =
                    base.times(mix(0.68, 1.05, s) - 0.08 * t).mix(Rgb::hex(0x8d5a3c), 0.4 * rib);
                Point::new(color.mix(Rgb::hex(0x3b3a55), 0.6 * smooth(0.10, 0.02, edge)), 0.0)
            })
        });
    }
    heart(canvas, dice, x, y, 0.27 * radius);
}

/// How far inside a petal a place is, if it is inside. `notch` cuts its tip.
fn petal(s: f32, t: f32, notch: f32) -> Option<f32> {
    let body = (s - 0.62) / 0.38;
    let half = if s < 0.62 {
        mix(0.22, 1.0, smooth(0.0, 0.62, s))
    } else {
        (1.0 - body * body).max(0.0).sqrt()
    };
    let tip = 0.97 - notch * smooth(0.35, 0.0, t.abs()) - s;
    let edge = (0.97 * half - t.abs()).min(tip * 1.6);
    (edge > 0.0).then_some(edge)
}

fn dot(canvas: &mut Canvas, x: f32, y: f32, radius: f32, color: impl Fn(f32) -> Rgb) {
    let shape = Shape {
        x: x - radius,
        y,
        along: (1.0, 0.0),
        length: 2.0 * radius,
        width: radius,
        bend: 0.0,
    };
    canvas.stamp(shape, |s, t, _| {
        let (dx, far2) = (2.0 * s - 1.0, (2.0 * s - 1.0) * (2.0 * s - 1.0) + t * t);
        (far2 < 1.0).then(|| Point::new(color(far2).times(1.0 - 0.12 * (dx + t)), 0.0))
    });
}

fn heart(canvas: &mut Canvas, dice: &mut Dice, x: f32, y: f32, radius: f32) {
    dot(canvas, x, y, radius, |far2| Rgb::hex(0xe2a836).mix(Rgb::hex(0x7d4a1c), far2 * far2));
    for n in 0..11 {
        let turn = n as f32 / 11.0;
        let far = radius * dice.between(0.75, 1.25);
        dot(canvas, x + cosine(turn) * far, y + sine(turn) * far, 0.17 * radius + 0.5, |_| {
            Rgb::hex(0xf6d98a)
        });
    }
}

fn berries(canvas: &mut Canvas, dice: &mut Dice, x: f32, y: f32) {
    let base = dice.pick(&[Rgb::hex(0xd0483f), Rgb::hex(0xf0c659), Rgb::hex(0xe9dcc0)]);
    for _ in 0..4 {
        let (dx, dy) = (dice.between(-7.0, 7.0), dice.between(-7.0, 7.0));
        dot(canvas, x + dx, y + dy, dice.between(2.2, 3.4), |far2| {
            base.mix(Rgb::hex(0x3c1f2e), 0.6 * far2 * far2)
        });
    }
}
