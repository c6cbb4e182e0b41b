//! The server: what it opens, how it starts and how it stops.

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
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::driver::{Driver, Inbox, Turns};
use crate::expiry::{AcceptedHolds, CleanUp};
use crate::incoming;
use crate::local_farm::LocalFarm;
use crate::result_check::ResultCheck;
use crate::room::Room;
use crate::services::{
    BlobsService, Downloads, JobsService, SmallDownloads, WorkerContext, WorkersService,
};
use crate::submission::{Intake, Submitter};
use crate::task_specs::TaskSpecs;
use crate::watched::Watched;
use crate::{
    MemoryStore, ResumeError, Settings, SettingsError, SqliteStore, StoreError, StoreKind,
};

/// How long calls in progress have to end at shutdown. Workers and clients reconnect to the next
/// coordinator.
const CLOSING_TIME: Duration = Duration::from_secs(3);

/// A connection is closed if its peer does not answer a ping for this long.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How much of a call's messages may arrive before it reads them: enough for 20 Mbit/s over a
/// network of 50 ms, little enough that two hundred callers may be made to wait.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same for all calls of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// How many calls of one connection may be open at once.
const MAX_STREAMS: u32 = 256;

/// A server that listens but does not serve yet.
#[derive(Debug)]
pub struct Coordinator {
    listener: TcpListener,
    address: SocketAddr,
    turns: Turns,
    inbox: Inbox,
    submitter: Submitter,
    settings: Settings,
}

/// Why a coordinator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "cannot listen on {address}: another program uses it; stop it, or choose another address \
         with --listen"
    )]
    AddressInUse { address: SocketAddr },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("`watch` names {}, which is not a folder", path.display())]
    Watch { path: PathBuf },
    #[error("cannot make the data folder {}", path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("cannot open the blob store")]
    Blobs(#[from] BlobStoreError),
    #[error("cannot open the action cache")]
    Actions(#[from] ActionCacheError),
    #[error("cannot restore the state of the last coordinator")]
    Resume(#[from] ResumeError),
}

/// Why a coordinator stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot record anything more")]
    Store(#[from] StoreError),
    #[error("the server failed")]
    Transport(#[from] tonic::transport::Error),
    #[error("cannot start a thread for a watched project")]
    Watch(#[source] io::Error),
    #[error("cannot describe the services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl Coordinator {
    /// Opens everything, restores the state from the data folder, and listens.
    ///
    /// # Errors
    /// Names the cause: a setting, the address, a folder or the store.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        if let Some(path) = settings.watch.iter().find(|path| !path.is_dir()) {
            return Err(StartError::Watch { path: path.clone() });
        }
        // First, so that a second coordinator on the same address does not open the store.
        let listener = listen(settings.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address: settings.listen, source })?;
        // With the port that the system chose.
        let settings = Settings { listen: address, ..settings };
        if let Some(warning) = settings.warning() {
            tracing::warn!("{warning}");
        }
        let opened = settings.clone();
        let (turns, blobs, actions) = blocking(move || open(&opened)).await?;
        let (driver, inbox) = Driver::new();
        let specs = Arc::new(TaskSpecs::new(blobs.clone()));
        let accepted = AcceptedHolds::default();
        let intake = Intake::default();
        let submitter = Submitter { blobs, actions, specs, driver, accepted, intake };
        Ok(Self { listener, address, turns, inbox, submitter, settings })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// This coordinator as a farm, for builds in the same process. It answers while [`Self::serve`]
    /// runs; `closing` is canceled when that ends.
    pub fn farm(&self, closing: CancellationToken) -> LocalFarm {
        let keeps_jobs = self.settings.store != StoreKind::Memory;
        LocalFarm { submitter: self.submitter.clone(), closing, keeps_jobs }
    }

    /// Serves until `shutdown` is canceled. Everything answered by then is durable, and workers
    /// keep their leases.
    ///
    /// # Errors
    /// Facts can never be recorded, or the server failed. A full disk ends nothing.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let closing = shutdown.child_token();
        let context = WorkerContext {
            driver: self.submitter.driver.clone(),
            blobs: self.submitter.blobs.clone(),
            specs: Arc::clone(&self.submitter.specs),
            results: ResultCheck::new(
                self.submitter.blobs.clone(),
                self.settings.store == StoreKind::Memory,
            ),
            closing: closing.clone(),
        };
        let workers = WorkersService { context };
        let room = Room::of(self.settings.data_dir.join("blobs"));
        let blobs = BlobsService {
            blobs: self.submitter.blobs.clone(),
            room: room.clone(),
            downloads: Downloads::default(),
            small: SmallDownloads::default(),
        };
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
                room,
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
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
            .max_concurrent_streams(MAX_STREAMS)
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
                incoming::accept(self.listener, self.settings.max_connections, closing.clone()),
                closing.clone().cancelled_owned(),
            );

        tracing::info!(address = %self.address, epoch = self.turns.epoch().0, "listening");
        let stop = CancellationToken::new();
        let mut turns = std::pin::pin!(self.turns.run(self.inbox, stop.clone()));
        tokio::select! {
            // It ends by itself only if facts can never be recorded.
            ended = &mut turns => return Ok(ended?),
            served = server => served?,
            () = time_to_close(&closing) => tracing::warn!("calls that did not end in time are cut \
                off"),
        }
        // A thread that pulls a model cannot be stopped. If the process ends first, no incomplete
        // file is left.
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

/// Opens the contents of the data folder. Blocks.
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
            let path = folder.join("coordinator.sqlite");
            let opened = if settings.new_farm {
                SqliteStore::begin(&path)
            } else {
                SqliteStore::open(&path)
            };
            Turns::resume(config, opened.map_err(ResumeError::from)?, kept)?
        }
    };
    Ok((turns, blobs.into(), actions))
}

async fn time_to_close(closing: &CancellationToken) {
    closing.cancelled().await;
    tokio::time::sleep(CLOSING_TIME).await;
}
