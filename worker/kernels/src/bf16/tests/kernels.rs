//! Every kernel against the plain one.

use super::{Random, answer::difference, others, plain};
use crate::bf16::{
    Kernels,
    kernels::Product,
    line::{CHANNELS, Line, POSITIONS, Sums},
};

/// A product of planes of lines, from their first line on; `stride` and `plane` count lines.
fn nine_taps(
    lines: &[Line],
    (stride, plane): (usize, usize),
    weights: &[Line],
    blocks: usize,
) -> Product {
    let line = size_of::<Line>();
    Product {
        lines: lines.as_ptr(),
        position: line,
        row: stride * line,
        block: plane * line,
        blocks,
        weights: weights.as_ptr(),
    }
}

#[test]
fn products_agree_with_the_plain_one() {
    let mut random = Random(1);
    for (name, kernels) in others() {
        for (blocks, stride) in [(1, 34), (2, 40), (5, 51)] {
            let plane = 2 * stride + 3 * POSITIONS + 2;
            let (lines, weights) = (random.lines(blocks * plane), random.lines(blocks * 9 * 32));
            let convolve = nine_taps(&lines, (stride, plane), &weights, blocks);
            let multiply = Product { position: 2 * size_of::<Line>(), ..convolve };
            let run = |kernels: &'static Kernels| {
                let (mut nine, mut narrow, mut one) = (Sums::ZERO, Sums::ZERO, Sums::ZERO);
                let _ready = kernels.ready();
                // SAFETY: the kernels were given for this processor; lines and weights are as long
                // as the products say.
                unsafe {
                    (kernels.convolve)(&convolve, &mut nine);
                    (kernels.convolve_narrow)(&convolve, &mut narrow);
                    (kernels.multiply)(&multiply, &mut one);
                }
                [nine, narrow, one]
            };
            for (found, expected) in run(kernels).iter().zip(&run(plain())) {
                // Up to 1440 terms below one, each rounded at a sum of about 20: far less than bf16
                // rounds.
                let error = difference(found.0.as_flattened(), expected.0.as_flattened());
                assert!(error < 1e-4, "{name}, {blocks} blocks: {error}");
            }
        }
    }
}

#[test]
fn a_long_product_is_that_of_its_blocks_to_the_last_bit() {
    let mut random = Random(3);
    for (name, kernels) in others().into_iter().chain([("plain", plain())]) {
        for (blocks, stride) in [(1, 34), (3, 51)] {
            let plane = 2 * stride + 3 * POSITIONS + 2;
            let (lines, weights) = (random.lines(blocks * plane), random.lines(blocks * 9 * 32));
            let product = nine_taps(&lines, (stride, plane), &weights, blocks);
            let (mut long, mut apart) = ([Sums::ZERO; 3], [Sums::ZERO; 3]);
            let _ready = kernels.ready();
            // SAFETY: the kernels were given for this processor; lines and weights are as long as
            // the products say.
            unsafe {
                (kernels.convolve_long)(&product, &mut long);
                for (index, sums) in apart.iter_mut().enumerate() {
                    (kernels.convolve)(&product.moved(index), sums);
                }
            }
            assert!(long == apart, "{name}, {blocks} blocks");
        }
    }
}

