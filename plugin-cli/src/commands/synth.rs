//! `impasto synth`

use std::path::Path;

use clap::Args;
use impasto_types::{MIN_SIDE, Method, Preset, Recipe, RecipePatch};

use crate::asset_kind::header_of;
use crate::direct::{DirectArgs, DirectError, Subject, expect_method, paint, read};
use crate::region_args::StyledRegionArgs;
use crate::style_arg::StyleArg;
use crate::{Context, Exit, Failure};

/// Make a new texture from a style image alone, or from several by a map
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// The style image
    #[arg(value_name = "STYLE[:WEIGHT]", required = true, num_args = 1..)]
    styles: Vec<StyleArg>,
    #[command(flatten)]
    regions: StyledRegionArgs,
    #[command(flatten)]
    direct: DirectArgs,
}

pub(crate) fn run(args: SynthArgs, context: &Context) -> Result<Exit, Failure> {
    expect_method(&args.direct.recipe, false, "stylize")?;
    args.regions.check().map_err(Failure::usage)?;
    let defaults = RecipePatch {
        preset: Some(Preset::Painterly),
        method: Some(Method::Synthesize),
        ..RecipePatch::default()
    };
    let mut recipe = defaults.overlaid(&args.direct.recipe);
    if recipe.common.size.is_none() {
        let Some(map) = &args.regions.map else {
            return Err(Failure::usage("a texture made from a style alone has no default size")
                .hint("give its side in pixels, such as --size 512"));
        };
        recipe.common.size = Some(longer_side(map)?);
    }
    if recipe.optimize.min_scale.is_none() {
        recipe.optimize.min_scale = coarsest(&recipe);
    }
    let subject = Subject {
        content: None,
        mask: None,
        mesh: None,
        styles: args.styles,
        regions: args.regions.into(),
        recipe,
    };
    paint(subject, &args.direct, context)
}

/// The longer side of a texture that has its map's size.
fn longer_side(map: &Path) -> Result<u32, Failure> {
    let source = read(map)?;
    let (width, height) = header_of(&source).map_err(DirectError::from)?.upright_size();
    if width.min(height) < MIN_SIDE {
        let name = source.name;
        return Err(Failure::usage(format!(
            "`{name}` has {width} x {height} pixels, and the least side of a texture is {MIN_SIDE}"
        ))
        .hint("give the texture's longer side in pixels, such as --size 512"));
    }
    Ok(width.max(height))
}

/// The coarsest scale, if it is not the preset's: each enlargement takes the noise of a scale away,
/// so that a small texture has to have several, too. What cannot be resolved is refused later.
fn coarsest(recipe: &RecipePatch) -> Option<u32> {
    let Ok(Recipe::Synthesize(recipe)) = recipe.resolve() else { return None };
    let quarter = (recipe.common.size? / 4).max(MIN_SIDE);
    (recipe.min_scale > quarter).then_some(quarter)
}
