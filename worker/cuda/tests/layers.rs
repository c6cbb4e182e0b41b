//! The kernels of networks that paint in one pass, compiled for the host, beside plain loops.

use candle_core::{DType, Device, Result, Tensor};
use impasto_cuda::layers::{
    Affine, Factors, Finish, Layer, Meaning, Sampling, colors, convolve, join, normalization,
};
use impasto_cuda::maps::Edges;
use impasto_kernels::Edge;
use proptest::prelude::*;

const EPSILON: f64 = 1e-5;
const FLAT: f64 = 1e-9;

/// Numbers from -1 to 1 that are the same in every run.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn map((height, width, channels): (usize, usize, usize), seed: u64) -> Result<Tensor> {
    let values = numbers(height * width * channels, seed);
    Tensor::from_vec(values, (height, width, channels), &Device::Cpu)
}

fn vector(count: usize) -> Result<Tensor> {
    Tensor::from_vec(numbers(count, 1), count, &Device::Cpu)
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("single precision")
}

fn edges(x: Edge, y: Edge) -> Edges {
    Edges { x, y }
}

/// The line that a position reads.
fn line(at: isize, len: usize, edge: Edge) -> usize {
    let len = len as isize;
    let there = match edge {
        Edge::Replicate => at.clamp(0, len - 1),
        Edge::Wrap => at.rem_euclid(len),
        _ if len == 1 => 0,
        _ => {
            let there = at.rem_euclid(2 * len - 2);
            there.min(2 * len - 2 - there)
        }
    };
    there as usize
}

