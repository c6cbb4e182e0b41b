//! Adam with the average of its iterates.

use rayon::prelude::*;
use serde::Serialize;

use super::memory::{Memory, Vector};
use crate::optimize::vector::{BLOCK, Bf16, Encoding, Fp32, TASK, Unsigned16, Work, simd};

/// Decays of the first and second moment. The second is shorter than usual: a picture takes tens of
/// steps per scale, not thousands.
pub(crate) const BETA_1: f32 = 0.9;
pub(crate) const BETA_2: f32 = 0.99;

/// Against division by zero; gradients are scaled by their own size, so it only has to be far below
/// any of them. At 8192 pixels they are of the order of 1e-10.
pub(crate) const EPSILON: f32 = 1e-15;

/// How the moments are stored. The average is always in single precision: it is the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum MomentPrecision {
    Fp32,
    /// The first in bf16. The second, whose decay moves it by a hundredth at most, in an encoding
    /// with two bits more.
    Half,
}

/// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, with pixels held in range
/// and, after Polyak and Juditsky ("Acceleration of stochastic approximation by averaging", 1992),
/// an exponential average of the iterates, which smooths away the noise of the last steps.
///
/// A step is one pass over the picture, its gradient, the moments and the average.
#[derive(Debug)]
pub(crate) struct Adam {
    learning_rate: f32,
    averaging: f32,
    /// Steps of this run, which free the average of its start at zero.
    steps: i32,
    /// Steps that the moments have seen, those of coarser scales too.
    seen: i32,
    moments: Moments,
    /// Empty where none is kept.
    average: Vec<f32>,
}

#[derive(Debug)]
enum Moments {
    Fp32 { first: Vec<f32>, second: Vec<f32> },
    Half { first: Vec<u16>, second: Vec<u16> },
}

/// What a step multiplies by.
#[derive(Debug, Clone, Copy)]
struct Rates {
    step: f32,
    second: f32,
    keep: f32,
}

impl Adam {
    pub(crate) fn new(
        learning_rate: f32,
        averaging: f32,
        precision: MomentPrecision,
        len: usize,
    ) -> Self {
        let average = if averaging > 0.0 { vec![0.0; len] } else { Vec::new() };
        let moments = match precision {
            MomentPrecision::Fp32 => {
                Moments::Fp32 { first: vec![0.0; len], second: vec![0.0; len] }
            }
            MomentPrecision::Half => Moments::Half { first: vec![0; len], second: vec![0; len] },
        };
        Self { learning_rate, averaging, steps: 0, seen: 0, moments, average }
    }

    /// Goes on at another size: the moments are those of `coarse`, put to that size by `resize`.
    ///
    /// A loss that is a mean over pixels has gradients that shrink as pixels multiply, so the
    /// moments shrink alike. The second moment is resized as its root, a magnitude, and clamped: a
    /// filter with negative lobes must not leave it below zero. The average begins anew.
    pub(crate) fn carry(
        &mut self,
        coarse: &Self,
        coarse_len: usize,
        mut resize: impl FnMut(&[f32]) -> Vec<f32>,
    ) {
        let (first, second) = match &coarse.moments {
            Moments::Fp32 { first, second } => (resize(first), resize(&roots::<Fp32>(second))),
            Moments::Half { first, second } => {
                (resize(&load::<Bf16>(first)), resize(&roots::<Unsigned16>(second)))
            }
        };
        let len = first.len();
        let shrink = coarse_len as f32 / len.max(1) as f32;
        self.seen = coarse.seen;
        let first = first.into_par_iter().map(|value| value * shrink);
        let second = second.into_par_iter().map(|value| (value.max(0.0) * shrink).powi(2));
        self.moments = match &self.moments {
            Moments::Fp32 { .. } => {
                Moments::Fp32 { first: first.collect(), second: second.collect() }
            }
            Moments::Half { .. } => Moments::Half {
                first: first.map(Bf16::store).collect(),
                second: second.map(Unsigned16::store).collect(),
            },
        };
    }

    pub(crate) fn step(&mut self, x: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        self.seen = self.seen.saturating_add(1);
        let rates = Rates {
            step: self.learning_rate / (1.0 - BETA_1.powi(self.seen)),
            second: 1.0 / (1.0 - BETA_2.powi(self.seen)),
            keep: self.averaging,
        };
        match &mut self.moments {
            Moments::Fp32 { first, second } => {
                pass::<Fp32, Fp32>(rates, x, gradient, first, second, &mut self.average)
            }
            Moments::Half { first, second } => {
                pass::<Bf16, Unsigned16>(rates, x, gradient, first, second, &mut self.average)
            }
        }
    }

