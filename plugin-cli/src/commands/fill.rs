//! `impasto fill`

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use impasto_painter::{FilledFiles, Filler, Filling, Interrupt, PaintError, Source};
use impasto_types::{MAX_SIDE, OutputSpec, Tileable};
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
    /// A map of the same surface, such as its normals, and where to write it: it is filled from the
    /// same places; repeat for more
    #[arg(long, value_name = "MAP=OUT")]
    along: Vec<MapArg>,
    /// The axes along which it tiles already: what is filled goes on around its borders
    #[arg(long, value_enum, value_name = "AXES")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    tileable: Option<Tileable>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    compute: ComputeFlags,
}

/// `FILE=FILE`: what is read, and what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MapArg {
    map: PathBuf,
    output: PathBuf,
}

impl FromStr for MapArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((map, output)) if !map.is_empty() && !output.is_empty() => {
                Ok(Self { map: map.into(), output: output.into() })
            }
            _ => Err("it is MAP=OUT, such as wall_n.png=tile_n.png".to_owned()),
        }
    }
}

pub(crate) fn run(args: FillArgs, context: &Context) -> Result<Exit, Failure> {
    let FillArgs { picture, mask, along, output, compute, .. } = &args;
    let maps = along.iter().map(|arg| output.spec_of(&arg.output));
    let outputs: Result<Vec<OutputSpec>, _> = [output.spec()].into_iter().chain(maps).collect();
    let outputs = outputs.map_err(Failure::usage)?;
    let read_files = [picture].into_iter().chain(mask).chain(along.iter().map(|arg| &arg.map));
    let read_files: Vec<&Path> = read_files.map(PathBuf::as_path).collect();
    let more: Vec<&Path> = along.iter().map(|arg| arg.output.as_path()).collect();
    output.check_overwrites(&more, &read_files)?;
    let source = read(picture)?;
    let mask = mask.as_deref().map(read).transpose()?;
    let maps: Vec<Source> = along.iter().map(|arg| read(&arg.map)).collect::<Result<_, _>>()?;
    let filler = Filler {
        picture: &source,
        mask: mask.as_ref(),
        maps: &maps,
        filling: Filling {
            join_px: args.join,
            tileable: args.tileable.unwrap_or(Tileable::None),
            seamless: args.seamless.unwrap_or(Tileable::None),
            band_px: args.band,
        },
        threads: context.config.paint_threads(compute),
        memory_bytes: compute.max_memory,
    };
    // Ctrl-C asks what is being filled to stop.
    interrupt::token();
    let interrupt = Interrupt::default();
    interrupt::covers(interrupt.clone());
    let began = Instant::now();
    let filled = filler.fill(&outputs, &interrupt).map_err(|error| match error {
        PaintError::Canceled { .. } => Failure::interrupted(),
        error => not_painted(error, compute),
    })?;
    let FilledFiles { files, holes, changed } = filled;
    let [file, maps @ ..] = &files[..] else { return Ok(Exit::Done) };
    let written: Vec<(&Path, &[u8])> =
        more.iter().copied().zip(maps.iter().map(|map| &map.bytes[..])).collect();
    output.write(&file.bytes, &written, &read_files, &context.screen)?;
    let (name, took) = (output.name(), began.elapsed());
    let (width, height) = (file.width, file.height);
    if context.screen.is_json() {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        context.screen.json(&json!({
            "output": name, "maps": more, "width": width, "height": height, "filled": holes,
            "changed": changed, "compute_ms": took,
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
    use super::*;
    use crate::commands::command;

    #[test]
    fn its_help_says_what_it_is_for() {
        let mut cli = command();
        let fill = cli.find_subcommand_mut("fill").expect("it is one");
        let help = fill.render_long_help().to_string();
        for part in ["--mask", "--seamless", "[default: 12]", "pieces of the texture"] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }

    #[test]
    fn a_map_has_an_output() {
        let arg: MapArg = "a/wall_n.png=tile=n.png".parse().expect("a map");
        assert_eq!((arg.map, arg.output), ("a/wall_n.png".into(), "tile=n.png".into()));
        for text in ["wall_n.png", "=a.png", "a.png="] {
            assert!(text.parse::<MapArg>().is_err(), "{text}");
        }
    }
}
