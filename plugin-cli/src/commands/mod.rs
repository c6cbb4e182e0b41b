//! One file for each command: its flags, and its calls of the libraries.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod coordinator;
pub(crate) mod drain;
pub(crate) mod fill;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod presets;
pub(crate) mod preview;
mod recipe_help;
pub(crate) mod retry;
pub(crate) mod sheet;
pub(crate) mod stylize;
pub(crate) mod submit;
pub(crate) mod synth;
pub(crate) mod train;
pub(crate) mod watch;
pub(crate) mod worker;
pub(crate) mod workers;

use clap::{CommandFactory, Parser, Subcommand};

use crate::flags::OutputFlags;
use crate::{Context, Exit, Failure};

/// Paints a project's assets in a style.
///
/// `impasto init` writes an impasto.toml for the current folder. `impasto build` paints what that
/// file says, on this machine or on a farm; the next time, it paints only what has changed.
#[derive(Debug, Parser)]
#[command(
    name = "impasto",
    version,
    max_term_width = 100,
    after_help = "An argument @FILE stands for the lines of FILE. Exit codes: 0 done or up to \
                  date, 1 some assets failed or are stale, \
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
    Preview(preview::PreviewArgs),
    Clean(clean::CleanArgs),
    Stylize(stylize::StylizeArgs),
    Synth(synth::SynthArgs),
    Fill(fill::FillArgs),
    Sheet(sheet::SheetArgs),
    Train(train::TrainArgs),
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
    Cache(cache::CacheArgs),
    Bench(bench::BenchArgs),
    Init(init::InitArgs),
    Inspect(inspect::InspectArgs),
    Presets(presets::PresetsArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// The command line, with the presets' values in the help of recipe flags.
pub(crate) fn command() -> clap::Command {
    recipe_help::with_defaults(Cli::command())
}

pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Build(args) => build::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Watch(args) => watch::run(args, context),
        Command::Preview(args) => preview::run(args, context),
        Command::Clean(args) => clean::run(args, context),
        Command::Stylize(args) => stylize::run(args, context),
        Command::Synth(args) => synth::run(args, context),
        Command::Fill(args) => fill::run(args, context),
        Command::Sheet(args) => sheet::run(args, context),
        Command::Train(args) => train::run(args, context),
        Command::Submit(args) => submit::run(args, context),
        Command::Jobs(args) => jobs::run(args, context),
        Command::Job(args) => job::run(args, context),
        Command::Cancel(args) => cancel::run(args, context),
        Command::Retry(args) => retry::run(args, context),
        Command::Workers(args) => workers::run(args, context),
        Command::Drain(args) => drain::run(args, context),
        Command::Coordinator(args) => coordinator::run(args, context),
        Command::Worker(args) => worker::run(args, context),
        Command::Models(args) => models::run(args, context),
        Command::Cache(args) => cache::run(args, context),
        Command::Bench(args) => bench::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Inspect(args) => inspect::run(args, context),
        Command::Presets(args) => presets::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_method_of_another_command_is_not_listed() {
        for name in ["build", "plan", "check", "watch", "submit", "preview", "stylize"] {
            let mut cli = command();
            let found = cli.find_subcommand_mut(name).expect("it is one");
            let help = found.render_long_help().to_string();
            assert!(help.contains("--method") && help.contains("- arbitrary"), "{name}: {help}");
            assert!(!help.contains("synthesize"), "{name}: {help}");
        }
        let mut cli = command();
        let help = cli.find_subcommand_mut("synth").expect("it is one").render_long_help();
        assert!(!help.to_string().contains("--method"), "{help}");
    }

    #[test]
    fn rows() {
        let parses = |line: &str| {
            let arguments = line.split(' ').map(Into::into).collect();
            crate::parse(arguments).map(drop).map_err(|error| error.kind())
        };
        use clap::error::ErrorKind::{
            ArgumentConflict, InvalidSubcommand, InvalidValue, MissingRequiredArgument,
            UnknownArgument, ValueValidation,
        };
        for (line, expected) in [
            ("impasto build", Ok(())),
            (
                "impasto build town -v --threads 2 --max-memory 4G --seed 7 \
                 --coordinator http://farm:7421 --require-farm",
                Ok(()),
            ),
            ("impasto --json check town --models-dir m", Ok(())),
            ("impasto watch --poll --preset texture", Ok(())),
            (
                "impasto stylize a.png --style b.jpg:2 --style c.jpg -o d.png --init noise \
                 --tileable --preserve-color luminance",
                Ok(()),
            ),
            ("impasto synth a.png -o b.png --size 256 --device cpu", Ok(())),
            ("impasto fill a.png --mask b.png --tileable -o c.png", Ok(())),
            ("impasto fill a.png --seamless --band 40 -o c.png --threads 2", Ok(())),
            ("impasto fill --seamless x a.png -o c.png --along a_n.png=c_n.png", Ok(())),
            ("impasto fill a.png --seamless -o c.png --along a_n.png", Err(ValueValidation)),
            ("impasto fill a.png -o c.png", Err(MissingRequiredArgument)),
            ("impasto fill a.png --mask b.png --band 8 -o c.png", Err(MissingRequiredArgument)),
            ("impasto sheet a.png --style b.jpg --style c.jpg -o d.html", Ok(())),
            (
                "impasto sheet a.png --style b.jpg --method arbitrary --strength 0.5 --strength 1 \
                 --model d.safetensors --preset texture --tileable both -o d.html",
                Ok(()),
            ),
            ("impasto sheet a.png -o d.html", Err(MissingRequiredArgument)),
            ("impasto train a.jpg b.jpg -o c.safetensors --content d --steps 9 --batch 1", Ok(())),
            ("impasto train a.jpg -o c.safetensors --licence CC0 --force", Ok(())),
            ("impasto train a.jpg --content d", Err(MissingRequiredArgument)),
            ("impasto plan town --why walls/a.png --cache-dir c", Ok(())),
            ("impasto presets --json", Ok(())),
            ("impasto inspect a.png b.tga --format jpg", Ok(())),
            ("impasto inspect", Err(MissingRequiredArgument)),
            ("impasto stylize a.png --style b.jpg --style-crop 0,40,0,40 -o d.png", Ok(())),
            ("impasto synth a.png --style-crop 8 --size 64 -o d.png", Ok(())),
            ("impasto synth a.png --style-crop 8,8 --size 64 -o d.png", Err(ValueValidation)),
            ("impasto stylize --tileable a.png --style b.jpg -o d.png", Ok(())),
            ("impasto stylize --tileable both a.png --style b.jpg -o d.png", Ok(())),
            ("impasto stylize --tileable=x a.png --style b.jpg -o d.png --force", Ok(())),
            ("impasto stylize --preserve-color a.png --style b.jpg -o d.png", Ok(())),
            ("impasto synth --tileable a.png -o b.png --size 256", Ok(())),
            ("impasto build --tileable town", Ok(())),
            ("impasto build --tileable=up", Err(InvalidValue)),
            ("impasto build --only a/*.png --only b.png", Ok(())),
            ("impasto check town --only **/a.png", Ok(())),
            ("impasto preview town --only **/a.png --size 128 --threads 2", Ok(())),
            ("impasto preview --size 8", Err(ValueValidation)),
            ("impasto clean town -n", Ok(())),
            ("impasto clean --force", Ok(())),
            ("impasto build --depfile a.d --depfile-target stamp", Ok(())),
            ("impasto build --depfile-target stamp", Err(MissingRequiredArgument)),
            ("impasto job 7 --watch", Ok(())),
            ("impasto drain node-7 -n", Ok(())),
            ("impasto models pull", Ok(())),
            ("impasto cache --cache-dir c --json", Ok(())),
            ("impasto cache prune --max-size 10G --max-age 30d -n", Ok(())),
            ("impasto cache remove 0123456789ab --cache-dir c", Ok(())),
            ("impasto cache prune --max-age 30", Err(ValueValidation)),
            ("impasto cache remove 0123", Err(ValueValidation)),
            ("impasto cache remove", Err(MissingRequiredArgument)),
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
