//! Transfers blobs to and from a worker: over the network with a cache, or through a folder that it
//! shares with its coordinator.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use impasto_blobs::{BlobStore, BlobStoreError, blocking};
use impasto_proto::client::{BlobError, Blobs};
use impasto_types::{BlobRef, Digest, FailureKind};
use tonic::{Code, Status};
use tracing::warn;

use crate::blob_cache::BlobCache;

#[derive(Debug)]
pub(crate) enum BlobLink {
    Network { blobs: Blobs, cache: Arc<BlobCache> },
    Disk(BlobStore),
}

/// Why a blob was not transferred.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransferError {
    #[error(transparent)]
    Network(#[from] BlobError),
    #[error(transparent)]
    Disk(#[from] BlobStoreError),
}

impl BlobLink {
    /// Reads a blob that several tasks may need: from the cache, or from the coordinator, and then
    /// caches it.
    pub(crate) async fn fetch(&self, blob: BlobRef) -> Result<Vec<u8>, TransferError> {
        let Self::Network { blobs, cache } = self else { return self.fetch_once(blob).await };
        let looked = Arc::clone(cache);
        if let Some(bytes) = blocking(move || looked.get(blob)).await {
            return Ok(bytes);
        }
        let (bytes, cache) = (blobs.download(blob).await?, Arc::clone(cache));
        let kept = blocking(move || {
            // A cache that cannot be written costs time, but does not fail the task.
            if let Err(error) = cache.put(blob, &bytes) {
                warn!(%error, blob = %blob.digest.short(), "cannot cache a blob");
            }
            bytes
        });
        Ok(kept.await)
    }

    /// Reads a blob that is not needed again, without the cache.
    pub(crate) async fn fetch_once(&self, blob: BlobRef) -> Result<Vec<u8>, TransferError> {
        match self {
            Self::Network { blobs, .. } => Ok(blobs.download(blob).await?),
            Self::Disk(store) => Ok(store.read(blob).await?),
        }
    }

    /// Downloads a blob that is too large for memory into a file.
    pub(crate) async fn fetch_to(&self, blob: BlobRef, path: &Path) -> Result<(), TransferError> {
        match self {
            Self::Network { blobs, .. } => Ok(blobs.download_to(blob, path).await?),
            Self::Disk(store) => Ok(store.copy_to(blob, path).await?),
        }
    }

    /// The blobs among `blobs` that the coordinator lacks.
    pub(crate) async fn missing(&self, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, TransferError> {
        match self {
            Self::Network { blobs: remote, .. } => Ok(remote.find_missing(blobs).await?),
            Self::Disk(store) => Ok(store.missing(blobs.to_vec()).await),
        }
    }

    /// Uploads a blob to the coordinator, unless it has it.
    pub(crate) async fn hand_in(&self, blob: BlobRef, bytes: Bytes) -> Result<(), TransferError> {
        match self {
            Self::Network { blobs, .. } => {
                if blobs.find_missing(&[blob]).await?.is_empty() {
                    return Ok(());
                }
                Ok(blobs.upload(blob, bytes).await?)
            }
            Self::Disk(store) => Ok(store.put(bytes).await.map(drop)?),
        }
    }

    /// The most recently used blobs, at most `count`, so that tasks that need them are preferably
    /// granted here. None on a shared disk, where all workers have all blobs.
    pub(crate) fn newest(&self, count: usize) -> Vec<Digest> {
        match self {
            Self::Network { cache, .. } => cache.newest(count),
            Self::Disk(_) => Vec::new(),
        }
    }
}

impl TransferError {
    /// Whether the coordinator is unreachable, or has no room at the moment.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Network(BlobError::Call { source, .. } | BlobError::FindMissing { source }) => {
                is_connection(source) || source.code() == Code::ResourceExhausted
            }
            Self::Network(
                BlobError::Missing { .. }
                | BlobError::Corrupt { .. }
                | BlobError::TooLong { .. }
                | BlobError::Answer(_)
                | BlobError::Read { .. }
                | BlobError::Write { .. },
            )
            | Self::Disk(_) => false,
        }
    }

    /// Whether the coordinator lacks the blob.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Network(error) => matches!(error, BlobError::Missing { .. }),
            Self::Disk(error) => matches!(error, BlobStoreError::Missing { .. }),
        }
    }

    /// Who is at fault, if not the connection.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Network(error) => match error {
                // The bytes that this machine sent, or took, are not those that it meant.
                BlobError::Call { source, .. } | BlobError::FindMissing { source }
                    if source.code() == Code::InvalidArgument =>
                {
                    FailureKind::Machine
                }
                BlobError::Corrupt { .. }
                | BlobError::TooLong { .. }
                | BlobError::Read { .. }
                | BlobError::Write { .. } => FailureKind::Machine,
                BlobError::Call { .. }
                | BlobError::FindMissing { .. }
                | BlobError::Missing { .. }
                | BlobError::Answer(_) => FailureKind::Coordinator,
            },
            Self::Disk(error) => match error {
                // A file of the project has changed since the build began: a retry would fail too.
                BlobStoreError::Changed { .. } => FailureKind::Input,
                BlobStoreError::Missing { .. } => FailureKind::Coordinator,
                BlobStoreError::TooLarge { .. }
                | BlobStoreError::Length { .. }
                | BlobStoreError::Content { .. }
                | BlobStoreError::DiskFull { .. }
                | BlobStoreError::Read { .. }
                | BlobStoreError::Write { .. } => FailureKind::Machine,
            },
        }
    }
}

/// A status sent by the peer has no source; one made for a broken connection has.
fn is_connection(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_failed_transfer_says_whose_fault_it_was() {
        let digest = Digest::of(b"wall");
        let (full, path) = (|| io::Error::other("full"), PathBuf::from("wall"));
        let call = |source| BlobError::Call { action: "upload", digest, source };
        for (error, kind, missing) in [
            (BlobError::Missing { digest }.into(), FailureKind::Coordinator, true),
            (call(Status::resource_exhausted("full")).into(), FailureKind::Coordinator, false),
            (call(Status::internal("no descriptors")).into(), FailureKind::Coordinator, false),
            (call(Status::invalid_argument("other bytes")).into(), FailureKind::Machine, false),
            (
                BlobError::Write { path: path.clone(), source: full() }.into(),
                FailureKind::Machine,
                false,
            ),
            (BlobStoreError::Missing { digest }.into(), FailureKind::Coordinator, true),
            (
                BlobStoreError::DiskFull { path: path.clone(), source: full() }.into(),
                FailureKind::Machine,
                false,
            ),
            (BlobStoreError::Changed { digest, path }.into(), FailureKind::Input, false),
        ] {
            let error: TransferError = error;
            assert_eq!((error.kind(), error.is_missing()), (kind, missing), "{error}");
        }
    }
}
