//! Measures how fast this machine paints: each convolution, and whole iterations of a real run,
//! compared with the CPU's peak.
//!
//! Work is counted as direct convolutions, whatever the kernel does, so that machines, levels and
//! programs can be compared; a kernel that saves multiplications may exceed the CPU's peak. Every
//! result is checked before it is timed.

mod agreement;
mod card;
mod iterations;
mod layers;
mod peak;
mod subject;

use std::sync::Arc;

use impasto_engine::EngineError;
use impasto_kernels::{Level, NetworkError, Precision, UnknownLevel};
use impasto_models::VggWeights;
use impasto_types::Profile;
use rayon::ThreadPool;
use serde::Serialize;

use crate::OpenError;
use crate::device::cpu_level;
use crate::machine::{self, default_memory_bytes};

pub use agreement::Agreement;
pub use card::{CardReport, CardSize, run_on_card};
pub use layers::LayerReport;
pub use subject::random_weights;

/// What to measure.
#[derive(Debug)]
pub struct Request {
    /// Sides of square pictures, in pixels.
    pub sizes: Vec<u32>,
    /// The number of iterations timed at each size.
    pub steps: u32,
    pub threads: usize,
    pub profile: Profile,
    /// The memory limit, by default four fifths of the free memory, or of the GPU's; larger
    /// pictures are cut into tiles.
    pub limit_bytes: Option<u64>,
    pub weights: VggWeights,
    /// Whether the weights are trained. Random ones have a wider tolerance in bf16.
    pub trained: bool,
}

/// The results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub method_version: u32,
    pub machine: String,
    pub cpu: String,
    /// The instruction sets of this CPU, slowest first.
    pub levels: Vec<String>,
    /// What was measured: device, level and precision.
    pub device: String,
    pub profile: Profile,
    pub threads: usize,
    /// The peak of all threads together, computing in registers with the instructions of the
    /// passes.
    pub peak_gflops: f64,
    pub agreement: Agreement,
    pub sizes: Vec<SizeReport>,
}

/// A square picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeReport {
    pub size: u32,
    /// The engine's plan.
    pub plan: String,
    /// The number of timed iterations; the figures below are their median.
    pub steps: u32,
    pub iteration_ms: f64,
    /// Forward, statistics and backward, over all tiles.
    pub pass_ms: f64,
    /// The share of an iteration spent outside the pass, from 0 to 1.
    pub optimizer_share: f64,
    pub gflops: f64,
    /// `gflops` divided by the peak.
    pub peak_share: f64,
    pub first_loss: f64,
    pub last_loss: f64,
    /// The peak memory of this process, as the system counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The side at which layers were timed: a tile's if the picture is larger.
    pub layers_size: u32,
    pub layers: Vec<LayerReport>,
    /// The time for the moments of all five style layers.
    pub statistics_ms: f64,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("`{devices}` is not a single GPU; name one, such as cuda:0")]
    NotOneCard { devices: String },
    #[error("IMPASTO_CPU_LEVEL cannot be used")]
    Level(#[from] UnknownLevel),
    #[error("cannot start {threads} threads")]
    Threads { threads: usize, source: rayon::ThreadPoolBuildError },
    #[error("the weights are not VGG-19's")]
    Weights(#[from] NetworkError),
    #[error("cannot paint at {size} x {size} pixels")]
    Engine { size: u32, source: EngineError },
    #[error(
        "the gradient of {device} differs from the scalar one by {error:.4}, more than \
         {tolerance}: its times mean nothing"
    )]
    Disagrees { device: String, error: f64, tolerance: f64 },
    #[error(
        "the loss did not fall at {size} x {size} pixels, but went from {first} to {last}: its \
         times mean nothing"
    )]
    NoDescent { size: u32, first: f64, last: f64 },
}

/// The largest picture whose layers are timed in one piece.
const LAYERS_SIDE: u32 = 1024;

/// Multiplications and additions per pixel and iteration: the convolutions and the Gram products of
/// five layers, forward and backward.
const FLOP_PER_PIXEL: f64 = 2.0 * 2.0 * (361_152.0 + 17_408.0);

