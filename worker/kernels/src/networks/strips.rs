//! Two layers after each other in strips of rows, so that the map between them, which has a large
//! picture's full size, is never there as a whole. Every value is what it would be otherwise, to
//! the last bit: strips are whole bands, of which each layer computes one as it does any other. A
//! picture has at least 256 rows: in a lower one, bands depend on the height.

use std::ops::Range;

use super::{
    border::Border,
    direct::Map,
    layer::Layer,
    normalization::{Affine, Band, Moments},
};
use crate::{fp32::kernels::Kernels, threads::Threads};

/// Rows of a strip are a multiple of this, and so of what layers have in a band.
pub(super) const ROWS: usize = 96;

/// Two layers, and what is beyond the borders of what each reads.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    /// Rows of the map between that are computed at a time: a multiple of [`ROWS`].
    pub(super) rows: usize,
    pub(super) layers: [&'a Layer; 2],
    pub(super) borders: [[Border; 2]; 2],
    pub(super) kernels: Option<&'a Kernels>,
}

/// Some rows of a map, perhaps beyond its borders.
struct Window {
    values: Vec<f32>,
    row_floats: usize,
    /// The first row.
    first: isize,
    /// Behind the last row that is there.
    end: isize,
}

impl Window {
    /// Lets go of the rows before `first`.
    fn advance(&mut self, first: isize) {
        if self.first < first {
            let kept = self.place(first)..self.place(self.end);
            self.values.copy_within(kept, 0);
            self.first = first;
        }
    }

    /// Where a row begins.
    fn place(&self, row: isize) -> usize {
        (row - self.first) as usize * self.row_floats
    }

    /// Room for rows from the end on.
    fn room(&mut self, rows: usize) -> &mut [f32] {
        let (from, len) = (self.place(self.end), rows * self.row_floats);
        if self.values.len() < from + len {
            self.values.resize(from + len, 0.0);
        }
        self.end += rows as isize;
        &mut self.values[from..from + len]
    }
}

impl Pair<'_> {
    /// Memory that a run takes for a source of this size, in floats: the map between and its
    /// result, of a strip each.
    pub(super) fn floats(&self, (width, height): (usize, usize)) -> usize {
        let [first, second] = self.layers;
        let (wide, high) = (first.out_len(width), first.out_len(height));
        let row_floats = wide * first.out_channels();
        let rows = self.rows.min(high);
        let outputs = second.out_len(rows) * second.out_len(wide) * second.out_channels();
        // What a strip reads beyond it, and what is computed with that.
        (rows + ROWS) * row_floats + outputs
    }

    /// The moments of the map between.
    pub(super) fn moments(&self, threads: &mut Threads, source: &Map<'_>) -> Moments {
        let [first, _] = self.layers;
        let height = first.out_len(source.height);
        let row_floats = first.out_len(source.width) * first.out_channels();
        let (band, rows) = (first.band_rows(source.height), self.rows);
        let mut bands = vec![Band::EMPTY; height.div_ceil(band)];
        let mut values = vec![0.0; rows.min(height) * row_floats];
        for start in (0..height).step_by(rows) {
            let rows = start..height.min(start + rows);
            let output = &mut values[..rows.len() * row_floats];
            let bands = &mut bands[start / band..rows.end.div_ceil(band)];
            let [borders, _] = self.borders;
            first.run_rows(threads, self.kernels, source, borders, rows, output, Some(bands));
        }
        Moments::merged(first.out_channels(), &bands)
    }

    /// Hands over the rows of the second layer's output, one strip after the other, and returns
    /// their moments. `affine` is how the values of the map between are meant.
    pub(super) fn run(
        &self,
        threads: &mut Threads,
        source: &Map<'_>,
        affine: Option<&Affine>,
        mut take: impl FnMut(Range<usize>, &[f32]),
    ) -> Moments {
        let [first, second] = self.layers;
        let (width, height) = (first.out_len(source.width), first.out_len(source.height));
        let row_floats = width * first.out_channels();
        let out_floats = second.out_len(width) * second.out_channels();
        let (out_height, band) = (second.out_len(height), second.band_rows(height));
        let step = second.out_len(self.rows);
        let mut bands = vec![Band::EMPTY; out_height.div_ceil(band)];
        let top = second.reads(&(0..step.min(out_height))).start;
        let mut between = Window { values: Vec::new(), row_floats, first: top, end: top };
        let mut outputs = vec![0.0; step.min(out_height) * out_floats];
        for start in (0..out_height).step_by(step) {
            let rows = start..out_height.min(start + step);
            self.read(threads, source, &mut between, second.reads(&rows));
            let map = Map {
                first: Some(between.first),
                ..Map::new(&between.values, width, height, affine)
            };
            let output = &mut outputs[..rows.len() * out_floats];
            let bands = &mut bands[start / band..rows.end.div_ceil(band)];
            let [_, borders] = self.borders;
            let (own, kernels) = (rows.clone(), self.kernels);
            second.run_rows(threads, kernels, &map, borders, own, output, Some(bands));
            take(rows, output);
        }
        let taken = between.values.len() + outputs.len();
        debug_assert!(taken <= self.floats((source.width, source.height)), "{taken} floats");
        Moments::merged(second.out_channels(), &bands)
    }

    /// Computes what is missing of these rows of the map between, in whole bands, and lets go of
    /// those before them.
    fn read(
        &self,
        threads: &mut Threads,
        source: &Map<'_>,
        between: &mut Window,
        rows: Range<isize>,
    ) {
        let [first, _] = self.layers;
        let height = first.out_len(source.height) as isize;
        between.advance(rows.start);
        // Before the map.
        while between.end < 0 {
            self.copy(threads, source, between);
        }
        if between.end < rows.end.min(height) {
            let start = between.end as usize;
            let whole = (rows.end as usize).next_multiple_of(first.band_rows(source.height));
            let own = start..whole.min(height as usize);
            let output = between.room(own.len());
            let ([borders, _], kernels) = (self.borders, self.kernels);
            first.run_rows(threads, kernels, source, borders, own, output, None);
        }
        // Behind it.
        while between.end < rows.end {
            self.copy(threads, source, between);
        }
    }

    /// Adds the row that a border asks for at the end of what is there.
    fn copy(&self, threads: &mut Threads, source: &Map<'_>, between: &mut Window) {
        let [first, _] = self.layers;
        let [_, [_, border]] = self.borders;
        let (height, row_floats) = (first.out_len(source.height), between.row_floats);
        let Some(row) = border.source(between.end, height) else {
            // It reads zero, whatever is there.
            return between.room(1).fill(0.0);
        };
        if (between.first.max(0)..between.end).contains(&(row as isize)) {
            let from = between.place(row as isize);
            between.room(1);
            let to = between.place(between.end - 1);
            return between.values.copy_within(from..from + row_floats, to);
        }
        let band = first.band_rows(source.height);
        let start = row / band * band;
        let own = start..height.min(start + band);
        let mut values = vec![0.0; own.len() * row_floats];
        let ([borders, _], kernels) = (self.borders, self.kernels);
        first.run_rows(threads, kernels, source, borders, own, &mut values, None);
        let from = (row - start) * row_floats;
        between.room(1).copy_from_slice(&values[from..from + row_floats]);
    }
}
