//! The one file that a command writes, and what is written beside it.

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_project::replace_outputs;
use impasto_types::{ContainerFormat, OutputSpec, Part};

use crate::flags::DepfileFlag;
use crate::model_files::BesideModel;
use crate::{Failure, Screen, overwrite};

/// The quality of a JPEG if none is given; other formats ignore it.
const DEFAULT_QUALITY: u8 = 90;

/// Where a picture is written, and how.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// The file to write; its extension chooses the format
    #[arg(short = 'o', long = "output", value_name = "OUT")]
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
    #[error("{} cannot be written: a psb stays one, and no other picture becomes one",
        path.display())]
    LargeDocument { path: PathBuf },
}

impl OutputArgs {
    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the file is not there yet, and nothing may be replaced.
    pub(crate) fn is_new(&self) -> bool {
        !self.force && !self.path.exists()
    }

    /// Where a file is written that the model names.
    pub(crate) fn beside(&self, file: &BesideModel) -> PathBuf {
        file.path(&self.path)
    }

    /// # Errors
    /// If the file's extension is that of no format, or the format has no quality.
    pub(crate) fn spec(&self, asset: Option<&Path>) -> Result<OutputSpec, OutputError> {
        let spec = self.spec_of(&self.path, asset)?;
        let OutputSpec { format, .. } = spec;
        if self.quality.is_some() && !format.has_quality() {
            return Err(OutputError::Quality { path: self.path.clone(), format });
        }
        Ok(spec)
    }

    /// How another file, of the picture `asset`, is written beside it.
    ///
    /// # Errors
    /// If its extension is that of no format, or of another size of documents than the asset's.
    pub(crate) fn spec_of(
        &self,
        path: &Path,
        asset: Option<&Path>,
    ) -> Result<OutputSpec, OutputError> {
        let extension = path.extension();
        let format = extension
            .and_then(|extension| ContainerFormat::from_extension(&extension.to_string_lossy()))
            .ok_or_else(|| OutputError::NoFormat { path: path.to_owned() })?;
        if format == ContainerFormat::Psd && is_large(path) != asset.is_some_and(is_large) {
            return Err(OutputError::LargeDocument { path: path.to_owned() });
        }
        let quality = self.quality.unwrap_or(DEFAULT_QUALITY);
        Ok(OutputSpec { part: Part::Color, format, quality })
    }

    /// Refuses to write over a picture that is read, or twice to the same file. Only outputs may
    /// replace what is read, with `--force`. `more` are the other files that are written.
    pub(crate) fn check_overwrites(&self, more: &[&Path], read: &[&Path]) -> Result<(), Failure> {
        let written = || more.iter().copied().chain([self.path.as_path()]);
        if !self.force {
            for path in written() {
                overwrite::refuse(path, read.iter().copied())
                    .map_err(|error| Failure::usage(error).hint("give another -o, or --force"))?;
            }
        }
        if let Some(depfile) = &self.depfile.depfile {
            overwrite::refuse(depfile, read.iter().copied()).map_err(Failure::usage)?;
        }
        let depfile = self.depfile.depfile.iter().map(PathBuf::as_path);
        let all: Vec<&Path> = written().chain(depfile).collect();
        let twice = (0..all.len())
            .find(|at| all[..*at].iter().any(|before| overwrite::is_same(before, all[*at])));
        twice.map_or(Ok(()), |at| {
            Err(Failure::usage(format!("{} would be written twice", all[at].display())))
        })
    }

    /// Writes the file and others, and the depfile if one is asked for, of what was read.
    pub(crate) fn write(
        &self,
        bytes: &[u8],
        more: &[(&Path, &[u8])],
        read: &[&Path],
        screen: &Screen,
    ) -> Result<(), Failure> {
        let files = [(self.path.as_path(), bytes)].into_iter().chain(more.iter().copied());
        replace_outputs(files.clone()).map_err(Failure::here)?;
        self.depfile.write(files.map(|(path, _)| path), read.iter().copied(), screen)
    }
}

/// Whether a file's name is that of a large document of Photoshop.
fn is_large(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy());
    extension.is_some_and(|extension| ContainerFormat::is_large_extension(&extension))
}
