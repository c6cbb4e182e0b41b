//! Sums over features and vectors. A device sums in single precision over short stretches, the host
//! in double precision over those.

use candle_core::{D, DType, Result, Tensor};
use impasto_cuda::products;
use impasto_cuda::sums::{self, Summand};
use impasto_kernels::Moments;

use super::device_mask::spread;
use super::tile_pass::Kernels;

/// Values of features that are put to single precision at once: 16 MiB.
const CHUNK: usize = 4 << 20;

/// Values that the device adds up by itself.
const STRETCH: usize = 4096;

/// The moments of features in the device's memory. Parts of a picture add up to the whole.
pub(super) struct DeviceMoments {
    /// The sum of the pixels' weights: how many they are, where none is masked.
    pub(super) weight: f64,
    /// The sums of `F F^T`, (channels, channels), and below them those of `F`: (channels + 1,
    /// channels).
    sums: Option<Tensor>,
    /// What rounding has left out of `sums`.
    rest: Option<Tensor>,
    channels: usize,
    kernels: Kernels,
}

impl DeviceMoments {
    /// Of no pixel yet.
    pub(super) fn empty(channels: usize, kernels: Kernels) -> Self {
        Self { weight: 0.0, sums: None, rest: None, channels, kernels }
    }

    /// Adds features as a pass with these kernels shows them. Where a mask counts, its weights,
    /// (height, width), and their sum are given.
    pub(super) fn add(&mut self, features: &Tensor, weights: Option<&(Tensor, f64)>) -> Result<()> {
        let (down, across) = self.kernels.axes();
        let pixels = (features.dim(down)? * features.dim(across)?) as f64;
        self.weight += weights.map_or(pixels, |(_, weight)| *weight);
        let weights = weights.map(|(weights, _)| weights);
        match self.kernels {
            Kernels::Composed => self.add_composed(features, weights),
            Kernels::Fused => self.add_sums(products::gram(features, weights)?),
        }
    }

    /// The sums so far, as [`products::gram`] gives them.
    pub(super) fn sums(&self) -> Option<&Tensor> {
        self.sums.as_ref()
    }

    fn add_composed(&mut self, features: &Tensor, weights: Option<&Tensor>) -> Result<()> {
        let (_, channels, _, _) = features.dims4()?;
        for band in chunks(features, weights, self.kernels.axes())? {
            let (rows, weights) = band?;
            let weighted = weighted(&rows, weights.as_ref())?.reshape((channels, ()))?;
            let rows = rows.reshape((channels, ()))?;
            let (products, sum) = (weighted.matmul(&rows.t()?)?, weighted.sum(1)?);
            self.add_sums(Tensor::cat(&[products, sum.unsqueeze(0)?], 0)?)?;
        }
        Ok(())
    }

    /// Kahan's summation: the sum of many parts is as exact as one part is, in single precision.
    fn add_sums(&mut self, part: Tensor) -> Result<()> {
        let Some(sums) = self.sums.take() else {
            self.sums = Some(part);
            return Ok(());
        };
        let part = match self.rest.take() {
            Some(rest) => (part - rest)?,
            None => part,
        };
        let total = (&sums + &part)?;
        self.rest = Some(((&total - sums)? - part)?);
        self.sums = Some(total);
        Ok(())
    }

    /// The Gram matrix `F F^T / pixels`, (channels, channels), and the channels' means, (channels,
    /// 1).
    pub(super) fn normalized(&self) -> Result<Option<(Tensor, Tensor)>> {
        let Some(sums) = &self.sums else { return Ok(None) };
        let scaled = (sums * per_pixel(self.weight))?;
        let mean = scaled.narrow(0, self.channels, 1)?.t()?.contiguous()?;
        Ok(Some((scaled.narrow(0, 0, self.channels)?, mean)))
    }

    /// The same in the host's memory.
    pub(super) fn fetch(&self) -> Result<Moments> {
        let mut moments = Moments::empty(self.channels);
        moments.weight = self.weight;
        if let Some(sums) = &self.sums {
            let sums = sums.flatten_all()?.to_vec1::<f32>()?;
            let (products, sum) = sums.split_at(self.channels * self.channels);
            moments.sum = sum.iter().map(|&value| f64::from(value)).collect();
            let rows = products.chunks_exact(self.channels).enumerate();
            moments.products =
                rows.flat_map(|(i, row)| row[i..].iter().map(|&value| f64::from(value))).collect();
        }
        Ok(moments)
    }
}

/// Sums that are fetched together, since a fetch waits for all that the device has still to do.
pub(super) struct Sums {
    kernels: Kernels,
    /// Of each sum, what it is the sum of.
    parts: Vec<Vec<Summand>>,
}

impl Sums {
    pub(super) fn none(kernels: Kernels) -> Self {
        Self { kernels, parts: Vec::new() }
    }

    pub(super) fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The sum of all values.
    pub(super) fn add(&mut self, values: &Tensor) -> Result<()> {
        let parts = match self.kernels {
            Kernels::Composed => Self::stretches(values)?,
            Kernels::Fused => vec![Summand::Values(values.clone())],
        };
        self.parts.push(parts);
        Ok(())
    }

    /// The sum of all products of two tensors' values.
    pub(super) fn add_products(&mut self, a: &Tensor, b: &Tensor) -> Result<()> {
        match self.kernels {
            Kernels::Composed => self.add(&(a * b)?),
            Kernels::Fused => {
                self.parts.push(vec![Summand::Products(a.clone(), b.clone())]);
                Ok(())
            }
        }
    }

