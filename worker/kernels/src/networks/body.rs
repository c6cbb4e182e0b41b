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
    layer::Layer,
    layer_weights::{BodyWeights, LayerWeights},
    normalization::{Affine, Factors, normalize},
    outer::{self, Outer},
    picture::Canvas,
    residual::{self, Block},
    strips::{Pair, ROWS},
    tensors::{TensorError, Tensors},
    unrolled::{unrolled, unrolled_size},
    workspace::Workspace,
};
use crate::{
    fp32::{dispatch, kernels::Kernels, rows::Rows, thin::Activation},
    level::Level,
};

/// From so many values of a map of a picture's full size on, none is stored: 256 MiB. The planner
/// counts with the same (`planner/src/estimate/one_pass.rs`).
const STORED_FLOATS: usize = 64 << 20;

/// How many strips a picture has, about: a strip takes less than the maps of the blocks, and has
/// work for many threads.
const STRIPS: usize = 16;

/// The least height of a picture in strips.
const LEAST_HEIGHT: usize = STRIPS * ROWS;

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

    /// The weights: `PREFIXcontract.I`, with biases where they are not normalised,
    /// `PREFIXresidual.B.I` and `PREFIXexpand.I`.
    pub(super) fn weights(&self, tensors: &Tensors<'_>) -> Result<BodyWeights, TensorError> {
        let &Self { prefix, contract, normalizes_contract, blocks, expand } = self;
        let contracting = |index: usize, in_channels: usize| {
            let side = if index == 0 { outer::SIDE } else { 3 };
            let (name, channels) = (format!("{prefix}contract.{index}"), contract[index]);
            let channels = [in_channels, channels];
            LayerWeights::take(tensors, &name, channels, side, !normalizes_contract)
        };
        let expanding = |index: usize, in_channels: usize| {
            let side = if index == 2 { outer::SIDE } else { 3 };
            let (name, channels) = (format!("{prefix}expand.{index}"), expand[index]);
            LayerWeights::take(tensors, &name, [in_channels, channels], side, false)
        };
        let block = |block: usize| {
            let own = |index: usize| {
                let name = format!("{prefix}residual.{block}.{index}");
                LayerWeights::take(tensors, &name, [residual::CHANNELS; 2], 3, false)
            };
            Ok([own(0)?, own(1)?])
        };
        Ok(BodyWeights {
            contract: [
                contracting(0, 3)?,
                contracting(1, contract[0])?,
                contracting(2, contract[1])?,
            ],
            normalizes_contract,
            blocks: (0..blocks).map(block).collect::<Result<_, _>>()?,
            expand: [
                expanding(0, residual::CHANNELS)?,
                expanding(1, expand[0])?,
                expanding(2, expand[1])?,
            ],
        })
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

impl Body {
    pub(super) fn new(topology: Topology, weights: &BodyWeights, level: Level) -> Self {
        let kernels = dispatch::kernels(level.lowered());
        let BodyWeights { contract, normalizes_contract, blocks, expand } = weights;
        let activation =
            if *normalizes_contract { Activation::Linear } else { Activation::Rectify };
        let outer = |own: &LayerWeights, activation| {
            Layer::Outer(Outer::new(&own.kernel(), kernels, activation))
        };
        let halving = |own: &LayerWeights| {
            Layer::Direct(Direct::new(&own.kernel(), kernels, 1, 2, activation))
        };
        let enlarging =
            |own: &LayerWeights| Layer::Direct(Direct::enlarging(&own.kernel(), kernels));
        let [first, second, third] = contract;
        let [small, middle, large] = expand;
        Self {
            topology,
            kernels,
            contract: [outer(first, activation), halving(second), halving(third)],
            blocks: blocks.iter().map(|block| Block::new(block, kernels)).collect(),
            expand: [enlarging(small), enlarging(middle), outer(large, Activation::Linear)],
        }
    }

    /// How many rows of its size a picture is painted in at a time: see [`Pair`]. Not in strips
    /// where a map of that size has less than [`STORED_FLOATS`] values.
    fn strip_rows(&self, (width, height): (usize, usize)) -> Option<usize> {
        let [first, ..] = self.topology.contract;
        let [_, last, _] = self.topology.expand;
        let row_floats = first.max(last) * width;
        let is_large = height >= LEAST_HEIGHT && row_floats * height >= STORED_FLOATS;
        is_large.then(|| height / LEAST_HEIGHT * ROWS)
    }

    /// The memory that a picture of this size takes beside itself, in bytes: the largest maps that
    /// are held at a time, and where it is unrolled, its continuation and what is cut of that.
    pub(super) fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        let (width, height) = unrolled_size(size, wraps);
        let unrolled = if (width, height) == size { 0 } else { 3 * 3 * width * height };
        let [half, quarter] = [2, 4].map(|by| width.div_ceil(by) * height.div_ceil(by));
        let whole = 16 * quarter;
        let [first, second, _] = self.topology.contract;
        let [small, middle, large] = self.topology.expand;
        let blocks = residual::CHANNELS * quarter;
        let maps = if let Some(rows) = self.strip_rows((width, height)) {
            let [contract, expand] = self.strip_floats(rows, (width, height));
            let contracted = second * half + contract.max(blocks);
            let expanded = 4 * small * quarter + expand.max(blocks);
            contracted.max(3 * blocks).max(expanded)
        } else {
            let full_size = (first * width * height).max(middle * whole);
            let half_size = (second * half).max(4 * small * quarter).max(large * whole);
            full_size + half_size + blocks
        };
        4 * (maps + unrolled) as u64
    }

    /// What both pairs of layers take in strips of so many rows.
    fn strip_floats(&self, rows: usize, (width, height): (usize, usize)) -> [usize; 2] {
        let half = (2 * width.div_ceil(4), 2 * height.div_ceil(4));
        let borders = [[Border::Wrap; 2]; 2];
        let [first, last] = self.pairs(rows, borders, borders);
        [first.floats((width, height)), last.floats(half)]
    }

    /// The layers between which maps have a picture's full size.
    fn pairs(
        &self,
        rows: usize,
        contract: [[Border; 2]; 2],
        expand: [[Border; 2]; 2],
    ) -> [Pair<'_>; 2] {
        let kernels = self.kernels;
        let ([first, second, _], [_, middle, last]) = (&self.contract, &self.expand);
        [
            Pair { rows, layers: [first, second], borders: contract, kernels },
            Pair { rows, layers: [middle, last], borders: expand, kernels },
        ]
    }

    /// Paints a picture, whose size was checked, over itself; `factors` are those of the normalised
    /// layers, in their order.
    pub(super) fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        factors: &[Factors],
    ) {
        unrolled(picture, |picture| {
            let rows = self.strip_rows((picture.width, picture.height));
            self.paint_whole(workspace, picture, factors, rows);
        });
    }

    /// Paints a picture as it is, perhaps in strips of so many rows.
    pub(super) fn paint_whole(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        factors: &[Factors],
        strip_rows: Option<usize>,
    ) {
        let kernels = self.kernels;
        let wraps = [picture.wrap_x, picture.wrap_y];
        let mirrored = wraps.map(|wraps| if wraps { Border::Wrap } else { Border::Reflect });
        let repeated = wraps.map(|wraps| if wraps { Border::Wrap } else { Border::Replicate });
        let mut factors = factors.iter();
        let mut next = || factors.next().expect("factors for each normalised layer");
        let normalizes = self.topology.normalizes_contract;

        // The networks take colours of 0 to 1.
        let scaled = Affine::uniform(3, 1.0 / 255.0);
        let colors = Map::new(picture.rgb, picture.width, picture.height, Some(&scaled));
        let [outer, second, third] = &self.contract;
        let pairs = strip_rows.map(|rows| self.pairs(rows, [mirrored; 2], [repeated, mirrored]));
        let mut stage = if let Some([pair, _]) = &pairs {
            // What smaller pictures left.
            workspace.clear();
            let norms = if normalizes { [Some(next()), Some(next())] } else { [None; 2] };
            Stage::through_both(pair, workspace, &colors, norms)
        } else {
            let norm = normalizes.then(&mut next);
            let stage = Stage::of(outer, workspace, kernels, &colors, mirrored, norm);
            stage.through(second, workspace, kernels, mirrored, normalizes.then(&mut next))
        };
        stage = stage.through(third, workspace, kernels, mirrored, normalizes.then(&mut next));
        if pairs.is_some() {
            workspace.clear();
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
        if pairs.is_some() {
            workspace.clear();
        }

        let [first, middle, last] = &self.expand;
        stage = stage.through(first, workspace, kernels, repeated, Some(next()));
        let affine = if let Some([_, pair]) = &pairs {
            workspace.clear();
            stage.finish_both(pair, workspace, picture, [next(), next()])
        } else {
            stage = stage.through(middle, workspace, kernels, repeated, Some(next()));
            stage.through(last, workspace, kernels, mirrored, Some(next())).cut(workspace, picture)
        };
        let Affine { scale, shift, .. } = affine;
        workspace.threads.each_piece(picture.rgb, 3 * picture.width, |_, values, _| {
            dispatch::rows(kernels, Rows::Sigmoid { values, scale: &scale, shift: &shift });
        });
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
    /// What a layer makes of the picture. A normalisation that follows is only measured: whoever
    /// reads the map applies it, with its ReLU.
    fn of(
        layer: &Layer,
        workspace: &mut Workspace,
        kernels: Option<&Kernels>,
        source: &Map<'_>,
        borders: [Border; 2],
        factors: Option<&Factors>,
    ) -> Self {
        let (width, height) = (layer.out_len(source.width), layer.out_len(source.height));
        let len = width * height * layer.out_channels();
        let mut map = workspace.take(len);
        let threads = &mut workspace.threads;
        let moments =
            layer.run(threads, kernels, source, borders, &mut map[..len], factors.is_some());
        let affine = factors.map(|factors| moments.affine(factors, true));
        Self { map, width, height, affine }
    }

    /// The same of a map.
    fn through(
        self,
        layer: &Layer,
        workspace: &mut Workspace,
        kernels: Option<&Kernels>,
        borders: [Border; 2],
        factors: Option<&Factors>,
    ) -> Self {
        let Self { map: input, width, height, affine } = self;
        let source = Map::new(&input, width, height, affine.as_ref());
        let stage = Self::of(layer, workspace, kernels, &source, borders, factors);
        workspace.give(input);
        stage
    }

    /// What two layers make of the picture, without the map between.
    fn through_both(
        pair: &Pair<'_>,
        workspace: &mut Workspace,
        source: &Map<'_>,
        [between, factors]: [Option<&Factors>; 2],
    ) -> Self {
        let [first, second] = pair.layers;
        let along = |len: usize| second.out_len(first.out_len(len));
        let (width, height) = (along(source.width), along(source.height));
        let row_floats = width * second.out_channels();
        let mut map = workspace.take(height * row_floats);
        let threads = &mut workspace.threads;
        let affine = between.map(|factors| pair.moments(threads, source).affine(factors, true));
        let moments = pair.run(threads, source, affine.as_ref(), |rows, values| {
            map[rows.start * row_floats..][..values.len()].copy_from_slice(values);
        });
        let affine = factors.map(|factors| moments.affine(factors, true));
        Self { map, width, height, affine }
    }

    /// The colours that the last two layers make of it, as far as the picture goes, without the map
    /// between; and how they are meant.
    fn finish_both(
        self,
        pair: &Pair<'_>,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        [between, factors]: [&Factors; 2],
    ) -> Affine {
        let Self { map, width, height, affine } = self;
        let source = Map::new(&map, width, height, affine.as_ref());
        let [first, second] = pair.layers;
        let row_floats = 3 * second.out_len(first.out_len(width));
        let threads = &mut workspace.threads;
        let affine = pair.moments(threads, &source).affine(between, true);
        let moments = pair.run(threads, &source, Some(&affine), |rows, values| {
            picture.take(rows.start, values, row_floats);
        });
        moments.affine(factors, true)
    }

    /// The same of colours that are there.
    fn cut(self, workspace: &mut Workspace, picture: &mut Canvas<'_>) -> Affine {
        let Self { map, width, affine: Some(affine), .. } = self else {
            unreachable!("the last layer is normalised")
        };
        picture.take(0, &map, 3 * width);
        workspace.give(map);
        affine
    }
}
