//! The network that both ways to stylise share: three convolutions that halve the picture twice,
//! residual blocks, three convolutions that enlarge it again. They differ in their channels, in the
//! number of blocks, in what is normalised and in where the factors of a normalisation come from.
//!
//! An axis of n pixels is halved to n / 2 rounded up, so an enlarged axis is a multiple of four
//! pixels, and what is beyond the picture is cut off. That is what the original graphs compute at
//! any size.

use super::{
    border::Border,
    direct::{Direct, Map},
    kernel::Kernel,
    normalization::{Affine, Factors, Moments, normalize},
    outer::{self, Outer},
    picture::Picture,
    residual::{self, Block},
    tensors::{TensorError, Tensors},
    unrolled::Unrolled,
    workspace::Workspace,
};
use crate::{
    fp32::{dispatch, kernels::Kernels, rows::Rows, thin::Activation},
    level::Level,
    threads::Threads,
};

/// What distinguishes two networks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topology {
    /// How the names of its tensors begin.
    pub(super) prefix: &'static str,
    /// Output channels of the convolutions before the blocks, which need those of a block at last.
    pub(super) contract: [usize; 3],
    /// Whether they are normalised; they have a bias otherwise.
    pub(super) normalizes_contract: bool,
    pub(super) blocks: usize,
    /// Output channels of the convolutions after the blocks, the last of which makes colours.
    pub(super) expand: [usize; 3],
}

impl Topology {
    /// The normalised layers in their order: name and channels.
    pub(super) fn normalized(&self) -> Vec<(String, usize)> {
        let prefix = self.prefix;
        let contract = (0..3).map(|i| (format!("{prefix}contract.{i}"), self.contract[i]));
        let blocks = (0..2 * self.blocks)
            .map(|i| (format!("{prefix}residual.{}.{}", i / 2, i % 2), residual::CHANNELS));
        let expand = (0..3).map(|i| (format!("{prefix}expand.{i}"), self.expand[i]));
        let contract = contract.filter(|_| self.normalizes_contract);
        contract.chain(blocks).chain(expand).collect()
    }
}

#[derive(Debug)]
pub(super) struct Body {
    pub(super) topology: Topology,
    pub(super) kernels: Option<&'static Kernels>,
    pub(super) contract: [Layer; 3],
    pub(super) blocks: Vec<Block>,
    pub(super) expand: [Layer; 3],
}

/// A layer outside the residual blocks.
#[derive(Debug)]
pub(super) enum Layer {
    Direct(Direct),
    Outer(Outer),
}

impl Layer {
    pub(super) fn out_channels(&self) -> usize {
        match self {
            Self::Direct(layer) => layer.out_channels(),
            Self::Outer(layer) => layer.out_channels(),
        }
    }

    pub(super) fn out_len(&self, len: usize) -> usize {
        match self {
            Self::Direct(layer) => layer.out_len(len),
            Self::Outer(_) => len,
        }
    }

    pub(super) fn run(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        borders: [Border; 2],
        output: &mut [f32],
        measure: bool,
    ) -> Moments {
        match self {
            Self::Direct(layer) => layer.run(threads, kernels, map, borders, output, measure),
            Self::Outer(layer) => layer.run(threads, kernels, map, borders, output, measure),
        }
    }
}

impl Body {
    pub(super) fn new(
        topology: Topology,
        tensors: &Tensors<'_>,
        level: Level,
    ) -> Result<Self, TensorError> {
        let kernels = dispatch::kernels(level.lowered());
        let Topology { prefix, contract, normalizes_contract, blocks, expand } = topology;
        let take =
            |stage: &str, index: usize, channels: [usize; 2], side: usize, has_bias: bool| {
                let [in_channels, out_channels] = channels;
                let name = |what: &str| format!("{prefix}{stage}.{index}.{what}");
                let shape = [out_channels, in_channels, side, side];
                let weights = tensors.take(&name("weight"), &shape)?;
                let bias =
                    if has_bias { tensors.take(&name("bias"), &[out_channels])? } else { &[] };
                Ok(Kernel { in_channels, out_channels, side, weights, bias })
            };
        let contracting = |index: usize, in_channels: usize| {
            let side = if index == 0 { outer::SIDE } else { 3 };
            let channels = [in_channels, contract[index]];
            let kernel = take("contract", index, channels, side, !normalizes_contract)?;
            let activation =
                if normalizes_contract { Activation::Linear } else { Activation::Rectify };
            Ok(if index == 0 {
                Layer::Outer(Outer::new(&kernel, kernels, activation))
            } else {
                Layer::Direct(Direct::new(&kernel, kernels, 1, 2, activation))
            })
        };
        let expanding = |index: usize, in_channels: usize| {
            let channels = [in_channels, expand[index]];
            Ok(if index == 2 {
                let kernel = take("expand", index, channels, outer::SIDE, false)?;
                Layer::Outer(Outer::new(&kernel, kernels, Activation::Linear))
            } else {
                let kernel = take("expand", index, channels, 3, false)?;
                Layer::Direct(Direct::enlarging(&kernel, kernels))
            })
        };
        Ok(Self {
            topology,
            kernels,
            contract: [
                contracting(0, 3)?,
                contracting(1, contract[0])?,
                contracting(2, contract[1])?,
            ],
            blocks: (0..blocks)
                .map(|block| Block::new(tensors, &format!("{prefix}residual.{block}"), kernels))
                .collect::<Result<_, _>>()?,
            expand: [
                expanding(0, residual::CHANNELS)?,
                expanding(1, expand[0])?,
                expanding(2, expand[1])?,
            ],
        })
    }

