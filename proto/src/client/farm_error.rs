//! Errors between a client and a coordinator.

use impasto_types::{JobId, WorkerName, error_text, one_line};
use tonic::{Code, Status};

use super::blobs::BlobError;
use super::connection::ConnectError;
use crate::FieldError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("nobody answers at {url} within {limit_s} s; is a coordinator running there?")]
    Silent { url: String, limit_s: u64 },
    /// Something else answers, or a coordinator that cannot.
    #[error("no coordinator answers at {url}: {reason}")]
    Stranger { url: String, reason: String },
    #[error("the coordinator does not answer: {}", source.message())]
    Away { source: Status },
    #[error("the coordinator cannot {doing} at the moment: {}", source.message())]
    Full { doing: &'static str, source: Status },
    #[error("the coordinator refuses to {doing}: {}", source.message())]
    Refused { doing: &'static str, source: Status },
    #[error("there is no job {job}")]
    NoSuchJob { job: JobId },
    #[error("there is no worker `{name}`")]
    NoSuchWorker { name: WorkerName },
    #[error("the coordinator's answer is malformed; is it of another version?")]
    Answer(#[from] FieldError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl FarmError {
    /// `doing` completes "the coordinator refuses to".
    pub(super) fn of(source: Status, doing: &'static str) -> Self {
        if is_connection(&source) {
            Self::Away { source }
        } else if source.code() == Code::ResourceExhausted {
            Self::Full { doing, source }
        } else {
            Self::Refused { doing, source }
        }
    }

    /// Whether the coordinator is unreachable, or has no room at the moment: trying again may help.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Unreachable { .. })
            | Self::Silent { .. }
            | Self::Stranger { .. }
            | Self::Away { .. }
            | Self::Full { .. } => true,
            Self::Blob(BlobError::Call { source, .. } | BlobError::FindMissing { source }) => {
                is_connection(source) || source.code() == Code::ResourceExhausted
            }
            Self::Connect(ConnectError::Address { .. } | ConnectError::Tls { .. })
            | Self::Refused { .. }
            | Self::NoSuchJob { .. }
            | Self::NoSuchWorker { .. }
            | Self::Answer(_)
            | Self::Blob(_) => false,
        }
    }
}

/// Why a call was not answered: what broke the connection, or what the answer says.
pub(super) fn reason(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => error_text(source),
        None if status.message().is_empty() => status.code().description().to_owned(),
        None => one_line(status.message()),
    }
}

/// A status sent by the coordinator has no source; one made for a broken connection has.
pub(super) fn is_connection(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}
