//! A worker of the farm: it leases tasks, moves blobs, has them painted and reports.
//!
//! It makes no scheduling decisions, touches no pixels (`impasto-painter` does) and stores nothing
//! that cannot be recomputed. [`run`] is the whole worker; [`Settings`] configure it.

mod attempt;
mod blob_cache;
mod ledger;
mod pool;
mod progress;
mod reconnect;
mod settings;
mod wire;
mod worker;

pub use settings::{DEFAULT_COORDINATOR, Settings, SettingsError};
pub use worker::{WorkerError, run, run_with};
