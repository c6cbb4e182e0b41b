//! What keeps a whole build from its work.

use std::io;

use impasto_models::ModelError;
use impasto_project::{LockError, ReplaceError};
use impasto_types::{BlobRef, ModelName};

use super::SurveyError;
use super::embedded::EmbeddedError;
use super::local_cache::LocalCacheError;
use crate::Failure;
use crate::farm::FarmError;

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Cache(#[from] LocalCacheError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the model {name} in the store is not the one that the plan names ({}); run the build \
        again", wanted.digest.short())]
    OtherModel { name: ModelName, wanted: BlobRef },
    #[error("cannot start the threads that paint")]
    Runtime(#[source] io::Error),
    #[error("cannot paint on this machine")]
    Embedded(#[source] Box<EmbeddedError>),
    #[error(transparent)]
    Farm(#[from] FarmError),
    #[error("cannot note the job")]
    Pending(#[source] ReplaceError),
}

impl From<EmbeddedError> for BuildError {
    fn from(error: EmbeddedError) -> Self {
        Self::Embedded(Box::new(error))
    }
}

impl From<SurveyError> for Failure {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Models(_) => Self::here(error),
            SurveyError::Project(_)
            | SurveyError::Overrides { .. }
            | SurveyError::Scan(_)
            | SurveyError::Lockfile(_)
            | SurveyError::Plan(_) => Self::usage(error),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Survey(error) => error.into(),
            BuildError::Farm(error) if error.is_away() => Self::farm(error)
                .hint("what is finished is kept; the next `impasto build` finds the job again"),
            BuildError::Farm(error) => error.into(),
            BuildError::Cache(_) => Self::here(error).hint("name another folder with --cache-dir"),
            other => Self::here(other),
        }
    }
}
