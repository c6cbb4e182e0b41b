//! The way in: input windows are gathered and transformed to V.

use crate::{
    fp32::{
        bits,
        gemm::{BLOCK, STRIP},
        job::Input,
        lanes::Lanes,
        winograd::{
            Tiles, Transformed,
            transforms::{POINTS, WINDOW, column, transform_input},
        },
    },
    shape::Pool,
};

/// Transforms one input window, channels of a vector at a time, to its place in each part of V.
#[inline(always)]
pub(super) unsafe fn gather<L: Lanes>(tiles: &Tiles<'_>, tile: usize, to: *mut f32, part: usize) {
    let Tiles { weights: Transformed { in_channels, zeros, .. }, job, .. } = tiles;
    let (columns, rows) = tiles.pixels(tile);
    let mut x = [None; WINDOW];
    for (column, x) in (columns.start - 1..).zip(&mut x) {
        *x = job.plane.column(column);
    }
    let width = job.plane.width();
    let mut window = Window {
        values: [zeros.as_ptr(); POINTS],
        bits: [zeros.as_ptr().cast(); POINTS],
        shares: [0.0; POINTS],
    };
    for (y, row) in (rows.start - 1..).take(WINDOW).enumerate() {
        let Some(row) = job.plane.row(row) else { continue };
        for (x, column) in x.iter().enumerate() {
            let (Some(column), place) = (*column, y * WINDOW + x) else { continue };
            match job.input {
                Input::Map(values) => {
                    window.values[place] = values.as_ptr().add((row * width + column) * in_channels)
                }
                Input::Unpooled(unpooled) => {
                    window.values[place] = unpooled
                        .pooled
                        .as_ptr()
                        .add(unpooled.pooling.pooled(column, row) * in_channels);
                    window.bits[place] = unpooled
                        .routes
                        .as_ptr()
                        .add((row * width + column) * bits::bytes(*in_channels));
                    window.shares[place] = unpooled.pooling.share(column, row);
                }
            }
        }
    }
    match job.input {
        Input::Map(_) => window.transform::<L, MAP>(*in_channels, to, part),
        Input::Unpooled(unpooled) => match unpooled.pooling.pool {
            Pool::Max => window.transform::<L, LARGEST>(*in_channels, to, part),
            Pool::Average => window.transform::<L, SHARED>(*in_channels, to, part),
        },
    }
}

/// Where a window's 36 pixels are.
struct Window {
    values: [*const f32; POINTS],
    bits: [*const u8; POINTS],
    shares: [f32; POINTS],
}

/// What a window reads: a map, the gradient of one before max pooling, or of one before average
/// pooling.
const MAP: u8 = 0;
const LARGEST: u8 = 1;
const SHARED: u8 = 2;

impl Window {
    #[inline(always)]
    unsafe fn transform<L: Lanes, const INPUT: u8>(
        &self,
        channels: usize,
        to: *mut f32,
        part: usize,
    ) {
        let mut channel = 0;
        while channel < channels {
            let mut rows = [[L::splat(0.0); WINDOW]; WINDOW];
            for (y, row) in rows.iter_mut().enumerate() {
                let mut window = [L::splat(0.0); WINDOW];
                for (x, lanes) in window.iter_mut().enumerate() {
                    let place = y * WINDOW + x;
                    *lanes = L::load(self.values[place].add(channel));
                    if INPUT != MAP {
                        *lanes = lanes.keep(L::load_bits(self.bits[place].add(channel / 8)));
                    }
                    if INPUT == SHARED {
                        *lanes = lanes.mul_add(L::splat(self.shares[place]), L::splat(0.0));
                    }
                }
                *row = transform_input(window);
            }
            let to = to.add(channel / BLOCK * STRIP * BLOCK + channel % BLOCK);
            for x in 0..WINDOW {
                let values = transform_input(column(&rows, x));
                for (y, lanes) in values.iter().enumerate() {
                    lanes.store(to.add((y * WINDOW + x) * part));
                }
            }
            channel += L::WIDTH;
        }
    }
}
