//! A trained network's file.

use impasto_engine::one_pass::{NetworkError, decoder_layout_of, layout_of};
use impasto_kernels::networks::{DecoderLayout, FeedForwardError, FeedForwardLayout};
use impasto_models::{
    HeldOut, NamedTensor, NetworkHeader, NetworkLayout, NetworkStyle, NetworkTraining,
    write_network,
};
use impasto_types::Digest;

use crate::{Kind, Trainer};

/// What a network's file says of a run, and of its styles: their names, and the digests of their
/// images' files.
pub fn header(
    trainer: &Trainer,
    styles: impl IntoIterator<Item = (String, Digest)>,
    licence: Option<String>,
) -> NetworkHeader {
    let settings = trainer.settings();
    let held = trainer.held().last();
    let styles =
        styles.into_iter().map(|(name, digest)| NetworkStyle { name, digest: Some(digest) });
    let (layout, style_pictures) = match *trainer.kind() {
        Kind::Learned(FeedForwardLayout { contract, blocks, expand, .. }) => {
            (NetworkLayout::Learned { contract, blocks, expand }, None)
        }
        Kind::AnyStyle(DecoderLayout { widths }, pictures) => {
            (NetworkLayout::AnyStyle { widths }, Some(pictures))
        }
    };
    NetworkHeader {
        layout,
        styles: styles.collect(),
        style_pictures,
        noise: settings.noise,
        recipe: Some(settings.recipe.clone()),
        training: Some(NetworkTraining {
            size_px: settings.size_px,
            crop_px: settings.crop_px,
            batch: settings.batch,
            steps: trainer.steps(),
            seed: settings.seed,
            pictures: trainer.pictures() as u32,
            content: trainer.content_digest(),
            held_out: held.map_or(HeldOut { content: 0.0, style: 0.0 }, |held| HeldOut {
                content: held.content,
                style: held.style,
            }),
            device: trainer.device().to_owned(),
        }),
        licence,
    }
}

/// The bytes of a network's file.
///
/// # Errors
/// Where there are not as many parameters as the header's sizes ask for.
pub fn to_bytes(header: &NetworkHeader, parameters: &[f32]) -> Result<Vec<u8>, NetworkError> {
    let all = match header.is_for_any_style() {
        true => decoder_layout_of(header)?.tensors(),
        false => layout_of(header)?.tensors(),
    };
    let expected = all.last().map_or(0, |tensor| tensor.range.end);
    let found = parameters.len();
    if expected != found {
        return Err(FeedForwardError::Parameters { expected, found }.into());
    }
    let tensors: Vec<NamedTensor> = all
        .into_iter()
        .map(|tensor| NamedTensor {
            name: tensor.name,
            shape: tensor.shape,
            values: parameters[tensor.range].to_vec(),
        })
        .collect();
    Ok(write_network(header, &tensors)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use impasto_engine::one_pass::network_of;
    use impasto_kernels::Level;
    use impasto_kernels::networks::{FeedForward, Picture, Workspace};
    use impasto_models::read_network;
    use impasto_types::Optimize;

    use super::*;
    use crate::initial;

    const LAYOUT: FeedForwardLayout =
        FeedForwardLayout { contract: [8, 16], blocks: 1, expand: [8, 8], styles: 2 };

    fn header(layout: &FeedForwardLayout) -> NetworkHeader {
        let style = |index: usize| NetworkStyle {
            name: format!("style {index}"),
            digest: Some(Digest::of(&[index as u8])),
        };
        let FeedForwardLayout { contract, blocks, expand, styles } = *layout;
        NetworkHeader {
            layout: NetworkLayout::Learned { contract, blocks, expand },
            style_pictures: None,
            styles: (0..styles).map(style).collect(),
            noise: 40.0,
            recipe: Some(Optimize::painterly()),
            training: Some(NetworkTraining {
                size_px: 512,
                crop_px: 256,
                batch: 1,
                steps: 7,
                seed: 3,
                pictures: 20,
                content: Digest::of(b"pictures"),
                held_out: HeldOut { content: 1.0, style: 2.0 },
                device: "cpu".to_owned(),
            }),
            licence: None,
        }
    }

    fn painted(network: &FeedForward) -> Vec<f32> {
        let rgb: Vec<f32> = (0..20 * 12 * 3).map(|i| (i * 37 % 256) as f32).collect();
        let picture = Picture { rgb: &rgb, width: 20, height: 12, wrap_x: false, wrap_y: true };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
        let mut output = vec![0.0; rgb.len()];
        let mut workspace = Workspace::new(Arc::new(pool));
        network.paint(&mut workspace, &picture, &[0.25, 0.75], &mut output).expect("it paints");
        output
    }

    #[test]
    fn a_file_paints_what_was_trained() {
        let parameters = initial::parameters(&LAYOUT, 5, 1);
        let bytes = to_bytes(&header(&LAYOUT), &parameters).expect("bytes");
        let (found, network) = network_of(&bytes, Level::detect()).expect("a network");
        assert_eq!(found, header(&LAYOUT));
        let trained = FeedForward::new(&LAYOUT, &parameters, Level::detect()).expect("a network");
        assert!(painted(&network) == painted(&trained));
    }

    #[test]
    fn a_file_of_other_sizes_than_it_says_is_refused_by_the_tensor() {
        let parameters = initial::parameters(&LAYOUT, 5, 1);
        let refused = |header: &NetworkHeader, change: &dyn Fn(&mut Vec<NamedTensor>)| {
            let bytes = to_bytes(&self::header(&LAYOUT), &parameters).expect("bytes");
            let (_, mut tensors) = read_network(&bytes).expect("tensors");
            change(&mut tensors);
            let bytes = write_network(header, &tensors).expect("bytes");
            impasto_types::error_text(&network_of(&bytes, Level::detect()).expect_err("refused"))
        };
        let own = header(&LAYOUT);
        let check = |text: String, expected: &str| assert!(text.ends_with(expected), "{text}");
        check(refused(&own, &|all| _ = all.remove(0)), "there is no tensor `contract.0.beta`");
        let more = |all: &mut Vec<NamedTensor>| {
            let name = "expand.3.weight".to_owned();
            all.push(NamedTensor { name, shape: vec![1], values: vec![0.0] });
        };
        check(refused(&own, &more), "`expand.3.weight` is no tensor of this network");
        let three = header(&FeedForwardLayout { styles: 3, ..LAYOUT });
        let text = refused(&three, &|_| {});
        check(text, "`contract.0.gamma` has the shape [2, 8], not [3, 8]");
        let blocks = header(&FeedForwardLayout { blocks: 2, ..LAYOUT });
        check(refused(&blocks, &|_| {}), "there is no tensor `residual.1.0.weight`");
        let wide = header(&FeedForwardLayout { expand: [8, 1 << 40], ..LAYOUT });
        let text = refused(&wide, &|_| {});
        check(text, "`expand.1` of a network is 1099511627776, not 4, 8 or 16");
    }
}
