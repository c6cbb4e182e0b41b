//! Times whole iterations of a real run on a GPU. A GPU works asynchronously, so the parts of an
//! iteration cannot be timed separately.

use std::sync::Arc;

use impasto_engine::EngineError;
use impasto_engine::cards::{Handle, cuda_card};
use impasto_engine::optimize::Engine;
use impasto_engine::optimize::device::tensor::TensorDevice;
use impasto_kernels::Level;
use impasto_types::{ComputeCapability, DeviceInfo, Profile};
use serde::Serialize;

use super::{Agreement, BenchError, FLOP_PER_PIXEL, Request, Stage, agreement, iterations};
use crate::OpenError;
use crate::device::{Device, Devices};
use crate::machine;

/// The results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardReport {
    pub version: &'static str,
    pub method_version: u32,
    pub machine: String,
    /// The GPU and the precision, such as `cuda:0 bf16`.
    pub device: String,
    /// The GPU's product name.
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_capability: Option<ComputeCapability>,
    pub profile: Profile,
    pub agreement: Agreement,
    pub sizes: Vec<CardSize>,
}

/// A square picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardSize {
    pub size: u32,
    /// The engine's plan.
    pub plan: String,
    /// The number of timed iterations; the figures below are their median.
    pub steps: u32,
    pub iteration_ms: f64,
    /// Microseconds per pixel of an iteration.
    pub us_per_pixel: f64,
    pub gflops: f64,
    pub first_loss: f64,
    pub last_loss: f64,
    /// The most GPU memory in use between two iterations, as the driver counts it: other programs'
    /// included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

/// Measures a GPU. `news` gets a line before each measurement.
///
/// # Errors
/// If `devices` is not a single GPU, the GPU cannot be opened, or a result is wrong.
pub fn run_on_card(
    request: &Request,
    devices: &Devices,
    news: &mut dyn FnMut(&str),
) -> Result<CardReport, BenchError> {
    let unavailable =
        |source| BenchError::Open(OpenError::Device { devices: devices.to_string(), source });
    let listed = devices.list().map_err(unavailable)?;
    let [device @ (Device::Cuda(_) | Device::Metal(_))] = listed[..] else {
        return Err(BenchError::NotOneCard { devices: devices.to_string() });
    };
    let Some(handle) = device.open().map_err(unavailable)? else {
        return Err(BenchError::NotOneCard { devices: devices.to_string() });
    };
    let info = device.info(request.limit_bytes).map_err(unavailable)?;
    let used_bytes = || match device {
        Device::Cuda(index) => {
            cuda_card(index).ok().map(|card| card.memory_bytes.saturating_sub(card.free_bytes))
        }
        Device::Cpu | Device::Metal(_) => None,
    };
    measure(request, &handle, info, &used_bytes, news)
}

fn measure(
    request: &Request,
    handle: &Handle,
    info: DeviceInfo,
    used_bytes: &dyn Fn() -> Option<u64>,
    news: &mut dyn FnMut(&str),
) -> Result<CardReport, BenchError> {
    let prepared = || -> Result<TensorDevice, EngineError> {
        TensorDevice::new(&request.weights, handle.clone(), request.profile)
    };
    let failed =
        |source| BenchError::Engine { size: request.sizes.first().copied().unwrap_or(0), source };
    news("checking the result");
    let agreement = {
        let stage = Stage::new(request, Level::detect())?;
        agreement::check_card(&stage, &prepared().map_err(failed)?)?
    };
    let engine = Arc::new(
        prepared().and_then(|device| Engine::with_device(Box::new(device), 1)).map_err(failed)?,
    );
    let mut sizes = Vec::new();
    for &size in &request.sizes {
        news(&format!("painting at {size} x {size}"));
        let mut peak_memory_bytes = None;
        let mut look = || peak_memory_bytes = peak_memory_bytes.max(used_bytes());
        let run = iterations::paint(
            Arc::clone(&engine),
            request.profile,
            size,
            request.steps,
            info.memory_bytes,
            &mut look,
        )?;
        let (iteration_ms, pixels) = (run.iteration_ms(), f64::from(size) * f64::from(size));
        sizes.push(CardSize {
            size,
            steps: request.steps,
            iteration_ms,
            us_per_pixel: iteration_ms * 1e3 / pixels,
            gflops: pixels * FLOP_PER_PIXEL / (iteration_ms * 1e6),
            first_loss: run.first_loss,
            last_loss: run.last_loss,
            peak_memory_bytes,
            plan: run.plan,
        });
    }
    Ok(CardReport {
        version: env!("CARGO_PKG_VERSION"),
        method_version: impasto_types::Method::Optimize.version(),
        machine: machine::host_name(),
        device: engine.device(),
        model: info.model,
        compute_capability: info.compute_capability,
        profile: request.profile,
        agreement,
        sizes,
    })
}

#[cfg(test)]
mod tests {
    use super::super::subject;
    use super::*;

    fn request() -> Request {
        Request {
            sizes: vec![32],
            steps: 2,
            threads: 2,
            profile: Profile::Exact,
            limit_bytes: Some(4 << 30),
            weights: subject::weights(&[3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24]),
            trained: false,
        }
    }

    #[test]
    fn a_card_is_measured_and_checked() {
        // The same tensor code on candle's CPU device.
        let info = DeviceInfo {
            name: "card".to_owned(),
            model: "canvas".to_owned(),
            memory_bytes: 4 << 30,
            compute_capability: None,
        };
        let report = measure(&request(), &Handle::Cpu, info, &|| Some(7), &mut |_| {})
            .expect("it is measured");
        assert!(report.device.ends_with(" fp32") && report.model == "canvas", "{report:?}");
        let [size] = &report.sizes[..] else { panic!("one size was asked for") };
        assert!(size.last_loss < size.first_loss && size.iteration_ms > 0.0, "{size:?}");
        assert!(
            (size.us_per_pixel - size.iteration_ms * 1e3 / 1024.0).abs() < 1e-9
                && size.peak_memory_bytes == Some(7),
            "{size:?}"
        );
    }

    #[test]
    fn only_one_card_is_measured_at_a_time() {
        for word in ["cpu", "cuda:0,1"] {
            let refused = run_on_card(&request(), &word.parse().expect("devices"), &mut |_| {})
                .expect_err("it is not one card");
            assert!(refused.to_string().contains(word), "{refused}");
        }
    }
}
