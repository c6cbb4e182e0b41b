//! The only layer: a picture with transparency.

use impasto_types::Depth;

use super::pack::{Packer, packed};
use super::{Planes, measured};
use crate::AssetErrorKind;
use crate::psd_layout::{PsdLayerName, PsdLayout};

/// The section of layers and masks. As Photoshop does, 16 bits and floats have theirs in a block,
/// and another block says that the merged image has transparency.
pub(super) fn section(
    planes: &Planes<'_>,
    packer: &Packer,
    layout: &PsdLayout,
) -> Result<Vec<u8>, AssetErrorKind> {
    let large = layout.large;
    let list = list(planes, packer, layout)?;
    let no_mask = [0; 4];
    let (transparency, layers) = match planes.plan.depth {
        Depth::Eight => return Ok([&measured(&list, large)?[..], &no_mask].concat()),
        Depth::Sixteen => (*b"Mt16", *b"Lr16"),
        Depth::Float => (*b"Mt32", *b"Lr32"),
    };
    let blocks = [block(transparency, &[], large)?, block(layers, &list, large)?];
    Ok([&measured(&[], large)?[..], &no_mask, &blocks.concat()].concat())
}

/// A list of one layer. That its number is negative says that the merged image has transparency.
fn list(
    planes: &Planes<'_>,
    packer: &Packer,
    layout: &PsdLayout,
) -> Result<Vec<u8>, AssetErrorKind> {
    const TRANSPARENCY: i16 = -1;
    /// Bit 4 is told, and it is not set: pixels matter.
    const FLAGS: u8 = 8;
    let alpha = planes.plan.alpha.unwrap_or_default();
    let mut channels = vec![(TRANSPARENCY, packed(&[planes.units(alpha)], packer))];
    for color in 0..planes.plan.colors() {
        // One or three.
        channels.push((color as i16, packed(&[planes.straight(color)], packer)));
    }

    let mut list = (-1_i16).to_be_bytes().to_vec();
    let sides = [0, 0, planes.picture.height, planes.picture.width];
    list.extend(sides.iter().flat_map(|side| side.to_be_bytes()));
    list.extend((channels.len() as u16).to_be_bytes());
    for (number, bytes) in &channels {
        list.extend(number.to_be_bytes());
        let length = measured(bytes, layout.large)?;
        list.extend(&length[..length.len() - bytes.len()]);
    }
    list.extend(b"8BIMnorm");
    list.extend([255, 0, FLAGS, 0]);
    list.extend(measured(&named(layout.layer.as_ref(), layout.large)?, false)?);
    for (_, bytes) in channels {
        list.extend(bytes);
    }
    list.resize(list.len().next_multiple_of(4), 0);
    Ok(list)
}

/// What stands at the end of the layer's record: no mask, no ranges of blending, and its name.
fn named(name: Option<&PsdLayerName>, large: bool) -> Result<Vec<u8>, AssetErrorKind> {
    const NAME: &[u8] = b"Layer 0";
    let mut bytes = vec![0; 8];
    let old = name.map_or(NAME, |name| &name.old);
    // At most 255 bytes, as it was read.
    bytes.push(old.len() as u8);
    bytes.extend(old);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let unicode = match name {
        Some(name) => name.unicode.clone(),
        None => {
            let letters = NAME.iter().flat_map(|letter| [0, *letter]);
            Some((NAME.len() as u32).to_be_bytes().into_iter().chain(letters).collect())
        }
    };
    if let Some(unicode) = unicode {
        bytes.extend(block(*b"luni", &unicode, large)?);
    }
    Ok(bytes)
}

/// A block, padded to a multiple of four bytes.
fn block(key: [u8; 4], content: &[u8], large: bool) -> Result<Vec<u8>, AssetErrorKind> {
    let mut content = content.to_vec();
    content.resize(content.len().next_multiple_of(4), 0);
    let long = PsdLayout::block_length_bytes(large, key) == 8;
    Ok([&b"8BIM"[..], &key, &measured(&content, long)?].concat())
}
