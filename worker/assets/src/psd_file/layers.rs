//! Layers: how many there are, and whether they are more than the merged image.

use std::io::{Read, Seek};

use super::blocks::Blocks;
use super::fields::{Fields, damaged, unsupported};
use super::section::Section;
use crate::AssetErrorKind;
use crate::psd_layout::{MOST_CHANNELS, PsdLayerName};

/// What a document says of its layers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layers {
    pub are_there: bool,
    /// The first channel after the colours is the transparency of the merged image.
    pub transparency: bool,
    /// How many there are, without the marks of groups, if they are more than the merged image.
    pub lost: u32,
    /// The only layer, if it is nothing but the merged image.
    pub plain: Option<PlainLayer>,
}

/// A layer that is nothing but its pixels, which are within the picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlainLayer {
    pub name: PsdLayerName,
    /// Top, left, bottom, right.
    pub sides: [u32; 4],
    pub channels: Vec<LayerChannel>,
}

/// A channel of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerChannel {
    /// That of its colour; others are negative.
    pub number: i16,
    /// Where it begins in the file, and how many bytes it has.
    pub at: u64,
    pub length: u64,
}

/// What a layer is.
#[derive(Debug)]
enum Kind {
    /// The beginning or the end of a group.
    Mark,
    Plain(PlainLayer),
    Other,
}

/// Blocks that change nothing of what is to be seen: names, numbers, colours in the list of layers,
/// locks, settings of effects and of groups that are not there, a point of reference, metadata.
const HARMLESS: [&[u8; 4]; 11] = [
    b"luni", b"lyid", b"lnsr", b"lclr", b"lspf", b"clbl", b"infx", b"knko", b"fxrp", b"shmd",
    b"lyvr",
];

/// The colours and what a layer has beside them: transparency and masks.
const MOST_LAYER_CHANNELS: u64 = MOST_CHANNELS as u64 + 8;

/// A length, and as many letters as Photoshop allows; padded.
const MOST_NAME_BYTES: u64 = (4 + 2 * 255_u64).next_multiple_of(4);

/// Two ranges of four bytes for grey and for each channel.
const MOST_RANGES_BYTES: u64 = 8 * (1 + MOST_LAYER_CHANNELS);

impl Layers {
    /// Reads the section of layers and masks, which is empty if there are none. 16 bits and floats
    /// have their layers in a block behind an empty list.
    pub(super) fn read<R: Read + Seek>(
        section: &mut Section<'_, R>,
        fields: &Fields,
    ) -> Result<Self, AssetErrorKind> {
        let mut layers = Seen::default();
        if section.left() == 0 {
            return Ok(layers.told(fields));
        }
        layers.add(&mut section.measured(fields.length_bytes())?, fields)?;
        if section.left() < 4 {
            return Ok(layers.told(fields));
        }
        // The mask of all layers.
        section.measured(4)?;
        let mut blocks = Blocks::of_all(section, fields.large);
        while let Some((key, mut content)) = blocks.next()? {
            match &key {
                b"Lr16" | b"Lr32" | b"Layr" => layers.add(&mut content, fields)?,
                b"Mt16" | b"Mt32" | b"Mtrn" => layers.transparency = true,
                _ => {}
            }
        }
        // What follows may say that the merged image is transparent.
        if !blocks.are_read()? {
            let place = match blocks.last() {
                Some(key) => format!("after the block `{}`", key.escape_ascii()),
                None => "where blocks begin".to_owned(),
            };
            return Err(unsupported(format!("something unknown {place} of its layers")));
        }
        Ok(layers.told(fields))
    }
}

/// What has been read of all lists of layers.
#[derive(Debug, Default)]
struct Seen {
    transparency: bool,
    are_there: bool,
    count: u32,
    /// Without the marks of groups.
    own: u32,
    /// The first, if it is the only one.
    plain: Option<PlainLayer>,
}

