//! `impasto stylize`

use std::path::PathBuf;

use clap::Args;

use crate::direct::{DirectArgs, Subject, expect_method, paint};
use crate::region_args::RegionArgs;
use crate::style_arg::StyleArg;
use crate::{Context, Exit, Failure};

/// Paint one picture, without a manifest
#[derive(Debug, Args)]
pub struct StylizeArgs {
    /// The picture to paint
    content: PathBuf,
    /// A style image and its weight; repeat to blend several styles. Of a `--model` that has
    /// learned several, those of these images are painted
    #[arg(long = "style", value_name = "STYLE[:WEIGHT]", required_unless_present = "model")]
    styles: Vec<StyleArg>,
    /// Where to paint, as a greyscale picture or one with transparency: white (or opaque) is
    /// painted, black (or transparent) is kept, grey blends
    #[arg(long, value_name = "IMAGE")]
    mask: Option<PathBuf>,
    /// The model (.glb or .gltf) that shows the picture as its texture: paint goes on across the
    /// seams of its unwrap
    #[arg(long, value_name = "MODEL")]
    mesh: Option<PathBuf>,
    #[command(flatten)]
    regions: RegionArgs,
    #[command(flatten)]
    direct: DirectArgs,
}

pub(crate) fn run(args: StylizeArgs, context: &Context) -> Result<Exit, Failure> {
    expect_method(&args.direct.recipe, true, "synth")?;
    let recipe = args.direct.recipe.clone();
    let StylizeArgs { content, styles, mask, mesh, regions, direct } = args;
    let subject = Subject { content: Some(content), mask, mesh, styles, regions, recipe };
    paint(subject, &direct, context)
}
