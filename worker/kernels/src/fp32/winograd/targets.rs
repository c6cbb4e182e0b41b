//! The way out: products are transformed back, and their tile's pixels stored.

use crate::{
    fp32::{
        bits::{self, Gate},
        job::Epilogue,
        lanes::Lanes,
        pool::Pooling,
        winograd::{
            Tiles, Transformed,
            transforms::{TILE, WINDOW, column, transform_output},
        },
    },
    shape::Pool,
};

/// Transforms the products of one tile back and stores its pixels.
#[inline(always)]
pub(super) unsafe fn scatter<L: Lanes>(
    tiles: &Tiles<'_>,
    tile: usize,
    start: usize,
    columns: usize,
    from: *const f32,
    part: usize,
) {
    let targets = Targets::new(tiles, tile);
    let mut offset = 0;
    while offset < columns {
        let mut rows = [[L::splat(0.0); TILE]; WINDOW];
        for (y, row) in rows.iter_mut().enumerate() {
            let mut window = [L::splat(0.0); WINDOW];
            for (x, lanes) in window.iter_mut().enumerate() {
                *lanes = L::load(from.add((y * WINDOW + x) * part + offset));
            }
            *row = transform_output(window);
        }
        let mut values = [[L::splat(0.0); TILE]; TILE];
        for x in 0..TILE {
            let column = transform_output(column(&rows, x));
            for (row, value) in values.iter_mut().zip(column) {
                row[x] = value;
            }
        }
        targets.store(tiles, start + offset, values);
        offset += L::WIDTH;
    }
}

/// Where the pixels of one output tile go.
struct Targets {
    /// How many columns and rows the tile has.
    across: usize,
    down: usize,
    /// The places of its pixels; where the epilogue makes bits or reads any, inside the picture
    /// only.
    pixels: [usize; TILE * TILE],
    /// The first pooled pixel, if the tile is pooled.
    pooled: usize,
}

impl Targets {
    fn new(tiles: &Tiles<'_>, tile: usize) -> Self {
        let plane = tiles.job.plane;
        let (columns, rows) = tiles.pixels(tile);
        let (across, down) = (columns.len(), rows.len());
        let mut pixels = [0; TILE * TILE];
        for (y, row) in rows.clone().enumerate() {
            for (x, column) in columns.clone().enumerate() {
                pixels[y * TILE + x] = if plane.is_bare() {
                    row as usize * plane.width() + column as usize
                } else {
                    plane.target(column, row).unwrap_or(0)
                };
            }
        }
        let pooled = match tiles.job.epilogue {
            Epilogue::Pool { pooling, .. } => {
                pooling.pooled(columns.start as usize, rows.start as usize)
            }
            Epilogue::Rectify { .. }
            | Epilogue::Mark { .. }
            | Epilogue::Gate(_)
            | Epilogue::Plain => 0,
        };
        Self { across, down, pixels, pooled }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(
        &self,
        tiles: &Tiles<'_>,
        channel: usize,
        mut values: [[L; TILE]; TILE],
    ) {
        let Tiles {
            weights: Transformed { out_channels, .. },
            job,
            values: output,
            bits: marks,
            ..
        } = tiles;
        let (channels, bytes) = (*out_channels, bits::bytes(*out_channels));
        if let Epilogue::Rectify { bias } | Epilogue::Mark { bias } | Epilogue::Pool { bias, .. } =
            job.epilogue
        {
            let bias = L::load(bias.as_ptr().add(channel));
            for row in &mut values {
                for value in row {
                    *value = value.add(bias).rectify();
                }
            }
        }
        if let Epilogue::Pool { pooling, .. } = job.epilogue {
            return self.pool(tiles, pooling, channel, &values);
        }
        let area = job.plane.area();
        for (y, row) in values.iter().enumerate().take(self.down) {
            for (x, value) in row.iter().enumerate().take(self.across) {
                let pixel = self.pixels[y * TILE + x];
                let (place, bit) = (pixel * channels + channel, pixel * bytes + channel / 8);
                let value = match job.epilogue {
                    // The frame beyond the border is gated where it is folded to.
                    Epilogue::Gate(_) if pixel >= area => *value,
                    Epilogue::Gate(Gate::Features(features)) => {
                        value.keep(L::load(features.as_ptr().add(place)).positive())
                    }
                    Epilogue::Gate(Gate::Bits(bits)) => {
                        value.keep(L::load_bits(bits.as_ptr().add(bit)))
                    }
                    Epilogue::Mark { .. } => {
                        L::store_bits(value.positive(), marks.at(bit));
                        *value
                    }
                    Epilogue::Rectify { .. } | Epilogue::Pool { .. } | Epilogue::Plain => *value,
                };
                value.store(output.at(place));
            }
        }
    }

    /// Stores the pooled pixels of a tile and their routes: see [`crate::fp32::pool::pool`].
    #[inline(always)]
    unsafe fn pool<L: Lanes>(
        &self,
        tiles: &Tiles<'_>,
        pooling: &Pooling,
        channel: usize,
        values: &[[L; TILE]; TILE],
    ) {
        let Tiles {
            weights: Transformed { out_channels, .. }, values: output, bits: marks, ..
        } = tiles;
        let (channels, bytes) = (*out_channels, bits::bytes(*out_channels));
        let mut y = 0;
        while y < self.down {
            let mut x = 0;
            while x < self.across {
                // The one row or column of an odd window is read twice: that changes neither the
                // maximum nor the mean.
                let (right, below) = ((x + 1).min(self.across - 1), (y + 1).min(self.down - 1));
                let window =
                    [values[y][x], values[y][right], values[below][x], values[below][right]];
                let [a, b, c, d] = window;
                let mut routes = [0; 4];
                let pooled = match pooling.pool {
                    Pool::Max => {
                        let largest = a.larger(b).larger(c.larger(d));
                        let mut free = largest.positive();
                        for (route, value) in routes.iter_mut().zip(window) {
                            *route = free & value.equal(largest);
                            free &= !*route;
                        }
                        largest
                    }
                    Pool::Average => {
                        for (route, value) in routes.iter_mut().zip(window) {
                            *route = value.positive();
                        }
                        a.add(b).add(c.add(d)).mul_add(L::splat(0.5), L::splat(0.0))
                    }
                };
                // In reverse, so that of a pixel read twice the first route counts.
                for (place, (y, x)) in
                    [(y, x), (y, right), (below, x), (below, right)].into_iter().enumerate().rev()
                {
                    L::store_bits(
                        routes[place],
                        marks.at(self.pixels[y * TILE + x] * bytes + channel / 8),
                    );
                }
                pooled.store(output.at((self.pooled + y / 2 * pooling.pooled_width() + x / 2)
                    * channels
                    + channel));
                x += 2;
            }
            y += 2;
        }
    }
}
