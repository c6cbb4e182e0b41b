//! The chunks of an EXR file: some rows or a tile, packed on their own.

use exr::compression::Compression;
use exr::math::Vec2;
use exr::meta::BlockDescription;
use exr::meta::attribute::{
    ChannelDescription, IntegerBounds, LevelMode, LineOrder, Text, TileDescription,
};
use exr::meta::header::Header;
use impasto_types::ContainerFormat;

use super::damaged;
use super::fields::Fields;
use crate::AssetErrorKind;
use crate::exr_layout::ExrLayout;

/// A chunk's place in the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// Gives the samples of each chunk to `see`, as rows of each channel. All chunks are found before
/// the first is unpacked.
pub(super) fn each_chunk(
    bytes: &[u8],
    fields: &Fields,
    mut see: impl FnMut(Area, &[u8]) -> Result<(), AssetErrorKind>,
) -> Result<(), AssetErrorKind> {
    let chunks = find(bytes, fields)?;
    let header = chunk_header(&fields.layout, fields.size());
    for (area, packed) in chunks {
        let compression = fields.layout.compression;
        if matches!(compression, Compression::DWAA(_) | Compression::DWAB(_)) {
            check_dwa(packed, area, &fields.layout)?;
        }
        let place = section((area.left, area.top), (area.width, area.height));
        let unpacked = compression
            .decompress_image_section_from_le(&header, packed.to_vec(), place, false)
            .map_err(|error| AssetErrorKind::damaged(ContainerFormat::Exr, error))?;
        see(area, &unpacked)?;
    }
    Ok(())
}

/// The places of all chunks and their packed bytes, from the top.
fn find<'a>(bytes: &'a [u8], fields: &Fields) -> Result<Vec<(Area, &'a [u8])>, AssetErrorKind> {
    let (across, down) = fields.layout.chunks(fields.size());
    let count = u64::from(across) * u64::from(down);
    let table = usize::try_from(fields.table).ok().and_then(|table| bytes.get(table..));
    let table = table.ok_or(AssetErrorKind::Truncated)?;
    if count * 8 > table.len() as u64 {
        return Err(AssetErrorKind::Truncated);
    }
    let (offsets, _) = table.as_chunks::<8>();
    let (width, height) = fields.layout.chunk_size(fields.size());
    let mut chunks = Vec::with_capacity(count as usize);
    let places = (0..down).flat_map(|row| (0..across).map(move |column| (column, row)));
    for ((column, row), offset) in places.zip(offsets) {
        let (left, top) = (column * width, row * height);
        let area = Area {
            left,
            top,
            width: width.min(fields.width - left),
            height: height.min(fields.height - top),
        };
        let offset = u64::from_le_bytes(*offset);
        let chunk = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        // A program that was interrupted leaves zeros in the table.
        let chunk = chunk.filter(|_| offset > 0).ok_or(AssetErrorKind::Truncated)?;
        let expected: &[i64] = match fields.layout.tile {
            Some(_) => &[column.into(), row.into(), 0, 0],
            None => &[i64::from(fields.layout.data.min[1]) + i64::from(top)],
        };
        let (words, packed) =
            chunk.split_at_checked(4 * expected.len() + 4).ok_or(AssetErrorKind::Truncated)?;
        let (words, _) = words.as_chunks::<4>();
        let mut words = words.iter().map(|word| i64::from(i32::from_le_bytes(*word)));
        if !expected.iter().all(|expected| words.next() == Some(*expected)) {
            return Err(damaged("a chunk has another place"));
        }
        let size = words.next().and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| damaged("a chunk has no size"))?;
        chunks.push((area, packed.get(..size).ok_or(AssetErrorKind::Truncated)?));
    }
    Ok(chunks)
}

/// What the crate needs to know of a file.
pub(crate) fn chunk_header(layout: &ExrLayout, (width, height): (u32, u32)) -> Header {
    let channels = layout.channels.iter().map(|channel| ChannelDescription {
        name: Text::from_slice_unchecked(&channel.name),
        sample_type: channel.sample,
        quantize_linearly: channel.is_linear,
        sampling: Vec2(1, 1),
    });
    let blocks = match layout.tile {
        Some([width, height]) => BlockDescription::Tiles(TileDescription {
            tile_size: Vec2(width as usize, height as usize),
            level_mode: LevelMode::Singular,
            rounding_mode: exr::math::RoundingMode::Down,
        }),
        None => BlockDescription::ScanLines,
    };
    let size = Vec2(width as usize, height as usize);
    let header = Header::new(Text::default(), size, channels.collect());
    header.with_encoding(layout.compression, blocks, LineOrder::Increasing)
}

/// A part of the picture, as the crate writes it.
pub(crate) fn section((left, top): (u32, u32), (width, height): (u32, u32)) -> IntegerBounds {
    // Sides are within limits that are far below.
    IntegerBounds::new(Vec2(left as i32, top as i32), Vec2(width as usize, height as usize))
}

/// Refuses a chunk whose own header claims more than it can hold, since the crate allocates by it.
fn check_dwa(packed: &[u8], area: Area, layout: &ExrLayout) -> Result<(), AssetErrorKind> {
    // Pixels are coded in squares of 8 x 8, each sample in two bytes or as it is.
    let squares = u64::from(area.width.div_ceil(8)) * u64::from(area.height.div_ceil(8));
    let most = squares * 64 * 2 * layout.pixel_bytes() as u64;
    let (words, _) = packed.as_chunks::<8>();
    // A chunk that is not packed has no header; it is as long as its pixels.
    let plain = u64::from(area.width) * u64::from(area.height) * layout.pixel_bytes() as u64;
    if packed.len() as u64 == plain {
        return Ok(());
    }
    let claims = words.get(1..10).ok_or(AssetErrorKind::Truncated)?;
    if claims.iter().any(|claim| u64::from_le_bytes(*claim) > most) {
        return Err(damaged("a chunk claims more than it can hold"));
    }
    Ok(())
}
