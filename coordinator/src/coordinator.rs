//! The server as a whole: what it opens, and how it comes up and goes down.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use impasto_blobs::{
    ActionCache, ActionCacheError, BlobStore, BlobStoreError, CacheLimits, LocalActions,
    LocalBlobs, blocking,
};
use impasto_project::WatchSettings;
use impasto_proto::limits::MAX_MESSAGE_BYTES;
use impasto_proto::v1::blobs_server::BlobsServer;
use impasto_proto::v1::jobs_server::JobsServer;
use impasto_proto::v1::workers_server::WorkersServer;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::driver::{Command, Driver, Turns};
use crate::expiry::{AcceptedHolds, CleanUp};
use crate::local_farm::LocalFarm;
use crate::services::{BlobsService, JobsService, WorkerContext, WorkersService};
use crate::submission::Submitter;
use crate::task_specs::TaskSpecs;
use crate::watched::Watched;
use crate::{
    MemoryStore, ResumeError, Settings, SettingsError, SqliteStore, StoreError, StoreKind,
};

/// What is under way when the server is told to stop has this long to end; workers and clients come
/// back to the next one.
const CLOSING_TIME: Duration = Duration::from_secs(3);

/// A peer that does not answer a ping for this long is gone.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// A server that listens, but does not answer yet.
#[derive(Debug)]
pub struct Coordinator {
    listener: TcpListener,
    address: SocketAddr,
    turns: Turns,
    commands: mpsc::Receiver<Command>,
    submitter: Submitter,
    settings: Settings,
}

/// Why a coordinator does not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "cannot listen on {address}: another program does; stop it, or choose another address with \
         --listen"
    )]
    AddressInUse { address: SocketAddr },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("`watch` names {}, which is no folder", path.display())]
    Watch { path: PathBuf },
    #[error("cannot make the data folder {}", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("cannot open the blob store")]
    Blobs(#[from] BlobStoreError),
    #[error("cannot open the action cache")]
    Actions(#[from] ActionCacheError),
    #[error("cannot take up where the last coordinator ended")]
    Resume(#[from] ResumeError),
}

/// Why a coordinator went down by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("what has happened can no longer be kept")]
    Store(#[from] StoreError),
    #[error("the server failed")]
    Transport(#[from] tonic::transport::Error),
    #[error("cannot start a thread for a watched project")]
    Watch(#[source] io::Error),
    #[error("cannot describe the services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl Coordinator {
    /// Opens everything, takes up where the last coordinator on this data ended, and listens.
    ///
    /// # Errors
    /// Names what is at fault: a setting, the address, a folder or the store.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        if let Some(path) = settings.watch.iter().find(|path| !path.is_dir()) {
            return Err(StartError::Watch { path: path.clone() });
        }
        // First, so that a second coordinator on one address leaves the store alone.
        let listener = listen(settings.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address: settings.listen, source })?;
        let opened = settings.clone();
        let (turns, blobs, actions) = blocking(move || open(&opened)).await?;
        let (driver, commands) = Driver::new();
        let specs = Arc::new(TaskSpecs::new(blobs.clone()));
        let accepted = AcceptedHolds::default();
        let submitter = Submitter { blobs, actions, specs, driver, accepted };
        Ok(Self { listener, address, turns, commands, submitter, settings })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// This coordinator as a farm, for builds in the same process. It answers while the coordinator
    /// is served; `closing` is canceled when that ends.
    pub fn farm(&self, closing: CancellationToken) -> LocalFarm {
        let keeps_jobs = self.settings.store != StoreKind::Memory;
        LocalFarm { submitter: self.submitter.clone(), closing, keeps_jobs }
    }

    /// Answers until `shutdown` is canceled. Everything that was answered by then is durable, and
    /// workers keep what they hold.
    ///
    /// # Errors
    /// Facts could no longer be kept, or the server failed.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let closing = shutdown.child_token();
        let context = WorkerContext {
            driver: self.submitter.driver.clone(),
            blobs: self.submitter.blobs.clone(),
            specs: Arc::clone(&self.submitter.specs),
            closing: closing.clone(),
        };
        let workers = WorkersService { context };
        let blobs = BlobsService { blobs: self.submitter.blobs.clone() };
        let watched = Watched {
            farm: self.farm(closing.clone()),
            models_dir: self.settings.models_dir.clone(),
            settings: WatchSettings { poll: self.settings.watch_poll, ..WatchSettings::default() },
            closing: closing.clone(),
        };
        if self.settings.cache != CacheLimits::NONE {
            let clean_up = CleanUp {
                blobs: self.submitter.blobs.clone(),
                driver: self.submitter.driver.clone(),
                accepted: self.submitter.accepted.clone(),
                limits: self.settings.cache,
                closing: closing.clone(),
            };
            tokio::spawn(clean_up.run());
        }
        let mut watched = watched.start(self.settings.watch).map_err(ServeError::Watch)?;
        let jobs = JobsService { submitter: self.submitter, closing: closing.clone() };

        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<JobsServer<JobsService>>().await;
        health.set_serving::<WorkersServer<WorkersService>>().await;
        health.set_serving::<BlobsServer<BlobsService>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(impasto_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;

        let server = Server::builder()
            .http2_adaptive_window(Some(true))
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .add_service(health_service)
            .add_service(reflection)
            .add_service(
                JobsServer::new(jobs)
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(
                WorkersServer::new(workers)
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(
                BlobsServer::new(blobs)
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .serve_with_incoming_shutdown(
                TcpIncoming::from(self.listener).with_nodelay(Some(true)),
                closing.clone().cancelled_owned(),
            );

        tracing::info!(address = %self.address, epoch = self.turns.epoch().0, "listening");
        let stop = CancellationToken::new();
        let mut turns = std::pin::pin!(self.turns.run(self.commands, stop.clone()));
        tokio::select! {
            // It only ends by itself where facts cannot be kept.
            ended = &mut turns => return Ok(ended?),
            served = server => served?,
            () = time_to_close(&closing) => tracing::warn!("calls that did not end in time are cut \
                off"),
        }
        // While a model is pulled nothing can be stopped; whatever happens to that thread then
        // leaves no half file.
        tokio::select! {
            ended = &mut turns => return Ok(ended?),
            _ = tokio::time::timeout(CLOSING_TIME, watched.recv()) => {}
        }
        stop.cancel();
        turns.await?;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

/// Opens what is in the data folder. Blocks.
fn open(settings: &Settings) -> Result<(Turns, BlobStore, ActionCache), StartError> {
    let folder = &settings.data_dir;
    std::fs::create_dir_all(folder)
        .map_err(|source| StartError::DataDir { path: folder.clone(), source })?;
    let blobs = LocalBlobs::open(folder, settings.max_blob_bytes)?;
    let actions = ActionCache::from(LocalActions::open(blobs.clone())?);
    let (config, kept) = (settings.core(), actions.clone());
    let turns = match settings.store {
        StoreKind::Memory => Turns::resume(config, MemoryStore::default(), kept)?,
        StoreKind::Sqlite => {
            let store =
                SqliteStore::open(&folder.join("coordinator.sqlite")).map_err(ResumeError::from)?;
            Turns::resume(config, store, kept)?
        }
    };
    Ok((turns, blobs.into(), actions))
}

async fn time_to_close(closing: &CancellationToken) {
    closing.cancelled().await;
    tokio::time::sleep(CLOSING_TIME).await;
}