    /// The average so far, freed of its start at zero; `None` where none is kept.
    pub(crate) fn averaged(&self) -> Option<Vec<f32>> {
        if self.average.is_empty() || self.steps == 0 {
            return None;
        }
        let scale = 1.0 / (1.0 - self.averaging.powi(self.steps));
        Some(
            self.average
                .par_iter()
                .with_min_len(TASK)
                .map(|&value| (value * scale).clamp(0.0, 255.0))
                .collect(),
        )
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut vectors = match &self.moments {
            Moments::Fp32 { first, second } => {
                vec![Vector::Fp32(first.clone()), Vector::Fp32(second.clone())]
            }
            Moments::Half { first, second } => {
                vec![Vector::Half(first.clone()), Vector::Half(second.clone())]
            }
        };
        vectors.push(Vector::Fp32(self.average.clone()));
        Memory { scalars: vec![f64::from(self.steps), f64::from(self.seen)], vectors }
    }

    /// Takes up what `memory` gave, for a picture of the same size. Where it does not fit, nothing
    /// changes and it says `false`.
    pub(crate) fn recall(&mut self, memory: Memory) -> bool {
        let (Ok([steps, seen]), Ok(vectors)) =
            (<[f64; 2]>::try_from(memory.scalars), <[Vector; 3]>::try_from(memory.vectors))
        else {
            return false;
        };
        let moments = match (&self.moments, vectors) {
            (
                Moments::Fp32 { first: old, .. },
                [Vector::Fp32(first), Vector::Fp32(second), Vector::Fp32(average)],
            ) if first.len() == old.len()
                && second.len() == old.len()
                && average.len() == self.average.len() =>
            {
                (Moments::Fp32 { first, second }, average)
            }
            (
                Moments::Half { first: old, .. },
                [Vector::Half(first), Vector::Half(second), Vector::Fp32(average)],
            ) if first.len() == old.len()
                && second.len() == old.len()
                && average.len() == self.average.len() =>
            {
                (Moments::Half { first, second }, average)
            }
            _ => return false,
        };
        (self.moments, self.average) = moments;
        (self.steps, self.seen) = (steps as i32, seen as i32);
        true
    }
}

fn load<E: Encoding>(words: &[E::Word]) -> Vec<f32> {
    words.par_iter().with_min_len(TASK).map(|&word| E::load(word)).collect()
}

fn roots<E: Encoding>(words: &[E::Word]) -> Vec<f32> {
    words.par_iter().with_min_len(TASK).map(|&word| E::load(word).sqrt()).collect()
}

fn pass<F: Encoding, S: Encoding>(
    rates: Rates,
    x: &mut [f32],
    gradient: &[f32],
    first: &mut [F::Word],
    second: &mut [S::Word],
    average: &mut [f32],
) {
    let tasks = x
        .par_chunks_mut(TASK)
        .zip(gradient.par_chunks(TASK))
        .zip(first.par_chunks_mut(TASK))
        .zip(second.par_chunks_mut(TASK));
    if average.is_empty() {
        tasks.for_each(|(((x, gradient), first), second)| {
            simd(Advancing::<F, S> { rates, x, gradient, first, second })
        });
        return;
    }
    tasks.zip(average.par_chunks_mut(TASK)).for_each(
        |((((x, gradient), first), second), average)| {
            let blocks = x
                .chunks_mut(BLOCK)
                .zip(gradient.chunks(BLOCK))
                .zip(first.chunks_mut(BLOCK))
                .zip(second.chunks_mut(BLOCK));
            for ((((x, gradient), first), second), average) in blocks.zip(average.chunks_mut(BLOCK))
            {
                simd(Advancing::<F, S> { rates, x: &mut *x, gradient, first, second });
                for (average, &x) in average.iter_mut().zip(&*x) {
                    *average = rates.keep * *average + (1.0 - rates.keep) * x;
                }
            }
        },
    );
}

/// A block of a step.
struct Advancing<'a, F: Encoding, S: Encoding> {
    rates: Rates,
    x: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [F::Word],
    second: &'a mut [S::Word],
}

impl<F: Encoding, S: Encoding> Work for Advancing<'_, F, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { rates, x, gradient, first, second } = self;
        for (((x, &g), first), second) in x.iter_mut().zip(gradient).zip(first).zip(second) {
            let m = BETA_1 * F::load(*first) + (1.0 - BETA_1) * g;
            let v = BETA_2 * S::load(*second) + (1.0 - BETA_2) * (g * g);
            *first = F::store(m);
            *second = S::store(v);
            *x = (*x - rates.step * m / ((v * rates.second).sqrt() + EPSILON)).clamp(0.0, 255.0);
        }
    }
}
