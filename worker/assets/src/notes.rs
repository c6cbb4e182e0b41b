//! What a file says in words beside its pixels: title, author, rights, comments.

use crate::Orientation;
use crate::exif::ExifText;
use crate::limits::METADATA_BYTES;

/// What a file says in words beside its pixels, so that a result of the same format says it too.
/// It is copied without being interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// In the order of the file.
    pub(crate) parts: Vec<Note>,
    pub(crate) exif: ExifText,
    /// What the parts take of memory.
    taken: u64,
}

/// One of a file's places for text, as its format stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// Of a PNG or WebP file.
    Chunk { name: [u8; 4], content: Vec<u8> },
    /// Of a JPEG file, of at most [`SEGMENT_BYTES`].
    Segment { marker: u8, payload: Vec<u8> },
    /// Of a TIFF page. Values of `kind` have a byte each.
    Tag { tag: u16, kind: u16, value: Vec<u8> },
    /// An image resource of a PSD, all of its bytes.
    Resource { bytes: Vec<u8> },
}

/// What a part takes beside its content: empty ones are bounded, too.
const NOTE_BYTES: u64 = size_of::<Note>() as u64;

/// A JPEG segment's length is a number of 16 bits, which counts its own two bytes.
pub(crate) const SEGMENT_BYTES: usize = 0xffff - 2;

impl Note {
    pub(crate) fn content(&self) -> &[u8] {
        match self {
            Self::Chunk { content: bytes, .. }
            | Self::Segment { payload: bytes, .. }
            | Self::Tag { value: bytes, .. }
            | Self::Resource { bytes } => bytes,
        }
    }

    fn content_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Chunk { content: bytes, .. }
            | Self::Segment { payload: bytes, .. }
            | Self::Tag { value: bytes, .. }
            | Self::Resource { bytes } => bytes,
        }
    }
}

impl Notes {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.exif.is_empty()
    }

    /// What they take of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.taken + self.exif.bytes() as u64
    }

    /// Whether a part of so many bytes may be added.
    pub(crate) fn may_add(&self, bytes: u64) -> bool {
        self.taken.saturating_add(bytes).saturating_add(NOTE_BYTES) <= METADATA_BYTES
    }

    /// Adds a part; false if that would be more than a file may have beside its pixels, or if it
    /// holds or describes pixels that are not there any more.
    pub(crate) fn add(&mut self, note: Note) -> bool {
        let bytes = note.content().len() as u64;
        let may = self.may_add(bytes) && !tells_of_old_pixels(note.content());
        if may {
            self.taken += bytes + NOTE_BYTES;
            self.parts.push(note);
        }
        may
    }

    /// Brings what XMP says of how the picture is turned in line with a turned grid.
    pub(crate) fn turn(&mut self, orientation: Orientation) {
        let digit = b'0' + orientation.exif() as u8;
        for note in &mut self.parts {
            set_orientation(note.content_mut(), digit);
        }
    }
}

/// Whether text has a thumbnail of the picture, or tells of parts that a result does not have: more
/// XMP, a video behind the picture, a gain map.
fn tells_of_old_pixels(text: &[u8]) -> bool {
    /// EXIF as hexadecimal numbers, as ImageMagick writes it into PNGs.
    const RAW: [&[u8]; 2] = [b"Raw profile type exif", b"Raw profile type APP1"];
    const XMP: [&[u8]; 7] = [
        b"xmp:Thumbnails",
        b"xmpNote:HasExtendedXMP",
        b"GCamera:MotionPhoto",
        b"GCamera:MicroVideo",
        b"Container:Directory",
        b"hdrgm:",
        b"HDRGainMap",
    ];
    let is_xmp = || find(text, b"rdf:RDF").is_some();
    RAW.iter().any(|name| text.starts_with(name))
        || is_xmp() && XMP.iter().any(|name| find(text, name).is_some())
}

/// XMP has it as an attribute or as an element; compressed text is left alone.
fn set_orientation(xmp: &mut [u8], digit: u8) {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut at = 0;
    while let Some(found) = xmp.get(at..).and_then(|rest| find(rest, NAME)) {
        at += found + NAME.len();
        let value = match xmp.get(at..) {
            Some([b'=', b'"' | b'\'', ..]) => at + 2,
            Some([b'>', ..]) => at + 1,
            _ => continue,
        };
        if let Some(old @ b'1'..=b'8') = xmp.get_mut(value) {
            *old = digit;
        }
    }
}

/// Where `what` begins first.
pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_old_pixels_is_not_kept() {
        let add = |text: &str| {
            let payload = text.as_bytes().to_vec();
            Notes::default().add(Note::Segment { marker: 0xe1, payload })
        };
        assert!(add("<rdf:RDF dc:creator='A'/>") && add("a story about xmp:Thumbnails"));
        assert!(!add("<rdf:RDF><xmp:Thumbnails>AAAA</xmp:Thumbnails></rdf:RDF>"));
        assert!(!add("<rdf:RDF xmpNote:HasExtendedXMP='12'/>"));
        assert!(!add("Raw profile type exif\0\0"));
    }

    #[test]
    fn notes_are_bounded_however_small_they_are() {
        let mut notes = Notes::default();
        let long = Note::Segment { marker: 0xfe, payload: vec![0; METADATA_BYTES as usize / 2] };
        assert!(notes.add(long.clone()));
        assert!(!notes.add(long));
        let empty = || Note::Segment { marker: 0xfe, payload: Vec::new() };
        let count = (0..4_000_000).take_while(|_| notes.add(empty())).count();
        assert!((100_000..2_000_000).contains(&count), "{count}");
        assert_eq!((notes.parts.len(), notes.may_add(0)), (count + 1, false));
        assert!(notes.bytes() <= METADATA_BYTES);
        assert!(!notes.may_add(u64::MAX));
    }

    #[test]
    fn xmp_of_a_turned_picture_says_so() {
        let check = |before: &str, after: &str| {
            let mut notes = Notes::default();
            let content = before.as_bytes().to_vec();
            notes.parts.push(Note::Chunk { name: *b"iTXt", content });
            notes.turn(Orientation::Normal);
            assert_eq!(String::from_utf8_lossy(notes.parts[0].content()), after);
        };
        check("<x tiff:Orientation=\"6\"/>", "<x tiff:Orientation=\"1\"/>");
        check("<tiff:Orientation>8</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>");
        check("<x tiff:Orientation='3'/>", "<x tiff:Orientation='1'/>");
        for same in ["", "tiff:Orientation", "tiff:Orientation=", "tiff:Orientation=\"", "a>6"] {
            check(same, same);
        }
    }
}
