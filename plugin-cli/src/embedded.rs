//! A farm inside this process: a coordinator and one worker, the same code as the servers. They
//! talk over loopback and share the disk.

use std::io;
use std::sync::Arc;

use impasto_coordinator::{Coordinator, LocalFarm, ServeError, StartError};
use impasto_painter::{OpenError, Painter};
use impasto_worker::{SettingsError, WorkerError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;

use crate::build_request::BuildRequest;

/// The embedded worker's name.
const WORKER_NAME: &str = "this-machine";

/// An idle farm stops at once. A step that is still running after this time ends with the process.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Embedded {
    farm: LocalFarm,
    /// The most memory that its worker has for a task.
    memory_bytes: u64,
    worker: (CancellationToken, JoinHandle<()>),
    coordinator: (CancellationToken, JoinHandle<()>),
    failures: mpsc::UnboundedReceiver<EmbeddedError>,
}

/// Why this process cannot paint.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("the coordinator does not start")]
    Start(#[from] StartError),
    #[error("the coordinator failed")]
    Serve(#[from] ServeError),
    #[error("the worker cannot be set up")]
    Settings(#[from] Box<SettingsError>),
    #[error(transparent)]
    Painter(#[from] OpenError),
    #[error("the worker failed")]
    Worker(#[from] WorkerError),
    #[error("the coordinator or the worker ended early")]
    Ended(#[source] io::Error),
}

impl Embedded {
    pub(crate) async fn start(request: &BuildRequest) -> Result<Self, EmbeddedError> {
        let coordinator =
            Coordinator::bind(impasto_coordinator::Settings::embedded(&request.cache_dir)).await?;
        let url = format!("http://{}", coordinator.local_addr());
        let settings = worker_settings(request, url)?;
        let painter = settings.painter()?;
        let memory_bytes =
            painter.offers().iter().map(|offer| offer.info.memory_bytes).max().unwrap_or(0);
        let (failed, failures) = mpsc::unbounded_channel();

        let (serving, reporter) = (CancellationToken::new(), failed.clone());
        let (stop, farm) = (serving.clone(), coordinator.farm(serving.clone()));
        // A build that has ended no longer receives failures.
        let served = tokio::spawn(async move {
            if let Err(error) = coordinator.serve(stop).await {
                let _ = reporter.send(error.into());
            }
        });
        let working = CancellationToken::new();
        let (stop, disk) = (working.clone(), Some(farm.blobs()));
        let worked = tokio::spawn(async move {
            let painter = Arc::new(painter);
            if let Err(error) = impasto_worker::run_with(settings, painter, disk, stop).await {
                let _ = failed.send(error.into());
            }
        });
        Ok(Self {
            farm,
            memory_bytes,
            worker: (working, worked),
            coordinator: (serving, served),
            failures,
        })
    }

    /// The coordinator, called directly instead of over the network.
    pub(crate) fn farm(&self) -> LocalFarm {
        self.farm.clone()
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Waits for one of the two to fail; does not return while both run.
    pub(crate) async fn failed(&mut self) -> EmbeddedError {
        let early = || EmbeddedError::Ended(io::Error::other("neither gave a reason"));
        self.failures.recv().await.unwrap_or_else(early)
    }

    /// Stops the worker, then the coordinator, which has stored every result by then.
    pub(crate) async fn stop(self) {
        for (token, task) in [self.worker, self.coordinator] {
            token.cancel();
            if timeout(STOP_TIMEOUT, task).await.is_err() {
                tracing::debug!(
                    "the embedded farm did not stop in time; its step ends with the process"
                );
            }
        }
    }
}

fn worker_settings(
    request: &BuildRequest,
    coordinator: String,
) -> Result<impasto_worker::Settings, Box<SettingsError>> {
    let defaults = impasto_worker::Settings::defaults()?;
    Ok(impasto_worker::Settings {
        coordinator,
        name: WORKER_NAME.parse().map_err(SettingsError::from)?,
        threads: request.threads.map_or(defaults.threads, usize::from),
        memory_bytes: request.memory_bytes.or(defaults.memory_bytes),
        cache_dir: request.cache_dir.join("worker"),
        // The coordinator's blobs are on the same disk.
        cache_bytes: 0,
        models_dir: request.survey.models_dir.clone(),
        devices: request.devices.clone(),
        only: true,
        ..defaults
    })
}
