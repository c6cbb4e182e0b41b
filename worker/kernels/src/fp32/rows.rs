//! What happens to rows of features between two convolutions: sums for a normalisation, the
//! normalisation itself, activations, the transforms of F(3, 3). The plain loops are the
//! specification; `row_lanes.rs` has those over channels on vectors, and the others are compiled
//! for each level.
//!
//! A value's channel is its place modulo the channels. So that vectors see the same channels in
//! each turn, factors are repeated to a *period*: a multiple of the channels and of 16 floats.

/// The most floats of a period: 16 pixels of 3 channels.
pub(crate) const MOST_PERIOD: usize = 48;

/// Floats after which channels and vectors begin anew, if a period fits: for 3 channels, and for
/// powers of two up to 32.
pub(crate) fn period(channels: usize) -> Option<usize> {
    match channels {
        1 | 2 | 4 | 8 | 16 => Some(16),
        32 => Some(32),
        3 => Some(48),
        _ => None,
    }
}

/// Work on a row. The slices of factors are one period long, rows of any length.
#[derive(Debug)]
pub(crate) enum Rows<'a> {
    /// `output = input * scale + shift`, then perhaps a ReLU.
    Normalize {
        input: &'a [f32],
        scale: &'a [f32],
        shift: &'a [f32],
        rectify: bool,
        output: &'a mut [f32],
    },
    /// The same in place.
    NormalizeInPlace { values: &'a mut [f32], scale: &'a [f32], shift: &'a [f32], rectify: bool },
    /// `sum += input * scale + shift`.
    Add { input: &'a [f32], scale: &'a [f32], shift: &'a [f32], sum: &'a mut [f32] },
    /// `sums += input - pivot` and `squares += (input - pivot)^2`, by place in the period.
    Moments { input: &'a [f32], pivot: &'a [f32], sums: &'a mut [f32], squares: &'a mut [f32] },
    /// The five points of an input window of F(3, 3), element by element: see `networks/outer.rs`.
    Points { inputs: [&'a [f32]; 5], outputs: [&'a mut [f32]; 5] },
    /// Three outputs of five points.
    Outputs { inputs: [&'a [f32]; 5], outputs: [&'a mut [f32]; 3] },
    /// `255 / (1 + exp(-(value * scale + shift)))`, in place.
    Sigmoid { values: &'a mut [f32], scale: &'a [f32], shift: &'a [f32] },
    /// Of a normalised row: sums, by place in the period, of the gradient where the ReLU is open,
    /// and of its products with `input - pivot`.
    Slopes { open: Open<'a>, gradient: &'a [f32], sums: &'a mut [f32], products: &'a mut [f32] },
    /// What the normalisation makes of the gradient: `own` times the gradient where the ReLU is
    /// open, plus `along * (input - pivot) + level`, in place.
    Back {
        open: Open<'a>,
        gradient: &'a mut [f32],
        own: &'a [f32],
        along: &'a [f32],
        level: &'a [f32],
    },
}

/// A row before its normalisation, and where a ReLU after it is open: where
/// `input * scale + shift` is positive, or everywhere if nothing is rectified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open<'a> {
    pub(crate) input: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) rectify: bool,
    pub(crate) pivot: &'a [f32],
}

