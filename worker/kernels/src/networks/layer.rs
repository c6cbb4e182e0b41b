//! The layers outside the residual blocks, of either kind.

use std::ops::Range;

use super::{
    border::Border,
    direct::{Direct, Map},
    normalization::{Band, Moments},
    outer::Outer,
};
use crate::{fp32::kernels::Kernels, threads::Threads};

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

    /// Output rows of a band of a map of this height.
    pub(super) fn band_rows(&self, height: usize) -> usize {
        match self {
            Self::Direct(layer) => layer.band_rows(height),
            Self::Outer(_) => Outer::BAND_ROWS,
        }
    }

    /// The rows of a map that output rows are made of; they may lie beyond its borders.
    pub(super) fn reads(&self, rows: &Range<usize>) -> Range<isize> {
        match self {
            Self::Direct(layer) => layer.reads(rows),
            Self::Outer(_) => Outer::reads(rows),
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

    /// Computes some rows of the output, which begin with a band, and measures their bands.
    #[expect(clippy::too_many_arguments, reason = "what is computed, and where it goes")]
    pub(super) fn run_rows(
        &self,
        threads: &mut Threads,
        kernels: Option<&Kernels>,
        map: &Map<'_>,
        borders: [Border; 2],
        rows: Range<usize>,
        output: &mut [f32],
        bands: Option<&mut [Band]>,
    ) {
        match self {
            Self::Direct(layer) => {
                layer.run_rows(threads, kernels, map, borders, rows, output, bands);
            }
            Self::Outer(layer) => {
                layer.run_rows(threads, kernels, map, borders, rows, output, bands);
            }
        }
    }
}
