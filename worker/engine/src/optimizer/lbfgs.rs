//! L-BFGS for pictures: one evaluation per step, pixels in range.

use std::collections::VecDeque;

use super::Memory;
use crate::vector::{add_scaled, dot, sum2, update};

/// The root mean square of the first step, in levels: there is no curvature to go by yet.
const FIRST_STEP_RMS: f64 = 2.0;

/// A step may climb above the highest of this many losses before it is taken back (Grippo, Lampariello and Lucidi, "A nonmonotone line search technique for
/// Newton's method", 1986): insisting on descent in each step costs evaluations and gains nothing here.
const REMEMBERED_LOSSES: usize = 4;

/// How many times in a row a step is shortened before the memory is thought wrong and dropped.
const MAX_SHORTENINGS: u32 = 3;

/// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989, with the two-loop recursion.
///
/// Pixels at a bound whose gradient pushes outwards are held for the step, and the step is projected onto the range (Bertsekas, "Projected Newton methods for optimization
/// problems with simple constraints", 1982), so the loss that is optimised is that of a picture that can be written.
#[derive(Debug)]
pub(crate) struct Lbfgs {
    learning_rate: f32,
    history: usize,
    pairs: VecDeque<Pair>,
    last: Option<Last>,
    losses: VecDeque<f64>,
}

/// A step and the change of gradient over it.
#[derive(Debug)]
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    /// `1 / (change . step)`.
    rho: f64,
}

/// Where the last step began, and what it was.
#[derive(Debug)]
struct Last {
    x: Vec<f32>,
    gradient: Vec<f32>,
    direction: Vec<f32>,
    length: f32,
    shortenings: u32,
}

impl Lbfgs {
    pub(crate) fn new(learning_rate: f32, history: usize) -> Self {
        Self { learning_rate, history, pairs: VecDeque::new(), last: None, losses: VecDeque::new() }
    }

    pub(crate) fn step(&mut self, x: &mut [f32], loss: f64, gradient: &[f32]) {
        if self.take_back(x, loss) {
            return;
        }
        if let Some(last) = self.last.take() {
            self.remember(last, x, gradient);
        }
        self.losses.push_back(loss);
        if self.losses.len() > REMEMBERED_LOSSES {
            self.losses.pop_front();
        }
        let direction = self.direction(x, gradient);
        let mut length = self.learning_rate;
        if self.pairs.is_empty() {
            let rms = (dot(&direction, &direction) / direction.len() as f64).sqrt();
            length *= (FIRST_STEP_RMS / rms.max(f64::MIN_POSITIVE)) as f32;
        }
        let start = x.to_vec();
        move_within(x, &start, &direction, length);
        self.last = Some(Last { x: start, gradient: gradient.to_vec(), direction, length, shortenings: 0 });
    }

    /// Where the last step climbed too high: goes back and takes a shorter one. Says whether it did.
    fn take_back(&mut self, x: &mut [f32], loss: f64) -> bool {
        let highest = self.losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let Some(last) = &mut self.last else { return false };
        if loss <= highest || last.shortenings == MAX_SHORTENINGS {
            if loss > highest {
                // Even a short step climbs: the curvature is stale. Begin anew from here.
                self.pairs.clear();
                self.losses.clear();
                self.last = None;
            }
            return false;
        }
        last.shortenings += 1;
        last.length *= 0.25;
        move_within(x, &last.x, &last.direction, last.length);
        true
    }

    /// Keeps the pair of the step that led to `x`, if the loss curves upwards along it.
    fn remember(&mut self, last: Last, x: &[f32], gradient: &[f32]) {
        let Last { x: mut step, gradient: mut change, .. } = last;
        update(&mut step, x, |before, now| now - before);
        update(&mut change, gradient, |before, now| now - before);
        let curvature = dot(&change, &step);
        if curvature <= 1e-8 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            return;
        }
        if self.pairs.len() == self.history {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step, change, rho: 1.0 / curvature });
    }

    /// The descent direction at `x`: `-H gradient`, with held pixels left out.
    fn direction(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let mut direction = gradient.to_vec();
        hold(&mut direction, x, gradient);
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = pair.rho * dot(&pair.step, &direction);
            add_scaled(&mut direction, -alpha as f32, &pair.change);
            alphas.push(alpha);
        }
        if let Some(newest) = self.pairs.back() {
            let scale = (1.0 / (newest.rho * dot(&newest.change, &newest.change))) as f32;
            direction.iter_mut().for_each(|value| *value *= scale);
        }
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = pair.rho * dot(&pair.change, &direction);
            add_scaled(&mut direction, (alpha - beta) as f32, &pair.step);
        }
        direction.iter_mut().for_each(|value| *value = -*value);
        hold(&mut direction, x, gradient);
        // Holding pixels can turn the direction uphill; the plain gradient never is.
        if sum2(&direction, gradient, |d, g| d * g) >= 0.0 {
            direction.copy_from_slice(gradient);
            direction.iter_mut().for_each(|value| *value = -*value);
            hold(&mut direction, x, gradient);
            let scale = self.pairs.back().map_or(1.0, |pair| 1.0 / (pair.rho * dot(&pair.change, &pair.change)));
            direction.iter_mut().for_each(|value| *value *= scale as f32);
        }
        direction
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut scalars = vec![self.losses.len() as f64, self.pairs.len() as f64];
        scalars.extend(&self.losses);
        scalars.extend(self.pairs.iter().map(|pair| pair.rho));
        let mut vectors: Vec<_> = self.pairs.iter().flat_map(|pair| [pair.step.clone(), pair.change.clone()]).collect();
        if let Some(last) = &self.last {
            scalars.extend([f64::from(last.length), f64::from(last.shortenings)]);
            vectors.extend([last.x.clone(), last.gradient.clone(), last.direction.clone()]);
        }
        Memory { scalars, vectors }
    }

    pub(crate) fn recall(learning_rate: f32, history: usize, memory: Memory) -> Option<Self> {
        let mut scalars = memory.scalars.into_iter();
        let mut vectors = memory.vectors.into_iter();
        let (losses, pairs) = (scalars.next()? as usize, scalars.next()? as usize);
        if losses > REMEMBERED_LOSSES || pairs > history {
            return None;
        }
        let mut lbfgs = Self::new(learning_rate, history);
        for _ in 0..losses {
            lbfgs.losses.push_back(scalars.next()?);
        }
        for _ in 0..pairs {
            lbfgs.pairs.push_back(Pair { step: vectors.next()?, change: vectors.next()?, rho: scalars.next()? });
        }
        if let Some(x) = vectors.next() {
            lbfgs.last = Some(Last {
                x,
                gradient: vectors.next()?,
                direction: vectors.next()?,
                length: scalars.next()? as f32,
                shortenings: scalars.next()? as u32,
            });
        }
        Some(lbfgs)
    }
}

/// Zeroes `direction` where a pixel stands at a bound and the loss falls only beyond it.
fn hold(direction: &mut [f32], x: &[f32], gradient: &[f32]) {
    for ((direction, &x), &gradient) in direction.iter_mut().zip(x).zip(gradient) {
        if (x <= 0.0 && gradient > 0.0) || (x >= 255.0 && gradient < 0.0) {
            *direction = 0.0;
        }
    }
}

/// `x = start + length * direction`, within range.
fn move_within(x: &mut [f32], start: &[f32], direction: &[f32], length: f32) {
    x.copy_from_slice(start);
    update(x, direction, |x, d| length.mul_add(d, x).clamp(0.0, 255.0));
}
