//! `impasto fill`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use impasto_painter::{FilledFile, Filling, Interrupt, PaintError};
use impasto_types::{MAX_SIDE, Tileable};
use serde_json::json;

use crate::direct::{not_painted, read};
use crate::flags::ComputeFlags;
use crate::output_file::OutputArgs;
use crate::units::{count, time};
use crate::{Context, Exit, Failure, interrupt};

/// Fill holes in a texture with the rest of it, or make it tile
///
/// What is filled is put together from pieces of the texture itself, joined where that shows
/// least. No network and no style is needed.
#[derive(Debug, Args)]
pub struct FillArgs {
    /// The texture
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,
    /// What to fill, as a greyscale picture or one with transparency: white (or opaque) is filled,
    /// black (or transparent) is kept; grey may be filled, where that joins better
    #[arg(long, value_name = "IMAGE", required_unless_present = "seamless")]
    mask: Option<PathBuf>,
    /// How far around the mask the texture may change, where that joins better; 0 keeps every pixel
    #[arg(long, value_name = "PIXELS", default_value_t = 12, requires = "mask")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SIDE)))]
    join: u32,
    /// Make it tile, along one axis or both, by filling its borders
    #[arg(long, value_enum, value_name = "AXES")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    seamless: Option<Tileable>,
    /// How far from its borders --seamless changes a texture [default: an eighth of its shorter
    /// side]
    #[arg(long, value_name = "PIXELS", requires = "seamless")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SIDE)))]
    band: Option<u32>,
    /// The axes along which it tiles already: what is filled goes on around its borders
    #[arg(long, value_enum, value_name = "AXES")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    tileable: Option<Tileable>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    compute: ComputeFlags,
}

impl FillArgs {
    /// Every file that is read.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.picture].into_iter().chain(&self.mask).map(PathBuf::as_path)
    }
}

pub(crate) fn run(args: FillArgs, context: &Context) -> Result<Exit, Failure> {
    let output = args.output.spec().map_err(Failure::usage)?;
    args.output.check_overwrites(|| args.paths())?;
    let source = read(&args.picture)?;
    let mask = args.mask.as_deref().map(read).transpose()?;
    let filling = Filling {
        join_px: args.join,
        tileable: args.tileable.unwrap_or(Tileable::None),
        seamless: args.seamless.unwrap_or(Tileable::None),
        band_px: args.band,
    };
    // Ctrl-C asks what is being painted to stop.
    interrupt::token();
    let interrupt = Interrupt::default();
    interrupt::covers(interrupt.clone());
    let means = (context.config.paint_threads(&args.compute), args.compute.max_memory);
    let began = Instant::now();
    let filled = filling.fill(&source, mask.as_ref(), output, means, &interrupt);
    let filled = filled.map_err(|error| match error {
        PaintError::Canceled { .. } => Failure::interrupted(),
        error => not_painted(error, &args.compute),
    })?;
    let FilledFile { file, holes, changed } = filled;
    args.output.write(&file.bytes, args.paths(), &context.screen)?;
    let (name, took) = (args.output.name(), began.elapsed());
    let (width, height) = (file.width, file.height);
    if context.screen.is_json() {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        context.screen.json(&json!({
            "output": name, "width": width, "height": height, "filled": holes, "changed": changed,
            "compute_ms": took,
        }));
        return Ok(Exit::Done);
    }
    context.screen.result(format_args!(
        "filled {} of {name}, {width} x {height}, and changed {}, in {}",
        count(holes, "pixel"),
        count(changed, "pixel"),
        time(took)
    ));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use crate::commands::command;

    #[test]
    fn its_help_says_what_it_is_for() {
        let mut cli = command();
        let fill = cli.find_subcommand_mut("fill").expect("it is one");
        let help = fill.render_long_help().to_string();
        for part in ["--mask", "--seamless", "an eighth", "No network"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }
}
