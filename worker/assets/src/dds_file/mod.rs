//! DDS, the format of textures as graphics cards read them: the first picture of a file, with the
//! mips left alone.

mod decode;
mod fields;
mod names;

use std::io::{Read, Seek, SeekFrom};

use impasto_types::{ContainerFormat, FileTrait, FileTraits};

pub(crate) use decode::{check, decode};

use crate::texels::{Texels, has_alpha};
use crate::{AlphaKind, AssetErrorKind, Header, Limits, Orientation};
use fields::{Fields, LONG_BYTES};

/// Reads the header of a file of `length` bytes. Where only the pixels tell whether there is alpha,
/// the first picture is read.
pub(crate) fn header<R: Read + Seek>(
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    let head = read(&mut reader, 0, length.min(LONG_BYTES as u64))?;
    let fields = Fields::parse(&head, limits)?;
    let alpha = match fields.has_alpha() {
        Some(alpha) => alpha,
        None => {
            let (start, size) = (fields.start as u64, fields.picture_bytes());
            // Checked before memory is allocated for it.
            if start + size > length {
                return Err(AssetErrorKind::Truncated);
            }
            let picture = read(&mut reader, start, size)?;
            has_alpha(&picture, fields.layout.pixels, (fields.width, fields.height))
        }
    };
    let is_color = !matches!(fields.layout.pixels, Texels::Masks(masks) if masks.colors == [0; 3]);
    let traits = FileTraits::default()
        .with(FileTrait::LowDepth, fields.has_low_depth())
        .with(FileTrait::AssociatedAlpha, fields.alpha_kind() == AlphaKind::Associated)
        .with(FileTrait::Mips, fields.layout.mips > 1)
        .with(
            FileTrait::FewChannels,
            fields.layout.pixels.is_gray() && is_color || fields.layout.has_two_channels(),
        );
    Ok(Header {
        format: ContainerFormat::Dds,
        width: fields.width,
        height: fields.height,
        color: fields.color(),
        alpha,
        depth: fields.depth(),
        extra: 0,
        orientation: Orientation::Normal,
        traits,
        largest: None,
    })
}

fn read<R: Read + Seek>(reader: &mut R, at: u64, size: u64) -> Result<Vec<u8>, AssetErrorKind> {
    reader.seek(SeekFrom::Start(at)).map_err(AssetErrorKind::Read)?;
    let mut bytes = vec![0; size as usize];
    reader.read_exact(&mut bytes).map_err(AssetErrorKind::Read)?;
    Ok(bytes)
}
