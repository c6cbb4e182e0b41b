//! `impasto synth`

use clap::Args;
use impasto_types::{MIN_SIDE, Method, Preset, Recipe, RecipePatch};

use crate::direct::{DirectArgs, Subject, expect_method, paint};
use crate::region_args::RegionArgs;
use crate::style_arg::StyleArg;
use crate::{Context, Exit, Failure};

/// Make a new texture from a style image alone
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// The style image
    #[arg(value_name = "STYLE[:WEIGHT]", required = true, num_args = 1..)]
    styles: Vec<StyleArg>,
    #[command(flatten)]
    direct: DirectArgs,
}

pub(crate) fn run(args: SynthArgs, context: &Context) -> Result<Exit, Failure> {
    expect_method(&args.direct.recipe, false, "stylize")?;
    if args.direct.recipe.common.size.is_none() {
        return Err(Failure::usage("a texture made from a style alone has no default size")
            .hint("give its side in pixels, such as --size 512"));
    }
    let defaults = RecipePatch {
        preset: Some(Preset::Painterly),
        method: Some(Method::Synthesize),
        ..RecipePatch::default()
    };
    let mut recipe = defaults.overlaid(&args.direct.recipe);
    if recipe.optimize.min_scale.is_none() {
        recipe.optimize.min_scale = coarsest(&recipe);
    }
    let regions = RegionArgs::default();
    let subject =
        Subject { content: None, mask: None, mesh: None, styles: args.styles, regions, recipe };
    paint(subject, &args.direct, context)
}

/// The coarsest scale, if it is not the preset's: each enlargement takes the noise of a scale away,
/// so that a small texture has to have several, too. What cannot be resolved is refused later.
fn coarsest(recipe: &RecipePatch) -> Option<u32> {
    let Ok(Recipe::Synthesize(recipe)) = recipe.resolve() else { return None };
    let quarter = (recipe.common.size? / 4).max(MIN_SIDE);
    (recipe.min_scale > quarter).then_some(quarter)
}
