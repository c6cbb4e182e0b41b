//! A glTF model as text (`.gltf`): its buffers and its textures are files of their own, or data in
//! the text.
//!
//! A model and its files are [gathered](gather) to one GLB, which everything else here reads and
//! paints; what has changed in it is [scattered](scatter) to the text and the files again. So both
//! forms of a model are painted alike.

mod gather;
mod scatter;
mod uri;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use impasto_types::{ContainerFormat, FileRole};

pub(crate) use gather::gather;
pub(crate) use scatter::scatter;
use uri::{Address, address};

use super::document::Document;
use super::images::images_of;
use super::uses::Uses;
use crate::{AssetErrorKind, ModelFile};

/// The bytes of a model's files, by their numbers in [`files`].
pub(crate) type Contents<'a> = BTreeMap<usize, &'a [u8]>;

/// More files than any model has.
const MOST_FILES: usize = 4096;

/// The description, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, AssetErrorKind> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(damaged)
}

/// The files that a model names, each once: those of its buffers, then those of its images.
///
/// # Errors
/// If the text is damaged, or an address leads elsewhere than to a file beside the model.
pub(crate) fn files(bytes: &[u8]) -> Result<Vec<ModelFile>, AssetErrorKind> {
    let document = parsed(text(bytes)?)?;
    let used = Used::of(&document)?;
    let mut files: Vec<(String, Use)> = Vec::new();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |uri: &str, own: Use| {
        let Address::File(path) = address(uri)? else { return Ok(()) };
        match numbers.get(&path).and_then(|number| files.get_mut(*number)) {
            Some((_, known)) => *known = known.and(own),
            None => {
                numbers.insert(path.clone(), files.len());
                files.push((path, own));
            }
        }
        match files.len() > MOST_FILES {
            true => Err(unsupported(format!("more than {MOST_FILES} files"))),
            false => Ok(()),
        }
    };
    let in_buffers = used.by_buffer(&document);
    for (number, buffer) in document.buffers.iter().enumerate() {
        if let Some(uri) = &buffer.uri {
            let own = in_buffers.get(&number).copied().unwrap_or_default();
            add(uri, Use { buffers: 1, ..own })?;
        }
    }
    for (number, image) in document.images.iter().enumerate() {
        if let Some(uri) = image.uri.as_ref().filter(|_| image.buffer_view.is_none()) {
            add(uri, used.by_image(number))?;
        }
    }
    let file = |(path, own): (String, Use)| {
        let (role, is_buffer) = (own.role(), own.buffers > 0);
        if own.buffers > 1 && matches!(role, FileRole::Color | FileRole::Map) {
            return Err(unsupported("textures in buffers that share a file"));
        }
        Ok(ModelFile { path, role, is_buffer })
    };
    files.into_iter().map(file).collect()
}

/// What materials do with images, by their numbers.
#[derive(Debug)]
struct Used {
    base: BTreeSet<usize>,
    /// Those that are numbers.
    data: BTreeSet<usize>,
    /// Those of them that are normals or roughness.
    maps: BTreeSet<usize>,
}

/// What is done with a file.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// How many buffers are it.
    buffers: usize,
    is_base: bool,
    is_data: bool,
    is_map: bool,
}

impl Used {
    fn of(document: &Document<'_>) -> Result<Self, AssetErrorKind> {
        let uses = Uses::of(document)?;
        let images = |textures: BTreeSet<usize>| {
            let mut images = BTreeSet::new();
            for texture in textures {
                images.extend(images_of(document, texture)?);
            }
            Ok::<_, AssetErrorKind>(images)
        };
        Ok(Self {
            base: images(uses.base.into_keys().collect())?,
            data: images(uses.data)?,
            maps: images(maps_of(document))?,
        })
    }

    fn by_image(&self, image: usize) -> Use {
        Use {
            buffers: 0,
            is_base: self.base.contains(&image),
            is_data: self.data.contains(&image),
            is_map: self.maps.contains(&image),
        }
    }

    /// What is done with the images that buffers hold, which are apart in them.
    fn by_buffer(&self, document: &Document<'_>) -> BTreeMap<usize, Use> {
        let mut buffers: BTreeMap<usize, Use> = BTreeMap::new();
        for (number, image) in document.images.iter().enumerate() {
            let view = image.buffer_view.and_then(|view| document.buffer_views.get(view.index()));
            if let Some(view) = view {
                let (whole, own) =
                    (buffers.entry(view.buffer.index()).or_default(), self.by_image(number));
                whole.is_base |= own.is_base && !own.is_data;
                whole.is_map |= own.is_map;
            }
        }
        buffers
    }
}

impl Use {
    fn and(self, other: Self) -> Self {
        Self {
            buffers: self.buffers + other.buffers,
            is_base: self.is_base || other.is_base,
            is_data: self.is_data || other.is_data,
            is_map: self.is_map || other.is_map,
        }
    }

    fn role(self) -> FileRole {
        match self {
            Self { is_base: true, is_data: false, .. } => FileRole::Color,
            Self { is_base: false, is_map: true, .. } => FileRole::Map,
            Self { buffers: 1.., .. } => FileRole::Geometry,
            _ => FileRole::Kept,
        }
    }
}

/// A model without its files, as one GLB. One that is a GLB is that.
pub(crate) fn alone(bytes: &[u8]) -> Result<Cow<'_, [u8]>, AssetErrorKind> {
    match super::is_text(bytes) {
        false => Ok(Cow::Borrowed(bytes)),
        true => gather(bytes, &Contents::new()).map(Cow::Owned),
    }
}

/// The textures that are maps of normals and of roughness.
fn maps_of(document: &Document<'_>) -> BTreeSet<usize> {
    let maps = document.materials.iter().flat_map(|material| {
        let metal = material.pbr_metallic_roughness.as_ref();
        [material.normal_texture, metal.and_then(|metal| metal.metallic_roughness_texture)]
    });
    maps.flatten().map(|info| info.index.index()).collect()
}

fn parsed(text: &str) -> Result<Document<'_>, AssetErrorKind> {
    serde_json::from_str(text).map_err(unread)
}

/// The number of each file by its path.
fn numbers(files: &[ModelFile]) -> BTreeMap<&str, usize> {
    files.iter().enumerate().map(|(number, file)| (file.path.as_str(), number)).collect()
}

/// The number of the file that an address names; none if it holds data.
fn number_of(uri: &str, numbers: &BTreeMap<&str, usize>) -> Result<Option<usize>, AssetErrorKind> {
    match address(uri)? {
        Address::Data => Ok(None),
        Address::File(path) => Ok(numbers.get(path.as_str()).copied()),
    }
}

/// Why a text is no description.
fn unread(error: serde_json::Error) -> AssetErrorKind {
    match error.is_eof() {
        true => AssetErrorKind::Truncated,
        false => damaged(error),
    }
}

fn unsupported(what: impl Into<String>) -> AssetErrorKind {
    AssetErrorKind::NotSupported { format: ContainerFormat::Gltf, what: what.into() }
}

fn damaged(reason: impl Into<Box<dyn Error + Send + Sync>>) -> AssetErrorKind {
    AssetErrorKind::damaged(ContainerFormat::Gltf, reason)
}
