//! Shared by the end-to-end tests: the real program, the real weights, projects in temporary
//! folders, and processes that end with their test.
//!
//! Nothing here links Impasto: tests see what users see, which is files, exit codes and output.
//! Tests wait for events, lines of output or files, not for times; deadlines only turn a hang into
//! a failure.

mod binary;
mod blobs;
mod build_tools;
pub mod chaos;
mod eventually;
mod farm;
pub mod glb;
pub mod metadata;
mod models;
mod modules;
pub mod pictures;
mod process;
mod project;
mod skipped;
mod small_disk;
mod stranger;
mod street;

pub use binary::{impasto, workspace};
pub use blobs::{blob_file, blobs, task_lists};
pub use build_tools::build_tool;
pub use eventually::{PATIENCE, eventually};
pub use farm::{Coordinator, Worker};
pub use models::models_dir;
pub use modules::Modules;
pub use process::{Finished, Process};
pub use project::{Files, Project};
pub use skipped::skipped;
pub use small_disk::SmallDisk;
pub use stranger::Stranger;
pub use street::Street;
