//! A worker under test, and helpers for the tests.

use std::sync::Arc;

use impasto_painter::Offer;
use impasto_types::{
    Action, AssetKind, Attempt, BlobRef, ContainerFormat, Digest, Epoch, FailureKind, Input, JobId,
    LeaseId, LeaseOutcome, Method, OutputSpec, Part, Preset, StyleRef, TaskIndex, TaskSpec,
};
use impasto_worker::{Settings, WorkerError, run_with};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Coordinator, Link, soon};
use crate::painter::{FakePainter, offer};

/// A worker under test.
pub(crate) struct Bench {
    pub(crate) coordinator: Coordinator,
    pub(crate) painter: Arc<FakePainter>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) worker: JoinHandle<Result<(), WorkerError>>,
    _cache: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(vec![offer("fake", 8 << 30)], |settings| settings).await
    }

    pub(crate) async fn start_with(
        offers: Vec<Offer>,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Self {
        let cache = tempfile::tempdir().expect("a folder");
        let coordinator = Coordinator::start().await;
        let settings = Settings {
            coordinator: coordinator.url.clone(),
            name: "bench".parse().expect("a name"),
            cache_dir: cache.path().to_owned(),
            ..Settings::defaults().expect("defaults")
        };
        let (painter, shutdown) = (Arc::new(FakePainter::on(offers)), CancellationToken::new());
        let worker =
            tokio::spawn(run_with(change(settings), painter.clone(), None, shutdown.clone()));
        Self { coordinator, painter, shutdown, worker, _cache: cache }
    }

    /// A task whose asset has these bytes; all its inputs are in the store.
    pub(crate) fn task(&self, content: &[u8]) -> TaskSpec {
        let store = &self.coordinator.store;
        let action = Action {
            method_version: Method::Optimize.version(),
            recipe: Preset::Painterly.recipe(),
            kind: AssetKind::picture(),
            inputs: vec![Input::blob(Part::Color, store.put(content))],
            styles: vec![StyleRef::whole(store.put(b"style"), 1.0)],
            regions: None,
            texture: None,
            models: vec![],
            outputs: vec![OutputSpec {
                part: Part::Color,
                format: ContainerFormat::Png,
                quality: 90,
            }],
        };
        TaskSpec {
            asset: "walls/brick.png".parse().expect("a path"),
            action,
            least_memory_bytes: 1,
            work: 10,
        }
    }

    /// Waits for the worker to end without an error.
    pub(crate) async fn ends(self) {
        soon("the worker's end", self.worker).await.expect("no panic").expect("no error");
    }

    /// Drains the worker; returns its reports until it ended.
    pub(crate) async fn drain(self, link: Link) -> Vec<LeaseOutcome> {
        link.drain().await;
        let rest = link.rest().await;
        self.ends().await;
        rest
    }
}

pub(crate) fn lease(task: u32) -> LeaseId {
    LeaseId { job: JobId(1), task: TaskIndex(task), attempt: Attempt(1), epoch: Epoch(1) }
}

/// The report of a "slow" task that was stopped.
pub(crate) fn half_done() -> LeaseOutcome {
    LeaseOutcome::Returned { checkpoint: Some(BlobRef::of(b"half of slow")) }
}

/// The failure in a report.
pub(crate) fn failure(outcome: LeaseOutcome) -> (FailureKind, String) {
    match outcome {
        LeaseOutcome::Failed { kind, message } => (kind, message),
        other => panic!("a failure was expected, not {other:?}"),
    }
}

/// The digest of the result in a report.
pub(crate) fn output(outcome: &LeaseOutcome) -> Digest {
    match outcome {
        LeaseOutcome::Succeeded(result) => result.outputs[0].blob.digest,
        other => panic!("a result was expected, not {other:?}"),
    }
}
