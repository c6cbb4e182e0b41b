//! The networks with weights of a generator: against plain loops, and against themselves.

mod strips;

use std::sync::Arc;

use super::{
    MultiStyle, PaintError, Picture, StylePredictor, StyleTransformer, StyleVector, TensorError,
    Tensors, Workspace,
    truth::{self, Weights},
};
use crate::level::Level;

fn workspace(threads: usize) -> Workspace {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    Workspace::new(Arc::new(pool))
}

/// Blotches of colours, so that every channel has something to say.
fn colors(width: usize, height: usize) -> Vec<f32> {
    let value = |i: usize| {
        let (pixel, channel) = (i / 3, i % 3);
        let (x, y) = (pixel % width, pixel / width);
        let wave = ((x * (channel + 2)) as f32 / 5.0).sin() + ((y * 3) as f32 / 7.0).cos();
        127.5 + 50.0 * wave + 50.0 * truth::noise(7, i as u32)
    };
    (0..width * height * 3).map(value).collect()
}

/// A mixture of three styles.
fn styles() -> Vec<f32> {
    let mut styles = vec![0.0; MultiStyle::STYLES];
    [styles[3], styles[11], styles[25]] = [0.5, 0.75, -0.25];
    styles
}

fn style() -> StyleVector {
    let numbers = (0..StyleVector::LEN as u32).map(|i| 2.0 * truth::noise(5, i));
    StyleVector::new(numbers.collect()).expect("a vector")
}

/// Sizes around the multiples of four, of bands and of strips; and whether they wrap.
const SIZES: [(usize, usize, bool, bool); 11] = [
    (1, 1, false, false),
    (2, 3, false, false),
    (3, 8, false, true),
    (4, 4, true, true),
    (5, 9, false, false),
    (16, 12, true, false),
    (17, 18, false, false),
    (19, 32, false, true),
    (20, 30, true, false),
    (52, 36, true, true),
    (61, 47, false, false),
];

/// What a channel of 0 to 255 may differ by from the sums in f64: Winograd's rounding, through
/// twelve normalisations.
const TOLERANCE: f64 = 0.05;

fn check(name: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let apart = found.iter().zip(expected).map(|(x, y)| (f64::from(*x) - y).abs());
    let worst = apart.fold(0.0, f64::max);
    assert!(worst < TOLERANCE, "{name}: {worst}");
    let spread = expected.iter().fold(0.0, |most: f64, x| most.max((x - expected[0]).abs()));
    assert!(found.len() < 300 || spread > 20.0, "{name}: the picture is not flat: {spread}");
}

/// Paints by both networks with these weights.
fn paint(
    [multi, any]: [&Weights; 2],
    level: Level,
    threads: usize,
    picture: &Picture<'_>,
) -> [Vec<f32>; 2] {
    let mut workspace = workspace(threads);
    let mut outputs = [vec![f32::NAN; picture.rgb.len()], vec![f32::NAN; picture.rgb.len()]];
    let multi = MultiStyle::new(&multi.tensors(), level).expect("a network");
    let any = StyleTransformer::new(&any.tensors(), level).expect("a network");
    multi.paint(&mut workspace, picture, &styles(), &mut outputs[0]).expect("it paints");
    any.paint(&mut workspace, picture, &style(), &mut outputs[1]).expect("it paints");
    outputs
}

#[test]
fn both_networks_paint_what_their_definition_says_at_every_level() {
    let (multi, any) = (truth::multi_style(), truth::transformer());
    for (width, height, wrap_x, wrap_y) in SIZES {
        let rgb = colors(width, height);
        let picture = Picture { rgb: &rgb, width, height, wrap_x, wrap_y };
        let mixed = |name: &str| truth::mixed(&multi, name, &styles());
        let projected = |name: &str| truth::projected(&any, name, style().numbers());
        let expected = [
            truth::painted(&multi, "", &picture, false, &mixed),
            truth::painted(&any, "transform.", &picture, true, &projected),
        ];
        for level in Level::available() {
            let found = paint([&multi, &any], level, 2, &picture);
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                check(&format!("{index} {level} {width}x{height}"), found, expected);
            }
        }
    }
}

