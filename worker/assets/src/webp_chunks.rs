//! What a WebP file says beside its pixels, by the heads of its chunks.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use impasto_types::{ContainerFormat, FileTrait};

use crate::AssetErrorKind;
use crate::exif::{EXIF_BYTES, Exif};
use crate::metadata::Metadata;

const FILE_HEAD_BYTES: u64 = 12;
const CHUNK_HEAD_BYTES: u64 = 8;

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
            b"XMP " => metadata.add(FileTrait::Rights, true),
            b"EXIF" => {
                let mut content = Vec::new();
                reader.by_ref().take(length.min(EXIF_BYTES)).read_to_end(&mut content)?;
                let Exif { orientation, rights } = Exif::parse(&content);
                metadata.orientation = orientation;
                metadata.add(FileTrait::Rights, rights);
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
