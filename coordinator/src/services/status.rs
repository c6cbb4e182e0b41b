//! Errors, as callers see them.

use tonic::Status;

use crate::blob_store::BlobStoreError;
use crate::driver::Stopped;
use crate::error_text::with_causes;
use crate::submission::SubmitError;

/// What a stream ends with when the coordinator goes down: a caller may come again.
pub(super) fn shutting_down() -> Status {
    Stopped.into()
}

impl From<Stopped> for Status {
    fn from(stopped: Stopped) -> Self {
        Self::unavailable(stopped.to_string())
    }
}

impl From<BlobStoreError> for Status {
    fn from(error: BlobStoreError) -> Self {
        let text = with_causes(&error);
        match error {
            BlobStoreError::Missing { .. } => Self::not_found(text),
            BlobStoreError::TooLarge { .. }
            | BlobStoreError::Length { .. }
            | BlobStoreError::Content { .. } => Self::invalid_argument(text),
            BlobStoreError::DiskFull { .. } => Self::resource_exhausted(text),
            BlobStoreError::Read { .. } | BlobStoreError::Write { .. } => Self::internal(text),
        }
    }
}

impl From<SubmitError> for Status {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::MissingInputs(_) => Self::failed_precondition(error.to_string()),
            SubmitError::Store(error) => error.into(),
            SubmitError::Stopped(stopped) => stopped.into(),
        }
    }
}
