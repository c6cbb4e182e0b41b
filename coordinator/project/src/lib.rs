//! Project folders on disk: list and digest assets, deliver results, keep a project's state, watch
//! for changes.
//!
//! This crate decides nothing: `impasto-planner` interprets the manifest and says what to paint,
//! and `impasto-assets` reads image files. Its calls block, so a server runs them on separate
//! threads.

mod commit;
mod contained;
mod copy;
mod deliver;
mod details;
mod examine;
mod fingerprint;
mod folders;
mod lock;
mod lockfile;
mod outputs;
mod picture;
mod project;
mod remove;
mod replace;
mod scan;
mod stamp;
mod stat_cache;
mod state;
#[cfg(test)]
mod stored_tests;
mod temporary;
#[cfg(test)]
mod test_project;
mod tree_stamp;
mod walk;
mod watch;

pub use contained::LeavesProject;
pub use copy::{CopyError, prepare_copy};
pub use deliver::{DeliveredFile, NewFile, Prepared, deliver_all, place_all, prepare};
pub use examine::examine;
pub use folders::asset_folders;
pub use impasto_files::write_together;
pub use lock::{Holder, JobsLock, LockError, ProjectLock, lock, lock_jobs};
pub use lockfile::{LockEntry, Lockfile, LockfileError};
pub use outputs::{Outputs, outputs_on_disk};
pub use picture::Completeness;
pub use project::{MANIFEST_NAME, Project, ProjectError, STATE_DIR};
pub use remove::{Leftover, RemoveError, leftover, remove_output};
pub use replace::{Delivered, ReplaceError, replace_file, replace_output, replace_outputs};
pub use scan::{Scan, scan};
pub use stamp::{Stamp, now_ns};
pub use stat_cache::StatCache;
pub use state::State;
pub use tree_stamp::{TreeStamp, is_in_tree};
pub use walk::{ScanError, ScanProblem};
pub use watch::{
    Change, Probe, SettleSettings, Settled, Settling, WatchError, WatchSettings, Watcher,
};
