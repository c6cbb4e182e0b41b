//! What a TIFF page says beside its pixels.

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, FileTrait, FileTraits};

use super::directory::{Directory, File, tag};
use super::kind::{JPEG, Kind, Model};
use crate::color::describes;
use crate::density::Density;
use crate::{AlphaKind, Header, Orientation};

/// Tags that the picture does not depend on. An unreadable one counts as absent.
#[derive(Debug)]
pub(super) struct Metadata {
    pub icc: Option<Vec<u8>>,
    pub density: Option<Density>,
    pub orientation: Orientation,
    pub artist: Option<Vec<u8>>,
    pub copyright: Option<Vec<u8>>,
    /// There are tags about authors or rights, those two or others.
    rights: bool,
}

/// Profiles of printers have some megabytes.
const MAX_PROFILE_BYTES: u64 = 64 << 20;
const MAX_TEXT_BYTES: u64 = 64 << 10;

impl Metadata {
    pub(super) fn of<R: Read + Seek>(file: &mut File<R>, page: &Directory, kind: &Kind) -> Self {
        let icc = file.bytes(page, tag::ICC_PROFILE, MAX_PROFILE_BYTES).ok().flatten();
        let mut text = |tag| {
            let text = file.bytes(page, tag, MAX_TEXT_BYTES).ok().flatten();
            text.filter(|text| text.iter().any(|&byte| byte != 0))
        };
        let (artist, copyright) = (text(tag::ARTIST), text(tag::COPYRIGHT));
        let others = [tag::XMP, tag::IPTC, tag::EXIF_DIRECTORY];
        Self {
            icc: icc.filter(|icc| describes(icc, kind.color())),
            density: density(file, page),
            orientation: orientation(file, page),
            rights: artist.is_some()
                || copyright.is_some()
                || others.into_iter().any(|tag| page.entry(tag).is_some()),
            artist,
            copyright,
        }
    }

    pub(super) fn header(&self, kind: &Kind) -> Header {
        let alpha = kind.alpha.map(|(_, alpha)| alpha);
        let planes = kind.extra.len() - usize::from(alpha.is_some());
        let traits = FileTraits::default()
            .with(FileTrait::Palette, kind.model == Model::Palette)
            .with(FileTrait::LowDepth, kind.bits < 8 && kind.model != Model::Palette)
            .with(FileTrait::Lossy, kind.compression == JPEG)
            .with(FileTrait::SubsampledChroma, kind.subsampled)
            .with(FileTrait::Cmyk, kind.model == Model::Cmyk)
            .with(FileTrait::Icc, self.icc.is_some())
            .with(FileTrait::Density, self.density.is_some())
            .with(FileTrait::Orientation, self.orientation != Orientation::Normal)
            .with(FileTrait::Rights, self.rights)
            .with(FileTrait::AssociatedAlpha, alpha == Some(AlphaKind::Associated))
            .with(FileTrait::ExtraSamples, planes > 0);
        Header {
            format: ContainerFormat::Tiff,
            width: kind.width,
            height: kind.height,
            color: kind.color(),
            alpha: alpha.is_some(),
            depth: kind.depth(),
            extra: planes as u32,
            orientation: self.orientation,
            traits,
            largest: None,
        }
    }
}

fn orientation<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> Orientation {
    let code = file.first(page, tag::ORIENTATION).ok().flatten();
    code.and_then(|code| Orientation::from_exif(code.try_into().ok()?)).unwrap_or_default()
}

fn density<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> Option<Density> {
    const INCH: u64 = 2;
    const CENTIMETRE: u64 = 3;
    let x = *file.fractions(page, tag::X_RESOLUTION).ok()?.first()?;
    let y = *file.fractions(page, tag::Y_RESOLUTION).ok()?.first()?;
    match file.first(page, tag::RESOLUTION_UNIT).ok()?.unwrap_or(INCH) {
        INCH => Density::from_dpi(x, y).checked(),
        CENTIMETRE => Density { x: x * 100.0, y: y * 100.0 }.checked(),
        _ => None,
    }
}
