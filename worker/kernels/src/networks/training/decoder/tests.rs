use super::*;
use crate::networks::truth::{decoded, noise};

/// Sides of one block, and of several.
const SIZES: [(usize, usize); 2] = [(8, 8), (24, 16)];

const SMALL: DecoderLayout = DecoderLayout { widths: [8, 16, 16, 32] };

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
}

fn parameters(layout: &DecoderLayout) -> Vec<f32> {
    let values = |tensor: TensorLayout| {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = 3.0 / (inputs as f32).sqrt();
        tensor.range.map(move |place| scale * noise(3, place as u32))
    };
    layout.tensors().into_iter().flat_map(values).collect()
}

fn maps((width, height): (usize, usize)) -> [Vec<f32>; LEVELS] {
    std::array::from_fn(|level| {
        let floats = (width >> level) * (height >> level) * DecoderLayout::READ[level];
        (0..floats).map(|i| 2.0 * noise(11 + level as u32, i as u32)).collect()
    })
}

fn input(maps: &[Vec<f32>; LEVELS], (width, height): (usize, usize)) -> DecoderInput<'_> {
    let maps = maps.each_ref().map(|map| &map[..]);
    // Any values of the right number do for colours.
    DecoderInput { width, height, colors: maps[0], maps }
}

/// What each value counts for in the loss.
fn pull((width, height): (usize, usize)) -> Vec<f32> {
    (0..3 * width * height).map(|i| noise(9, i as u32)).collect()
}

fn gradient(layout: DecoderLayout, size: (usize, usize), level: Level, n: usize) -> Vec<f32> {
    let parameters = parameters(&layout);
    let (maps, mut made) = (maps(size), vec![f32::NAN; 3 * size.0 * size.1]);
    let input = input(&maps, size);
    let training = DecoderTraining::new(layout, &parameters, level, pool(n));
    let mut training = training.expect("a decoder");
    let mut sums = vec![0.0; parameters.len()];
    training.forward(&input, &mut made).expect("a picture");
    training.backward(&input, &pull(size), &mut sums);
    sums
}

#[test]
fn the_gradient_of_every_tensor_is_the_slope_of_the_loss() {
    // So small that hardly a ReLU opens.
    const STEP: f32 = 1.0 / 65536.0;
    for size in SIZES {
        let (own, maps) = (parameters(&SMALL), maps(size));
        let loss = |values: &[f32]| {
            let made = decoded(&SMALL, values, &input(&maps, size));
            let terms = made.iter().zip(pull(size)).map(|(own, pull)| own * f64::from(pull));
            terms.sum::<f64>()
        };
        let levels = Level::available().into_iter();
        let all: Vec<_> = levels.map(|level| (level, gradient(SMALL, size, level, 2))).collect();
        for tensor in SMALL.tensors() {
            let along: Vec<_> =
                tensor.range.clone().map(|place| (place, noise(77, place as u32))).collect();
            let at = |step: f32| {
                let mut moved = own.clone();
                along.iter().for_each(|(place, along)| moved[*place] += step * along);
                loss(&moved)
            };
            let expected = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
            for (level, gradient) in &all {
                let terms = along.iter().map(|(place, along)| f64::from(gradient[*place] * along));
                let found: f64 = terms.clone().sum();
                let scale = terms.map(|term| term * term).sum::<f64>().sqrt();
                let apart = (found - expected).abs();
                assert!(
                    scale > 0.0 && apart < 0.02 * scale + 1e-3,
                    "{level} {size:?} {}: {found} {expected}, of {scale}",
                    tensor.name
                );
            }
        }
    }
}

#[test]
fn a_picture_is_that_of_the_definition_on_any_number_of_threads() {
    for (layout, size) in [(SMALL, (32, 16)), (DecoderLayout::OWN, (24, 40))] {
        let (values, maps) = (parameters(&layout), maps(size));
        let input = input(&maps, size);
        let expected = decoded(&layout, &values, &input);
        for level in Level::available() {
            let decoder = Decoder::new(&layout, &values, level).expect("a decoder");
            let made = |threads: usize| {
                let mut made = vec![f32::NAN; 3 * size.0 * size.1];
                let mut workspace = Workspace::new(pool(threads));
                decoder.decode(&mut workspace, &input, &mut made).expect("a picture");
                made
            };
            let (one, three) = (made(1), made(3));
            assert!(one == three, "{level}");
            let apart = |(own, expected): (&f32, &f64)| (f64::from(*own) - expected).abs();
            let most = one.iter().zip(&expected).map(apart).fold(0.0, f64::max);
            assert!(most < 0.02, "{level}: {most} apart");
            let training = DecoderTraining::new(layout, &values, level, pool(2));
            let mut learned = vec![0.0; one.len()];
            let mut training = training.expect("a decoder");
            training.forward(&input, &mut learned).expect("a picture");
            assert!(one == learned, "{level}: what is learned is what is made");
        }
    }
}

