//! The store's record of one model: `vgg19.json`.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use impasto_types::Digest;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The files of weights in the store, and which of them the model's name refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub current: Option<Digest>,
    pub files: Vec<Stamp>,
}

/// A file's digest, length and time. While length and time are unchanged, the digest is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    pub digest: Digest,
    pub size_bytes: u64,
    /// Nanoseconds since 1970; zero if the file system has no times.
    pub modified_ns: u64,
}

impl Stamp {
    pub(crate) fn of(digest: Digest, metadata: &Metadata) -> Self {
        let since_epoch =
            metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns =
            since_epoch.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        Self { digest, size_bytes: metadata.len(), modified_ns }
    }
}

impl Record {
    /// Reads a record; a missing file is an empty record.
    pub(crate) fn load(path: &Path) -> Result<Self, ModelError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| ModelError::Record { path: path.to_owned(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ModelError::io("read", path)(error)),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Digests and numbers serialise without errors.
        serde_json::to_vec_pretty(self).expect("a record serialises")
    }

    pub(crate) fn stamp(&self, digest: Digest) -> Option<&Stamp> {
        self.files.iter().find(|stamp| stamp.digest == digest)
    }

    /// Adds a file or replaces its entry.
    pub(crate) fn put(&mut self, stamp: Stamp) {
        self.files.retain(|other| other.digest != stamp.digest);
        self.files.push(stamp);
    }
}
