//! What model files have besides their textures: surfaces, and maps of them.

use std::collections::BTreeMap;
use std::io::Cursor;

use impasto_types::ContainerFormat;

use crate::header::picture_header;
use crate::sniff::sniff;
use crate::{
    AssetError, AssetErrorKind, Limits, Model, ModelFile, ModelMap, Scattered, SheetLayout,
    glb_file,
};

/// Reads a model's surface: every primitive of triangles whose material has a painted texture.
/// Triangles of which two corners are in one place are left out. That of a cube map is a cube, and
/// that of an array sheets that do not meet.
/// `name` is used in errors.
///
/// # Errors
/// If the file is no model or beyond the limits, if it is damaged, or if nothing of it can be
/// painted: the errors of [`decode`](crate::decode()), though no pixels are read.
pub fn read_model(bytes: &[u8], name: &str, limits: &Limits) -> Result<Model, AssetError> {
    let read = || {
        limits.check_file(bytes.len() as u64)?;
        match sheet(bytes, name, limits)? {
            Some(sheet) => Ok(sheet.model()),
            None => {
                check_model(bytes, name)?;
                glb_file::model(&glb_file::alone(bytes)?, limits)
            }
        }
    };
    read().map_err(|kind: AssetErrorKind| kind.of(name))
}

/// Reads the surface of a model that shows a picture, which is a file of its own: of all materials,
/// those whose own name, or whose texture's, is that of the picture's file or begins it, such as
/// `crate` for `crate_albedo.png`; of these, only those of the longest such name; if there are
/// none, all. Their first texture coordinates count, if the material does not name others. Beyond
/// its sides the picture goes on as the texture of the first of them says; if there are none, as
/// the first texture does.
///
/// `picture` is the name of the picture's file, in any case; folders before it do not count, and it
/// may lack its extension. `size` is the picture's, in pixels.
///
/// # Errors
/// If the file is no model or beyond the limits, or if it is damaged.
pub fn read_surface(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
    picture: &str,
    size: (u32, u32),
) -> Result<Model, AssetError> {
    let read = || {
        limits.check_file(bytes.len() as u64)?;
        check_model(bytes, name)?;
        glb_file::surface(&glb_file::alone(bytes)?, picture, size)
    };
    read().map_err(|kind: AssetErrorKind| kind.of(name))
}

/// Reads a model's maps of normals and of roughness, in the order of its images: those that
/// nothing else uses, and that lie over one painted texture in the way in which it lies, in every
/// material that has them. A map in several formats is several. `name` is used in errors.
///
/// # Errors
/// Those of [`read_model`](crate::read_model()) that are not about geometry. Nothing is said of a
/// map that cannot be had.
pub fn model_maps(bytes: &[u8], name: &str, limits: &Limits) -> Result<Vec<ModelMap>, AssetError> {
    let read = || {
        limits.check_file(bytes.len() as u64)?;
        if sheet(bytes, name, limits)?.is_some() {
            return Ok(Vec::new());
        }
        check_model(bytes, name)?;
        glb_file::maps(&glb_file::alone(bytes)?, name, limits)
    };
    read().map_err(|kind: AssetErrorKind| kind.of(name))
}

/// A model in one file with other bytes for images, by their numbers, everything else as it is. The
/// formats are those of the old bytes: what the model says of them stays. Images that have their
/// bytes together have the new ones together. `name` is used in errors.
///
/// # Errors
/// If the file is no model or damaged, if an image is not in it, if anything else has a part of
/// its bytes, or if the model would be longer than its format can hold.
pub fn with_images(
    bytes: &[u8],
    name: &str,
    new: &BTreeMap<usize, Vec<u8>>,
) -> Result<Vec<u8>, AssetError> {
    let write = || match sniff(name, bytes)? {
        ContainerFormat::Glb => glb_file::with_images(bytes, new),
        holds => Err(AssetErrorKind::NotAModel(holds)),
    };
    write().map_err(|kind: AssetErrorKind| kind.of(name))
}

/// Whether a file is a glTF model as text, as far as its first bytes tell.
pub fn is_text_model(bytes: &[u8], name: &str) -> bool {
    matches!(sniff(name, bytes), Ok(ContainerFormat::Gltf))
}

/// The files that a glTF model as text names, in the order of its buffers and then of its images,
/// each once. `name` is used in errors.
///
/// # Errors
/// If it is no such model, if it is damaged, or if an address in it is none of a file that is named
/// from the model's folder.
pub fn model_files(bytes: &[u8], name: &str) -> Result<Vec<ModelFile>, AssetError> {
    check_text(bytes, name).and_then(|()| glb_file::files(bytes)).map_err(|kind| kind.of(name))
}

/// A glTF model as text, and its files by their numbers among [`model_files`], as one GLB. What is
/// in none of them stays where it is: such textures are not painted, and such surfaces not read.
/// `name` is used in errors.
///
/// # Errors
/// Those of [`model_files`]; or if a buffer's file is shorter than the model says, or if all is
/// longer than a GLB can be.
pub fn gather_model(
    bytes: &[u8],
    name: &str,
    files: &BTreeMap<usize, &[u8]>,
) -> Result<Vec<u8>, AssetError> {
    let gather = || check_text(bytes, name).and_then(|()| glb_file::gather(bytes, files));
    gather().map_err(|kind| kind.of(name))
}

/// What has changed in the text of a model and in its files, from the GLB that
/// [`gather_model`] made of them to another that was made of that. `name` is used in errors.
///
/// # Errors
/// If these are not GLBs of this model.
pub fn scatter_model(
    bytes: &[u8],
    name: &str,
    files: &BTreeMap<usize, &[u8]>,
    (before, after): (&[u8], &[u8]),
) -> Result<Scattered, AssetError> {
    let scatter =
        || check_text(bytes, name).and_then(|()| glb_file::scatter(bytes, files, before, after));
    scatter().map_err(|kind| kind.of(name))
}

/// The layout of a texture of several pictures, if the file is one.
fn sheet(bytes: &[u8], name: &str, limits: &Limits) -> Result<Option<SheetLayout>, AssetErrorKind> {
    match sniff(name, bytes)? {
        ContainerFormat::Dds | ContainerFormat::Ktx2 => {
            let header = picture_header(Cursor::new(bytes), bytes.len() as u64, name, limits)?;
            Ok(header.sheet)
        }
        _ => Ok(None),
    }
}

fn check_model(bytes: &[u8], name: &str) -> Result<(), AssetErrorKind> {
    match sniff(name, bytes)? {
        ContainerFormat::Glb | ContainerFormat::Gltf => Ok(()),
        holds => Err(AssetErrorKind::NotAModel(holds)),
    }
}

/// That it is a model as text, whatever its name says.
fn check_text(bytes: &[u8], name: &str) -> Result<(), AssetErrorKind> {
    match sniff(name, bytes)? {
        ContainerFormat::Gltf => Ok(()),
        holds => Err(AssetErrorKind::NotAModel(holds)),
    }
}
