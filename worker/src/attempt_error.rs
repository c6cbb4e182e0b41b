//! Why attempts have no result, and whose fault that is.

use std::io;

use impasto_painter::PaintError;
use impasto_types::{BlobRef, FailureKind, LeaseOutcome, Method, Part, error_text};

use crate::blob_link::TransferError;

/// Why an attempt has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    #[error("it was canceled")]
    Canceled,
    #[error(
        "the task is for version {asked} of method {method}, but this worker has version {}",
        method.version()
    )]
    MethodVersion { method: Method, asked: u32 },
    #[error("{part} of `{asset}` is another task's output, which was not handed over")]
    Unresolved { asset: String, part: Part },
    #[error("cannot fetch {what} of `{asset}`")]
    Fetch { asset: String, what: String, blob: BlobRef, source: Box<TransferError> },
    #[error("cannot make a folder for the model's weights")]
    Scratch { source: io::Error },
    #[error("cannot hand in the picture of `{asset}`")]
    HandIn { asset: String, source: Box<TransferError> },
    #[error("no device of this worker takes tasks any more")]
    NoDevice,
    #[error("painting `{asset}` panicked: {message}")]
    Panicked { asset: String, message: String },
    #[error(transparent)]
    Paint(#[from] PaintError),
}

impl AttemptError {
    /// `only` means that there is no other worker.
    pub(crate) fn outcome(&self, only: bool) -> LeaseOutcome {
        let kind = match self {
            // Without a device too: the lease was granted before the coordinator knew.
            Self::Canceled | Self::NoDevice | Self::Paint(PaintError::Canceled { .. }) => {
                return LeaseOutcome::Returned { checkpoint: None };
            }
            // The only worker's memory is too small, so no retry can succeed.
            Self::Paint(error) if only && error.lacks_memory() => FailureKind::Input,
            // Other programs may free GPU memory, so retry, but not forever.
            Self::Paint(PaintError::CardMemory { .. } | PaintError::FullCard { .. }) if only => {
                FailureKind::Transient
            }
            Self::Fetch { blob, source, .. } if source.is_missing() => {
                return LeaseOutcome::Starved { missing: vec![*blob] };
            }
            // This machine's model store or device is at fault.
            Self::Paint(PaintError::Model { .. } | PaintError::Card { .. }) => FailureKind::Machine,
            Self::Paint(error) => error.kind(),
            Self::Fetch { source, .. } | Self::HandIn { source, .. } => source.kind(),
            Self::Scratch { .. } => FailureKind::Machine,
            Self::MethodVersion { .. } | Self::Unresolved { .. } | Self::Panicked { .. } => {
                FailureKind::Transient
            }
        };
        // Nothing would change while the only worker waits, so its attempts count.
        let kind = match kind {
            FailureKind::Machine | FailureKind::Coordinator if only => FailureKind::Transient,
            kind => kind,
        };
        LeaseOutcome::Failed { kind, message: error_text(self) }
    }
}

#[cfg(test)]
mod tests {
    use impasto_proto::client::BlobError;
    use impasto_types::Digest;

    use super::*;

    fn kind(error: &AttemptError, only: bool) -> Option<FailureKind> {
        match error.outcome(only) {
            LeaseOutcome::Failed { kind, .. } => Some(kind),
            LeaseOutcome::Succeeded(_)
            | LeaseOutcome::Starved { .. }
            | LeaseOutcome::Returned { .. } => None,
        }
    }

    #[test]
    fn a_machines_own_trouble_is_not_the_tasks() {
        let scratch = AttemptError::Scratch { source: io::Error::other("full") };
        assert_eq!(kind(&scratch, false), Some(FailureKind::Machine));
        assert_eq!(kind(&scratch, true), Some(FailureKind::Transient), "nobody else could try");
        let panicked =
            AttemptError::Panicked { asset: "a.png".to_owned(), message: "no".to_owned() };
        assert_eq!(kind(&panicked, false), Some(FailureKind::Transient));
    }

    #[test]
    fn a_missing_input_is_named() {
        let blob = BlobRef::of(b"wall");
        let missing = BlobError::Missing { digest: Digest::of(b"wall") };
        let (asset, what) = ("a.png".to_owned(), "part color".to_owned());
        let error = AttemptError::Fetch { asset, what, blob, source: Box::new(missing.into()) };
        assert_eq!(error.outcome(false), LeaseOutcome::Starved { missing: vec![blob] });
    }
}
