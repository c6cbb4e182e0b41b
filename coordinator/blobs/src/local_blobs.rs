//! Blobs in a folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use impasto_files::{AtomicFile, Durability, write_together};
use impasto_types::{BlobRef, Digest};

use crate::inventory::Folder;
use crate::last_use::note_use;
use crate::lent::Lent;
use crate::{BlobDraft, BlobReader, BlobStoreError, BlobWriter, CHUNK_BYTES};

/// Temporary files of this age were left by processes that died.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// The most memory that is reserved for a blob before its bytes are read.
const INITIAL_CAPACITY_BYTES: usize = 1 << 20;

/// A folder of blobs: `blobs/ab/abcdef...`, with `blobs/tmp` for blobs that are being written and
/// `blobs/corrupt` for those whose bytes have changed on disk. Calls block.
#[derive(Debug, Clone)]
pub struct LocalBlobs {
    data_dir: PathBuf,
    folder: Folder,
    lent: Lent,
    max_blob_bytes: u64,
}

impl LocalBlobs {
    /// Opens the store in `data_dir`, and creates it if there is none.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn open(data_dir: &Path, max_blob_bytes: u64) -> Result<Self, BlobStoreError> {
        let folder = Folder::blobs(data_dir);
        let (data_dir, lent) = (data_dir.to_owned(), Lent::default());
        let store = Self { data_dir, folder, lent, max_blob_bytes };
        let temp = store.temp_folder();
        fs::create_dir_all(&temp).map_err(|source| BlobStoreError::write(&temp, source))?;
        impasto_files::remove_abandoned(&temp, ABANDONED);
        Ok(store)
    }

    /// The folder that the store was opened in.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Whether the blob exists with this length. Counts as a use.
    pub fn contains(&self, blob: BlobRef) -> bool {
        self.find(blob.digest) == Some(blob)
    }

    /// The blobs among `blobs` that [`Self::contains`] denies.
    pub fn missing(&self, blobs: &[BlobRef]) -> Vec<BlobRef> {
        blobs.iter().copied().filter(|blob| !self.contains(*blob)).collect()
    }

    /// The blob with this digest, if there is one. Counts as a use.
    pub fn find(&self, digest: Digest) -> Option<BlobRef> {
        self.find_stored(digest).or_else(|| self.lent.find(digest))
    }

    /// The blob with this digest. Counts as a use.
    ///
    /// # Errors
    /// There is none, or the folder cannot be read.
    pub fn look_up(&self, digest: Digest) -> Result<BlobRef, BlobStoreError> {
        let path = self.path_of(digest);
        match fs::metadata(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(BlobStoreError::Read { path, source })
            }
            Ok(_) | Err(_) => self.find(digest).ok_or(BlobStoreError::Missing { digest }),
        }
    }

    fn find_stored(&self, digest: Digest) -> Option<BlobRef> {
        let path = self.path_of(digest);
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        note_use(&path, &metadata);
        Some(BlobRef { digest, size_bytes: metadata.len() })
    }

    /// Lends a file as `blob` to this store and its clones, without a copy. Its bytes are verified
    /// on every read.
    ///
    /// # Errors
    /// The file does not exist or has another length.
    pub fn lend(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let unreadable = |source| BlobStoreError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.len() != blob.size_bytes {
            let (digest, path) = (blob.digest, path.to_owned());
            return Err(BlobStoreError::Changed { digest, path });
        }
        self.lent.insert(blob.digest, path);
        Ok(())
    }

    /// Stores bytes from memory.
    ///
    /// # Errors
    /// There are too many, or they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobRef, BlobStoreError> {
        let blob = BlobRef::of(bytes);
        self.put_as(blob, bytes, Durability::Content)?;
        Ok(blob)
    }

    /// Stores bytes that can be made again, such as the result of an action, without waiting for
    /// the disk: a power failure may damage the blob, which the next read notices.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_cached(&self, bytes: &[u8]) -> Result<BlobRef, BlobStoreError> {
        let blob = BlobRef::of(bytes);
        self.put_as(blob, bytes, Durability::None)?;
        Ok(blob)
    }

    /// Stores many small blobs at once. One that cannot be stored does not stop the others. The
    /// results have the order of `blobs`.
    pub fn put_all(&self, blobs: &[(BlobRef, Bytes)]) -> Vec<Result<(), BlobStoreError>> {
        write_together(blobs, |(blob, bytes)| self.put_as(*blob, bytes, Durability::Content))
    }

    fn put_as(
        &self,
        blob: BlobRef,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), BlobStoreError> {
        // A lent file may disappear, so it does not count.
        if self.find_stored(blob.digest) != Some(blob) {
            let mut writer = self.writer(blob)?;
            writer.write(bytes)?;
            writer.finish_as(durability)?;
        }
        Ok(())
    }

    /// Reads many small blobs into memory, and verifies them. The results have the order of
    /// `blobs`.
    pub fn read_all(&self, blobs: &[BlobRef]) -> Vec<Result<Vec<u8>, BlobStoreError>> {
        blobs.iter().map(|blob| self.read(*blob)).collect()
    }

    /// Stores a file whose content has to be `blob`.
    ///
    /// # Errors
    /// The file cannot be read or has other content, or the blob cannot be written.
    pub fn put_file(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let unreadable = |source| BlobStoreError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut writer = self.writer(blob)?;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut buffer).map_err(unreadable)? {
                0 => break,
                length => writer.write(&buffer[..length])?,
            }
        }
        writer.finish().map(|_| ())
    }

    /// Starts to store a blob chunk by chunk.
    ///
    /// # Errors
    /// The blob is too large, or the folder cannot be written to.
    pub fn writer(&self, blob: BlobRef) -> Result<BlobWriter, BlobStoreError> {
        let BlobRef { digest, size_bytes } = blob;
        if size_bytes > self.max_blob_bytes {
            let max_blob_bytes = self.max_blob_bytes;
            return Err(BlobStoreError::TooLarge { digest, size_bytes, max_blob_bytes });
        }
        Ok(BlobWriter::new(blob, self.path_of(digest), self.temporary()?))
    }

    /// Starts to store a blob whose digest and length are not known yet.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn draft(&self) -> Result<BlobDraft, BlobStoreError> {
        Ok(BlobDraft::new(self.folder.clone(), self.temporary()?, self.max_blob_bytes))
    }

    fn temporary(&self) -> Result<AtomicFile, BlobStoreError> {
        let temp = self.temp_folder();
        AtomicFile::within(&temp).map_err(|source| BlobStoreError::write(&temp, source))
    }

    /// Reads a blob into memory, and verifies it.
    ///
    /// # Errors
    /// There is no such blob, it cannot be read, or it is corrupt; a corrupt blob that is not lent
    /// is moved aside and missing from then on.
    pub fn read(&self, blob: BlobRef) -> Result<Vec<u8>, BlobStoreError> {
        let announced = usize::try_from(blob.size_bytes).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(announced.min(INITIAL_CAPACITY_BYTES));
        let mut reader = self.reader(blob)?;
        while let Some(chunk) = reader.next_chunk()? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Starts to read a blob chunk by chunk.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn reader(&self, blob: BlobRef) -> Result<BlobReader, BlobStoreError> {
        let path = self.path_of(blob.digest);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let file = match opened {
            Ok((metadata, file)) => {
                note_use(&path, &metadata);
                file
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.lent_reader(blob),
            Err(source) => return Err(BlobStoreError::Read { path, source }),
        };
        Ok(BlobReader::new(blob, path, self.folder.corrupt(), file))
    }

    fn lent_reader(&self, blob: BlobRef) -> Result<BlobReader, BlobStoreError> {
        let lent = self.lent.path_of(blob.digest);
        let path = lent.ok_or(BlobStoreError::Missing { digest: blob.digest })?;
        match File::open(&path) {
            Ok(file) => Ok(BlobReader::lent(blob, path, file)),
            Err(source) => Err(BlobStoreError::Read { path, source }),
        }
    }

    /// Copies a blob into a file, and verifies it.
    ///
    /// # Errors
    /// As [`Self::read`], or the file cannot be written.
    pub fn copy_to(&self, blob: BlobRef, path: &Path) -> Result<(), BlobStoreError> {
        let unwritable = |source| BlobStoreError::write(path, source);
        let mut reader = self.reader(blob)?;
        let mut file = File::create(path).map_err(unwritable)?;
        while let Some(chunk) = reader.next_chunk()? {
            file.write_all(&chunk).map_err(unwritable)?;
        }
        Ok(())
    }

    /// The file of a blob, stored or lent, whose bytes have not been verified: for a look at its
    /// beginning.
    pub fn file_of(&self, digest: Digest) -> Option<PathBuf> {
        let stored = Some(self.path_of(digest)).filter(|path| path.is_file());
        stored.or_else(|| self.lent.path_of(digest))
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        self.folder.path_of(digest)
    }

    fn temp_folder(&self) -> PathBuf {
        self.folder.root().join("tmp")
    }
}

#[cfg(test)]
mod tests;
