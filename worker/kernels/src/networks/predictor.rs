//! The network that looks at a style image and says its vector: MobileNetV2, the mean over the
//! picture, a linear layer.
//!
//! A convolution of one pixel is a product of `fp32/thin.rs` like the others; its map is cut into
//! rows as suits the threads. Channels are padded to whole blocks of 16, with weights of zero.

use super::{
    border::Border,
    direct::{Direct, Map},
    kernel::Kernel,
    normalization::Affine,
    picture::PaintError,
    spread::Spread,
    tensors::{TensorError, Tensors},
    transformer::StyleVector,
    workspace::Workspace,
};
use crate::{
    fp32::{
        dispatch,
        gemm::{BLOCK, STRIP},
        kernels::Kernels,
        thin::Activation,
    },
    level::Level,
};

/// Channels before the first block and after the last.
const STEM: usize = 32;
const HEAD: usize = 1280;

/// A block: a convolution of one pixel that makes more channels, one of each channel by itself, and
/// one of one pixel that makes fewer. A block of stride 1 with as many channels before and after
/// adds its result to its input.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// As many as the block before has, if it makes no more.
    inner: usize,
    outer: usize,
    stride: usize,
}

const fn shape(inner: usize, outer: usize, stride: usize) -> Shape {
    Shape { inner, outer, stride }
}

const BLOCKS: [Shape; 17] = [
    shape(32, 16, 1),
    shape(96, 24, 2),
    shape(144, 24, 1),
    shape(144, 32, 2),
    shape(192, 32, 1),
    shape(192, 32, 1),
    shape(192, 64, 2),
    shape(384, 64, 1),
    shape(384, 64, 1),
    shape(384, 64, 1),
    shape(384, 96, 1),
    shape(576, 96, 1),
    shape(576, 96, 1),
    shape(576, 160, 2),
    shape(960, 160, 1),
    shape(960, 160, 1),
    shape(960, 320, 1),
];

/// Of each block: channels within and after it, and its stride.
#[cfg(test)]
pub(super) fn blocks() -> impl Iterator<Item = (usize, usize, usize)> {
    BLOCKS.iter().map(|block| (block.inner, block.outer, block.stride))
}

/// The network that makes a vector of a style image.
#[derive(Debug)]
pub struct StylePredictor {
    kernels: Option<&'static Kernels>,
    stem: Direct,
    blocks: Vec<Block>,
    head: Direct,
    /// `[number][channel]`, and the bias.
    style: (Vec<f32>, Vec<f32>),
}

#[derive(Debug)]
struct Block {
    expand: Option<Direct>,
    spread: Spread,
    project: Direct,
    adds: bool,
}

impl StylePredictor {
    /// Pixels of a style image's sides.
    pub const SIDE: usize = 256;

    /// Prepares the weights: `predict.stem`, `predict.block.B.expand` (not in block 0),
    /// `predict.block.B.depthwise`, `predict.block.B.project`, `predict.head` and `predict.style`,
    /// each with `.weight` of the shape `[out][in][row][column]` (a `depthwise` has one input, and
    /// a kernel of one pixel is `[out][in]`) and `.bias`, and nothing else that begins like this.
    /// A level that this processor lacks is lowered to the best one that it has.
    pub fn new(tensors: &Tensors<'_>, level: Level) -> Result<Self, TensorError> {
        let kernels = dispatch::kernels(level.lowered());
        let stem = {
            let weights = tensors.take("predict.stem.weight", &[STEM, 3, 3, 3])?;
            let bias = tensors.take("predict.stem.bias", &[STEM])?;
            let kernel = Kernel { in_channels: 3, out_channels: STEM, side: 3, weights, bias };
            Direct::new(&kernel, kernels, 0, 2, Activation::RectifyToSix)
        };
        let (mut before, mut blocks) = (STEM, Vec::new());
        for (index, Shape { inner, outer, stride }) in BLOCKS.into_iter().enumerate() {
            let name = |what: &str| format!("predict.block.{index}.{what}");
            let expand = if inner == before {
                None
            } else {
                let name = name("expand");
                Some(pixelwise(tensors, kernels, &name, [before, inner], Activation::RectifyToSix)?)
            };
            let spread = Spread::new(
                tensors.take(&name("depthwise.weight"), &[inner, 3, 3])?,
                tensors.take(&name("depthwise.bias"), &[inner])?,
                stride,
            );
            let name = name("project");
            let project = pixelwise(tensors, kernels, &name, [inner, outer], Activation::Linear)?;
            blocks.push(Block { expand, spread, project, adds: stride == 1 && before == outer });
            before = outer;
        }
        let head =
            pixelwise(tensors, kernels, "predict.head", [before, HEAD], Activation::RectifyToSix)?;
        let style = (
            tensors.take("predict.style.weight", &[StyleVector::LEN, HEAD])?.to_vec(),
            tensors.take("predict.style.bias", &[StyleVector::LEN])?.to_vec(),
        );
        tensors.finish("predict.")?;
        Ok(Self { kernels, stem, blocks, head, style })
    }