#[test]
fn the_number_of_threads_and_an_earlier_pass_change_no_bit() {
    let (layout, size, small) = (DecoderLayout::OWN, (48, 32), (16, 8));
    let level = Level::detect();
    let one = gradient(layout, size, level, 1);
    assert!(one == gradient(layout, size, level, 3));
    let training = DecoderTraining::new(layout, &parameters(&layout), level, pool(2));
    let mut training = training.expect("a decoder");
    let mut sums = vec![0.0; one.len()];
    for (size, both) in [(small, true), (small, false), (size, true)] {
        let (maps, mut made) = (maps(size), vec![f32::NAN; 3 * size.0 * size.1]);
        training.forward(&input(&maps, size), &mut made).expect("a picture");
        sums.fill(0.0);
        if both {
            training.backward(&input(&maps, size), &pull(size), &mut sums);
        }
    }
    assert!(sums == one);
}

#[test]
fn a_result_reaches_no_further_than_the_decoder_says() {
    let (layout, size) = (DecoderLayout::OWN, (136, 136));
    let decoder = Decoder::new(&layout, &parameters(&layout), Level::detect()).expect("one");
    let mut maps = maps(size);
    let mut workspace = Workspace::new(pool(2));
    let mut made = |maps: &[Vec<f32>; LEVELS]| {
        let mut made = vec![0.0; 3 * size.0 * size.1];
        decoder.decode(&mut workspace, &input(maps, size), &mut made).expect("a picture");
        made
    };
    let before = made(&maps);
    // What all levels read in the first 64 columns.
    for (level, map) in maps.iter_mut().enumerate() {
        let channels = DecoderLayout::READ[level];
        for row in map.chunks_exact_mut((size.0 >> level) * channels) {
            row[..(64 >> level) * channels].fill(0.7);
        }
    }
    let after = made(&maps);
    let moved = |x: usize| {
        let pixel = |made: &[f32], y: usize| made[3 * (y * size.0 + x)..][..3].to_vec();
        (0..size.1).any(|y| pixel(&before, y) != pixel(&after, y))
    };
    let reach = (0..size.0).rev().find(|x| moved(*x)).expect("it changes something") + 1 - 64;
    assert!((30..=DecoderLayout::REACH_PX).contains(&reach), "{reach}");
}

#[test]
fn what_is_no_decoder_is_refused_by_name() {
    let refused = |widths| DecoderLayout { widths }.check().expect_err("refused").to_string();
    let text = refused([12, 32, 64, 128]);
    assert_eq!(text, "`widths.0` of a network is 12, not 8 or 16");
    let text = refused([16, 32, 64, 1 << 40]);
    assert_eq!(text, "`widths.3` of a network is 1099511627776, not a multiple of 16 up to 256");
    let own = DecoderLayout::OWN;
    let decoder = Decoder::new(&own, &parameters(&own), Level::Scalar).expect("a decoder");
    let maps = maps((8, 8));
    let mut workspace = Workspace::new(pool(1));
    let mut refused = |input: &DecoderInput<'_>, floats: usize| {
        let made = decoder.decode(&mut workspace, input, &mut vec![0.0; floats]);
        made.expect_err("refused").to_string()
    };
    let own = input(&maps, (8, 8));
    let text = refused(&DecoderInput { colors: &maps[0][1..], ..own }, 192);
    assert_eq!(text, "a picture of 8 x 8 pixels has 192 values, not 191");
    let text = refused(&DecoderInput { width: 12, ..own }, 288);
    assert_eq!(text, "a picture of 12 x 8 pixels cannot be painted");
    let text = refused(&own, 191);
    assert_eq!(text, "the output of 8 x 8 pixels has room for 191 values, not 192");
    let [colors, _, third, fourth] = own.maps;
    let short = DecoderInput { maps: [colors, third, third, fourth], ..own };
    assert_eq!(refused(&short, 192), "a picture of 4 x 4 pixels has 2048 values, not 1024");
}
