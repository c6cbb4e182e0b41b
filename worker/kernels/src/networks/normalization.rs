//! Instance normalisation: each channel by its own mean and variance over the whole picture, then
//! by the factors of the style.
//!
//! Sums are taken of differences from a pivot, the first pixel of each band, so that a flat picture
//! has no variance at all rather than one of rounding; rows are summed in f32, bands in f64, and
//! merged in their order. So the number of threads changes no bit.

use crate::{
    fp32::{
        dispatch,
        kernels::Kernels,
        rows::{self, MOST_PERIOD, Rows},
    },
    threads::{Output, Threads},
};

/// Pixels whose differences are summed in f32.
const RUN_PIXELS: usize = 512;

/// Pixels of a piece of a whole map.
pub(super) const PIECE_PIXELS: usize = 1024;

/// The factors of a style for one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// What each channel is multiplied by, once its deviation is one.
    pub gamma: Vec<f32>,
    /// What is added then.
    pub beta: Vec<f32>,
}

impl Factors {
    /// What is added to a variance.
    pub const EPSILON: f64 = 1e-5;

    /// A variance below this is only rounding. [`Self::EPSILON`] lets a channel of so little
    /// variance grow 316-fold, layer after layer, so without this a flat picture would show what
    /// Winograd's sums and those of enlarged pixels round differently. What is lost otherwise is
    /// below 0.01 of a channel's scale.
    pub const FLAT: f64 = 1e-9;
}

/// A normalisation as one product and one sum for each value, repeated to a period (see
/// [`rows::period`]).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) rectify: bool,
}

impl Affine {
    pub(super) fn uniform(channels: usize, scale: f32) -> Self {
        let period = period(channels);
        Self { scale: vec![scale; period], shift: vec![0.0; period], rectify: false }
    }

    /// A bias and perhaps a ReLU.
    pub(super) fn biased(bias: &[f32], rectify: bool) -> Self {
        let shift = repeated(bias);
        Self { scale: vec![1.0; shift.len()], shift, rectify }
    }
}

pub(super) fn period(channels: usize) -> usize {
    rows::period(channels).expect("layers have 3 channels, or a power of two up to 32")
}

/// Values repeated to a period.
pub(super) fn repeated(values: &[f32]) -> Vec<f32> {
    values.iter().copied().cycle().take(period(values.len())).collect()
}

/// Mean and spread of each channel over a part of a map.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    pub(super) pixels: f64,
    pub(super) mean: Vec<f64>,
    /// The sum of squared differences from the mean.
    spread: Vec<f64>,
}

impl Moments {
    /// Of the bands of a map, in their order.
    pub(super) fn merged(channels: usize, bands: &[Band]) -> Self {
        let empty = Self { pixels: 0.0, mean: vec![0.0; channels], spread: vec![0.0; channels] };
        bands.iter().fold(empty, |all, band| all.and(band))
    }

    fn and(mut self, band: &Band) -> Self {
        let pixels = self.pixels + band.pixels;
        if band.pixels > 0.0 {
            for (channel, (mean, spread)) in self.mean.iter_mut().zip(&mut self.spread).enumerate()
            {
                let own = band.sums[channel] / band.pixels;
                let apart = f64::from(band.pivot[channel]) + own - *mean;
                *spread += band.squares[channel] - band.sums[channel] * own
                    + apart * apart * self.pixels * band.pixels / pixels;
                *mean += apart * band.pixels / pixels;
            }
        }
        Self { pixels, ..self }
    }

    /// What each channel is divided by to have a variance of one; nothing where it is flat.
    pub(super) fn deviations(&self) -> impl Iterator<Item = Option<f64>> {
        self.spread.iter().map(|spread| {
            let variance = spread / self.pixels;
            let is_flat = variance < Factors::FLAT;
            (!is_flat).then(|| (variance + Factors::EPSILON).sqrt())
        })
    }

