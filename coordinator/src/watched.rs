//! Projects that the coordinator builds by itself whenever something in their folders changes.
//!
//! Each project has a thread, for looking at folders blocks. What it builds goes the same way as
//! any client's job, and what comes of it is delivered into the project's output files. What goes
//! wrong is logged, once, and the next change is waited for.

mod build;
mod delivery;
mod supply;

use std::path::PathBuf;
use std::time::Duration;

use impasto_models::ModelStore;
use impasto_project::{
    Change, LockError, Project, ProjectError, WatchError, WatchSettings, Watcher,
};
use impasto_types::error_text;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::build::{Build, BuildError};
use crate::submission::Submitter;

/// How often a thread that waits looks up: for the end of the coordinator, or of somebody else's
/// build.
const INTERVAL: Duration = Duration::from_millis(200);

/// What every watched project's thread has.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) submitter: Submitter,
    pub(crate) models_dir: Option<PathBuf>,
    pub(crate) settings: WatchSettings,
    pub(crate) closing: CancellationToken,
}

/// Why a project is not watched just now.
#[derive(Debug, thiserror::Error)]
enum ProjectFault {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl Watched {
    /// Begins to watch each folder. What is returned closes when every thread has seen that the
    /// coordinator is closing.
    pub(crate) fn start(self, folders: Vec<PathBuf>) -> std::io::Result<mpsc::Receiver<()>> {
        let (running, ended) = mpsc::channel(1);
        let runtime = Handle::current();
        for folder in folders {
            let thread = ProjectThread {
                watched: self.clone(),
                folder,
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

/// One watched project.
struct ProjectThread {
    watched: Watched,
    folder: PathBuf,
    runtime: Handle,
    /// The fault that was logged last; the same again is not worth a line.
    said: String,
}

impl ProjectThread {
    fn run(mut self) {
        while !self.is_closing() {
            // It ends well where the manifest has changed.
            match self.watch_manifest() {
                Ok(()) => self.said.clear(),
                Err(fault) => {
                    self.say(error_text(&fault));
                    std::thread::sleep(INTERVAL);
                }
            }
        }
    }

    /// Builds again and again until the manifest changes.
    fn watch_manifest(&mut self) -> Result<(), ProjectFault> {
        let project = Project::open(&self.folder)?;
        let watcher = Watcher::start(&project, self.watched.settings)?;
        tracing::info!(project = project.manifest().name(), folder =
            %project.dir().display(), "watching");
        // What changed while nobody watched is found by the first build.
        let mut stale = true;
        while !self.is_closing() {
            if stale {
                stale = self.build(&project, &watcher) == Built::Busy;
            }
            let Some(first) = watcher.next_within(INTERVAL) else { continue };
            for change in std::iter::once(first).chain(watcher.changes().try_iter()) {
                match change {
                    Change::Paths(_) | Change::Rescan => stale = true,
                    Change::ManifestChanged => return Ok(()),
                    Change::Incomplete { path, reason } => {
                        self.warn(&format!("{path} is not painted: {reason}"))
                    }
                    Change::Polling { reason } => self.warn(&format!(
                        "{reason}; looking at the folder every now and then instead"
                    )),
                }
            }
        }
        Ok(())
    }

    fn build(&mut self, project: &Project, watcher: &Watcher) -> Built {
        let Watched { submitter, models_dir, closing, .. } = &self.watched;
        let built =
            ModelStore::open(models_dir.as_deref()).map_err(BuildError::from).and_then(|models| {
                let build = Build {
                    project,
                    watcher,
                    models: &models,
                    submitter,
                    closing,
                    runtime: &self.runtime,
                };
                build.run()
            });
        match built {
            Ok(outcome) => {
                if outcome.delivered > 0 || !outcome.failures.is_empty() {
                    let (delivered, failed) = (outcome.delivered, outcome.failures.len());
                    tracing::info!(project = project.manifest().name(), delivered, failed, "built");
                }
                self.say(outcome.failures.join("; "));
                Built::Done
            }
            Err(BuildError::Lock(LockError::Held { .. })) => Built::Busy,
            Err(error) => {
                self.say(error_text(&error));
                Built::Done
            }
        }
    }

    fn say(&mut self, fault: String) {
        if !fault.is_empty() && fault != self.said {
            self.warn(&fault);
        }
        self.said = fault;
    }

    fn warn(&self, message: &str) {
        tracing::warn!(folder = %self.folder.display(), "{message}");
    }

    fn is_closing(&self) -> bool {
        self.watched.closing.is_cancelled()
    }
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Built {
    Done,
    /// Somebody else builds the project: to be tried again.
    Busy,
}
