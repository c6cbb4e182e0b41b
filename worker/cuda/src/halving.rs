//! Halving a picture, and enlarging it again by the transpose.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};

kernels! {
    HALVE = impasto_halve;
    ENLARGE = impasto_enlarge;
}

/// How one axis of a picture is halved, and enlarged again.
#[derive(Debug)]
pub struct HalvedAxis {
    /// The four lines that each line of the half is made of: (coarse, 4).
    taps: Tensor,
    /// Their weights, of the same shape.
    filters: Tensor,
    /// For each line, which lines of the half it is part of: (fine, spread).
    lines: Tensor,
    /// The shares, of the same shape.
    shares: Tensor,
    fine: usize,
    coarse: usize,
    spread: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Halve {
    picture: Address,
    taps_x: Address,
    taps_y: Address,
    filters_x: Address,
    filters_y: Address,
    half: Address,
    width: i32,
    coarse_width: i32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Halve {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Enlarge {
    picture: Address,
    half: Address,
    lines_x: Address,
    lines_y: Address,
    shares_x: Address,
    shares_y: Address,
    sum: Address,
    width: i32,
    coarse_width: i32,
    spread_x: i32,
    spread_y: i32,
    weight: f32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Enlarge {}

impl HalvedAxis {
    /// From the lines that each coarse line is made of and their weights, and for each fine line
    /// the coarse ones that it is part of, with the shares.
    ///
    /// # Errors
    /// Where a line is named that does not exist or has no weight, or the device fails.
    pub fn new(
        taps: &[[usize; 4]],
        filters: &[[f32; 4]],
        spread: &[Vec<(usize, f32)>],
        device: &candle_core::Device,
    ) -> Result<Self> {
        let (fine, coarse) = (spread.len(), taps.len());
        let most = spread.iter().map(Vec::len).max().unwrap_or(0);
        let exist = taps.as_flattened().iter().all(|&line| line < fine)
            && spread.iter().flatten().all(|&(line, _)| line < coarse);
        check(
            exist && filters.len() == coarse && fine > 0 && coarse > 0 && most > 0,
            "an axis names lines that do not exist",
        )?;
        let filled = spread.iter().flat_map(|shares| {
            (0..most).map(|which| shares.get(which).copied().unwrap_or((0, 0.0)))
        });
        let (lines, shares): (Vec<_>, Vec<_>) =
            filled.map(|(line, share)| (line as u32, share)).unzip();
        let taps = taps.as_flattened().iter().map(|&line| line as u32).collect::<Vec<_>>();
        Ok(Self {
            taps: Tensor::from_vec(taps, (coarse, 4), device)?,
            filters: Tensor::from_slice(filters.as_flattened(), (coarse, 4), device)?,
            lines: Tensor::from_vec(lines, (fine, most), device)?,
            shares: Tensor::from_vec(shares, (fine, most), device)?,
            fine,
            coarse,
            spread: most,
        })
    }
}

/// A picture of half the size, by the axes' filters.
///
/// # Errors
/// Where the axes are not the picture's, or the device fails.
pub fn halve(picture: &Tensor, across: &HalvedAxis, down: &HalvedAxis) -> Result<Tensor> {
    check_picture(picture, down.fine, across.fine)?;
    let parameters = |[picture, taps_x, taps_y, filters_x, filters_y]: [Address; 5],
                      [half]: [Address; 1]| Halve {
        picture,
        taps_x,
        taps_y,
        filters_x,
        filters_y,
        half,
        width: across.fine as i32,
        coarse_width: across.coarse as i32,
    };
    let inputs = [
        Some(picture),
        Some(&across.taps),
        Some(&down.taps),
        Some(&across.filters),
        Some(&down.filters),
    ];
    let outputs = [Some(Output::new(DType::F32, (down.coarse, across.coarse, 3)))];
    // SAFETY: the kernel has a thread for each pixel of the half, and reads the lines that the axes
    // name, which exist.
    let [half] = unsafe {
        run(HALVE, picture.device(), inputs, outputs, down.coarse * across.coarse, parameters)
    }?;
    made(half)
}

/// A picture plus `weight` times its half, enlarged by the transpose of [`halve`].
///
/// # Errors
/// Where the axes are not the pictures', or the device fails.
pub fn enlarge(
    picture: &Tensor,
    half: &Tensor,
    across: &HalvedAxis,
    down: &HalvedAxis,
    weight: f32,
) -> Result<Tensor> {
    check_picture(picture, down.fine, across.fine)?;
    check_picture(half, down.coarse, across.coarse)?;
    let parameters = |[picture, half, lines_x, lines_y, shares_x, shares_y]: [Address; 6],
                      [sum]: [Address; 1]| Enlarge {
        picture,
        half,
        lines_x,
        lines_y,
        shares_x,
        shares_y,
        sum,
        width: across.fine as i32,
        coarse_width: across.coarse as i32,
        spread_x: across.spread as i32,
        spread_y: down.spread as i32,
        weight,
    };
    let inputs = [
        Some(picture),
        Some(half),
        Some(&across.lines),
        Some(&down.lines),
        Some(&across.shares),
        Some(&down.shares),
    ];
    let outputs = [Some(Output::new(DType::F32, picture.shape()))];
    // SAFETY: the kernel has a thread for each pixel, and reads the lines of the half that the axes
    // name, which exist.
    let [sum] = unsafe {
        run(ENLARGE, picture.device(), inputs, outputs, down.fine * across.fine, parameters)
    }?;
    made(sum)
}

fn check_picture(picture: &Tensor, height: usize, width: usize) -> Result<()> {
    check(
        picture.dims() == [height, width, 3] && picture.dtype() == DType::F32,
        "a picture does not fit its axes",
    )
}
