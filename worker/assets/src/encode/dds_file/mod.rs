//! DDS. An asset's own layout comes back: the format of its pixels, its kind of header and its
//! number of mips, which are made anew. Another picture gets [`DdsLayout::usual`].

mod header;

use super::cut::faces;
use super::texels::pictures;
use crate::dds_layout::{DdsAlpha, DdsLayout, DdsName};
use crate::texels::{Block, Faces, Texels, Word, most_mips};
use crate::{AlphaKind, Picture};

pub(super) fn write(picture: &Picture) -> Vec<u8> {
    let faces = faces(picture);
    let mut layout = layout_of(&faces[0]);
    let is_encoded = holds_encoded_light(&layout);
    let written = faces.iter().map(|face| pictures(face, layout.pixels, layout.mips, is_encoded));
    let written: Vec<_> = written.collect();
    let size = (faces[0].width, faces[0].height);
    let first: Vec<&[u8]> = written.iter().filter_map(|face| Some(&face.first()?[..])).collect();
    let one = Faces::of(size, None);
    if layout.alpha == DdsAlpha::Unsaid
        && picture.alpha.is_some()
        && !first.iter().any(|first| one.have_alpha(&[first], layout.pixels))
    {
        // Rounding has left no trace of it, so that the header has to say it.
        layout.alpha = DdsAlpha::Straight;
    }
    let mut bytes = header::header(&layout, size, picture.origin.sheet);
    written.iter().flatten().for_each(|picture| bytes.extend(picture));
    bytes
}

/// The asset's layout, if it has room for the picture's alpha; the number of mips for its size.
fn layout_of(picture: &Picture) -> DdsLayout {
    let has_alpha = picture.alpha.is_some();
    let said = match (has_alpha, picture.origin.alpha_kind) {
        (false, _) => DdsAlpha::Opaque,
        (true, AlphaKind::Straight) => DdsAlpha::Straight,
        (true, AlphaKind::Associated) => DdsAlpha::Multiplied,
        (true, AlphaKind::Unspecified) => DdsAlpha::Data,
    };
    let own = picture.origin.dds.filter(|own| own.pixels.may_have_alpha() || !has_alpha);
    let mut layout = own.unwrap_or(DdsLayout::usual(picture.origin.depth, said));
    if layout.alpha != DdsAlpha::Unsaid && layout.pixels.may_have_alpha() {
        layout.alpha = said;
    }
    layout.mips = layout.mips.clamp(1, most_mips((picture.width, picture.height)));
    layout
}

/// Whether levels are taken for light as sRGB encodes it. Few headers say so of colours that are;
/// floats, and one or two channels in blocks or by DXGI, are as a rule no encoded light.
fn holds_encoded_light(layout: &DdsLayout) -> bool {
    match layout.pixels {
        Texels::Blocks(block) => !matches!(block, Block::Bc4 | Block::Bc5 | Block::Bc6h),
        Texels::Masks(masks) => {
            !layout.has_two_channels() && (!masks.gray || layout.name == DdsName::Masks)
        }
        Texels::Words(word, _) => word == Word::Sixteen,
    }
}