impl Rows<'_> {
    pub(crate) fn period(&self) -> usize {
        match self {
            // They know no channels.
            Self::Points { .. } | Self::Outputs { .. } => 16,
            Self::Normalize { scale, .. }
            | Self::NormalizeInPlace { scale, .. }
            | Self::Add { scale, .. }
            | Self::Sigmoid { scale, .. } => scale.len(),
            Self::Moments { pivot, .. } => pivot.len(),
            Self::Slopes { open, .. } | Self::Back { open, .. } => open.pivot.len(),
        }
    }

    /// That rows, and factors, have equal lengths.
    pub(crate) fn check(&self) {
        let period = self.period();
        let equal = match self {
            Self::Normalize { input, shift, output, .. } => {
                input.len() == output.len() && shift.len() == period
            }
            Self::Add { input, shift, sum, .. } => {
                input.len() == sum.len() && shift.len() == period
            }
            Self::NormalizeInPlace { shift, .. } | Self::Sigmoid { shift, .. } => {
                shift.len() == period
            }
            Self::Moments { sums, squares, .. } => sums.len() == period && squares.len() == period,
            Self::Slopes { open, gradient, sums, products } => {
                open.input.len() == gradient.len()
                    && [open.scale, open.shift, &**sums, &**products]
                        .iter()
                        .all(|f| f.len() == period)
            }
            Self::Back { open, gradient, own, along, level } => {
                open.input.len() == gradient.len()
                    && [open.scale, open.shift, own, along, level].iter().all(|f| f.len() == period)
            }
            // Their loops look at each place.
            Self::Points { .. } | Self::Outputs { .. } => true,
        };
        assert!(equal, "rows of one length, factors of one period");
    }
}

/// Does the work.
#[inline(always)]
pub(crate) fn run(rows: Rows<'_>) {
    match rows.period() {
        16 => run_by::<16>(rows),
        32 => run_by::<32>(rows),
        48 => run_by::<48>(rows),
        other => unreachable!("no period has {other} floats"),
    }
}

/// Unlike `split_at`, a reference to an array, over which loops unroll.
#[inline(always)]
fn one<const P: usize>(factors: &[f32]) -> [f32; P] {
    let mut array = [0.0; P];
    array.copy_from_slice(factors);
    array
}

