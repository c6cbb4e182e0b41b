//! The CPU's peak: all threads together, computing in registers only.

use std::time::{Duration, Instant};

use impasto_kernels::{Level, Precision, peak};
use rayon::ThreadPool;

/// Long enough that starting the threads does not count, short enough that the CPU does not
/// throttle.
const ROUND: Duration = Duration::from_millis(40);

/// The fastest round counts: other programs can only slow one down.
const ROUNDS: usize = 5;

/// Billions of multiplications and additions per second, over all threads.
pub(super) fn gflops(pool: &ThreadPool, level: Level, precision: Precision) -> f64 {
    let round = |steps: u64| {
        let began = Instant::now();
        let operations: f64 = pool.broadcast(|_| peak(level, precision, steps)).into_iter().sum();
        (operations, began.elapsed())
    };
    let mut steps = 1 << 10;
    while round(steps).1 < ROUND {
        steps *= 2;
    }
    let rates = (0..ROUNDS).map(|_| {
        let (operations, took) = round(steps);
        operations / took.as_secs_f64() / 1e9
    });
    rates.fold(0.0, f64::max)
}
