//! Errors of the stores.

use std::io;
use std::path::{Path, PathBuf};

use impasto_types::Digest;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobStoreError {
    #[error("there is no blob {digest}")]
    Missing { digest: Digest },
    #[error("blob {digest} has {size_bytes} bytes; this store takes at most {max_blob_bytes}")]
    TooLarge { digest: Digest, size_bytes: u64, max_blob_bytes: u64 },
    #[error("blob {digest} was announced with {announced} bytes, but has {actual} or more")]
    Length { digest: Digest, announced: u64, actual: u64 },
    #[error("blob {digest} was announced, but the bytes have the digest {actual}")]
    Content { digest: Digest, actual: Digest },
    #[error("{} has changed since it was lent as blob {}", path.display(), digest.short())]
    Changed { digest: Digest, path: PathBuf },
    #[error("the disk is full: cannot write to {}", path.display())]
    DiskFull { path: PathBuf, source: io::Error },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl BlobStoreError {
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if impasto_files::is_disk_full(&source) {
            Self::DiskFull { path, source }
        } else {
            Self::Write { path, source }
        }
    }
}

/// A result could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ActionCacheError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Why expiry or a listing failed.
#[derive(Debug, thiserror::Error)]
pub enum ExpiryError {
    #[error("cannot list {}", path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error(
        "cannot lock {}: without locks, it is unknown what other processes use",
        path.display()
    )]
    Lock { path: PathBuf, source: io::Error },
    #[error("cannot remove {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
}
