//! The memory and work of training a network.

use impasto_types::Training;

use super::{MEMORY_BASE_BYTES, TILE_BYTES_PER_PIXEL};

/// What the network's own passes keep of a square, per pixel: its maps, as many gradients, and what
/// normalisations remember.
const NETWORK_BYTES_PER_PIXEL: u64 = 4 * 600;

/// Memory for measuring a style image once, in tiles.
const STYLE_BYTES: u64 = 512 << 20;

/// A picture is held as bytes, its shorter side at most one and a half squares.
const PICTURE_SQUARES: u64 = 4;

/// A step's network takes half as long as the frozen one.
const SHARE_OF_VGG: u64 = 2;

/// The least memory, in bytes, of a part of a training run on so many pictures.
pub fn training_bytes(training: &Training, pictures: usize) -> u64 {
    let square = u64::from(training.painted_px()).pow(2);
    let held = 3 * PICTURE_SQUARES * square * pictures.min(Training::MOST_PICTURES) as u64;
    MEMORY_BASE_BYTES
        + STYLE_BYTES
        + (TILE_BYTES_PER_PIXEL + NETWORK_BYTES_PER_PIXEL) * square
        + held
}

/// The work of so many steps: see [`work`](super::work).
pub fn training_work(training: &Training, steps: u32) -> u64 {
    let square = u64::from(training.painted_px()).pow(2);
    let step = square + square / SHARE_OF_VGG;
    step * u64::from(training.batch) * u64::from(steps)
}
