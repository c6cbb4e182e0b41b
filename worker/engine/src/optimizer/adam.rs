//! Adam with the average of its iterates.

use rayon::prelude::*;

use super::Memory;

/// Decays of the first and second moment. The second is shorter than usual: a picture takes tens of steps per scale, not thousands.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.99;

/// Against division by zero; gradients are scaled by their own size, so it only has to be far below any of them.
const EPSILON: f32 = 1e-20;

/// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, with pixels held in range and, after Polyak and Juditsky ("Acceleration of stochastic
/// approximation by averaging", 1992), an exponential average of the iterates, which smooths away the noise of the last steps.
#[derive(Debug)]
pub(crate) struct Adam {
    learning_rate: f32,
    averaging: f32,
    steps: i32,
    first: Vec<f32>,
    second: Vec<f32>,
    average: Vec<f32>,
}

impl Adam {
    pub(crate) fn new(learning_rate: f32, averaging: f32, len: usize) -> Self {
        let average = if averaging > 0.0 { vec![0.0; len] } else { Vec::new() };
        Self { learning_rate, averaging, steps: 0, first: vec![0.0; len], second: vec![0.0; len], average }
    }

    pub(crate) fn step(&mut self, x: &mut [f32], gradient: &[f32]) {
        self.steps += 1;
        let first_scale = 1.0 / (1.0 - BETA_1.powi(self.steps));
        let second_scale = 1.0 / (1.0 - BETA_2.powi(self.steps));
        let rate = self.learning_rate;
        let moments = self.first.par_iter_mut().with_min_len(4096).zip(&mut self.second);
        x.par_iter_mut().with_min_len(4096).zip(gradient).zip(moments).for_each(|((x, &g), (m, v))| {
            *m = BETA_1 * *m + (1.0 - BETA_1) * g;
            *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
            let step = rate * (*m * first_scale) / ((*v * second_scale).sqrt() + EPSILON);
            *x = (*x - step).clamp(0.0, 255.0);
        });
        let keep = self.averaging;
        self.average.par_iter_mut().with_min_len(4096).zip(&*x).for_each(|(average, &x)| *average = keep * *average + (1.0 - keep) * x);
    }

    /// The average so far, freed of its start at zero; `None` where none is kept.
    pub(crate) fn averaged(&self) -> Option<Vec<f32>> {
        if self.average.is_empty() || self.steps == 0 {
            return None;
        }
        let scale = 1.0 / (1.0 - self.averaging.powi(self.steps));
        Some(self.average.iter().map(|&value| (value * scale).clamp(0.0, 255.0)).collect())
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut vectors = vec![self.first.clone(), self.second.clone()];
        if !self.average.is_empty() {
            vectors.push(self.average.clone());
        }
        Memory { scalars: vec![f64::from(self.steps)], vectors }
    }

    pub(crate) fn recall(learning_rate: f32, averaging: f32, memory: Memory) -> Option<Self> {
        let steps = *memory.scalars.first()? as i32;
        let expected = if averaging > 0.0 { 3 } else { 2 };
        if memory.vectors.len() != expected {
            return None;
        }
        let mut vectors = memory.vectors.into_iter();
        let (first, second) = (vectors.next()?, vectors.next()?);
        Some(Self { learning_rate, averaging, steps, first, second, average: vectors.next().unwrap_or_default() })
    }
}
