//! An ikat: diamonds whose dyed threads have slipped. Repeats both ways.

use crate::canvas::{Canvas, Point};
use crate::color::Rgb;
use crate::curve::{fract, sine, smooth};
use crate::noise::{chance, noise};

pub(super) fn paint() -> Canvas {
    Canvas::new(256, 256, point)
}

/// Threads over the width; each was dyed before it was woven, and lies a little higher or lower
/// than its neighbour.
const THREADS: f32 = 128.0;

fn point(u: f32, v: f32) -> Point {
    let thread = (u * THREADS).floor() as i32;
    let slip = 0.011 * (chance(601, thread, 0) - 0.5)
        + 0.022 * noise(603, u, 0.5, 24, 1)
        + 0.006 * noise(605, u, v, 64, 8);
    let stripe = fract(u * 2.0);
    let color = if stripe < 0.78 {
        diamonds(stripe / 0.78, fract(v * 2.0 + 2.0 * slip))
    } else {
        border((stripe - 0.78) / 0.22, v + slip)
    };
    // The weave: warp threads that go over and under.
    let over = sine(v * 64.0 + if thread % 2 == 0 { 0.0 } else { 0.5 });
    let round = sine(fract(u * THREADS) * 0.5);
    let uneven = 0.04 * (chance(607, thread, 1) - 0.5);
    Point::new(color.times(0.90 + 0.05 * over + 0.07 * round + uneven), 0.0)
}

const CREAM: Rgb = Rgb::hex(0xf0e3c8);
const MADDER: Rgb = Rgb::hex(0xa8322d);
const OCHRE: Rgb = Rgb::hex(0xdb9a34);
const INDIGO: Rgb = Rgb::hex(0x23346b);
const TEAL: Rgb = Rgb::hex(0x2f7f7c);

/// Diamonds inside each other, steps between the colours feathered along the threads.
fn diamonds(x: f32, y: f32) -> Rgb {
    let (dx, dy) = ((x - 0.5).abs() * 2.0, (y - 0.5).abs() * 2.0);
    let far = dx * 0.95 + dy;
    let teeth = 0.05 * (fract(dx * 6.0) - 0.5).abs();
    let rings = [
        (0.16, OCHRE),
        (0.30, MADDER),
        (0.46, CREAM),
        (0.66, INDIGO),
        (0.80, CREAM),
        (1.02, MADDER),
        (1.14, OCHRE),
        (1.26, CREAM),
    ];
    let mut color = TEAL;
    for (reach, ring) in rings.into_iter().rev() {
        color = color.mix(ring, smooth(reach + 0.025, reach - 0.025, far + teeth));
    }
    let eye = (dx * dx + (dy - 1.0) * (dy - 1.0)).sqrt();
    color
        .mix(CREAM, smooth(0.36, 0.32, eye))
        .mix(MADDER, smooth(0.24, 0.20, eye))
        .mix(OCHRE, smooth(0.11, 0.07, eye))
}

/// The stripe between: a chain of hooks on indigo.
fn border(x: f32, v: f32) -> Rgb {
    let y = fract(v * 8.0) - 0.5;
    let across = (x - 0.5) * 2.0;
    let edge = smooth(0.84, 0.9, across.abs());
    let lozenge = across.abs() * 1.3 + y.abs() * 2.4;
    let mut color = INDIGO.mix(CREAM, smooth(0.86, 0.78, lozenge));
    color = color.mix(MADDER, smooth(0.52, 0.44, lozenge));
    color = color.mix(OCHRE, smooth(0.22, 0.14, lozenge));
    color.mix(OCHRE, edge)
}