#[test]
fn the_number_of_threads_and_an_earlier_run_change_no_bit() {
    let weights = [&truth::multi_style(), &truth::transformer()];
    let rgb = colors(150, 83);
    let picture = Picture { rgb: &rgb, width: 150, height: 83, wrap_x: true, wrap_y: false };
    for level in Level::available() {
        let one = paint(weights, level, 1, &picture);
        assert!(one == paint(weights, level, 3, &picture), "{level}");
    }
    let any = StyleTransformer::new(&weights[1].tensors(), Level::detect()).expect("a network");
    let mut workspace = workspace(2);
    let mut painted = |picture: &Picture<'_>| {
        let mut output = vec![f32::NAN; picture.rgb.len()];
        any.paint(&mut workspace, picture, &style(), &mut output).expect("it paints");
        output
    };
    let first = painted(&picture);
    let other = Picture { rgb: &rgb[..40 * 90 * 3], width: 90, height: 40, ..picture };
    painted(&other);
    assert!(painted(&picture) == first);
}

#[test]
fn a_run_keeps_as_much_memory_as_is_said_however_often() {
    let (width, height) = (64, 48);
    let rgb = colors(width, height);
    let picture = Picture { rgb: &rgb, width, height, wrap_x: true, wrap_y: false };
    let mut output = vec![0.0; rgb.len()];
    let floats = |bytes: u64| bytes as usize / 4 / (width * height);
    let any = StyleTransformer::new(&truth::transformer().tensors(), Level::detect()).expect("one");
    let multi = MultiStyle::new(&truth::multi_style().tensors(), Level::detect()).expect("one");
    let [mut of_any, mut of_multi] = [workspace(2), workspace(2)];
    for _ in 0..3 {
        any.paint(&mut of_any, &picture, &style(), &mut output).expect("it paints");
        multi.paint(&mut of_multi, &picture, &styles(), &mut output).expect("it paints");
        assert_eq!((floats(of_any.kept_bytes()), floats(of_multi.kept_bytes())), (14, 42));
        // As much as without strips, since it is small.
        assert_eq!(any.run_bytes((width, height), (true, false)), of_any.kept_bytes());
    }
}

#[test]
fn a_run_takes_no_more_memory_than_is_said() {
    let any = StyleTransformer::new(&truth::transformer().tensors(), Level::detect()).expect("one");
    let sizes = SIZES.into_iter().chain([(64, 48, true, true), (130, 90, true, false)]);
    for (width, height, wrap_x, wrap_y) in sizes {
        let rgb = colors(width, height);
        let picture = Picture { rgb: &rgb, width, height, wrap_x, wrap_y };
        let (mut workspace, mut output) = (workspace(2), vec![0.0; rgb.len()]);
        any.paint(&mut workspace, &picture, &style(), &mut output).expect("it paints");
        let said = any.run_bytes((width, height), (wrap_x, wrap_y));
        let (kept, row) = (workspace.kept_bytes(), format!("{width}x{height} {wrap_x} {wrap_y}"));
        assert!(kept <= said, "{row}: {kept} of {said}");
        assert!(width * height < 3000 || 2 * kept > said, "{row}: {kept} of {said}");
    }
}

#[test]
fn a_large_picture_takes_six_floats_a_pixel() {
    let any = StyleTransformer::new(&truth::transformer().tensors(), Level::detect()).expect("one");
    let floats = |side: usize, wraps| {
        any.run_bytes((side, side), (wraps, wraps)) as f64 / 4.0 / (side * side) as f64
    };
    assert!(floats(8192, false) < 6.01, "{}", floats(8192, false));
    assert!(floats(4096, false) < 6.01, "{}", floats(4096, false));
    assert_eq!(floats(1024, true), 14.0);
    // It is continued by its next laps.
    assert!(floats(8190, true) > 9.0, "{}", floats(8190, true));
}

#[test]
fn a_picture_that_tiles_may_be_cut_anywhere() {
    let weights = [&truth::multi_style(), &truth::transformer()];
    let (width, height, cut) = (40, 24, 12);
    let rgb = colors(width, height);
    let turned = |rgb: &[f32]| -> Vec<f32> {
        rgb.chunks_exact(3 * width)
            .flat_map(|row| [&row[3 * cut..], &row[..3 * cut]].concat())
            .collect()
    };
    let picture = Picture { rgb: &rgb, width, height, wrap_x: true, wrap_y: false };
    let rgb_turned = turned(&rgb);
    let picture_turned = Picture { rgb: &rgb_turned, ..picture };
    let level = Level::detect();
    let whole = paint(weights, level, 2, &picture);
    for (whole, cut) in whole.iter().zip(paint(weights, level, 2, &picture_turned)) {
        let expected: Vec<f64> = turned(whole).into_iter().map(f64::from).collect();
        check("cut elsewhere", &cut, &expected);
    }
}

