//! GLB, the binary file of a glTF 2.0 model: the textures in it, and the surfaces that show them.
//!
//! The picture of a model is that of its base colours. Everything else is left alone: emission,
//! geometry, animations, and whatever extensions hold. Maps of normals and of roughness are, too,
//! but whoever paints may have them and give others for them.

mod accessors;
mod claims;
mod container;
mod decode;
mod document;
mod images;
mod maps;
mod mesh;
mod named;
mod nodes;
mod pack;
mod rebuild;
mod text;
mod textures;
mod twins;
mod uses;

use std::error::Error;
use std::io::{Cursor, Read, Seek};

use impasto_types::ContainerFormat;

pub(crate) use container::Container;
pub(crate) use decode::{check, decode, decode_texture};
pub(crate) use maps::{maps, with_images};
pub(crate) use mesh::model;
pub(crate) use named::surface;
pub(crate) use rebuild::{Replacements, rebuilt};
pub(crate) use text::{alone, files, gather, scatter};
pub(crate) use textures::{AlphaUse, Painted, Stored, Textures};

use crate::parts::read_part;
use crate::{AssetErrorKind, Header, Limits};
use document::Document;

/// A file, as far as its textures are concerned.
#[derive(Debug)]
pub(crate) struct Glb {
    pub container: Container,
    pub textures: Textures,
}

impl Glb {
    /// Reads the description of a file of `length` bytes, and its textures, which are taken whole
    /// though only their headers are kept.
    pub(crate) fn read<R: Read + Seek>(
        reader: &mut R,
        length: u64,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let container = Container::read(reader, length)?;
        let document = Document::parse(&container.json)?;
        let bin = container.bin_at.clone().unwrap_or(0..0);
        let read = |range: &std::ops::Range<u64>| {
            read_part(reader, length, bin.start + range.start, range.end - range.start)
        };
        let textures = Textures::read(&document, container.bin_bytes(), read, limits)?;
        Ok(Self { container, textures })
    }

    /// The bytes of a texture's file.
    pub(crate) fn bytes_of<'a>(
        &self,
        file: &'a [u8],
        stored: &Stored,
    ) -> Result<&'a [u8], AssetErrorKind> {
        self.container.part(file, &stored.range)
    }
}

/// Reads the header of a file of `length` bytes.
pub(crate) fn header<R: Read + Seek>(
    mut reader: R,
    length: u64,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    match Glb::read(&mut reader, length, limits) {
        Ok(glb) => Ok(glb.textures.header()),
        Err(kind) if kind.is_without_textures() => Ok(Textures::default().header()),
        Err(kind) => Err(kind),
    }
}

/// The header of a model that is text, without the files that it names.
pub(crate) fn header_of_text(bytes: &[u8], limits: &Limits) -> Result<Header, AssetErrorKind> {
    let glb = alone(bytes)?;
    let header = header(Cursor::new(&*glb), glb.len() as u64, limits)?;
    Ok(Header { format: ContainerFormat::Gltf, ..header })
}

/// Whether a model's bytes are text.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.starts_with(b"glTF")
}

fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Glb, what: what.into() }
}

fn damaged(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Glb, what.into())
}

fn damaged_by(error: impl Error + Send + Sync + 'static) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Glb, error)
}

/// What keeps a model from being written.
fn failed(what: impl Into<Box<dyn Error + Send + Sync>>) -> AssetErrorKind {
    AssetErrorKind::Encode { format: ContainerFormat::Glb, source: what.into() }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, SeekFrom};
    use std::ops::Range;

    use super::*;
    use crate::{Depth, Origin, Picture, encode};

    /// A file of which some bytes may not be read.
    struct Guarded {
        file: Cursor<Vec<u8>>,
        forbidden: Range<u64>,
    }

    impl Read for Guarded {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let start = self.file.position();
            let read = self.file.read(buffer)?;
            let is_apart =
                start + read as u64 <= self.forbidden.start || start >= self.forbidden.end;
            assert!(is_apart, "{start} and {read} bytes");
            Ok(read)
        }
    }

    impl Seek for Guarded {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn a_header_is_read_without_the_geometry() {
        let picture = Picture {
            width: 2,
            height: 3,
            rgb: vec![9.0; 18],
            alpha: None,
            extra: Vec::new(),
            origin: Origin::synthetic("a", ContainerFormat::Png),
        };
        let output = impasto_types::OutputSpec {
            part: impasto_types::Part::Color,
            format: ContainerFormat::Png,
            quality: 90,
        };
        let texture = encode(&picture, output).expect("it encodes");
        // More geometry than a reader's buffer holds, and the texture after it.
        let geometry = 40_000;
        let mut json = format!(
            r#"{{"buffers":[{{"byteLength":{}}}],"bufferViews":[{{"buffer":0,
            "byteOffset":{geometry},"byteLength":{}}}],"images":[{{"bufferView":0}}],
            "textures":[{{"source":0}}],
            "materials":[{{"pbrMetallicRoughness":{{"baseColorTexture":{{"index":0}}}}}}]}}"#,
            geometry + texture.len(),
            texture.len()
        );
        json.push_str(&" ".repeat(json.len().next_multiple_of(4) - json.len()));
        let bin = [&vec![0; geometry][..], &texture].concat();
        let mut file = b"glTF\x02\0\0\0".to_vec();
        file.extend((28 + json.len() as u32 + bin.len() as u32).to_le_bytes());
        for (kind, content) in [(b"JSON", json.as_bytes()), (b"BIN\0", &bin[..])] {
            file.extend((content.len() as u32).to_le_bytes());
            file.extend(kind);
            file.extend(content);
        }
        let (length, start) = (file.len() as u64, 28 + json.len() as u64);
        // A buffered reader reads ahead of what it is asked for.
        let forbidden = start + 8192..start + geometry as u64;
        let reader = BufReader::new(Guarded { file: Cursor::new(file), forbidden });
        let header = header(reader, length, &Limits::default()).expect("it has a header");
        assert_eq!((header.width, header.height, header.depth), (2, 3, Depth::Eight));
        assert_eq!(header.largest, Some(3));
    }
}
