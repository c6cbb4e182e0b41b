//! The manifest, and the plan that is derived from it: which assets are painted, in which style,
//! into which file, and why now.
//!
//! This crate does no I/O and reads no clock: the caller lists the folder, reads headers and
//! digests files, and passes its findings. It does not run anything either; a [`Plan`] is a list of
//! [`TaskSpec`](impasto_types::TaskSpec)s with reasons.

mod data_map;
pub mod estimate;
mod findings;
mod glob;
mod glob_folder;
mod glob_hint;
mod grouping;
mod init;
mod look;
mod loss;
mod manifest;
mod named;
mod note;
mod output_pattern;
mod plan;
mod problem;
mod record;
mod selection;
mod staleness;
mod suggest;
mod udim;
mod why;

pub use data_map::{DataMap, DataMaps};
pub use estimate::{
    KEPT_BYTES_PER_PIXEL, MEMORY_BASE_BYTES, RESULT_BYTES_PER_PIXEL, SOURCE_BYTES_PER_PIXEL,
    TILE_BYTES_PER_PIXEL, TILE_PIXELS,
};
pub use findings::{
    Findings, ImageHeader, InputFile, LearnedStyle, ListedAsset, Listing, NamedFile, NetworkFile,
    OtherFile, PassedOver,
};
pub use glob_hint::GlobHint;
pub use init::{InitManifest, init_manifest};
pub use look::Look;
pub use loss::{Loss, losses};
pub use manifest::{Manifest, ManifestError, Matched, OverrideError, Passthrough, Place, Verdict};
pub use note::Note;
pub use output_pattern::PatternError;
pub use plan::{
    Awaiting, Form, Plan, PlanError, PlannedCopy, PlannedOutput, PlannedTask, TrainingRun, plan,
};
pub use problem::{Problem, ProblemCause};
pub use record::{Record, RecordDetails};
pub use selection::{Selection, SelectionError};
pub use staleness::{Reason, Staleness};
pub use why::{Why, why};
