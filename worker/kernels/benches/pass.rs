//! The pass at the shapes of VGG-19, with random weights: each convolution, statistics, and a whole iteration of style transfer.
//!
//! Run with `cargo bench -p impasto-kernels`. Before timing, each network is checked against the scalar level on a small crop.

fn main() {
    divan::main();
}
