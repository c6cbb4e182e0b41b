#!/usr/bin/env bash
# candle-core 0.11.1 stops counting when it sums half-precision values on the CPU.
#
# Expected: a sum or mean of bf16 or f16 values is added up in a wider type and rounded once, as the
# usual frameworks do; the mean of ones is 1 for any number of them.
# Seen: the running total itself is bf16 or f16, so it stays at 256 (bf16) or 2048 (f16) as soon as
# adding 1 rounds away: the mean of a 1024 x 1024 map of ones is 0.00024 or 0.00195.
# It matters because losses and feature statistics are means over whole maps: in half precision they
# come out orders of magnitude too small, the more so the larger the picture, and never as NaN.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
candle-core = { version = "=0.11.1", default-features = false }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use candle_core::{DType, Device, Result, Tensor};

fn main() -> Result<()> {
    let mut same = true;
    for (kind, known) in [(DType::F32, 1048576.0), (DType::F16, 2048.0), (DType::BF16, 256.0)] {
        for side in [8, 1024] {
            let map = Tensor::ones((side, side), kind, &Device::Cpu)?;
            let sum = map.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            let mean = map.mean_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            println!("{kind:?} ones, {side} x {side}: sum {sum}, mean {mean}");
            let count = (side * side) as f32;
            let total = if side == 8 { count } else { known };
            same &= sum == total && mean == total / count;
        }
    }
    if !same {
        println!("changed: the totals are others now");
        std::process::exit(1);
    }
    Ok(())
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
