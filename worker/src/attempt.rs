//! One attempt at one task: fetch its blobs, paint, upload the result.
//!
//! An attempt knows no leases. While the coordinator is unreachable, its transfers are retried
//! until it is canceled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use impasto_painter::{Lane, OutputFile, PaintError, Painted, Painter, Source, Sources};
use impasto_types::{
    BlobRef, FailureKind, Grant, InputRef, LeaseOutcome, Output, Part, Progress, Resolved, Retries,
    TaskResult, TaskSpec, error_text,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::attempt_error::AttemptError;
use crate::blob_cache::BlobCache;
use crate::blob_link::{BlobLink, TransferError};
use crate::cancel::Cancel;
use crate::painting_watch::PaintingWatch;
use crate::pool::{AllRetired, Demand, Place, Pool};
use crate::reconnect::RECONNECT;

/// How long a checkpoint may take to upload: a worker has only seconds to shut down.
const HAND_BACK_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a transfer is retried that the coordinator refuses because of its own troubles.
const TROUBLE: Duration = Duration::from_secs(60);

/// The largest checkpoint that is uploaded. A picture of 1024 by 1024 pixels with twenty pairs of
/// L-BFGS takes 500 MiB; moving a larger one takes as long as painting again.
const MAX_CHECKPOINT_BYTES: u64 = 512 << 20;

/// Shared by all attempts of a worker.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) painter: Arc<dyn Painter>,
    /// Where models are downloaded, before they go into the painter's store.
    pub(crate) cache: Arc<BlobCache>,
    pub(crate) blobs: BlobLink,
    pub(crate) pool: Pool,
    /// Whether this is the only worker that the farm will ever have.
    pub(crate) only: bool,
}

/// Runs a task until it has ended or is stopped; a stop takes effect between two steps.
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
        Err(error) => match error.outcome(workshop.only) {
            LeaseOutcome::Starved { missing } => {
                LeaseOutcome::Starved { missing: attempt.all_missing(missing).await }
            }
            outcome => outcome,
        },
    }
}

struct Attempt<'a> {
    workshop: &'a Workshop,
    task: Arc<TaskSpec>,
    /// The blobs of inputs that are other tasks' outputs.
    resolved: Vec<Resolved>,
    /// The checkpoint of an earlier attempt.
    checkpoint: Option<BlobRef>,
    cancel: &'a Cancel,
}

