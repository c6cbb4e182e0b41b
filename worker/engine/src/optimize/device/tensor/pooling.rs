//! Pooling over 2x2 windows with stride 2, and its gradient.
//!
//! A map of odd size keeps its last row and column: the last window holds the pixels that there
//! are. Windows begin anew at a seam. To that end a line of zeros is put after an odd end or seam,
//! where it changes nothing: features are not negative, so zeros change neither a maximum nor a
//! sum.

use candle_core::{Device, Result, Tensor};
use impasto_kernels::Pool;

const ACROSS: usize = 3;
const DOWN: usize = 2;

/// The index of the maximum where all pixels of a window are zero: none gets a gradient.
const NOBODY: u8 = 4;

/// One axis of a map: how long it is, and where the picture begins anew; 0 where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) len: usize,
    pub(super) seam: usize,
}

/// The axes of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) x: Side,
    pub(super) y: Side,
}

/// Where a pooled map's gradient goes.
#[derive(Debug)]
pub(super) enum Route {
    /// To the first maximum of each window in reading order: its place, (channels, windows down, 1,
    /// windows across, 1), or [`NOBODY`].
    Winner(Tensor),
    /// In equal shares to each pixel of a window that its ReLU lets through: one there, zero
    /// elsewhere, as bytes in the shape of the map.
    Shares(Tensor),
}

impl Side {
    /// Where a position comes to lie after so many halvings, rounding up on either side of a seam.
    pub(super) fn halved(self, position: usize, halvings: usize) -> usize {
        let half = |len: usize| len.div_ceil(1 << halvings);
        if position <= self.seam {
            half(position)
        } else {
            half(self.seam) + half(position - self.seam)
        }
    }

    /// The axis after so many halvings.
    pub(super) fn half(self, halvings: usize) -> Self {
        Self { len: self.halved(self.len, halvings), seam: self.seam.div_ceil(1 << halvings) }
    }

    /// Lines before the seam and after it, and whether each part needs one more to be whole
    /// windows.
    fn parts(self) -> [(usize, usize); 2] {
        [self.seam, self.len - self.seam].map(|len| (len, len % 2))
    }

    /// Lines in each window.
    fn counts(self) -> impl Iterator<Item = f32> {
        self.parts().into_iter().flat_map(|(len, odd)| {
            let whole = std::iter::repeat_n(2.0, len / 2);
            whole.chain(std::iter::repeat_n(1.0, odd))
        })
    }

    /// The maps in whole windows along `axis`.
    fn evened(self, maps: &Tensor, axis: usize) -> Result<Tensor> {
        let [(before, before_odd), (after, after_odd)] = self.parts();
        if before_odd == 0 {
            return maps.pad_with_zeros(axis, 0, after_odd);
        }
        let first = maps.narrow(axis, 0, before)?.pad_with_zeros(axis, 0, before_odd)?;
        let second = maps.narrow(axis, before, after)?.pad_with_zeros(axis, 0, after_odd)?;
        Tensor::cat(&[first, second], axis)
    }

    /// Drops the lines that [`Side::evened`] adds.
    fn cropped(self, maps: &Tensor, axis: usize) -> Result<Tensor> {
        let [(before, before_odd), (after, after_odd)] = self.parts();
        if before_odd == 0 {
            return if after_odd == 0 {
                Ok(maps.clone())
            } else {
                maps.narrow(axis, 0, self.len)?.contiguous()
            };
        }
        Tensor::cat(
            &[maps.narrow(axis, 0, before)?, maps.narrow(axis, before + before_odd, after)?],
            axis,
        )
    }
}

impl Sides {
    pub(super) fn half(self, halvings: usize) -> Self {
        Self { x: self.x.half(halvings), y: self.y.half(halvings) }
    }
}

