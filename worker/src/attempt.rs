//! One attempt at one task: fetch its blobs, paint, hand the result in.
//!
//! It knows no leases. While the coordinator is away its transfers wait and try again; only
//! cancellation ends that.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use impasto_painter::{
    Lane, OutputFile, Pace, PaintError, PaintStep, Painted, Painter, Source, Sources,
};
use impasto_types::{
    BlobRef, FailureKind, Grant, InputRef, LeaseOutcome, Method, Output, Part, Progress, Resolved,
    Retries, TaskResult, TaskSpec, error_text,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::blob_cache::BlobCache;
use crate::blob_link::{BlobLink, TransferError};
use crate::cancel::Cancel;
use crate::pool::{AllRetired, Demand, Place, Pool};
use crate::reconnect::RECONNECT;

/// How long a checkpoint may take to upload: a worker that is shut down has seconds.
const HAND_BACK_TIMEOUT: Duration = Duration::from_secs(4);

/// The largest checkpoint that is handed on. A picture of 1024 by 1024 pixels with twenty pairs of
/// L-BFGS takes 500 MiB; a larger one takes as long to move as painting anew.
const MAX_CHECKPOINT_BYTES: u64 = 512 << 20;

/// What all attempts of a worker share.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) painter: Arc<dyn Painter>,
    /// Where models lie on their way into the painter's store.
    pub(crate) cache: Arc<BlobCache>,
    pub(crate) blobs: BlobLink,
    pub(crate) pool: Pool,
    /// Whether the farm has no other worker and never will.
    pub(crate) only: bool,
}

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
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
    Fetch { asset: String, what: String, source: Box<TransferError> },
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
    /// `only` says that there is no other worker to wait for.
    fn outcome(&self, only: bool) -> LeaseOutcome {
        let kind = match self {
            // A lease that crossed the news that there is no device left belongs to another worker.
            Self::Canceled | Self::NoDevice | Self::Paint(PaintError::Canceled { .. }) => {
                return LeaseOutcome::Returned { checkpoint: None };
            }
            // All the memory of the only worker was not enough, and never will be.
            Self::Paint(PaintError::Memory { .. }) if only => FailureKind::Input,
            // Others may let its card go, but that is not waited for without end.
            Self::Paint(PaintError::CardMemory { .. } | PaintError::FullCard { .. }) if only => {
                FailureKind::Transient
            }
            Self::Paint(error) => error.kind(),
            Self::Fetch { source, .. } if source.is_changed() => FailureKind::Input,
            Self::MethodVersion { .. }
            | Self::Unresolved { .. }
            | Self::Fetch { .. }
            | Self::Scratch { .. }
            | Self::HandIn { .. }
            | Self::Panicked { .. } => FailureKind::Transient,
        };
        LeaseOutcome::Failed { kind, message: error_text(self) }
    }
}

/// Runs a task until it has ended or is stopped, which takes effect between two steps.
pub(crate) async fn attempt(
    workshop: Arc<Workshop>,
    grant: Grant<TaskSpec>,
    progress: watch::Sender<Option<Progress>>,
    cancel: Cancel,
) -> LeaseOutcome {
    let Grant { lease: _, task, resolved, checkpoint } = grant;
    let task = Arc::new(task);
    let attempt = Attempt { workshop: &workshop, task, resolved, checkpoint, cancel: &cancel };
    match attempt.run(progress).await {
        Ok(result) => LeaseOutcome::Succeeded(result),
        Err(AttemptError::Paint(PaintError::Stopped { checkpoint, .. })) => {
            LeaseOutcome::Returned { checkpoint: attempt.hand_back(checkpoint).await }
        }
        Err(error) => error.outcome(workshop.only),
    }
}

struct Attempt<'a> {
    workshop: &'a Workshop,
    task: Arc<TaskSpec>,
    /// What became of inputs that are other tasks' outputs.
    resolved: Vec<Resolved>,
    /// Where an earlier attempt stopped.
    checkpoint: Option<BlobRef>,
    cancel: &'a Cancel,
}

