//! Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015) on all parameters of a
//! network, and their running average, which is what is looked at and kept: it is less noisy than
//! any single step.

/// Parameters and what is remembered of their gradients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adam {
    pub(crate) parameters: Vec<f32>,
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
    pub(crate) average: Vec<f32>,
    /// Steps taken.
    pub(crate) steps: u32,
}

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The decay of the average once there are enough steps; before that it is a mean of all.
const AVERAGE_DECAY: f32 = 0.998;

impl Adam {
    pub(crate) fn new(parameters: Vec<f32>) -> Self {
        let none = vec![0.0; parameters.len()];
        let average = parameters.clone();
        Self { parameters, first: none.clone(), second: none, average, steps: 0 }
    }

    /// Takes a step against the gradient.
    pub(crate) fn step(&mut self, gradient: &[f32], learning_rate: f32) {
        self.steps += 1;
        let count = self.steps as f32;
        // Their running averages began at zero.
        let first_share = 1.0 - FIRST_DECAY.powf(count);
        let second_share = 1.0 - SECOND_DECAY.powf(count);
        let decay = AVERAGE_DECAY.min(count / (count + 10.0));
        let Self { parameters, first, second, average, .. } = self;
        let moments = first.iter_mut().zip(second).zip(gradient);
        for ((parameter, average), ((first, second), gradient)) in
            parameters.iter_mut().zip(average).zip(moments)
        {
            *first += (1.0 - FIRST_DECAY) * (gradient - *first);
            *second += (1.0 - SECOND_DECAY) * (gradient * gradient - *second);
            let deviation = (*second / second_share).sqrt() + EPSILON;
            *parameter -= learning_rate * (*first / first_share) / deviation;
            *average += (1.0 - decay) * (*parameter - *average);
        }
    }
}

/// The learning rate of a step: it rises over the first steps, since the moments know little then,
/// and falls along a cosine to a fiftieth.
pub(crate) fn learning_rate(highest: f32, step: u32, steps: u32) -> f32 {
    const RISE: f32 = 20.0;
    const LOWEST: f32 = 0.02;
    let done = step as f32 / steps as f32;
    let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
    highest * (LOWEST + (1.0 - LOWEST) * cosine) * ((step + 1) as f32 / RISE).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_as_long_as_the_learning_rate_whatever_the_gradient() {
        let mut adam = Adam::new(vec![1.0, 1.0, 1.0]);
        adam.step(&[1e-3, -50.0, 0.0], 0.1);
        for (found, expected) in adam.parameters.iter().zip([0.9, 1.1, 1.0]) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn a_bowl_is_descended_to_its_bottom() {
        // Steep along one axis, shallow along the other.
        let bottom = [3.0, -2.0];
        let mut adam = Adam::new(vec![0.0, 0.0]);
        for step in 0..600 {
            let gradient = [0, 1].map(|i| {
                let slope = if i == 0 { 100.0 } else { 0.5 };
                slope * (adam.parameters[i] - bottom[i])
            });
            adam.step(&gradient, learning_rate(0.1, step, 600));
        }
        for (found, expected) in adam.average.iter().zip(bottom) {
            assert!((found - expected).abs() < 0.05, "{found} {expected}");
        }
    }

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let at = |step| learning_rate(1.0, step, 1000);
        assert!(at(0) < 0.06 && at(19) > 0.99 && at(500) < 0.52 && at(999) < 0.0201);
    }
}
