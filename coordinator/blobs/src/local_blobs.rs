//! Blobs in a folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use impasto_files::AtomicFile;
use impasto_types::{BlobRef, Digest};

use crate::inventory::Folder;
use crate::last_use::note_use;
use crate::lent::Lent;
use crate::{BlobReader, BlobStoreError, BlobWriter, CHUNK_BYTES};

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
        // A lent file may disappear, so it does not count.
        if self.find_stored(blob.digest) != Some(blob) {
            let mut writer = self.writer(blob)?;
            writer.write(bytes)?;
            writer.finish()?;
        }
        Ok(blob)
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
        let temp = self.temp_folder();
        let file =
            AtomicFile::within(&temp).map_err(|source| BlobStoreError::write(&temp, source))?;
        Ok(BlobWriter::new(blob, self.path_of(digest), file))
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
mod tests {
    use super::*;

    fn store(max_blob_bytes: u64) -> (tempfile::TempDir, LocalBlobs) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LocalBlobs::open(folder.path(), max_blob_bytes).expect("it opens");
        (folder, store)
    }

    fn temporary_files(store: &LocalBlobs) -> usize {
        fs::read_dir(store.temp_folder()).expect("it can be listed").count()
    }

    #[test]
    fn stored_bytes_are_read_back() {
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
    fn only_blobs_that_do_not_exist_are_missing() {
        let (_folder, store) = store(1 << 30);
        let there = store.put(b"there").expect("it is stored");
        let longer = BlobRef { size_bytes: 6, ..there };
        let absent = BlobRef::of(b"absent");
        assert_eq!(store.missing(&[there, longer, absent]), [longer, absent]);
    }

    #[test]
    fn bytes_that_differ_from_the_announced_blob_are_refused_and_leave_nothing() {
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
    fn a_corrupt_blob_is_missing_and_can_be_stored_again() {
        let (_folder, store) = store(1 << 30);
        let bytes = vec![1; CHUNK_BYTES + 10];
        let blob = store.put(&bytes).expect("it is stored");
        let mut corrupt = bytes.clone();
        corrupt[CHUNK_BYTES] ^= 1;
        fs::write(store.path_of(blob.digest), &corrupt).expect("it is overwritten");

        assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
        assert!(!store.contains(blob));
        let aside = store.folder.corrupt().join(blob.digest.to_hex());
        assert_eq!(fs::read(aside).expect("it is kept"), corrupt);
        store.put(&bytes).expect("it is stored again");
        assert_eq!(store.read(blob).expect("it is read"), bytes);
    }

    #[test]
    fn a_truncated_blob_is_missing() {
        let (_folder, store) = store(1 << 30);
        let blob = store.put(b"some bytes").expect("it is stored");
        fs::write(store.path_of(blob.digest), b"some").expect("it is cut");
        assert!(!store.contains(blob));
        assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
        store.put(b"some bytes").expect("it is stored again");
        assert_eq!(store.read(blob).expect("it is read"), b"some bytes");
    }

    #[test]
    fn a_lent_file_serves_as_a_blob_while_it_is_unchanged() {
        let (folder, store) = store(1 << 30);
        let file = folder.path().join("wall.png");
        let bytes = vec![3; CHUNK_BYTES + 10];
        let blob = BlobRef::of(&bytes);
        assert!(matches!(store.lend(blob, &file), Err(BlobStoreError::Read { .. })));
        fs::write(&file, &bytes).expect("it is written");
        store.lend(blob, &file).expect("it is lent");
        assert!(store.clone().contains(blob));
        assert_eq!(store.read(blob).expect("it is read"), bytes);
        let copy = folder.path().join("copy.png");
        store.copy_to(blob, &copy).expect("it is copied");
        assert_eq!(fs::read(copy).expect("it is there"), bytes);

        let changed = vec![4; bytes.len()];
        fs::write(&file, &changed).expect("it is changed");
        let error = store.read(blob).expect_err("it is another file by now");
        assert!(matches!(&error, BlobStoreError::Changed { path, .. } if *path == file), "{error}");
        assert_eq!(fs::read(&file).expect("it is left alone"), changed);
        fs::write(&file, b"short").expect("it is changed");
        assert!(!store.contains(blob), "its length differs");
        assert!(matches!(store.lend(blob, &file), Err(BlobStoreError::Changed { .. })));

        fs::write(&file, &bytes).expect("it is changed back");
        let reopened = LocalBlobs::open(folder.path(), 1 << 30).expect("it opens");
        assert!(!reopened.contains(blob), "nothing was copied");
        store.put(&bytes).expect("it is stored");
        fs::remove_file(&file).expect("it is removed");
        assert_eq!(reopened.read(blob).expect("what is stored stays"), bytes);
    }

    #[test]
    fn a_request_with_a_wrong_length_does_not_remove_the_blob() {
        let (_folder, store) = store(1 << 30);
        let blob = store.put(b"some bytes").expect("it is stored");
        for size_bytes in [0, 3, 11] {
            let read = store.read(BlobRef { size_bytes, ..blob });
            assert!(matches!(read, Err(BlobStoreError::Missing { .. })), "{size_bytes}");
        }
        assert_eq!(store.read(blob).expect("it is still there"), b"some bytes");
    }
}
