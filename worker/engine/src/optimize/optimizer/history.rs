//! The pairs that L-BFGS keeps, and the two passes over them.
//!
//! Memory bandwidth decides what a step costs, so the pairs are read twice in a step and no more:
//! once for all inner products, once for the linear combination. They lie block by block: the first
//! [`BLOCK`] values of every pair stand together, then the next, so that a pass reads memory from
//! one end to the other while its share of the gradient stays in the first-level cache. In bf16
//! half as much is read.

use rayon::prelude::*;
use serde::Serialize;

use super::control::Move;
use super::curvature::{PairProducts, Products};
use super::memory::Vector;
use crate::optimize::vector::{BLOCK, Bf16, Encoding, Fp32, TASK, Work, add_scaled, dots, simd};

/// How the pairs are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum HistoryPrecision {
    Fp32,
    Bf16,
}

#[derive(Debug)]
pub(crate) struct History {
    capacity: usize,
    words: Words,
}

/// A block's words are those of slot 0's step, of slot 0's change, of slot 1's step, and so on.
#[derive(Debug)]
enum Words {
    Fp32(Vec<f32>),
    Bf16(Vec<u16>),
}

/// Both ends of a step, as the first pass finds and leaves them.
#[derive(Debug)]
pub(crate) struct Ends<'a> {
    /// Where the step ended.
    pub(crate) x: &'a [f32],
    /// The gradient there. Left with held pixels at zero.
    pub(crate) gradient: &'a mut [f32],
    /// Where the step began. Left at where it ended: the next begins there.
    pub(crate) start: &'a mut [f32],
    /// The change of gradient over the step. Left at the gradient, held pixels and all.
    pub(crate) start_gradient: &'a mut [f32],
    /// The change of gradient, times `M`.
    pub(crate) change: &'a [f32],
}

/// What the second pass reads beside the pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) gradient: &'a [f32],
    /// `M q`, where `q` is the gradient with held pixels at zero.
    pub(crate) own: &'a [f32],
}

impl History {
    pub(crate) fn new(precision: HistoryPrecision, capacity: usize, len: usize) -> Self {
        let count = 2 * capacity * len;
        let words = match precision {
            HistoryPrecision::Fp32 => Words::Fp32(vec![0.0; count]),
            HistoryPrecision::Bf16 => Words::Bf16(vec![0; count]),
        };
        Self { capacity, words }
    }

    /// Stores the pair of the step between `ends` in `pair`, and sums the products of it and of the
    /// pairs in `slots`.
    pub(crate) fn measure(&mut self, slots: &[usize], pair: usize, ends: Ends<'_>) -> Products {
        match &mut self.words {
            Words::Fp32(words) => measure::<Fp32>(words, self.capacity, slots, pair, ends),
            Words::Bf16(words) => measure::<Bf16>(words, self.capacity, slots, pair, ends),
        }
    }

    /// `x = start + length * direction`, within range, held pixels where they are.
    pub(crate) fn follow(&self, x: &mut [f32], start: Start<'_>, step: &Move) {
        match &self.words {
            Words::Fp32(words) => follow::<Fp32>(words, self.capacity, x, start, step),
            Words::Bf16(words) => follow::<Bf16>(words, self.capacity, x, start, step),
        }
    }

    /// All pairs, as they lie.
    pub(crate) fn words(&self) -> Vector {
        match &self.words {
            Words::Fp32(words) => Vector::Fp32(words.clone()),
            Words::Bf16(words) => Vector::Half(words.clone()),
        }
    }

    /// Takes up what `words` gave. Where it does not fit, nothing changes and it says `false`.
    pub(crate) fn recall(&mut self, vector: Vector) -> bool {
        match (&mut self.words, vector) {
            (Words::Fp32(words), Vector::Fp32(recalled)) if words.len() == recalled.len() => {
                *words = recalled
            }
            (Words::Bf16(words), Vector::Half(recalled)) if words.len() == recalled.len() => {
                *words = recalled
            }
            _ => return false,
        }
        true
    }
}

/// Whether a pixel stands at a bound and the loss falls only beyond it.
#[inline(always)]
pub(crate) fn held(x: f32, gradient: f32) -> bool {
    (x <= 0.0 && gradient > 0.0) || (x >= 255.0 && gradient < 0.0)
}