#[test]
fn a_picture_that_tiles_at_another_length_is_shown_with_more_of_it_around() {
    let weights = [&truth::multi_style(), &truth::transformer()];
    let (width, height) = (50, 37);
    let rgb = colors(width, height);
    let paint = |rgb: &[f32], width, height, wrap_y| {
        let picture = Picture { rgb, width, height, wrap_x: true, wrap_y };
        paint(weights, Level::detect(), 2, &picture)
    };
    // 48 pixels more on either side, and two or three to a multiple of four.
    let lap = |len: usize, place: usize| (place + 960 * len - 48) % len;
    let (wide, tall) = (148, 136);
    let around = |wide: usize, tall: usize, source: &dyn Fn(usize) -> usize| -> Vec<f32> {
        let places = (0..tall).flat_map(|y| (0..wide).map(move |x| (x, y)));
        places
            .map(|(x, y)| source(y) * width + lap(width, x))
            .flat_map(|pixel| rgb[3 * pixel..][..3].to_vec())
            .collect()
    };
    // Over 16 pixels a lap begins as what was painted after its end.
    let check = |found: &[f32], painted: &[f32], (wide, top): (usize, usize), fades: [bool; 2]| {
        let at = |x: usize, y: usize, i: usize| painted[3 * ((top + y) * wide + 48 + x) + i];
        let share = |place: usize, fades: bool| {
            if fades { (place as f32 + 0.5).min(16.0) / 16.0 } else { 1.0 }
        };
        for (pixel, found) in found.chunks_exact(3).enumerate() {
            let (x, y) = (pixel % width, pixel / width);
            let (across, down) = (share(x, fades[0]), share(y, fades[1]));
            for (i, found) in found.iter().enumerate() {
                let row = |y: usize| {
                    let own = at(x, y, i);
                    if across < 1.0 {
                        own + (1.0 - across) * (at(x + width, y, i) - own)
                    } else {
                        own
                    }
                };
                let own = row(y);
                let expected =
                    if down < 1.0 { own + (1.0 - down) * (row(y + height) - own) } else { own };
                if across == 1.0 && down == 1.0 {
                    assert!(*found == own, "{x} {y}: {found} {own}");
                }
                assert!((found - expected).abs() < 1e-3, "{x} {y}: {found} {expected}");
            }
        }
    };
    let both = paint(&around(wide, tall, &|y| lap(height, y)), wide, tall, true);
    for (found, expected) in paint(&rgb, width, height, true).iter().zip(&both) {
        check(found, expected, (wide, 48), [true, true]);
    }
    // An axis that ends stays as it is.
    let one = paint(&around(wide, height, &|y| y), wide, height, false);
    for (found, expected) in paint(&rgb, width, height, false).iter().zip(&one) {
        check(found, expected, (wide, 0), [true, false]);
    }
}

#[test]
fn the_vector_of_a_style_is_what_its_definition_says() {
    let weights = truth::predictor();
    let rgb = colors(StylePredictor::SIDE, StylePredictor::SIDE);
    let expected = truth::predicted(&weights, &rgb);
    let spread = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert!(spread > 0.1, "the vector says something: {spread}");
    for level in Level::available() {
        let predictor = StylePredictor::new(&weights.tensors(), level).expect("a network");
        let vector = |threads| predictor.predict(&mut workspace(threads), &rgb).expect("a vector");
        let found = vector(1);
        for (found, expected) in found.numbers().iter().zip(&expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error < 1e-4 * spread, "{level}: {found} {expected}");
        }
        assert_eq!(found, vector(3), "{level}");
    }
}

#[test]
fn a_flat_picture_stays_flat() {
    let weights = [&truth::multi_style(), &truth::transformer()];
    let rgb = [200.0, 30.0, 90.0].repeat(32 * 20);
    let picture = Picture { rgb: &rgb, width: 32, height: 20, wrap_x: true, wrap_y: true };
    for painted in paint(weights, Level::detect(), 2, &picture) {
        let apart = painted.as_chunks::<3>().0.iter().flat_map(|pixel| {
            pixel.iter().zip(&painted).map(|(value, first)| (value - first).abs())
        });
        assert!(apart.fold(0.0, f32::max) < 1e-3);
    }
}

/// A tensor as it is given to [`Tensors`].
type Named<'a> = (&'a str, &'a [usize], &'a [f32]);

