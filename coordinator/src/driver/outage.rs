//! The sign that nothing can be recorded, for everybody who would wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Facts cannot be recorded at the moment, for this reason: nothing is accepted until they can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the coordinator cannot record anything at the moment, and tries again: {0}")]
pub(crate) struct Outage(pub(super) Arc<str>);

/// Hangs out the sign.
#[derive(Debug)]
pub(super) struct OutageSign(watch::Sender<Option<Outage>>);

/// Reads the sign.
#[derive(Debug, Clone)]
pub(super) struct Recording(watch::Receiver<Option<Outage>>);

pub(super) fn sign() -> (OutageSign, Recording) {
    let (sender, receiver) = watch::channel(None);
    (OutageSign(sender), Recording(receiver))
}

impl OutageSign {
    pub(super) fn begins(&self, reason: &str) {
        self.0.send_replace(Some(Outage(reason.into())));
    }

    pub(super) fn is_over(&self) {
        self.0.send_replace(None);
    }
}

impl Recording {
    /// Fails during an outage.
    pub(super) fn check(&self) -> Result<(), Outage> {
        self.0.borrow().clone().map_or(Ok(()), Err)
    }

    /// Waits for an outage to begin.
    pub(super) async fn outage(&self) -> Outage {
        let mut sign = self.0.clone();
        loop {
            if let Some(outage) = sign.borrow_and_update().clone() {
                return outage;
            }
            if sign.changed().await.is_err() {
                // The core has stopped, which its channels say.
                std::future::pending::<()>().await;
            }
        }
    }
}
