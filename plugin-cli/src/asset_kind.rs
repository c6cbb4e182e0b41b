//! What kind of asset a file is, for commands without a manifest.

use impasto_assets::{AssetError, Header, Limits, SheetLayout, read_header};
use impasto_painter::{Source, Sources};
use impasto_types::{AssetKind, Part, Recipe};

use crate::Failure;

pub(crate) fn header_of(source: &Source) -> Result<Header, AssetError> {
    read_header(&source.bytes, &source.name, &Limits::default())
}

/// What kind of asset a file is. The recipe of a model is for its largest texture, that of a cube
/// map or an array for one of its pictures; it becomes that of all.
pub(crate) fn fit(recipe: &mut Recipe, asset: Option<&Header>) -> AssetKind {
    let Some((header, largest)) = asset.and_then(|header| Some((header, header.largest?))) else {
        return AssetKind::photograph();
    };
    let longer = header.width.max(header.height);
    match header.sheet.map(SheetLayout::is_cube) {
        Some(true) => {
            recipe.spread_over(largest, longer);
            AssetKind::cube()
        }
        Some(false) => {
            recipe.spread_over_layers(largest, longer);
            AssetKind::array()
        }
        None => {
            recipe.spread_over_textures(largest, longer);
            AssetKind::model()
        }
    }
}

/// Refuses a mesh that is no model, what has its own surface and is shown by another one, and
/// either where pictures are needed.
pub(crate) fn check_models(sources: &Sources) -> Result<(), Failure> {
    let is_model = |source: &Source| {
        header_of(source).map(|header| header.format.is_model()).map_err(Failure::usage)
    };
    let is_whole = |source: &Source| {
        let header = header_of(source).map_err(Failure::usage)?;
        Ok::<bool, Failure>(header.format.is_model() || header.sheet.is_some())
    };
    for (part, source) in &sources.files {
        let wrong = match part {
            Part::Model => continue,
            Part::Mesh if !is_model(source)? => "is no model (.glb or .gltf), as --mesh needs one",
            Part::Color if sources.files.contains_key(&Part::Mesh) && is_whole(source)? => {
                "has its own surface, so it has no --mesh"
            }
            Part::Mesh | Part::Color => continue,
            _ if is_whole(source)? => {
                "is a model, a cube map or an array, where a picture is needed"
            }
            _ => continue,
        };
        return Err(Failure::usage(format!("`{}` {wrong}", source.name)));
    }
    for style in &sources.styles {
        if is_whole(style)? {
            return Err(Failure::usage(format!(
                "`{}` is a model, a cube map or an array, no style",
                style.name
            )));
        }
    }
    Ok(())
}
