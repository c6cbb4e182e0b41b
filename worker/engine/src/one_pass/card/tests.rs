//! The kernels for cards, compiled for the host, beside those of the CPU.

use std::sync::Arc;

use candle_core::Device;
use impasto_kernels::Level;
use impasto_kernels::networks::{
    Canvas, FeedForward, FeedForwardLayout, StyleTransformer, StyleVector, Tensors, Workspace,
};

use super::*;
use crate::Image;
use crate::noise::Noise;
use crate::threads::pool;
use crate::tiny::picture;

/// Weights of a tensor: of a convolution, about as large as keep a map's size; else around one or
/// zero.
fn values(name: &str, shape: &[usize], noise: &mut Noise) -> Vec<f32> {
    let inputs: usize = shape[1..].iter().product();
    let (middle, scale) = match name {
        _ if name.ends_with("gamma") || name.ends_with("gamma.bias") => (1.0, 0.3),
        _ if name.ends_with("beta") || name.ends_with("bias") => (0.0, 0.3),
        _ => (0.0, (1.0 / inputs as f32).sqrt()),
    };
    (0..shape.iter().product()).map(|_| middle + scale * noise.normal()).collect()
}

fn canvas(image: &mut Image, (wrap_x, wrap_y): (bool, bool)) -> Canvas<'_> {
    let Image { width, height, ref mut rgb } = *image;
    Canvas { rgb, width, height, wrap_x, wrap_y }
}

/// The largest difference, in levels.
fn apart(a: &Image, b: &Image) -> f32 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let apart = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, |most, own| if own <= most { most } else { own })
}

/// Sizes and what of them wraps: whole fours and not, unrolled, and smaller than a kernel.
const CASES: [((usize, usize), (bool, bool)); 7] = [
    ((64, 48), (false, false)),
    ((33, 50), (false, false)),
    ((64, 32), (true, true)),
    ((30, 41), (true, false)),
    ((27, 36), (false, true)),
    ((3, 5), (false, false)),
    ((1, 2), (true, false)),
];

fn feed_forward(layout: &FeedForwardLayout) -> FeedForward {
    let mut noise = Noise::new(7);
    let tensors = layout.tensors();
    let parameters: Vec<f32> =
        tensors.iter().flat_map(|own| values(&own.name, &own.shape, &mut noise)).collect();
    FeedForward::new(layout, &parameters, Level::detect()).expect("a network")
}

#[test]
fn a_card_paints_what_a_network_of_learned_styles_paints() {
    let thin = FeedForwardLayout { contract: [32, 32], blocks: 2, expand: [8, 4], styles: 3 };
    let threads = pool(2).expect("threads");
    for (layout, shares) in [(FeedForwardLayout::OWN, vec![1.0]), (thin, vec![0.2, 0.5, 0.3])] {
        let network = feed_forward(&layout);
        let card = CardBody::new(network.weights(), &Device::Cpu).expect("it has room");
        for (size, wraps) in CASES {
            let (mut own, mut other) = (picture(size.0, size.1, 3), picture(size.0, size.1, 3));
            let mut workspace = Workspace::new(threads.clone());
            network
                .paint_over(&mut workspace, &mut canvas(&mut own, wraps), &shares)
                .expect("it is painted");
            let factors = network.factors(&shares).expect("factors");
            card.paint(&mut canvas(&mut other, wraps), &factors).expect("it is painted");
            let apart = apart(&own, &other);
            assert!(apart < 0.1, "{layout:?} {size:?} {wraps:?}: {apart}");
        }
    }
}

