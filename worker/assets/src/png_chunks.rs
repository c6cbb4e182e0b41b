//! What a PNG says beside its pixels. Only the chunks' heads, text and the short chunks are read.

use std::io::{BufRead, Read, Seek, SeekFrom};

use impasto_types::{ContainerFormat, FileTrait};

use crate::density::PixelAspect;
use crate::exif::{EXIF_BYTES, Exif};
use crate::metadata::Metadata;
use crate::notes::Note;
use crate::png_color::PngColor;
use crate::{AssetErrorKind, Density};

const CHECKSUM_BYTES: u64 = 4;

/// Reads the chunks of a PNG file. Damaged ones count as absent.
///
/// # Errors
/// If the file has more than one frame, or another end than a PNG.
pub(crate) fn read_metadata<R: BufRead + Seek>(reader: &mut R) -> Result<Metadata, AssetErrorKind> {
    let mut walk = Walk::default();
    // A file that ends early is reported when its pixels are decoded.
    let _ = walk.run(reader);
    if walk.has_content_at_end {
        return Err(AssetErrorKind::damaged(ContainerFormat::Png, "its end has content"));
    }
    match walk.pictures() {
        0 | 1 => Ok(walk.finish()),
        frames => Err(AssetErrorKind::SeveralFrames { format: ContainerFormat::Png, frames }),
    }
}

#[derive(Debug, Default)]
struct Walk {
    metadata: Metadata,
    color: PngColor,
    has_pixels: bool,
    /// The number of frames that the animation announces.
    announced: Option<u32>,
    frames: u32,
    /// Whether the picture that a program without animation shows is a frame.
    shows_first_frame: bool,
    /// Whether the last chunk, which has no content, has some.
    has_content_at_end: bool,
}

impl Walk {
    fn run<R: BufRead + Seek>(&mut self, reader: &mut R) -> std::io::Result<()> {
        const SIGNATURE_BYTES: u64 = 8;
        let mut at = SIGNATURE_BYTES;
        loop {
            reader.seek(SeekFrom::Start(at))?;
            let mut head = [0; 8];
            reader.read_exact(&mut head)?;
            let [l0, l1, l2, l3, name @ ..] = head;
            let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
            let content = |reader: &mut R, most: u64| {
                let mut content = Vec::new();
                reader.by_ref().take(most).read_to_end(&mut content)?;
                std::io::Result::Ok(content)
            };
            match &name {
                b"IEND" => {
                    self.has_content_at_end = length > 0;
                    return Ok(());
                }
                b"IDAT" => self.has_pixels = true,
                b"eXIf" => {
                    let exif = Exif::parse(&content(reader, length.min(EXIF_BYTES))?);
                    self.metadata.add_exif(exif);
                }
                // Content credentials, whose signature is of the old pixels.
                b"caBX" => self.metadata.add(FileTrait::Credentials, true),
                b"tEXt" | b"zTXt" | b"iTXt" if !self.metadata.notes.may_add(length) => {
                    self.metadata.add(FileTrait::Rights, true);
                }
                b"tEXt" | b"zTXt" | b"iTXt" => {
                    self.text(name, content(reader, length + CHECKSUM_BYTES)?);
                }
                _ => self.short(&name, &content(reader, length.min(32))?),
            }
            at += 8 + length + CHECKSUM_BYTES;
        }
    }

    /// A chunk of text, of which `content` has the checksum at its end.
    fn text(&mut self, name: [u8; 4], mut content: Vec<u8>) {
        let Some(&checksum) = content.last_chunk::<4>() else { return };
        content.truncate(content.len() - checksum.len());
        let mut found = flate2::Crc::new();
        found.update(&name);
        found.update(&content);
        if found.sum() == u32::from_be_bytes(checksum) {
            self.metadata.add_note(Note::Chunk { name, content });
        }
    }

    /// Chunks of at most 32 bytes.
    fn short(&mut self, name: &[u8; 4], content: &[u8]) {
        let color = &mut self.color;
        match name {
            b"IHDR" => {
                if let [.., depth, kind, _, _, _] = content {
                    self.metadata.add(FileTrait::Palette, *kind == 3);
                    self.metadata.add(FileTrait::LowDepth, *depth < 8);
                }
            }
            b"fcTL" => {
                self.frames += 1;
                self.shows_first_frame |= !self.has_pixels;
            }
            // The others describe the pixels only if they precede them.
            _ if self.has_pixels => {}
            b"acTL" => {
                let count = content.first_chunk().map(|&count| u32::from_be_bytes(count));
                self.announced = self.announced.or(count);
            }
            b"iCCP" => self.metadata.add(FileTrait::Icc, true),
            b"pHYs" => (self.metadata.density, self.metadata.aspect) = dimensions(content),
            b"cICP" => color.cicp = color.cicp.or(content.try_into().ok()),
            b"mDCV" => color.mdcv = color.mdcv.or(content.try_into().ok()),
            b"cLLI" => color.clli = color.clli.or(content.try_into().ok()),
            b"sRGB" => color.srgb = color.srgb.or(content.try_into().ok()),
            b"gAMA" => color.gama = color.gama.or(content.try_into().ok()),
            b"cHRM" => color.chrm = color.chrm.or(content.try_into().ok()),
            _ => {}
        }
    }

    /// How many different pictures the file holds.
    fn pictures(&self) -> u32 {
        match self.announced.map(|announced| announced.max(self.frames)) {
            None | Some(0) => 1,
            Some(frames) if self.shows_first_frame => frames,
            Some(frames) => frames.saturating_add(1),
        }
    }

    fn finish(mut self) -> Metadata {
        let says_something = self.color != PngColor::default();
        self.metadata.png_color = says_something.then_some(self.color);
        self.metadata.add(FileTrait::PngColor, self.color.differs_from_srgb());
        self.metadata
    }
}

/// Pixels of a metre, or their shape alone.
fn dimensions(content: &[u8]) -> (Option<Density>, Option<PixelAspect>) {
    let [x0, x1, x2, x3, y0, y1, y2, y3, unit] = *content else { return (None, None) };
    let (x, y) = (u32::from_be_bytes([x0, x1, x2, x3]), u32::from_be_bytes([y0, y1, y2, y3]));
    let (x, y) = (f64::from(x), f64::from(y));
    match unit {
        0 => (None, PixelAspect { x, y }.checked()),
        1 => (Density { x, y }.checked(), None),
        _ => (None, None),
    }
}
