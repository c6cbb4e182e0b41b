//! Small functions of one number.
//!
//! They use only operations that IEEE 754 rounds exactly, so that the pictures are the same on
//! every machine.

pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 below `from`, 1 above `to`, smooth between. With `from > to` it falls.
pub(crate) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A sine of period 1, to about a thousandth: two parabolas, corrected once.
pub(crate) fn sine(turns: f32) -> f32 {
    let x = turns - turns.floor();
    let y = if x < 0.5 { 16.0 * x * (0.5 - x) } else { -16.0 * (x - 0.5) * (1.0 - x) };
    y * (0.775 + 0.225 * y.abs())
}

pub(crate) fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}

/// The angle of a vector in turns, 0 to 1, to about a thousandth.
pub(crate) fn angle(x: f32, y: f32) -> f32 {
    let (ax, ay) = (x.abs(), y.abs());
    if ax + ay == 0.0 {
        return 0.0;
    }
    let slope = ax.min(ay) / ax.max(ay);
    // A fit of the arc tangent on 0 to 1.
    let octant = slope * (0.159_155 + slope * slope * (-0.050_1 + slope * slope * 0.016));
    let quadrant = if ay > ax { 0.25 - octant } else { octant };
    let half = if x < 0.0 { 0.5 - quadrant } else { quadrant };
    if y < 0.0 { 1.0 - half } else { half }
}

pub(crate) fn fract(x: f32) -> f32 {
    x - x.floor()
}
