//! Expiry: removes the least recently used files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::hold::{Holds, gate};
use crate::inventory::{Folder, Kind, Stored, stored_in};
use crate::last_use::last_use;
use crate::{CacheLimits, Count, ExpiryError, Inventory};

/// The longest time that removals delay a new hold.
const SLICE: Duration = Duration::from_millis(100);

/// How a store is cleaned up.
#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    pub limits: CacheLimits,
    /// Files used within this time stay even beyond the limits: they may have been uploaded for a
    /// job that is submitted next.
    pub spare: Duration,
    /// Report what would be removed, without removing it.
    pub dry_run: bool,
    /// When to stop, even if it is not finished.
    pub until: Option<Instant>,
}

/// The result of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The content of the store before the pass.
    pub before: Inventory,
    /// What the pass removed, or would have removed.
    pub removed: Count,
    /// Files beyond the limits that are held or were used recently.
    pub spared: Count,
    /// Whether the pass ran out of time.
    pub cut_short: bool,
}

impl Expiry {
    /// A pass that removes everything beyond the limits, without sparing recent files.
    pub fn of(limits: CacheLimits) -> Self {
        Self { limits, spare: Duration::ZERO, dry_run: false, until: None }
    }

    /// Removes blobs, results and corrupt blobs from the store in `data_dir` until it is within the
    /// limits, least recently used first. Blocks.
    ///
    /// Held files stay, as do files used while the pass runs. Other processes may read, write and
    /// clean up at the same time; a blob that is being read can be read to its end.
    ///
    /// # Errors
    /// The folders cannot be listed or locked, or a file cannot be removed.
    pub fn run(&self, data_dir: &Path) -> Result<Expired, ExpiryError> {
        let Some(mut stored) = stored_in(data_dir, self.until)? else {
            return Ok(Expired { cut_short: true, ..Expired::nothing(Inventory::default()) });
        };
        let before = Inventory::count(stored.iter());
        let mut pass = Pass {
            expiry: self,
            now: SystemTime::now(),
            folders: [Folder::blobs(data_dir), Folder::actions(data_dir)],
            left_bytes: before.total().bytes,
            expired: Expired::nothing(before),
        };
        stored.sort_unstable_by_key(|file| (file.used, file.kind, file.digest));
        let mut candidates = stored.into_iter().peekable();
        let mut holds = Holds::default();
        while candidates.peek().is_some_and(|next| pass.is_beyond(next)) {
            if self.until.is_some_and(|until| Instant::now() > until) {
                pass.expired.cut_short = true;
                break;
            }
            let path = data_dir.join("lock");
            let locked = gate(data_dir).and_then(|gate| gate.lock().map(|()| gate));
            let gate = locked.map_err(|source| ExpiryError::Lock { path, source })?;
            holds.update(data_dir)?;
            let slice = Instant::now() + SLICE;
            while Instant::now() < slice {
                let Some(next) = candidates.next_if(|next| pass.is_beyond(next)) else { break };
                pass.remove(&next, &holds)?;
            }
            drop(gate);
        }
        Ok(pass.expired)
    }
}

impl Expired {
    fn nothing(before: Inventory) -> Self {
        let nothing = Count::default();
        Self { before, removed: nothing, spared: nothing, cut_short: false }
    }
}

struct Pass<'a> {
    expiry: &'a Expiry,
    now: SystemTime,
    folders: [Folder; 2],
    left_bytes: u64,
    expired: Expired,
}

impl Pass<'_> {
    /// Whether this file, the oldest left, is beyond the limits.
    fn is_beyond(&self, file: &Stored) -> bool {
        let CacheLimits { max_size, max_age } = self.expiry.limits;
        max_size.is_some_and(|max| self.left_bytes > max.0)
            || max_age.is_some_and(|max| self.age(file.used) > max.0)
    }

    fn remove(&mut self, file: &Stored, holds: &Holds) -> Result<(), ExpiryError> {
        let path = self.path_of(file);
        let used = match fs::symlink_metadata(&path) {
            Ok(metadata) => last_use(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another process has removed it.
                self.left_bytes -= file.bytes;
                return Ok(());
            }
            Err(source) => return Err(ExpiryError::Look { path, source }),
        };
        let is_held = file.kind == Kind::Blob && holds.contain(file.digest);
        let is_in_use = used != file.used || self.age(used) < self.expiry.spare;
        if is_held || is_in_use {
            self.expired.spared.add(file.bytes);
            return Ok(());
        }
        if !self.expiry.dry_run {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ExpiryError::Remove { path, source: error });
                }
                _ => {}
            }
        }
        self.left_bytes -= file.bytes;
        self.expired.removed.add(file.bytes);
        Ok(())
    }

    fn path_of(&self, file: &Stored) -> PathBuf {
        let [blobs, actions] = &self.folders;
        match file.kind {
            Kind::Blob => blobs.path_of(file.digest),
            Kind::Corrupt => blobs.corrupt().join(file.digest.to_hex()),
            Kind::Result => actions.path_of(file.digest),
        }
    }

    /// Zero for a time in the future, since the clocks of machines that share a disk differ.
    fn age(&self, used: SystemTime) -> Duration {
        self.now.duration_since(used).unwrap_or_default()
    }
}
