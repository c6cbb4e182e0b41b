//! The one place that looks at project folders: it lists and digests assets, delivers results,
//! keeps a project's state and watches for changes.
//!
//! What a manifest means and what has to be painted is decided by `impasto-planner`, which is pure;
//! what is inside an image file is read by `impasto-assets`. This crate is not asynchronous: its
//! calls block, and a server makes them on threads of its own.

mod contained;
mod deliver;
mod fingerprint;
mod lock;
mod picture;
mod project;
mod replace;
mod scan;
mod stamp;
mod stat_cache;
mod state;
mod temporary;
#[cfg(test)]
mod test_project;
mod walk;
mod watch;

pub use contained::LeavesProject;
pub use deliver::deliver;
pub use lock::{Holder, LockError, ProjectLock, lock, lock_or_wait};
pub use project::{MANIFEST_NAME, Project, ProjectError, STATE_DIR};
pub use replace::{Delivered, ReplaceError, replace_file};
pub use scan::{Scan, ScanError, scan};
pub use stamp::Stamp;
pub use stat_cache::StatCache;
pub use state::{OnDisk, State, StateError};
pub use walk::ScanProblem;
pub use watch::{
    Change, Completeness, Probe, SettleSettings, Settled, Settling, WatchError, WatchSettings,
    Watcher,
};
