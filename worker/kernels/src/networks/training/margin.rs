//! Margins of a map. The gradient of what a convolution read beyond a border lies in a margin
//! around the map's own; it is computed there as if the map went on, and then folded back to the
//! pixels that were read instead.

use crate::{networks::border::Border, threads::Threads};

/// A map's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
}

impl Size {
    pub(super) fn floats(&self) -> usize {
        self.width * self.height * self.channels
    }

    pub(super) fn row_floats(&self) -> usize {
        self.width * self.channels
    }

    /// With a margin before and behind, along both axes.
    pub(super) fn with_margin(self, before: usize, behind: usize) -> Self {
        let [width, height] = [self.width, self.height].map(|len| before + len + behind);
        Self { width, height, ..self }
    }
}

/// Copies a map into one that has `before` pixels more above and to the left, all of them zero, as
/// are those behind it.
pub(super) fn surround(
    threads: &mut Threads,
    (map, size): (&[f32], Size),
    before: usize,
    (output, wide): (&mut [f32], Size),
) {
    let (from, to) = (size.row_floats(), wide.row_floats());
    let start = before * size.channels;
    threads.each_piece(&mut output[..wide.floats()], to, |y, row, _| {
        row.fill(0.0);
        if let Some(y) = y.checked_sub(before).filter(|y| *y < size.height) {
            row[start..start + from].copy_from_slice(&map[y * from..][..from]);
        }
    });
}

/// Adds what lies at each position of a map with a margin of `before` pixels above and to the left,
/// and perhaps one behind, to the pixel that was read there. `output` is overwritten.
pub(super) fn fold(
    threads: &mut Threads,
    (map, wide): (&[f32], Size),
    before: usize,
    border: Border,
    (output, size): (&mut [f32], Size),
) {
    let (wide_floats, channels) = (wide.row_floats(), size.channels);
    let position = |place: usize| place as isize - before as isize;
    let beyond = |len: usize, wide: usize| {
        let places = (0..wide).filter(move |&place| !(0..len as isize).contains(&position(place)));
        let sources =
            places.filter_map(move |place| Some((place, border.source(position(place), len)?)));
        sources.collect::<Vec<_>>()
    };
    let columns = beyond(size.width, wide.width);
    let rows = beyond(size.height, wide.height);
    threads.each_piece(&mut output[..size.floats()], size.row_floats(), |y, row, _| {
        row.fill(0.0);
        let others = rows.iter().filter(|(_, source)| *source == y).map(|(place, _)| *place);
        for place in std::iter::once(y + before).chain(others) {
            let own = &map[place * wide_floats..][..wide_floats];
            row.iter_mut().zip(&own[before * channels..]).for_each(|(sum, own)| *sum += own);
            for (place, source) in &columns {
                let own = &own[place * channels..][..channels];
                let sums = &mut row[source * channels..][..channels];
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
        }
    });
}
