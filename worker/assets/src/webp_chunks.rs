//! What a WebP file says beside its pixels, in chunks.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use impasto_types::{ContainerFormat, FileTrait};

use crate::AssetErrorKind;
use crate::exif::{EXIF_BYTES, Exif};
use crate::metadata::Metadata;
use crate::notes::{Note, Notes};

const FILE_HEAD_BYTES: u64 = 12;
const CHUNK_HEAD_BYTES: u64 = 8;
const XMP: &[u8; 4] = b"XMP ";

/// Reads the chunks of a WebP file. Damaged ones count as absent.
///
/// # Errors
/// If the file is an animation.
pub(crate) fn read_metadata<R: BufRead + Seek>(reader: &mut R) -> Result<Metadata, AssetErrorKind> {
    let (mut metadata, mut frames) = (Metadata::default(), 0_u32);
    // A file that ends early is refused when its pixels are decoded.
    let _ = walk(reader, &mut metadata, &mut frames);
    let format = ContainerFormat::Webp;
    match frames {
        0 => Ok(metadata),
        // The decoder lays a frame over the background and rounds: levels would be lost.
        1 => {
            let what = "an animation of one frame".to_owned();
            Err(AssetErrorKind::NotSupported { format, what })
        }
        _ => Err(AssetErrorKind::SeveralFrames { format, frames }),
    }
}

fn walk<R: BufRead + Seek>(
    reader: &mut R,
    metadata: &mut Metadata,
    frames: &mut u32,
) -> io::Result<()> {
    let mut at = FILE_HEAD_BYTES;
    loop {
        reader.seek(SeekFrom::Start(at))?;
        let mut head = [0; CHUNK_HEAD_BYTES as usize];
        reader.read_exact(&mut head)?;
        let [n0, n1, n2, n3, length @ ..] = head;
        let length = u64::from(u32::from_le_bytes(length));
        match &[n0, n1, n2, n3] {
            b"VP8 " => metadata.add(FileTrait::Lossy, true),
            b"ANMF" => *frames += 1,
            b"ICCP" => metadata.add(FileTrait::Icc, true),
            // Content credentials, whose signature is of the old pixels.
            b"C2PA" => metadata.add(FileTrait::Credentials, true),
            XMP if !metadata.notes.may_add(length) => metadata.add(FileTrait::Rights, true),
            name @ XMP => {
                let mut content = Vec::new();
                reader.by_ref().take(length).read_to_end(&mut content)?;
                if content.len() as u64 == length {
                    metadata.add_note(Note::Chunk { name: *name, content });
                }
            }
            b"EXIF" => {
                let mut content = Vec::new();
                reader.by_ref().take(length.min(EXIF_BYTES)).read_to_end(&mut content)?;
                metadata.add_exif(Exif::parse(&content));
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        at += CHUNK_HEAD_BYTES + length + length % 2;
    }
}

/// Refuses a file of which a chunk is longer than the file: its decoder would accept it.
pub(crate) fn check_whole(bytes: &[u8]) -> Result<(), AssetErrorKind> {
    if chunks_fit(bytes) { Ok(()) } else { Err(AssetErrorKind::Truncated) }
}

fn chunks_fit(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.get(12..) else { return false };
    let announced = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    if announced.saturating_add(8) > bytes.len() {
        return false;
    }
    while let [_, _, _, _, a, b, c, d, chunk @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        if length > chunk.len() {
            return false;
        }
        // Chunks are padded to even lengths; the padding of the last one may be missing.
        rest = chunk.get(length + length % 2..).unwrap_or_default();
    }
    true
}

/// A file of this crate's encoder with text, which only an extended file has: one with a chunk that
/// says what else it holds.
pub(crate) fn with_notes(
    file: Vec<u8>,
    notes: &Notes,
    (width, height): (u32, u32),
    has_alpha: bool,
) -> Vec<u8> {
    const EXTENDED: &[u8; 4] = b"VP8X";
    const HAS_XMP: u8 = 1 << 2;
    const HAS_ALPHA: u8 = 1 << 4;
    if notes.parts.is_empty() {
        return file;
    }
    let mut chunks = file.get(FILE_HEAD_BYTES as usize..).unwrap_or_default().to_vec();
    if !chunks.starts_with(EXTENDED) {
        let flags = if has_alpha { HAS_ALPHA } else { 0 };
        // Sides are stored less one, in three bytes.
        let side = |pixels: u32| pixels.saturating_sub(1).to_le_bytes();
        let head = [&[flags, 0, 0, 0], &side(width)[..3], &side(height)[..3]].concat();
        chunks = [chunk(EXTENDED, &head), chunks].concat();
    }
    if let Some(flags) = chunks.get_mut(CHUNK_HEAD_BYTES as usize) {
        *flags |= HAS_XMP;
    }
    for note in &notes.parts {
        if let Note::Chunk { name, content } = note {
            chunks.extend(chunk(name, content));
        }
    }
    // Far below 4 GiB: pixels of at most 16383 a side, and text within its limit.
    let length = (chunks.len() + 4) as u32;
    [&b"RIFF"[..], &length.to_le_bytes(), b"WEBP", &chunks].concat()
}

/// A chunk, padded to an even length.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [&name[..], &length, content, padding].concat()
}
