//! Recipes whose style has a size on the surface: what that is in the picture to be painted.

use impasto_assets::{AssetError, Header, Limits, Model, read_model, read_surface};
use impasto_types::{Action, Part, Recipe, StyleSpan};

use crate::sources::Sources;
use crate::{AdapterError, budget};

/// The action with the `style_scale` that each `style_size` means for its result; none if it has no
/// `style_size`, or nothing is painted.
///
/// # Errors
/// If nothing says how large the surface is, and it would have to be known.
pub(crate) fn sized(action: &Action, sources: &Sources) -> Result<Option<Action>, AdapterError> {
    let regions = action.regions.iter().flat_map(|regions| &regions.named);
    let mut recipes = regions.filter_map(|region| region.recipe.as_ref()).chain([&action.recipe]);
    if recipes.all(|recipe| recipe.common().style_size.is_none()) {
        return Ok(None);
    }
    let color = sources.files.get(&Part::Color).and_then(budget::header);
    let longer = |(width, height): (u32, u32)| width.max(height);
    let result_px = longer(budget::result_size(action, sources, color.as_ref()));
    // The result may have other pixels than the asset.
    let grown = match budget::own_size(action, sources, color.as_ref()) {
        Some((width, height)) if !action.recipe.common().can_paint(width, height) => {
            return Ok(None);
        }
        Some(own) => f64::from(result_px) / f64::from(longer(own).max(1)),
        None => 1.0,
    };
    let texture = action.texture.clone().unwrap_or_default();
    let mut action = action.clone();
    let regions = action.regions.iter_mut().flat_map(|regions| &mut regions.named);
    let recipes = regions.filter_map(|region| region.recipe.as_mut());
    let mut measured = None;
    for recipe in recipes.chain([&mut action.recipe]) {
        let said = recipe.common().texel_density.map(f64::from);
        let density = match said {
            None if needs_density(recipe) && measured.is_none() => {
                measured = measure(sources, color.as_ref(), &texture)?;
                measured
            }
            None => measured,
            Some(said) => Some(said),
        };
        let density = density.map(|density| density * grown);
        if let Some(sized) = recipe.with_style_size(result_px, density)? {
            *recipe = sized;
        }
    }
    Ok(Some(action))
}

/// Whether only a model can tell.
fn needs_density(recipe: &Recipe) -> bool {
    matches!(recipe.common().style_size, Some(StyleSpan::Metres(_)))
}

/// Texels of a metre, by the model that the asset is or that shows it.
fn measure(
    sources: &Sources,
    color: Option<&Header>,
    texture: &str,
) -> Result<Option<f64>, AssetError> {
    let limits = Limits::default();
    let mesh = sources.files.get(&Part::Mesh);
    let own = sources.files.get(&Part::Color);
    let own = own.filter(|_| color.is_some_and(|header| header.format.is_model()));
    let model: Option<Model> = match (mesh, own, color) {
        (Some(mesh), _, Some(header)) => {
            let size = (header.width, header.height);
            Some(read_surface(&mesh.bytes, &mesh.name, &limits, texture, size)?)
        }
        (None, Some(own), _) => Some(read_model(&own.bytes, &own.name, &limits)?),
        _ => None,
    };
    Ok(model.and_then(|model| model.texels_per_m))
}
