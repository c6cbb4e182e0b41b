//! Blobs in a folder, each named by its digest, checked whenever it is written and whenever it is
//! read.
//!
//! Several processes can use one folder at once: a blob appears by a rename, and two that write the
//! same blob write the same bytes. Calls block; a server makes them on threads that may.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use impasto_proto::limits::{CHUNK_BYTES, INITIAL_CAPACITY_BYTES};
use impasto_types::{BlobRef, Digest};
use tempfile::TempPath;

use crate::whole_file;

/// A temporary file this old was left behind by a process that died.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of blobs: `blobs/ab/abcdef...`, with `blobs/tmp` for those that are being written and
/// `blobs/corrupt` for those that have rotted.
#[derive(Debug, Clone)]
pub struct BlobStore {
    root: PathBuf,
    max_blob_bytes: u64,
}

/// Why a blob was not stored or not read.
#[derive(Debug, thiserror::Error)]
pub enum BlobStoreError {
    #[error("there is no blob {digest}")]
    Missing { digest: Digest },
    #[error(
        "blob {digest} has {size_bytes} bytes; this coordinator takes at most {max_blob_bytes}"
    )]
    TooLarge { digest: Digest, size_bytes: u64, max_blob_bytes: u64 },
    #[error("blob {digest} was announced with {announced} bytes, but has {actual} or more")]
    Length { digest: Digest, announced: u64, actual: u64 },
    #[error("blob {digest} was announced, but the bytes have the digest {actual}")]
    Content { digest: Digest, actual: Digest },
    #[error("the disk is full: cannot write to {}", path.display())]
    DiskFull { path: PathBuf, source: io::Error },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl BlobStore {
    /// Opens the store in `data_dir`, and makes it where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(data_dir: &Path, max_blob_bytes: u64) -> Result<Self, BlobStoreError> {
        let store = Self { root: data_dir.join("blobs"), max_blob_bytes };
        let temp = store.temp_folder();
        fs::create_dir_all(&temp).map_err(|source| write_error(&temp, source))?;
        remove_abandoned(&temp);
        Ok(store)
    }

    /// Whether the blob is there, as far as its length tells.
    pub fn contains(&self, blob: BlobRef) -> bool {
        self.find(blob.digest) == Some(blob)
    }

    /// The blob of this digest, if there is one.
    pub fn find(&self, digest: Digest) -> Option<BlobRef> {
        let metadata = fs::metadata(self.path_of(digest)).ok()?;
        metadata.is_file().then_some(BlobRef { digest, size_bytes: metadata.len() })
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// They are too many, or cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobRef, BlobStoreError> {
        let blob = BlobRef::of(bytes);
        if !self.contains(blob) {
            let mut writer = self.writer(blob)?;
            writer.write(bytes)?;
            writer.finish()?;
        }
        Ok(blob)
    }

    /// Stores a file that has to be `blob`.
    ///
    /// # Errors
    /// It cannot be read, has other bytes by now, or cannot be written.
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

    /// Begins to store a blob whose bytes come piece by piece.
    ///
    /// # Errors
    /// It is too large, or the folder cannot be written to.
    pub fn writer(&self, blob: BlobRef) -> Result<BlobWriter, BlobStoreError> {
        if blob.size_bytes > self.max_blob_bytes {
            let (size_bytes, max_blob_bytes) = (blob.size_bytes, self.max_blob_bytes);
            return Err(BlobStoreError::TooLarge {
                digest: blob.digest,
                size_bytes,
                max_blob_bytes,
            });
        }
        let folder = self.temp_folder();
        let (file, temp) =
            whole_file::begin(&folder).map_err(|source| write_error(&folder, source))?;
        Ok(BlobWriter {
            blob,
            path: self.path_of(blob.digest),
            file,
            temp,
            hasher: blake3::Hasher::new(),
            written: 0,
        })
    }

    /// Reads a blob into memory, checked.
    ///
    /// # Errors
    /// There is none, or it has rotted (it is then moved aside, and missing from now on), or it
    /// cannot be read.
    pub fn read(&self, blob: BlobRef) -> Result<Vec<u8>, BlobStoreError> {
        let announced = usize::try_from(blob.size_bytes).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(announced.min(INITIAL_CAPACITY_BYTES));
        let mut reader = self.reader(blob)?;
        while let Some(chunk) = reader.next_chunk()? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Begins to read a blob piece by piece.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn reader(&self, blob: BlobRef) -> Result<BlobReader, BlobStoreError> {
        let path = self.path_of(blob.digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BlobStoreError::Missing { digest: blob.digest });
            }
            Err(source) => return Err(BlobStoreError::Read { path, source }),
        };
        Ok(BlobReader {
            blob,
            path,
            aside: self.root.join("corrupt"),
            file: Some(file),
            hasher: blake3::Hasher::new(),
            read: 0,
        })
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.root.join(&hex[..2]).join(hex)
    }

    fn temp_folder(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// A blob that is being written. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    blob: BlobRef,
    path: PathBuf,
    file: File,
    temp: TempPath,
    hasher: blake3::Hasher,
    written: u64,
}