#[test]
fn tensors_of_another_network_are_refused_by_name() {
    let weights = truth::transformer();
    let any = |change: &dyn Fn(&mut Vec<Named<'_>>)| {
        let named = weights.named().iter();
        let mut tensors =
            named.map(|(name, shape, values)| (&name[..], &shape[..], &values[..])).collect();
        change(&mut tensors);
        let tensors = Tensors::new(tensors)?;
        StyleTransformer::new(&tensors, Level::Scalar).map(drop)
    };
    let check = |change: &dyn Fn(&mut Vec<Named<'_>>), expected: &str| {
        assert_eq!(any(change).expect_err("refused").to_string(), expected);
    };
    assert_eq!(any(&|_| {}), Ok(()));
    let name = weights.named()[3].0.clone();
    check(&|all| _ = all.remove(3), &format!("there is no tensor `{name}`"));
    check(&|all| all.push(all[3]), &format!("two tensors are called `{name}`"));
    check(
        &|all| all[3].1 = &[4, 2, 2, 1],
        &format!("`{name}` has the shape [4, 2, 2, 1], not [16]"),
    );
    check(
        &|all| all[3].2 = &all[3].2[1..],
        &format!("`{name}` has 15 values, not the 16 of its shape"),
    );
    check(
        &|all| all.push(("transform.more", &[1], &[0.0])),
        "`transform.more` is no tensor of this network",
    );
    check(&|all| all.push(("transform.nan", &[1], &[f32::NAN])), "`transform.nan` has NaN at 0");
    check(
        &|all| all.push(("transform.huge", &[usize::MAX, 2], &[0.0])),
        &format!("`transform.huge` has 1 values, not the {} of its shape", usize::MAX),
    );
    let none = Tensors::new([]).expect("no tensors");
    assert!(matches!(MultiStyle::new(&none, Level::Scalar), Err(TensorError::Missing { .. })));
    assert!(matches!(StylePredictor::new(&none, Level::Scalar), Err(TensorError::Missing { .. })));
}

#[test]
fn a_picture_or_style_of_the_wrong_size_is_refused() {
    let any = StyleTransformer::new(&truth::transformer().tensors(), Level::Scalar).expect("one");
    let multi = MultiStyle::new(&truth::multi_style().tensors(), Level::Scalar).expect("one");
    let predictor = StylePredictor::new(&truth::predictor().tensors(), Level::Scalar).expect("one");
    let mut workspace = workspace(1);
    let mut refused = |rgb: usize, (width, height), output: usize| {
        let (rgb, mut output) = (vec![0.0; rgb], vec![0.0; output]);
        let picture = Picture { rgb: &rgb, width, height, wrap_x: false, wrap_y: false };
        any.paint(&mut workspace, &picture, &style(), &mut output).expect_err("refused").to_string()
    };
    assert_eq!(refused(0, (0, 4), 0), "a picture of 0 x 4 pixels cannot be painted");
    assert_eq!(
        refused(12, (usize::MAX, 4), 12),
        format!("a picture of {} x 4 pixels cannot be painted", usize::MAX)
    );
    assert_eq!(refused(12, (2, 3), 18), "a picture of 2 x 3 pixels has 18 values, not 12");
    assert_eq!(
        refused(18, (2, 3), 12),
        "the output of 2 x 3 pixels has room for 12 values, not 18"
    );
    let (rgb, mut output) = ([0.0; 3], [0.0; 3]);
    let picture = Picture { rgb: &rgb, width: 1, height: 1, wrap_x: false, wrap_y: false };
    assert_eq!(
        multi.paint(&mut workspace, &picture, &[1.0; 25], &mut output),
        Err(PaintError::Weights { expected: 26, found: 25 })
    );
    let mut styles = styles();
    styles[4] = f32::INFINITY;
    assert_eq!(
        multi.paint(&mut workspace, &picture, &styles, &mut output),
        Err(PaintError::NotFinite { at: 4, value: f32::INFINITY })
    );
    assert_eq!(
        StyleVector::new(vec![0.0; 99]),
        Err(PaintError::Vector { expected: 100, found: 99 })
    );
    assert!(predictor.predict(&mut workspace, &rgb).is_err());
}

#[test]
fn a_mixture_of_vectors_is_their_weighted_sum() {
    let (one, other) = (style(), StyleVector::new(vec![1.0; StyleVector::LEN]).expect("a vector"));
    let mixed = StyleVector::mixed(&[(0.25, &one), (0.75, &other)]).expect("a vector");
    for (mixed, one) in mixed.numbers().iter().zip(one.numbers()) {
        assert_eq!(*mixed, 0.25 * one + 0.75);
    }
    assert!(StyleVector::mixed(&[(f32::NAN, &one)]).is_err());
}