/// Pools maps (1, channels, height, width).
pub(super) fn pool(maps: &Tensor, pool: Pool, sides: Sides) -> Result<(Tensor, Route)> {
    let channels = maps.dim(1)?;
    let Sides { x, y } = sides.half(1);
    let evened = sides.y.evened(&sides.x.evened(maps, ACROSS)?, DOWN)?;
    let windows = evened.reshape((channels, y.len, 2, x.len, 2))?;
    let place =
        |place: usize| windows.narrow(2, place / 2, 1)?.narrow(4, place % 2, 1)?.contiguous();
    let [a, b, c, d] = [place(0)?, place(1)?, place(2)?, place(3)?];
    drop((windows, evened));
    let (pooled, route) = match pool {
        Pool::Max => {
            let largest = a.maximum(&b)?.maximum(&c.maximum(&d)?)?;
            (largest.clone(), Route::Winner(winner([a, b, c], &largest)?))
        }
        Pool::Average => {
            let sum = ((a + b)? + (c + d)?)?;
            (shared(&sum, sides)?, Route::Shares(maps.gt(0.0)?))
        }
    };
    Ok((pooled.reshape((1, channels, y.len, x.len))?, route))
}

/// The gradient before the ReLU whose features were pooled, from that of the pooled maps.
pub(super) fn unpool(gradient: &Tensor, route: &Route, sides: Sides) -> Result<Tensor> {
    let channels = gradient.dim(1)?;
    let Sides { x, y } = sides.half(1);
    let device = gradient.device();
    let gradient = gradient.reshape((channels, y.len, 1, x.len, 1))?;
    let windows = (channels, y.len, 2, x.len, 2);
    let cropped = |windows: Tensor| {
        let even = windows.reshape((1, channels, 2 * y.len, 2 * x.len))?;
        sides.x.cropped(&sides.y.cropped(&even, DOWN)?, ACROSS)
    };
    match route {
        Route::Winner(winner) => {
            let wins = winner.broadcast_eq(&places(device)?)?;
            cropped(kept(&wins, &gradient.broadcast_as(windows)?)?)
        }
        Route::Shares(mask) => {
            kept(mask, &cropped(shared(&gradient, sides)?.broadcast_as(windows)?.contiguous()?)?)
        }
    }
}

/// The values where `mask` is one, and zero elsewhere.
pub(super) fn kept(mask: &Tensor, values: &Tensor) -> Result<Tensor> {
    // Where all three are contiguous, a device need not compute the address of each value, which
    // would take longer than to write the zeros.
    let zeros = if values.is_contiguous() {
        values.zeros_like()?
    } else {
        Tensor::zeros((), values.dtype(), values.device())?.broadcast_as(values.shape())?
    };
    mask.where_cond(values, &zeros)
}

/// The index of a window's first maximum; the last pixel has it if no other is the maximum.
fn winner([a, b, c]: [Tensor; 3], largest: &Tensor) -> Result<Tensor> {
    let shape = largest.shape();
    let place = |place: u8| Tensor::new(place, largest.device())?.broadcast_as(shape);
    let winner = c.eq(largest)?.where_cond(&place(2)?, &place(3)?)?;
    let winner = b.eq(largest)?.where_cond(&place(1)?, &winner)?;
    let winner = a.eq(largest)?.where_cond(&place(0)?, &winner)?;
    largest.gt(0.0)?.where_cond(&winner, &place(NOBODY)?)
}

fn places(device: &Device) -> Result<Tensor> {
    Tensor::new(&[0_u8, 1, 2, 3], device)?.reshape((1, 1, 2, 1, 2))
}

/// Sums over windows, or what is to be spread over them, times twice the share of a pixel: two of
/// what there are in the window.
fn shared(values: &Tensor, sides: Sides) -> Result<Tensor> {
    let whole = |side: Side| side.parts().iter().all(|&(_, odd)| odd == 0);
    if whole(sides.x) && whole(sides.y) {
        return values * 0.5;
    }
    let shares = |side: Side| side.counts().map(|count| 1.0 / count).collect::<Vec<_>>();
    let (across, down) = (shares(sides.x), shares(sides.y));
    let device = values.device();
    let (wide, high) = (across.len(), down.len());
    let across = Tensor::from_vec(across, (1, 1, 1, wide, 1), device)?.to_dtype(values.dtype())?;
    let down =
        (Tensor::from_vec(down, (1, high, 1, 1, 1), device)?.to_dtype(values.dtype())? * 2.0)?;
    values.broadcast_mul(&down.broadcast_mul(&across)?)
}
