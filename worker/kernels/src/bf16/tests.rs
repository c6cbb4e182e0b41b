//! The whole pass, by every kind of product, against the fp32 pass and against itself; and every
//! kernel against the plain one.
//!
//! The tile kernels run here on any x86-64 Linux: where the processor lacks them, they are
//! emulated, instruction by instruction.

mod agreement;
mod answer;
mod kernels;
mod network;
mod tiles;

use crate::{
    Edge, Pool, Shape,
    bf16::{
        Kernels, Products,
        line::{Line, Sums},
    },
};

const EDGES: [Edge; 4] = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];

const POOLS: [Pool; 2] = [Pool::Max, Pool::Average];

fn whole(width: usize, height: usize, edge_x: Edge, edge_y: Edge, pool: Pool) -> Shape {
    Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 }
}

/// A small generator (SplitMix64), so that a failing case is the same everywhere.
struct Random(u64);

impl Random {
    fn float(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }

    fn lines(&mut self, len: usize) -> Vec<Line> {
        (0..len).map(|_| Line::narrowed(&std::array::from_fn(|_| self.float()))).collect()
    }

    fn features(&mut self, len: usize) -> Vec<Line> {
        // Few values, so that many are equal and many are zero.
        (0..len)
            .map(|_| {
                Line::narrowed(&std::array::from_fn(|_| (3.0 * self.float()).round().max(0.0)))
            })
            .collect()
    }

    fn sums(&mut self) -> Sums {
        let mut sums = Sums::ZERO;
        sums.0.as_flattened_mut().iter_mut().for_each(|sum| *sum = self.float());
        sums
    }
}

/// The kernels that this machine can run, or emulate, and that are to agree with the plain ones.
#[allow(clippy::print_stdout)] // what is skipped is said
fn others() -> Vec<(&'static str, &'static Kernels)> {
    let mut kernels = Vec::new();
    match Products::Vectors.kernels() {
        Some(vectors) => kernels.push(("vectors", vectors)),
        None => println!("skipped: this processor has no AVX-512 with bf16"),
    }
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if !kernels.is_empty() {
        crate::bf16::emulator::install();
        kernels.push(("tiles", &crate::bf16::amx::KERNELS));
    }
    kernels
}

fn plain() -> &'static Kernels {
    Products::Plain.kernels().expect("every processor has it")
}

/// The fastest kernels that run here without emulation.
fn native() -> &'static Kernels {
    [Products::Tiles, Products::Vectors, Products::Plain]
        .into_iter()
        .find_map(Products::kernels)
        .unwrap_or_else(plain)
}
