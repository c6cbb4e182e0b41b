//! What a step of each optimiser costs at 512 by 512 pixels, network not counted: `cargo bench -p
//! impasto-engine --bench optimizer`.
//!
//! L-BFGS is timed with a full history. The answer is checked first: on a convex problem the loss
//! has to have fallen, and pixels stay in range.

use std::cell::RefCell;

use divan::Bencher;
use impasto_engine::optimize::optimizer::{
    HistoryPrecision, MomentPrecision, Optimizer, OptimizerPlan, PlannedMethod,
};

const WIDTH: usize = 512;
const HEIGHT: usize = 512;

fn main() {
    divan::main();
}

/// A convex bowl whose curvatures span five orders of magnitude, so that no optimiser arrives while
/// it is timed.
struct Run {
    optimizer: Optimizer,
    curvatures: Vec<f32>,
    x: Vec<f32>,
    gradient: Vec<f32>,
    loss: f64,
}

impl Run {
    fn new(plan: &OptimizerPlan) -> Self {
        let len = WIDTH * HEIGHT * 3;
        let curvatures =
            (0..len).map(|i| 10.0_f32.powf((i * 7919 % 10_007) as f32 / 2000.0)).collect();
        let optimizer = Optimizer::new(plan, WIDTH, HEIGHT);
        Self { optimizer, curvatures, x: vec![128.0; len], gradient: vec![0.0; len], loss: 0.0 }
    }

    fn evaluate(&mut self) {
        self.loss = 0.0;
        for (i, ((gradient, &x), &curvature)) in
            self.gradient.iter_mut().zip(&self.x).zip(&self.curvatures).enumerate()
        {
            let from = x - ((i % 7) as f32 * 60.0 - 60.0);
            *gradient = curvature * from;
            self.loss += f64::from(0.5 * curvature * from * from);
        }
    }

    fn step(&mut self) {
        self.optimizer.step(&mut self.x, self.loss, &mut self.gradient);
    }
}

/// Times steps, each after an evaluation that is not timed.
fn steps(bencher: Bencher<'_, '_>, plan: &OptimizerPlan, warm_up: usize) {
    let mut run = Run::new(plan);
    run.evaluate();
    let first = run.loss;
    for _ in 0..warm_up {
        run.step();
        run.evaluate();
    }
    assert!(run.loss < first, "{plan}: {} is not below {first}", run.loss);
    assert!(run.x.iter().all(|value| (0.0..=255.0).contains(value)), "{plan}");
    let run = RefCell::new(run);
    bencher
        .with_inputs(|| run.borrow_mut().evaluate())
        .bench_local_values(|()| run.borrow_mut().step());
}

#[divan::bench(args = [10, 30, 100], sample_count = 30, sample_size = 1)]
fn lbfgs_fp32(bencher: Bencher<'_, '_>, history: usize) {
    steps(bencher, &lbfgs(history, HistoryPrecision::Fp32), history + 2);
}

#[divan::bench(args = [10, 30, 100], sample_count = 30, sample_size = 1)]
fn lbfgs_bf16(bencher: Bencher<'_, '_>, history: usize) {
    steps(bencher, &lbfgs(history, HistoryPrecision::Bf16), history + 2);
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn adam_fp32(bencher: Bencher<'_, '_>) {
    steps(bencher, &adam(MomentPrecision::Fp32), 5);
}

#[divan::bench(sample_count = 30, sample_size = 1)]
fn adam_half(bencher: Bencher<'_, '_>) {
    steps(bencher, &adam(MomentPrecision::Half), 5);
}

fn lbfgs(history: usize, precision: HistoryPrecision) -> OptimizerPlan {
    OptimizerPlan {
        learning_rate: 1.0,
        method: PlannedMethod::Lbfgs { history, precision, wrap_x: false, wrap_y: false },
    }
}

fn adam(moments: MomentPrecision) -> OptimizerPlan {
    OptimizerPlan { learning_rate: 5.0, method: PlannedMethod::Adam { averaging: 0.95, moments } }
}
