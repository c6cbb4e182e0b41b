//! Impasto's server. It accepts jobs, leases their tasks to workers and stores blobs, results and
//! facts.
//!
//! All decisions are made by `impasto-core`, which is pure; this crate adds the clock, the disk and
//! the network. It paints nothing, and reads pictures only to see that results are what they should
//! be.

mod coordinator;
mod driver;
mod expiry;
mod incoming;
mod job_stream;
mod local_farm;
mod options;
mod result_check;
mod services;
mod settings;
mod signals;
mod store;
mod submission;
mod task_specs;
mod watched;

pub use coordinator::{Coordinator, ServeError, StartError};
pub use driver::ResumeError;
pub use job_stream::JobStream;
pub use local_farm::LocalFarm;
pub use options::{Options, init_logging};
pub use settings::{DEFAULT_PORT, LogFormat, Settings, SettingsError, StoreKind};
pub use signals::shutdown_on_signal;
pub use store::{MemoryStore, SqliteStore, Store, StoreError, Stored};
