//! The only layer: a picture with transparency.

use impasto_types::Depth;

use super::pack::{Packer, pack};
use super::{Planes, measured, set_length, zero_length};
use crate::AssetErrorKind;
use crate::psd_layout::{PsdLayerName, PsdLayout};

/// Appends the section of layers and masks. As Photoshop does, 16 bits and floats have theirs in a
/// block, and another block says that the merged image has transparency.
pub(super) fn write_section(
    bytes: &mut Vec<u8>,
    planes: &Planes<'_>,
    packer: &Packer,
    layout: &PsdLayout,
    alpha: &[f32],
) -> Result<(), AssetErrorKind> {
    const NO_MASK: [u8; 4] = [0; 4];
    let large = layout.large;
    let (transparency, layers) = match planes.plan.depth {
        Depth::Eight => {
            measured(bytes, large, |bytes| write_list(bytes, planes, packer, layout, alpha))?;
            bytes.extend(NO_MASK);
            return Ok(());
        }
        Depth::Sixteen => (*b"Mt16", *b"Lr16"),
        Depth::Float => (*b"Mt32", *b"Lr32"),
    };
    zero_length(bytes, large);
    bytes.extend(NO_MASK);
    write_block(bytes, transparency, large, |_| Ok(()))?;
    write_block(bytes, layers, large, |bytes| write_list(bytes, planes, packer, layout, alpha))
}

/// Appends a list of one layer. That its number is negative says that the merged image has
/// transparency.
fn write_list(
    bytes: &mut Vec<u8>,
    planes: &Planes<'_>,
    packer: &Packer,
    layout: &PsdLayout,
    alpha: &[f32],
) -> Result<(), AssetErrorKind> {
    const TRANSPARENCY: i16 = -1;
    /// Bit 3: bit 4 means something. Bit 4, pixels that do not matter, is not set.
    const FLAGS: u8 = 8;
    let start = bytes.len();
    // One colour or three.
    let numbers: Vec<i16> = (TRANSPARENCY..planes.plan.colors() as i16).collect();
    bytes.extend((-1_i16).to_be_bytes());
    let sides = [0, 0, planes.picture.height, planes.picture.width];
    bytes.extend(sides.iter().flat_map(|side| side.to_be_bytes()));
    bytes.extend((numbers.len() as u16).to_be_bytes());
    let mut lengths_at = Vec::new();
    for number in &numbers {
        bytes.extend(number.to_be_bytes());
        lengths_at.push(bytes.len());
        zero_length(bytes, layout.large);
    }
    bytes.extend(b"8BIMnorm");
    bytes.extend([255, 0, FLAGS, 0]);
    measured(bytes, false, |bytes| write_name(bytes, layout.layer.as_ref(), layout.large))?;
    for (number, length_at) in numbers.into_iter().zip(lengths_at) {
        let plane = match usize::try_from(number) {
            Ok(color) => planes.straight(color),
            Err(_) => planes.units(alpha),
        };
        let channel = bytes.len();
        pack(&[plane], packer, bytes);
        let length = bytes.len() - channel;
        set_length(bytes, length_at, length, layout.large)?;
    }
    let length = bytes.len() - start;
    bytes.resize(start + length.next_multiple_of(4), 0);
    Ok(())
}

/// Appends what stands at the end of the layer's record: no mask, no ranges of blending, and its
/// name.
fn write_name(
    bytes: &mut Vec<u8>,
    name: Option<&PsdLayerName>,
    large: bool,
) -> Result<(), AssetErrorKind> {
    const NAME: &[u8] = b"Layer 0";
    let old = name.map_or(NAME, |name| &name.old);
    bytes.extend([0; 8]);
    let start = bytes.len();
    // At most 255 bytes, as it was read.
    bytes.push(old.len() as u8);
    bytes.extend(old);
    let length = bytes.len() - start;
    bytes.resize(start + length.next_multiple_of(4), 0);
    let unicode = match name {
        Some(name) => name.unicode.clone(),
        None => {
            let letters = NAME.iter().flat_map(|letter| [0, *letter]);
            Some((NAME.len() as u32).to_be_bytes().into_iter().chain(letters).collect())
        }
    };
    let Some(unicode) = unicode else { return Ok(()) };
    write_block(bytes, *b"luni", large, |bytes| {
        bytes.extend(unicode);
        Ok(())
    })
}

/// Appends a block, padded to a multiple of four bytes.
fn write_block(
    bytes: &mut Vec<u8>,
    key: [u8; 4],
    large: bool,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), AssetErrorKind>,
) -> Result<(), AssetErrorKind> {
    bytes.extend(b"8BIM");
    bytes.extend(key);
    measured(bytes, large && PsdLayout::is_long(key), |bytes| {
        let start = bytes.len();
        write(bytes)?;
        let length = bytes.len() - start;
        bytes.resize(start + length.next_multiple_of(4), 0);
        Ok(())
    })
}
