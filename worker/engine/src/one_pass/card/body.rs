//! The network that both ways to stylise share: see `impasto_kernels::networks`.

use std::fmt;

use candle_core::{Device, Result, Tensor};
use impasto_cuda::layers::{
    self, Affine, Finish, Layer, Meaning, Sampling, colors, convolve, join, normalization,
};
use impasto_cuda::maps::Edges;
use impasto_kernels::Edge;
use impasto_kernels::networks::{
    BodyWeights, Canvas, Factors, LayerWeights, unrolled, unrolled_size,
};

use super::WORD;
use crate::EngineError;
use crate::cards::{failed, name};

/// A network's convolutions on a card.
pub(in crate::one_pass) struct CardBody {
    device: Device,
    contract: [Layer; 3],
    normalizes_contract: bool,
    blocks: Vec<[Layer; 2]>,
    expand: [Layer; 3],
    /// The networks take colours of 0 to 1.
    unit: Affine,
}

impl fmt::Debug for CardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardBody").field("device", &self.device).finish_non_exhaustive()
    }
}

/// A map on its way through the network.
struct Stage {
    map: Tensor,
    /// How its values are meant: normalised, and rectified then.
    affine: Option<Affine>,
}

impl Stage {
    fn meaning(&self) -> Meaning<'_> {
        let affine = self.affine.as_ref();
        affine.map_or(Meaning::PLAIN, |affine| Meaning::normalized(affine, true))
    }
}

impl CardBody {
    /// Copies the weights to a card.
    ///
    /// # Errors
    /// Where the device fails.
    pub(in crate::one_pass) fn new(
        weights: &BodyWeights,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        Self::of(weights, device).map_err(|error| failed(device, error))
    }

    fn of(weights: &BodyWeights, device: &Device) -> Result<Self> {
        let layer = |own: &LayerWeights| on_device(own, device);
        let BodyWeights { contract, normalizes_contract, blocks, expand } = weights;
        let three =
            |[a, b, c]: &[LayerWeights; 3]| -> Result<_> { Ok([layer(a)?, layer(b)?, layer(c)?]) };
        let two = |[a, b]: &[LayerWeights; 2]| -> Result<_> { Ok([layer(a)?, layer(b)?]) };
        Ok(Self {
            device: device.clone(),
            contract: three(contract)?,
            normalizes_contract: *normalizes_contract,
            blocks: blocks.iter().map(two).collect::<Result<_>>()?,
            expand: three(expand)?,
            unit: Affine::new(&[1.0 / 255.0; 3], &[0.0; 3], device)?,
        })
    }

    /// What it runs on, such as `cuda:0 fp32`.
    pub(in crate::one_pass) fn label(&self) -> String {
        format!("{} fp32", name(&self.device))
    }

    /// The host's memory that painting a picture takes, beside it: what comes back from the card,
    /// which is copied on its way; where it is unrolled, its continuation as well, and later what
    /// is cut of that.
    pub(in crate::one_pass) fn host_bytes(size: (usize, usize), wraps: (bool, bool)) -> u64 {
        let whole = unrolled_size(size, wraps);
        let image = 3 * WORD * (whole.0 * whole.1) as u64;
        if whole == size { 2 * image } else { 3 * image }
    }

