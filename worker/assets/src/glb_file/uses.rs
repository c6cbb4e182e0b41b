//! Which textures of a model are colours, and which are numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::damaged_by;
use super::document::{Document, Extensions, Material, TextureInfo};
use crate::AssetErrorKind;

/// What the materials say of the textures, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The base colours, and whether any of their materials uses their alpha as opacity.
    pub base: BTreeMap<usize, bool>,
    /// Those that are numbers somewhere: normals, roughness, occlusion and their like.
    pub data: BTreeSet<usize>,
}

/// Materials of the time before metallic and roughness.
const GLOSSINESS: &str = "KHR_materials_pbrSpecularGlossiness";
/// Textures of extensions which are colours, and not base colours.
const COLORS: [&str; 4] =
    ["sheenColorTexture", "specularColorTexture", "diffuseTransmissionColorTexture", DIFFUSE];
const DIFFUSE: &str = "diffuseTexture";

impl Uses {
    pub(super) fn of(document: &Document<'_>) -> Result<Self, AssetErrorKind> {
        let mut uses = Self::default();
        for material in &document.materials {
            let has_opacity = matches!(material.alpha_mode.as_deref(), Some("MASK" | "BLEND"));
            for info in base_colors(material)? {
                *uses.base.entry(info.index.index()).or_default() |= has_opacity;
            }
            let metal = material.pbr_metallic_roughness.as_ref();
            let metal = metal.and_then(|metal| metal.metallic_roughness_texture);
            let own = [material.normal_texture, material.occlusion_texture, metal];
            uses.data.extend(own.into_iter().flatten().map(|info| info.index.index()));
            for (name, raw) in &material.extensions {
                if name.starts_with("KHR_materials_") {
                    for (field, raw) in fields(raw) {
                        if field.ends_with("Texture") && !COLORS.contains(&&*field) {
                            uses.data.insert(info(raw)?.index.index());
                        }
                    }
                }
            }
        }
        Ok(uses)
    }
}

/// The textures of a material's base colour: one as a rule, two if it is described in two ways.
pub(super) fn base_colors(material: &Material<'_>) -> Result<Vec<TextureInfo>, AssetErrorKind> {
    let metal = material.pbr_metallic_roughness.as_ref();
    let mut infos: Vec<TextureInfo> =
        metal.and_then(|metal| metal.base_color_texture).into_iter().collect();
    if let Some(raw) =
        material.extensions.get(GLOSSINESS).and_then(|raw| fields(raw).remove(DIFFUSE))
    {
        let diffuse = info(raw)?;
        if !infos.contains(&diffuse) {
            infos.push(diffuse);
        }
    }
    Ok(infos)
}

fn fields(raw: &RawValue) -> Extensions<'_> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn info(raw: &RawValue) -> Result<TextureInfo, AssetErrorKind> {
    serde_json::from_str(raw.get()).map_err(damaged_by)
}
