//! A painter that needs no engine. What the asset's bytes say is what happens.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use impasto_engine::StepReport;
use impasto_types::{Action, Digest, FailureKind, ModelRef, RunReport};
use impasto_worker::{Observer, PaintError, Painted, Painter, Sources};

/// Paints "painted " before the asset's bytes. Bytes that begin with "slow" take steps until the gate opens; "large" need much memory; "panic" panics.
#[derive(Debug, Default)]
pub(crate) struct FakePainter {
    gate: Mutex<bool>,
    opened: Condvar,
    models: Mutex<BTreeSet<Digest>>,
}

const STEPS: u32 = 1000;

/// What "large" pictures need.
pub(crate) const LARGE_BYTES: u64 = 3 << 30;

impl FakePainter {
    /// Lets the slow ones finish.
    pub(crate) fn open(&self) {
        *self.gate.lock().expect("no panic") = true;
        self.opened.notify_all();
    }

    pub(crate) fn models(&self) -> BTreeSet<Digest> {
        self.models.lock().expect("no panic").clone()
    }

    /// Whether the gate is open, asked at most every few milliseconds.
    fn is_open(&self) -> bool {
        let gate = self.gate.lock().expect("no panic");
        *self.opened.wait_timeout_while(gate, Duration::from_millis(2), |open| !*open).expect("no panic").0
    }
}

impl Painter for FakePainter {
    fn device(&self) -> String {
        "fake".to_owned()
    }

    fn has_model(&self, model: &ModelRef) -> bool {
        self.models().contains(&model.blob.digest)
    }

    fn adopt_model(&self, model: &ModelRef, weights: &Path) -> Result<(), PaintError> {
        let weights = std::fs::read(weights).expect("it is there");
        assert_eq!(Digest::of(&weights), model.blob.digest, "weights are checked before they are handed over");
        self.models.lock().expect("no panic").insert(model.blob.digest);
        Ok(())
    }

    fn paint(
        &self,
        asset: &str,
        memory_bytes: u64,
        action: &Action,
        sources: &Sources,
        observer: &mut Observer<'_>,
    ) -> Result<Painted, PaintError> {
        assert!(action.models.iter().all(|model| self.has_model(model)), "models come first");
        let content = sources.content.as_ref().map_or(&b""[..], |source| &source.bytes);
        if content.starts_with(b"large") && memory_bytes < LARGE_BYTES {
            let (width, height) = (8192, 8192);
            return Err(PaintError::Memory { asset: asset.to_owned(), width, height, least_bytes: LARGE_BYTES, given_bytes: memory_bytes });
        }
        assert!(!content.starts_with(b"panic"), "the brush broke");
        let mut iteration = 0;
        loop {
            iteration += 1;
            let step = StepReport { iteration, iterations: STEPS, scale: (1, 1), loss: 1.0, content_loss: 0.5, style_loss: 0.5 };
            if observer(&step).is_break() {
                return Err(PaintError::Canceled { asset: asset.to_owned() });
            }
            if !content.starts_with(b"slow") || self.is_open() {
                break;
            }
        }
        let report =
            RunReport { iterations: iteration, loss: 1.0, content_loss: 0.5, style_loss: 0.5, compute_ms: 1, device: self.device() };
        Ok(Painted { bytes: [b"painted ", content].concat(), width: 16, height: 16, report })
    }
}

/// The kind that the wire's word stands for.
pub(crate) fn kind(word: &str) -> FailureKind {
    impasto_proto::from_proto::failure_kind("kind", word).expect("a kind")
}