/// Measures the CPU. `news` gets a line before each measurement.
///
/// # Errors
/// If a result is wrong, or this machine cannot run the request.
pub fn run(request: &Request, news: &mut dyn FnMut(&str)) -> Result<Report, BenchError> {
    let level = cpu_level()?;
    let stage = Stage::new(request, level)?;
    let memory_bytes = request.limit_bytes.unwrap_or_else(default_memory_bytes);
    news("checking the result");
    let agreement = agreement::check(&stage)?;
    let mut painted = Vec::new();
    let mut device = String::new();
    for &size in &request.sizes {
        news(&format!("painting at {size} x {size}"));
        let iterations = iterations::measure(&stage, size, request.steps, memory_bytes)?;
        device.clone_from(&iterations.device);
        painted.push((size, iterations));
    }
    let network = stage.network()?;
    news("measuring the CPU's peak");
    let peak_gflops = peak::gflops(&stage.pool, network.level(), network.precision());
    let mut sizes = Vec::new();
    for (size, iterations) in painted {
        let layers_size = size.min(LAYERS_SIDE);
        news(&format!("timing layers at {layers_size} x {layers_size}"));
        let times = layers::measure(&stage, &network, layers_size);
        let gflops =
            f64::from(size) * f64::from(size) * FLOP_PER_PIXEL / (iterations.iteration_ms * 1e6);
        sizes.push(SizeReport {
            size,
            plan: iterations.plan,
            steps: request.steps,
            iteration_ms: iterations.iteration_ms,
            pass_ms: iterations.pass_ms,
            optimizer_share: iterations.optimizer_share,
            gflops,
            peak_share: gflops / peak_gflops,
            first_loss: iterations.first_loss,
            last_loss: iterations.last_loss,
            peak_memory_bytes: iterations.peak_memory_bytes,
            layers_size,
            layers: times.layers,
            statistics_ms: times.statistics_ms,
        });
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        method_version: impasto_types::Method::Optimize.version(),
        machine: machine::host_name(),
        cpu: machine::cpu_model(),
        levels: Level::available().iter().map(Level::to_string).collect(),
        device,
        profile: request.profile,
        threads: stage.pool.current_num_threads(),
        peak_gflops,
        agreement,
        sizes,
    })
}

/// What all measurements share.
struct Stage<'a> {
    weights: &'a VggWeights,
    trained: bool,
    level: Level,
    profile: Profile,
    pool: Arc<ThreadPool>,
}

impl<'a> Stage<'a> {
    fn new(request: &'a Request, level: Level) -> Result<Self, BenchError> {
        let threads = request.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|source| BenchError::Threads { threads, source })?;
        Ok(Self {
            weights: &request.weights,
            trained: request.trained,
            level,
            profile: request.profile,
            pool: Arc::new(pool),
        })
    }

    fn precision(&self) -> Precision {
        match self.profile {
            Profile::Fast => Precision::Bf16,
            Profile::Exact => Precision::Fp32,
        }
    }
}

/// The median; for an even count the upper one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(
            [median(vec![3.0, 1.0, 2.0]), median(vec![1.0, 2.0]), median(vec![])],
            [2.0, 2.0, 0.0]
        );
    }

    #[test]
    fn a_small_picture_is_measured_and_checked() {
        let request = Request {
            sizes: vec![32],
            steps: 2,
            threads: 2,
            profile: Profile::Exact,
            limit_bytes: Some(4 << 30),
            weights: subject::weights(&[3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24]),
            trained: false,
        };
        let mut news = Vec::new();
        let report = run(&request, &mut |line| news.push(line.to_owned())).expect("it is measured");
        assert!(
            report.device.starts_with("cpu ") && report.device.ends_with(" fp32"),
            "{}",
            report.device
        );
        assert!(
            report.peak_gflops > 0.0
                && report.agreement.gradient_error <= report.agreement.tolerance
        );
        let [size] = &report.sizes[..] else { panic!("one size was asked for") };
        assert!(
            size.last_loss < size.first_loss && (0.0..1.0).contains(&size.optimizer_share),
            "{size:?}"
        );
        let names: Vec<_> = size.layers.iter().map(|layer| layer.layer).collect();
        assert_eq!((names.len(), names[0], names[12]), (13, "conv1_1", "conv5_1"));
        assert!(
            size.layers.iter().all(|layer| layer.forward_ms > 0.0 && layer.backward_ms > 0.0),
            "{size:?}"
        );
        assert_eq!(news.len(), 4, "{news:?}");
    }
}
