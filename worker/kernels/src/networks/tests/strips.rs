//! Pictures in strips of rows, against the same as a whole.

use crate::{
    level::Level,
    networks::{
        FeedForward, FeedForwardLayout, StyleTransformer, body::Body, normalization::Factors,
        picture::Canvas, strips::ROWS, truth,
    },
};

use super::{style, workspace};

/// A picture in strips, or as a whole.
fn painted(
    body: &Body,
    factors: &[Factors],
    size: (usize, usize),
    wraps: [bool; 2],
    strips: Option<usize>,
) -> Vec<f32> {
    let (width, height) = size;
    let noise = |at: u32| 127.5 + 120.0 * truth::noise(3, at);
    let mut rgb: Vec<f32> = (0..3 * (width * height) as u32).map(noise).collect();
    let [wrap_x, wrap_y] = wraps;
    let mut canvas = Canvas { rgb: &mut rgb, width, height, wrap_x, wrap_y };
    body.paint_whole(&mut workspace(2), &mut canvas, factors, strips);
    rgb
}

#[test]
fn strips_change_no_bit() {
    // One normalises all layers, the other has biases before the blocks.
    let layout = FeedForwardLayout { contract: [8, 16], blocks: 1, expand: [16, 8], styles: 1 };
    let parameters: Vec<f32> =
        (0..layout.parameters() as u32).map(|at| 0.2 * truth::noise(11, at)).collect();
    let weights = truth::transformer();
    for level in Level::available() {
        let learned = FeedForward::new(&layout, &parameters, level).expect("a network");
        let tables = learned.tables.iter().map(|table| table.mixed(&[1.0]));
        let any = StyleTransformer::new(&weights.tensors(), level).expect("a network");
        for (body, factors) in
            [(&learned.body, tables.collect()), (&any.body, any.factors(&style()))]
        {
            check(body, &factors, level);
        }
    }
}

fn check(body: &Body, factors: &[Factors], level: Level) {
    for (size, wraps) in [
        ((20, 256), [false, false]),
        ((13, 301), [false, false]),
        ((24, 384), [true, true]),
        ((16, 388), [false, true]),
        ((33, 487), [true, false]),
    ] {
        let whole = painted(body, factors, size, wraps, None);
        for rows in [ROWS, 2 * ROWS, 6 * ROWS] {
            let strips = painted(body, factors, size, wraps, Some(rows));
            assert!(strips == whole, "{level} {size:?} {wraps:?} in strips of {rows}");
        }
    }
}
