//! Project folders on disk: list and digest assets, deliver results, keep a project's state, watch
//! for changes.
//!
//! This crate decides nothing: `impasto-planner` interprets the manifest and says what to paint,
//! and `impasto-assets` reads image files. It is not asynchronous: its calls block, and a server
//! runs them on threads of its own.

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
pub use picture::Completeness;
pub use project::{MANIFEST_NAME, Project, ProjectError, STATE_DIR};
pub use replace::{Delivered, ReplaceError, replace_file};
pub use scan::{Scan, scan};
pub use stamp::Stamp;
pub use stat_cache::StatCache;
pub use state::{OnDisk, State, StateError};
pub use walk::{ScanError, ScanProblem};
pub use watch::{
    Change, Probe, SettleSettings, Settled, Settling, WatchError, WatchSettings, Watcher,
};