    /// The memory that a picture of this size takes beside itself and the output: the three largest
    /// maps that are held at a time, and its continuation with what was painted of it where it is
    /// unrolled.
    pub(super) fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        let (width, height) = Unrolled::size(size, wraps);
        let unrolled = if (width, height) == size { 0 } else { 2 * 3 * width * height };
        let [half, quarter] = [2, 4].map(|by| width.div_ceil(by) * height.div_ceil(by));
        let whole = 16 * quarter;
        let [first, second, _] = self.topology.contract;
        let [small, middle, large] = self.topology.expand;
        let full_size = (first * width * height).max(middle * whole);
        let half_size = (second * half).max(4 * small * quarter).max(large * whole);
        4 * (full_size + half_size + residual::CHANNELS * quarter + unrolled) as u64
    }

    /// Paints a picture whose size was checked; `factors` are those of the normalised layers, in
    /// their order.
    pub(super) fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &Picture<'_>,
        factors: &[Factors],
        output: &mut [f32],
    ) {
        let Some(unrolled) = Unrolled::of(picture) else {
            return self.paint_whole(workspace, picture, factors, output);
        };
        let whole = unrolled.picture(picture);
        let mut painted = workspace.take(whole.rgb.len());
        let values = &mut painted[..whole.rgb.len()];
        self.paint_whole(workspace, &whole, factors, values);
        unrolled.cut(values, picture.width, output);
        workspace.give(painted);
    }

    /// Paints a picture as it is.
    fn paint_whole(
        &self,
        workspace: &mut Workspace,
        picture: &Picture<'_>,
        factors: &[Factors],
        output: &mut [f32],
    ) {
        let kernels = self.kernels;
        let wraps = [picture.wrap_x, picture.wrap_y];
        let mirrored = wraps.map(|wraps| if wraps { Border::Wrap } else { Border::Reflect });
        let repeated = wraps.map(|wraps| if wraps { Border::Wrap } else { Border::Replicate });
        let mut factors = factors.iter();
        let mut next = || factors.next().expect("factors for each normalised layer");

        // The networks take colours of 0 to 1.
        let scaled = Affine::uniform(3, 1.0 / 255.0);
        let mut stage = Stage {
            map: Vec::new(),
            width: picture.width,
            height: picture.height,
            affine: Some(scaled),
        };
        for (index, layer) in self.contract.iter().enumerate() {
            let colors = (index == 0).then_some(picture.rgb);
            let norm = self.topology.normalizes_contract.then(&mut next);
            stage = stage.through(layer, workspace, kernels, colors, mirrored, norm);
        }

        let len = stage.width * stage.height * residual::CHANNELS;
        let map = &mut stage.map[..len];
        if let Some(affine) = stage.affine.take() {
            normalize(&mut workspace.threads, kernels, residual::CHANNELS, &affine, map);
        }
        let plane = residual::plane(stage.width, stage.height, wraps);
        for block in &self.blocks {
            block.run(workspace, kernels, &plane, [next(), next()], map);
        }

        let [first, second, last] = &self.expand;
        for layer in [first, second] {
            stage = stage.through(layer, workspace, kernels, None, repeated, Some(next()));
        }
        stage = stage.through(last, workspace, kernels, None, mirrored, Some(next()));
        let Stage { map: colors, width, affine: Some(Affine { scale, shift, .. }), .. } = stage
        else {
            unreachable!("the last layer is normalised")
        };
        workspace.threads.each_piece(output, 3 * picture.width, |y, values, _| {
            values.copy_from_slice(&colors[3 * y * width..][..values.len()]);
            dispatch::rows(kernels, Rows::Sigmoid { values, scale: &scale, shift: &shift });
        });
        workspace.give(colors);
    }
}

/// A map on its way through the network.
struct Stage {
    /// Perhaps longer than the map.
    map: Vec<f32>,
    width: usize,
    height: usize,
    /// How its values are meant.
    affine: Option<Affine>,
}

impl Stage {
    /// What a layer makes of it, or of the picture's colours. A normalisation that follows is only
    /// measured: whoever reads the map applies it, with its ReLU.
    fn through(
        self,
        layer: &Layer,
        workspace: &mut Workspace,
        kernels: Option<&Kernels>,
        colors: Option<&[f32]>,
        borders: [Border; 2],
        factors: Option<&Factors>,
    ) -> Self {
        let Self { map: input, width, height, affine } = self;
        let values = colors.unwrap_or(&input);
        let source = Map { values, width, height, affine: affine.as_ref() };
        let (width, height) = (layer.out_len(width), layer.out_len(height));
        let len = width * height * layer.out_channels();
        let mut map = workspace.take(len);
        let threads = &mut workspace.threads;
        let moments =
            layer.run(threads, kernels, &source, borders, &mut map[..len], factors.is_some());
        workspace.give(input);
        let affine = factors.map(|factors| moments.affine(factors, true));
        Self { map, width, height, affine }
    }
}
