//! The product by VDPBF16PS, for processors that have bf16 in vectors but no tiles.
//!
//! Eight positions by two vectors of 16 channels are 16 sums in registers, enough to hide the
//! instruction's latency; each step of 16 needs two loads of weights and eight splats. At a
//! fifteenth of the tiles' speed it does nine multiplications where Winograd in fp32 does two and a
//! quarter, and is about as fast and less exact: so no level uses it. It is what tests and
//! measurements run where there are no tiles.

use std::arch::x86_64::*;

use crate::bf16::{
    avx512,
    kernels::{Kernels, Product},
    line::{LONG, Sums},
};

/// The kernels, for a processor that has AVX-512 with bf16.
static KERNELS: Kernels = Kernels {
    begin: nothing,
    end: nothing,
    convolve,
    convolve_long,
    convolve_narrow,
    multiply,
    rectify: avx512::rectify,
    open: avx512::open,
    gate: avx512::gate,
    round: avx512::round,
    largest: avx512::largest,
    mean: avx512::mean,
    spread: avx512::spread,
    add: avx512::add,
    pair: avx512::pair,
    turn: avx512::turn,
    gather: avx512::gather,
    total: avx512::total,
};

/// The kernels, if this processor can run them.
pub(crate) fn kernels() -> Option<&'static Kernels> {
    let runs = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16");
    runs.then_some(&KERNELS)
}

fn nothing() {}

/// Positions whose sums are in registers.
const ROWS: usize = 8;

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn convolve(product: &Product, sums: &mut Sums) {
    multiply_taps::<9, 2>(product, sums);
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn convolve_long(product: &Product, sums: &mut [Sums; LONG]) {
    for (index, sums) in sums.iter_mut().enumerate() {
        multiply_taps::<9, 2>(&product.moved(index), sums);
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn convolve_narrow(product: &Product, sums: &mut Sums) {
    multiply_taps::<9, 1>(product, sums);
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply(product: &Product, sums: &mut Sums) {
    multiply_taps::<1, 2>(product, sums);
}

/// For `VECTORS` times 16 output channels.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_taps<const TAPS: usize, const VECTORS: usize>(
    product: &Product,
    sums: &mut Sums,
) {
    for (strip, sums) in sums.0.as_flattened_mut().chunks_exact_mut(ROWS * VECTORS * 16).enumerate()
    {
        let mut registers = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        for block in 0..product.blocks {
            for tap in 0..TAPS {
                let offset = block * product.block
                    + tap / 3 * product.row
                    + (tap % 3 + strip * ROWS) * product.position;
                let lines = product.lines.byte_add(offset).cast::<i32>();
                let weights = product.weights.add((block * TAPS + tap) * VECTORS * 16);
                for pair in 0..16 {
                    let weights: [__m512bh; VECTORS] = std::array::from_fn(|vector| {
                        pairs(_mm512_load_si512(weights.add(16 * vector + pair).cast()))
                    });
                    for (row, registers) in registers.iter_mut().enumerate() {
                        let value = pairs(_mm512_set1_epi32(
                            *lines.byte_add(row * product.position).add(pair),
                        ));
                        for (register, weights) in registers.iter_mut().zip(weights) {
                            *register = _mm512_dpbf16_ps(*register, value, weights);
                        }
                    }
                }
            }
        }
        for (register, sums) in registers.as_flattened().iter().zip(sums.chunks_exact_mut(16)) {
            _mm512_store_ps(sums.as_mut_ptr(), *register);
        }
    }
}

#[target_feature(enable = "avx512f")]
fn pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both types are 512 bits of plain numbers.
    unsafe { std::mem::transmute(bits) }
}
