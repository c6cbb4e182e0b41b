//! Selects the kernels of a level.

#[cfg(target_arch = "aarch64")]
use crate::fp32::neon;
#[cfg(target_arch = "x86_64")]
use crate::fp32::{avx2, avx512};
use crate::{
    fp32::{
        depthwise::{self, Depthwise},
        kernels::{Kernels, Pairs, Taps},
        rows::{self, Rows},
        scalar,
    },
    level::Level,
};

/// The kernels of a level, if the level has any and this processor can run them.
pub(crate) fn kernels(level: Level) -> Option<&'static Kernels> {
    if !level.runs_here() {
        return None;
    }
    match level {
        Level::Scalar => None,
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Some(&neon::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some(&avx2::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Amx => Some(&avx512::KERNELS),
        #[cfg(not(target_arch = "aarch64"))]
        Level::Neon => None,
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 | Level::Amx => None,
    }
}

/// Work on rows of features, at the level of these kernels; without any, as it is written.
pub(crate) fn rows(kernels: Option<&Kernels>, rows: Rows<'_>) {
    match kernels {
        Some(kernels) => kernels.rows(rows),
        None => {
            rows.check();
            rows::run(rows);
        }
    }
}

/// The features of pixels that lie side by side; `spare` is [`Kernels::thin`]'s.
pub(crate) fn thin(
    kernels: Option<&Kernels>,
    rows: &[&[f32]],
    taps: &Taps<'_>,
    pixels: usize,
    output: &mut [f32],
    spare: &mut [f32],
) {
    match kernels {
        Some(kernels) => kernels.thin(rows, taps, pixels, output, spare),
        None => scalar::thin(rows, taps, pixels, output),
    }
}

/// Adds products of a row and a gradient, summed over pixels, to `sums`, `[place][column]`.
pub(crate) fn correlate(kernels: Option<&Kernels>, pairs: &Pairs<'_>, sums: &mut [f32]) {
    match kernels {
        Some(kernels) => kernels.correlate(pairs, sums),
        None => scalar::correlate(pairs, sums),
    }
}

/// A row of a convolution of each channel by itself.
pub(crate) fn depthwise(kernels: Option<&Kernels>, row: &Depthwise<'_>, output: &mut [f32]) {
    match kernels {
        Some(kernels) => kernels.depthwise(row, output),
        None => {
            row.check(output.len() / row.channels);
            depthwise::plain(row, output);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_but_the_scalar_one_has_kernels_where_it_runs() {
        for level in Level::ALL {
            let has_kernels = level > Level::Scalar && Level::available().contains(&level);
            assert_eq!(kernels(level).is_some(), has_kernels, "{level}");
        }
    }
}
