//! Conversion of errors to gRPC statuses.

use std::io;

use impasto_types::{JobId, error_text};
use tonic::Status;

use crate::driver::Away;
use crate::room::NoRoom;
use crate::submission::{Crowded, RetryError, SubmitError};
use impasto_blobs::BlobStoreError;

pub(super) fn no_such_job(job: JobId) -> Status {
    Status::not_found(format!("there is no job {job}"))
}

impl From<Away> for Status {
    fn from(away: Away) -> Self {
        Self::unavailable(away.to_string())
    }
}

/// The client tries again, as after a restart of the coordinator.
impl From<Crowded> for Status {
    fn from(crowded: Crowded) -> Self {
        Self::unavailable(crowded.to_string())
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
        // Whatever the trouble is, another blob would meet it as well, and nobody else is at fault.
        BlobStoreError::Write { .. } => Status::unavailable(text),
        BlobStoreError::Read { source, .. } if is_out_of_descriptors(&source) => {
            Status::unavailable(text)
        }
        // It may be this blob's alone.
        BlobStoreError::Read { .. } => Status::internal(text),
    }
}

/// Whether this process, or the whole system, has too many files open.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    const CODES: [i32; 2] = if cfg!(windows) { [4, 4] } else { [23, 24] };
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

impl From<NoRoom> for Status {
    fn from(error: NoRoom) -> Self {
        Self::resource_exhausted(error.to_string())
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
            SubmitError::Malformed(error) => error.into(),
            SubmitError::Crowded(crowded) => crowded.into(),
            SubmitError::Away(away) => away.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tonic::Code;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn troubles_that_pass_ask_for_a_retry() {
        let (path, os) = (|| PathBuf::from("blob"), io::Error::from_raw_os_error);
        for (error, code) in [
            (BlobStoreError::Write { path: path(), source: os(5) }, Code::Unavailable),
            (BlobStoreError::Read { path: path(), source: os(24) }, Code::Unavailable),
            (BlobStoreError::Read { path: path(), source: os(5) }, Code::Internal),
            (BlobStoreError::DiskFull { path: path(), source: os(28) }, Code::ResourceExhausted),
        ] {
            let text = error.to_string();
            assert_eq!(of_blob_store(error).code(), code, "{text}");
        }
    }
}
