//! Blobs, for asynchronous callers.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use impasto_types::{BlobRef, Digest};

use crate::blocking::blocking;
use crate::{BlobReader, BlobStoreError, BlobWriter, Expired, Expiry, ExpiryError, LocalBlobs};
use crate::{Hold, hold};

/// A store of blobs. Clones are handles on the same store.
#[derive(Debug, Clone)]
pub struct BlobStore {
    local: LocalBlobs,
}

impl From<LocalBlobs> for BlobStore {
    fn from(local: LocalBlobs) -> Self {
        Self { local }
    }
}

impl BlobStore {
    /// Opens the store in `data_dir`, and makes it where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub async fn open(data_dir: PathBuf, max_blob_bytes: u64) -> Result<Self, BlobStoreError> {
        blocking(move || LocalBlobs::open(&data_dir, max_blob_bytes)).await.map(Self::from)
    }

    /// The same store for threads that may block.
    pub fn local(&self) -> &LocalBlobs {
        &self.local
    }

    /// Those of `blobs` that are not there, as far as lengths tell. Asking counts as a use.
    pub async fn missing(&self, blobs: Vec<BlobRef>) -> Vec<BlobRef> {
        self.run(move |local| local.missing(&blobs)).await
    }

    /// The blob of this digest, if there is one. Asking counts as a use.
    pub async fn find(&self, digest: Digest) -> Option<BlobRef> {
        self.run(move |local| local.find(digest)).await
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// As [`LocalBlobs::put`].
    pub async fn put(&self, bytes: Bytes) -> Result<BlobRef, BlobStoreError> {
        self.run(move |local| local.put(&bytes)).await
    }

    /// Stores a file that has to be `blob`.
    ///
    /// # Errors
    /// As [`LocalBlobs::put_file`].
    pub async fn put_file(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.put_file(blob, &path)).await
    }

    /// Lets a file elsewhere stand in for `blob`.
    ///
    /// # Errors
    /// As [`LocalBlobs::lend`].
    pub async fn lend(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.lend(blob, &path)).await
    }

    /// Copies a blob into a file, checked.
    ///
    /// # Errors
    /// As [`LocalBlobs::copy_to`].
    pub async fn copy_to(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.copy_to(blob, &path)).await
    }

    /// Begins to store a blob whose bytes come piece by piece.
    ///
    /// # Errors
    /// As [`LocalBlobs::writer`].
    pub async fn sink(&self, blob: BlobRef) -> Result<BlobSink, BlobStoreError> {
        let writer = self.run(move |local| local.writer(blob)).await?;
        Ok(BlobSink { writer })
    }

    /// Reads a blob into memory, checked.
    ///
    /// # Errors
    /// As [`LocalBlobs::read`].
    pub async fn read(&self, blob: BlobRef) -> Result<Vec<u8>, BlobStoreError> {
        self.run(move |local| local.read(blob)).await
    }

    /// Begins to read a blob piece by piece.
    ///
    /// # Errors
    /// As [`LocalBlobs::reader`].
    pub async fn source(&self, blob: BlobRef) -> Result<BlobSource, BlobStoreError> {
        let reader = self.run(move |local| local.reader(blob)).await?;
        Ok(BlobSource { reader })
    }

    /// Keeps these blobs from expiring, whether they are there yet or not; see [`Hold`].
    ///
    /// # Errors
    /// The hold cannot be written.
    pub async fn hold(&self, digests: Vec<Digest>) -> Result<Hold, BlobStoreError> {
        self.run(move |local| hold::hold(local, &digests)).await
    }

    /// Lets go what is beyond the limits; see [`Expiry`].
    ///
    /// # Errors
    /// As [`Expiry::run`].
    pub async fn expire(&self, expiry: Expiry) -> Result<Expired, ExpiryError> {
        self.run(move |local| expiry.run(local.data_dir())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LocalBlobs) -> T + Send + 'static,
    ) -> T {
        let local = self.local.clone();
        blocking(move || work(&local)).await
    }
}

/// A blob that is being written. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct BlobSink {
    writer: BlobWriter,
}

impl BlobSink {
    /// Takes the next bytes, and gives itself back.
    ///
    /// # Errors
    /// As [`BlobWriter::write`]; nothing is kept then.
    pub async fn write(mut self, bytes: Bytes) -> Result<Self, BlobStoreError> {
        blocking(move || self.writer.write(&bytes).map(|()| self)).await
    }

    /// Checks what was written; the blob is there from now on.
    ///
    /// # Errors
    /// As [`BlobWriter::finish`].
    pub async fn finish(self) -> Result<BlobRef, BlobStoreError> {
        blocking(move || self.writer.finish()).await
    }
}

/// A blob that is being read. Its last piece is handed out only if all bytes are right.
#[derive(Debug)]
pub struct BlobSource {
    reader: BlobReader,
}

impl BlobSource {
    /// The next piece and what gives the one after it; `None` after the last one.
    ///
    /// # Errors
    /// As [`BlobReader::next_chunk`].
    pub async fn next_chunk(mut self) -> Result<Option<(Bytes, Self)>, BlobStoreError> {
        blocking(move || Ok(self.reader.next_chunk()?.map(|chunk| (chunk, self)))).await
    }
}
