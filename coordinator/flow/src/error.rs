//! Errors that stop a whole build.

use std::io;

use impasto_models::ModelError;
use impasto_project::{LockError, ReplaceError};
use impasto_types::{BlobRef, ModelName};

use crate::farm::FarmError;
use crate::survey::SurveyError;

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(
        "the model {name} in the store is not the one that the plan names ({}); run the build \
         again", wanted.digest.short()
    )]
    OtherModel { name: ModelName, wanted: BlobRef },
    #[error("a thread of the build failed")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Farm(#[from] FarmError),
    #[error("cannot record the submitted job")]
    Pending(#[source] ReplaceError),
    #[error("cannot write the project's record")]
    Record(#[source] ReplaceError),
}
