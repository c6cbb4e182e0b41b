//! Removes a bad result or blob from a store by hand.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use impasto_types::Digest;

use crate::ExpiryError;
use crate::hold::{Holds, gate};
use crate::inventory::Folder;

/// The first hexadecimal digits of a digest; the short form that messages show suffices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

/// A text that is not the beginning of a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: write {min} to 64 hexadecimal digits", min = Prefix::MIN_DIGITS)]
pub struct PrefixError(String);

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The result of the action with this digest.
    pub result: bool,
    /// The blob with this digest.
    pub blob: bool,
    /// The blob exists but was kept, since a running job uses it.
    pub held: bool,
}

impl Prefix {
    /// As many as [`Digest::short`] shows.
    const MIN_DIGITS: usize = 12;

    /// The digests of results and blobs in the store in `data_dir` that begin with this prefix.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn find(&self, data_dir: &Path) -> Result<BTreeSet<Digest>, ExpiryError> {
        let mut found = BTreeSet::new();
        for folder in [Folder::actions(data_dir), Folder::blobs(data_dir)] {
            found.extend(folder.beginning_with(&self.0)?);
        }
        Ok(found)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let is_prefix = (Self::MIN_DIGITS..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_prefix {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(PrefixError(text.to_owned())),
        }
    }
}

/// Removes the result of the action `digest` and the blob `digest` from the store in `data_dir`, if
/// they exist. A blob that is held stays.
///
/// # Errors
/// The folders cannot be locked, or a file cannot be removed.
pub fn remove(data_dir: &Path, digest: Digest) -> Result<Removed, ExpiryError> {
    let path = data_dir.join("lock");
    let locked = gate(data_dir).and_then(|gate| gate.lock().map(|()| gate));
    let _gate = locked.map_err(|source| ExpiryError::Lock { path, source })?;
    let mut holds = Holds::default();
    holds.update(data_dir)?;
    let blob = Folder::blobs(data_dir).path_of(digest);
    let held = holds.contain(digest) && blob.exists();
    Ok(Removed {
        result: remove_file(&Folder::actions(data_dir).path_of(digest))?,
        blob: !held && remove_file(&blob)?,
        held,
    })
}

/// Removes a file, and returns whether it existed.
fn remove_file(path: &Path) -> Result<bool, ExpiryError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(ExpiryError::Remove { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LocalBlobs, hold};

    #[test]
    fn prefixes_are_hexadecimal_and_not_short() {
        assert!("0123456789ab".parse::<Prefix>().is_ok());
        for bad in ["0123456789a", "0123456789ag", &"0".repeat(65), "äöüäöüäöü"] {
            assert_eq!(bad.parse::<Prefix>(), Err(PrefixError(bad.to_owned())));
        }
    }

    #[test]
    fn files_found_by_a_prefix_are_removed_unless_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LocalBlobs::open(folder.path(), 100).expect("it opens");
        let blob = store.put(b"some bytes").expect("it is stored").digest;
        let prefix: Prefix = blob.short().to_uppercase().parse().expect("a prefix");
        assert_eq!(prefix.find(folder.path()).expect("it looks"), BTreeSet::from([blob]));

        let hold = hold::hold(&store, &[blob]).expect("it is held");
        let held = Removed { result: false, blob: false, held: true };
        assert_eq!(remove(folder.path(), blob).expect("it runs"), held);
        drop(hold);
        let removed = Removed { result: false, blob: true, held: false };
        assert_eq!(remove(folder.path(), blob).expect("it runs"), removed);
        let gone = Removed { result: false, blob: false, held: false };
        assert_eq!(remove(folder.path(), blob).expect("it runs"), gone);
        assert!(prefix.find(folder.path()).expect("it looks").is_empty());
    }
}