#[test]
fn a_card_paints_what_the_network_for_any_style_paints() {
    let mut noise = Noise::new(11);
    let mut tensors = Vec::new();
    let mut add = |name: String, shape: Vec<usize>| {
        let values = values(&name, &shape, &mut noise);
        tensors.push((name, shape, values));
    };
    let layers = |stage: &'static str, channels: [usize; 4], sides: [usize; 3]| {
        (0..3).map(move |i| {
            let shape = vec![channels[i + 1], channels[i], sides[i], sides[i]];
            (format!("transform.{stage}.{i}"), shape)
        })
    };
    for (name, shape) in layers("contract", [3, 8, 16, 32], [9, 3, 3]) {
        add(format!("{name}.bias"), vec![shape[0]]);
        add(format!("{name}.weight"), shape);
    }
    let blocks =
        (0..10).map(|i| (format!("transform.residual.{}.{}", i / 2, i % 2), vec![32, 32, 3, 3]));
    for (name, shape) in blocks.chain(layers("expand", [32, 16, 8, 3], [3, 3, 9])) {
        for factor in ["gamma", "beta"] {
            add(format!("{name}.{factor}.weight"), vec![shape[0], StyleVector::LEN]);
            add(format!("{name}.{factor}.bias"), vec![shape[0]]);
        }
        add(format!("{name}.weight"), shape);
    }
    let named = tensors.iter().map(|(name, shape, values)| (&name[..], &shape[..], &values[..]));
    let named = Tensors::new(named).expect("tensors");
    let network = StyleTransformer::new(&named, Level::detect()).expect("a network");
    let style: Vec<f32> = (0..StyleVector::LEN).map(|i| (i as f32 * 0.7).sin()).collect();
    let style = StyleVector::new(style).expect("a vector");
    let card = CardBody::new(network.weights(), &Device::Cpu).expect("it has room");
    for (size, wraps) in CASES {
        let (mut own, mut other) = (picture(size.0, size.1, 5), picture(size.0, size.1, 5));
        let mut workspace = Workspace::new(pool(2).expect("threads"));
        network
            .paint_over(&mut workspace, &mut canvas(&mut own, wraps), &style)
            .expect("it is painted");
        card.paint(&mut canvas(&mut other, wraps), &network.factors(&style)).expect("painted");
        let apart = apart(&own, &other);
        assert!(apart < 0.1, "{size:?} {wraps:?}: {apart}");
    }
}

#[test]
fn a_flat_picture_stays_flat_on_a_card() {
    let network = feed_forward(&FeedForwardLayout::OWN);
    let card = CardBody::new(network.weights(), &Device::Cpu).expect("it has room");
    let mut flat = Image { width: 40, height: 36, rgb: vec![77.0; 3 * 40 * 36] };
    let factors = network.factors(&[1.0]).expect("factors");
    card.paint(&mut canvas(&mut flat, (true, true)), &factors).expect("it is painted");
    for channel in 0..3 {
        let mut values = flat.rgb.iter().skip(channel).step_by(3);
        let first = values.next().expect("pixels");
        assert!(values.all(|value| (value - first).abs() < 1e-3), "{channel}");
    }
}

#[test]
fn a_picture_takes_what_its_maps_take() {
    let network = feed_forward(&FeedForwardLayout::OWN);
    let body = CardBody::new(network.weights(), &Device::Cpu).expect("it has room");
    let body = Arc::new(body);
    let ends = (false, false);
    // Of the first two maps, or of those before the last.
    for size in [(1024, 1024), (1025, 1024)] {
        let least = ((size.0 * size.1) * (16 + 8)) as u64 * WORD;
        let run = |budget_bytes| CardRun::new(Some(body.clone()), budget_bytes);
        assert!(run(least).falls_back(size, ends), "{size:?}");
        assert_eq!(run(least).host_bytes(size, ends, || 7), 7);
        let enough = run(least * 21 / 20 + (2 << 20));
        assert!(!enough.falls_back(size, ends), "{size:?}");
        let image = 3 * WORD * (size.0 * size.1) as u64;
        assert_eq!(enough.host_bytes(size, ends, || 7), 2 * image);
    }
    // An axis that is unrolled is longer: 1121 and three pixels to a multiple of four.
    let wraps = (true, false);
    assert!(body.run_bytes((1025, 1024), wraps) > body.run_bytes((1120, 1024), ends));
    assert_eq!(CardBody::host_bytes((1025, 1024), wraps), 3 * 3 * WORD * 1124 * 1024);
    assert!(!CardRun::new(None, 0).falls_back((1024, 1024), ends), "there is no card");
}
