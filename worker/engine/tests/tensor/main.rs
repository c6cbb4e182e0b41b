//! The device on tensors against the kernels: passes on a small network, in every way that a
//! picture can end, and short runs; put together from candle's operations and from kernels for
//! CUDA. On the device that `IMPASTO_TEST_DEVICE` names, such as `cuda:0`, else on the CPU, for
//! which the kernels for CUDA are compiled too.

mod canvases;
#[path = "../network/mod.rs"]
mod network;
mod one_pass;
mod passes;
mod sessions;

use std::sync::Arc;

use impasto_engine::cards::{self, Handle};
use impasto_engine::optimize::device::Cpu;
use impasto_engine::optimize::device::tensor::{Kernels, TensorDevice};
use impasto_kernels::{Level, Precision};
use impasto_types::Profile;

use self::network::weights;

/// Memory enough for any of these pictures in one piece.
const AMPLE: u64 = 8 << 30;

fn threads() -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads"))
}

fn cpu(level: Level) -> Cpu {
    Cpu::new(&weights(), level, Precision::Fp32, threads()).expect("the weights fit together")
}

/// The device that `IMPASTO_TEST_DEVICE` names.
fn device_name() -> String {
    std::env::var("IMPASTO_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}

/// That device, opened.
fn open() -> Handle {
    let name = device_name();
    let (kind, index) = name.split_once(':').unwrap_or((&name, "0"));
    let index = index.parse().expect("a number follows the colon of IMPASTO_TEST_DEVICE");
    match kind {
        "cpu" => Handle::Cpu,
        "cuda" => cards::cuda(index).expect("the card of IMPASTO_TEST_DEVICE is there"),
        "metal" => cards::metal(index).expect("the card of IMPASTO_TEST_DEVICE is there"),
        other => panic!("IMPASTO_TEST_DEVICE names no device: {other}"),
    }
}

/// That device, if it has the kernels for CUDA.
fn fused() -> Option<Handle> {
    Some(open()).filter(|device| !device.is_metal())
}

/// What is tested: one device for each way to put a pass together that it can take.
fn tensors() -> Vec<TensorDevice> {
    let kernels = match fused() {
        Some(_) => vec![Kernels::Composed, Kernels::Fused],
        None => vec![Kernels::Composed],
    };
    let with = |kernels| {
        TensorDevice::with_kernels(&weights(), open(), Profile::Exact, kernels)
            .expect("the weights fit together")
    };
    kernels.into_iter().map(with).collect()
}

#[test]
fn a_card_that_is_not_there_is_named() {
    let said = cards::cuda(999).expect_err("there is none").to_string();
    assert!(said.contains("CUDA"), "{said}");
}
