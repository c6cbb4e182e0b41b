//! The surfaces of a model that show a picture which is a file of its own, found by names.

use std::collections::BTreeSet;
use std::io::Cursor;

use super::Container;
use super::document::{Document, Material, TextureInfo, Whole, element};
use super::images::wraps;
use super::mesh::read;
use super::uses::base_colors;
use crate::{AssetErrorKind, Model, Place, Wrap};

/// Reads the surfaces of a file that show a picture of this name and size, by the names of
/// materials and their textures: those of the longest name that fits; all, if none does.
pub(crate) fn surface(
    bytes: &[u8],
    picture: &str,
    (width, height): (u32, u32),
) -> Result<Model, AssetErrorKind> {
    let container = Container::read(&mut Cursor::new(bytes), bytes.len() as u64)?;
    let document = Document::parse(&container.json)?;
    let named = named(&document, picture)?;
    let wraps = wraps_of(&document, &named)?;
    let place = Place { x: 0, y: 0, width, height, wraps, name: picture.to_owned() };
    let shows = |document: &Document<'_>, materials: &[Whole]| {
        let mut shown = Vec::new();
        for material in materials {
            if named.is_empty() || named.contains(&material.index()) {
                let material = element(&document.materials, *material, "material")?;
                let info = base_colors(material)?.first().copied();
                shown.push((info.unwrap_or(TextureInfo::PLAIN), 0));
            }
        }
        if materials.is_empty() && named.is_empty() {
            shown.push((TextureInfo::PLAIN, 0));
        }
        Ok(shown)
    };
    read(bytes, &container, vec![place], shows)
}

/// The numbers of the materials whose name is the longest that a picture's file has.
fn named(document: &Document<'_>, picture: &str) -> Result<BTreeSet<usize>, AssetErrorKind> {
    let picture = file_name(picture).to_lowercase();
    let mut longest = 0;
    let mut named = BTreeSet::new();
    for (index, material) in document.materials.iter().enumerate() {
        let names = names(document, material)?;
        let fitting = names.iter().filter_map(|name| fitting(&picture, name)).max();
        let Some(length) = fitting.filter(|length| *length >= longest) else { continue };
        if length > longest {
            named.clear();
            longest = length;
        }
        named.insert(index);
    }
    Ok(named)
}

/// What surfaces show beyond the picture's sides: by the sampler of the first of these materials;
/// if there are none, of the first one with a texture.
fn wraps_of(document: &Document<'_>, named: &BTreeSet<usize>) -> Result<[Wrap; 2], AssetErrorKind> {
    for (index, material) in document.materials.iter().enumerate() {
        if named.first().is_some_and(|first| *first != index) {
            continue;
        }
        if let Some(info) = base_colors(material)?.first() {
            return wraps(document, info.index.index());
        }
    }
    Ok(<[Wrap; 2]>::default())
}

/// The names of a material and of its texture's image.
fn names(document: &Document<'_>, material: &Material<'_>) -> Result<Vec<String>, AssetErrorKind> {
    let mut names: Vec<String> = material.name.iter().cloned().collect();
    for info in base_colors(material)? {
        let texture = element(&document.textures, info.index, "texture")?;
        let Some(source) = texture.source else { continue };
        let image = element(&document.images, source, "image")?;
        names.extend(image.name.clone());
        names.extend(image.uri.as_deref().filter(|uri| !uri.starts_with("data:")).map(stem));
    }
    Ok(names)
}

/// A path without its folders.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A file's name without folders and extension.
fn stem(path: &str) -> String {
    let file = file_name(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned()
}

/// How long a name is, if a picture's file, in lower case and with or without an extension, has it
/// or begins with it as with a word.
fn fitting(picture: &str, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let rest = picture.strip_prefix(&name).filter(|_| !name.is_empty())?;
    (!rest.starts_with(char::is_alphanumeric)).then_some(name.len())
}
