//! What depends on a tile's place in the picture: the first map of a pass, the last gradient, and
//! the differences of features to those of the whole picture's target.
//!
//! A tile begins at `origin`, (x, y), of the picture or of a map of it, and after its seams goes on
//! at 0.

use candle_core::{DType, Result, Tensor};

use crate::launch::{Address, Output, Parameters, check, kernels, made, run};
use crate::maps::{Edges, LANES, Sides, check_weights, map, typed};

/// A part of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub x: std::ops::Range<usize>,
    pub y: std::ops::Range<usize>,
}

/// Columns of the matrix that [`exit`] takes: three channels for each of nine taps, and five of
/// nothing, so that they are a multiple of eight.
pub const TAP_COLUMNS: usize = 32;

kernels! {
    ENTER_F32 = impasto_enter_f32;
    ENTER_BF16 = impasto_enter_bf16;
    EXIT = impasto_exit;
    COMPARE_F32 = impasto_compare_f32;
    COMPARE_BF16 = impasto_compare_bf16;
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Enter {
    picture: Address,
    framed: Address,
    picture_width: i32,
    height: i32,
    width: i32,
    origin_x: i32,
    origin_y: i32,
    seam_x: i32,
    seam_y: i32,
    edge_x: i32,
    edge_y: i32,
    mean_bgr: [f32; 3],
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Enter {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Exit {
    taps: Address,
    gradient: Address,
    height: i32,
    width: i32,
    edge_x: i32,
    edge_y: i32,
    x: i32,
    y: i32,
    rows: i32,
    columns: i32,
}

// SAFETY: laid out as in kernels/picture.h.
unsafe impl Parameters for Exit {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Compare {
    features: Address,
    target: Address,
    weights: Address,
    squares: Address,
    pulled: Address,
    width: i32,
    channels: i32,
    x: i32,
    y: i32,
    rows: i32,
    columns: i32,
    origin_x: i32,
    origin_y: i32,
    seam_x: i32,
    seam_y: i32,
    target_width: i32,
    pull: f32,
}

// SAFETY: laid out as in kernels/maps.h.
unsafe impl Parameters for Compare {}

/// The framed map that the first convolution reads, (height + 2, width + 2, 8), of a tile of a
/// picture (height, width, 3), red, green and blue in single precision. Its channels are blue,
/// green and red less their means; then what rounding to `dtype` left of each, so that their sum
/// has the digits of pixels; then two of zeros. The tile begins at `origin`, (x, y), and goes on at
/// 0 after its seams.
///
/// # Errors
/// Where the tile is not of the picture, or the device fails.
pub fn enter(
    picture: &Tensor,
    origin: (usize, usize),
    tile: Sides,
    edges: Edges,
    mean_bgr: [f32; 3],
    dtype: DType,
) -> Result<Tensor> {
    let (picture_height, picture_width, channels) = picture.dims3()?;
    check(
        channels == 3 && picture.dtype() == DType::F32,
        "a picture has three channels in single precision",
    )?;
    let Sides { width, height, seam_x, seam_y } = tile;
    check(
        is_inside(origin, tile, picture_width, picture_height),
        "a tile reaches beyond its picture",
    )?;
    let (edge_x, edge_y) = edges.codes();
    let parameters = |[picture]: [Address; 1], [framed]: [Address; 1]| Enter {
        picture,
        framed,
        picture_width: picture_width as i32,
        height: height as i32,
        width: width as i32,
        origin_x: origin.0 as i32,
        origin_y: origin.1 as i32,
        seam_x: seam_x as i32,
        seam_y: seam_y as i32,
        edge_x,
        edge_y,
        mean_bgr,
    };
    let outputs = [Some(Output::new(dtype, (height + 2, width + 2, LANES)))];
    let threads = (height + 2) * (width + 2);
    let kernel = typed(dtype, ENTER_F32, ENTER_BF16)?;
    // SAFETY: the kernel has a thread for each pixel of the framed map, and reads the pixel of the
    // picture that it stands for, which is inside.
    let [framed] =
        unsafe { run(kernel, picture.device(), [Some(picture)], outputs, threads, parameters) }?;
    made(framed)
}

/// The gradient at the pixels `x` and `y` of a tile with these sides, (rows, columns, 3), red,
/// green and blue in single precision. `taps` is the framed gradient at the first convolution's
/// output times its weights: ((height + 2) * (width + 2), [`TAP_COLUMNS`]), column `3 * tap +
/// channel` for blue, green and red.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn exit(
    taps: &Tensor,
    sides: Sides,
    edges: Edges,
    x: std::ops::Range<usize>,
    y: std::ops::Range<usize>,
) -> Result<Tensor> {
    let Sides { width, height, .. } = sides;
    let fits =
        taps.dims() == [(height + 2) * (width + 2), TAP_COLUMNS] && taps.dtype() == DType::F32;
    check(fits, "products of taps do not fit their tile")?;
    check(x.end <= width && y.end <= height, "a part reaches beyond its tile")?;
    let (rows, columns) = (y.len(), x.len());
    let (edge_x, edge_y) = edges.codes();
    let parameters = |[taps]: [Address; 1], [gradient]: [Address; 1]| Exit {
        taps,
        gradient,
        height: height as i32,
        width: width as i32,
        edge_x,
        edge_y,
        x: x.start as i32,
        y: y.start as i32,
        rows: rows as i32,
        columns: columns as i32,
    };
    let outputs = [Some(Output::new(DType::F32, (rows, columns, 3)))];
    // SAFETY: the kernel has a thread for each pixel of the part, and reads rows of `taps` within
    // the frame.
    let [gradient] =
        unsafe { run(EXIT, taps.device(), [Some(taps)], outputs, rows * columns, parameters) }?;
    made(gradient)
}

/// The squared differences of features, (height, width, channels), to the whole picture's target,
/// (its height, its width, channels) in the same type: a sum for each eight values of the window.
/// `tile` are the features' sides, and the tile begins at `origin` in the target, as in [`enter`].
/// Each pixel counts by its weight, where `weights`, (height, width) in single precision, are
/// given.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn squared_differences(
    features: &Tensor,
    target: &Tensor,
    origin: (usize, usize),
    tile: Sides,
    window: &Window,
    weights: Option<&Tensor>,
) -> Result<Tensor> {
    let (_, _, channels) = map(features)?;
    let len = window.x.len() * window.y.len() * channels / LANES;
    let outputs = [Some(Output::new(DType::F32, len)), None];
    let [squares, _] = compare(features, (target, origin, tile), window, weights, 0.0, outputs)?;
    made(squares)
}

/// `pull` times the differences of features to such a target, in the shape and the type of the
/// features.
///
/// # Errors
/// Where shapes or types do not fit, or the device fails.
pub fn pulled_differences(
    features: &Tensor,
    target: &Tensor,
    origin: (usize, usize),
    tile: Sides,
    pull: f32,
) -> Result<Tensor> {
    let (height, width, _) = map(features)?;
    let window = Window { x: 0..width, y: 0..height };
    let output = Output::new(features.dtype(), features.shape());
    let outputs = [None, Some(output)];
    let [_, pulled] = compare(features, (target, origin, tile), &window, None, pull, outputs)?;
    made(pulled)
}

fn compare(
    features: &Tensor,
    (target, origin, tile): (&Tensor, (usize, usize), Sides),
    window: &Window,
    weights: Option<&Tensor>,
    pull: f32,
    outputs: [Option<Output>; 2],
) -> Result<[Option<Tensor>; 2]> {
    let (height, width, channels) = map(features)?;
    let (target_height, target_width, target_channels) = target.dims3()?;
    check(
        target_channels == channels && target.dtype() == features.dtype(),
        "features do not fit their target",
    )?;
    check((tile.height, tile.width) == (height, width), "sides do not fit their map")?;
    check(
        is_inside(origin, tile, target_width, target_height),
        "a tile reaches beyond its target",
    )?;
    let Window { x, y } = window;
    check(
        x.start <= x.end && x.end <= width && y.start <= y.end && y.end <= height,
        "a window reaches beyond its map",
    )?;
    check_weights(weights, height, width)?;
    let parameters = |[features, target, weights]: [Address; 3],
                      [squares, pulled]: [Address; 2]| Compare {
        features,
        target,
        weights,
        squares,
        pulled,
        width: width as i32,
        channels: channels as i32,
        x: x.start as i32,
        y: y.start as i32,
        rows: y.len() as i32,
        columns: x.len() as i32,
        origin_x: origin.0 as i32,
        origin_y: origin.1 as i32,
        seam_x: tile.seam_x as i32,
        seam_y: tile.seam_y as i32,
        target_width: target_width as i32,
        pull,
    };
    let kernel = typed(features.dtype(), COMPARE_F32, COMPARE_BF16)?;
    let threads = x.len() * y.len() * channels / LANES;
    // SAFETY: the kernel has a thread for each eight values of the window, which is inside the
    // features, and reads where in the target the tile says, which is inside.
    unsafe {
        let inputs = [Some(features), Some(target), weights];
        run(kernel, features.device(), inputs, outputs, threads, parameters)
    }
}

/// Whether a tile that begins at `origin`, and after its seams at 0, lies within a picture or a map
/// of these sides.
fn is_inside(origin: (usize, usize), tile: Sides, width: usize, height: usize) -> bool {
    let within = |origin: usize, len: usize, seam: usize, of: usize| {
        len > 0
            && if seam == 0 {
                origin + len <= of
            } else {
                seam <= len && origin + seam <= of && len - seam <= of
            }
    };
    within(origin.0, tile.width, tile.seam_x, width)
        && within(origin.1, tile.height, tile.seam_y, height)
}
