//! How an EXR file stores its channels, and what it says beside them.

use exr::compression::Compression;
use exr::meta::attribute::SampleType;

/// How an EXR file is stored, so that a result is stored so too.
#[derive(Debug, Clone, PartialEq)]
pub struct ExrLayout {
    /// In the order of their names, as they are stored.
    pub(crate) channels: Vec<ExrChannel>,
    pub(crate) compression: Compression,
    /// Width and height of a tile; without, chunks are whole rows.
    pub(crate) tile: Option<[u32; 2]>,
    /// Chunks begin with the bottom row.
    pub(crate) bottom_up: bool,
    /// The place of the stored pixels.
    pub(crate) data: ExrWindow,
    /// The place of the picture that is to be shown, which may be smaller or larger.
    pub(crate) display: ExrWindow,
    /// All attributes in the order of the file. Those that describe the pixels are written anew.
    pub(crate) attributes: Vec<ExrAttribute>,
}

/// A plane of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExrChannel {
    pub name: Vec<u8>,
    pub sample: SampleType,
    /// What lossy compressions ask.
    pub is_linear: bool,
    pub role: ExrRole,
}

/// What a channel is in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExrRole {
    /// All three colours.
    Gray,
    /// Red, green or blue, counted from 0.
    Color(usize),
    Alpha,
    /// The sample of this number that is neither.
    Extra(usize),
}

/// Pixels from the first corner to the last one, which belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExrWindow {
    pub min: [i32; 2],
    pub max: [i32; 2],
}

/// A named value, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExrAttribute {
    pub name: Vec<u8>,
    /// The name of its type.
    pub kind: Vec<u8>,
    pub value: Vec<u8>,
}

impl ExrLayout {
    /// Bytes of a pixel.
    pub(crate) fn pixel_bytes(&self) -> usize {
        self.channels.iter().map(|channel| channel.sample.bytes_per_sample()).sum()
    }

    /// The places of red, green, blue and white on the diagram of colours.
    pub(crate) fn chromaticities(&self) -> Option<[f32; 8]> {
        let known = (&b"chromaticities"[..], &b"chromaticities"[..]);
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|one| (&one.name[..], &one.kind[..]) == known)?;
        let (words, _) = found.value.as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        values.try_into().ok()
    }

    /// Width and height of a chunk, but for those at the edges.
    pub(crate) fn chunk_size(&self, (width, _): (u32, u32)) -> (u32, u32) {
        match self.tile {
            Some([width, height]) => (width, height),
            None => (width, self.compression.scan_lines_per_block() as u32),
        }
    }

    /// How many chunks there are across and down.
    pub(crate) fn chunks(&self, size: (u32, u32)) -> (u32, u32) {
        let (width, height) = self.chunk_size(size);
        (size.0.div_ceil(width), size.1.div_ceil(height))
    }
}

impl ExrChannel {
    /// What stands before the last dot of the name, with it.
    pub(crate) fn layer(&self) -> &[u8] {
        let dot = self.name.iter().rposition(|&byte| byte == b'.');
        &self.name[..dot.map_or(0, |dot| dot + 1)]
    }

    /// What stands after the last dot.
    pub(crate) fn own_name(&self) -> &[u8] {
        &self.name[self.layer().len()..]
    }
}

impl ExrWindow {
    /// A window of a picture that says nothing of it.
    pub(crate) fn of_size((width, height): (u32, u32)) -> Self {
        Self { min: [0, 0], max: [last(width), last(height)] }
    }

    /// Width and height; `None` if there are no pixels, or too many for a number.
    pub(crate) fn size(&self) -> Option<(u32, u32)> {
        let side = |at: usize| {
            let side = i64::from(self.max[at]) - i64::from(self.min[at]) + 1;
            u32::try_from(side).ok().filter(|side| *side > 0)
        };
        Some((side(0)?, side(1)?))
    }

    /// The four numbers as they are stored.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.min, self.max].as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// The last place of so many. Sides are checked against limits that are far below.
fn last(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX) - 1
}

/// The attributes that every file has.
pub(crate) const REQUIRED: [&[u8]; 8] = [
    b"channels",
    b"compression",
    b"dataWindow",
    b"displayWindow",
    b"lineOrder",
    b"pixelAspectRatio",
    b"screenWindowCenter",
    b"screenWindowWidth",
];

/// The number that a file has for a compression.
pub(crate) const COMPRESSIONS: [Compression; 10] = [
    Compression::Uncompressed,
    Compression::RLE,
    Compression::ZIP1,
    Compression::ZIP16,
    Compression::PIZ,
    Compression::PXR24,
    Compression::B44,
    Compression::B44A,
    Compression::DWAA(None),
    Compression::DWAB(None),
];
