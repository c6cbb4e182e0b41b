//! Work on rows of features on vectors: the loops of `rows.rs` that run over a period of channels,
//! which compilers otherwise vectorise across periods, with gathers.
//!
//! A vector holds the channels of its place in the period, as do its factors, which stay in
//! registers. What is left after the last whole period takes the plain loops, as do those that know
//! no channels.

use crate::fp32::{
    lanes::Lanes,
    rows::{self, Rows},
};

/// Does the work.
///
/// # Safety
/// The processor has the instruction set of `L`.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes>(rows: Rows<'_>) {
    rows.check();
    match rows.period() / L::WIDTH {
        // As many chains of sums as hide the latency of an addition.
        1 => run_by::<L, 1, 4>(rows),
        2 => run_by::<L, 2, 2>(rows),
        3 => run_by::<L, 3, 1>(rows),
        4 => run_by::<L, 4, 1>(rows),
        6 => run_by::<L, 6, 1>(rows),
        other => unreachable!("no period has {other} vectors"),
    }
}

/// For a period of `N` vectors, and sums in `CHAINS`.
#[inline(always)]
unsafe fn run_by<L: Lanes, const N: usize, const CHAINS: usize>(rows: Rows<'_>) {
    let period = N * L::WIDTH;
    match rows {
        Rows::Normalize { input, scale, shift, rectify, output } => {
            let whole = input.len() / period * period;
            normalize::<L, N>(input.as_ptr(), output.as_mut_ptr(), whole, [scale, shift], rectify);
            let (input, output) = (&input[whole..], &mut output[whole..]);
            rows::run(Rows::Normalize { input, scale, shift, rectify, output });
        }
        Rows::NormalizeInPlace { values, scale, shift, rectify } => {
            let whole = values.len() / period * period;
            let start = values.as_mut_ptr();
            normalize::<L, N>(start, start, whole, [scale, shift], rectify);
            let values = &mut values[whole..];
            rows::run(Rows::NormalizeInPlace { values, scale, shift, rectify });
        }
        Rows::Add { input, scale, shift, sum } => {
            let whole = input.len() / period * period;
            let [scales, shifts] = [scale, shift].map(|factors| factors.as_ptr());
            let (scales, shifts) = (vectors::<L, N>(scales), vectors::<L, N>(shifts));
            let mut at = 0;
            while at < whole {
                for v in 0..N {
                    let place = at + v * L::WIDTH;
                    let line = L::load(input.as_ptr().add(place)).mul_add(scales[v], shifts[v]);
                    L::load(sum.as_ptr().add(place)).add(line).store(sum.as_mut_ptr().add(place));
                }
                at += period;
            }
            let (input, sum) = (&input[whole..], &mut sum[whole..]);
            rows::run(Rows::Add { input, scale, shift, sum });
        }
        Rows::Moments { input, pivot, sums, squares } => {
            let step = CHAINS * period;
            let whole = input.len() / step * step;
            let pivots = vectors::<L, N>(pivot.as_ptr());
            let mut own = [[L::splat(0.0); N]; CHAINS];
            let mut own_squares = own;
            let mut at = 0;
            while at < whole {
                for chain in 0..CHAINS {
                    for v in 0..N {
                        let place = at + chain * period + v * L::WIDTH;
                        let difference = L::load(input.as_ptr().add(place)).sub(pivots[v]);
                        own[chain][v] = own[chain][v].add(difference);
                        own_squares[chain][v] =
                            difference.mul_add(difference, own_squares[chain][v]);
                    }
                }
                at += step;
            }
            for chain in 0..CHAINS {
                for v in 0..N {
                    let to = sums.as_mut_ptr().add(v * L::WIDTH);
                    L::load(to).add(own[chain][v]).store(to);
                    let to = squares.as_mut_ptr().add(v * L::WIDTH);
                    L::load(to).add(own_squares[chain][v]).store(to);
                }
            }
            rows::run(Rows::Moments { input: &input[whole..], pivot, sums, squares });
        }
        Rows::Points { .. }
        | Rows::Outputs { .. }
        | Rows::Sigmoid { .. }
        | Rows::Slopes { .. }
        | Rows::Back { .. } => rows::run(rows),
    }
}

#[inline(always)]
unsafe fn normalize<L: Lanes, const N: usize>(
    input: *const f32,
    output: *mut f32,
    whole: usize,
    [scale, shift]: [&[f32]; 2],
    rectify: bool,
) {
    let (scale, shift) = (vectors::<L, N>(scale.as_ptr()), vectors::<L, N>(shift.as_ptr()));
    let mut at = 0;
    while at < whole {
        for v in 0..N {
            let place = at + v * L::WIDTH;
            let line = L::load(input.add(place)).mul_add(scale[v], shift[v]);
            let line = if rectify { line.rectify() } else { line };
            line.store(output.add(place));
        }
        at += N * L::WIDTH;
    }
}

/// The factors of a period.
#[inline(always)]
unsafe fn vectors<L: Lanes, const N: usize>(factors: *const f32) -> [L; N] {
    let mut vectors = [L::splat(0.0); N];
    for (v, vector) in vectors.iter_mut().enumerate() {
        *vector = L::load(factors.add(v * L::WIDTH));
    }
    vectors
}
