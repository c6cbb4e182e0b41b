//! How the network sees a picture: what lies beyond its border, and how feature maps are halved.

use impasto_kernels::{Edge, Pool, Shape};
use impasto_types::{Optimize, Padding, Pooling};

/// How the network sees a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub edge_x: Edge,
    pub edge_y: Edge,
    pub pool: Pool,
}

impl View {
    /// Of the asset's canvas: it wraps where the asset tiles, or is closed to a ring.
    pub fn of_asset(recipe: &Optimize) -> Self {
        let style = Self::of_style(recipe);
        let along = |wraps, edge| if wraps { Edge::Wrap } else { edge };
        Self {
            edge_x: along(recipe.wraps_x(), style.edge_x),
            edge_y: along(recipe.wraps_y(), style.edge_y),
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
        Self { edge_x: edge, edge_y: edge, pool }
    }

    /// A whole picture of this size, seen so.
    pub fn shape(self, width: usize, height: usize) -> Shape {
        let Self { edge_x, edge_y, pool } = self;
        Shape { width, height, edge_x, edge_y, pool, seam_x: 0, seam_y: 0 }
    }
}
