//! Networks that paint in one pass: convolutions of few channels, and instance normalisation.
//!
//! A kernel of our own convolves, and not cuDNN: it reads a map through its normalisation, halved
//! or enlarged, with any border, and adds and activates where it writes, so between two layers no
//! map is framed, enlarged, normalised or padded to eight channels. A thread computes four pixels
//! of four or eight outputs, for which it loads each weight once.
//!
//! A convolution reads a map as it is meant ([`Meaning`]), so a normalised or restyled map is never
//! stored: each layer reads a map and writes one. Maps are (height, width, channels) in single
//! precision, their channels a multiple of four, or three, which are colours. The sums of a
//! convolution are taken in one thread in the order of taps and channels, so they are the same in
//! each run.

mod normalization;

use candle_core::{DType, Device, Result, Tensor};
use impasto_kernels::Edge;

pub use normalization::{Factors, normalization};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};
use crate::maps::Edges;

kernels! {
    LAYER_4 = impasto_layer_4;
    LAYER_8 = impasto_layer_8;
    JOIN = impasto_join;
    COLORS = impasto_colors;
}

/// Channels that are read at a time.
const FOUR: usize = 4;

/// Outputs of a thread, along a row.
const PIXELS: usize = 4;

/// The weights of a convolution on a device.
#[derive(Debug)]
pub struct Layer {
    weights: Tensor,
    bias: Option<Tensor>,
    in_channels: usize,
    out_channels: usize,
    side: usize,
}

/// A product and a sum for each channel.
#[derive(Debug, Clone)]
pub struct Affine {
    scale: Tensor,
    shift: Tensor,
}

/// How a map's values are meant.
#[derive(Debug, Clone, Copy)]
pub struct Meaning<'a> {
    pub affine: Option<&'a Affine>,
    /// What values below zero are multiplied with then: 0 for a ReLU, 1 for none.
    pub slope: f32,
}

/// Which pixels a convolution reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Those around each output.
    Each,
    /// Those around each second pixel, from the first on.
    Halving,
    /// Those around each output in the map enlarged twofold, by repeating its pixels.
    Enlarging,
}

