//! What a 3x3 convolution reads one pixel beyond the border, along one axis, and where the gradient
//! of that read goes.

use std::ops::Range;

/// What a convolution reads beyond the border, at every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Zeros, as VGG was trained.
    Zero,
    /// The border pixel again.
    Replicate,
    /// The mirrored picture, without repeating the border pixel. A picture one pixel long is
    /// replicated.
    Reflect,
    /// The opposite border: the picture tiles.
    Wrap,
}

/// Marks a position that reads as zero.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// The first position in the table of an axis: a gradient with a frame reads one pixel beyond its
/// frame.
const FIRST: isize = -2;

/// How far beyond the end the last 6-wide Winograd window may reach: it starts one before the
/// frame's pixel at `len`.
const OVERHANG: isize = 4;

/// One axis of a convolution: which source each position reads, and whether the output has a frame
/// beyond the border.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    len: usize,
    frame: usize,
    seam: usize,
    sources: Vec<u32>,
}

impl Axis {
    /// For features: `len` outputs, and the border reads as `edge` says.
    pub(crate) fn forward(len: usize, edge: Edge) -> Self {
        Self::new(len, 0, edge)
    }

    /// For the gradient of the same convolution. What was read by wrapping is read by wrapping
    /// again. What was read twice by replicating or reflecting has a second gradient, which the
    /// output holds in a frame one pixel wide, to be folded back.
    pub(crate) fn backward(len: usize, edge: Edge) -> Self {
        match edge {
            Edge::Zero | Edge::Wrap => Self::new(len, 0, edge),
            Edge::Replicate | Edge::Reflect => Self::new(len, 1, Edge::Zero),
        }
    }

    fn new(len: usize, frame: usize, edge: Edge) -> Self {
        assert!(len > 0, "an axis has at least one pixel");
        let end = len as isize;
        let last = len - 1;
        let (before, after) = match edge {
            Edge::Zero => (OUTSIDE, OUTSIDE),
            Edge::Replicate => (0, last as u32),
            Edge::Reflect => (1.min(last) as u32, last.saturating_sub(1) as u32),
            Edge::Wrap => (last as u32, 0),
        };
        let sources = (FIRST..=end + OVERHANG)
            .map(|position| match position {
                -1 => before,
                inside if (0..end).contains(&inside) => inside as u32,
                beyond if beyond == end => after,
                _ => OUTSIDE,
            })
            .collect();
        Self { len, frame, seam: 0, sources }
    }

    /// The same, with a seam: see [`Axis::parts`].
    pub(crate) fn with_seam(self, seam: usize) -> Self {
        Self { seam, ..self }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Pixels of the frame on either side of the output: none or one.
    pub(crate) fn frame(&self) -> usize {
        self.frame
    }

    /// The outputs before the seam and those from it on, frame included. Blocks of pixels begin
    /// anew at a seam, so that those beyond it lie as in the whole picture.
    pub(crate) fn parts(&self) -> [Range<isize>; 2] {
        let (start, seam, end) =
            (-(self.frame as isize), self.seam as isize, (self.len + self.frame) as isize);
        if self.seam == 0 {
            [start..start, start..end]
        } else {
            [start..seam.min(end), seam.min(end)..end]
        }
    }

    /// The pixel that `position` reads, or [`OUTSIDE`].
    pub(crate) fn source(&self, position: isize) -> u32 {
        self.sources[(position - FIRST) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_reads_what_the_edge_says() {
        let check = |edge, len, before, after| {
            let axis = Axis::forward(len, edge);
            assert_eq!(
                (axis.source(-1), axis.source(len as isize)),
                (before, after),
                "{edge:?} {len}"
            );
        };
        check(Edge::Zero, 4, OUTSIDE, OUTSIDE);
        check(Edge::Replicate, 4, 0, 3);
        check(Edge::Reflect, 4, 1, 2);
        check(Edge::Wrap, 4, 3, 0);
        check(Edge::Reflect, 2, 1, 0);
        check(Edge::Reflect, 1, 0, 0);
        check(Edge::Wrap, 1, 0, 0);
    }
}
