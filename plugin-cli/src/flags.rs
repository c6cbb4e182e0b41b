//! The flags that several commands share.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use impasto_painter::Devices;

use crate::units::parse_size;

/// The form of results and messages, for every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Print one JSON document, or JSON lines, on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors and results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more: -v how pictures are cut into tiles, -vv the libraries' log, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The project's folder.
#[derive(Debug, Clone, Args)]
pub struct ProjectArgs {
    /// The folder of impasto.toml, or a manifest file
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// The coordinator to use.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Farm")]
pub struct CoordinatorFlags {
    /// The coordinator's address, such as http://farm:7421
    #[arg(long, env = "IMPASTO_COORDINATOR", value_name = "URL", hide_env_values = true)]
    pub coordinator: Option<String>,
}

/// The farm that a build uses.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Farm")]
pub struct FarmFlags {
    #[command(flatten)]
    pub at: CoordinatorFlags,
    /// Fail if the coordinator cannot be reached, instead of painting on this machine
    #[arg(long)]
    pub require_farm: bool,
}

/// The resources for painting on this machine.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "This machine")]
pub struct ComputeFlags {
    /// The device to paint on: cpu, or GPUs if this program was built for them: cuda for all,
    /// cuda:0, cuda:0,1, metal
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Devices,
    /// The number of threads to paint with [default: one per core]
    #[arg(long, env = "IMPASTO_THREADS", value_name = "N", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The memory limit of a device, such as 4G: large pictures are cut into tiles that fit
    /// [default: four fifths of the free memory, or of the GPU's]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
}

/// The model store.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "This machine")]
pub struct ModelsFlags {
    /// The folder of models [default: in the user's cache]
    #[arg(long, env = "IMPASTO_MODELS_DIR", value_name = "DIR", hide_env_values = true)]
    pub models_dir: Option<PathBuf>,
}

/// The cache of results.
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
    /// Write what the outputs depend on to FILE, in Makefile syntax
    #[arg(long, value_name = "FILE")]
    pub depfile: Option<PathBuf>,
    /// The target in the depfile instead of the outputs, such as a stamp that is touched after the
    /// build; may be repeated
    #[arg(long, value_name = "NAME", requires = "depfile")]
    pub depfile_target: Vec<PathBuf>,
}

/// Whether to do anything.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct DryRunFlag {
    /// Only print what would be done
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}