impl Attempt<'_> {
    async fn run(
        &self,
        progress: watch::Sender<Option<Progress>>,
    ) -> Result<TaskResult, AttemptError> {
        // If the lease was granted before the coordinator knew that this slot was taken, wait.
        let mut place = self.take(Demand::Bytes(self.task.least_memory_bytes)).await?;
        let (method, asked) = (self.task.action.method(), self.task.action.method_version);
        if asked != method.version() {
            return Err(AttemptError::MethodVersion { method, asked });
        }
        if !place.is_whole && self.files_bytes() > place.lane.memory_bytes {
            drop(place);
            place = self.take(Demand::Whole).await?;
        }
        let mut sources = self.fetch_sources(place.lane.memory_bytes).await?;
        sources.checkpoint = self.fetch_checkpoint(place.lane.memory_bytes).await?;
        let sources = Arc::new(sources);
        self.fetch_models().await?;
        let painted = match self.paint(place.lane, &sources, &progress).await {
            Err(AttemptError::Paint(error)) => match shortage(&error) {
                // The coordinator's estimate was too low. Try with all of a device's memory before
                // another worker tries.
                Some(Shortage::Plan) if !place.is_whole => {
                    self.log(&error, "trying again with all the memory");
                    drop(place);
                    place = self.take(Demand::Whole).await?;
                    self.paint(place.lane, &sources, &progress).await
                }
                // The plan was right, but other programs use the GPU too. Take all lanes and plan
                // with half of the memory: smaller tiles, and as much memory to spare.
                Some(Shortage::Card) => {
                    self.log(&error, "trying again alone, with half of the GPU's memory");
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

    /// The bytes of all inputs, as far as their sizes are known before they are fetched.
    fn files_bytes(&self) -> u64 {
        let action = &self.task.action;
        let inputs = action.inputs.iter().filter_map(|input| {
            self.resolve(input.part, input.source).ok().map(|blob| blob.size_bytes)
        });
        inputs
            .chain(action.all_styles().map(|(style, _)| style.blob.size_bytes))
            .fold(0, u64::saturating_add)
    }

    /// The inputs, if they fit into so many bytes.
    async fn fetch_sources(&self, memory_bytes: u64) -> Result<Sources, AttemptError> {
        let action = &self.task.action;
        let least_bytes = self.files_bytes();
        if least_bytes > memory_bytes {
            let asset = self.task.asset.to_string();
            return Err(PaintError::Files { asset, least_bytes, given_bytes: memory_bytes }.into());
        }
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
        for (index, (style, _)) in action.all_styles().enumerate() {
            let what = format!("style image {}", index + 1);
            let bytes = self.fetch(style.blob, &what).await?;
            sources.styles.push(Source { name: self.name_beside(&what), bytes });
        }
        Ok(sources)
    }

    /// The checkpoint of an earlier attempt; `None` if it cannot be fetched or takes much of the
    /// memory, which only costs time.
    async fn fetch_checkpoint(&self, memory_bytes: u64) -> Result<Option<Vec<u8>>, AttemptError> {
        let Some(blob) = self.checkpoint else { return Ok(None) };
        if blob.size_bytes > MAX_CHECKPOINT_BYTES.min(memory_bytes / 2) {
            debug!(asset = %self.task.asset, blob.size_bytes, "the checkpoint is too large");
            return Ok(None);
        }
        match self.until_it_answers(|| self.workshop.blobs.fetch_once(blob)).await? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => {
                info!(
                    asset = %self.task.asset,
                    error = error_text(&error),
                    "cannot fetch the checkpoint; starting from the beginning"
                );
                Ok(None)
            }
        }
    }

    /// Uploads the checkpoint for the next attempt. `None` if there is none, it is too large, or
    /// the upload does not succeed at once: stopping does not wait for it.
    async fn hand_back(&self, checkpoint: Vec<u8>) -> Option<BlobRef> {
        let size_bytes = checkpoint.len() as u64;
        if !(1..=MAX_CHECKPOINT_BYTES).contains(&size_bytes) {
            debug!(asset = %self.task.asset, size_bytes, "not uploading the checkpoint");
            return None;
        }
        let blob = BlobRef::of(&checkpoint);
        let upload = self.workshop.blobs.hand_in(blob, checkpoint.into());
        match timeout(HAND_BACK_TIMEOUT, upload).await {
            Ok(Ok(())) => Some(blob),
            Ok(Err(error)) => {
                self.log(&error, "cannot upload the checkpoint");
                None
            }
            Err(_) => {
                debug!(asset = %self.task.asset, "uploading the checkpoint takes too long");
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

    /// The name of another input in errors. Only the asset's name is known; its extension may not
    /// fit this file, so it must not be at the end.
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
            // Weights are large, so they are downloaded to a file, which the store copies. The
            // temporary folder is removed when dropped.
            let folder = self
                .workshop
                .cache
                .scratch_folder()
                .map_err(|source| AttemptError::Scratch { source })?;
            let weights = folder.path().join("weights");
            let fetched = self
                .until_it_answers(|| self.workshop.blobs.fetch_to(model.blob, &weights))
                .await?;
            let what = format!("the model {}", model.name);
            fetched.map_err(|source| self.not_fetched(&what, model.blob, source))?;
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
            let mut watch = PaintingWatch::new(progress, cancel);
            painter.paint(lane, task.asset.as_str(), &task.action, &sources, &mut watch)
        });
        Ok(painted.await??)
    }

    /// All inputs that the coordinator lacks, so that the client sends them at once; only those
    /// that were found if it does not say.
    async fn all_missing(&self, found: Vec<BlobRef>) -> Vec<BlobRef> {
        let wanted: Vec<BlobRef> = self.task.action.blobs().collect();
        match self.cancel.unless_stopped(self.workshop.blobs.missing(&wanted)).await {
            Some(Ok(missing)) if !missing.is_empty() => missing,
            Some(Ok(_) | Err(_)) | None => found,
        }
    }

    async fn fetch(&self, blob: BlobRef, what: &str) -> Result<Vec<u8>, AttemptError> {
        let fetched = self.until_it_answers(|| self.workshop.blobs.fetch(blob)).await?;
        fetched.map_err(|source| self.not_fetched(what, blob, source))
    }

    fn not_fetched(&self, what: &str, blob: BlobRef, source: TransferError) -> AttemptError {
        AttemptError::Fetch {
            asset: self.task.asset.to_string(),
            what: what.to_owned(),
            blob,
            source: source.into(),
        }
    }

    async fn hand_in(&self, blob: BlobRef, bytes: Bytes) -> Result<(), AttemptError> {
        let handed =
            self.until_it_answers(|| self.workshop.blobs.hand_in(blob, bytes.clone())).await?;
        let asset = || self.task.asset.to_string();
        handed.map_err(|source| AttemptError::HandIn { asset: asset(), source: source.into() })
    }

    /// Makes a transfer, and retries while the coordinator is unreachable. If it answers, but has
    /// troubles of its own such as a full disk, retries for a while.
    async fn until_it_answers<T, F>(
        &self,
        transfer: impl Fn() -> F,
    ) -> Result<Result<T, TransferError>, AttemptError>
    where
        F: Future<Output = Result<T, TransferError>>,
    {
        let mut retries = Retries::new(RECONNECT);
        let mut troubled_since = None;
        loop {
            match self.unless_canceled(transfer()).await? {
                Err(error) if error.is_away() => {
                    self.log(&error, "the coordinator is unreachable; trying again");
                    self.unless_canceled(tokio::time::sleep(retries.next(fastrand::f64()))).await?;
                }
                Err(error)
                    if error.kind() == FailureKind::Coordinator
                        && !error.is_missing()
                        && troubled_since.get_or_insert_with(Instant::now).elapsed() < TROUBLE =>
                {
                    self.log(&error, "the coordinator has troubles; trying again");
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

    /// Runs a blocking function on a thread of its own. A panic there fails this task, not the
    /// worker.
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

/// The memory that was too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// The plan does not fit into the memory that the attempt was given.
    Plan,
    /// The GPU ran out of memory.
    Card,
}

fn shortage(error: &PaintError) -> Option<Shortage> {
    match error {
        error if error.lacks_memory() => Some(Shortage::Plan),
        PaintError::CardMemory { .. } | PaintError::FullCard { .. } => Some(Shortage::Card),
        _ => None,
    }
}

/// The message of a panic.
fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