/// What becomes of a convolution's sums: `added + gain * (sum + bias)`, and below zero `slope`
/// times that.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    pub added: Option<&'a Tensor>,
    pub gain: f32,
    pub slope: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawMeaning {
    scale: Address,
    shift: Address,
    slope: f32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawLayer {
    map: Address,
    weights: Address,
    bias: Address,
    added: Address,
    result: Address,
    how: RawMeaning,
    height: i32,
    width: i32,
    in_channels: i32,
    out_channels: i32,
    side: i32,
    stride: i32,
    enlarges: i32,
    edge_x: i32,
    edge_y: i32,
    out_height: i32,
    out_width: i32,
    gain: f32,
    slope: f32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for RawLayer {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Join {
    first: Address,
    second: Address,
    sum: Address,
    first_how: RawMeaning,
    second_how: RawMeaning,
    channels: i32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for Join {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Colors {
    map: Address,
    scale: Address,
    shift: Address,
    picture: Address,
    width: i32,
    row_pixels: i32,
}

// SAFETY: laid out as in kernels/layers.h.
unsafe impl Parameters for Colors {}

impl Layer {
    /// From weights `[out][in][row][column]` with so many taps along a `side`, an odd number, and a
    /// bias for each output, or none.
    ///
    /// # Errors
    /// Where there are not as many, or the device fails.
    pub fn new(
        [in_channels, out_channels]: [usize; 2],
        side: usize,
        weights: &[f32],
        bias: &[f32],
        device: &Device,
    ) -> Result<Self> {
        check_channels(in_channels)?;
        check_channels(out_channels)?;
        let taps = side * side;
        let fits = side % 2 == 1
            && weights.len() == in_channels * out_channels * taps
            && (bias.is_empty() || bias.len() == out_channels);
        check(fits, "weights are not of a convolution of this size")?;
        let (outputs, inputs) = (outputs_each(out_channels), in_channels.next_multiple_of(FOUR));
        let groups = out_channels.div_ceil(outputs);
        let mut packed = Vec::with_capacity(groups * taps * inputs * outputs);
        for (group, tap, input) in indices([groups, taps, inputs]) {
            packed.extend((group * outputs..(group + 1) * outputs).map(|output| {
                let is_there = output < out_channels && input < in_channels;
                if is_there { weights[(output * in_channels + input) * taps + tap] } else { 0.0 }
            }));
        }
        let vector = |values: &[f32]| Tensor::from_slice(values, values.len(), device);
        let bias = (!bias.is_empty()).then(|| vector(bias)).transpose()?;
        Ok(Self { weights: vector(&packed)?, bias, in_channels, out_channels, side })
    }

    /// Channels of what it makes.
    pub fn out_channels(&self) -> usize {
        self.out_channels
    }

    /// Bytes of the device's memory that it takes.
    pub fn bytes(&self) -> u64 {
        let bias = self.bias.as_ref().map_or(0, Tensor::elem_count);
        4 * (self.weights.elem_count() + bias) as u64
    }
}

impl Affine {
    /// From products and sums, one for each channel.
    ///
    /// # Errors
    /// Where there are other numbers of them, or the device fails.
    pub fn new(scale: &[f32], shift: &[f32], device: &Device) -> Result<Self> {
        check(scale.len() == shift.len(), "products and sums are not of the same channels")?;
        let padded = |values: &[f32]| {
            let len = values.len().next_multiple_of(FOUR);
            let values: Vec<_> = values.iter().copied().chain([0.0; FOUR]).take(len).collect();
            Tensor::from_vec(values, len, device)
        };
        Ok(Self { scale: padded(scale)?, shift: padded(shift)? })
    }

    fn check(&self, channels: usize) -> Result<()> {
        let fits = [&self.scale, &self.shift].iter().all(|values| {
            values.dims() == [channels.next_multiple_of(FOUR)] && values.dtype() == DType::F32
        });
        check(fits, "a normalisation does not fit its map")
    }
}

impl<'a> Meaning<'a> {
    /// Values as they are.
    pub const PLAIN: Self = Self { affine: None, slope: 1.0 };

    /// Normalised values, after a ReLU if they are rectified.
    pub fn normalized(affine: &'a Affine, rectified: bool) -> Self {
        Self { affine: Some(affine), slope: if rectified { 0.0 } else { 1.0 } }
    }

    fn tensors(&self) -> [Option<&'a Tensor>; 2] {
        [self.affine.map(|own| &own.scale), self.affine.map(|own| &own.shift)]
    }

    fn raw(&self, scale: Address, shift: Address) -> RawMeaning {
        RawMeaning { scale, shift, slope: self.slope }
    }

    fn check(&self, channels: usize) -> Result<()> {
        self.affine.map_or(Ok(()), |affine| affine.check(channels))
    }
}

impl Finish<'_> {
    /// Sums with their bias.
    pub const PLAIN: Self = Self { added: None, gain: 1.0, slope: 1.0 };
}

impl Sampling {
    /// How many outputs there are along an axis of a map.
    pub fn outputs(self, len: usize) -> usize {
        match self {
            Self::Each => len,
            Self::Halving => len.div_ceil(2),
            Self::Enlarging => 2 * len,
        }
    }
}

/// Outputs that one thread computes at each of its pixels.
fn outputs_each(out_channels: usize) -> usize {
    if out_channels.is_multiple_of(2 * FOUR) { 2 * FOUR } else { FOUR }
}

fn indices([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

fn check_channels(channels: usize) -> Result<()> {
    let fits = channels == 3 || (channels > 0 && channels.is_multiple_of(FOUR));
    check(fits, "channels are neither three nor a multiple of four")
}

/// Height, width and channels, within the range of the kernels' indices.
fn check_map(map: &Tensor) -> Result<(usize, usize, usize)> {
    let (height, width, channels) = map.dims3()?;
    check_channels(channels)?;
    let is_sane = |len: usize| len > 0 && len <= (i32::MAX / 4) as usize;
    check(is_sane(height) && is_sane(width), "a map has no pixels, or too many")?;
    check(map.dtype() == DType::F32, "a map is not in single precision")?;
    // Four channels are read at once. What is not contiguous is copied before it is read.
    let is_aligned =
        channels == 3 || !map.is_contiguous() || map.layout().start_offset().is_multiple_of(FOUR);
    check(is_aligned, "a map does not begin at a multiple of four values")?;
    Ok((height, width, channels))
}

/// Convolves a map, whose borders go on as `edges` say, which is not by zeros.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn convolve(
    layer: &Layer,
    map: &Tensor,
    how: Meaning<'_>,
    sampling: Sampling,
    edges: Edges,
    finish: Finish<'_>,
) -> Result<Tensor> {
    let (height, width, channels) = check_map(map)?;
    let Layer { weights, bias, in_channels, out_channels, side } = layer;
    check(channels == *in_channels, "a map does not fit its convolution")?;
    check(edges.x != Edge::Zero && edges.y != Edge::Zero, "a border is not of zeros here")?;
    how.check(channels)?;
    let (out_height, out_width) = (sampling.outputs(height), sampling.outputs(width));
    let Finish { added, gain, slope } = finish;
    let fits = added.is_none_or(|added| {
        added.dims() == [out_height, out_width, *out_channels] && added.dtype() == DType::F32
    });
    check(fits, "what is added to a convolution does not fit it")?;
    let outputs = outputs_each(*out_channels);
    let threads = out_height * out_width.div_ceil(PIXELS) * out_channels.div_ceil(outputs);
    let (edge_x, edge_y) = edges.codes();
    let parameters = |[map, weights, bias, added, scale, shift]: [Address; 6],
                      [result]: [Address; 1]| RawLayer {
        map,
        weights,
        bias,
        added,
        result,
        how: how.raw(scale, shift),
        height: height as i32,
        width: width as i32,
        in_channels: channels as i32,
        out_channels: *out_channels as i32,
        side: *side as i32,
        stride: if sampling == Sampling::Halving { 2 } else { 1 },
        enlarges: i32::from(sampling == Sampling::Enlarging),
        edge_x,
        edge_y,
        out_height: out_height as i32,
        out_width: out_width as i32,
        gain,
        slope,
    };
    let [scale, shift] = how.tensors();
    let inputs = [Some(map), Some(weights), bias.as_ref(), added, scale, shift];
    let written = [Some(Output::new(DType::F32, (out_height, out_width, *out_channels)))];
    let kernel = if outputs == FOUR { LAYER_4 } else { LAYER_8 };
    // SAFETY: the kernel has a thread for each few pixels of a row and each group of outputs, which
    // write the result whole. They read lines that lie in the map, whatever the border, and the
    // weights of their group, of which there are as many as taps and inputs ask for.
    let [result] = unsafe { run(kernel, map.device(), inputs, written, threads, parameters) }?;
    made(result)
}

/// The sum of two maps of one shape, each as it is meant. Their channels are a multiple of four.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn join(
    (first, first_how): (&Tensor, Meaning<'_>),
    (second, second_how): (&Tensor, Meaning<'_>),
) -> Result<Tensor> {
    let (height, width, channels) = check_map(first)?;
    let fits = check_map(second)? == (height, width, channels);
    check(fits && channels != 3, "maps do not fit each other")?;
    first_how.check(channels)?;
    second_how.check(channels)?;
    let parameters = |addresses: [Address; 6], [sum]: [Address; 1]| {
        let [first, second, scale, shift, scale2, shift2] = addresses;
        Join {
            first,
            second,
            sum,
            first_how: first_how.raw(scale, shift),
            second_how: second_how.raw(scale2, shift2),
            channels: channels as i32,
        }
    };
    let ([scale, shift], [scale2, shift2]) = (first_how.tensors(), second_how.tensors());
    let inputs = [Some(first), Some(second), scale, shift, scale2, shift2];
    let outputs = [Some(Output::new(DType::F32, (height, width, channels)))];
    let threads = height * width * channels / FOUR;
    // SAFETY: the kernel has a thread for each four values of the maps, which have as many.
    let [sum] = unsafe { run(JOIN, first.device(), inputs, outputs, threads, parameters) }?;
    made(sum)
}

/// The colours of a map of three channels, a sigmoid of 0 to 255, as far as a picture goes that is
/// no larger: (height, width, 3).
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn colors(map: &Tensor, affine: &Affine, (width, height): (usize, usize)) -> Result<Tensor> {
    let (rows, row_pixels, channels) = check_map(map)?;
    check(
        channels == 3 && height <= rows && width <= row_pixels && width > 0,
        "a picture does not fit its map",
    )?;
    affine.check(channels)?;
    let parameters = |[map, scale, shift]: [Address; 3], [picture]: [Address; 1]| Colors {
        map,
        scale,
        shift,
        picture,
        width: width as i32,
        row_pixels: row_pixels as i32,
    };
    let Affine { scale, shift } = affine;
    let inputs = [Some(map), Some(scale), Some(shift)];
    let outputs = [Some(Output::new(DType::F32, (height, width, 3)))];
    let threads = height * width * 3;
    // SAFETY: the kernel has a thread for each value of the picture, which lies within the map.
    let [picture] = unsafe { run(COLORS, map.device(), inputs, outputs, threads, parameters) }?;
    made(picture)
}
