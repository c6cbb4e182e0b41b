//! Files of any format: pictures, and models, whose picture is that of their textures.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use impasto_types::ContainerFormat;

use crate::decode::decode_picture;
use crate::header::{format_of, picture_header_in};
use crate::parts::read_part;
use crate::sniff::sniff;
use crate::verify::verify_picture;
use crate::{AssetError, AssetErrorKind, Header, Limits, Picture, glb_file};

/// Reads the header of a file's bytes. `name` is used in errors; its extension must agree with the
/// content. A model without textures of its own has a picture of 0 x 0 pixels.
pub fn read_header(bytes: &[u8], name: &str, limits: &Limits) -> Result<Header, AssetError> {
    header(Cursor::new(bytes), bytes.len() as u64, name, limits).map_err(|kind| kind.of(name))
}

/// Reads the header of a file, and no more of the file than its format requires: no pixels.
pub fn header_of_path(path: &Path, limits: &Limits) -> Result<Header, AssetError> {
    let name = path.display().to_string();
    let open = || {
        let file = File::open(path).map_err(AssetErrorKind::Read)?;
        let length = file.metadata().map_err(AssetErrorKind::Read)?.len();
        header(BufReader::new(file), length, &name, limits)
    };
    open().map_err(|kind: AssetErrorKind| kind.of(&name))
}

fn header<R: BufRead + Seek>(
    mut reader: R,
    length: u64,
    name: &str,
    limits: &Limits,
) -> Result<Header, AssetErrorKind> {
    limits.check_file(length)?;
    match format_of(&mut reader, name)? {
        ContainerFormat::Glb => glb_file::header(reader, length, limits),
        ContainerFormat::Gltf => {
            let bytes = read_part(&mut reader, length, 0, length)?;
            glb_file::header_of_text(&bytes, limits)
        }
        format => picture_header_in(format, reader, length, limits),
    }
}

/// Decodes a file's bytes to the stored grid; [`Picture::upright`] turns it. Palettes become RGB,
/// and a transparent colour becomes alpha. `name` is used in errors; its extension must agree with
/// the content. The picture of a model is that of its textures, side by side as
/// [`GlbLayout`](crate::GlbLayout) says.
pub fn decode(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetError> {
    decode_kind(bytes, name, limits).map_err(|kind| kind.of(name))
}

fn decode_kind(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture, AssetErrorKind> {
    limits.check_file(bytes.len() as u64)?;
    match sniff(name, bytes)? {
        ContainerFormat::Glb => glb_file::decode(bytes, name, limits),
        ContainerFormat::Gltf => glb_file::decode(&glb_file::alone(bytes)?, name, limits),
        _ => decode_picture(bytes, name, limits),
    }
}

/// Reads every sample of a file and keeps none: for a picture that is not needed here, but has to
/// be whole. Of a model, the textures are read. It takes
/// [`Footprint::reading_bytes`](impasto_types::Footprint::reading_bytes) of memory.
///
/// # Errors
/// Those of [`decode`](crate::decode()).
pub fn verify(bytes: &[u8], name: &str, limits: &Limits) -> Result<(), AssetError> {
    verify_kind(bytes, name, limits).map_err(|kind| kind.of(name))
}

fn verify_kind(bytes: &[u8], name: &str, limits: &Limits) -> Result<(), AssetErrorKind> {
    limits.check_file(bytes.len() as u64)?;
    match sniff(name, bytes)? {
        ContainerFormat::Glb => glb_file::check(bytes, limits),
        ContainerFormat::Gltf => glb_file::check(&glb_file::alone(bytes)?, limits),
        _ => verify_picture(bytes, name, limits),
    }
}
