//! A network of untrained numbers, the same on every machine.

use impasto_kernels::networks::{FeedForwardLayout, TensorLayout};
use impasto_models::{
    HeldOut, NamedTensor, NetworkHeader, NetworkLayout, NetworkStyle, NetworkTraining,
    write_network,
};
use impasto_types::{Digest, Optimize, SplitMix64};

/// The file of a network with one style, of an image with this digest.
pub(crate) fn network(style: Digest) -> Vec<u8> {
    let layout = FeedForwardLayout::OWN;
    let mut chance = SplitMix64::new(5);
    let tensors: Vec<NamedTensor> = layout
        .tensors()
        .into_iter()
        .map(|TensorLayout { name, shape, range }| {
            let scale = if name.ends_with(".weight") { 0.2 } else { 0.5 };
            let base = if name.ends_with(".gamma") { 1.0 } else { 0.0 };
            let mut value =
                || base + scale * ((chance.next_u64() >> 40) as f32 / 8_388_608.0 - 1.0);
            NamedTensor { values: range.map(|_| value()).collect(), name, shape }
        })
        .collect();
    let FeedForwardLayout { contract, blocks, expand, .. } = layout;
    let header = NetworkHeader {
        layout: NetworkLayout { contract, blocks, expand },
        styles: vec![NetworkStyle { name: "style".to_owned(), digest: Some(style) }],
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
    };
    write_network(&header, &tensors).expect("it is a network")
}
