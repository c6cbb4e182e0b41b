//! Writes a blob to a folder.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use impasto_files::{AtomicFile, Durability};
use impasto_types::{BlobRef, Digest};

use crate::BlobStoreError;

/// A blob that is being written. Discarded if it is dropped before [`Self::finish`].
#[derive(Debug)]
pub struct BlobWriter {
    blob: BlobRef,
    path: PathBuf,
    file: AtomicFile,
    /// Boxed, as what holds a writer is moved from task to thread and back.
    hasher: Box<blake3::Hasher>,
    written: u64,
}

impl BlobWriter {
    pub(crate) fn new(blob: BlobRef, path: PathBuf, file: AtomicFile) -> Self {
        Self { blob, path, file, hasher: Box::default(), written: 0 }
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// There are more bytes than announced, or they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobStoreError> {
        self.written += bytes.len() as u64;
        if self.written > self.blob.size_bytes {
            return Err(self.wrong_length());
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|source| BlobStoreError::write(&self.path, source))
    }

    /// Checks the bytes and adds the blob to the store.
    ///
    /// # Errors
    /// The bytes differ from the announced digest or length, or cannot be written.
    pub fn finish(self) -> Result<BlobRef, BlobStoreError> {
        self.finish_as(Durability::Content)
    }

    pub(crate) fn finish_as(self, durability: Durability) -> Result<BlobRef, BlobStoreError> {
        if self.written != self.blob.size_bytes {
            return Err(self.wrong_length());
        }
        let actual = Digest::of_hasher(&self.hasher);
        if actual != self.blob.digest {
            return Err(BlobStoreError::Content { digest: self.blob.digest, actual });
        }
        match self.file.persist(&self.path, durability) {
            // Some systems cannot replace a file that is being read. Then another process has
            // stored the same bytes.
            Err(_)
                if fs::metadata(&self.path)
                    .is_ok_and(|there| there.len() == self.blob.size_bytes) =>
            {
                Ok(self.blob)
            }
            Err(source) => Err(BlobStoreError::write(&self.path, source)),
            Ok(()) => Ok(self.blob),
        }
    }

    fn wrong_length(&self) -> BlobStoreError {
        BlobStoreError::Length {
            digest: self.blob.digest,
            announced: self.blob.size_bytes,
            actual: self.written,
        }
    }
}
