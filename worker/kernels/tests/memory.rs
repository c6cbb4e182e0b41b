//! What [`Pass::bytes`] says is what a pass takes: counted by an allocator, in a test binary of its
//! own.

mod tiny;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use impasto_kernels::{Edge, Layer, Level, Mask, Network, Pass, Pool, Products, Seed, Shape};
use tiny::{Random, Weights, pool};

/// The system's allocator, counting what is held and the most that was.
struct Counting {
    held: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static COUNTING: Counting = Counting { held: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = self.held.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.peak.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most that was held beyond what is held now, while `work` ran.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = COUNTING.held.load(Ordering::Relaxed);
    COUNTING.peak.store(before, Ordering::Relaxed);
    work();
    COUNTING.peak.load(Ordering::Relaxed) - before
}

/// All that an engine does with a pass.
fn iterate(pass: &mut Pass, pixels: &[f32], gradient: &mut [f32]) {
    pass.forward(pixels, Layer::Relu5_1);
    for layer in Layer::ALL {
        let (gram, mean) = pass.moments(layer, &pass.shape().region()).normalized();
        if layer == Layer::Relu5_1 {
            pass.backward(
                &[Seed { layer, gram: Some(&gram), mean: Some(&mean), target: None }],
                gradient,
            );
        }
    }
}

#[test]
fn a_pass_takes_what_it_says() {
    // The channels of VGG, so that what bytes per pixel are said of it is held here too.
    let weights = Weights::new([64, 128, 256, 512, 512], 51);
    let level = Level::detect();
    holds(&weights.network(level), level > Level::Scalar, 560);
    let rounded = [Products::Tiles, Products::Vectors, Products::Plain].into_iter();
    let mut rounded = rounded.filter_map(|products| {
        let network = Network::by_products(&weights.layers(), products).expect("a network")?;
        Some((Arc::new(network), products != Products::Plain))
    });
    let (network, is_fast) = rounded.next().expect("plain products run everywhere");
    holds(&network, is_fast, 285);
}

/// Checks a network's passes; where its products are slow, with a small picture. At 1024 x 1024
/// they take less than so many bytes a pixel.
fn holds(network: &Arc<Network>, is_fast: bool, most_per_pixel: usize) {
    let threads = pool(2);
    let shape = |width, height, edge| Shape {
        width,
        height,
        edge_x: edge,
        edge_y: edge,
        pool: Pool::Max,
        seam_x: 0,
        seam_y: 0,
    };
    let (width, height) = if is_fast { (320, 272) } else { (128, 96) };
    let (small, large) =
        (shape(width - 16, height, Edge::Zero), shape(width, height, Edge::Replicate));
    let mut random = Random(52);
    let pixels = random.floats(width * height * 3);
    let mut gradient = vec![0.0; pixels.len()];
    // What threads keep for themselves is theirs, not the pass's.
    iterate(
        &mut Pass::new(network.clone(), shape(16, 16, Edge::Zero), threads.clone()),
        &pixels[..768],
        &mut gradient[..768],
    );

    let said = Pass::bytes(network, &large, Layer::Relu5_1, 2);
    let taken = peak_of(|| {
        iterate(&mut Pass::new(network.clone(), large, threads.clone()), &pixels, &mut gradient)
    });
    assert!(said.abs_diff(taken) * 10 < taken, "said {said}, took {taken}");

    // One that ends earlier takes what it says, too.
    let ends = Layer::Relu3_1;
    let said_short = Pass::bytes(network, &large, ends, 2);
    let taken_short = peak_of(|| {
        let mut pass = Pass::up_to(ends, network.clone(), large, threads.clone());
        pass.forward(&pixels, ends);
        let (gram, mean) = pass.moments(ends, &large.region()).normalized();
        let seed = Seed { layer: ends, gram: Some(&gram), mean: Some(&mean), target: None };
        pass.backward(&[seed], &mut gradient);
    });
    assert!(
        said_short.abs_diff(taken_short) * 10 < taken_short && said_short < said,
        "said {said_short}, took {taken_short}"
    );

    // With a mask, its weights and those of the tile are there besides, and on each thread a block
    // of 256 pixels to weigh, which is said for every pass.
    let mask_bytes = 2 * Mask::bytes(width, height);
    let block_bytes = 2 * 256 * 512 * size_of::<f32>();
    let weights: Vec<f32> = random.floats(width * height).into_iter().map(f32::abs).collect();
    let masked = peak_of(|| {
        let mask = Mask::new(width, height, &weights);
        let mut pass = Pass::new(network.clone(), large, threads.clone());
        pass.set_mask(Some(mask.tile(&large, (0, 0))));
        iterate(&mut pass, &pixels, &mut gradient);
    });
    let besides = masked - taken;
    let most = mask_bytes + block_bytes + (16 << 10);
    assert!((mask_bytes..most).contains(&besides), "{besides} besides, {mask_bytes} of the mask");

    // Another size never stands beside the one before it.
    let taken = peak_of(|| {
        let few = small.width * small.height * 3;
        let mut pass = Pass::new(network.clone(), small, threads.clone());
        iterate(&mut pass, &pixels[..few], &mut gradient[..few]);
        pass.reshape(large, Layer::Relu5_1);
        iterate(&mut pass, &pixels, &mut gradient);
    });
    assert!(said.abs_diff(taken) * 10 < taken, "said {said}, took {taken} after another size");

    let whole = shape(1024, 1024, Edge::Reflect);
    let per_pixel = Pass::bytes(network, &whole, Layer::Relu5_1, 2) / (whole.width * whole.height);
    assert!(per_pixel < most_per_pixel, "{per_pixel} bytes per pixel of {network:?}");
}
