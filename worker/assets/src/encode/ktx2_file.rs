//! KTX2. An asset's own layout comes back: its format, its levels, which are made anew, how they
//! are packed, its description and its data. Another picture of 8 bits is packed as BC7; others are
//! stored as they are, in four channels.

use std::error::Error;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ktx2::dfd::{Basic, Block};
use ktx2::{Format, Header, Index, SupercompressionScheme, TransferFunction};

use super::cut::faces;
use super::texels::pictures;
use crate::ktx2_layout::{
    Entry, Ktx2Layout, ORIENTATION, Packing, SWIZZLE, WRITER, has_alpha, texels,
};
use crate::texels::{Texels, most_mips};
use crate::{AlphaKind, Depth, Orientation, Picture, SheetLayout};

/// Packs a texture in seconds, and hardly worse than the strongest level does.
const ZSTANDARD_LEVEL: i32 = 9;

type Failure = Box<dyn Error + Send + Sync>;

pub(super) fn write(picture: &Picture) -> Result<Vec<u8>, Failure> {
    let (sheet, faces) = (picture.origin.sheet, faces(picture));
    let picture = &*faces[0];
    let layout = layout_of(picture)?;
    let count = layout.levels.max(1);
    let mut written = faces
        .iter()
        .map(|face| pictures(face, layout.texels, count, layout.is_srgb()).into_iter())
        .collect::<Vec<_>>();
    let mut levels = Vec::with_capacity(count as usize);
    for _ in 0..count {
        // A level of all faces or layers.
        let level: Vec<u8> = written.iter_mut().filter_map(Iterator::next).flatten().collect();
        levels.push((level.len() as u64, packed(level, layout.packing)?));
    }

    let data = entries(&layout.entries);
    let descriptor_at = Header::LENGTH + 24 * levels.len();
    let data_at = descriptor_at + layout.descriptor.len();
    let header = Header {
        format: Some(layout.format),
        type_size: layout.type_size,
        pixel_width: picture.width,
        pixel_height: picture.height,
        pixel_depth: 0,
        layer_count: sheet.filter(|sheet| !sheet.is_cube()).map_or(0, SheetLayout::count),
        face_count: if sheet.is_some_and(SheetLayout::is_cube) { 6 } else { 1 },
        level_count: layout.levels,
        supercompression_scheme: match layout.packing {
            Packing::Plain => None,
            Packing::Zstandard => Some(SupercompressionScheme::Zstandard),
            Packing::Zlib => Some(SupercompressionScheme::ZLIB),
        },
        index: Index {
            dfd_byte_offset: descriptor_at as u32,
            dfd_byte_length: layout.descriptor.len() as u32,
            kvd_byte_offset: if data.is_empty() { 0 } else { data_at as u32 },
            kvd_byte_length: data.len() as u32,
            sgd_byte_offset: 0,
            sgd_byte_length: 0,
        },
    };
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(descriptor_at, 0);
    bytes.extend(&layout.descriptor);
    bytes.extend(data);
    // The smallest level comes first, so that a reader of a stream can show it soon.
    let alignment = match layout.packing {
        Packing::Plain => alignment(layout.texels),
        Packing::Zstandard | Packing::Zlib => 1,
    };
    for (level, (size, packed)) in levels.iter().enumerate().rev() {
        bytes.resize(bytes.len().next_multiple_of(alignment), 0);
        let entry = [bytes.len() as u64, packed.len() as u64, *size].map(u64::to_le_bytes);
        let at = Header::LENGTH + 24 * level;
        bytes[at..at + 24].copy_from_slice(entry.as_flattened());
        bytes.extend(packed);
    }
    Ok(bytes)
}