    /// Sums over short stretches.
    fn stretches(values: &Tensor) -> Result<Vec<Summand>> {
        let values = values.flatten_all()?;
        let len = values.elem_count();
        let whole = len / STRETCH * STRETCH;
        let mut parts = Vec::new();
        if whole > 0 {
            parts.push(Summand::Values(
                values.narrow(0, 0, whole)?.reshape(((), STRETCH))?.sum(D::Minus1)?,
            ));
        }
        if whole < len {
            parts.push(Summand::Values(values.narrow(0, whole, len - whole)?.sum_keepdim(0)?));
        }
        Ok(parts)
    }

    /// The sum of squared differences of two layers' features, each pixel by its weight, where
    /// weights are given, (height, width).
    pub(super) fn add_distance(
        &mut self,
        a: &Tensor,
        b: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<()> {
        let axes = self.kernels.axes();
        let both = chunks(a, weights, axes)?.zip(chunks(b, None, axes)?);
        let squares = both.map(|(a, b)| {
            let ((a, weights), (b, _)) = (a?, b?);
            let squares = weighted(&(a - b)?.sqr()?, weights.as_ref())?;
            squares.sum(axes)?.flatten_all().map(Summand::Values)
        });
        self.parts.push(squares.collect::<Result<_>>()?);
        Ok(())
    }

    /// Sums of others', after these.
    pub(super) fn append(&mut self, mut others: Self) {
        self.parts.append(&mut others.parts);
    }

    /// In the order in which they were added.
    pub(super) fn fetch(self) -> Result<Vec<f64>> {
        Ok(self.fetch_beside(None)?.0)
    }

    /// The same, and some values as they are.
    pub(super) fn fetch_beside(self, values: Option<Tensor>) -> Result<(Vec<f64>, Vec<f32>)> {
        let values = values.map(|values| values.flatten_all()).transpose()?;
        if self.kernels == Kernels::Fused {
            let counts: Vec<_> = self.parts.iter().map(Vec::len).collect();
            let (sums, values) =
                sums::sums(&self.parts.into_iter().flatten().collect::<Vec<_>>(), values.as_ref())?;
            let mut sums = sums.into_iter();
            return Ok((
                counts.into_iter().map(|count| sums.by_ref().take(count).sum()).collect(),
                values,
            ));
        }
        let parts: Vec<Vec<_>> =
            self.parts.iter().map(|parts| parts.iter().map(values_of).collect()).collect();
        let all: Vec<_> = parts.iter().flatten().copied().chain(&values).collect();
        if all.is_empty() {
            return Ok((vec![0.0; self.parts.len()], Vec::new()));
        }
        let fetched = Tensor::cat(&all, 0)?.to_vec1::<f32>()?;
        let mut rest = fetched.as_slice();
        let mut next = |len: usize| {
            let (next, after) = rest.split_at(len);
            rest = after;
            next.iter().map(|&value| f64::from(value)).sum()
        };
        let sums = parts
            .iter()
            .map(|parts| next(parts.iter().map(|values| values.elem_count()).sum()))
            .collect();
        Ok((sums, rest.to_vec()))
    }
}

/// The values that a sum is made of which is no sum of products.
fn values_of(summand: &Summand) -> &Tensor {
    match summand {
        Summand::Values(values) | Summand::Products(values, _) => values,
    }
}

/// What the content loss is measured by: the sum of the features' squares, and each channel's sum,
/// each pixel by its weight, where weights are given, (height, width).
pub(super) fn content_sums(
    features: &Tensor,
    weights: Option<&Tensor>,
    kernels: Kernels,
) -> Result<(f64, Vec<f64>)> {
    let axes = kernels.axes();
    let (mut squares, mut sums) = (Sums::none(kernels), Vec::new());
    for band in chunks(features, weights, axes)? {
        let (rows, weights) = band?;
        let part = weighted(&rows, weights.as_ref())?;
        let part = part.sum(axes)?.flatten_all()?.to_vec1::<f32>()?;
        sums.resize(part.len(), 0.0);
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
        squares.add(&weighted(&rows.sqr()?, weights.as_ref())?)?;
    }
    Ok((squares.fetch()?.into_iter().sum(), sums))
}

/// What a sum over pixels of this weight is multiplied by to be their mean.
pub(super) fn per_pixel(weight: f64) -> f64 {
    if weight > 0.0 { 1.0 / weight } else { 0.0 }
}

/// Maps, each pixel multiplied by its weight.
fn weighted(maps: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    match weights {
        Some(weights) => maps.broadcast_mul(weights),
        None => Ok(maps.clone()),
    }
}

/// Features in bands of rows, in single precision, and the weights of their pixels, where there are
/// any, as they multiply them. The features' axes run `(down, across)`.
fn chunks(
    features: &Tensor,
    weights: Option<&Tensor>,
    (down, across): (usize, usize),
) -> Result<impl Iterator<Item = Result<(Tensor, Option<Tensor>)>>> {
    let height = features.dim(down)?;
    let rows = (CHUNK / (features.elem_count() / height)).max(1);
    let weights = weights.map(|weights| spread(weights, (down, across))).transpose()?;
    let starts = (0..height).step_by(rows);
    Ok(starts.map(move |row| {
        let band = |map: &Tensor| map.narrow(down, row, rows.min(height - row));
        let weights = weights.as_ref().map(band).transpose()?;
        Ok((band(features)?.to_dtype(DType::F32)?.contiguous()?, weights))
    }))
}