    /// The vector of a style image: `SIDE * SIDE * 3` values of 0 to 255, interleaved.
    pub fn predict(
        &self,
        workspace: &mut Workspace,
        rgb: &[f32],
    ) -> Result<StyleVector, PaintError> {
        let (side, expected) = (Self::SIDE, Self::SIDE * Self::SIDE * 3);
        if rgb.len() != expected {
            let found = rgb.len();
            return Err(PaintError::Picture { width: side, height: side, expected, found });
        }
        workspace.inside(|workspace| StyleVector::new(self.vector_of(workspace, rgb)))
    }

    fn vector_of(&self, workspace: &mut Workspace, rgb: &[f32]) -> Vec<f32> {
        let (kernels, side) = (self.kernels, Self::SIDE);
        let scaled = Affine::uniform(3, 1.0 / 255.0);
        let source = Map::new(rgb, side, side, Some(&scaled));
        let mut side = side / 2;
        let mut map = workspace.take(side * side * STEM + slack(STEM));
        let values = &mut map[..side * side * STEM];
        let threads = &mut workspace.threads;
        self.stem.run(threads, kernels, &source, [Border::Zero; 2], values, false);
        for block in &self.blocks {
            let mut inner = match &block.expand {
                Some(expand) => apply(expand, workspace, kernels, side, &map),
                None => std::mem::take(&mut map),
            };
            let spread = &block.spread;
            let len = spread.out_len(side).pow(2) * spread.channels();
            let mut spreaded = workspace.take(len + slack(spread.channels()));
            spread.run(&mut workspace.threads, kernels, side, &inner, &mut spreaded[..len]);
            side = spread.out_len(side);
            workspace.give(std::mem::take(&mut inner));
            let mut outer = apply(&block.project, workspace, kernels, side, &spreaded);
            workspace.give(spreaded);
            if block.adds {
                let len = side * side * block.project.out_channels();
                outer[..len].iter_mut().zip(&map).for_each(|(sum, value)| *sum += value);
            }
            workspace.give(std::mem::replace(&mut map, outer));
        }
        let features = apply(&self.head, workspace, kernels, side, &map);
        workspace.give(map);
        let vector = self.vector(&features[..side * side * HEAD]);
        workspace.give(features);
        vector
    }

    /// The linear layer, of the mean features.
    fn vector(&self, features: &[f32]) -> Vec<f32> {
        let mut means = vec![0.0_f64; HEAD];
        for pixel in features.chunks_exact(HEAD) {
            means.iter_mut().zip(pixel).for_each(|(mean, value)| *mean += f64::from(*value));
        }
        let pixels = (features.len() / HEAD) as f64;
        let (weights, bias) = &self.style;
        let rows = weights.chunks_exact(HEAD).zip(bias);
        rows.map(|(row, bias)| {
            let sum: f64 = row.iter().zip(&means).map(|(w, mean)| f64::from(*w) * mean).sum();
            (sum / pixels + f64::from(*bias)) as f32
        })
        .collect()
    }
}

/// A convolution of one pixel, with its channels padded.
fn pixelwise(
    tensors: &Tensors<'_>,
    kernels: Option<&Kernels>,
    name: &str,
    [inputs, outputs]: [usize; 2],
    activation: Activation,
) -> Result<Direct, TensorError> {
    let taken = tensors.take(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = tensors.take(&format!("{name}.bias"), &[outputs])?;
    let [in_channels, out_channels] =
        [inputs, outputs].map(|channels| channels.next_multiple_of(BLOCK));
    let mut weights = vec![0.0; out_channels * in_channels];
    for (to, from) in weights.chunks_exact_mut(in_channels).zip(taken.chunks_exact(inputs)) {
        to[..inputs].copy_from_slice(from);
    }
    let mut padded = bias.to_vec();
    padded.resize(out_channels, 0.0);
    let kernel = Kernel { in_channels, out_channels, side: 1, weights: &weights, bias: &padded };
    Ok(Direct::new(&kernel, kernels, 0, 1, activation))
}

/// Floats after a map that let its last pixels be read in whole strips.
fn slack(channels: usize) -> usize {
    (STRIP + 1) * channels
}

/// Applies a convolution of one pixel to a square map.
fn apply(
    layer: &Direct,
    workspace: &mut Workspace,
    kernels: Option<&Kernels>,
    side: usize,
    map: &[f32],
) -> Vec<f32> {
    /// Pixels of a row: nearly whole strips, and several rows for the threads to share.
    const WIDTH: usize = 128;
    let area = side * side;
    let width = WIDTH.min(area / 2);
    debug_assert!(area.is_multiple_of(width), "sides are powers of two");
    let source = Map::new(map, width, area / width, None);
    let len = area * layer.out_channels();
    let mut output = workspace.take(len + slack(layer.out_channels()));
    let threads = &mut workspace.threads;
    layer.run(threads, kernels, &source, [Border::Zero; 2], &mut output[..len], false);
    output
}
