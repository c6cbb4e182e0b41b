//! Converts the libraries' errors to failures, with an exit code and a hint for each.

use impasto_build::{BuildError, SurveyError};
use impasto_project::ProjectError;
use impasto_proto::client::{ConnectError, FarmError};

use crate::Failure;
use crate::embedded::EmbeddedError;
use crate::local_cache::LocalCacheError;

impl From<SurveyError> for Failure {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Models(_) => Self::here(error),
            SurveyError::Project(ref project)
                if matches!(**project, ProjectError::Picture { .. }) =>
            {
                Self::usage(error).hint(
                    "`impasto build --only GLOB` paints one asset of a project, `impasto stylize` \
                     a picture without one",
                )
            }
            SurveyError::NothingSelected { suggestion: None, .. } => Self::usage(error).hint(
                "a glob is relative to the project's folder or to that of its assets; \
                 `impasto plan` lists the assets",
            ),
            SurveyError::Project(_)
            | SurveyError::Selection(_)
            | SurveyError::NothingSelected { .. }
            | SurveyError::Overrides { .. }
            | SurveyError::Scan(_)
            | SurveyError::Lockfile(_)
            | SurveyError::Output(_)
            | SurveyError::Plan(_) => Self::usage(error),
        }
    }
}

impl From<LocalCacheError> for Failure {
    fn from(error: LocalCacheError) -> Self {
        Self::here(error).hint("name another folder with --cache-dir")
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Survey(error) => error.into(),
            BuildError::Farm(error) => error.into(),
            other => Self::here(other),
        }
    }
}

impl From<impasto_build::FarmError> for Failure {
    fn from(error: impasto_build::FarmError) -> Self {
        match error {
            impasto_build::FarmError::Away(_) => Self::farm(error)
                .hint("finished results are kept; the next `impasto build` finds the job again"),
            impasto_build::FarmError::NoSuchJob { .. } | impasto_build::FarmError::Refused(_) => {
                Self::farm(error)
            }
            impasto_build::FarmError::Blob(_) => Self::here(error),
        }
    }
}

impl From<FarmError> for Failure {
    fn from(error: FarmError) -> Self {
        match &error {
            FarmError::Connect(ConnectError::Address { .. } | ConnectError::Tls { .. }) => {
                Self::usage(error)
            }
            FarmError::NoSuchJob { .. } => Self::usage(error).hint("`impasto jobs` lists them"),
            FarmError::NoSuchWorker { .. } => {
                Self::usage(error).hint("`impasto workers` lists them")
            }
            FarmError::Connect(ConnectError::Unreachable { .. })
            | FarmError::Silent { .. }
            | FarmError::Stranger { .. }
            | FarmError::Away { .. } => Self::farm(error).hint(
                "start one with `impasto coordinator`, or give another address with --coordinator",
            ),
            FarmError::Full { .. } | FarmError::Refused { .. } | FarmError::Answer(_) => {
                Self::farm(error)
            }
            FarmError::Blob(_) => Self::here(error),
        }
    }
}

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        Self::here(PaintHere(error))
    }
}

/// Adds to an error of the embedded farm what could not be done.
#[derive(Debug, thiserror::Error)]
#[error("cannot paint on this machine")]
struct PaintHere(#[source] EmbeddedError);
