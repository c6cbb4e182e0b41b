//! How a Photoshop document stores its picture, and what it holds beside it.

/// How a Photoshop document is stored, so that a result is stored so too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PsdLayout {
    /// A large document (PSB).
    pub(crate) large: bool,
    pub(crate) packing: PsdPacking,
    /// Colours are blended with white as far as they are transparent; otherwise they are straight.
    pub(crate) is_blended: bool,
    /// White has been taken out of the picture's colours.
    pub(crate) has_lost_white: bool,
    /// The size of the file's picture.
    pub(crate) size: (u32, u32),
    /// Whether the file has transparency, and how many channels beside it that are no colours.
    pub(crate) channels: (bool, usize),
    /// The resource of the resolution, which says in which unit to show it.
    pub(crate) resolution: Option<Vec<u8>>,
    pub(crate) resources: Vec<PsdResource>,
    /// The name of the only layer.
    pub(crate) layer: Option<PsdLayerName>,
}

/// How samples are packed; the numbers are the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PsdPacking {
    None = 0,
    /// Each row by itself, with its length in a table.
    PackBits = 1,
    Zip = 2,
    /// Differences to the sample before, by Deflate.
    ZipOfDifferences = 3,
}

/// Image resources that a result has too, all of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PsdResource {
    pub bytes: Vec<u8>,
    pub truth: PsdTruth,
}

/// Of which results resources are true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PsdTruth {
    Always,
    /// It names places of the picture in pixels.
    AtItsSize,
    /// It describes the channels that are no colours.
    WithItsChannels,
}

/// A layer's name, twice: in the program's old encoding, and in UTF-16.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PsdLayerName {
    /// At most 255 bytes.
    pub old: Vec<u8>,
    /// With its length in front of it.
    pub unicode: Option<Vec<u8>>,
}

/// Photoshop's limits of a document that is not large, and of all documents.
pub(crate) const PSD_SIDE: u32 = 30_000;
pub(crate) const MOST_CHANNELS: usize = 56;

/// The numbers of image resources that are read or made here.
pub(crate) mod id {
    pub(crate) const RESOLUTION: u16 = 1005;
    pub(crate) const CHANNEL_NAMES: u16 = 1006;
    pub(crate) const ICC_PROFILE: u16 = 1039;
    pub(crate) const UNICODE_CHANNEL_NAMES: u16 = 1045;
    pub(crate) const TRANSPARENT_INDEX: u16 = 1047;
    pub(crate) const CHANNEL_IDS: u16 = 1053;
    pub(crate) const VERSION: u16 = 1057;
    pub(crate) const EXIF: u16 = 1058;
}

/// Keys of blocks with lengths of eight bytes in large documents, whatever their signature.
const LONG_BLOCKS: [&[u8; 4]; 21] = [
    b"LMsk", b"Lr16", b"Lr32", b"Layr", b"Mt16", b"Mt32", b"Mtrn", b"Alph", b"FMsk", b"lnk2",
    b"FEid", b"FXid", b"PxSD", b"cinf", b"lnk3", b"lnkE", b"FELS", b"pths", b"extd", b"extn",
    b"artd",
];

impl PsdLayout {
    /// What it takes of memory beside itself.
    pub(crate) fn bytes(&self) -> u64 {
        let resources = self.resources.iter().map(|one| one.bytes.len()).sum::<usize>();
        let names = self
            .layer
            .iter()
            .map(|name| name.old.len() + name.unicode.as_ref().map_or(0, Vec::len));
        (resources + names.sum::<usize>()) as u64
    }

    /// Whether the length of a block has eight bytes in a large document.
    pub(crate) fn is_long(key: [u8; 4]) -> bool {
        LONG_BLOCKS.contains(&&key)
    }
}

impl PsdPacking {
    pub(crate) fn of(code: u16) -> Option<Self> {
        [Self::None, Self::PackBits, Self::Zip, Self::ZipOfDifferences]
            .into_iter()
            .find(|packing| *packing as u16 == code)
    }
}

/// Transparency of which nothing is seen: by less, colours cannot be told from white in floats.
pub(crate) const LEAST_ALPHA: f32 = 1e-6;

/// A level blended with white as far as it is transparent.
pub(crate) fn with_white(level: f32, alpha: f32) -> f32 {
    let alpha = alpha.clamp(0.0, 1.0);
    level * alpha + 255.0 * (1.0 - alpha)
}

/// A level without the white that is blended with it. Where there is nothing but white it stays.
pub(crate) fn without_white(level: f32, alpha: f32) -> f32 {
    if !(LEAST_ALPHA..1.0).contains(&alpha) {
        return level;
    }
    // Where little is seen, floats of 32 bits would leave few levels.
    let (level, alpha) = (f64::from(level), f64::from(alpha));
    let own = (level - 255.0 * (1.0 - alpha)) / alpha;
    (own as f32).clamp(f32::MIN, f32::MAX)
}

/// The density of a resolution: numbers of 16 bits and 16 after the point, in pixels per inch,
/// whatever the unit in which it is shown.
pub(crate) fn dpi(resolution: &[u8]) -> Option<(f64, f64)> {
    let side = |at: usize| {
        let fixed = resolution.get(at..)?.first_chunk()?;
        Some(f64::from(u32::from_be_bytes(*fixed)) / 65_536.0)
    };
    Some((side(0)?, side(8)?))
}