/// The asset's layout, if it has room for the picture's alpha; the number of levels for its size.
fn layout_of(picture: &Picture) -> Result<Ktx2Layout, Failure> {
    let alpha = picture.alpha.is_some();
    let own = picture.origin.ktx2.as_ref().filter(|own| !alpha || own.has_alpha);
    let mut layout = match own {
        Some(own) => own.clone(),
        None => usual(picture)?,
    };
    if !alpha && has_alpha(layout.format, layout.texels) {
        set(&mut layout.entries, SWIZZLE, b"rgb1\0");
    }
    let way = match picture.origin.orientation {
        Orientation::Mirrored => b"ld\0",
        Orientation::Half => b"lu\0",
        Orientation::Flipped => b"ru\0",
        // Turned axes have no name here; the grid stays as it is.
        _ => b"rd\0",
    };
    if way != b"rd\0" || layout.entry(ORIENTATION).is_some() || own.is_none() {
        set(&mut layout.entries, ORIENTATION, way);
    }
    if layout.levels > 0 {
        layout.levels = layout.levels.min(most_mips((picture.width, picture.height)));
    }
    Ok(layout)
}

/// The layout of a picture that was no KTX2, or has alpha where its asset has no room for it.
fn usual(picture: &Picture) -> Result<Ktx2Layout, Failure> {
    let origin = &picture.origin;
    let is_light = origin.tone.is_some() || origin.is_scene_linear();
    let format = match origin.depth {
        Depth::Eight if origin.is_data => Format::BC7_UNORM_BLOCK,
        Depth::Eight => Format::BC7_SRGB_BLOCK,
        Depth::Sixteen => Format::R16G16B16A16_UNORM,
        Depth::Float => Format::R32G32B32A32_SFLOAT,
    };
    let transfer = match origin.depth {
        // The format says it.
        Depth::Eight => None,
        Depth::Sixteen | Depth::Float if origin.is_data || is_light => None,
        Depth::Sixteen | Depth::Float => Some(TransferFunction::SRGB),
    };
    let is_multiplied = picture.alpha.is_some() && origin.alpha_kind == AlphaKind::Associated;
    let (basic, type_size) = Basic::from_format_with(format, is_multiplied, transfer, None, None)
        .map_err(|error| format!("{format:?} has no description: {error}"))?;
    let block = Block::Basic(basic).to_vec();
    let length = (block.len() as u32 + 4).to_le_bytes();
    let texels = texels(format).ok_or_else(|| format!("{format:?} has no texels"))?;
    Ok(Ktx2Layout {
        format,
        type_size,
        texels,
        has_alpha: picture.alpha.is_some(),
        packing: Packing::Plain,
        levels: u32::MAX,
        descriptor: [&length[..], &block].concat(),
        entries: vec![(WRITER.to_vec(), b"Impasto\0".to_vec())],
    })
}

/// Sets an entry. A new one gets its place in the order of names.
fn set(entries: &mut Vec<Entry>, name: &[u8], value: &[u8]) {
    match entries.iter_mut().find(|(known, _)| known == name) {
        Some((_, own)) => *own = value.to_vec(),
        None => {
            let after = entries.iter().position(|(known, _)| &known[..] > name);
            let at = after.unwrap_or(entries.len());
            entries.insert(at, (name.to_vec(), value.to_vec()));
        }
    }
}

fn entries(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in entries {
        bytes.extend((name.len() as u32 + 1 + value.len() as u32).to_le_bytes());
        bytes.extend(name);
        bytes.push(0);
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

fn packed(texels: Vec<u8>, packing: Packing) -> Result<Vec<u8>, Failure> {
    Ok(match packing {
        Packing::Plain => texels,
        Packing::Zstandard => zstd::bulk::compress(&texels, ZSTANDARD_LEVEL)?,
        Packing::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&texels)?;
            encoder.finish()?
        }
    })
}

/// The least common multiple of a texel, or a block of them, and four bytes.
fn alignment(texels: Texels) -> usize {
    let bytes = match texels {
        Texels::Blocks(block) => block.bytes(),
        Texels::Masks(masks) => masks.bytes,
        Texels::Words(word, channels) => word.bytes() * channels,
    };
    match bytes % 4 {
        0 => bytes,
        2 => 2 * bytes,
        _ => 4 * bytes,
    }
}
