//! KTX2, the format of textures for Vulkan, OpenGL and glTF: the first picture of a file, or
//! the faces of a cube map or the layers of an array, with the other levels left alone.

mod decode;
mod fields;

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, FileTrait, FileTraits};

pub(crate) use decode::{check, decode};

use crate::ktx2_layout::{ORIENTATION, SWIZZLE, WRITER};
use crate::{AlphaKind, AssetErrorKind, Header, Limits, Orientation, SheetLayout};
use fields::Fields;

/// Reads the header of a file of `length` bytes.
pub(crate) fn header<R: Read + Seek>(
    reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let fields = Fields::read(reader, length, limits)?;
    let layout = &fields.layout;
    let is_own = |name: &[u8]| ![ORIENTATION, SWIZZLE, WRITER].contains(&name);
    let few = layout.texels.is_gray() || layout.texels.has_two_channels();
    let traits = FileTraits::default()
        .with(FileTrait::Orientation, fields.orientation != Orientation::Normal)
        .with(FileTrait::AssociatedAlpha, fields.alpha_kind() == AlphaKind::Associated)
        .with(FileTrait::Mips, layout.levels != 1)
        .with(FileTrait::FewChannels, few)
        .with(FileTrait::KtxData, layout.entries.iter().any(|(name, _)| is_own(name)));
    Ok(Header {
        format: ContainerFormat::Ktx2,
        width: fields.faces().whole.0,
        height: fields.faces().whole.1,
        color: fields.color(),
        alpha: layout.has_alpha,
        depth: layout.texels.depth(),
        extra: 0,
        orientation: fields.orientation,
        traits,
        largest: fields.sheet.map(SheetLayout::longer_side),
        sheet: fields.sheet,
        layers: 0,
    })
}

fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Ktx2, what: what.into() }
}

fn damaged(what: &'static str) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Ktx2, what)
}
