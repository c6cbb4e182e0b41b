use impasto_kernels::vgg::CHANNELS;
use impasto_models::{NamedTensor, write_network};
use impasto_types::Optimize;

use super::*;
use crate::noise::Noise;
use crate::tiny::{self, picture};

fn header(layout: NetworkLayout) -> NetworkHeader {
    NetworkHeader {
        layout,
        styles: Vec::new(),
        style_pictures: None,
        noise: 20.0,
        recipe: Some(Optimize::painterly()),
        training: None,
        licence: None,
    }
}

/// A network's file with seeded weights.
fn file() -> Vec<u8> {
    let mut noise = Noise::new(5);
    let tensors: Vec<_> = DecoderLayout::OWN
        .tensors()
        .into_iter()
        .map(|tensor| {
            let inputs: usize = tensor.shape[1..].iter().product();
            let scale = (1.0 / inputs as f32).sqrt();
            let values = tensor.range.map(|_| scale * noise.normal()).collect();
            NamedTensor { name: tensor.name, shape: tensor.shape, values }
        })
        .collect();
    let DecoderLayout { widths } = DecoderLayout::OWN;
    write_network(&header(NetworkLayout::AnyStyle { widths }), &tensors).expect("bytes")
}

fn restyler() -> Restyler {
    let channels: Vec<usize> = std::iter::once(3).chain(CHANNELS).collect();
    let vgg = tiny::weights(3, &channels);
    Restyler::of_file(&file(), &vgg, 2, None).expect("a network")
}

/// The statistics of a picture.
fn statistics(restyler: &Restyler, image: &Image) -> FeatureStatistics {
    let seen = restyler.statistics(image.clone(), None, &Interrupt::default());
    seen.expect("statistics")
}

/// What is painted of a picture with these statistics in tiles of this size.
fn painted(
    restyler: &Restyler,
    image: &Image,
    own: &FeatureStatistics,
    wraps: bool,
    tile_px: usize,
) -> Vec<f32> {
    let none = Interrupt::default();
    let style = statistics(restyler, &picture(40, 56, 9));
    let transfer = FeatureTransfer::new(own, &style);
    let Image { width, height, ref rgb } = *image;
    let source = Picture { rgb, width, height, wrap_x: wraps, wrap_y: wraps };
    let mut output = vec![f32::NAN; rgb.len()];
    let size = (width, height);
    let paint = |workspace: &mut Workspace| {
        restyler.tiles(workspace, [source; 2], &transfer, size, tile_px, &mut output, &none)
    };
    restyler.workshop.with_workspace(paint).expect("it is painted");
    output
}

fn most_apart(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn tiles_are_painted_as_the_whole_is() {
    let restyler = restyler();
    for (width, height, wraps) in [(150, 91, false), (144, 88, true)] {
        let image = picture(width, height, 1);
        let own = statistics(&restyler, &image);
        let whole = painted(&restyler, &image, &own, wraps, 768);
        let spread = most_apart(&whole, &vec![whole[0]; whole.len()]);
        assert!(spread > 40.0, "something is painted: {spread}");
        let apart = most_apart(&whole, &painted(&restyler, &image, &own, wraps, 64));
        assert!(apart < 0.1, "{wraps}: {apart}");
    }
}

#[test]
fn a_picture_that_wraps_may_begin_anywhere() {
    let restyler = restyler();
    let image = picture(96, 64, 2);
    let rolled = |rgb: &[f32], by: usize| -> Vec<f32> {
        let rows = rgb.chunks_exact(3 * 96);
        rows.flat_map(|row| [&row[3 * by..], &row[..3 * by]].concat()).collect()
    };
    let turned = Image { rgb: rolled(&image.rgb, 40), ..image.clone() };
    // Statistics are those of a picture that ends, which differ a little by where it does.
    let own = statistics(&restyler, &image);
    let there = rolled(&painted(&restyler, &image, &own, true, 768), 40);
    let apart = most_apart(&there, &painted(&restyler, &turned, &own, true, 768));
    assert!(apart < 0.1, "{apart}");
}

#[test]
fn a_large_masked_picture_may_be_looked_at() {
    let restyler = restyler();
    let large = (16_384, 16_384);
    // Its weights alone are more than what looking takes otherwise.
    let budget = restyler.look_bytes(large, true);
    assert!(
        budget > LOOK_BYTES
            && budget >= restyler.place.vgg().least_moments(large, true, restyler.view)
    );
    assert_eq!(restyler.look_bytes((512, 512), true), LOOK_BYTES);
    assert_eq!(restyler.look_bytes(large, false), LOOK_BYTES);
}

#[test]
fn other_networks_are_refused() {
    let refused = |bytes: &[u8]| {
        impasto_types::error_text(&decoder_of(bytes, Level::Scalar).expect_err("refused"))
    };
    let learned = NetworkLayout::Learned { contract: [8, 16], blocks: 1, expand: [8, 8] };
    let style = impasto_models::NetworkStyle { name: "night".to_owned(), digest: None };
    let learned = NetworkHeader { styles: vec![style], ..header(learned) };
    let text = refused(&write_network(&learned, &[]).expect("bytes"));
    assert!(text.contains("it is a `model` of method feedforward"), "{text}");
    let wide = header(NetworkLayout::AnyStyle { widths: [16, 32, 64, 1 << 40] });
    let text = refused(&write_network(&wide, &[]).expect("bytes"));
    assert!(text.contains("`widths.3` of a network is 1099511627776"), "{text}");
    let none = header(NetworkLayout::AnyStyle { widths: DecoderLayout::OWN.widths });
    let text = refused(&write_network(&none, &[]).expect("bytes"));
    assert!(text.contains("there is no tensor `level.0.read.weight`"), "{text}");
    let whole = file();
    let text = refused(&whole[..whole.len() - 1]);
    assert!(text.starts_with("this is no network"), "{text}");
}
