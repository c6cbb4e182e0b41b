//! L-BFGS for pictures: one evaluation per step, pixels in range.

use rayon::prelude::*;

use super::control::{Control, Move, Verdict};
use super::curvature::Products;
use super::history::{Ends, History, HistoryPrecision, Start, held};
use super::memory::{Memory, Vector};
use super::smoothing::{Frame, Smoothing};
use crate::optimize::vector::{BLOCK, Fp32, TASK, Work, dots, simd};

/// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989, on
/// inner products (`curvature.rs`), begun from a smoothing inverse Hessian (`smoothing.rs`).
///
/// Pixels at a bound whose gradient pushes outwards are held for the step, and the step is
/// projected onto the range (Bertsekas, "Projected Newton methods for optimization problems with
/// simple constraints", 1982), so the loss that is optimised is that of a picture that can be
/// written.
#[derive(Debug)]
pub(crate) struct Lbfgs {
    control: Control,
    smoothing: Smoothing,
    history: History,
    /// Where the last step began, and the gradient there.
    start: Vec<f32>,
    start_gradient: Vec<f32>,
    /// Room for the change of gradient while it is smoothed.
    change: Vec<f32>,
}

impl Lbfgs {
    pub(crate) fn new(
        learning_rate: f32,
        history: usize,
        precision: HistoryPrecision,
        frame: Frame,
    ) -> Self {
        let len = frame.len();
        Self {
            control: Control::new(learning_rate, history),
            smoothing: Smoothing::new(frame),
            history: History::new(precision, history, len),
            start: vec![0.0; len],
            start_gradient: vec![0.0; len],
            change: vec![0.0; len],
        }
    }

    pub(crate) fn step(&mut self, x: &mut [f32], loss: f64, gradient: &mut [f32]) {
        let step = match self.control.judge(loss) {
            Verdict::TakeBack(step) => {
                hold(gradient, &self.start, &self.start_gradient);
                self.smoothing.apply(gradient);
                step
            }
            Verdict::Stands { pair } => self.advance(pair, x, gradient),
        };
        let start = Start { x: &self.start, gradient: &self.start_gradient, own: gradient };
        self.history.follow(x, start, &step);
    }

    /// Back to where the last step began, if there was one.
    pub(crate) fn take_back(&self, x: &mut [f32]) {
        if self.control.has_moved() {
            x.copy_from_slice(&self.start);
        }
    }

    /// Measures the step that ended at `x`, and takes that for the start of the next. Leaves `M q`
    /// in `gradient`.
    fn advance(&mut self, pair: Option<usize>, x: &[f32], gradient: &mut [f32]) -> Move {
        let mut products = match pair {
            Some(pair) => {
                subtract_from(gradient, &mut self.start_gradient, &mut self.change);
                self.smoothing.apply(&mut self.change);
                let (start, start_gradient) = (&mut self.start, &mut self.start_gradient);
                let ends = Ends {
                    x,
                    gradient: &mut *gradient,
                    start,
                    start_gradient,
                    change: &self.change,
                };
                self.history.measure(self.control.slots(), pair, ends)
            }
            None => {
                self.start.copy_from_slice(x);
                self.start_gradient.copy_from_slice(gradient);
                hold(gradient, &self.start, &self.start_gradient);
                Products::default()
            }
        };
        self.smoothing.apply(gradient);
        (products.own, products.own_rms) =
            own_products(gradient, &self.start, &self.start_gradient);
        self.control.advance(pair, &products)
    }

    pub(crate) fn memory(&self) -> Memory {
        let vectors = vec![
            Vector::Fp32(self.start.clone()),
            Vector::Fp32(self.start_gradient.clone()),
            self.history.words(),
        ];
        Memory { scalars: self.control.scalars(), vectors }
    }

    /// Takes up what `memory` gave, for a picture of the same size. Where it does not fit, nothing
    /// changes and it says `false`.
    pub(crate) fn recall(&mut self, memory: Memory) -> bool {
        let (Some(control), Ok([start, start_gradient, words])) =
            (self.control.recalled(&memory.scalars), <[Vector; 3]>::try_from(memory.vectors))
        else {
            return false;
        };
        let (Vector::Fp32(start), Vector::Fp32(start_gradient)) = (start, start_gradient) else {
            return false;
        };
        if start.len() != self.start.len()
            || start_gradient.len() != self.start.len()
            || !self.history.recall(words)
        {
            return false;
        }
        (self.control, self.start, self.start_gradient) = (control, start, start_gradient);
        true
    }
}

