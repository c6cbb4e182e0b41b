//! `impasto fill`

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::{Args, ValueEnum};
use impasto_painter::{FillError, FilledFiles, Filler, Filling, Interrupt, Source};
use impasto_types::{FailureKind, MAX_SIDE, OutputSpec, Tileable};
use serde_json::json;

use crate::direct::read;
use crate::flags::ComputeFlags;
use crate::output_file::OutputArgs;
use crate::units::{count, parse_size, time};
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
    seamless: Option<Axes>,
    /// How far from its borders --seamless changes a texture [default: an eighth of its shorter
    /// side]
    #[arg(long, value_name = "PIXELS", requires = "seamless")]
    #[arg(value_parser = clap::value_parser!(u32).range(3..=i64::from(MAX_SIDE)))]
    band: Option<u32>,
    /// A map of the same surface, such as its normals, and where to write it: it is filled from the
    /// same places; repeat for more
    #[arg(long, value_name = "MAP=OUT")]
    along: Vec<MapArg>,
    /// The axes along which it tiles already: what is filled goes on around its borders
    #[arg(long, value_enum, value_name = "AXES")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    tileable: Option<Axes>,
    #[command(flatten)]
    output: OutputArgs,
    /// The number of threads to fill with [default: one per core]
    #[arg(long, env = "IMPASTO_THREADS", value_name = "N", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    #[arg(help_heading = "This machine")]
    threads: Option<u16>,
    /// The memory limit, such as 4G [default: four fifths of the free memory]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    #[arg(help_heading = "This machine")]
    max_memory: Option<u64>,
}

/// Axes along which a texture tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Axes {
    X,
    Y,
    Both,
}

impl From<Axes> for Tileable {
    fn from(axes: Axes) -> Self {
        match axes {
            Axes::X => Self::X,
            Axes::Y => Self::Y,
            Axes::Both => Self::Both,
        }
    }
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
    let FillArgs { picture, mask, along, output, .. } = &args;
    let spec = output.spec(Some(picture)).map_err(Failure::usage)?;
    let read_files = [picture].into_iter().chain(mask).chain(along.iter().map(|arg| &arg.map));
    let read_files: Vec<&Path> = read_files.map(PathBuf::as_path).collect();
    let more: Vec<&Path> = along.iter().map(|arg| arg.output.as_path()).collect();
    output.check_overwrites(&more, &read_files)?;
    let source = read(picture)?;
    let mask = mask.as_deref().map(read).transpose()?;
    let map = |arg: &MapArg| -> Result<_, Failure> {
        Ok((read(&arg.map)?, output.spec_of(&arg.output, Some(&arg.map)).map_err(Failure::usage)?))
    };
    let maps: Vec<(Source, OutputSpec)> = along.iter().map(map).collect::<Result<_, _>>()?;
    let axes = |axes: Option<Axes>| axes.map_or(Tileable::None, Tileable::from);
    let threads = ComputeFlags { threads: args.threads, ..ComputeFlags::default() };
    let filler = Filler {
        picture: (&source, spec),
        mask: mask.as_ref(),
        maps: &maps,
        filling: Filling {
            join_px: args.join,
            tileable: axes(args.tileable),
            seamless: axes(args.seamless),
            band_px: args.band,
        },
        threads: context.config.paint_threads(&threads),
        memory_bytes: args.max_memory,
    };
    // Ctrl-C asks what is being filled to stop.
    interrupt::token();
    let interrupt = Interrupt::default();
    interrupt::covers(interrupt.clone());
    let began = Instant::now();
    let filled = filler.fill(&interrupt).map_err(|error| not_filled(error, args.max_memory))?;
    let took = began.elapsed();
    let FilledFiles { picture: file, maps, holes, changed } = filled;
    let written: Vec<(&Path, &[u8])> =
        more.iter().copied().zip(maps.iter().map(|map| &map.bytes[..])).collect();
    output.write(&file.bytes, &written, &read_files, &context.screen)?;
    let name = output.name();
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

/// A file that was named and cannot be used is a usage error.
fn not_filled(error: FillError, max_memory: Option<u64>) -> Failure {
    match (&error, max_memory) {
        (FillError::Canceled { .. }, _) => Failure::interrupted(),
        (FillError::Memory { .. }, Some(_)) => {
            Failure::usage(error).hint("give a larger --max-memory")
        }
        (FillError::Memory { .. }, None) => Failure::here(error)
            .hint("it is what this machine has free: close other programs, or give --max-memory"),
        _ if error.kind() == FailureKind::Input => Failure::usage(error),
        _ => Failure::here(error),
    }
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