#[test]
fn the_work_around_the_product_is_the_same_to_the_last_bit() {
    let mut random = Random(2);
    let (sums, bias) = (random.sums(), std::array::from_fn(|_| random.float()));
    let (features, pooled) = (random.features(4 * 5), random.lines(5));
    let pixels: [Line; POSITIONS] =
        random.features(POSITIONS).try_into().expect("a block of pixels");
    let more = random.sums();
    let picture = random.floats(3 * (40 + 3 * (33 + 3)));
    let run = |kernels: &'static Kernels| {
        let (mut answer, mut ways) = (Vec::new(), Vec::new());
        for count in [1, 31, 32] {
            let mut lines = vec![Line::ZERO; POSITIONS];
            let mut gated = vec![Line::ZERO; POSITIONS];
            let mut bits = [7; POSITIONS];
            // SAFETY: the kernels were given for this processor; every slice is as long as its
            // kernel asks.
            unsafe {
                (kernels.rectify)(&sums, &bias, lines.as_mut_ptr(), count);
                answer.extend_from_slice(&lines);
                (kernels.round)(&sums, lines.as_mut_ptr(), count);
                (kernels.open)(pixels.as_ptr(), bits.as_mut_ptr(), count);
                (kernels.gate)(&sums, bits.as_ptr(), gated.as_mut_ptr(), count);
            }
            answer.extend(lines);
            answer.extend(gated);
            ways.extend(bits);
        }
        let rows = [features.as_ptr(), features[10..].as_ptr()];
        let mut to = [Line::ZERO; 5];
        for pool in [kernels.largest, kernels.mean] {
            let mut routes = [[0; 10]; 2];
            let pointers = routes.each_mut().map(|routes| routes.as_mut_ptr());
            // SAFETY: as above: two rows of ten.
            unsafe { pool(rows, pointers, &mut to) };
            answer.extend(to);
            for (routes, share) in routes.iter().zip([1.0, 0.5]) {
                let mut spread = [Line::ZERO; 10];
                // SAFETY: as above.
                unsafe { (kernels.spread)(&pooled, routes.as_ptr(), share, spread.as_mut_ptr()) };
                answer.extend(spread);
            }
            ways.extend(routes.as_flattened());
            // Of one row that is read as two, the upper one's routes are left.
            let (mut both, pointer) = ([0; 10], rows[0]);
            let routes = both.as_mut_ptr();
            // SAFETY: as above.
            unsafe { pool([pointer; 2], [routes; 2], &mut to) };
            assert!(both.iter().any(|routes| *routes != 0));
            ways.extend(both);
        }
        let (mut pairs, mut turned) = ([Line::ZERO; 32], [Line::ZERO; 32]);
        let mut gathered = [[Line::ZERO; 2]; 33];
        let mut added = sums;
        let (mut sum, mut totals) = ([1.0; CHANNELS], vec![0.5; CHANNELS * CHANNELS]);
        // SAFETY: as above: three rows of at least 35 pixels, in whatever place.
        unsafe {
            (kernels.add)(&mut added, &more, &bias);
            (kernels.pair)(&pixels, &mut pairs);
            (kernels.turn)(&pairs, &mut turned, &mut sum);
            (kernels.gather)(
                [picture.as_ptr(), picture[40..].as_ptr(), picture[200..].as_ptr()],
                &mut gathered,
            );
            (kernels.total)(&sums, &mut totals);
        }
        answer.extend([pairs, turned].into_iter().flatten());
        answer.extend(gathered.as_flattened());
        (answer, ways, added, sum, totals)
    };
    for (name, kernels) in others() {
        assert!(run(kernels) == run(plain()), "{name}");
    }
}

#[test]
fn a_not_a_number_survives_rounding_and_pooling() {
    for kernels in others().into_iter().map(|(_, kernels)| kernels).chain([plain()]) {
        let mut sums = Sums::ZERO;
        sums.0[0][3] = f32::NAN;
        sums.0[0][4] = -f32::NAN;
        let mut lines = [Line::ZERO; 4];
        let (mut pooled, mut routes) = ([Line::ZERO], [[0; 2]; 2]);
        // SAFETY: the kernels were given for this processor; there is one line, and one window.
        unsafe {
            (kernels.rectify)(&sums, &[0.0; CHANNELS], lines.as_mut_ptr(), 1);
            let routes = routes.each_mut().map(|routes| routes.as_mut_ptr());
            (kernels.largest)([lines.as_ptr(), lines[2..].as_ptr()], routes, &mut pooled);
        }
        for line in [lines[0], pooled[0]] {
            assert!(
                line.widened()[3].is_nan()
                    && line.widened()[4].is_nan()
                    && line.widened()[5] == 0.0
            );
        }
    }
}
