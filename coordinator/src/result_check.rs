//! Looks at the results of workers before they are accepted.
//!
//! A result has the parts that its action asks for, each a whole picture of the right format, size,
//! depth and alpha. Headers are looked at first; then every sample is read, in as much memory as
//! all looks share. Nothing of this runs on the threads of the runtime.

use std::sync::Arc;

use impasto_assets::{
    AssetError, BadResult, Header, Limits, check_result, header_of_path, output_name, verify,
};
use impasto_blobs::{BlobStore, BlobStoreError};
use impasto_models::{ModelError, verify_part};
use impasto_types::{
    Action, AssetKind, AssetShape, ByteSize, Expected, FailureKind, LeaseOutcome, Output, Part,
    TaskResult, WrongResult, error_text,
};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The memory that all looks share, in MiB.
const ROOM_MIB: u32 = 512;

/// What takes more to read is accepted by its header: a TIFF or WebP of a hundred megapixels. It
/// would keep all other results waiting.
const MOST_BYTES: u64 = 2 << 30;

/// No network that can be trained, nor what is kept of it between steps, has more.
const MOST_NETWORK_BYTES: u64 = 64 << 20;

/// Looks at results. Clones share their memory.
#[derive(Debug, Clone)]
pub(crate) struct ResultCheck {
    blobs: BlobStore,
    room: Arc<Semaphore>,
    /// Whether there is only one worker, so that no other could do better.
    only_worker: bool,
}

/// Why a result is not accepted.
#[derive(Debug, thiserror::Error)]
enum Rejected {
    #[error("the worker reported success, but its output {} ({}) is not in the store",
        .0.part, .0.blob.digest.short())]
    Absent(Output),
    #[error("the worker's result is not accepted")]
    Wrong(#[from] WrongResult),
    #[error("the worker's result is not accepted")]
    Bad(#[from] BadResult),
    #[error("the worker's result is not accepted")]
    Network(#[from] ModelError),
    #[error("the worker's result is not accepted: its {} has {}",
        .0.part, ByteSize(.0.blob.size_bytes))]
    TooLarge(Output),
    #[error("the worker's result is not accepted: looking at it failed")]
    Panicked,
    #[error("the worker's result cannot be looked at")]
    Unreadable(#[source] BlobStoreError),
}

impl ResultCheck {
    pub(crate) fn new(blobs: BlobStore, only_worker: bool) -> Self {
        Self { blobs, room: Arc::new(Semaphore::new(ROOM_MIB as usize)), only_worker }
    }

    /// Turns a success whose result is not that of `action` into a failure.
    pub(crate) async fn look(&self, action: &Action, result: TaskResult) -> LeaseOutcome {
        match self.check(action, &result).await {
            Ok(()) => LeaseOutcome::Succeeded(result),
            Err(rejected) => {
                let kind = match &rejected {
                    // It may have expired or been purged.
                    Rejected::Absent(_) => FailureKind::Transient,
                    Rejected::Unreadable(_) => FailureKind::Coordinator,
                    Rejected::Wrong(_)
                    | Rejected::Bad(_)
                    | Rejected::Network(_)
                    | Rejected::TooLarge(_)
                    | Rejected::Panicked => FailureKind::Machine,
                };
                // Nothing would change while the only worker waits, so its attempts count.
                let kind = if self.only_worker { FailureKind::Transient } else { kind };
                LeaseOutcome::Failed { kind, message: error_text(&rejected) }
            }
        }
    }

    async fn check(&self, action: &Action, result: &TaskResult) -> Result<(), Rejected> {
        let absent = self.blobs.missing(result.blobs().collect()).await;
        if let Some(output) = result.outputs.iter().find(|output| absent.contains(&output.blob)) {
            return Err(Rejected::Absent(*output));
        }
        action.check_parts(&result.outputs)?;
        let asset = self.asset(action).await?;
        for (output, expected) in result.outputs.iter().zip(action.expected(asset)) {
            self.check_output(*output, expected).await?;
        }
        Ok(())
    }

    /// The shape of the asset that is painted; `None` if there is none, its header cannot be read,
    /// or it is another task's output.
    async fn asset(&self, action: &Action) -> Result<Option<AssetShape>, Rejected> {
        let Some(blob) = action.input(Part::Color).and_then(|input| input.blob()) else {
            return Ok(None);
        };
        let upright = action.kind == AssetKind::photograph();
        let local = self.blobs.local().clone();
        let header = on_thread(move || {
            let file = local.file_of(blob.digest)?;
            header_of_path(&file, &Limits::default()).ok()
        });
        let shape = |header: Header| AssetShape {
            size: if upright { header.upright_size() } else { (header.width, header.height) },
            alpha: header.alpha,
            depth: header.depth,
        };
        Ok(header.await?.map(shape))
    }

    async fn check_output(&self, output: Output, expected: Expected) -> Result<(), Rejected> {
        match output.part {
            _ if expected.is_picture() => {}
            // It may hold anything.
            Part::File(_) => return Ok(()),
            _ => return self.check_network(output).await,
        }
        let local = self.blobs.local().clone();
        let header = on_thread(move || {
            let file = local.file_of(output.blob.digest).ok_or(Rejected::Absent(output))?;
            let header = header_of_path(&file, &Limits::default())
                .map_err(|error| BadResult::File(renamed(error, &output)))?;
            check_result(&header, &output, &expected)?;
            Ok::<Header, Rejected>(header)
        });
        let header = header.await??;
        let bytes = header.footprint().reading_bytes().saturating_add(output.blob.size_bytes);
        if bytes > MOST_BYTES {
            let (bytes, part) = (ByteSize(bytes), output.part);
            tracing::debug!(%part, %bytes, "a result is too large to be read as a whole");
            return Ok(());
        }
        let name = output_name(&output);
        let whole = move |bytes: &[u8]| verify(bytes, &name, &Limits::default());
        self.read(output, bytes, move |read| Ok(whole(read).map_err(BadResult::from)?)).await
    }

    /// Reads a network or a state of training.
    async fn check_network(&self, output: Output) -> Result<(), Rejected> {
        let bytes = output.blob.size_bytes;
        if bytes > MOST_NETWORK_BYTES {
            return Err(Rejected::TooLarge(output));
        }
        // The file, and its numbers.
        self.read(output, 2 * bytes, move |read| Ok(verify_part(output.part, read)?)).await
    }

    /// Looks at a file with `look`, which takes so much memory of that which all looks share.
    async fn read(
        &self,
        output: Output,
        bytes: u64,
        look: impl FnOnce(&[u8]) -> Result<(), Rejected> + Send + 'static,
    ) -> Result<(), Rejected> {
        // At most `ROOM_MIB`, so it fits.
        let mib = (bytes >> 20).min(u64::from(ROOM_MIB) - 1) as u32 + 1;
        // The semaphore is never closed.
        let _room = self.room.acquire_many(mib).await;
        let local = self.blobs.local().clone();
        on_thread(move || {
            let bytes = local.read(output.blob).map_err(|error| match error {
                BlobStoreError::Missing { .. } => Rejected::Absent(output),
                error => Rejected::Unreadable(error),
            })?;
            look(&bytes)
        })
        .await?
    }
}

/// The error under the output's name instead of its file's.
fn renamed(error: AssetError, output: &Output) -> AssetError {
    AssetError { name: output_name(output), ..error }
}

/// Runs `work` on a blocking thread. A decoder that panics rejects the result.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejected> {
    spawn_blocking(work).await.map_err(|_| Rejected::Panicked)
}
