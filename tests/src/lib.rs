//! What the end-to-end tests share: the real program, the real weights, projects in temporary
//! folders, and processes that end with their test.
//!
//! Nothing here links Impasto: a test sees what a user sees, which is files, exit codes and what is
//! printed. Nothing is timed. Whatever is waited for is an event, a line of output or a file, and
//! the deadline only turns a hang into a failure.

mod binary;
mod eventually;
mod farm;
mod models;
pub mod pictures;
mod process;
mod project;
mod skipped;

pub use binary::{impasto, workspace};
pub use eventually::{PATIENCE, eventually};
pub use farm::{Coordinator, Worker};
pub use models::models_dir;
pub use process::{Finished, Process};
pub use project::{Files, Project};
pub use skipped::skipped;
