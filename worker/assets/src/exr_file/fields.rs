//! What the attributes of an EXR file say, checked.

use std::io::Read;

use exr::compression::Compression;

use super::attributes::Head;
use super::{channels, damaged, unsupported};
use crate::exr_layout::{COMPRESSIONS, ExrAttribute, ExrLayout, ExrRole, ExrWindow, REQUIRED};
use crate::{AssetErrorKind, Color, Limits};

#[derive(Debug)]
pub(super) struct Fields {
    pub width: u32,
    pub height: u32,
    pub layout: ExrLayout,
    /// Where the table of chunks is.
    pub table: u64,
}

/// Samples of a common pixel, of which [`Limits::max_pixels`] are read.
const COMMON_SAMPLES: u64 = 4;

impl Fields {
    /// Reads them from the start of a file of `length` bytes.
    pub(super) fn read(
        reader: impl Read,
        length: u64,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let Head { is_tiled, attributes, bytes } = Head::read(reader, length)?;
        let find = |name: &[u8], kind: &[u8]| value(&attributes, name, kind);
        let byte = |name: &[u8], kind: &[u8]| {
            find(name, kind)?.first().copied().ok_or_else(|| damaged("an attribute is empty"))
        };

        let data = window(find(b"dataWindow", b"box2i")?)?;
        let display = window(find(b"displayWindow", b"box2i")?)?;
        let (width, height) = data.size().ok_or_else(|| damaged("it has no pixels"))?;
        limits.check(width, height)?;

        let channels = channels::read(find(b"channels", b"chlist")?)?;
        let samples = channels.len() as u64;
        if u64::from(width) * u64::from(height) * samples > limits.max_pixels * COMMON_SAMPLES {
            return Err(unsupported(format!(
                "{samples} channels in each of {width} x {height} pixels"
            )));
        }
        let compression = compression(byte(b"compression", b"compression")?)?;
        let bottom_up = match byte(b"lineOrder", b"lineOrder")? {
            0 | 2 => false,
            1 => true,
            _ => return Err(damaged("its order of rows is unknown")),
        };
        let tile = is_tiled.then(|| tile(find(b"tiles", b"tiledesc")?)).transpose()?;
        let layout =
            ExrLayout { channels, compression, tile, bottom_up, data, display, attributes };
        Ok(Self { width, height, layout, table: bytes })
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn color(&self) -> Color {
        if self.has(|role| role == ExrRole::Gray) { Color::Gray } else { Color::Rgb }
    }

    pub(super) fn has_alpha(&self) -> bool {
        self.has(|role| role == ExrRole::Alpha)
    }

    fn has(&self, is: impl Fn(ExrRole) -> bool) -> bool {
        self.layout.channels.iter().any(|channel| is(channel.role))
    }

    /// How many channels are neither colour nor alpha.
    pub(super) fn extra(&self) -> u32 {
        let is_extra = |role| matches!(role, ExrRole::Extra(_));
        // Their number is bounded by that of the pixels.
        self.layout.channels.iter().filter(|channel| is_extra(channel.role)).count() as u32
    }

    /// Whether the compression loses a part of what these channels hold.
    pub(super) fn is_lossy(&self) -> bool {
        let mut channels = self.layout.channels.iter();
        channels.any(|channel| !self.layout.compression.is_lossless_for(channel.sample))
    }

    /// Whether the file says more than its pixels.
    pub(super) fn says_more(&self) -> bool {
        let structure = |name: &[u8]| REQUIRED.contains(&name) || name == b"tiles";
        let mut names = self.layout.attributes.iter().map(|attribute| &attribute.name[..]);
        self.layout.data != self.layout.display || names.any(|name| !structure(name))
    }
}

fn value<'a>(
    attributes: &'a [ExrAttribute],
    name: &[u8],
    kind: &[u8],
) -> Result<&'a [u8], AssetErrorKind> {
    let found = attributes.iter().find(|attribute| attribute.name == name);
    match found {
        Some(attribute) if attribute.kind == kind => Ok(&attribute.value),
        Some(_) => Err(damaged("an attribute has another type")),
        None => Err(damaged("an attribute is missing")),
    }
}

fn words<const N: usize>(value: &[u8]) -> Result<[i32; N], AssetErrorKind> {
    let (words, rest) = value.as_chunks::<4>();
    let words = words.iter().map(|word| i32::from_le_bytes(*word)).collect::<Vec<_>>();
    match (words.try_into(), rest) {
        (Ok(words), []) => Ok(words),
        _ => Err(damaged("an attribute has another size")),
    }
}

fn window(value: &[u8]) -> Result<ExrWindow, AssetErrorKind> {
    let [left, top, right, bottom] = words(value)?;
    // What OpenEXR writes lies within these, and a scaled window has room.
    let most = i32::MAX / 2;
    if [left, top, right, bottom].iter().any(|side| !(-most..=most).contains(side)) {
        return Err(damaged("a window lies too far out"));
    }
    Ok(ExrWindow { min: [left, top], max: [right, bottom] })
}

fn compression(code: u8) -> Result<Compression, AssetErrorKind> {
    COMPRESSIONS.get(usize::from(code)).copied().ok_or_else(|| {
        unsupported(match code {
            10 | 11 => "HTJ2K compression".to_owned(),
            _ => format!("compression {code}"),
        })
    })
}

/// Width and height of a tile.
fn tile(value: &[u8]) -> Result<[u32; 2], AssetErrorKind> {
    let (sides, mode) = value.split_at_checked(8).ok_or_else(|| damaged("a tile has no size"))?;
    let sides: [i32; 2] = words(sides)?;
    match mode {
        [mode] if mode & 15 == 0 => {}
        [mode] if mode & 15 == 1 => return Err(unsupported("mips")),
        [mode] if mode & 15 == 2 => return Err(unsupported("rip maps")),
        _ => return Err(damaged("its levels are unknown")),
    }
    match sides.map(u32::try_from) {
        [Ok(width), Ok(height)] if width > 0 && height > 0 => Ok([width, height]),
        _ => Err(damaged("a tile has no size")),
    }
}