#[derive(Debug, Clone)]
struct Case {
    size: (usize, usize),
    channels: [usize; 2],
    side: usize,
    sampling: Sampling,
    edges: Edges,
    slope: f32,
    is_normalized: bool,
    adds: bool,
    has_bias: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let channels = prop::sample::select(vec![3_usize, 4, 8, 12, 16]);
    let edge = prop::sample::select(vec![Edge::Replicate, Edge::Reflect, Edge::Wrap]);
    let sampling =
        prop::sample::select(vec![Sampling::Each, Sampling::Halving, Sampling::Enlarging]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (
        (1_usize..12, 1_usize..12),
        [channels.clone(), channels],
        prop::sample::select(vec![1_usize, 3, 9]),
        sampling,
        (edge.clone(), edge),
        prop::sample::select(vec![0.0_f32, 0.2, 1.0]),
        flags,
    )
        .prop_map(|(size, channels, side, sampling, (x, y), slope, flags)| {
            let (is_normalized, adds, has_bias) = flags;
            let edges = edges(x, y);
            Case { size, channels, side, sampling, edges, slope, is_normalized, adds, has_bias }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_convolution_is_the_sum_that_it_says(case in case()) {
        let Case { size: (height, width), channels: [inputs, outputs], side, sampling, .. } = case;
        let taps = side * side;
        let source = map((height, width, inputs), 1).expect("a map");
        let weights = numbers(inputs * outputs * taps, 2);
        let bias = if case.has_bias { numbers(outputs, 3) } else { Vec::new() };
        let (scale, shift) = (numbers(inputs, 4), numbers(inputs, 5));
        let affine = Affine::new(&scale, &shift, &Device::Cpu).expect("it has room");
        let (out_height, out_width) = (sampling.outputs(height), sampling.outputs(width));
        let added = map((out_height, out_width, outputs), 6).expect("a map");
        let layer = Layer::new([inputs, outputs], side, &weights, &bias, &Device::Cpu);
        let how = Meaning {
            affine: case.is_normalized.then_some(&affine),
            slope: case.slope,
        };
        let finish =
            Finish { added: case.adds.then_some(&added), gain: 1.5, slope: case.slope };
        let made = convolve(
            &layer.expect("weights"), &source, how, sampling, case.edges, finish,
        ).expect("it runs");
        prop_assert_eq!(made.dims(), [out_height, out_width, outputs]);

        let sloped = |value: f32| if value > 0.0 { value } else { case.slope * value };
        let (pixels, added) = (flat(&source), flat(&added));
        let (stride, by) = match sampling {
            Sampling::Each => (1, 1),
            Sampling::Halving => (2, 1),
            Sampling::Enlarging => (1, 2),
        };
        let read = |x: isize, y: isize, channel: usize| {
            let x = line(x, by * width, case.edges.x) / by;
            let y = line(y, by * height, case.edges.y) / by;
            let value = pixels[(y * width + x) * inputs + channel];
            let own = if case.is_normalized {
                value * scale[channel] + shift[channel]
            } else {
                value
            };
            sloped(own)
        };
        let middle = (side / 2) as isize;
        for (place, found) in flat(&made).into_iter().enumerate() {
            let (pixel, output) = (place / outputs, place % outputs);
            let (x, y) = (pixel % out_width * stride, pixel / out_width * stride);
            let mut sum = 0.0;
            for tap in 0..taps {
                let (row, column) = ((tap / side) as isize, (tap % side) as isize);
                for channel in 0..inputs {
                    let weight = weights[(output * inputs + channel) * taps + tap];
                    let (x, y) = (x as isize + column - middle, y as isize + row - middle);
                    sum += weight * read(x, y, channel);
                }
            }
            let mut expected = 1.5 * (sum + bias.get(output).unwrap_or(&0.0));
            if case.adds {
                expected += added[place];
            }
            let expected = sloped(expected);
            prop_assert!((found - expected).abs() < 1e-3, "{} {} {}", place, found, expected);
        }
    }
}

#[test]
fn a_normalised_map_has_the_factors_as_its_moments() -> Result<()> {
    // As few pixels as one part; so many that parts are merged once and twice; and so many that a
    // part has more of them.
    let sizes =
        [(1, 1, 4), (5, 7, 3), (40, 33, 8), (300, 1500, 4), (800, 1000, 3), (2900, 2900, 4)];
    for (height, width, channels) in sizes {
        let source = (map((height, width, channels), 9)? + 100.0)?;
        let (gamma, beta) = (numbers(channels, 1), numbers(channels, 2));
        let factors = Factors::all(&[[&gamma, &beta]], &Device::Cpu)?;
        let affine = normalization(&source, &factors[0], EPSILON, FLAT)?;
        let normalized = if channels == 3 {
            // Colours are not joined: back from what they are painted as.
            let painted = flat(&colors(&source, &affine, (width, height))?);
            painted.into_iter().map(|own| (own / (255.0 - own)).ln()).collect()
        } else {
            let plain = Tensor::zeros((height, width, channels), DType::F32, &Device::Cpu)?;
            let own = Meaning::normalized(&affine, false);
            flat(&join((&source, own), (&plain, Meaning::PLAIN))?)
        };
        for channel in 0..channels {
            let values: Vec<f64> =
                normalized[channel..].iter().step_by(channels).map(|&v| f64::from(v)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let deviation = (square / values.len() as f64).sqrt();
            let expected = if values.len() == 1 { 0.0 } else { f64::from(gamma[channel].abs()) };
            assert!((mean - f64::from(beta[channel])).abs() < 1e-3, "{channel}: {mean}");
            assert!((deviation - expected).abs() < 1e-3, "{channel}: {deviation} {expected}");
        }
    }
    Ok(())
}

#[test]
fn a_flat_channel_is_its_beta() -> Result<()> {
    let source = Tensor::full(1234.567_f32, (90, 70, 4), &Device::Cpu)?;
    let factors = Factors::all(&[[&[1e3; 4], &[0.5; 4]]], &Device::Cpu)?;
    let affine = normalization(&source, &factors[0], EPSILON, FLAT)?;
    let own = Meaning::normalized(&affine, false);
    let both = flat(&join((&source, own), (&source, Meaning::PLAIN))?);
    assert!(both.iter().all(|value| *value == 1234.567 + 0.5), "{both:?}");
    Ok(())
}

#[test]
fn colours_are_those_of_a_picture_within_its_map() -> Result<()> {
    let source = map((8, 12, 3), 3)?;
    let affine = Affine::new(&[1.0, 2.0, 3.0], &[0.0, 0.5, -0.5], &Device::Cpu)?;
    let painted = colors(&source, &affine, (10, 7))?;
    assert_eq!(painted.dims(), [7, 10, 3]);
    let (all, painted) = (flat(&source), flat(&painted));
    for (x, y) in [(0, 0), (9, 0), (4, 6), (9, 6)] {
        let of = |values: &[f32], width: usize| values[3 * (y * width + x) + 1];
        let expected = 255.0 / (1.0 + (-(2.0 * of(&all, 12) + 0.5)).exp());
        assert!((of(&painted, 10) - expected).abs() < 1e-3, "{x} {y}");
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let wrap = edges(Edge::Wrap, Edge::Wrap);
    let layer = Layer::new([8, 4], 3, &[0.0; 8 * 4 * 9], &[], &Device::Cpu)?;
    let of = |map: &Tensor, how: Meaning<'_>, edges: Edges, added: Option<&Tensor>| {
        let finish = Finish { added, ..Finish::PLAIN };
        convolve(&layer, map, how, Sampling::Each, edges, finish).map(|_| ())
    };
    let source = map((5, 6, 8), 1)?;
    let wide = Affine::new(&[1.0; 12], &[0.0; 12], &Device::Cpu)?;
    of(&source, Meaning::PLAIN, wrap, None)?;
    for refused in [
        of(&map((5, 6, 4), 1)?, Meaning::PLAIN, wrap, None),
        of(&source.to_dtype(DType::F64)?, Meaning::PLAIN, wrap, None),
        of(&source, Meaning::PLAIN, edges(Edge::Wrap, Edge::Zero), None),
        of(&source, Meaning::normalized(&wide, true), wrap, None),
        of(&source, Meaning::PLAIN, wrap, Some(&map((5, 6, 8), 1)?)),
        // One that begins between two fours of values.
        of(
            &vector(5 * 6 * 8 + 1)?.narrow(0, 1, 5 * 6 * 8)?.reshape((5, 6, 8))?,
            Meaning::PLAIN,
            wrap,
            None,
        ),
        Layer::new([8, 5], 3, &[0.0; 8 * 5 * 9], &[], &Device::Cpu).map(|_| ()),
        Layer::new([8, 4], 2, &[0.0; 8 * 4 * 4], &[], &Device::Cpu).map(|_| ()),
        Layer::new([8, 4], 3, &[0.0; 8 * 4 * 9 - 1], &[], &Device::Cpu).map(|_| ()),
        Layer::new([8, 4], 3, &[0.0; 8 * 4 * 9], &[0.0; 3], &Device::Cpu).map(|_| ()),
        Affine::new(&[1.0; 4], &[0.0; 3], &Device::Cpu).map(|_| ()),
        Factors::all(&[[&[1.0; 4], &[1.0; 3]]], &Device::Cpu).map(|_| ()),
        normalization(
            &source,
            &Factors::all(&[[&[1.0; 4], &[1.0; 4]]], &Device::Cpu)?[0],
            EPSILON,
            FLAT,
        )
        .map(|_| ()),
        join((&source, Meaning::PLAIN), (&map((5, 6, 4), 1)?, Meaning::PLAIN)).map(|_| ()),
        colors(&map((5, 6, 3), 1)?, &Affine::new(&[1.0; 3], &[0.0; 3], &Device::Cpu)?, (7, 5))
            .map(|_| ()),
    ] {
        assert!(refused.is_err());
    }
    Ok(())
}
