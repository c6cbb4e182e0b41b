//! Layers: how many there are, and whether they are more than the merged image.

use std::io::{Read, Seek};

use super::fields::{Fields, damaged};
use super::section::Section;
use crate::AssetErrorKind;
use crate::psd_layout::{PsdLayerName, PsdLayout};

/// What a document says of its layers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layers {
    pub are_there: bool,
    /// The first channel after the colours is the transparency of the merged image.
    pub transparency: bool,
    /// How many there are, without the marks of groups, if they are more than the merged image.
    pub lost: u32,
    /// The name of the only layer, if it is nothing but the merged image.
    pub name: Option<PsdLayerName>,
}

/// What a layer is.
#[derive(Debug)]
enum Kind {
    /// The beginning or the end of a group.
    Mark,
    /// Nothing but its pixels, which are within the picture.
    Plain(PsdLayerName),
    Other,
}

/// Blocks that change nothing of what is to be seen: names, numbers, colours in the list of layers,
/// locks, settings of effects and of groups that are not there, a point of reference, metadata.
const HARMLESS: [&[u8; 4]; 11] = [
    b"luni", b"lyid", b"lnsr", b"lclr", b"lspf", b"clbl", b"infx", b"knko", b"fxrp", b"shmd",
    b"lyvr",
];

/// A signature, a key and a length of four bytes.
const LEAST_BLOCK: u64 = 12;

impl Layers {
    /// Reads the section of layers and masks, which is empty if there are none. 16 bits and floats
    /// have their layers in a block behind an empty list.
    pub(super) fn read<R: Read + Seek>(
        section: &mut Section<'_, R>,
        fields: &Fields,
    ) -> Result<Self, AssetErrorKind> {
        let mut layers = Self::default();
        if section.left() == 0 {
            return Ok(layers);
        }
        layers.add(&mut section.measured(fields.length_bytes())?, fields)?;
        if section.left() < 4 {
            return Ok(layers);
        }
        // The mask of all layers.
        section.measured(4)?;
        while let Some((key, mut content)) = block(section, fields)? {
            match &key {
                b"Lr16" | b"Lr32" | b"Layr" => layers.add(&mut content, fields)?,
                b"Mt16" | b"Mt32" | b"Mtrn" => layers.transparency = true,
                _ => {}
            }
            // Blocks begin at multiples of four bytes from each other.
            let padding = (4 - content.length() % 4) % 4;
            section.skip(padding.min(section.left()))?;
        }
        Ok(layers)
    }

    /// Reads a list of layers, which may be empty.
    fn add<R: Read + Seek>(
        &mut self,
        list: &mut Section<'_, R>,
        fields: &Fields,
    ) -> Result<(), AssetErrorKind> {
        if list.left() == 0 {
            return Ok(());
        }
        let count = i16::from_be_bytes(list.array()?);
        self.transparency |= count < 0;
        self.are_there |= count != 0;
        let kinds = (0..count.unsigned_abs())
            .map(|_| layer(list, fields))
            .collect::<Result<Vec<Kind>, AssetErrorKind>>()?;
        match <[Kind; 1]>::try_from(kinds) {
            Ok([Kind::Plain(name)]) => self.name = Some(name),
            Ok(_) => self.lost += 1,
            Err(kinds) => {
                let own = kinds.iter().filter(|kind| !matches!(kind, Kind::Mark)).count();
                // A list has at most 32768 layers; of groups alone, something is lost too.
                self.lost += if kinds.is_empty() { 0 } else { own.max(1) as u32 };
            }
        }
        Ok(())
    }
}

/// Reads a layer's record.
fn layer<R: Read + Seek>(
    list: &mut Section<'_, R>,
    fields: &Fields,
) -> Result<Kind, AssetErrorKind> {
    const HIDDEN: u8 = 2;
    let mut side = || Ok::<_, AssetErrorKind>(i32::from_be_bytes(list.array()?));
    let [top, left, bottom, right] = [side()?, side()?, side()?, side()?];
    let channels = list.number(2)?;
    list.skip(channels * (2 + fields.length_bytes() as u64))?;
    let [b'8', b'B', b'I', b'M', blend @ ..] = list.array::<8>()? else {
        return Err(damaged("a layer cannot be read"));
    };
    let [opacity, clipping, flags, _] = list.array()?;
    let mut more = list.measured(4)?;
    let has_mask = more.measured(4)?.left() > 0;
    let mut ranges = more.measured(4)?;
    let ranges = ranges.bytes(ranges.left())?;
    let name_bytes = more.number(1)?;
    let old = more.bytes(name_bytes)?;
    let padding = (4 - (1 + name_bytes) % 4) % 4;
    more.skip(padding.min(more.left()))?;

    let mut unicode = None;
    let mut is_plain = true;
    loop {
        // What is no block is not known.
        let ends_here = more.left() < LEAST_BLOCK;
        let Some((key, mut content)) = block(&mut more, fields)? else {
            is_plain &= ends_here;
            break;
        };
        match &key {
            // 0 is a layer, 1 and 2 open a group, 3 ends one.
            b"lsct" | b"lsdk" if content.left() >= 4 => {
                if content.number(4)? != 0 {
                    return Ok(Kind::Mark);
                }
            }
            b"luni" => unicode = Some(content.bytes(content.left())?),
            key => is_plain &= HARMLESS.contains(&key),
        }
    }
    let is_within = top >= 0
        && left >= 0
        && i64::from(bottom) <= i64::from(fields.height)
        && i64::from(right) <= i64::from(fields.width);
    let is_shown = blend == *b"norm" && opacity == 255 && clipping == 0 && flags & HIDDEN == 0;
    // Every colour below and above is blended.
    let is_whole = ranges.chunks(4).all(|range| range == [0, 0, 255, 255]);
    if is_plain && is_within && is_shown && is_whole && !has_mask {
        Ok(Kind::Plain(PsdLayerName { old, unicode }))
    } else {
        Ok(Kind::Other)
    }
}

/// A key, and what it is about.
type Block<'a, R> = ([u8; 4], Section<'a, R>);

/// The next block, which has a signature, a key and a length; none if something else follows, such
/// as a block of a kind whose length is stored otherwise.
fn block<'b, R: Read + Seek>(
    section: &'b mut Section<'_, R>,
    fields: &Fields,
) -> Result<Option<Block<'b, R>>, AssetErrorKind> {
    if section.left() < LEAST_BLOCK {
        return Ok(None);
    }
    let [signature @ .., a, b, c, d] = section.array::<8>()?;
    let key = [a, b, c, d];
    let length_bytes = match &signature {
        b"8BIM" => PsdLayout::block_length_bytes(fields.large, key),
        b"8B64" => 8,
        _ => return Ok(None),
    };
    if section.left() < length_bytes as u64 {
        return Ok(None);
    }
    match section.number(length_bytes)? {
        length if length > section.left() => Ok(None),
        length => Ok(Some((key, section.part(length)?))),
    }
}
