//! `farm.json`: which farm a data folder belongs to.
//!
//! It lies beside the database, so that an empty database in a used folder is not taken for the
//! beginning of a farm, and so that the epochs of a farm rise even if an older copy of its database
//! is restored. Leases of different farms never agree, since a farm's first epoch is random.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use impasto_types::Epoch;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// Raised when older programs would misread the file.
const VERSION: u32 = 1;

const NAME: &str = "farm.json";

/// The random name of a farm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FarmId(String);

impl FarmId {
    pub(super) fn random() -> io::Result<Self> {
        Ok(Self(format!("{:016x}{:016x}", random()?, random()?)))
    }

    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for FarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first epoch of a new farm. It has few digits, since logs show it.
pub(super) fn first_epoch() -> io::Result<Epoch> {
    Ok(Epoch(1 + u64::from(random()? as u32 >> 1)))
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// There is no file: the folder is new, or its farm is only known from the database.
    None,
    /// The folder has a farm, but the file does not say which.
    Unreadable,
    Known(Known),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    version: u32,
    pub(super) farm: FarmId,
    /// The last epoch that has begun.
    pub(super) epoch: Epoch,
}

/// The file of a data folder.
#[derive(Debug, Clone)]
pub(super) struct FarmFile {
    path: PathBuf,
}

impl FarmFile {
    pub(super) fn beside(database: &Path) -> Self {
        Self { path: database.with_file_name(NAME) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self) -> Result<Identity, StoreError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Identity::None),
            Err(source) => {
                return Err(StoreError::Read { store: self.name(), source: source.into() });
            }
        };
        match serde_json::from_slice::<Known>(&bytes) {
            Ok(known) if known.version > VERSION => Err(StoreError::Version {
                store: self.name(),
                found: known.version.into(),
                known: VERSION.into(),
            }),
            Ok(known) => Ok(Identity::Known(known)),
            Err(_) => Ok(Identity::Unreadable),
        }
    }

    /// Writes the file, durably.
    pub(super) fn write(&self, farm: &FarmId, epoch: Epoch) -> Result<(), StoreError> {
        let known = Known { version: VERSION, farm: farm.clone(), epoch };
        let bytes = serde_json::to_vec(&known).map_err(StoreError::Encode)?;
        impasto_files::write(&self.path, &bytes, impasto_files::Durability::Name).map_err(
            |source| match impasto_files::is_disk_full(&source) {
                true => StoreError::DiskFull { store: self.name(), source: source.into() },
                false => StoreError::Write { store: self.name(), source: source.into() },
            },
        )
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FarmFile::beside(&folder.path().join("coordinator.sqlite"));
        assert_eq!(file.read().expect("it looks"), Identity::None);
        let farm = FarmId::random().expect("there is randomness");
        file.write(&farm, Epoch(7)).expect("it is written");
        let text = fs::read_to_string(file.path()).expect("it is there");
        assert_eq!(text, format!(r#"{{"version":1,"farm":"{farm}","epoch":7}}"#));
        let known = Known { version: 1, farm, epoch: Epoch(7) };
        assert_eq!(file.read().expect("it looks"), Identity::Known(known));
        for (text, expected) in [("", Ok(Identity::Unreadable)), ("{}", Ok(Identity::Unreadable))] {
            fs::write(file.path(), text).expect("it is written");
            assert_eq!(file.read().map_err(|error| error.to_string()), expected, "{text}");
        }
        fs::write(file.path(), r#"{"version":2,"farm":"ab","epoch":1,"extra":0}"#)
            .expect("it is written");
        assert!(matches!(file.read(), Err(StoreError::Version { found: 2, .. })));
    }

    #[test]
    fn farms_and_their_epochs_differ() {
        let random = || FarmId::random().expect("there is randomness");
        assert_ne!(random(), random());
        let epochs: std::collections::BTreeSet<_> =
            (0..4).map(|_| first_epoch().expect("there is randomness").0).collect();
        assert!(epochs.len() > 1 && !epochs.contains(&0), "{epochs:?}");
    }
}