impl Seen {
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
        for _ in 0..count.unsigned_abs() {
            let kind = layer(list, fields)?;
            // A record has more bytes than one, and a file fewer than 2^32 records.
            self.count += 1;
            self.own += u32::from(!matches!(kind, Kind::Mark));
            self.plain = match kind {
                Kind::Plain(plain) if self.count == 1 => Some(plain),
                _ => None,
            };
        }
        if let Some(plain) = self.plain.as_mut().filter(|_| count.unsigned_abs() == 1) {
            // Behind the records are the channels, without gaps.
            let mut at = list.at();
            for channel in &mut plain.channels {
                channel.at = at;
                at = at.saturating_add(channel.length);
            }
        }
        Ok(())
    }

    /// A layer that leaves something of the picture open is no loss if the merged image has that
    /// transparency.
    fn told(self, fields: &Fields) -> Layers {
        let Self { transparency, are_there, count, own, plain } = self;
        let whole = [0, 0, fields.height, fields.width];
        let stays = transparency && fields.beside_colors() > 0;
        let plain = plain.filter(|plain| stays || plain.sides == whole);
        let lost = match (&plain, count) {
            (Some(_), _) | (None, 0) => 0,
            // Of groups alone, something is lost too.
            (None, _) => own.max(1),
        };
        Layers { are_there, transparency, lost, plain }
    }
}

/// Reads a layer's record.
fn layer<R: Read + Seek>(
    list: &mut Section<'_, R>,
    fields: &Fields,
) -> Result<Kind, AssetErrorKind> {
    const HIDDEN: u8 = 2;
    let mut side = || Ok::<_, AssetErrorKind>(i32::from_be_bytes(list.array()?));
    let sides = [side()?, side()?, side()?, side()?];
    let channels = channels(list, fields)?;
    let [b'8', b'B', b'I', b'M', blend @ ..] = list.array::<8>()? else {
        return Err(damaged("a layer cannot be read"));
    };
    let [opacity, clipping, flags, _] = list.array()?;
    let mut more = list.measured(4)?;
    let has_mask = more.measured(4)?.left() > 0;
    let is_whole = blends_all(&mut more.measured(4)?)?;
    let name_bytes = more.number(1)?;
    let old = more.bytes(name_bytes)?;
    let padding = (4 - (1 + name_bytes) % 4) % 4;
    more.skip(padding.min(more.left()))?;

    let mut unicode = None;
    let mut is_plain = true;
    let mut blocks = Blocks::of_layer(&mut more, fields.large);
    while let Some((key, mut content)) = blocks.next()? {
        match &key {
            // 0 is a layer, 1 and 2 open a group, 3 ends one.
            b"lsct" | b"lsdk" if content.left() >= 4 => {
                if content.number(4)? != 0 {
                    return Ok(Kind::Mark);
                }
            }
            b"luni" if content.left() <= MOST_NAME_BYTES => {
                unicode = Some(content.bytes(content.left())?);
            }
            key => is_plain &= HARMLESS.contains(&key),
        }
    }
    // What is no block is not known.
    is_plain &= blocks.are_read()?;
    let [top, left, bottom, right] = sides;
    let sides = [
        within(top, fields.height),
        within(left, fields.width),
        within(bottom, fields.height),
        within(right, fields.width),
    ];
    let is_shown = blend == *b"norm" && opacity == 255 && clipping == 0 && flags & HIDDEN == 0;
    match (sides, channels) {
        ([Some(top), Some(left), Some(bottom), Some(right)], Some(channels))
            if is_plain && is_shown && is_whole && !has_mask =>
        {
            let sides = [top, left, bottom, right];
            Ok(Kind::Plain(PlainLayer { name: PsdLayerName { old, unicode }, sides, channels }))
        }
        _ => Ok(Kind::Other),
    }
}

/// A side, if it is between 0 and another one.
fn within(side: i32, most: u32) -> Option<u32> {
    u32::try_from(side).ok().filter(|side| *side <= most)
}

/// The channels of a layer, whose places are not known yet; none if there are more than a document
/// can have.
fn channels<R: Read + Seek>(
    list: &mut Section<'_, R>,
    fields: &Fields,
) -> Result<Option<Vec<LayerChannel>>, AssetErrorKind> {
    let count = list.number(2)?;
    if count > MOST_LAYER_CHANNELS {
        list.skip(count * (2 + fields.length_bytes() as u64))?;
        return Ok(None);
    }
    let mut channel = || {
        let number = i16::from_be_bytes(list.array()?);
        let length = list.number(fields.length_bytes())?;
        Ok(LayerChannel { number, at: 0, length })
    };
    (0..count).map(|_| channel()).collect::<Result<_, AssetErrorKind>>().map(Some)
}

/// Whether every colour below and above is blended.
fn blends_all<R: Read + Seek>(ranges: &mut Section<'_, R>) -> Result<bool, AssetErrorKind> {
    if ranges.left() > MOST_RANGES_BYTES || !ranges.left().is_multiple_of(4) {
        return Ok(false);
    }
    while ranges.left() > 0 {
        if ranges.array()? != [0, 0, 255, 255] {
            return Ok(false);
        }
    }
    Ok(true)
}
