//! How the network sees a picture: what lies beyond its border, how feature maps are halved, and
//! how deep it is looked at.

use impasto_kernels::{Edge, Layer, Pool, Shape};
use impasto_types::{Optimize, Padding, Pooling};

use crate::Frame;

/// How the network sees a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub edge_x: Edge,
    pub edge_y: Edge,
    pub pool: Pool,
    /// The deepest layer that is asked for. Halos, tiles and memory follow from it.
    pub deepest: Layer,
    /// Pixels of a layer's map, along an axis, that the device computes together: tiles begin at
    /// multiples of them.
    pub block_px: usize,
}

/// The largest block of any device: Winograd's.
const LARGEST_BLOCK_PX: usize = 4;

impl View {
    /// With all layers, on any device.
    pub fn new(edge_x: Edge, edge_y: Edge, pool: Pool) -> Self {
        Self { edge_x, edge_y, pool, deepest: Layer::Relu5_1, block_px: LARGEST_BLOCK_PX }
    }

    /// The same no deeper than a layer.
    #[must_use]
    pub fn up_to(self, deepest: Layer) -> Self {
        Self { deepest, ..self }
    }

    /// The same on a device whose blocks are of this size.
    #[must_use]
    pub fn in_blocks_of(self, block_px: usize) -> Self {
        Self { block_px, ..self }
    }

    /// Of what the network sees of a canvas, which wraps where its frame says so and its length is
    /// a multiple of 16 pixels.
    pub fn of_canvas(recipe: &Optimize, frame: Frame) -> Self {
        let style = Self::of_style(recipe);
        // What is unrolled ends somewhere in the next lap.
        let along = |wraps, len: usize, edge| {
            let closes = wraps && Optimize::seen(len as u32, true) as usize == len;
            if closes { Edge::Wrap } else { edge }
        };
        Self {
            edge_x: along(frame.wraps_across(), frame.width(), style.edge_x),
            edge_y: along(frame.wraps_down(), frame.height(), style.edge_y),
            ..style
        }
    }

    /// Of a canvas's reduced copy, whose sides are multiples of 16 pixels: it wraps where the
    /// canvas does.
    pub fn of_copy(recipe: &Optimize, frame: Frame) -> Self {
        let style = Self::of_style(recipe);
        let along = |wraps, edge| if wraps { Edge::Wrap } else { edge };
        Self {
            edge_x: along(frame.wraps_across(), style.edge_x),
            edge_y: along(frame.wraps_down(), style.edge_y),
            ..style
        }
    }

    /// Of a style image, which never wraps: it is seen once, and nothing gathers at its border.
    pub fn of_style(recipe: &Optimize) -> Self {
        let edge = match recipe.padding {
            Padding::Zero => Edge::Zero,
            Padding::Replicate => Edge::Replicate,
            Padding::Reflect | Padding::Ring => Edge::Reflect,
        };
        let pool = match recipe.pooling {
            Pooling::Max => Pool::Max,
            Pooling::Average => Pool::Average,
        };
        Self::new(edge, edge, pool)
    }

    /// A whole picture of this size, seen so.
    pub fn shape(self, width: usize, height: usize) -> Shape {
        let Self { edge_x, edge_y, pool, deepest: _, block_px: _ } = self;
        Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 }
    }
}
