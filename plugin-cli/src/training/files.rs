//! The files of a run: the network, and what lies beside it under its name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use impasto_files::Durability;

/// Names beside a network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) model: PathBuf,
}

/// A file of a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub(crate) struct TrainFileError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Beside {
    /// The model's name without its last extension, and another one.
    fn named(&self, extension: &str) -> PathBuf {
        self.model.with_extension(extension)
    }

    /// Where the run goes on from.
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.named("checkpoint")
    }

    /// Held-out pictures, and what the network makes of them.
    pub(crate) fn preview(&self) -> PathBuf {
        self.named("preview.png")
    }

    pub(crate) fn report(&self) -> PathBuf {
        self.named("report.html")
    }

    /// All of them.
    pub(crate) fn all(&self) -> [PathBuf; 4] {
        [self.model.clone(), self.checkpoint(), self.preview(), self.report()]
    }
}

/// Reads a file; `None` where there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, TrainFileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TrainFileError { doing: "read", path: path.to_owned(), source }),
    }
}

/// Writes a file so that it is there as a whole, or the old one is.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainFileError> {
    impasto_files::write(path, bytes, Durability::Content).map_err(|source| TrainFileError {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), TrainFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(TrainFileError { doing: "remove", path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
