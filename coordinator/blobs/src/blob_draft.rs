//! Writes a blob whose digest is known only at its end.

use std::io::Write;

use impasto_files::{AtomicFile, Durability};
use impasto_types::{BlobRef, Digest};

use crate::BlobStoreError;
use crate::inventory::Folder;

/// A blob that is being made. Discarded if it is dropped before [`Self::finish`].
#[derive(Debug)]
pub struct BlobDraft {
    folder: Folder,
    file: AtomicFile,
    max_blob_bytes: u64,
    /// Boxed, as what holds a draft is moved from task to thread and back.
    hasher: Box<blake3::Hasher>,
    written: u64,
}

impl BlobDraft {
    pub(crate) fn new(folder: Folder, file: AtomicFile, max_blob_bytes: u64) -> Self {
        Self { folder, file, max_blob_bytes, hasher: Box::default(), written: 0 }
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// There are more than a blob may have, or they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BlobStoreError> {
        self.written += bytes.len() as u64;
        self.hasher.update(bytes);
        if self.written > self.max_blob_bytes {
            let BlobRef { digest, size_bytes } = self.blob();
            let max_blob_bytes = self.max_blob_bytes;
            return Err(BlobStoreError::TooLarge { digest, size_bytes, max_blob_bytes });
        }
        let written = self.file.write_all(bytes);
        written.map_err(|source| BlobStoreError::write(self.folder.root(), source))
    }

    /// The blob that the bytes so far are.
    pub fn blob(&self) -> BlobRef {
        BlobRef { digest: Digest::of_hasher(&self.hasher), size_bytes: self.written }
    }

    /// Adds the blob to the store.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self) -> Result<BlobRef, BlobStoreError> {
        let blob = self.blob();
        let path = self.folder.path_of(blob.digest);
        let stored = self.file.persist(&path, Durability::Content);
        stored.map(|()| blob).map_err(|source| BlobStoreError::write(&path, source))
    }
}