#[inline(always)]
fn run_by<const P: usize>(rows: Rows<'_>) {
    match rows {
        Rows::Normalize { input, scale, shift, rectify, output } => {
            let (scale, shift) = (one::<P>(scale), one::<P>(shift));
            let low = if rectify { 0.0 } else { f32::NEG_INFINITY };
            let (inputs, input) = input.as_chunks::<P>();
            let (outputs, output) = output.as_chunks_mut::<P>();
            for (input, output) in inputs.iter().zip(outputs) {
                for i in 0..P {
                    output[i] = at_least(input[i] * scale[i] + shift[i], low);
                }
            }
            for (i, (input, output)) in input.iter().zip(output).enumerate() {
                *output = at_least(input * scale[i] + shift[i], low);
            }
        }
        Rows::NormalizeInPlace { values, scale, shift, rectify } => {
            let (scale, shift) = (one::<P>(scale), one::<P>(shift));
            let low = if rectify { 0.0 } else { f32::NEG_INFINITY };
            let (chunks, rest) = values.as_chunks_mut::<P>();
            for values in chunks {
                for i in 0..P {
                    values[i] = at_least(values[i] * scale[i] + shift[i], low);
                }
            }
            for (i, value) in rest.iter_mut().enumerate() {
                *value = at_least(*value * scale[i] + shift[i], low);
            }
        }
        Rows::Add { input, scale, shift, sum } => {
            let (scale, shift) = (one::<P>(scale), one::<P>(shift));
            let (inputs, input) = input.as_chunks::<P>();
            let (sums, sum) = sum.as_chunks_mut::<P>();
            for (input, sum) in inputs.iter().zip(sums) {
                for i in 0..P {
                    sum[i] += input[i] * scale[i] + shift[i];
                }
            }
            for (i, (input, sum)) in input.iter().zip(sum).enumerate() {
                *sum += input * scale[i] + shift[i];
            }
        }
        Rows::Moments { input, pivot, sums, squares } => {
            let pivot = one::<P>(pivot);
            let (mut own, mut own_squares) = ([0.0; P], [0.0; P]);
            let (inputs, input) = input.as_chunks::<P>();
            for input in inputs {
                for i in 0..P {
                    let difference = input[i] - pivot[i];
                    own[i] += difference;
                    own_squares[i] += difference * difference;
                }
            }
            for (i, input) in input.iter().enumerate() {
                let difference = input - pivot[i];
                own[i] += difference;
                own_squares[i] += difference * difference;
            }
            for i in 0..P {
                sums[i] += own[i];
                squares[i] += own_squares[i];
            }
        }
        Rows::Slopes { open, gradient, sums, products } => {
            let (scale, shift) = (one::<P>(open.scale), one::<P>(open.shift));
            let (pivot, low) = (one::<P>(open.pivot), open.lowest());
            let (mut own, mut own_products) = ([0.0; P], [0.0; P]);
            let (inputs, input) = open.input.as_chunks::<P>();
            let (gradients, gradient) = gradient.as_chunks::<P>();
            for (input, gradient) in inputs.iter().zip(gradients) {
                for i in 0..P {
                    let kept = kept(gradient[i], input[i] * scale[i] + shift[i], low);
                    own[i] += kept;
                    own_products[i] += kept * (input[i] - pivot[i]);
                }
            }
            for (i, (input, gradient)) in input.iter().zip(gradient).enumerate() {
                let kept = kept(*gradient, input * scale[i] + shift[i], low);
                own[i] += kept;
                own_products[i] += kept * (input - pivot[i]);
            }
            for i in 0..P {
                sums[i] += own[i];
                products[i] += own_products[i];
            }
        }
        Rows::Back { open, gradient, own, along, level } => {
            let (scale, shift) = (one::<P>(open.scale), one::<P>(open.shift));
            let (pivot, low) = (one::<P>(open.pivot), open.lowest());
            let (own, along, level) = (one::<P>(own), one::<P>(along), one::<P>(level));
            let (inputs, input) = open.input.as_chunks::<P>();
            let (gradients, gradient) = gradient.as_chunks_mut::<P>();
            for (input, gradient) in inputs.iter().zip(gradients) {
                for i in 0..P {
                    let kept = kept(gradient[i], input[i] * scale[i] + shift[i], low);
                    gradient[i] = own[i] * kept + along[i] * (input[i] - pivot[i]) + level[i];
                }
            }
            for (i, (input, gradient)) in input.iter().zip(gradient).enumerate() {
                let kept = kept(*gradient, input * scale[i] + shift[i], low);
                *gradient = own[i] * kept + along[i] * (input - pivot[i]) + level[i];
            }
        }
        Rows::Points { inputs, outputs } => points(inputs, outputs),
        Rows::Outputs { inputs, outputs } => three_outputs(inputs, outputs),
        Rows::Sigmoid { values, scale, shift } => {
            let (scale, shift) = (one::<P>(scale), one::<P>(shift));
            let (chunks, rest) = values.as_chunks_mut::<P>();
            for values in chunks {
                for i in 0..P {
                    values[i] = 255.0 * sigmoid(values[i] * scale[i] + shift[i]);
                }
            }
            for (i, value) in rest.iter_mut().enumerate() {
                *value = 255.0 * sigmoid(*value * scale[i] + shift[i]);
            }
        }
    }
}

impl Open<'_> {
    /// What a normalised value has to be above.
    #[inline(always)]
    fn lowest(&self) -> f32 {
        if self.rectify { 0.0 } else { f32::NEG_INFINITY }
    }
}

/// A gradient where the value that it belongs to is above the lowest that passes.
#[inline(always)]
fn kept(gradient: f32, value: f32, low: f32) -> f32 {
    if value > low { gradient } else { 0.0 }
}

/// `B^T d` of F(3, 3).
#[inline(always)]
fn points([d0, d1, d2, d3, d4]: [&[f32]; 5], outputs: [&mut [f32]; 5]) {
    let [p0, p1, p2, p3, p4] = outputs;
    let len = p0.len();
    let (d0, d1, d2, d3, d4) = (&d0[..len], &d1[..len], &d2[..len], &d3[..len], &d4[..len]);
    let (p1, p2, p3, p4) = (&mut p1[..len], &mut p2[..len], &mut p3[..len], &mut p4[..len]);
    for i in 0..len {
        let between = d3[i] - d1[i];
        p0[i] = 2.0 * (d0[i] - d2[i]) + between;
        p1[i] = d3[i] - d2[i] - 2.0 * d1[i];
        p2[i] = d3[i] - 3.0 * d2[i] + 2.0 * d1[i];
        p3[i] = between;
        p4[i] = d4[i] - d2[i] - 2.0 * between;
    }
}