impl BlobWriter {
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
        self.file.write_all(bytes).map_err(|source| write_error(&self.path, source))
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
        // The name must not outlive the bytes in a power cut; should it do so all the same, reading
        // finds out.
        self.file.sync_data().map_err(|source| write_error(&self.path, source))?;
        drop(self.file);
        match whole_file::keep(self.temp, &self.path) {
            // Where a file that someone reads cannot be replaced, another process was first with
            // the same bytes.
            Err(_)
                if fs::metadata(&self.path)
                    .is_ok_and(|there| there.len() == self.blob.size_bytes) =>
            {
                Ok(self.blob)
            }
            Err(source) => Err(write_error(&self.path, source)),
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

/// A blob that is being read. Its last piece is handed out only if all bytes are right.
#[derive(Debug)]
pub struct BlobReader {
    blob: BlobRef,
    path: PathBuf,
    aside: PathBuf,
    /// `None` once the blob has rotted.
    file: Option<File>,
    hasher: blake3::Hasher,
    read: u64,
}

impl BlobReader {
    /// The next piece; `None` after the last one.
    ///
    /// # Errors
    /// The blob has rotted, or cannot be read.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, BlobStoreError> {
        let Some(file) = &self.file else {
            return Err(BlobStoreError::Missing { digest: self.blob.digest });
        };
        let mut chunk = Vec::new();
        let taken = file.take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
        taken.map_err(|source| BlobStoreError::Read { path: self.path.clone(), source })?;
        self.read += chunk.len() as u64;
        self.hasher.update(&chunk);
        let at_end = self.read >= self.blob.size_bytes || chunk.is_empty();
        if at_end
            && (self.read != self.blob.size_bytes
                || Digest::of_hasher(&self.hasher) != self.blob.digest)
        {
            return Err(self.set_aside());
        }
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()).map(Bytes::from))
    }

    /// Takes a blob out of the store that is not what its name says, so that it can be uploaded
    /// again.
    fn set_aside(&mut self) -> BlobStoreError {
        // Closed first: an open file cannot be moved everywhere.
        let length =
            self.file.take().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
        // Whoever asked with a wrong length is no proof that the blob has rotted.
        if length == Some(self.blob.size_bytes) {
            tracing::warn!(digest = %self.blob.digest, path = %self.path.display(), "a blob has rotted and is moved aside");
            let moved = fs::create_dir_all(&self.aside)
                .and_then(|()| fs::rename(&self.path, self.aside.join(self.blob.digest.to_hex())))
                .or_else(|_| fs::remove_file(&self.path));
            if let Err(error) = moved {
                tracing::error!(path = %self.path.display(), %error, "it cannot be moved either");
            }
        }
        BlobStoreError::Missing { digest: self.blob.digest }
    }
}

