//! The gradient of a convolution's weights, from the map that it read and the gradient of the map
//! that it made.
//!
//! The products are those of `geometry.rs`: each row of B, a tap of an input channel, is correlated
//! with the gradient of the columns, and what stands for several weights is added to all of them.
//! Bands of rows, whose number does not depend on the threads, have sums of their own, which are
//! merged in order.

use crate::{
    fp32::{
        dispatch,
        kernels::{Kernels, MOST_ROWS, Pairs},
    },
    networks::{
        border::Border,
        direct::{BAND, Layout, Map},
        geometry::{Geometry, Product},
        workspace::Workspace,
    },
};

/// Bands of a map: enough for the threads of a large machine.
const BANDS: usize = 16;

/// Floats after a row that its last strip of places may read.
const SLACK: usize = 16;

/// Adds the gradient of the weights, `[out][in][row][column]`, to `sums`. `gradient` is that of the
/// convolution's output.
pub(super) fn add_gradient(
    workspace: &mut Workspace,
    kernels: Option<&Kernels>,
    geometry: &Geometry,
    map: &Map<'_>,
    borders: [Border; 2],
    gradient: &[f32],
    sums: &mut [f32],
) {
    let products = geometry.products();
    let mut layout = Layout::new(geometry, products.iter(), map.width);
    layout.row_floats += SLACK;
    let pieces = Pieces::of(&products);
    let steps = map.height.div_ceil(geometry.stride());
    let row_floats = geometry.out_len(map.width) * geometry.out_channels;
    assert_eq!(gradient.len(), steps * geometry.enlarge() * row_floats, "a gradient of its output");
    let band = steps.div_ceil(BANDS);
    let count = steps.div_ceil(band);
    let mut bands = workspace.take(count * pieces.floats);
    let threads = &mut workspace.threads;
    threads.reserve(layout.rows * layout.row_floats + layout.line_floats);
    let work = Work { kernels, geometry, map, borders, gradient, row_floats, layout };
    threads.each_piece(
        &mut bands[..count * pieces.floats],
        pieces.floats,
        |index, own, scratch| {
            own.fill(0.0);
            let end = steps.min((index + 1) * band);
            for first in (index * band..end).step_by(BAND) {
                work.correlate(&products, &pieces, first..end.min(first + BAND), own, scratch);
            }
        },
    );
    let (total, others) = bands[..count * pieces.floats].split_at_mut(pieces.floats);
    for band in others.chunks_exact(pieces.floats) {
        total.iter_mut().zip(band).for_each(|(sum, own)| *sum += own);
    }
    for (product, (start, places)) in products.iter().zip(&pieces.starts) {
        let of_rows = total[*start..].chunks_exact(places * product.columns).take(product.rows);
        for (row, of_places) in of_rows.enumerate() {
            let of_places = of_places.chunks_exact(product.columns).take(product.run);
            for (place, columns) in of_places.enumerate() {
                add_to_weights(geometry, product, row * product.run + place, columns, sums);
            }
        }
    }
    workspace.give(bands);
}

/// Adds a row of B's gradient to that of the weights which stand there.
fn add_to_weights(
    geometry: &Geometry,
    product: &Product,
    k: usize,
    columns: &[f32],
    sums: &mut [f32],
) {
    let side = geometry.side;
    for (column, value) in columns.iter().enumerate() {
        let Some(summed) = geometry.summed(product, k, column) else { continue };
        let first = (summed.output * geometry.in_channels + summed.input) * side * side;
        for row in summed.rows {
            let taps = &mut sums[first + row * side..][..side];
            taps[summed.columns.clone()].iter_mut().for_each(|sum| *sum += value);
        }
    }
}

/// Where the sums of each product begin, and of how many places its rows are.
struct Pieces {
    starts: Vec<(usize, usize)>,
    floats: usize,
}

impl Pieces {
    fn of(products: &[Product]) -> Self {
        let (mut starts, mut floats) = (Vec::new(), 0);
        for product in products {
            let places = product.run.next_multiple_of(crate::fp32::gemm::STRIP);
            starts.push((floats, places));
            floats += product.rows * places * product.columns;
        }
        Self { starts, floats }
    }
}

struct Work<'a> {
    kernels: Option<&'a Kernels>,
    geometry: &'a Geometry,
    map: &'a Map<'a>,
    borders: [Border; 2],
    gradient: &'a [f32],
    /// Of an output row.
    row_floats: usize,
    layout: Layout,
}

impl Work<'_> {
    /// Adds what these steps add to the sums of all products.
    fn correlate(
        &self,
        products: &[Product],
        pieces: &Pieces,
        steps: std::ops::Range<usize>,
        sums: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Self { kernels, geometry, row_floats, layout, .. } = *self;
        let in_channels = geometry.in_channels;
        let (read, line) = scratch.split_at_mut(layout.rows * layout.row_floats);
        let line = &mut line[..layout.line_floats];
        self.read(&steps, read);
        let enlarge = geometry.enlarge();
        for (index, step) in steps.enumerate() {
            let window = &read[index * geometry.stride() * layout.row_floats..];
            for row in 0..enlarge {
                let gradient = &self.gradient[(step * enlarge + row) * row_floats..][..row_floats];
                // The last pixel of a product may have columns that belong to no output.
                let gradient = if layout.line_floats > row_floats {
                    line[..row_floats].copy_from_slice(gradient);
                    line[row_floats..].fill(0.0);
                    &line[..]
                } else {
                    gradient
                };
                let own = products.iter().zip(&pieces.starts).filter(|(own, _)| own.row == row);
                for (product, (start, places)) in own {
                    let mut rows = [&window[..0]; MOST_ROWS];
                    product.rows(window, &layout, in_channels, &mut rows);
                    let sums = sums[*start..].chunks_exact_mut(places * product.columns);
                    for (input, sums) in rows[..product.rows].iter().zip(sums) {
                        let pairs = Pairs {
                            input,
                            run: product.run,
                            step: product.step,
                            gradient: &gradient[product.output_start..],
                            columns: product.columns,
                            gradient_step: product.output_step,
                            pixels: layout.steps.div_ceil(product.group),
                        };
                        dispatch::correlate(kernels, &pairs, sums);
                    }
                }
            }
        }
    }

    /// Reads the rows of the map that these steps read.
    fn read(&self, steps: &std::ops::Range<usize>, read: &mut [f32]) {
        let Self { kernels, geometry, map, borders, layout, .. } = *self;
        let (stride, window) = (geometry.stride(), geometry.window());
        let before = geometry.before() as isize;
        let end = ((layout.steps - 1) * stride + window) as isize - before;
        let read_floats = (before + end.max(map.width as isize)) as usize * geometry.in_channels;
        let top = (steps.start * stride) as isize - before;
        let needed = (steps.len() - 1) * stride + window;
        for (y, row) in (top..).zip(read.chunks_exact_mut(layout.row_floats)).take(needed) {
            map.read_row(kernels, geometry.in_channels, borders, y, before, end, row);
            // Whatever else a product reads is multiplied with a gradient of zero.
            row[read_floats..].fill(0.0);
        }
    }
}
