//! Impasto's server. It takes jobs in, hands their tasks to workers and keeps blobs, results and
//! what has happened.
//!
//! What happens next is decided by `impasto-core`, which is pure; this crate is its thin edge: the
//! clock, the disk and the network. It paints nothing and looks into no picture.

mod coordinator;
mod driver;
mod expiry;
mod job_stream;
mod local_farm;
mod options;
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
