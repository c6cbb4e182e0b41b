//! What moves the pixels: one step per evaluation, every value held in 0 to 255.

mod adam;
mod lbfgs;

use impasto_types::{Optimizer as Kind, Recipe};

pub(crate) use adam::Adam;
pub(crate) use lbfgs::Lbfgs;

/// An optimiser and all that it remembers.
#[derive(Debug)]
pub(crate) enum Optimizer {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

/// An optimiser's memory as plain numbers: what a checkpoint holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    pub(crate) scalars: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f32>>,
}

impl Optimizer {
    /// A fresh optimiser for a picture of `len` values.
    pub(crate) fn new(recipe: &Recipe, len: usize) -> Self {
        match recipe.optimizer {
            Kind::Adam => Self::Adam(Adam::new(recipe.learning_rate, recipe.averaging, len)),
            Kind::Lbfgs => Self::Lbfgs(Lbfgs::new(recipe.learning_rate, recipe.history as usize)),
        }
    }

    /// Moves `x`, where the loss is `loss` and its gradient `gradient`.
    pub(crate) fn step(&mut self, x: &mut [f32], loss: f64, gradient: &[f32]) {
        match self {
            Self::Adam(adam) => adam.step(x, gradient),
            Self::Lbfgs(lbfgs) => lbfgs.step(x, loss, gradient),
        }
    }

    /// The picture that the optimiser would give now: the average of its iterates where it keeps one, else `x`.
    pub(crate) fn result(&self, x: &[f32]) -> Vec<f32> {
        match self {
            Self::Adam(adam) => adam.averaged().unwrap_or_else(|| x.to_vec()),
            Self::Lbfgs(_) => x.to_vec(),
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        match self {
            Self::Adam(adam) => adam.memory(),
            Self::Lbfgs(lbfgs) => lbfgs.memory(),
        }
    }

    /// Takes up a memory that `memory` gave, for a picture of `len` values. `None` where it does not fit.
    pub(crate) fn recall(recipe: &Recipe, len: usize, memory: Memory) -> Option<Self> {
        if memory.vectors.iter().any(|vector| vector.len() != len) {
            return None;
        }
        match recipe.optimizer {
            Kind::Adam => Adam::recall(recipe.learning_rate, recipe.averaging, memory).map(Self::Adam),
            Kind::Lbfgs => Lbfgs::recall(recipe.learning_rate, recipe.history as usize, memory).map(Self::Lbfgs),
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::Preset;

    use super::*;

    /// A convex bowl with very different curvatures and its minimum partly outside the range.
    fn bowl(x: &[f32]) -> (f64, Vec<f32>) {
        let mut loss = 0.0;
        let gradient = x
            .iter()
            .enumerate()
            .map(|(i, &x)| {
                let (curvature, minimum) = (1.0 + (i % 50) as f32, (i % 7) as f32 * 60.0 - 60.0);
                loss += f64::from(0.5 * curvature * (x - minimum).powi(2));
                curvature * (x - minimum)
            })
            .collect();
        (loss, gradient)
    }

    fn run(recipe: &Recipe, steps: usize) -> Vec<f32> {
        let mut x = vec![128.0; 200];
        let mut optimizer = Optimizer::new(recipe, x.len());
        for _ in 0..steps {
            let (loss, gradient) = bowl(&x);
            optimizer.step(&mut x, loss, &gradient);
            assert!(x.iter().all(|v| (0.0..=255.0).contains(v)));
        }
        optimizer.result(&x)
    }

    #[test]
    fn both_find_the_minimum_inside_the_range() {
        let lbfgs = Preset::Gatys.recipe();
        let adam = Recipe { averaging: 0.0, ..Preset::Painterly.recipe() };
        for (recipe, steps, tolerance) in [(lbfgs, 60, 0.05), (adam, 400, 2.0)] {
            for (i, x) in run(&recipe, steps).into_iter().enumerate() {
                let minimum = ((i % 7) as f32 * 60.0 - 60.0).clamp(0.0, 255.0);
                assert!((x - minimum).abs() < tolerance, "{:?}: {x} {minimum}", recipe.optimizer);
            }
        }
    }

    #[test]
    fn a_recalled_memory_goes_on_to_the_same_bits() {
        for recipe in [Preset::Gatys.recipe(), Preset::Painterly.recipe()] {
            let mut x = vec![128.0; 200];
            let mut optimizer = Optimizer::new(&recipe, x.len());
            let step = |optimizer: &mut Optimizer, x: &mut Vec<f32>| {
                let (loss, gradient) = bowl(x);
                optimizer.step(x, loss, &gradient);
            };
            (0..9).for_each(|_| step(&mut optimizer, &mut x));
            let mut recalled = Optimizer::recall(&recipe, x.len(), optimizer.memory()).expect("its own memory fits");
            let mut y = x.clone();
            for _ in 0..9 {
                step(&mut optimizer, &mut x);
                step(&mut recalled, &mut y);
            }
            assert_eq!(optimizer.result(&x), recalled.result(&y));
            let short = Memory { scalars: vec![], vectors: vec![vec![0.0; 200]] };
            assert!(Optimizer::recall(&recipe, x.len(), short).is_none());
        }
    }
}
