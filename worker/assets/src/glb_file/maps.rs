//! Maps of normals and of roughness that lie over painted textures, and a model with others.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use impasto_types::{Channel, Packing, Part};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use super::document::{Document, Extensions, Material, TextureInfo, Whole};
use super::images::{Key, Whereabouts, buffer_bytes, images_of, label, whereabouts, wraps};
use super::uses::base_colors;
use super::{Container, Glb, Replacements, Textures, damaged_by, failed, rebuilt};
use crate::{AssetErrorKind, Limits, ModelMap};

/// Roughness and, in a channel that is kept, metal, as the standard has them.
const ROUGHNESS: Part = Part::Packed(Packing([None, Some(Channel::Roughness), None, None]));

/// The fields of a material, of which any may hold textures.
#[derive(Debug, Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    materials: Vec<Extensions<'a>>,
}

/// What a material has a texture for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Normal,
    Roughness,
    Occlusion,
    Other,
}

/// What all materials do with a texture, or with a file in the buffer.
#[derive(Debug, Default)]
struct Use {
    roles: BTreeSet<Role>,
    /// The places that it lies over; `None` where it does not lie over one as that lies.
    over: BTreeSet<Option<usize>>,
}

/// A file in the buffer.
#[derive(Debug)]
struct Found {
    /// The least number of its images.
    image: usize,
    all: Use,
}

