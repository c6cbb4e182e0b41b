//! VGG-19 and the decoder of a network for any style: see `impasto_kernels::networks::Decoder`.

use std::fmt;

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::layers::{Affine, Finish, Layer, Meaning, Sampling, convolve};
use impasto_cuda::maps::Edges;
use impasto_kernels::Edge;
use impasto_kernels::networks::{DecoderLayout, DecoderWeights, LayerWeights, LevelWeights};
use impasto_models::VggWeights;
use impasto_types::Profile;

use super::WORD;
use super::body::on_device;
use crate::cards::failed;
use crate::one_pass::statistics::FeatureTransfer;
use crate::optimize::device::View;
use crate::optimize::device::tensor::{Kernels, TensorDevice};
use crate::{EngineError, Image};

const MIRRORED: Edges = Edges { x: Edge::Reflect, y: Edge::Reflect };
const REPEATED: Edges = Edges { x: Edge::Replicate, y: Edge::Replicate };

/// What looks at pictures on a card, and makes them there of what it saw.
pub(in crate::one_pass) struct CardRestyler {
    vgg: TensorDevice,
    /// The finest first.
    levels: Vec<Level>,
    colors: Layer,
}

struct Level {
    read: Layer,
    enlarge: Option<Layer>,
    inner: Option<Layer>,
}

impl fmt::Debug for CardRestyler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardRestyler").field("vgg", &self.vgg).finish_non_exhaustive()
    }
}

impl CardRestyler {
    /// Copies the weights to a card.
    ///
    /// # Errors
    /// Where the weights are not VGG-19's, or the device fails.
    pub(in crate::one_pass) fn new(
        vgg: &VggWeights,
        decoder: &DecoderWeights,
        device: &Device,
        profile: Profile,
    ) -> std::result::Result<Self, EngineError> {
        let vgg = TensorDevice::with_kernels(vgg, device.clone(), profile, Kernels::Fused)?;
        let layer = |own: &LayerWeights| on_device(own, device);
        let level = |own: &LevelWeights| -> Result<_> {
            let LevelWeights { read, enlarge, inner } = own;
            let (enlarge, inner) = (enlarge.as_ref(), inner.as_ref());
            Ok(Level {
                read: layer(read)?,
                enlarge: enlarge.map(layer).transpose()?,
                inner: inner.map(layer).transpose()?,
            })
        };
        let levels = decoder.levels.iter().map(level).collect::<Result<_>>();
        let made = levels.and_then(|levels| Ok((levels, layer(&decoder.colors)?)));
        let (levels, colors) = made.map_err(|error| failed(device, error))?;
        Ok(Self { vgg, levels, colors })
    }

    /// What looks.
    pub(in crate::one_pass) fn vgg(&self) -> &TensorDevice {
        &self.vgg
    }

    /// Memory that the weights of the decoder take.
    pub(in crate::one_pass) fn decoder_bytes(&self) -> u64 {
        let of = |level: &Level| {
            let all = [Some(&level.read), level.enlarge.as_ref(), level.inner.as_ref()];
            all.into_iter().flatten().map(Layer::bytes).sum::<u64>()
        };
        self.levels.iter().map(of).sum::<u64>() + self.colors.bytes()
    }

    /// Memory of the card that a tile of this size takes, beside the weights.
    pub(in crate::one_pass) fn tile_bytes(&self, size: (usize, usize), view: View) -> u64 {
        let pixels = |level: usize| ((size.0 >> level) * (size.1 >> level)) as u64;
        let read = DecoderLayout::READ.iter().enumerate();
        let features: u64 = read.map(|(level, own)| pixels(level) * *own as u64).sum();
        let map = |level: usize| {
            self.levels.get(level).map_or(0, |own| pixels(level) * own.read.out_channels() as u64)
        };
        // What was added, what is made, and what the coarser level made.
        let made = (0..self.levels.len()).map(|level| 2 * map(level) + map(level + 1));
        let made = made.max().unwrap_or(0);
        // Of the picture and of the colours that it begins with, one comes back painted.
        let pictures = 3 * 3 * WORD * pixels(0);
        let seen = self.vgg.features_bytes(size, view, &DecoderLayout::LAYERS);
        // As they were seen, while they are brought to single precision.
        let kept = 2 * WORD * features;
        pictures + seen.max(kept + WORD * made)
    }

    /// What is made of a tile that was looked at as `noisy` and begins as `clean`, whose sides are
    /// multiples of [`DecoderLayout::BLOCK_PX`].
    ///
    /// # Errors
    /// Where the device fails.
    pub(in crate::one_pass) fn paint(
        &self,
        noisy: &Image,
        clean: &Image,
        view: View,
        transfer: &FeatureTransfer,
    ) -> std::result::Result<Vec<f32>, EngineError> {
        let painted = self.painted(noisy, transfer.colors(clean), view, transfer);
        painted.map_err(|error| failed(self.vgg.device(), error))
    }

    fn painted(
        &self,
        noisy: &Image,
        colors: Vec<f32>,
        view: View,
        transfer: &FeatureTransfer,
    ) -> Result<Vec<f32>> {
        let device = self.vgg.device();
        let shape = (noisy.height, noisy.width, 3);
        let picture = Tensor::from_slice(&noisy.rgb, shape, device)?;
        let mut maps = vec![picture.clone()];
        for features in self.vgg.features(&picture, view, &DecoderLayout::LAYERS)? {
            maps.push(features.to_dtype(DType::F32)?);
        }
        let mut coarser: Option<Tensor> = None;
        for ((level, map), (scale, shift)) in
            self.levels.iter().zip(&maps).zip(transfer.levels()).rev()
        {
            let restyled = Affine::new(scale, shift, device)?;
            let how = Meaning::normalized(&restyled, false);
            let enlarged = match (&level.enlarge, coarser.take()) {
                (Some(enlarge), Some(coarser)) => {
                    let (plain, sampling) = (Meaning::PLAIN, Sampling::Enlarging);
                    Some(convolve(enlarge, &coarser, plain, sampling, REPEATED, Finish::PLAIN)?)
                }
                _ => None,
            };
            let outer = leaking(&level.read, map, how, enlarged.as_ref())?;
            drop(enlarged);
            coarser = Some(match &level.inner {
                Some(inner) => leaking(inner, &outer, Meaning::PLAIN, Some(&outer))?,
                None => outer,
            });
        }
        let finest = coarser.expect("a decoder has levels");
        let colors = Tensor::from_vec(colors, shape, device)?;
        let finish = Finish { added: Some(&colors), gain: DecoderLayout::ADDED, slope: 1.0 };
        let (plain, each) = (Meaning::PLAIN, Sampling::Each);
        let painted = convolve(&self.colors, &finest, plain, each, MIRRORED, finish)?;
        painted.flatten_all()?.to_vec1()
    }
}

/// A layer of units that leak, of what a convolution makes of a map, and something else.
fn leaking(
    layer: &Layer,
    map: &Tensor,
    how: Meaning<'_>,
    added: Option<&Tensor>,
) -> Result<Tensor> {
    let finish = Finish { added, gain: 1.0, slope: DecoderLayout::LEAK };
    convolve(layer, map, how, Sampling::Each, REPEATED, finish)
}
