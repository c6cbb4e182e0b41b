//! The types that all parts of Impasto share: digests, ids, parts, recipes, actions, tasks and
//! results.
//!
//! This crate does no I/O, knows no wire format and reads no clock. Its types are checked on
//! construction, so their values are always valid.

mod action;
mod asset_path;
mod backoff;
mod byte_size;
mod crop;
mod device;
mod digest;
mod error_text;
mod expected;
mod failure;
mod farm;
mod file_trait;
mod footprint;
mod format;
mod hex_color;
mod ids;
mod model;
mod part;
mod recipe;
mod regions;
mod split_mix;
mod style_ref;
mod task;
mod udim;
mod writable;

pub use action::{
    Action, ActionError, ActionShape, AssetKind, Input, InputRef, MAX_INPUTS, MAX_MODELS,
    MAX_STYLES, OutputSpec,
};
pub use asset_path::{AssetPath, AssetPathError};
pub use backoff::{Backoff, Retries};
pub use byte_size::{ByteSize, ByteSizeError};
pub use crop::{Crop, CropError};
pub use device::{ComputeCapability, DeviceHealth, DeviceInfo};
pub use digest::{BlobRef, Digest, DigestError};
pub use error_text::{error_chain, error_text, one_line};
pub use expected::{AssetShape, Expected, ExpectedPicture, WrongResult};
pub use failure::FailureKind;
pub use farm::{
    Bench, Capabilities, Explained, Grant, Hello, JobNews, JobState, JobSummary, LeaseOutcome,
    MAX_LEASES, MethodVersion, Order, Progress, Resolved, TaskEvent, WorkerInfo, WorkerState,
};
pub use file_trait::{FileTrait, FileTraits};
pub use footprint::Footprint;
pub use format::ContainerFormat;
pub use hex_color::{HexColor, HexColorError};
pub use ids::{Attempt, Epoch, IdError, JobId, LeaseId, TaskIndex, WorkerId, WorkerName};
pub use model::{ModelName, ModelRef};
pub use part::{Channel, CubeFace, FileRole, Packing, Part, PartError};
pub use recipe::{
    AlphaUse, Arbitrary, Channels, ChannelsError, Common, CommonPatch, Component, Deeper, Effort,
    FeedForward, GreenAxis, Init, InitSource, LayersByScale, Looks, LossNorm, MAX_SIDE, MIN_SIDE,
    Method, ModelStyle, ModelStyles, NoDensity, OnePass, OnePassPatch, Optimize, OptimizePatch,
    Optimizer, Padding, Pooling, PreserveColor, Preset, Profile, Recipe, RecipeError, RecipePatch,
    STYLE_LAYERS, Scale, ScaleLayers, StyleSpan, StyleSpanError, Tileable, Train, Training,
    VggLayer,
};
pub use regions::{Region, Regions, RegionsError, is_same_shape};
pub use split_mix::SplitMix64;
pub use style_ref::StyleRef;
pub use task::{Losses, Output, RunReport, TaskResult, TaskSpec};
pub use udim::UdimGrid;
pub use writable::{CannotWrite, Depth, Shape};