fn measure<E: Encoding>(
    words: &mut [E::Word],
    capacity: usize,
    slots: &[usize],
    pair: usize,
    ends: Ends<'_>,
) -> Products {
    let Ends { x, gradient, start, start_gradient, change } = ends;
    let tasks =
        x.par_chunks(TASK).zip(gradient.par_chunks_mut(TASK)).zip(start.par_chunks_mut(TASK));
    let tasks = tasks
        .zip(start_gradient.par_chunks_mut(TASK))
        .zip(change.par_chunks(TASK))
        .zip(words.par_chunks_mut(2 * capacity * TASK));
    let partial: Vec<Products> = tasks
        .map(|(((((x, gradient), start), start_gradient), change), words)| {
            let mut sums =
                Products { pairs: vec![PairProducts::default(); capacity], ..Products::default() };
            let blocks =
                x.chunks(BLOCK).zip(gradient.chunks_mut(BLOCK)).zip(start.chunks_mut(BLOCK));
            let blocks = blocks
                .zip(start_gradient.chunks_mut(BLOCK))
                .zip(change.chunks(BLOCK))
                .zip(words.chunks_mut(2 * capacity * BLOCK));
            for (((((x, gradient), start), start_gradient), change), words) in blocks {
                let ends = Ends { x, gradient, start, start_gradient, change };
                simd(Measuring::<E> { words, slots, pair, ends, sums: &mut sums });
            }
            sums
        })
        .collect();
    let mut total =
        Products { pairs: vec![PairProducts::default(); capacity], ..Products::default() };
    partial.iter().for_each(|part| total.add(part));
    total
}

/// A block of the first pass.
struct Measuring<'a, E: Encoding> {
    words: &'a mut [E::Word],
    slots: &'a [usize],
    pair: usize,
    ends: Ends<'a>,
    sums: &'a mut Products,
}

impl<E: Encoding> Work for Measuring<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { words, slots, pair, ends, sums } = self;
        let Ends { x, gradient, start, start_gradient, change } = ends;
        let len = x.len();
        let mut y_block = [0.0_f32; BLOCK];
        let y = &mut y_block[..len];
        y.copy_from_slice(start_gradient);
        start_gradient.copy_from_slice(gradient);
        let (step_words, change_words) = words[2 * pair * len..][..2 * len].split_at_mut(len);
        for i in 0..len {
            start[i] = x[i] - start[i];
            step_words[i] = E::store(start[i]);
            change_words[i] = E::store(change[i]);
            gradient[i] = if held(x[i], gradient[i]) { 0.0 } else { gradient[i] };
        }
        sums.step_square += dots::<Fp32>(start, start, start)[0];
        sums.change_square += dots::<Fp32>(y, y, y)[0];
        start.copy_from_slice(x);
        for &slot in slots.iter().chain([&pair]) {
            let (step, change) = words[2 * slot * len..][..2 * len].split_at(len);
            let [step_change, step_own] = dots::<E>(step, y, gradient);
            let [change_change, change_own] = dots::<E>(change, y, gradient);
            sums.pairs[slot].add(PairProducts { step_change, change_change, step_own, change_own });
        }
    }
}

fn follow<E: Encoding>(
    words: &[E::Word],
    capacity: usize,
    x: &mut [f32],
    start: Start<'_>,
    step: &Move,
) {
    let tasks =
        x.par_chunks_mut(TASK).zip(start.x.par_chunks(TASK)).zip(start.gradient.par_chunks(TASK));
    tasks.zip(start.own.par_chunks(TASK)).zip(words.par_chunks(2 * capacity * TASK)).for_each(
        |((((x, start), gradient), own), words)| {
            let blocks = x.chunks_mut(BLOCK).zip(start.chunks(BLOCK)).zip(gradient.chunks(BLOCK));
            for ((((x, start), gradient), own), words) in
                blocks.zip(own.chunks(BLOCK)).zip(words.chunks(2 * capacity * BLOCK))
            {
                simd(Following::<E> { words, x, start: Start { x: start, gradient, own }, step });
            }
        },
    );
}

/// A block of the second pass.
struct Following<'a, E: Encoding> {
    words: &'a [E::Word],
    x: &'a mut [f32],
    start: Start<'a>,
    step: &'a Move,
}

impl<E: Encoding> Work for Following<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { words, x, start, step } = self;
        let len = x.len();
        let mut direction_block = [0.0_f32; BLOCK];
        let direction = &mut direction_block[..len];
        for (direction, &own) in direction.iter_mut().zip(start.own) {
            *direction = step.direction.own * own;
        }
        for &(slot, scales) in &step.direction.pairs {
            let (step, change) = words[2 * slot * len..][..2 * len].split_at(len);
            add_scaled::<E>(direction, scales, step, change);
        }
        for i in 0..len {
            let by =
                if held(start.x[i], start.gradient[i]) { 0.0 } else { step.length * direction[i] };
            x[i] = (start.x[i] + by).clamp(0.0, 255.0);
        }
    }
}
