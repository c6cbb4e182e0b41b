#!/usr/bin/env bash
# candle-core 0.11.1 gives a quarter of the gradient through max_pool2d(2).
#
# Expected: the largest of four distinct values is what comes out, so its gradient is 1 and the
# other three have 0; a finite difference says the same.
# Seen: the gradient is 0.25, as if the four shared it, though they get none. Nothing is reported.
# It matters because a perceptual loss looks through several pools of a VGG: after four of them the
# gradient from the deepest layer is 256 times too small beside the ones from the first layers, the
# picture still changes, and the missing large shapes are put down to the weights chosen.
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
use candle_core::{Device, Result, Tensor, Var};

fn pools(values: &[f32], times: usize) -> Result<(f32, Vec<f32>)> {
    let side = 1 << times;
    let picture = Tensor::from_slice(values, (1, 1, side, side), &Device::Cpu)?;
    let picture = Var::from_tensor(&picture)?;
    let mut out = picture.as_tensor().clone();
    for _ in 0..times {
        out = out.max_pool2d(2)?;
    }
    let out = out.sum_all()?;
    let grads = out.backward()?;
    let grad = grads.get(&picture).unwrap().flatten_all()?.to_vec1::<f32>()?;
    Ok((out.to_scalar::<f32>()?, grad))
}

fn main() -> Result<()> {
    let mut same = true;
    for (times, known) in [(1, 0.25), (4, 0.25f32.powi(4))] {
        let values: Vec<f32> = (0..1 << (2 * times)).map(|v| v as f32).collect();
        let last = values.len() - 1;
        let (before, grad) = pools(&values, times)?;

        let mut moved = values.clone();
        moved[last] += 0.5;
        let (after, _) = pools(&moved, times)?;

        let difference = (after - before) / 0.5;
        let others: f32 = grad[..last].iter().sum();
        println!("{times} pool(s): gradient at the maximum {}, elsewhere {others}", grad[last]);
        println!("            finite difference       {difference}");
        same &= grad[last] == known && others == 0.0 && difference == 1.0;
    }
    if !same {
        println!("changed: the gradient is another now");
        std::process::exit(1);
    }
    Ok(())
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
