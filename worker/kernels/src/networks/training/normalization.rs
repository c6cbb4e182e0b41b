//! The gradient of an instance normalisation, and of its ReLU.
//!
//! With `x` a channel of n pixels, `h = (x - mean) / deviation` and `y = gamma h + beta`, whose
//! gradient is `g` where the ReLU is open:
//! `dbeta = sum(g)`, `dgamma = sum(g h)`, and
//! `dx = gamma / deviation (g - sum(g) / n - h sum(g h) / n)`.
//! Rows are summed in f32, pieces in f64, and merged in their order.

use crate::{
    fp32::{
        dispatch,
        kernels::Kernels,
        rows::{MOST_PERIOD, Open, Rows},
    },
    networks::normalization::{Affine, Factors, Moments, PIECE_PIXELS, period, repeated},
    threads::{Output, Threads},
};

/// A map before its normalisation, and how it was normalised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normalized<'a> {
    pub(super) map: &'a [f32],
    pub(super) moments: &'a Moments,
    pub(super) factors: &'a Factors,
    pub(super) affine: &'a Affine,
    /// Whether a ReLU followed.
    pub(super) rectify: bool,
}

/// The gradient of a style's factors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FactorSums {
    pub(super) gamma: Vec<f64>,
    pub(super) beta: Vec<f64>,
}

/// Sums of a piece, by place in the period.
#[derive(Clone, Copy)]
struct Piece {
    sums: [f32; MOST_PERIOD],
    products: [f32; MOST_PERIOD],
}

/// Replaces the gradient of what was made of a map by that of the map. Returns that of the factors.
pub(super) fn send_back(
    threads: &mut Threads,
    kernels: Option<&Kernels>,
    normalized: &Normalized<'_>,
    gradient: &mut [f32],
) -> FactorSums {
    let Normalized { map, moments, factors, affine, rectify } = *normalized;
    let channels = factors.gamma.len();
    let (period, len) = (period(channels), PIECE_PIXELS * channels);
    let pivots: Vec<f32> = moments.mean.iter().map(|mean| *mean as f32).collect();
    let pivot = repeated(&pivots);
    let open = |input| {
        let Affine { scale, shift, .. } = affine;
        Open { input, scale, shift, rectify, pivot: &pivot }
    };
    let none = Piece { sums: [0.0; MOST_PERIOD], products: [0.0; MOST_PERIOD] };
    let mut pieces = vec![none; map.len().div_ceil(len)];
    let output = Output::new(&mut pieces);
    let from = &*gradient;
    threads.each(output.len(), |index, _| {
        // SAFETY: every index is taken once.
        let Piece { sums, products } = unsafe { &mut output.slice(index, 1)[0] };
        let range = index * len..map.len().min((index + 1) * len);
        let open = open(&map[range.clone()]);
        let (sums, products) = (&mut sums[..period], &mut products[..period]);
        dispatch::rows(kernels, Rows::Slopes { open, gradient: &from[range], sums, products });
    });
    let (mut sums, mut products) = (vec![0.0; channels], vec![0.0; channels]);
    for (piece, place) in pieces.iter().flat_map(|piece| (0..period).map(move |i| (piece, i))) {
        sums[place % channels] += f64::from(piece.sums[place]);
        products[place % channels] += f64::from(piece.products[place]);
    }
    let mut to_gamma = vec![0.0; channels];
    let (mut own, mut along, mut level) =
        (vec![0.0; channels], vec![0.0; channels], vec![0.0; channels]);
    for (channel, deviation) in moments.deviations().enumerate() {
        // A flat channel has no place where it could be steeper.
        let Some(deviation) = deviation else { continue };
        let off = f64::from(pivots[channel]) - moments.mean[channel];
        to_gamma[channel] = (products[channel] + off * sums[channel]) / deviation;
        let scale = f64::from(factors.gamma[channel]) / deviation;
        let slope = -scale * to_gamma[channel] / moments.pixels / deviation;
        own[channel] = scale as f32;
        along[channel] = slope as f32;
        level[channel] = (slope * off - scale * sums[channel] / moments.pixels) as f32;
    }
    let [own, along, level] = [own, along, level].map(|factors| repeated(&factors));
    let (own, along, level) = (&own[..], &along[..], &level[..]);
    threads.each_piece(&mut gradient[..map.len()], len, |index, gradient, _| {
        let open = open(&map[index * len..][..gradient.len()]);
        dispatch::rows(kernels, Rows::Back { open, gradient, own, along, level });
    });
    FactorSums { gamma: to_gamma, beta: sums }
}
