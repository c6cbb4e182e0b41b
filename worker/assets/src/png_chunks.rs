//! What a PNG says beside its pixels. Only the chunks' heads and the short chunks are read.

use std::io::{BufRead, Read, Seek, SeekFrom};

use impasto_types::{ContainerFormat, FileTrait};

use crate::exif::{EXIF_BYTES, Exif};
use crate::metadata::Metadata;
use crate::png_color::PngColor;
use crate::{AssetErrorKind, Density};

/// Keywords of text that says who made the picture or who may use it, in lower case.
const RIGHTS: [&[u8]; 12] = [
    b"author",
    b"artist",
    b"creator",
    b"copyright",
    b"license",
    b"licence",
    b"disclaimer",
    b"xml:com.adobe.xmp",
    b"raw profile type xmp",
    b"raw profile type iptc",
    b"raw profile type 8bim",
    b"raw profile type exif",
];

/// PNG's own limit on a keyword, with the zero after it.
const KEYWORD_BYTES: u64 = 80;

/// Reads the chunks of a PNG file. Damaged ones count as absent.
///
/// # Errors
/// If the file has more than one frame.
pub(crate) fn read_metadata<R: BufRead + Seek>(reader: &mut R) -> Result<Metadata, AssetErrorKind> {
    let mut walk = Walk::default();
    // A file that ends early is reported when its pixels are decoded.
    let _ = walk.run(reader);
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
}

impl Walk {
    fn run<R: BufRead + Seek>(&mut self, reader: &mut R) -> std::io::Result<()> {
        const SIGNATURE_BYTES: u64 = 8;
        const CHECKSUM_BYTES: u64 = 4;
        let mut at = SIGNATURE_BYTES;
        loop {
            reader.seek(SeekFrom::Start(at))?;
            let mut head = [0; 8];
            reader.read_exact(&mut head)?;
            let [l0, l1, l2, l3, name @ ..] = head;
            let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
            let content = |reader: &mut R, most: u64| {
                let mut content = Vec::new();
                reader.by_ref().take(length.min(most)).read_to_end(&mut content)?;
                std::io::Result::Ok(content)
            };
            match &name {
                b"IEND" => return Ok(()),
                b"IDAT" => self.has_pixels = true,
                b"eXIf" => self.exif(&content(reader, EXIF_BYTES)?),
                b"tEXt" | b"zTXt" | b"iTXt" => self.text(&content(reader, KEYWORD_BYTES)?),
                _ => self.short(&name, &content(reader, 32)?),
            }
            at += 8 + length + CHECKSUM_BYTES;
        }
    }

    fn exif(&mut self, content: &[u8]) {
        let Exif { orientation, rights } = Exif::parse(content);
        self.metadata.orientation = orientation;
        self.metadata.add(FileTrait::Rights, rights);
    }

    fn text(&mut self, content: &[u8]) {
        let keyword = content.split(|&byte| byte == 0).next().unwrap_or_default();
        let keyword = keyword.to_ascii_lowercase();
        self.metadata.add(FileTrait::Rights, RIGHTS.contains(&keyword.as_slice()));
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
            b"pHYs" => self.metadata.density = density(content),
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

fn density(content: &[u8]) -> Option<Density> {
    const PER_METRE: u8 = 1;
    let [x0, x1, x2, x3, y0, y1, y2, y3, PER_METRE] = *content else { return None };
    let (x, y) = (u32::from_be_bytes([x0, x1, x2, x3]), u32::from_be_bytes([y0, y1, y2, y3]));
    Density { x: f64::from(x), y: f64::from(y) }.checked()
}
