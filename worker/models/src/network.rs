//! The file of a network of our own: one that `impasto train` made, or that was exported from the
//! store.
//!
//! Safetensors of f32: for each convolution `NAME.weight` of `[out][in][row][column]`, and, where
//! the network has learned its styles, `NAME.gamma` and `NAME.beta` of `[style][channel]`; one for
//! any style has `NAME.bias` of `[out]` instead. Its metadata have one entry, `impasto`, the JSON
//! of a [`NetworkHeader`]. Reading allocates no more than the file's length, and what the
//! header says of sizes, whoever builds the network compares with the tensors.

use impasto_types::{Digest, Optimize, Part};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::named::{read_tensors, to_safetensors};
use crate::{ModelError, NamedTensor};

/// What says that a file is such a network.
const FORMAT: &str = "impasto-network";

/// The newest form of the header that this program writes and reads: that of networks for any
/// style. Those that have learned their styles have the first.
const VERSION: u32 = 2;
const FIRST_VERSION: u32 = 1;

/// What a network's file says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkHeader {
    pub layout: NetworkLayout,
    /// In the order of the tensors' first axis; none if it is for any style.
    #[serde(default)]
    pub styles: Vec<NetworkStyle>,
    /// The pictures whose styles it has seen, if it is for any style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_pictures: Option<StylePictures>,
    /// The levels of noise that pictures are given before they are painted, 0 to 255.
    #[serde(default)]
    pub noise: f32,
    /// The loss that it was trained by, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Optimize>,
    /// How it was trained, if this program did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<NetworkTraining>,
    /// What whoever trained it says of its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// What kind of network it is, and its sizes in channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Sizes")]
pub enum NetworkLayout {
    /// One that has learned its styles.
    Learned { contract: [usize; 2], blocks: usize, expand: [usize; 2] },
    /// The decoder of one for any style, the finest level first.
    AnyStyle { widths: [usize; 4] },
}

/// The sizes that a header may have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    contract: Option<[usize; 2]>,
    blocks: Option<usize>,
    expand: Option<[usize; 2]>,
    widths: Option<[usize; 4]>,
}

impl TryFrom<Sizes> for NetworkLayout {
    type Error = &'static str;

    fn try_from(sizes: Sizes) -> Result<Self, Self::Error> {
        let Sizes { contract, blocks, expand, widths } = sizes;
        match (contract, blocks, expand, widths) {
            (Some(contract), Some(blocks), Some(expand), None) => {
                Ok(Self::Learned { contract, blocks, expand })
            }
            (None, None, None, Some(widths)) => Ok(Self::AnyStyle { widths }),
            _ => Err("a layout has `contract`, `blocks` and `expand`, or `widths` alone"),
        }
    }
}

impl NetworkHeader {
    /// Whether it takes any style image, rather than those that it has learned.
    pub fn is_for_any_style(&self) -> bool {
        matches!(self.layout, NetworkLayout::AnyStyle { .. })
    }
}

/// Pictures that a network has learned to tell styles by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StylePictures {
    pub pictures: u32,
    /// Of all, the held-out ones included.
    pub content: Digest,
}

/// A style that a network has learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkStyle {
    pub name: String,
    /// Of its image's file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// How a network was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkTraining {
    /// The longer side in pixels of the pictures that it is to paint.
    pub size_px: u32,
    pub crop_px: u32,
    pub batch: u32,
    /// Steps taken.
    pub steps: u32,
    pub seed: u64,
    /// How many pictures it was trained on.
    pub pictures: u32,
    /// Of all pictures, the held-out ones included.
    pub content: Digest,
    /// The loss of the held-out pictures.
    pub held_out: HeldOut,
    /// What computed the loss.
    pub device: String,
}

/// A loss by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    pub content: f64,
    pub style: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Labelled<T> {
    format: String,
    version: u32,
    #[serde(flatten)]
    rest: T,
}

/// What is read first, so that a newer file is not called damaged.
#[derive(Debug, Deserialize)]
struct Nothing {}

/// The bytes of a network's file. The same header and tensors give the same bytes.
///
/// # Errors
/// Where a tensor has another size than its shape.
pub fn write_network(
    header: &NetworkHeader,
    tensors: &[NamedTensor],
) -> Result<Vec<u8>, ModelError> {
    let format = FORMAT.to_owned();
    let version = if header.is_for_any_style() { VERSION } else { FIRST_VERSION };
    let labelled = Labelled { format, version, rest: header };
    let text = serde_json::to_string(&labelled)
        .map_err(|error| ModelError::Network(format!("its header: {error}")))?;
    to_safetensors(tensors, &text)
}

/// Reads a network's file. Which tensors it has to have, whoever builds it checks.
///
/// # Errors
/// Where it is no such file, damaged, newer than this program, or has a number that is not finite.
pub fn read_network(bytes: &[u8]) -> Result<(NetworkHeader, Vec<NamedTensor>), ModelError> {
    let refuse = |reason: String| ModelError::Network(reason);
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| refuse(error.to_string()))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get("impasto"));
    let text = text.ok_or_else(|| refuse("it has no header of this program".to_owned()))?;
    let in_header = |error: serde_json::Error| refuse(format!("its header: {error}"));
    let label: Labelled<Nothing> = serde_json::from_str(text).map_err(in_header)?;
    if label.format != FORMAT {
        return Err(refuse(format!("it is `{}`, not `{FORMAT}`", label.format)));
    }
    if label.version > VERSION {
        let version = label.version;
        return Err(refuse(format!(
            "it was written by a newer version of this program ({version})"
        )));
    }
    let header: Labelled<NetworkHeader> = serde_json::from_str(text).map_err(in_header)?;
    match (header.rest.is_for_any_style(), header.rest.styles.is_empty()) {
        (false, true) => return Err(refuse("its header: it has no style".to_owned())),
        (true, false) => {
            return Err(refuse("its header: one for any style has learned none".to_owned()));
        }
        _ => {}
    }
    let noise = header.rest.noise;
    if !(0.0..=255.0).contains(&noise) {
        return Err(refuse(format!("its header: its noise is {noise}, not 0 to 255")));
    }
    let tensors = read_tensors(bytes).map_err(|error| match error {
        ModelError::Tensors(reason) => refuse(reason),
        other => other,
    })?;
    Ok((header.rest, tensors))
}