    /// The normalisation by these moments and factors.
    pub(super) fn affine(&self, factors: &Factors, rectify: bool) -> Affine {
        let scales: Vec<f64> = self
            .deviations()
            .zip(&factors.gamma)
            .map(|(deviation, gamma)| deviation.map_or(0.0, |own| f64::from(*gamma) / own))
            .collect();
        let shifts: Vec<f32> = self
            .mean
            .iter()
            .zip(&factors.beta)
            .zip(&scales)
            .map(|((mean, beta), scale)| (f64::from(*beta) - mean * scale) as f32)
            .collect();
        let scales: Vec<f32> = scales.iter().map(|scale| *scale as f32).collect();
        Affine { scale: repeated(&scales), shift: repeated(&shifts), rectify }
    }
}

/// Sums over a band of rows.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pixels: f64,
    pivot: [f32; MOST_PERIOD],
    /// By channel.
    sums: [f64; MOST_PERIOD],
    squares: [f64; MOST_PERIOD],
}

impl Band {
    pub(super) const EMPTY: Self = Self {
        pixels: 0.0,
        pivot: [0.0; MOST_PERIOD],
        sums: [0.0; MOST_PERIOD],
        squares: [0.0; MOST_PERIOD],
    };

    /// Adds pixels that lie side by side.
    pub(super) fn add(&mut self, kernels: Option<&Kernels>, channels: usize, row: &[f32]) {
        let period = period(channels);
        if self.pixels == 0.0 {
            let first = row[..channels].iter().cycle();
            self.pivot.iter_mut().zip(first).for_each(|(pivot, value)| *pivot = *value);
        }
        for input in row.chunks(RUN_PIXELS * channels) {
            let (mut sums, mut squares) = ([0.0; MOST_PERIOD], [0.0; MOST_PERIOD]);
            let pivot = &self.pivot[..period];
            let work = Rows::Moments {
                input,
                pivot,
                sums: &mut sums[..period],
                squares: &mut squares[..period],
            };
            dispatch::rows(kernels, work);
            for place in 0..period {
                self.sums[place % channels] += f64::from(sums[place]);
                self.squares[place % channels] += f64::from(squares[place]);
            }
        }
        self.pixels += (row.len() / channels) as f64;
    }
}

/// The moments of a whole map.
pub(super) fn moments(
    threads: &mut Threads,
    kernels: Option<&Kernels>,
    channels: usize,
    map: &[f32],
) -> Moments {
    let pieces = map.len().div_ceil(PIECE_PIXELS * channels);
    let mut bands = vec![Band::EMPTY; pieces];
    let output = Output::new(&mut bands);
    threads.each(pieces, |index, _| {
        // SAFETY: every index is taken once.
        let band = unsafe { &mut output.slice(index, 1)[0] };
        let start = index * PIECE_PIXELS * channels;
        band.add(kernels, channels, &map[start..map.len().min(start + PIECE_PIXELS * channels)]);
    });
    Moments::merged(channels, &bands)
}

/// Normalises a map in place.
pub(super) fn normalize(
    threads: &mut Threads,
    kernels: Option<&Kernels>,
    channels: usize,
    affine: &Affine,
    map: &mut [f32],
) {
    let Affine { scale, shift, rectify } = affine;
    threads.each_piece(map, PIECE_PIXELS * channels, |_, values, _| {
        dispatch::rows(kernels, Rows::NormalizeInPlace { values, scale, shift, rectify: *rectify });
    });
}

/// Adds a normalised map to another.
pub(super) fn add_normalized(
    threads: &mut Threads,
    kernels: Option<&Kernels>,
    channels: usize,
    affine: &Affine,
    input: &[f32],
    sum: &mut [f32],
) {
    let Affine { scale, shift, .. } = affine;
    let len = PIECE_PIXELS * channels;
    threads.each_piece(sum, len, |index, sum, _| {
        let input = &input[index * len..][..sum.len()];
        dispatch::rows(kernels, Rows::Add { input, scale, shift, sum });
    });
}
