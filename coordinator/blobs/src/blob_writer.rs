//! A blob on its way into a folder.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use impasto_files::{AtomicFile, Durability};
use impasto_types::{BlobRef, Digest};

use crate::BlobStoreError;

/// A blob that is being written. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    blob: BlobRef,
    path: PathBuf,
    file: AtomicFile,
    hasher: blake3::Hasher,
    written: u64,
}

impl BlobWriter {
    pub(crate) fn new(blob: BlobRef, path: PathBuf, file: AtomicFile) -> Self {
        Self { blob, path, file, hasher: blake3::Hasher::new(), written: 0 }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They are more than was announced, or cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobStoreError> {
        self.written += bytes.len() as u64;
        if self.written > self.blob.size_bytes {
            return Err(self.wrong_length());
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|source| BlobStoreError::write(&self.path, source))
    }

    /// Checks what was written; the blob is there from now on.
    ///
    /// # Errors
    /// The bytes are not those that were announced, or cannot be written.
    pub fn finish(self) -> Result<BlobRef, BlobStoreError> {
        if self.written != self.blob.size_bytes {
            return Err(self.wrong_length());
        }
        let actual = Digest::of_hasher(&self.hasher);
        if actual != self.blob.digest {
            return Err(BlobStoreError::Content { digest: self.blob.digest, actual });
        }
        match self.file.persist(&self.path, Durability::Content) {
            // Where a file that someone reads cannot be replaced, another process was first with
            // the same bytes.
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
