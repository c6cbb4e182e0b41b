//! Reads a blob from a folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use impasto_types::{BlobRef, Digest};

use crate::{BlobStoreError, CHUNK_BYTES};

/// A blob that is being read. Its last chunk is returned only if all bytes are correct.
#[derive(Debug)]
pub struct BlobReader {
    blob: BlobRef,
    path: PathBuf,
    /// The folder for corrupt blobs; `None` if the file is lent.
    aside: Option<PathBuf>,
    /// `None` once the bytes were found to be wrong.
    file: Option<File>,
    /// Boxed, as what holds a reader is moved from task to thread and back.
    hasher: Box<blake3::Hasher>,
    read: u64,
    /// The largest size of the next chunk.
    limit_bytes: usize,
}

/// The size of the first chunk.
const FIRST_CHUNK_BYTES: usize = 16 << 10;

impl BlobReader {
    pub(crate) fn new(blob: BlobRef, path: PathBuf, aside: PathBuf, file: File) -> Self {
        Self { aside: Some(aside), ..Self::lent(blob, path, file) }
    }

    /// Reads a lent file. It is never moved, even if its bytes are wrong.
    pub(crate) fn lent(blob: BlobRef, path: PathBuf, file: File) -> Self {
        Self {
            blob,
            path,
            aside: None,
            file: Some(file),
            hasher: Box::default(),
            read: 0,
            limit_bytes: CHUNK_BYTES,
        }
    }

    /// Limits the chunks from now on, to no less than a byte.
    pub fn limit_chunks(&mut self, bytes: usize) {
        self.limit_bytes = bytes.clamp(1, CHUNK_BYTES);
    }

    /// The size of the next chunk. It grows as the caller reads on, so that many callers that stop
    /// reading take little memory.
    fn chunk_bytes(&self) -> usize {
        let grown = usize::try_from(self.read / 4).unwrap_or(CHUNK_BYTES);
        grown.max(FIRST_CHUNK_BYTES).min(self.limit_bytes)
    }

    /// The next chunk; `None` after the last one.
    ///
    /// # Errors
    /// The bytes do not match the digest or length, or cannot be read.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, BlobStoreError> {
        let Some(file) = &self.file else {
            return Err(BlobStoreError::Missing { digest: self.blob.digest });
        };
        let most = self.chunk_bytes() as u64;
        let left = self.blob.size_bytes.saturating_sub(self.read);
        // At most `CHUNK_BYTES`. A vector that grows by itself has twice what it needs.
        let mut chunk = Vec::with_capacity(most.min(left) as usize);
        let taken = file.take(most).read_to_end(&mut chunk);
        taken.map_err(|source| BlobStoreError::Read { path: self.path.clone(), source })?;
        self.read += chunk.len() as u64;
        self.hasher.update(&chunk);
        let at_end = self.read >= self.blob.size_bytes || chunk.is_empty();
        if at_end
            && (self.read != self.blob.size_bytes
                || Digest::of_hasher(&self.hasher) != self.blob.digest)
        {
            return Err(self.reject());
        }
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()).map(Bytes::from))
    }

    /// Moves a corrupt blob out of the store, so that it can be stored again.
    fn reject(&mut self) -> BlobStoreError {
        let digest = self.blob.digest;
        // Closed first, since some systems cannot move an open file.
        let length =
            self.file.take().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
        let Some(aside) = &self.aside else {
            return BlobStoreError::Changed { digest, path: self.path.clone() };
        };
        // If the lengths differ, the caller's may be wrong: that does not prove that the blob is
        // corrupt.
        if length == Some(self.blob.size_bytes) {
            tracing::warn!(
                %digest,
                path = %self.path.display(),
                "a corrupt blob is moved to blobs/corrupt"
            );
            let moved = fs::create_dir_all(aside)
                .and_then(|()| fs::rename(&self.path, aside.join(digest.to_hex())))
                .or_else(|_| fs::remove_file(&self.path));
            if let Err(error) = moved {
                tracing::error!(path = %self.path.display(), %error, "cannot remove the blob");
            }
        }
        BlobStoreError::Missing { digest }
    }
}
