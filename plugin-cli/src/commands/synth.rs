//! `impasto synth`

use clap::Args;
use impasto_types::{Method, Preset, RecipePatch};

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
        preset: Some(Preset::Texture),
        method: Some(Method::Synthesize),
        ..RecipePatch::default()
    };
    let recipe = defaults.overlaid(&args.direct.recipe);
    let regions = RegionArgs::default();
    let subject =
        Subject { content: None, mask: None, mesh: None, styles: args.styles, regions, recipe };
    paint(subject, &args.direct, context)
}
