//! The one file that a command writes, and what is written beside it.

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_project::replace_output;
use impasto_types::{ContainerFormat, OutputSpec, Part};

use crate::flags::DepfileFlag;
use crate::{Failure, Screen, overwrite};

/// The quality of a JPEG if none is given; other formats ignore it.
const DEFAULT_QUALITY: u8 = 90;

/// Where a picture is written, and how.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// The file to write; its extension chooses the format
    #[arg(short, long = "output", value_name = "OUT")]
    path: PathBuf,
    /// Write the file even if it is one of the pictures that are read
    #[arg(long)]
    force: bool,
    /// The quality of a JPEG [default: 90]
    #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    #[command(flatten)]
    depfile: DepfileFlag,
}

/// Why a file cannot be written so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("`{}` has no known extension: use {}", path.display(),
        ContainerFormat::list(ContainerFormat::ALL, "or"))]
    NoFormat { path: PathBuf },
    #[error("--quality is for JPEG: {} is written as {format}, which has none", path.display())]
    Quality { path: PathBuf, format: ContainerFormat },
}

impl OutputArgs {
    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// # Errors
    /// If the file's extension is that of no format, or the format has no quality.
    pub(crate) fn spec(&self) -> Result<OutputSpec, OutputError> {
        let path = || self.path.clone();
        let extension = self.path.extension();
        let format = extension
            .and_then(|extension| ContainerFormat::from_extension(&extension.to_string_lossy()))
            .ok_or_else(|| OutputError::NoFormat { path: path() })?;
        if self.quality.is_some() && !format.has_quality() {
            return Err(OutputError::Quality { path: path(), format });
        }
        let quality = self.quality.unwrap_or(DEFAULT_QUALITY);
        Ok(OutputSpec { part: Part::Color, format, quality })
    }

    /// Refuses to write over a picture that is read. Only the output may do so, with `--force`.
    pub(crate) fn check_overwrites<'a, I>(&'a self, read: impl Fn() -> I) -> Result<(), Failure>
    where
        I: Iterator<Item = &'a Path>,
    {
        if !self.force {
            overwrite::refuse(&self.path, read())
                .map_err(|error| Failure::usage(error).hint("give another -o, or --force"))?;
        }
        let Some(depfile) = &self.depfile.depfile else { return Ok(()) };
        let pictures = read().chain([self.path.as_path()]);
        overwrite::refuse(depfile, pictures).map_err(Failure::usage)?;
        if *depfile == self.path {
            let text = format!("-o and --depfile are both {}", depfile.display());
            return Err(Failure::usage(text));
        }
        Ok(())
    }

    /// Writes the file, and the depfile if one is asked for, of what was read.
    pub(crate) fn write<'a>(
        &self,
        bytes: &[u8],
        read: impl Iterator<Item = &'a Path>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        replace_output(&self.path, bytes).map_err(Failure::here)?;
        // The paths live as long as each other.
        let read: Vec<&Path> = read.collect();
        self.depfile.write([self.path.as_path()], read, screen)
    }
}
