//! The optimisers: one step per evaluation, with every value clamped to 0 to 255.
//!
//! Both optimisers are limited by memory bandwidth, so each value of their state is read no more
//! often than the method needs, and is stored in 16 bits where the precision suffices.
//! [`OptimizerPlan`] says which of this a picture gets.

pub(crate) mod adam;
pub(crate) mod control;
pub(crate) mod curvature;
mod history;
mod lbfgs;
mod memory;
mod plan;
pub(crate) mod smoothing;

use adam::Adam;
pub use adam::MomentPrecision;
pub use history::HistoryPrecision;
use lbfgs::Lbfgs;
pub use memory::{Memory, Vector};
pub use plan::{OptimizerPlan, PlannedMethod};
use smoothing::Frame;

/// An optimiser and all that it remembers.
#[derive(Debug)]
pub struct Optimizer {
    method: Method,
    len: usize,
}

#[derive(Debug)]
enum Method {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

impl Optimizer {
    /// A fresh optimiser for a picture of `width` by `height` pixels.
    pub fn new(plan: &OptimizerPlan, width: usize, height: usize) -> Self {
        let learning_rate = plan.learning_rate;
        let len = width * height * 3;
        let method = match plan.method {
            PlannedMethod::Adam { averaging, moments } => {
                Method::Adam(Adam::new(learning_rate, averaging, moments, len))
            }
            PlannedMethod::Lbfgs { history, precision, wrap_x, wrap_y } => {
                let frame = Frame { width, height, wrap_x, wrap_y };
                Method::Lbfgs(Lbfgs::new(learning_rate, history, precision, frame))
            }
        };
        Self { method, len }
    }

    /// Goes on with a finer version of the picture, of `width` by `height` pixels. `resize` puts a
    /// vector of the coarse one's to that size.
    ///
    /// Adam takes its moments along, so that it need not estimate them anew; L-BFGS begins anew,
    /// since the curvature is another's.
    pub fn carried(
        self,
        plan: &OptimizerPlan,
        width: usize,
        height: usize,
        resize: impl FnMut(&[f32]) -> Vec<f32>,
    ) -> Self {
        let mut fine = Self::new(plan, width, height);
        if let (Method::Adam(fine), Method::Adam(coarse)) = (&mut fine.method, &self.method) {
            fine.carry(coarse, self.len, resize);
        }
        fine
    }

    /// Moves `x`, where the loss is `loss` and its gradient `gradient`, which is left as scratch.
    pub fn step(&mut self, x: &mut [f32], loss: f64, gradient: &mut [f32]) {
        match &mut self.method {
            Method::Adam(adam) => adam.step(x, gradient),
            Method::Lbfgs(lbfgs) => lbfgs.step(x, loss, gradient),
        }
    }

    /// Back to where the last step began, if it is remembered: the loss that it led to is of no
    /// use.
    pub fn take_back(&self, x: &mut [f32]) {
        match &self.method {
            // It remembers no picture, and moves a pixel by the learning rate at most.
            Method::Adam(_) => {}
            Method::Lbfgs(lbfgs) => lbfgs.take_back(x),
        }
    }

    /// The picture that the optimiser would give now: the average of its iterates where it keeps
    /// one, else `x`.
    pub fn result(&self, x: &[f32]) -> Vec<f32> {
        match &self.method {
            Method::Adam(adam) => adam.averaged().unwrap_or_else(|| x.to_vec()),
            Method::Lbfgs(_) => x.to_vec(),
        }
    }

    pub fn memory(&self) -> Memory {
        match &self.method {
            Method::Adam(adam) => adam.memory(),
            Method::Lbfgs(lbfgs) => lbfgs.memory(),
        }
    }

    /// What [`Optimizer::carried`] can use of the memory: L-BFGS has nothing.
    pub fn warmth(&self) -> Option<Memory> {
        match &self.method {
            Method::Adam(adam) => Some(adam.memory()),
            Method::Lbfgs(_) => None,
        }
    }

