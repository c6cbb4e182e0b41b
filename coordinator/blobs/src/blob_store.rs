//! Blobs, for asynchronous callers.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use impasto_types::{BlobRef, Digest};

use crate::blocking::blocking;
use crate::{BlobReader, BlobStoreError, BlobWriter, Expired, Expiry, ExpiryError, LocalBlobs};
use crate::{Hold, hold};

/// A store of blobs. Clones are handles to the same store.
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
    /// Opens the store in `data_dir`, and creates it if there is none.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub async fn open(data_dir: PathBuf, max_blob_bytes: u64) -> Result<Self, BlobStoreError> {
        blocking(move || LocalBlobs::open(&data_dir, max_blob_bytes)).await.map(Self::from)
    }

    /// The same store for blocking threads.
    pub fn local(&self) -> &LocalBlobs {
        &self.local
    }

    /// The blobs among `blobs` that are missing or have another length. Counts as a use of the
    /// others.
    pub async fn missing(&self, blobs: Vec<BlobRef>) -> Vec<BlobRef> {
        self.run(move |local| local.missing(&blobs)).await
    }

    /// The blob with this digest, if there is one. Counts as a use.
    pub async fn find(&self, digest: Digest) -> Option<BlobRef> {
        self.run(move |local| local.find(digest)).await
    }

    /// Like [`Self::find`], but tells a blob that does not exist from one that cannot be looked up.
    ///
    /// # Errors
    /// As [`LocalBlobs::look_up`].
    pub async fn look_up(&self, digest: Digest) -> Result<BlobRef, BlobStoreError> {
        self.run(move |local| local.look_up(digest)).await
    }

    /// Stores bytes from memory.
    ///
    /// # Errors
    /// As [`LocalBlobs::put`].
    pub async fn put(&self, bytes: Bytes) -> Result<BlobRef, BlobStoreError> {
        self.run(move |local| local.put(&bytes)).await
    }

    /// Stores many small blobs at once; see [`LocalBlobs::put_all`].
    pub async fn put_all(&self, blobs: Vec<(BlobRef, Bytes)>) -> Vec<Result<(), BlobStoreError>> {
        self.run(move |local| local.put_all(&blobs)).await
    }

    /// Stores a file whose content has to be `blob`.
    ///
    /// # Errors
    /// As [`LocalBlobs::put_file`].
    pub async fn put_file(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.put_file(blob, &path)).await
    }

    /// Lends a file as `blob`.
    ///
    /// # Errors
    /// As [`LocalBlobs::lend`].
    pub async fn lend(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.lend(blob, &path)).await
    }

    /// Copies a blob into a file, and checks it.
    ///
    /// # Errors
    /// As [`LocalBlobs::copy_to`].
    pub async fn copy_to(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let path = path.to_owned();
        self.run(move |local| local.copy_to(blob, &path)).await
    }

    /// Starts to store a blob chunk by chunk.
    ///
    /// # Errors
    /// As [`LocalBlobs::writer`].
    pub async fn sink(&self, blob: BlobRef) -> Result<BlobSink, BlobStoreError> {
        let writer = self.run(move |local| local.writer(blob)).await?;
        Ok(BlobSink { writer })
    }

    /// Reads a blob into memory, and checks it.
    ///
    /// # Errors
    /// As [`LocalBlobs::read`].
    pub async fn read(&self, blob: BlobRef) -> Result<Vec<u8>, BlobStoreError> {
        self.run(move |local| local.read(blob)).await
    }

    /// Reads many small blobs into memory; see [`LocalBlobs::read_all`].
    pub async fn read_all(&self, blobs: Vec<BlobRef>) -> Vec<Result<Vec<u8>, BlobStoreError>> {
        self.run(move |local| local.read_all(&blobs)).await
    }

    /// Starts to read a blob chunk by chunk.
    ///
    /// # Errors
    /// As [`LocalBlobs::reader`].
    pub async fn source(&self, blob: BlobRef) -> Result<BlobSource, BlobStoreError> {
        let reader = self.run(move |local| local.reader(blob)).await?;
        Ok(BlobSource { reader })
    }

    /// Keeps these blobs from expiring, even if they do not exist yet; see [`Hold`].
    ///
    /// # Errors
    /// The hold cannot be written.
    pub async fn hold(&self, digests: Vec<Digest>) -> Result<Hold, BlobStoreError> {
        self.run(move |local| hold::hold(local, &digests)).await
    }

    /// Removes what is beyond the limits; see [`Expiry`].
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

/// A blob that is being written. Discarded if it is dropped before [`Self::finish`].
#[derive(Debug)]
pub struct BlobSink {
    writer: BlobWriter,
}

impl BlobSink {
    /// Writes the next bytes, and returns the sink for more.
    ///
    /// # Errors
    /// As for [`BlobWriter::write`]; the blob is discarded then.
    pub async fn write(mut self, bytes: Bytes) -> Result<Self, BlobStoreError> {
        blocking(move || self.writer.write(&bytes).map(|()| self)).await
    }

    /// Checks the bytes and adds the blob to the store.
    ///
    /// # Errors
    /// As [`BlobWriter::finish`].
    pub async fn finish(self) -> Result<BlobRef, BlobStoreError> {
        blocking(move || self.writer.finish()).await
    }
}

/// A blob that is being read. Its last chunk is returned only if all bytes are correct.
#[derive(Debug)]
pub struct BlobSource {
    reader: BlobReader,
}

impl BlobSource {
    /// As [`BlobReader::limit_chunks`].
    pub fn limit_chunks(&mut self, bytes: usize) {
        self.reader.limit_chunks(bytes);
    }

    /// The next chunk and the source for more; `None` after the last one.
    ///
    /// # Errors
    /// As [`BlobReader::next_chunk`].
    pub async fn next_chunk(mut self) -> Result<Option<(Bytes, Self)>, BlobStoreError> {
        blocking(move || Ok(self.reader.next_chunk()?.map(|chunk| (chunk, self)))).await
    }
}
