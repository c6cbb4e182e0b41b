//! A worker of the farm: it leases tasks, transfers blobs, calls the painter and reports.
//!
//! It makes no scheduling decisions, touches no pixels (`impasto-painter` does) and stores nothing
//! that cannot be recomputed. [`run`] is the whole worker; [`Settings`] configure it.

mod attempt;
mod attempt_error;
mod blob_cache;
mod blob_link;
mod cancel;
mod connection;
mod error;
mod health;
mod painting_watch;
mod pool;
mod reconnect;
mod run;
mod settings;
mod worker;

pub use error::WorkerError;
pub use run::{run, run_with};
pub use settings::{DEFAULT_COORDINATOR, Settings, SettingsError};