    /// Takes up what `memory` gave, of an optimiser of the same plan and for a picture of the same
    /// size. Where it does not fit, nothing changes and it says `false`.
    pub fn recall(&mut self, memory: Memory) -> bool {
        match &mut self.method {
            Method::Adam(adam) => adam.recall(memory),
            Method::Lbfgs(lbfgs) => lbfgs.recall(memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Optimize, Optimizer as Kind, Profile};

    use super::*;

    /// A canvas that is closed to a ring.
    const WRAPS: (bool, bool) = (true, true);
    const WIDTH: usize = 20;
    const HEIGHT: usize = 10;
    const LEN: usize = WIDTH * HEIGHT * 3;

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

    fn step(optimizer: &mut Optimizer, x: &mut [f32]) {
        let (loss, mut gradient) = bowl(x);
        optimizer.step(x, loss, &mut gradient);
        assert!(x.iter().all(|v| (0.0..=255.0).contains(v)));
    }

    /// Every method in every precision.
    fn plans() -> Vec<OptimizerPlan> {
        let adam = |averaging, moments| OptimizerPlan {
            learning_rate: 5.0,
            method: PlannedMethod::Adam { averaging, moments },
        };
        let lbfgs = |history, precision| {
            let method = PlannedMethod::Lbfgs { history, precision, wrap_x: false, wrap_y: true };
            OptimizerPlan { learning_rate: 1.0, method }
        };
        vec![
            adam(0.0, MomentPrecision::Fp32),
            adam(0.9, MomentPrecision::Fp32),
            adam(0.0, MomentPrecision::Half),
            adam(0.9, MomentPrecision::Half),
            lbfgs(100, HistoryPrecision::Fp32),
            lbfgs(5, HistoryPrecision::Fp32),
            lbfgs(100, HistoryPrecision::Bf16),
            lbfgs(5, HistoryPrecision::Bf16),
        ]
    }

    #[test]
    fn all_find_the_minimum_inside_the_range() {
        for plan in plans() {
            let (steps, tolerance) = match plan.method {
                PlannedMethod::Adam { .. } => (400, 2.0),
                PlannedMethod::Lbfgs { .. } => (150, 0.1),
            };
            let mut x = vec![128.0; LEN];
            let mut optimizer = Optimizer::new(&plan, WIDTH, HEIGHT);
            (0..steps).for_each(|_| step(&mut optimizer, &mut x));
            for (i, x) in optimizer.result(&x).into_iter().enumerate() {
                let minimum = ((i % 7) as f32 * 60.0 - 60.0).clamp(0.0, 255.0);
                assert!((x - minimum).abs() < tolerance, "{plan:?}: {x} {minimum}");
            }
        }
    }

    #[test]
    fn a_recalled_memory_goes_on_to_the_same_bits() {
        for plan in plans() {
            for steps in [0, 1, 9] {
                let mut x = vec![128.0; LEN];
                let mut optimizer = Optimizer::new(&plan, WIDTH, HEIGHT);
                (0..steps).for_each(|_| step(&mut optimizer, &mut x));
                let mut recalled = Optimizer::new(&plan, WIDTH, HEIGHT);
                assert!(recalled.recall(optimizer.memory()), "{plan:?}");
                assert!(
                    !Optimizer::new(&plan, WIDTH, HEIGHT + 1).recall(optimizer.memory()),
                    "{plan:?}"
                );
                assert!(!recalled.recall(Memory::default()));
                let mut y = x.clone();
                for _ in 0..9 {
                    step(&mut optimizer, &mut x);
                    step(&mut recalled, &mut y);
                }
                assert_eq!(optimizer.result(&x), recalled.result(&y), "{plan:?}");
            }
        }
    }

    #[test]
    fn steps_do_not_depend_on_threads() {
        // Some tasks, and a rest that fills neither a task nor a block.
        let (width, height) = (150, 121);
        for plan in plans() {
            let on = |threads| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
                pool.install(|| {
                    let mut x: Vec<f32> =
                        (0..width * height * 3).map(|i| (i * 31 % 256) as f32).collect();
                    let mut optimizer = Optimizer::new(&plan, width, height);
                    (0..6).for_each(|_| step(&mut optimizer, &mut x));
                    optimizer.result(&x)
                })
            };
            assert_eq!(on(1), on(3), "{plan:?}");
        }
    }

    /// The second moment of a gradient that becomes ten times larger, then ten times smaller: in 16
    /// bits it has to get there as well.
    #[test]
    fn short_moments_do_not_stall() {
        let run = |moments| {
            let plan = OptimizerPlan {
                learning_rate: 1e-3,
                method: PlannedMethod::Adam { averaging: 0.0, moments },
            };
            let mut x: Vec<f32> = vec![128.0; LEN];
            let mut optimizer = Optimizer::new(&plan, WIDTH, HEIGHT);
            let mut steps = Vec::new();
            for size in [1e-9, 1e-8, 1e-9] {
                for _ in 0..600 {
                    let mut gradient: Vec<f32> =
                        (0..LEN).map(|i| size * (1.0 + i as f32 / 100.0)).collect();
                    optimizer.step(&mut x, 0.0, &mut gradient);
                }
                steps.push(x.clone());
            }
            steps
        };
        let (full, half) = (run(MomentPrecision::Fp32), run(MomentPrecision::Half));
        for (full, half) in full.iter().zip(&half) {
            for (&full, &half) in full.iter().zip(half) {
                // Of the way travelled, at most what ten bits leave of a hundredth: a tenth of the
                // second moment, a twentieth of its root.
                assert!((full - half).abs() <= 0.05 * (full - 128.0).abs(), "{full} {half}");
            }
        }
    }

    #[test]
    fn carried_moments_make_the_first_steps_those_of_a_settled_run() {
        let plan =
            OptimizerPlan::of(&Optimize { optimizer: Kind::Adam, ..Optimize::painterly() }, WRAPS);
        // The gradient of a mean: four times the pixels, a quarter of the gradient.
        let gradient = |len: usize| vec![1.0 / len as f32; len];
        let mut coarse = Optimizer::new(&plan, 8, 8);
        let mut x = vec![250.0; 8 * 8 * 3];
        (0..20).for_each(|_| coarse.step(&mut x, 0.0, &mut gradient(8 * 8 * 3)));
        let mut fine = coarse
            .carried(&plan, 16, 16, |values| values.iter().flat_map(|&value| [value; 4]).collect());
        let mut x = vec![250.0; 16 * 16 * 3];
        // A settled run's step is the learning rate, even where the gradient fails for once.
        fine.step(&mut x, 0.0, &mut vec![0.0; 16 * 16 * 3]);
        let moved = 250.0 - x[0];
        assert!((moved - 0.9 * plan.learning_rate).abs() < 0.3, "{moved}");
        // The average began anew.
        assert!((fine.result(&x)[0] - x[0]).abs() < 1e-3);
    }

    #[test]
    fn a_plan_shrinks_until_it_fits() {
        let fast = Optimize { history: 50, ..Optimize::gatys() }
            .with(|common| common.profile = Profile::Fast);
        let exact = fast.clone().with(|common| common.profile = Profile::Exact);
        let adam = Optimize { optimizer: Kind::Adam, ..Optimize::painterly() };
        let len = 1000 * 1000 * 3;
        for (recipe, bytes_per_value, expected) in [
            (&exact, 1000, Some("l-bfgs with 50 pairs")),
            (&exact, 400, None),
            (&fast, 1000, Some("l-bfgs with 50 pairs in bf16")),
            (&fast, 100, Some("l-bfgs with 21 pairs in bf16")),
            (&fast, 22, Some("l-bfgs with 2 pairs in bf16")),
            (&fast, 21, None),
            (&adam, 12, Some("adam")),
            (&adam, 11, Some("adam in 16 bits")),
            (&adam, 8, Some("adam in 16 bits")),
            (&adam, 7, None),
        ] {
            let plan = OptimizerPlan::within(recipe, WRAPS, len, bytes_per_value * len as u64);
            assert_eq!(plan.map(|plan| plan.to_string()).as_deref(), expected, "{bytes_per_value}");
        }
        assert_eq!(OptimizerPlan::least(&fast, WRAPS).to_string(), "l-bfgs with 2 pairs in bf16");
        assert_eq!(OptimizerPlan::least(&exact, WRAPS).to_string(), "l-bfgs with 50 pairs");
    }

    #[test]
    fn a_plan_knows_what_it_takes() {
        for plan in plans() {
            let (width, height) = (300, 200);
            let optimizer = Optimizer::new(&plan, width, height);
            let len = width * height * 3;
            let remembered: usize = optimizer
                .memory()
                .vectors
                .iter()
                .map(|vector| match vector {
                    Vector::Fp32(words) => 4 * words.len(),
                    Vector::Half(words) => 2 * words.len(),
                })
                .sum();
            // What L-BFGS works in is not remembered: one vector, and the halved pictures.
            let room = if matches!(plan.method, PlannedMethod::Lbfgs { .. }) {
                4 * len + 4 * len / 3
            } else {
                0
            };
            let (held, said) = ((remembered + room) as f64, plan.bytes(len) as f64);
            assert!((said / held - 1.0).abs() < 0.1, "{plan:?}: {held} {said}");
        }
    }
}
