//! Networks of untrained numbers, the same on every machine.

use impasto_kernels::networks::{DecoderLayout, FeedForwardLayout, TensorLayout};
use impasto_models::{
    HeldOut, NamedTensor, NetworkHeader, NetworkLayout, NetworkStyle, NetworkTraining,
    StylePictures, write_network,
};
use impasto_types::{Digest, Optimize, SplitMix64};

/// The file of a network with one style, of an image with this digest.
pub(crate) fn network(style: Digest) -> Vec<u8> {
    let layout = FeedForwardLayout::OWN;
    let tensors = filled(layout.tensors(), |name| match name {
        _ if name.ends_with(".weight") => (0.2, 0.0),
        _ if name.ends_with(".gamma") => (0.5, 1.0),
        _ => (0.5, 0.0),
    });
    let FeedForwardLayout { contract, blocks, expand, .. } = layout;
    let header = NetworkHeader {
        layout: NetworkLayout::Learned { contract, blocks, expand },
        styles: vec![NetworkStyle { name: "style".to_owned(), digest: Some(style) }],
        style_pictures: None,
        ..untrained()
    };
    write_network(&header, &tensors).expect("it is a network")
}

/// The file of a network for any style.
pub(crate) fn any_style() -> Vec<u8> {
    let layout = DecoderLayout::OWN;
    // Small enough that colours stay within their range.
    let tensors = filled(layout.tensors(), |_| (0.02, 0.0));
    let DecoderLayout { widths } = layout;
    let header = NetworkHeader {
        layout: NetworkLayout::AnyStyle { widths },
        styles: Vec::new(),
        style_pictures: Some(StylePictures { pictures: 0, content: Digest::of(b"") }),
        ..untrained()
    };
    write_network(&header, &tensors).expect("it is a network")
}

/// Tensors of numbers within a scale around a middle, which follow from the tensor's name.
fn filled(all: Vec<TensorLayout>, range_of: impl Fn(&str) -> (f32, f32)) -> Vec<NamedTensor> {
    let mut chance = SplitMix64::new(5);
    let tensor = |TensorLayout { name, shape, range }: TensorLayout| {
        let (scale, middle) = range_of(&name);
        let mut value = || middle + scale * ((chance.next_u64() >> 40) as f32 / 8_388_608.0 - 1.0);
        NamedTensor { values: range.map(|_| value()).collect(), name, shape }
    };
    all.into_iter().map(tensor).collect()
}

/// What the header of a network without training says, but for its sizes and styles.
fn untrained() -> NetworkHeader {
    NetworkHeader {
        layout: NetworkLayout::AnyStyle { widths: [0; 4] },
        styles: Vec::new(),
        style_pictures: None,
        noise: 40.0,
        recipe: Some(Optimize::painterly()),
        training: Some(NetworkTraining {
            size_px: 512,
            crop_px: 256,
            batch: 1,
            steps: 0,
            seed: 5,
            pictures: 0,
            content: Digest::of(b""),
            held_out: HeldOut { content: 0.0, style: 0.0 },
            device: "none".to_owned(),
        }),
        licence: None,
    }
}
