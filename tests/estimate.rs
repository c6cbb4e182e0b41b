//! Compares the planner's estimate of a task's memory with the engine's plan. The scheduler chooses
//! a worker by the estimate, and the picture has to fit into it.

use std::sync::Arc;

use impasto_engine::optimize::device::{Cpu, VggDevice, Work};
use impasto_engine::{Frame, Joins};
use impasto_kernels::{Level, Precision};
use impasto_painter::bench::random_weights;
use impasto_planner::estimate;
use impasto_types::{Optimize, Optimizer, Preset, Profile, Recipe};

/// What the engine counts for a process without network and picture.
const PROCESS_BYTES: u64 = 64 << 20;

/// What it keeps per pixel of a masked asset until the end: three values and a weight.
const MASKED_ASSET_BYTES_PER_PIXEL: u64 = 4 * 4;

const STYLE: (u32, u32) = (512, 512);

/// Square, narrow, odd, and as large as a single machine can paint.
const SIZES: [(u32, u32); 8] = [
    (16, 16),
    (100, 75),
    (512, 512),
    (1024, 333),
    (4096, 64),
    (2048, 2048),
    (4096, 4096),
    (8192, 8192),
];

/// From this size on, the picture takes most of the memory, not the network and a tile.
const LARGE_PIXELS: u64 = 16 << 20;

fn recipes() -> Vec<Optimize> {
    let mut recipes = Vec::new();
    for preset in Preset::ALL {
        let Recipe::Optimize(recipe) = preset.recipe() else { continue };
        for profile in [Profile::Fast, Profile::Exact] {
            for optimizer in [Optimizer::Lbfgs, Optimizer::Adam] {
                let mut recipe = Optimize { optimizer, ..recipe.clone() };
                recipe.common.profile = profile;
                recipes.push(recipe);
            }
        }
    }
    recipes
}

#[test]
fn a_picture_fits_into_its_task_s_memory() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let threads = Arc::new(threads);
    let weights = random_weights();
    for precision in [Precision::Fp32, Precision::Bf16] {
        let device = Cpu::new(&weights, Level::detect(), precision, threads.clone())
            .expect("the weights fit together");
        for recipe in recipes() {
            for size in SIZES {
                check(&device, &recipe, size, false);
                check(&device, &recipe, size, true);
            }
        }
    }
}

fn check(device: &Cpu, recipe: &Optimize, (width, height): (u32, u32), masked: bool) {
    let row = format!(
        "{}, {:?}, {:?}, {width} x {height}, masked {masked}",
        device.label(),
        recipe.common.profile,
        recipe.optimizer
    );
    let whole = Recipe::Optimize(recipe.clone());
    let (size, pixels) = ((width, height), u64::from(width) * u64::from(height));
    let mut sources = vec![size, STYLE];
    let (mut estimated, mut held) = (0, PROCESS_BYTES + device.bytes());
    if masked {
        sources.push(size);
        estimated += estimate::mask_bytes(&whole, size, size);
        held += MASKED_ASSET_BYTES_PER_PIXEL * pixels;
    }
    let estimate = estimated + estimate::memory_bytes(&whole, size, &sources, &[STYLE]);
    let joins = Joins::from(recipe.common.tileable);
    let frame = Frame::new(&joins, recipe.padding, width, height);
    let work = Work { recipe, frame, content: true, masked };
    let planned = |bytes: u64| device.plan(&work, bytes.saturating_sub(held));
    let plan = planned(estimate).unwrap_or_else(|error| panic!("{row}: {error}"));
    assert!(held + plan.bytes <= estimate, "{row}: {} of {estimate}", held + plan.bytes);
    // An estimate that is far too large keeps a task from machines that could paint it.
    if pixels >= LARGE_PIXELS {
        assert!(planned(estimate / 2).is_err(), "{row}: half of {estimate} is enough");
    }
}
