//! The words that all parts of Impasto share: digests, ids, recipes, tasks and results.
//!
//! This crate does no I/O, knows nothing of the wire and reads no clock. A value of one of its
//! types is valid: what comes from outside is checked once, where it is constructed, and never
//! again.

mod action;
mod asset_path;
mod device;
mod digest;
mod error_kind;
mod error_text;
mod ids;
mod model;
mod recipe;
mod recipe_patch;
mod task;
mod writable;

pub use action::{Action, ENGINE_VERSION};
pub use asset_path::{AssetPath, AssetPathError};
pub use device::{ComputeCapability, DeviceHealth, DeviceInfo};
pub use digest::{BlobRef, Digest, DigestError};
pub use error_kind::FailureKind;
pub use error_text::{error_chain, error_text, one_line};
pub use ids::{Attempt, Epoch, IdError, JobId, LeaseId, TaskIndex, WorkerId, WorkerName};
pub use model::{ModelName, ModelRef};
pub use recipe::{
    Init, LossNorm, Method, Optimizer, Padding, Pooling, PreserveColor, Profile, Recipe,
    RecipeError, STYLE_LAYERS, Scale, Tileable,
};
pub use recipe_patch::{InitSource, Preset, RecipePatch};
pub use task::{ContainerFormat, OutputSpec, RunReport, StyleRef, TaskResult, TaskSpec};
pub use writable::{CannotWrite, Depth, Shape};
