//! Results on their way from the farm into the project: downloaded and delivered beside one
//! another, so that no disk or network waits for the next piece of news.

use std::collections::BTreeSet;
use std::sync::Arc;

use impasto_project::{DeliveredFile, NewFile, Project, ReplaceError, deliver_all};
use impasto_types::{AssetPath, Digest, TaskResult};
use tokio::task::JoinSet;

use crate::cache::ResultCache;
use crate::event::Origin;
use crate::farm::{Farm, FarmError};

/// How many results are fetched at once. A picture in memory takes up to some hundred megabytes,
/// and a disk syncs about this many files as quickly as one.
const FETCHED_AT_ONCE: usize = 8;

/// What became of each task that waited for a result, by its place in the plan.
pub(crate) type Deliveries = Vec<(usize, Result<Vec<DeliveredFile>, ReplaceError>)>;

/// A result that was fetched, or not.
pub(crate) struct Fetched {
    pub(crate) action: Digest,
    pub(crate) result: TaskResult,
    pub(crate) origin: Origin,
    pub(crate) delivered: Result<Deliveries, FarmError>,
}

/// The fetches that are under way.
pub(crate) struct Fetches<F> {
    farm: F,
    project: Arc<Project>,
    /// Where results of a farm elsewhere are kept too.
    keep: Option<Arc<dyn ResultCache>>,
    running: JoinSet<Fetched>,
    actions: BTreeSet<Digest>,
}

impl<F: Farm> Fetches<F> {
    pub(crate) fn new(farm: F, project: Arc<Project>, keep: Option<Arc<dyn ResultCache>>) -> Self {
        Self { farm, project, keep, running: JoinSet::new(), actions: BTreeSet::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.running.len() < FETCHED_AT_ONCE
    }

    /// Begins to fetch the result of `action` for the tasks that want it, unless that is under way.
    pub(crate) fn start(
        &mut self,
        action: Digest,
        result: TaskResult,
        origin: Origin,
        wanted: Vec<(usize, AssetPath)>,
    ) {
        if wanted.is_empty() || !self.actions.insert(action) {
            return;
        }
        let (farm, project, keep) = (self.farm.clone(), self.project.clone(), self.keep.clone());
        self.running.spawn(async move {
            let delivered = match download(&farm, &result).await {
                Err(error) => Err(error),
                Ok(bytes) => {
                    let result = result.clone();
                    let deliver = move || {
                        if let Some(cache) = keep {
                            cache.keep(action, &result, &bytes);
                        }
                        deliver(&project, wanted, &bytes)
                    };
                    let delivered = tokio::task::spawn_blocking(deliver).await;
                    delivered.map_err(|error| FarmError::Blob(error.into()))
                }
            };
            Fetched { action, result, origin, delivered }
        });
    }

    /// The next fetch that ends; `None` where none is under way. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Fetched> {
        loop {
            match self.running.join_next().await? {
                Ok(fetched) => {
                    self.actions.remove(&fetched.action);
                    return Some(fetched);
                }
                // It delivered nothing, so its outputs stay open.
                Err(error) => tracing::debug!("a fetch ended early: {error}"),
            }
        }
    }
}

/// The picture of a result. Every action of today's planner has a single output.
async fn download<F: Farm>(farm: &F, result: &TaskResult) -> Result<Vec<u8>, FarmError> {
    let missing = || FarmError::Blob("the result has no output".into());
    farm.download(result.outputs.first().ok_or_else(missing)?.blob).await
}

/// Delivers a picture to every task that wants it. Blocks.
pub(crate) fn deliver(
    project: &Project,
    wanted: Vec<(usize, AssetPath)>,
    bytes: &[u8],
) -> Deliveries {
    let deliver = |(place, output): (usize, AssetPath)| {
        (place, deliver_all(project, &[NewFile { output: &output, bytes }]))
    };
    wanted.into_iter().map(deliver).collect()
}