/// Checks the file of a part that is no picture: that a network or a state of training is whole.
///
/// # Errors
/// Why it is not.
pub fn verify_part(part: Part, bytes: &[u8]) -> Result<(), ModelError> {
    match part {
        Part::Model => read_network(bytes).map(drop),
        // It may hold anything.
        Part::File(_) => Ok(()),
        _ => read_tensors(bytes).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> NetworkHeader {
        NetworkHeader {
            layout: NetworkLayout::Learned { contract: [16, 32], blocks: 5, expand: [32, 16] },
            style_pictures: None,
            styles: vec![NetworkStyle {
                name: "night".to_owned(),
                digest: Some(Digest::of(b"night")),
            }],
            noise: 40.0,
            recipe: Some(Optimize::painterly()),
            training: Some(NetworkTraining {
                size_px: 512,
                crop_px: 256,
                batch: 2,
                steps: 1000,
                seed: 1,
                pictures: 270,
                content: Digest::of(b"pictures"),
                held_out: HeldOut { content: 0.25, style: 0.5 },
                device: "cpu amx bf16".to_owned(),
            }),
            licence: Some("CC0".to_owned()),
        }
    }

    fn tensors() -> Vec<NamedTensor> {
        let tensor = |name: &str, values: &[f32]| NamedTensor {
            name: name.to_owned(),
            shape: vec![1, values.len()],
            values: values.to_vec(),
        };
        vec![tensor("contract.0.beta", &[0.5, -1.0]), tensor("contract.0.gamma", &[2.0])]
    }

    #[test]
    fn a_network_is_read_as_it_was_written() {
        let bytes = write_network(&header(), &tensors()).expect("bytes");
        assert_eq!(read_network(&bytes).expect("a network"), (header(), tensors()));
        assert_eq!(bytes, write_network(&header(), &tensors()).expect("bytes"));
    }

    #[test]
    fn one_for_any_style_says_so() {
        let layout = NetworkLayout::AnyStyle { widths: [16, 32, 64, 128] };
        let seen = StylePictures { pictures: 215, content: Digest::of(b"styles") };
        let any = NetworkHeader { layout, styles: vec![], style_pictures: Some(seen), ..header() };
        let bytes = write_network(&any, &tensors()).expect("bytes");
        assert_eq!(read_network(&bytes).expect("a network"), (any.clone(), tensors()));
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|own| own == text.as_bytes());
        assert!(has(&bytes, "version\\\":2"), "older programs are to say that it is newer");
        assert!(has(&write_network(&header(), &tensors()).expect("bytes"), "version\\\":1"));
        let with_styles = NetworkHeader { styles: header().styles, ..any };
        let bytes = write_network(&with_styles, &tensors()).expect("bytes");
        let error = read_network(&bytes).expect_err("refused").to_string();
        assert!(error.ends_with("its header: one for any style has learned none"), "{error}");
        let without = NetworkHeader { styles: vec![], ..header() };
        let bytes = write_network(&without, &tensors()).expect("bytes");
        let error = read_network(&bytes).expect_err("refused").to_string();
        assert!(error.ends_with("its header: it has no style"), "{error}");
    }

    #[test]
    fn other_files_are_refused() {
        let refused = |bytes: &[u8]| read_network(bytes).expect_err("refused").to_string();
        let bytes = write_network(&header(), &tensors()).expect("bytes");
        for len in 0..bytes.len() {
            assert!(refused(&bytes[..len]).starts_with("this is no network"), "{len}");
        }
        let with = |from: &str, to: &str| {
            let place = bytes.windows(from.len()).position(|own| own == from.as_bytes());
            let place = place.unwrap_or_else(|| panic!("no {from}"));
            let mut changed = bytes.clone();
            changed[place..place + to.len()].copy_from_slice(to.as_bytes());
            refused(&changed)
        };
        let text = with("impasto-network", "impasto-picture");
        assert_eq!(
            text,
            "this is no network of this program: it is `impasto-picture`, not `impasto-network`"
        );
        let text = with("version\\\":1", "version\\\":8");
        assert!(text.ends_with("it was written by a newer version of this program (8)"), "{text}");
        let text = with("\\\"blocks\\\"", "\\\"widths\\\"");
        assert!(text.contains("invalid type: integer"), "{text}");
        let text = with("\\\"expand\\\"", "\\\"expend\\\"");
        assert!(text.contains("unknown field `expend`"), "{text}");
        let text = with("\\\"layout\\\"", "\\\"latest\\\"");
        assert!(text.contains("its header: missing field `layout`"), "{text}");
        let mut not_finite = bytes.clone();
        let end = not_finite.len();
        not_finite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        let text = refused(&not_finite);
        assert!(text.ends_with("`contract.0.gamma` has inf at 0"), "{text}");
        let loud = with("\\\"noise\\\":40", "\\\"noise\\\":-4");
        assert!(loud.ends_with("its noise is -4, not 0 to 255"), "{loud}");
        let plain = to_safetensors(&tensors(), "{}").expect("bytes");
        assert!(refused(&plain).contains("its header: missing field `format`"));
    }
}
