//! Projects that the coordinator builds whenever something in their folders changes.
//!
//! Each project has a thread, since access to folders blocks. Builds are the same as those of
//! clients; their farm is this coordinator. Errors are logged once each; the thread waits for the
//! next change, and tries again after a while, since the cause may lie elsewhere.

mod log;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use impasto_build::{Build, BuildError, Busy, IfLost, Outcome, Survey, SurveyRequest, open};
use impasto_models::ModelStore;
use impasto_project::{Change, LockError, MANIFEST_NAME, WatchError, WatchSettings, Watcher};
use impasto_types::{Backoff, Retries, error_text};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::log::Log;
use crate::local_farm::LocalFarm;

/// How often a waiting thread checks whether the coordinator is closing or another build has ended.
const INTERVAL: Duration = Duration::from_millis(200);

/// Between attempts to open a project, or to build it, if nothing in it changes.
const FAULT_BACKOFF: Backoff = Backoff { first_ms: 1_000, longest_ms: 300_000 };

/// What the threads of all watched projects share.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) farm: LocalFarm,
    pub(crate) models_dir: Option<PathBuf>,
    pub(crate) settings: WatchSettings,
    pub(crate) closing: CancellationToken,
}

/// Why a project cannot be watched at the moment.
#[derive(Debug, thiserror::Error)]
enum ProjectFault {
    #[error(transparent)]
    Project(#[from] impasto_build::SurveyError),
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl Watched {
    /// Starts to watch each folder. The receiver closes when all threads have ended, after the
    /// coordinator began to close.
    pub(crate) fn start(self, folders: Vec<PathBuf>) -> std::io::Result<mpsc::Receiver<()>> {
        let (running, ended) = mpsc::channel(1);
        let runtime = Handle::current();
        for dir in folders {
            let models_dir = self.models_dir.clone();
            let request =
                SurveyRequest { dir, models_dir, stays_inside: true, ..SurveyRequest::default() };
            let thread = ProjectThread {
                watched: self.clone(),
                request,
                runtime: runtime.clone(),
                said: String::new(),
            };
            let running = running.clone();
            let run = move || {
                thread.run();
                drop(running);
            };
            std::thread::Builder::new().name("impasto-watched".to_owned()).spawn(run)?;
        }
        Ok(ended)
    }
}

/// The thread of a watched project.
struct ProjectThread {
    watched: Watched,
    request: SurveyRequest,
    runtime: Handle,
    /// The last fault in the log, which is not logged again.
    said: String,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Built {
    Done,
    /// Another build of the project is running: try again.
    Busy,
    /// It could not be made: try again after a while.
    Failed,
}

/// Time and length of a manifest; `None` if there is none.
type Seen = Option<(SystemTime, u64)>;

impl ProjectThread {
    fn run(mut self) {
        let mut retries = Retries::new(FAULT_BACKOFF);
        while !self.is_closing() {
            // Before it is read, so that no change is missed.
            let seen = self.look();
            // It returns without an error if the manifest has changed.
            match self.watch_manifest() {
                Ok(()) => {
                    self.said.clear();
                    retries.reset();
                }
                Err(fault) => {
                    self.say(error_text(&fault));
                    let until = Instant::now() + retries.next(1.0);
                    while !self.is_closing() && Instant::now() < until {
                        if self.look() != seen {
                            retries.reset();
                            break;
                        }
                        std::thread::sleep(INTERVAL);
                    }
                }
            }
        }
    }

    fn look(&self) -> Seen {
        let metadata = fs::metadata(self.request.dir.join(MANIFEST_NAME)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Builds after each change until the manifest changes.
    fn watch_manifest(&mut self) -> Result<(), ProjectFault> {
        let project = open(&self.request)?;
        let log = Log::new(project.manifest().name());
        let watcher = Watcher::start(&project, self.watched.settings)?;
        tracing::info!(project = log.project(), folder = %project.dir().display(), "watching");
        // The first build finds earlier changes.
        let (mut stale, mut retry) = (true, None);
        let mut retries = Retries::new(FAULT_BACKOFF);
        while !self.is_closing() {
            if stale || retry.is_some_and(|due| Instant::now() >= due) {
                let built = self.build(&log, &watcher);
                stale = built == Built::Busy;
                retry = (built == Built::Failed).then(|| Instant::now() + retries.next(1.0));
                if built == Built::Done {
                    retries.reset();
                }
            }
            let Some(first) = watcher.next_within(INTERVAL) else { continue };
            for change in std::iter::once(first).chain(watcher.changes().try_iter()) {
                match change {
                    Change::Paths(_) | Change::Rescan => stale = true,
                    Change::ManifestChanged => return Ok(()),
                    Change::Incomplete { path, reason } => {
                        self.warn(&format!("{path} is not painted: {reason}"));
                    }
                    Change::Polling { reason } => {
                        self.warn(&format!("{reason}; the folder is compared at intervals instead"))
                    }
                }
            }
        }
        Ok(())
    }

    fn build(&mut self, log: &Log, watcher: &Watcher) -> Built {
        match self.build_once(log, watcher) {
            Ok(outcome) => {
                let made = outcome.painted + outcome.trained + outcome.cached;
                if made > 0 || !outcome.failed.is_empty() {
                    let failed = outcome.failed.len();
                    tracing::info!(project = log.project(), delivered = made, failed, "built");
                }
                let failures = outcome.failed.iter().map(|failed| match &failed.style {
                    Some(style) => format!("{} in style {style}: {}", failed.asset, failed.message),
                    None => format!("{}: {}", failed.asset, failed.message),
                });
                self.say(failures.collect::<Vec<_>>().join("; "));
                Built::Done
            }
            Err(BuildError::Lock(LockError::Held { .. })) => Built::Busy,
            Err(error) => {
                self.say(error_text(&error));
                Built::Failed
            }
        }
    }

    fn build_once(&self, log: &Log, watcher: &Watcher) -> Result<Outcome, BuildError> {
        let (survey, outcome) = self.build_what_can_be(log, watcher)?;
        if !survey.goes_on(&outcome) || self.is_closing() {
            return Ok(outcome);
        }
        drop(survey);
        let (_, next) = self.build_what_can_be(log, watcher)?;
        Ok(outcome.then(next))
    }

    fn build_what_can_be(
        &self,
        log: &Log,
        watcher: &Watcher,
    ) -> Result<(Survey, Outcome), BuildError> {
        let Watched { farm, models_dir, closing, .. } = &self.watched;
        let mut build = Build::begin(&self.request, Some(watcher), Busy::GiveUp, log, closing)?;
        let painted = if build.is_done() {
            Ok(())
        } else {
            let models = ModelStore::open(models_dir.as_deref())?;
            self.runtime.block_on(build.paint(farm, &models, None, IfLost::Fail))
        };
        // Outputs delivered before an error are kept.
        let finished = build.finish();
        painted.map(|()| finished)
    }

    fn say(&mut self, fault: String) {
        if !fault.is_empty() && fault != self.said {
            self.warn(&fault);
        }
        self.said = fault;
    }

    fn warn(&self, message: &str) {
        tracing::warn!(folder = %self.request.dir.display(), "{message}");
    }

    fn is_closing(&self) -> bool {
        self.watched.closing.is_cancelled()
    }
}