impl Attempt<'_> {
    async fn run(
        &self,
        progress: watch::Sender<Option<Progress>>,
    ) -> Result<TaskResult, AttemptError> {
        // A lease that was granted before the coordinator knew that this slot was taken waits here.
        let mut place = self.take(Demand::Bytes(self.task.least_memory_bytes)).await?;
        let (method, asked) = (self.task.action.method(), self.task.action.method_version);
        if asked != method.version() {
            return Err(AttemptError::MethodVersion { method, asked });
        }
        let mut sources = self.fetch_sources().await?;
        sources.checkpoint = self.fetch_checkpoint().await?;
        let sources = Arc::new(sources);
        self.fetch_models().await?;
        let painted = match self.paint(place.lane, &sources, &progress).await {
            Err(AttemptError::Paint(error)) => match shortage(&error) {
                // The coordinator's estimate fell short. Before another worker tries, all of a
                // device's memory does.
                Some(Shortage::Plan) if !place.is_whole => {
                    self.log(&error, "trying again with all the memory");
                    drop(place);
                    place = self.take(Demand::Whole).await?;
                    self.paint(place.lane, &sources, &progress).await
                }
                // The plan held, but others took of the card too. With all its lanes and half of
                // its memory, tiles are smaller and there is as much again to spare.
                Some(Shortage::Card) => {
                    self.log(&error, "trying again alone, with half of the card's memory");
                    drop(place);
                    place = self.take(Demand::Whole).await?;
                    let lane = Lane { memory_bytes: place.lane.memory_bytes / 2, ..place.lane };
                    self.paint(lane, &sources, &progress).await
                }
                Some(Shortage::Plan) | None => Err(error.into()),
            },
            other => other,
        };
        drop(sources);
        let Painted { files, report } = painted?;
        let mut outputs = Vec::new();
        for file in files {
            let OutputFile { part, bytes, width, height } = file;
            let blob = BlobRef::of(&bytes);
            self.hand_in(blob, bytes.into()).await?;
            outputs.push(Output { part, blob, width, height });
        }
        drop(place);
        Ok(TaskResult { outputs, report })
    }

    async fn take(&self, demand: Demand) -> Result<Place<'_>, AttemptError> {
        self.unless_canceled(self.workshop.pool.take(demand))
            .await?
            .map_err(|AllRetired| AttemptError::NoDevice)
    }

    async fn fetch_sources(&self) -> Result<Sources, AttemptError> {
        let action = &self.task.action;
        let mut sources = Sources::default();
        for input in &action.inputs {
            let part = input.part;
            let blob = self.resolve(part, input.source)?;
            let what = format!("part {part}");
            let name = match part {
                Part::Color => self.task.asset.to_string(),
                _ => self.name_beside(&what),
            };
            let bytes = self.fetch(blob, &what).await?;
            sources.files.insert(part, Source { name, bytes });
        }
        for (index, style) in action.styles.iter().enumerate() {
            let what = format!("style image {}", index + 1);
            let bytes = self.fetch(style.blob, &what).await?;
            sources.styles.push(Source { name: self.name_beside(&what), bytes });
        }
        Ok(sources)
    }

    /// Where an earlier attempt stopped; `None` where that cannot be had, which only costs time.
    async fn fetch_checkpoint(&self) -> Result<Option<Vec<u8>>, AttemptError> {
        let Some(blob) = self.checkpoint else { return Ok(None) };
        if blob.size_bytes > MAX_CHECKPOINT_BYTES {
            debug!(asset = %self.task.asset, blob.size_bytes, "the checkpoint is too large");
            return Ok(None);
        }
        match self.until_it_answers(|| self.workshop.blobs.fetch_once(blob)).await? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => {
                info!(
                    asset = %self.task.asset,
                    error = error_text(&error),
                    "the checkpoint cannot be fetched; beginning anew"
                );
                Ok(None)
            }
        }
    }

    /// Uploads where the attempt has stopped, for the next one. `None` where there is nothing to go
    /// on from, or the coordinator does not take it at once: whoever stops does not wait for it.
    async fn hand_back(&self, checkpoint: Vec<u8>) -> Option<BlobRef> {
        let size_bytes = checkpoint.len() as u64;
        if !(1..=MAX_CHECKPOINT_BYTES).contains(&size_bytes) {
            debug!(asset = %self.task.asset, size_bytes, "no checkpoint is handed back");
            return None;
        }
        let blob = BlobRef::of(&checkpoint);
        let upload = self.workshop.blobs.hand_in(blob, checkpoint.into());
        match timeout(HAND_BACK_TIMEOUT, upload).await {
            Ok(Ok(())) => Some(blob),
            Ok(Err(error)) => {
                self.log(&error, "no checkpoint is handed back");
                None
            }
            Err(_) => {
                debug!(asset = %self.task.asset, "no checkpoint is handed back: it takes too long");
                None
            }
        }
    }

    /// The blob of an input.
    fn resolve(&self, part: Part, source: InputRef) -> Result<BlobRef, AttemptError> {
        let there = match source {
            InputRef::Blob(blob) => Some(blob),
            InputRef::Output { action, output } => {
                let made = |made: &&Resolved| made.action == action && made.output == output;
                self.resolved.iter().find(made).map(|made| made.blob)
            }
        };
        let unresolved = || AttemptError::Unresolved { asset: self.task.asset.to_string(), part };
        there.ok_or_else(unresolved)
    }

    /// What errors call a file beside the asset. Only the asset's own name is known, and its
    /// extension says nothing about other files: it must not stand at the end.
    fn name_beside(&self, what: &str) -> String {
        format!("{} ({what})", self.task.asset)
    }

    /// Models go into the painter's own store, not into the cache.
    async fn fetch_models(&self) -> Result<(), AttemptError> {
        for model in self.task.action.models.iter().copied() {
            let painter = self.workshop.painter.clone();
            if self.on_thread(move || painter.has_model(&model)).await? {
                continue;
            }
            // Weights are large: they go from the network to a file, which the store copies. The
            // folder goes with its last use.
            let folder = self
                .workshop
                .cache
                .scratch_folder()
                .map_err(|source| AttemptError::Scratch { source })?;
            let weights = folder.path().join("weights");
            let fetched = self
                .until_it_answers(|| self.workshop.blobs.fetch_to(model.blob, &weights))
                .await?;
            fetched
                .map_err(|source| self.not_fetched(&format!("the model {}", model.name), source))?;
            let painter = self.workshop.painter.clone();
            self.on_thread(move || painter.adopt_model(&model, &weights)).await??;
            drop(folder);
        }
        Ok(())
    }

    async fn paint(
        &self,
        lane: Lane,
        sources: &Arc<Sources>,
        progress: &watch::Sender<Option<Progress>>,
    ) -> Result<Painted, AttemptError> {
        let (painter, task, cancel) =
            (self.workshop.painter.clone(), self.task.clone(), self.cancel.clone());
        let (sources, progress) = (sources.clone(), progress.clone());
        let painted = self.on_thread(move || {
            let (began, mut pace) = (Instant::now(), Pace::default());
            painter.paint(lane, task.asset.as_str(), &task.action, &sources, &mut |step| {
                let PaintStep { report, done } = step;
                let left = pace.left(*done, began.elapsed());
                progress.send_replace(Some(Progress {
                    iteration: report.iteration,
                    iterations: report.iterations,
                    loss: report.losses.map(|losses| losses.total),
                    left_ms: left.and_then(|left| u64::try_from(left.as_millis()).ok()),
                }));
                match cancel.asked() {
                    Some(stop) => ControlFlow::Break(stop),
                    None => ControlFlow::Continue(()),
                }
            })
        });
        Ok(painted.await??)
    }

    async fn fetch(&self, blob: BlobRef, what: &str) -> Result<Vec<u8>, AttemptError> {
        let fetched = self.until_it_answers(|| self.workshop.blobs.fetch(blob)).await?;
        fetched.map_err(|source| self.not_fetched(what, source))
    }

    fn not_fetched(&self, what: &str, source: TransferError) -> AttemptError {
        AttemptError::Fetch {
            asset: self.task.asset.to_string(),
            what: what.to_owned(),
            source: source.into(),
        }
    }

    async fn hand_in(&self, blob: BlobRef, bytes: Bytes) -> Result<(), AttemptError> {
        let handed =
            self.until_it_answers(|| self.workshop.blobs.hand_in(blob, bytes.clone())).await?;
        let asset = || self.task.asset.to_string();
        handed.map_err(|source| AttemptError::HandIn { asset: asset(), source: source.into() })
    }

    /// Makes a transfer, again and again while the coordinator is away.
    async fn until_it_answers<T, F>(
        &self,
        transfer: impl Fn() -> F,
    ) -> Result<Result<T, TransferError>, AttemptError>
    where
        F: Future<Output = Result<T, TransferError>>,
    {
        let mut retries = Retries::new(RECONNECT);
        loop {
            match self.unless_canceled(transfer()).await? {
                Err(error) if error.is_away() => {
                    self.log(&error, "the coordinator is away; trying again");
                    self.unless_canceled(tokio::time::sleep(retries.next(fastrand::f64()))).await?;
                }
                answer => return Ok(answer),
            }
        }
    }

    fn log(&self, error: &dyn std::error::Error, what: &str) {
        debug!(asset = %self.task.asset, error = error_text(error), "{what}");
    }

    async fn unless_canceled<T>(&self, future: impl Future<Output = T>) -> Result<T, AttemptError> {
        self.cancel.unless_stopped(future).await.ok_or(AttemptError::Canceled)
    }

    /// Runs what blocks on a thread of its own. A panic there is this task's failure, not the
    /// worker's.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AttemptError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => AttemptError::Panicked {
                asset: self.task.asset.to_string(),
                message: message_of(&*panic),
            },
            // The runtime is shutting down.
            Err(_) => AttemptError::Canceled,
        })
    }
}

/// Which memory was too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// What the attempt was given, by the plan.
    Plan,
    /// The card's own.
    Card,
}

fn shortage(error: &PaintError) -> Option<Shortage> {
    match error {
        PaintError::Memory { .. } => Some(Shortage::Plan),
        PaintError::CardMemory { .. } | PaintError::FullCard { .. } => Some(Shortage::Card),
        _ => None,
    }
}

/// What a panic said.
fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
