//! What cannot be listed.

use std::io;
use std::path::PathBuf;

use impasto_types::{AssetPath, AssetPathError};

use crate::contained::LeavesProject;

/// Why a project could not be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("cannot list the folder of assets, {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "the folder of assets, {}, is a link out of the project; name the folder that it leads to \
         in `links` of [project]",
        path.display()
    )]
    LinkedFolder { path: PathBuf },
}

/// A file or folder that cannot be an asset. It counts as a failure and does not stop the others.
#[derive(Debug, thiserror::Error)]
pub enum ScanProblem {
    #[error("`{path}` has a name that is not Unicode: rename it")]
    NotUnicode { path: String },
    #[error("`{path}` has a name that not every system can store: rename it")]
    Name { path: String, source: AssetPathError },
    #[error(
        "{0}; name the folder that it leads to in `links` of [project], or copy the file into the \
         project"
    )]
    Leaves(LeavesProject),
    #[error("`{path}` cannot be read")]
    Unreadable { path: String, source: io::Error },
    #[error("`{path}` changed each time it was read: something is still writing it")]
    Unstable { path: AssetPath },
}

impl ScanProblem {
    /// The file or folder, relative to the project's.
    pub fn path(&self) -> &str {
        match self {
            Self::NotUnicode { path }
            | Self::Name { path, .. }
            | Self::Leaves(LeavesProject { path })
            | Self::Unreadable { path, .. } => path,
            Self::Unstable { path } => path.as_str(),
        }
    }
}
