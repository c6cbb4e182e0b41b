//! What a TIFF page says beside its pixels.

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, FileTrait, FileTraits};

use super::directory::{Directory, Entry, File, tag};
use super::kind::{JPEG, Kind, Model};
use crate::color::describes;
use crate::density::{Density, PixelAspect};
use crate::jpeg::has_iptc;
use crate::limits::METADATA_BYTES;
use crate::notes::{Note, Notes};
use crate::{AlphaKind, Header, Orientation};

/// Tags that the picture does not depend on. An unreadable one counts as absent.
#[derive(Debug)]
pub(super) struct Metadata {
    pub icc: Option<Vec<u8>>,
    pub density: Option<Density>,
    pub aspect: Option<PixelAspect>,
    pub orientation: Orientation,
    pub notes: Notes,
    /// There is text on authors or rights beside the notes.
    has_other_rights: bool,
    has_credentials: bool,
}

/// Profiles of printers have some megabytes.
const MAX_PROFILE_BYTES: u64 = 64 << 20;

/// Tags of text, in the order of their numbers: document, description, make, model, page, software,
/// date, artist, host, XMP, copyright, IPTC; and title, comment, author, keywords and subject, as
/// Windows writes them.
const TEXT: [u16; 17] = [
    269,
    270,
    271,
    272,
    285,
    305,
    306,
    315,
    316,
    tag::XMP,
    33_432,
    tag::IPTC,
    40_091,
    40_092,
    40_093,
    40_094,
    40_095,
];
/// What EXIF's directory says in words: the user's comment, owner, title, photographer, editor.
const EXIF_TEXT: [u16; 5] = [0x9286, 0xa430, 0xa436, 0xa437, 0xa438];

impl Metadata {
    pub(super) fn of<R: Read + Seek>(file: &mut File<R>, page: &Directory, kind: &Kind) -> Self {
        let icc = file.bytes(page, tag::ICC_PROFILE, MAX_PROFILE_BYTES).ok().flatten();
        let mut notes = Notes::default();
        let mut lost = false;
        for entry in TEXT.into_iter().filter_map(|tag| page.entry(tag)) {
            lost |= !add(&mut notes, file, entry);
        }
        let (density, aspect) = dimensions(file, page).unwrap_or_default();
        Self {
            icc: icc.filter(|icc| describes(icc, kind.color())),
            density,
            aspect,
            orientation: orientation(file, page),
            has_other_rights: lost || has_exif_text(file, page) || has_more_iptc(file, page),
            has_credentials: page.entry(tag::CREDENTIALS).is_some(),
            notes,
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
            .with(FileTrait::PixelAspect, self.aspect.is_some_and(|aspect| !aspect.is_square()))
            .with(FileTrait::Text, !self.notes.is_empty())
            .with(FileTrait::Rights, self.has_other_rights)
            .with(FileTrait::Credentials, self.has_credentials)
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
            sheet: None,
            layers: 0,
        }
    }
}

fn orientation<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> Orientation {
    let code = file.first(page, tag::ORIENTATION).ok().flatten();
    code.and_then(|code| Orientation::from_exif(code.try_into().ok()?)).unwrap_or_default()
}

/// Adds a tag's text, if it says something; false if it cannot be kept.
fn add<R: Read + Seek>(notes: &mut Notes, file: &mut File<R>, entry: &Entry) -> bool {
    const UNDEFINED: u16 = 7;
    let bytes = entry.count.saturating_mul(entry.value_bytes());
    if bytes == 0 || !notes.may_add(bytes) {
        return entry.count == 0;
    }
    let Ok(value) = file.value(entry, entry.count) else { return false };
    if value.iter().all(|&byte| byte == 0) {
        return true;
    }
    // Programs write IPTC as larger numbers, too, and mean the bytes as they are in the file.
    let kind = if entry.value_bytes() == 1 { entry.kind } else { UNDEFINED };
    notes.add(Note::Tag { tag: entry.tag, kind, value })
}

/// Whether EXIF's own directory, which a result has not, says something in words.
fn has_exif_text<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> bool {
    let Ok(Some(at)) = file.first(page, tag::EXIF_DIRECTORY) else { return false };
    let exif = file.directory(at);
    exif.is_ok_and(|exif| EXIF_TEXT.into_iter().any(|tag| exif.entry(tag).is_some()))
}

/// Whether only Photoshop's resources hold IPTC.
fn has_more_iptc<R: Read + Seek>(file: &mut File<R>, page: &Directory) -> bool {
    if page.entry(tag::IPTC).is_some() {
        return false;
    }
    let resources = file.bytes(page, tag::PHOTOSHOP, METADATA_BYTES).ok().flatten();
    resources.is_some_and(|resources| has_iptc(&resources))
}

/// A density, or only the shape of pixels.
fn dimensions<R: Read + Seek>(
    file: &mut File<R>,
    page: &Directory,
) -> Option<(Option<Density>, Option<PixelAspect>)> {
    const NONE: u64 = 1;
    const INCH: u64 = 2;
    const CENTIMETRE: u64 = 3;
    let x = *file.fractions(page, tag::X_RESOLUTION).ok()?.first()?;
    let y = *file.fractions(page, tag::Y_RESOLUTION).ok()?.first()?;
    Some(match file.first(page, tag::RESOLUTION_UNIT).ok()?.unwrap_or(INCH) {
        NONE => (None, PixelAspect { x, y }.checked().and_then(PixelAspect::unusual)),
        INCH => (Density::from_dpi(x, y).checked(), None),
        CENTIMETRE => (Density { x: x * 100.0, y: y * 100.0 }.checked(), None),
        _ => (None, None),
    })
}