    /// Memory of the card that painting a picture of this size takes, the weights included.
    pub(super) fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        let (width, height) = unrolled_size(size, wraps);
        let picture = 3 * (width * height) as u64;
        let mut side = (width, height);
        let mut last = picture;
        let mut peak = 0;
        let layers = (self.contract.iter().zip([1, 2, 2])).map(|(layer, by)| (layer, by, false));
        let enlarged = self.expand.iter().zip([2, 2, 1]).map(|(layer, by)| (layer, by, true));
        for (layer, by, enlarges) in layers.chain(enlarged) {
            let along = |len: usize| if enlarges { by * len } else { len.div_ceil(by) };
            side = (along(side.0), along(side.1));
            let own = (side.0 * side.1 * layer.out_channels()) as u64;
            // In a block there are what it reads, and what both of its layers make.
            let is_block = !enlarges && by == 2;
            peak = peak.max(if is_block { (last + own).max(3 * own) } else { last + own });
            last = own;
        }
        let peak = peak.max(last + picture);
        // Moments of parts of a map come to a fortieth of it.
        let weights: u64 = self.layers().map(Layer::bytes).sum();
        weights + WORD * (peak + peak / 32)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.contract.iter().chain(self.blocks.iter().flatten()).chain(&self.expand)
    }

    /// Paints over a picture; `factors` are those of the normalised layers, in their order.
    ///
    /// # Errors
    /// Where the device fails.
    pub(in crate::one_pass) fn paint(
        &self,
        canvas: &mut Canvas<'_>,
        factors: &[Factors],
    ) -> std::result::Result<(), EngineError> {
        let painted = unrolled(canvas, |canvas| {
            let painted = self.painted(canvas, factors)?.flatten_all()?.to_vec1::<f32>()?;
            canvas.rgb.copy_from_slice(&painted);
            Ok(())
        });
        painted.map_err(|error| failed(&self.device, error))
    }

    fn painted(&self, canvas: &Canvas<'_>, factors: &[Factors]) -> Result<Tensor> {
        let factors: Vec<_> = factors.iter().map(|own| [&own.gamma[..], &own.beta[..]]).collect();
        let factors = layers::Factors::all(&factors, &self.device)?;
        let mut factors = factors.iter();
        let mut normalized = |map: Tensor| -> Result<Stage> {
            let factors = factors.next().expect("factors for each normalised layer");
            let affine = normalization(&map, factors, Factors::EPSILON, Factors::FLAT)?;
            Ok(Stage { map, affine: Some(affine) })
        };
        let edges = |ends: Edge| {
            let of = |wraps: bool| if wraps { Edge::Wrap } else { ends };
            Edges { x: of(canvas.wrap_x), y: of(canvas.wrap_y) }
        };
        let (mirrored, repeated) = (edges(Edge::Reflect), edges(Edge::Replicate));

        let picture = (canvas.height, canvas.width, 3);
        let picture = Tensor::from_slice(canvas.rgb, picture, &self.device)?;
        let mut stage = Stage { map: picture, affine: None };
        let samplings = [Sampling::Each, Sampling::Halving, Sampling::Halving];
        for (index, (layer, sampling)) in self.contract.iter().zip(samplings).enumerate() {
            let how = match index {
                0 => Meaning::normalized(&self.unit, false),
                _ => stage.meaning(),
            };
            // A ReLU follows a bias at once.
            let slope = if self.normalizes_contract { 1.0 } else { 0.0 };
            let finish = Finish { slope, ..Finish::PLAIN };
            let map = convolve(layer, &stage.map, how, sampling, mirrored, finish)?;
            stage = match self.normalizes_contract {
                true => normalized(map)?,
                false => Stage { map, affine: None },
            };
        }
        let each = |layer: &Layer, stage: &Stage| {
            convolve(layer, &stage.map, stage.meaning(), Sampling::Each, mirrored, Finish::PLAIN)
        };
        for [first, second] in &self.blocks {
            let inner = normalized(each(first, &stage)?)?;
            let outer = normalized(each(second, &inner)?)?;
            drop(inner);
            let how = Meaning { slope: 1.0, ..outer.meaning() };
            let map = join((&stage.map, stage.meaning()), (&outer.map, how))?;
            stage = Stage { map, affine: None };
        }
        let [first, second, last] = &self.expand;
        for layer in [first, second] {
            let (sampling, finish) = (Sampling::Enlarging, Finish::PLAIN);
            let map = convolve(layer, &stage.map, stage.meaning(), sampling, repeated, finish)?;
            stage = normalized(map)?;
        }
        let Stage { map, affine: Some(affine) } = normalized(each(last, &stage)?)? else {
            unreachable!("the last layer is normalised")
        };
        drop(stage);
        colors(&map, &affine, (canvas.width, canvas.height))
    }
}

/// A convolution's weights on a device.
pub(super) fn on_device(own: &LayerWeights, device: &Device) -> Result<Layer> {
    let channels = [own.in_channels, own.out_channels];
    Layer::new(channels, own.side, &own.weights, &own.bias, device)
}