/// `A^T m` of F(3, 3).
#[inline(always)]
fn three_outputs([m0, m1, m2, m3, m4]: [&[f32]; 5], outputs: [&mut [f32]; 3]) {
    let [o0, o1, o2] = outputs;
    let len = o0.len();
    let (m0, m1, m2, m3, m4) = (&m0[..len], &m1[..len], &m2[..len], &m3[..len], &m4[..len]);
    let (o1, o2) = (&mut o1[..len], &mut o2[..len]);
    for i in 0..len {
        let sum = m1[i] + m2[i];
        o0[i] = m0[i] + sum + m3[i];
        o1[i] = m1[i] - m2[i] + 2.0 * m3[i];
        o2[i] = sum + 4.0 * m3[i] + m4[i];
    }
}

/// Like `max`, but a NaN stays one.
#[inline(always)]
fn at_least(value: f32, low: f32) -> f32 {
    if value < low { low } else { value }
}

/// `1 / (1 + exp(-x))` with a relative error below 1e-6, as additions and products that a compiler
/// turns into vectors: `exp(-x) = 2^n * 2^f` with a whole n and f in -0.5..=0.5, and a polynomial
/// for `2^f`.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    /// Adding it leaves a whole number in the last bits of a float.
    const WHOLE: f32 = 12_582_912.0;
    // Beyond 87 the result is 0 or 1 in any case; a NaN stays one.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 87.0 { 87.0 } else { x };
    let t = -x * std::f32::consts::LOG2_E;
    let whole = t + WHOLE;
    let f = t - (whole - WHOLE);
    // The Taylor series of 2^f: the next term is below 0.5^7 * ln(2)^7 / 7! = 1.2e-7.
    let power = 1.0
        + f * (std::f32::consts::LN_2
            + f * (0.240_226_5
                + f * (0.055_504_11
                    + f * (0.009_618_129 + f * (0.001_333_355_8 + f * 0.000_154_035_3)))));
    let exponent = whole.to_bits().wrapping_sub(WHOLE.to_bits()) << 23;
    1.0 / (1.0 + f32::from_bits(power.to_bits().wrapping_add(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fp32::dispatch, level::Level};

    #[test]
    fn the_sigmoid_is_that_of_the_library() {
        for i in -4000..=4000 {
            let x = i as f32 / 40.0;
            let expected = 1.0 / (1.0 + f64::from(-x).exp());
            assert!(
                (f64::from(sigmoid(x)) - expected).abs() < 2e-7,
                "{x}: {} {expected}",
                sigmoid(x)
            );
        }
        assert!(sigmoid(f32::NAN).is_nan());
    }

    /// A fused multiply-add rounds once less: values are below 10, sums of a hundred squares below
    /// 1,000.
    const ERROR: f32 = 1e-4;

    #[test]
    fn every_level_does_what_the_plain_loops_do() {
        for (channels, pixels) in [(3, 37), (4, 39), (8, 25), (16, 17), (32, 13)] {
            let period = period(channels).expect("a period");
            let input: Vec<f32> =
                (0..channels * pixels).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
            let factors =
                |step: usize| (0..period).map(|i| (i % channels * step % 7) as f32 - 2.5).collect();
            let (scale, shift): (Vec<f32>, Vec<f32>) = (factors(3), factors(5));
            let (scale, shift) = (&scale[..], &shift[..]);
            let all = |level: Level| {
                let run = |rows: Rows<'_>| dispatch::rows(dispatch::kernels(level), rows);
                let mut normalized = vec![f32::NAN; input.len()];
                let output = &mut normalized[..];
                run(Rows::Normalize { input: &input, scale, shift, rectify: true, output });
                let mut sum = normalized.clone();
                run(Rows::Add { input: &input, scale, shift, sum: &mut sum });
                let mut in_place = input.clone();
                let values = &mut in_place[..];
                run(Rows::NormalizeInPlace { values, scale, shift, rectify: false });
                let (mut sums, mut squares) = (vec![1.0; period], vec![2.0; period]);
                let (sums_of, squares_of) = (&mut sums[..], &mut squares[..]);
                let (input, pivot) = (&input[..], shift);
                run(Rows::Moments { input, pivot, sums: sums_of, squares: squares_of });
                // Places of a period are added up by channel, as its readers do.
                let by_channel = |sums: &[f32]| {
                    (0..channels).map(|c| sums[c..].iter().step_by(channels).sum()).collect()
                };
                let mut sigmoid = input.to_vec();
                run(Rows::Sigmoid { values: &mut sigmoid, scale, shift });
                [normalized, sum, in_place, by_channel(&sums), by_channel(&squares), sigmoid]
            };
            let plain = all(Level::Scalar);
            for (i, value) in input.iter().enumerate() {
                let line = value * scale[i % channels] + shift[i % channels];
                assert_eq!(plain[0][i], line.max(0.0), "{channels} at {i}");
                assert_eq!(plain[1][i], line.max(0.0) + line, "{channels} at {i}");
                assert_eq!(plain[2][i], line, "{channels} at {i}");
            }
            for channel in 0..channels {
                let own = input[channel..].iter().step_by(channels);
                let differences = own.map(|value| value - shift[channel]);
                let (mut sum, mut squares) = (0.0, 0.0);
                differences.for_each(|d| (sum, squares) = (sum + d, squares + d * d));
                let repeats = (period / channels) as f32;
                assert!((plain[3][channel] - sum - repeats).abs() < ERROR);
                assert!((plain[4][channel] - squares - 2.0 * repeats).abs() < 10.0 * ERROR);
            }
            for level in Level::available() {
                for (what, (found, plain)) in all(level).iter().zip(&plain).enumerate() {
                    let apart =
                        found.iter().zip(plain).map(|(x, y)| (x - y).abs() / (1.0 + y.abs()));
                    let worst = apart.fold(0.0, f32::max);
                    assert!(worst < ERROR, "{level} {channels}, {what}: {worst}");
                }
            }
        }
    }

    #[test]
    fn points_and_outputs_are_a_convolution_of_three_taps() {
        // Rows of one place each: a window of five, taps of three.
        let (d, g) = ([0.7, -1.2, 0.4, 2.0, -0.3], [0.9, -0.5, 1.6]);
        let weights = [
            g[0] / 2.0,
            -(g[0] + g[1] + g[2]) / 2.0,
            (-g[0] + g[1] - g[2]) / 6.0,
            g[0] / 6.0 + g[1] / 3.0 + g[2] * 2.0 / 3.0,
            g[2],
        ];
        let (mut p, mut o) = ([[0.0_f32; 1]; 5], [[0.0_f32; 1]; 3]);
        let windows = d.map(|value| [value]);
        let inputs = windows.each_ref().map(|row| &row[..]);
        let outputs = p.each_mut().map(|row| &mut row[..]);
        run(Rows::Points { inputs, outputs });
        p.iter_mut().zip(weights).for_each(|(point, weight)| point[0] *= weight);
        let inputs = p.each_ref().map(|row| &row[..]);
        let outputs = o.each_mut().map(|row| &mut row[..]);
        run(Rows::Outputs { inputs, outputs });
        for (i, output) in o.iter().enumerate() {
            let expected: f32 = (0..3).map(|tap| d[i + tap] * g[tap]).sum();
            assert!((output[0] - expected).abs() < 1e-5, "{i}: {} {expected}", output[0]);
        }
    }
}
