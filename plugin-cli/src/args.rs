//! The command line: the commands, and the flags that several of them share.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use impasto_painter::Devices;

use crate::commands::{
    bench, build, cancel, check, completions, coordinator, drain, init, job, jobs, man, models,
    plan, retry, stylize, submit, synth, watch, worker, workers,
};
use crate::units::parse_size;

/// Paints a project's assets in a style.
///
/// `impasto init` writes an impasto.toml for the folder that it stands in; `impasto build` paints
/// what that file says, on this machine or on a farm, and the second time only what has changed.
#[derive(Debug, Parser)]
#[command(
    name = "impasto",
    version,
    max_term_width = 100,
    after_help = "An argument @FILE stands for the lines of FILE. Exit codes: 0 done or up to date, 1 some assets failed or are stale, \
                  2 usage or manifest error, 3 farm unreachable, 130 interrupted."
)]
pub struct Cli {
    #[command(flatten)]
    pub output: OutputFlags,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Build(build::BuildArgs),
    Plan(plan::PlanArgs),
    Check(check::CheckArgs),
    Watch(watch::WatchArgs),
    Stylize(stylize::StylizeArgs),
    Synth(synth::SynthArgs),
    Submit(submit::SubmitArgs),
    Jobs(jobs::JobsArgs),
    Job(job::JobArgs),
    Cancel(cancel::CancelArgs),
    Retry(retry::RetryArgs),
    Workers(workers::WorkersArgs),
    Drain(drain::DrainArgs),
    Coordinator(coordinator::CoordinatorArgs),
    Worker(worker::WorkerArgs),
    Models(models::ModelsArgs),
    Bench(bench::BenchArgs),
    Init(init::InitArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// How results and messages look. Every command takes these.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Print one JSON document, or JSON lines, on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors and results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what happens
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The project's folder.
#[derive(Debug, Clone, Args)]
pub struct ProjectArgs {
    /// The folder of impasto.toml
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// Where a coordinator is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Farm")]
pub struct CoordinatorFlags {
    /// The coordinator's address, such as http://farm:7421
    #[arg(long, env = "IMPASTO_COORDINATOR", value_name = "URL", hide_env_values = true)]
    pub coordinator: Option<String>,
}

/// Where a build runs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Farm")]
pub struct FarmFlags {
    #[command(flatten)]
    pub at: CoordinatorFlags,
    /// Fail if the coordinator cannot be reached, rather than paint on this machine
    #[arg(long)]
    pub require_farm: bool,
}

/// What painting on this machine may use.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "This machine")]
pub struct ComputeFlags {
    /// What to paint on: cpu, or cards where this program was built for them: cuda for all, cuda:0,
    /// cuda:0,1, metal
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Devices,
    /// How many threads to paint with [default: one for each core]
    #[arg(long, env = "IMPASTO_THREADS", value_name = "N", hide_env_values = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The most memory that painting may take on a device, such as 4G: large pictures are cut into
    /// tiles that fit [default: four fifths of what is free, or of the card]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
}

/// Where models are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "This machine")]
pub struct ModelsFlags {
    /// The folder of models [default: in the user's cache]
    #[arg(long, env = "IMPASTO_MODELS_DIR", value_name = "DIR", hide_env_values = true)]
    pub models_dir: Option<PathBuf>,
}

/// Where results are kept so that nothing is painted twice.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "This machine")]
pub struct CacheFlags {
    /// The folder of finished results [default: in the user's cache]
    #[arg(long, env = "IMPASTO_CACHE_DIR", value_name = "DIR", hide_env_values = true)]
    pub cache_dir: Option<PathBuf>,
}

/// A dependency file for Make, Ninja and CMake.
#[derive(Debug, Clone, Default, Args)]
pub struct DepfileFlag {
    /// Write the files that the outputs are made from to FILE, in Makefile syntax
    #[arg(long, value_name = "FILE")]
    pub depfile: Option<PathBuf>,
}

/// Whether to act at all.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct DryRunFlag {
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn rows() {
        let parses = |line: &str| {
            Cli::try_parse_from(line.split(' ')).map(drop).map_err(|error| error.kind())
        };
        use clap::error::ErrorKind::{
            ArgumentConflict, InvalidSubcommand, MissingRequiredArgument, UnknownArgument,
            ValueValidation,
        };
        for (line, expected) in [
            ("impasto build", Ok(())),
            (
                "impasto build town -v --threads 2 --max-memory 4G --seed 7 --coordinator http://farm:7421 --require-farm",
                Ok(()),
            ),
            ("impasto --json check town --models-dir m", Ok(())),
            ("impasto watch --poll --preset texture", Ok(())),
            (
                "impasto stylize a.png --style b.jpg:2 --style c.jpg -o d.png --init noise --tileable --preserve-color luminance",
                Ok(()),
            ),
            ("impasto synth a.png -o b.png --size 256 --device cpu", Ok(())),
            ("impasto job 7 --watch", Ok(())),
            ("impasto drain node-7 -n", Ok(())),
            ("impasto models pull", Ok(())),
            (
                "impasto bench --sizes 256,512 --random-weights --profile exact --threads 2 --json",
                Ok(()),
            ),
            ("impasto worker --max-memory 4G", Ok(())),
            ("impasto bench --size 8", Err(ValueValidation)),
            ("impasto models import a.whl --models-dir m", Ok(())),
            ("impasto coordinator --listen 127.0.0.1:0 --data-dir d", Ok(())),
            ("impasto worker --coordinator http://farm:7421 --name a", Ok(())),
            ("impasto build --device cuda:1", Ok(())),
            ("impasto build --device cuda:0,1", Ok(())),
            ("impasto worker --device cuda", Ok(())),
            ("impasto build --device cuda:0,0", Err(ValueValidation)),
            ("impasto build --device abacus", Err(ValueValidation)),
            ("impasto build -q -v", Err(ArgumentConflict)),
            ("impasto build --threads 0", Err(ValueValidation)),
            ("impasto build --colour", Err(UnknownArgument)),
            ("impasto stylize a.png -o d.png", Err(MissingRequiredArgument)),
            ("impasto job seven", Err(ValueValidation)),
            ("impasto paint", Err(InvalidSubcommand)),
        ] {
            assert_eq!(parses(line), expected, "{line}");
        }
    }
}