/// Removes what processes that died have left. What cannot be removed does no harm.
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write_error(path: &Path, source: io::Error) -> BlobStoreError {
    let path = path.to_owned();
    if whole_file::is_disk_full(&source) {
        BlobStoreError::DiskFull { path, source }
    } else {
        BlobStoreError::Write { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(max_blob_bytes: u64) -> (tempfile::TempDir, BlobStore) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BlobStore::open(folder.path(), max_blob_bytes).expect("it opens");
        (folder, store)
    }

    fn temporary_files(store: &BlobStore) -> usize {
        fs::read_dir(store.temp_folder()).expect("it can be listed").count()
    }

    #[test]
    fn what_is_put_is_read() {
        let (_folder, store) = store(1 << 30);
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let bytes = vec![7; length];
            let blob = store.put(&bytes).expect("it is stored");
            assert!(store.contains(blob));
            assert_eq!(store.read(blob).expect("it is read"), bytes);
        }
        assert_eq!(temporary_files(&store), 0);
    }

    #[test]
    fn other_bytes_than_announced_are_refused_and_leave_nothing() {
        let (_folder, store) = store(100);
        let blob = BlobRef::of(b"right");
        let store_as = |blob, bytes: &[u8]| {
            let mut writer = store.writer(blob)?;
            writer.write(bytes)?;
            writer.finish()
        };
        assert!(matches!(store_as(blob, b"wrong"), Err(BlobStoreError::Content { .. })));
        assert!(matches!(store_as(blob, b"righ"), Err(BlobStoreError::Length { actual: 4, .. })));
        assert!(matches!(store_as(blob, b"right!"), Err(BlobStoreError::Length { actual: 6, .. })));
        let large = BlobRef { size_bytes: 101, ..blob };
        assert!(matches!(
            store_as(large, b"right"),
            Err(BlobStoreError::TooLarge { max_blob_bytes: 100, .. })
        ));
        assert!(!store.contains(blob));
        assert_eq!(temporary_files(&store), 0);
        assert_eq!(store_as(blob, b"right").expect("the right bytes are stored"), blob);
    }

    #[test]
    fn a_rotten_blob_is_missing_and_can_be_stored_again() {
        let (_folder, store) = store(1 << 30);
        let bytes = vec![1; CHUNK_BYTES + 10];
        let blob = store.put(&bytes).expect("it is stored");
        let mut rotten = bytes.clone();
        rotten[CHUNK_BYTES] ^= 1;
        fs::write(store.path_of(blob.digest), &rotten).expect("it is overwritten");

        assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
        assert!(!store.contains(blob));
        assert_eq!(
            fs::read(store.root.join("corrupt").join(blob.digest.to_hex())).expect("it is kept"),
            rotten
        );
        store.put(&bytes).expect("it is stored again");
        assert_eq!(store.read(blob).expect("it is read"), bytes);
    }

    #[test]
    fn a_truncated_blob_does_not_count_as_there() {
        let (_folder, store) = store(1 << 30);
        let blob = store.put(b"some bytes").expect("it is stored");
        fs::write(store.path_of(blob.digest), b"some").expect("it is cut");
        assert!(!store.contains(blob));
        assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
        store.put(b"some bytes").expect("it is stored again");
        assert_eq!(store.read(blob).expect("it is read"), b"some bytes");
    }

    #[test]
    fn a_question_with_a_wrong_length_harms_nothing() {
        let (_folder, store) = store(1 << 30);
        let blob = store.put(b"some bytes").expect("it is stored");
        for size_bytes in [0, 3, 11] {
            assert!(
                matches!(
                    store.read(BlobRef { size_bytes, ..blob }),
                    Err(BlobStoreError::Missing { .. })
                ),
                "{size_bytes}"
            );
        }
        assert_eq!(store.read(blob).expect("it is still there"), b"some bytes");
    }
}