/// `change = start_gradient = gradient - start_gradient`.
fn subtract_from(gradient: &[f32], start_gradient: &mut [f32], change: &mut [f32]) {
    let tasks = gradient
        .par_chunks(TASK)
        .zip(start_gradient.par_chunks_mut(TASK))
        .zip(change.par_chunks_mut(TASK));
    tasks.for_each(|((gradient, start_gradient), change)| {
        for ((&gradient, start), change) in gradient.iter().zip(start_gradient).zip(change) {
            *start = gradient - *start;
            *change = *start;
        }
    });
}

/// `q`: the gradient at `start` with held pixels at zero.
fn hold(q: &mut [f32], start: &[f32], start_gradient: &[f32]) {
    let tasks =
        q.par_chunks_mut(TASK).zip(start.par_chunks(TASK)).zip(start_gradient.par_chunks(TASK));
    tasks.for_each(|((q, start), gradient)| hold_block(q, start, gradient));
}

#[inline(always)]
fn hold_block(q: &mut [f32], start: &[f32], gradient: &[f32]) {
    for ((q, &start), &gradient) in q.iter_mut().zip(start).zip(gradient) {
        *q = if held(start, gradient) { 0.0 } else { gradient };
    }
}

/// `q . M q`, and the root mean square of `M q`, where `own` is `M q`.
fn own_products(own: &[f32], start: &[f32], start_gradient: &[f32]) -> (f64, f64) {
    let tasks =
        own.par_chunks(TASK).zip(start.par_chunks(TASK)).zip(start_gradient.par_chunks(TASK));
    let partial: Vec<[f64; 2]> = tasks
        .map(|((own, start), gradient)| {
            let mut sums = [0.0, 0.0];
            for ((own, start), gradient) in
                own.chunks(BLOCK).zip(start.chunks(BLOCK)).zip(gradient.chunks(BLOCK))
            {
                let [product, square] = simd(Own { own, start, gradient });
                sums = [sums[0] + product, sums[1] + square];
            }
            sums
        })
        .collect();
    let [product, square] =
        partial.iter().fold([0.0, 0.0], |total, part| [total[0] + part[0], total[1] + part[1]]);
    (product, (square / own.len() as f64).sqrt())
}

/// A block of [`own_products`].
struct Own<'a> {
    own: &'a [f32],
    start: &'a [f32],
    gradient: &'a [f32],
}

