//! Conversion of errors to gRPC statuses.

use impasto_types::{JobId, error_text};
use tonic::Status;

use crate::driver::Away;
use crate::submission::{RetryError, SubmitError};
use impasto_blobs::BlobStoreError;

pub(super) fn no_such_job(job: JobId) -> Status {
    Status::not_found(format!("there is no job {job}"))
}

impl From<Away> for Status {
    fn from(away: Away) -> Self {
        Self::unavailable(away.to_string())
    }
}

/// The status for an error of the blob store.
pub(super) fn of_blob_store(error: BlobStoreError) -> Status {
    let text = error_text(&error);
    match error {
        BlobStoreError::Missing { .. } => Status::not_found(text),
        BlobStoreError::TooLarge { .. }
        | BlobStoreError::Length { .. }
        | BlobStoreError::Content { .. } => Status::invalid_argument(text),
        BlobStoreError::DiskFull { .. } => Status::resource_exhausted(text),
        BlobStoreError::Changed { .. } => Status::failed_precondition(text),
        BlobStoreError::Read { .. } | BlobStoreError::Write { .. } => Status::internal(text),
    }
}

impl From<RetryError> for Status {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::Expired(_) => Self::failed_precondition(error.to_string()),
            RetryError::Tasks(_) => Self::failed_precondition(error_text(&error)),
            RetryError::Hold(error) => of_blob_store(error),
            RetryError::Away(away) => away.into(),
        }
    }
}

impl From<SubmitError> for Status {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::MissingInputs(_) => Self::failed_precondition(error.to_string()),
            SubmitError::NoProducer { .. } => Self::invalid_argument(error.to_string()),
            SubmitError::Store(error) => of_blob_store(error),
            SubmitError::Away(away) => away.into(),
        }
    }
}
