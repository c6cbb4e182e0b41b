//! What a decoder reads of a picture.

use impasto_kernels::networks::{DecoderInput, DecoderLayout};

use super::statistics::{FeatureStatistics, FeatureTransfer};
use crate::Image;
use crate::optimize::device::TiledPass;

/// Colours and features of a picture: as they are, until they are [restyled](Self::restyle).
#[derive(Debug)]
pub struct Reading {
    width: usize,
    height: usize,
    colors: Vec<f32>,
    /// The finest level first.
    maps: [Vec<f32>; DecoderLayout::READ.len()],
}

impl Reading {
    /// Looks at a picture of one tile, whose sides are multiples of [`DecoderLayout::BLOCK_PX`].
    ///
    /// # Panics
    /// If the pass is for a picture of another size.
    pub fn of(eyes: &mut TiledPass, image: Image) -> Self {
        let features = eyes.features(&image, &DecoderLayout::LAYERS);
        let Image { width, height, rgb } = image;
        let Ok([second, third, fourth]) = <[_; 3]>::try_from(features) else {
            unreachable!("features of each layer")
        };
        Self { width, height, colors: Vec::new(), maps: [rgb, second, third, fourth] }
    }

    /// The statistics of what was looked at.
    pub fn statistics(&self) -> FeatureStatistics {
        FeatureStatistics::of_maps(&self.maps)
    }

    /// Gives it other statistics. `source` is the picture without noise, which the result begins
    /// with.
    pub fn restyle(&mut self, transfer: &FeatureTransfer, source: &Image) {
        transfer.apply(&mut self.maps);
        self.colors = transfer.colors(source);
    }

    /// What the decoder makes a picture of.
    pub fn input(&self) -> DecoderInput<'_> {
        let Self { width, height, ref colors, ref maps } = *self;
        DecoderInput { width, height, colors, maps: maps.each_ref().map(|map| &map[..]) }
    }
}
