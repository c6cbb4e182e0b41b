//! Downloads results from the farm and delivers them, concurrently, so that disk and network do not
//! wait for the next event.

use std::collections::BTreeMap;
use std::sync::Arc;

use impasto_project::Project;
use impasto_types::{Digest, TaskResult, error_text};
use tokio::task::{self, JoinSet};

use crate::cache::ResultCache;
use crate::event::Origin;
use crate::farm::{Farm, FarmError};
use crate::result_files::{Deliveries, ResultFiles, Wanted, deliver};

/// How many results are fetched at once. Each may take some hundred megabytes of memory, and a disk
/// syncs about this many files as fast as one.
const FETCHED_AT_ONCE: usize = 8;

/// A fetch that ended, with or without a result.
pub(crate) struct Fetched {
    pub(crate) action: Digest,
    pub(crate) result: TaskResult,
    pub(crate) origin: Origin,
    pub(crate) delivered: Result<Deliveries, FarmError>,
}

/// The fetches in progress.
pub(crate) struct Fetches<F> {
    farm: F,
    project: Arc<Project>,
    /// Also stores the results of a remote farm.
    keep: Option<Arc<dyn ResultCache>>,
    running: JoinSet<Fetched>,
    /// The tasks of `running`, by what they fetch.
    actions: BTreeMap<Digest, task::Id>,
}

impl<F: Farm> Fetches<F> {
    pub(crate) fn new(farm: F, project: Arc<Project>, keep: Option<Arc<dyn ResultCache>>) -> Self {
        Self { farm, project, keep, running: JoinSet::new(), actions: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.running.len() < FETCHED_AT_ONCE
    }

    /// Starts to fetch the result of `action` for the tasks that wait for it, unless a fetch is in
    /// progress.
    pub(crate) fn start(
        &mut self,
        action: Digest,
        result: TaskResult,
        origin: Origin,
        wanted: Vec<Wanted>,
    ) {
        if wanted.is_empty() || self.actions.contains_key(&action) {
            return;
        }
        let (farm, project, keep) = (self.farm.clone(), self.project.clone(), self.keep.clone());
        let started = self.running.spawn(async move {
            let files = match download(&farm, &result).await {
                Err(error) => Err(error),
                Ok(files) => match files.check(&wanted) {
                    Ok(()) => Ok(files),
                    Err(bad) => {
                        let reason = error_text(&bad);
                        tracing::warn!(%action, reason, "the farm has a bad result");
                        // If it stays in the farm's cache, the task fails with this reason.
                        let _ = farm.forget(action).await;
                        Err(FarmError::Blob(bad.into()))
                    }
                },
            };
            let delivered = match files {
                Err(error) => Err(error),
                Ok(files) => {
                    let result = result.clone();
                    let deliver = move || {
                        if let Some(cache) = keep {
                            cache.keep(action, &result, &files.contents());
                        }
                        deliver(&project, wanted, &files)
                    };
                    let delivered = task::spawn_blocking(deliver).await;
                    delivered.unwrap_or_else(|error| Err(FarmError::Blob(error.into())))
                }
            };
            Fetched { action, result, origin, delivered }
        });
        self.actions.insert(action, started.id());
    }

    /// The next fetch that ends; `None` if none is in progress. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Fetched> {
        loop {
            match self.running.join_next().await? {
                Ok(fetched) => {
                    self.actions.remove(&fetched.action);
                    return Some(fetched);
                }
                // It panicked or was aborted, so its outputs stay open.
                Err(error) => {
                    tracing::debug!("a fetch did not finish: {error}");
                    self.actions.retain(|_, id| *id != error.id());
                }
            }
        }
    }
}

/// The files of a result, in the order of its outputs.
async fn download<F: Farm>(farm: &F, result: &TaskResult) -> Result<ResultFiles, FarmError> {
    let mut files = Vec::with_capacity(result.outputs.len());
    for output in &result.outputs {
        files.push(farm.download(output.blob).await?);
    }
    ResultFiles::new(result, files)
}
