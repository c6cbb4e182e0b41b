//! Long vectors: sums and updates that do not depend on the number of threads.
//!
//! Work is cut into chunks of a fixed length; a sum adds within a chunk in f64 and then over chunks in their order, so any number of threads
//! gives the same bits. The functions run on the rayon pool that the caller is installed in.

use rayon::prelude::*;

/// Long enough to hide the cost of handing out, short enough for a chunk of a few vectors to stay in the second-level cache.
const CHUNK: usize = 16 * 1024;

/// The sum over `f(a_i, b_i)`.
pub(crate) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> f64 {
    assert_eq!(a.len(), b.len());
    let partial: Vec<f64> = a
        .par_chunks(CHUNK)
        .zip(b.par_chunks(CHUNK))
        .map(|(a, b)| {
            // Sixteen lanes in single precision over short runs vectorise; their sums are kept in double.
            let mut total = 0.0_f64;
            for (a, b) in a.chunks(512).zip(b.chunks(512)) {
                let mut lanes = [0.0_f32; 16];
                let (whole_a, rest_a) = a.as_chunks::<16>();
                let (whole_b, rest_b) = b.as_chunks::<16>();
                for (a, b) in whole_a.iter().zip(whole_b) {
                    for lane in 0..16 {
                        lanes[lane] += f(a[lane], b[lane]);
                    }
                }
                total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
                total += rest_a.iter().zip(rest_b).map(|(&a, &b)| f64::from(f(a, b))).sum::<f64>();
            }
            total
        })
        .collect();
    partial.into_iter().sum()
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum2(a, b, |a, b| a * b)
}

/// `y_i = f(y_i, x_i)`.
pub(crate) fn update(y: &mut [f32], x: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    assert_eq!(y.len(), x.len());
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = f(*y, x);
        }
    });
}

/// `y += a x`.
pub(crate) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    update(y, x, |y, x| a.mul_add(x, y));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_threads() {
        let a: Vec<f32> = (0..100_003).map(|i| ((i * 37 % 101) as f32) - 50.3).collect();
        let b: Vec<f32> = (0..100_003).map(|i| ((i * 11 % 89) as f32) * 0.7).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| dot(&a, &b))
        };
        assert_eq!(on(1).to_bits(), on(3).to_bits());
        let naive: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        assert!((on(2) - naive).abs() <= 1e-6 * naive.abs(), "{} {naive}", on(2));
    }
}