impl Work for Own<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run(self) -> [f64; 2] {
        let mut q = [0.0_f32; BLOCK];
        let q = &mut q[..self.own.len()];
        hold_block(q, self.start, self.gradient);
        dots::<Fp32>(self.own, q, self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::optimizer::control::FIRST_STEP_RMS;

    const FRAME: Frame = Frame { width: 24, height: 20, wrap_x: false, wrap_y: true };

    /// How far a step's end may be from the textbook's, relative to the step's own root mean
    /// square: single precision, and the condition of 30 pairs.
    const FP32_TOLERANCE: f64 = 1e-3;

    /// In bf16 a pair has eight bits of digits. Rounding turns the direction a little; that does
    /// not add up, since every pair is measured anew.
    const BF16_TOLERANCE: f64 = 0.1;

    /// Where a step moves pixels by less than this, it is lost in their rounding: the run has
    /// arrived.
    const LEAST_MOVE: f64 = 0.01;

    /// A loss with coupled neighbours, curvatures from 1 to 40 and, at `x = 300`, a minimum out of
    /// range for some pixels.
    fn problem(x: &[f32]) -> (f64, Vec<f32>) {
        let mut gradient = vec![0.0; x.len()];
        let mut loss = 0.0;
        for i in 0..x.len() {
            let curvature = 1.0 + (i * 7 % 40) as f32;
            let from = x[i] - (i * 13 % 11) as f32 * 30.0;
            let beside = x[i] - x[(i + 3) % x.len()];
            loss += f64::from(
                0.5 * curvature * from * from + 2.0 * beside * beside + 0.001 * beside.powi(4),
            );
            gradient[i] += curvature * from + 4.0 * beside + 0.004 * beside.powi(3);
            gradient[(i + 3) % x.len()] -= 4.0 * beside + 0.004 * beside.powi(3);
        }
        (loss, gradient)
    }

    fn product(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn add(total: &mut [f64], scale: f64, vector: &[f64]) {
        total.iter_mut().zip(vector).for_each(|(total, value)| *total += scale * value);
    }

    fn smooth(vector: &[f64]) -> Vec<f64> {
        let mut smooth: Vec<f32> = vector.iter().map(|&value| value as f32).collect();
        Smoothing::new(FRAME).apply(&mut smooth);
        smooth.into_iter().map(f64::from).collect()
    }

    /// The two-loop recursion as the textbook has it, on vectors in double precision.
    fn two_loop(pairs: &[(Vec<f64>, Vec<f64>)], gradient: &[f64]) -> Vec<f64> {
        let mut q = gradient.to_vec();
        let mut alphas = Vec::new();
        for (s, y) in pairs.iter().rev() {
            let alpha = product(s, &q) / product(s, y);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        let scale = pairs.last().map_or(1.0, |(s, y)| product(s, y) / product(y, &smooth(y)));
        let mut direction: Vec<f64> = smooth(&q).iter().map(|value| scale * value).collect();
        for ((s, y), alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = product(y, &direction) / product(s, y);
            add(&mut direction, alpha - beta, s);
        }
        direction.iter().map(|value| -value).collect()
    }

    fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
        (values.map(|value| value * value).sum::<f64>() / FRAME.len() as f64).sqrt()
    }

    /// Takes steps, each of which has to end where the textbook's does.
    fn check(precision: HistoryPrecision, history: usize, tolerance: f64) {
        let mut lbfgs = Lbfgs::new(1.0, history, precision, FRAME);
        let mut x = vec![128.0_f32; FRAME.len()];
        let mut before: Option<(Vec<f32>, Vec<f32>)> = None;
        let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for step in 0..100 {
            let (loss, gradient) = problem(&x);
            let differences = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a - b)).collect::<Vec<f64>>()
            };
            if let Some((old_x, old_gradient)) = before {
                pairs.push((differences(&x, &old_x), differences(&gradient, &old_gradient)));
                if pairs.len() > history {
                    pairs.remove(0);
                }
            }
            let is_held = |i: usize| held(x[i], gradient[i]);
            let q: Vec<f64> = (0..x.len())
                .map(|i| if is_held(i) { 0.0 } else { f64::from(gradient[i]) })
                .collect();
            let mut direction = two_loop(&pairs, &q);
            if pairs.is_empty() {
                let rms = root_mean_square(direction.iter().copied());
                direction.iter_mut().for_each(|value| *value *= FIRST_STEP_RMS / rms);
            }
            let start = x.clone();
            let expected: Vec<f64> = (0..x.len())
                .map(|i| {
                    if is_held(i) {
                        f64::from(x[i])
                    } else {
                        (f64::from(x[i]) + direction[i]).clamp(0.0, 255.0)
                    }
                })
                .collect();
            lbfgs.step(&mut x, loss, &mut gradient.clone());
            let moved = root_mean_square((0..x.len()).map(|i| expected[i] - f64::from(start[i])));
            let apart = root_mean_square((0..x.len()).map(|i| expected[i] - f64::from(x[i])));
            if moved < LEAST_MOVE {
                return;
            }
            assert!(apart <= tolerance * moved, "step {step}: {apart} of {moved}");
            before = Some((start, gradient));
        }
    }

    #[test]
    fn steps_are_those_of_the_textbook() {
        check(HistoryPrecision::Fp32, 5, FP32_TOLERANCE);
        check(HistoryPrecision::Fp32, 30, FP32_TOLERANCE);
        check(HistoryPrecision::Bf16, 5, BF16_TOLERANCE);
        check(HistoryPrecision::Bf16, 30, BF16_TOLERANCE);
    }
}