/// Finds the maps of a file. `name` is its name.
pub(crate) fn maps(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<Vec<ModelMap>, AssetErrorKind> {
    let glb = Glb::read(&mut Cursor::new(bytes), bytes.len() as u64, limits)?;
    let document = Document::parse(&glb.container.json)?;
    let claims = Claims::of(&document)?;
    let mut maps = Vec::new();
    for (key, Found { image, all }) in found(&document, &glb)? {
        if let (Some(part), Some(place), true) = (all.part(), all.place(), claims.are_exact(key)) {
            let name = format!("{name}, {}", label(&document, image));
            let bytes = glb.container.part(bytes, &(key.0..key.1))?.to_vec();
            maps.push(ModelMap { image, place, part, name, bytes });
        }
    }
    maps.sort_by_key(|map| map.image);
    Ok(maps)
}

/// A file with other bytes for these images.
pub(crate) fn with_images(
    file: &[u8],
    new: &BTreeMap<usize, Vec<u8>>,
) -> Result<Vec<u8>, AssetErrorKind> {
    let container = Container::read(&mut Cursor::new(file), file.len() as u64)?;
    let document = Document::parse(&container.json)?;
    let buffer = buffer_bytes(&document, container.bin_bytes())?;
    let mut replacements = Replacements::new();
    for (&image, bytes) in new {
        if image >= document.images.len() {
            return Err(failed(format!("there is no image {image}")));
        }
        let Whereabouts::Here(key) = whereabouts(&document, image, buffer)? else {
            return Err(failed(format!("{} is not in the file", label(&document, image))));
        };
        if bytes.is_empty() {
            return Err(failed(format!("{} would have no bytes", label(&document, image))));
        }
        let known = replacements.insert(key, bytes.clone());
        if known.is_some_and(|known| known != *bytes) {
            let label = label(&document, image);
            return Err(failed(format!("{label} has its bytes together with another image")));
        }
    }
    Claims::of(&document)?.check(replacements.keys().copied())?;
    let mut changed = Replacements::new();
    for (key, bytes) in replacements {
        if container.part(file, &(key.0..key.1))? != bytes {
            changed.insert(key, bytes);
        }
    }
    if changed.is_empty() { Ok(file.to_vec()) } else { rebuilt(file, &container, &changed) }
}

impl Use {
    /// What it is, if it is a map.
    fn part(&self) -> Option<Part> {
        let roles: Vec<Role> = self.roles.iter().copied().collect();
        match roles[..] {
            [Role::Normal] => Some(Part::Normal),
            [Role::Roughness] | [Role::Roughness, Role::Occlusion] => Some(ROUGHNESS),
            _ => None,
        }
    }

    /// The one place that it lies over.
    fn place(&self) -> Option<usize> {
        let mut places = self.over.iter();
        places.next().copied().flatten().filter(|_| places.next().is_none())
    }
}

/// The files in the buffer that materials have. What names nothing is no map, and no fault here.
fn found(document: &Document<'_>, glb: &Glb) -> Result<BTreeMap<Key, Found>, AssetErrorKind> {
    let buffer = buffer_bytes(document, glb.container.bin_bytes())?;
    let mut found: BTreeMap<Key, Found> = BTreeMap::new();
    for (texture, Use { roles, over }) in uses(document, glb)? {
        for image in images_of(document, texture).unwrap_or_default() {
            let Ok(Whereabouts::Here(key)) = whereabouts(document, image, buffer) else { continue };
            let found = found.entry(key).or_insert_with(|| Found { image, all: Use::default() });
            found.image = found.image.min(image);
            found.all.roles.extend(&roles);
            found.all.over.extend(&over);
        }
    }
    Ok(found)
}

/// What materials do with textures, by their numbers.
fn uses(document: &Document<'_>, glb: &Glb) -> Result<BTreeMap<usize, Use>, AssetErrorKind> {
    let Fields { materials } = serde_json::from_str(&glb.container.json).map_err(damaged_by)?;
    let mut uses: BTreeMap<usize, Use> = BTreeMap::new();
    for (material, fields) in document.materials.iter().zip(&materials) {
        let bases = base_colors(material)?;
        for (role, info) in maps_of(material) {
            let own = uses.entry(info.index.index()).or_default();
            own.roles.insert(role);
            own.over.insert(place_under(document, &glb.textures, &bases, &info));
        }
        for texture in others_of(fields) {
            uses.entry(texture).or_default().roles.insert(Role::Other);
        }
    }
    Ok(uses)
}

fn maps_of(material: &Material<'_>) -> impl Iterator<Item = (Role, TextureInfo)> {
    let metal = material.pbr_metallic_roughness.as_ref();
    let roughness = metal.and_then(|metal| metal.metallic_roughness_texture);
    [
        (Role::Normal, material.normal_texture),
        (Role::Roughness, roughness),
        (Role::Occlusion, material.occlusion_texture),
    ]
    .into_iter()
    .filter_map(|(role, info)| Some((role, info?)))
}

/// The place that a map lies over in a material of these base colours, if it lies as they do.
fn place_under(
    document: &Document<'_>,
    textures: &Textures,
    bases: &[TextureInfo],
    map: &TextureInfo,
) -> Option<usize> {
    let wraps = |info: &TextureInfo| wraps(document, info.index.index()).ok();
    let own = wraps(map)?;
    let mut place = None;
    for base in bases {
        let &[only] = textures.of_texture.get(&base.index.index())?.as_slice() else { return None };
        let is_other = place.is_some_and(|place| place != only);
        if is_other || !base.lies_like(map) || wraps(base)? != own {
            return None;
        }
        place = Some(only);
    }
    place
}

/// The textures of a material that are none of [`maps_of`].
fn others_of(fields: &Extensions<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    for (field, raw) in fields {
        if matches!(field.as_str(), "normalTexture" | "occlusionTexture" | "extras") {
            continue;
        }
        // What is nested too deeply to be read holds no textures.
        let mut value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        if let ("pbrMetallicRoughness", Value::Object(fields)) = (field.as_str(), &mut value) {
            fields.remove("metallicRoughnessTexture");
        }
        textures_in(&value, &mut found);
    }
    found
}

/// Collects the textures that a value names anywhere, which as a rule is an extension's.
fn textures_in(value: &Value, found: &mut Vec<usize>) {
    match value {
        Value::Object(fields) => {
            let index = fields.get("index").and_then(|index| Whole::deserialize(index).ok());
            found.extend(index.map(Whole::index));
            let inner = fields.iter().filter(|(name, _)| *name != "extras");
            inner.for_each(|(_, value)| textures_in(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| textures_in(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
