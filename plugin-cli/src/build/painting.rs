//! The part of a build that needs a farm: reach it or start one, supply it, hand the job in, follow
//! it.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use impasto_models::ModelStore;
use impasto_types::{ByteSize, Digest, JobId, JobNews, JobState, TaskSpec, one_line};
use tokio_util::sync::CancellationToken;

use super::delivery::Delivery;
use super::embedded::Embedded;
use super::following::{Following, Left, follow};
use super::local_cache::LocalCache;
use super::patience::Patience;
use super::pending::Pending;
use super::supply::supply;
use super::{BuildError, BuildRequest, Event, Observer, Origin, Survey};
use crate::farm::{FarmClient, FarmError};

/// Paints what is open. When it returns without an error, whatever is still open was canceled.
pub(crate) async fn run(
    request: &BuildRequest,
    survey: &Survey,
    models: &ModelStore,
    cache: &LocalCache,
    delivery: &mut Delivery<'_>,
    cancel: &CancellationToken,
) -> Result<(), BuildError> {
    let observer = delivery.observer();
    match reach(request, observer).await? {
        Some(client) => {
            observer.event(Event::Farm { coordinator: request.coordinator.as_deref() });
            let farm = Farm { client, survey, models, keep: Some(cache), cancel };
            farm.paint(delivery).await
        }
        None => {
            observer.event(Event::Farm { coordinator: None });
            let mut embedded = Embedded::start(request).await?;
            fail_what_is_too_large(delivery, embedded.memory_bytes());
            let farm =
                Farm { client: embedded.client().await?, survey, models, keep: None, cancel };
            let painted = tokio::select! {
                painted = farm.paint(delivery) => painted,
                error = embedded.failed() => Err(error.into()),
            };
            embedded.stop().await;
            painted
        }
    }
}

/// No other worker will ever come to a farm that consists of this process, so what needs more
/// memory than it may take is not waited for.
fn fail_what_is_too_large(delivery: &mut Delivery<'_>, memory_bytes: u64) {
    for task in
        delivery.open().into_iter().filter(|task| task.spec.least_memory_bytes > memory_bytes)
    {
        let (needed, given) = (ByteSize(task.spec.least_memory_bytes), ByteSize(memory_bytes));
        delivery.fail(
            task.action,
            &format!(
                "it needs about {needed} of memory, but painting may take \
                no more than {given} (--max-memory)"
            ),
        );
    }
}

/// The configured farm, or `None` where this machine is to paint.
async fn reach(
    request: &BuildRequest,
    observer: &dyn Observer,
) -> Result<Option<FarmClient>, BuildError> {
    let Some(coordinator) = &request.coordinator else { return Ok(None) };
    match FarmClient::connect(coordinator).await {
        Ok(client) => Ok(Some(client)),
        Err(error) if error.is_away() && !request.require_farm => {
            let reason = one_line(&error.to_string());
            observer.event(Event::FellBack { coordinator, reason: &reason });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A coordinator, and what is painted there.
struct Farm<'a> {
    client: FarmClient,
    survey: &'a Survey,
    models: &'a ModelStore,
    /// Where results of a farm elsewhere are kept too. Jobs of the embedded farm end with the
    /// process, so none is looked for again.
    keep: Option<&'a LocalCache>,
    cancel: &'a CancellationToken,
}

impl Farm<'_> {
    async fn paint(&self, delivery: &mut Delivery<'_>) -> Result<(), BuildError> {
        if let Some(cache) = self.keep {
            self.patiently(delivery.observer(), async || self.find_results(cache, delivery).await)
                .await?;
        }
        if delivery.is_done() || self.cancel.is_cancelled() {
            return Ok(());
        }
        let observer = delivery.observer();
        let Some((job, actions)) =
            self.patiently(observer, async || self.hand_in(delivery).await).await?
        else {
            return Ok(());
        };
        let patience = Patience::new(observer, self.cancel);
        let following = Following {
            client: &self.client,
            job,
            actions: &actions,
            keep: self.keep,
            cancel: self.cancel,
        };
        let left = follow(following, patience, delivery).await?;
        if self.keep.is_some() && left == Left::Ended {
            Pending::forget(&self.survey.project);
        }
        Ok(())
    }

    /// Delivers what the farm has in its cache.
    async fn find_results(
        &self,
        cache: &LocalCache,
        delivery: &mut Delivery<'_>,
    ) -> Result<(), BuildError> {
        let open: Vec<Digest> = delivery.open().iter().map(|task| task.action).collect();
        for (action, result) in self.client.find_results(&open).await? {
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            match self
                .client
                .blobs()
                .download(result.outputs[0].blob)
                .await
                .map_err(FarmError::from)
            {
                Ok(bytes) => {
                    cache.keep(action, &result, &bytes);
                    delivery.deliver(action, &result, &bytes, Origin::Cached);
                }
                Err(error) if error.is_away() => return Err(error.into()),
                // It is painted again.
                Err(error) => {
                    tracing::debug!("cannot take a result from the farm's cache: {error}")
                }
            }
        }
        Ok(())
    }

    /// The job, and the actions of its tasks in order: the one that an earlier build left, or a new
    /// one. `None` where nothing could be handed in.
    async fn hand_in(
        &self,
        delivery: &mut Delivery<'_>,
    ) -> Result<Option<(JobId, Vec<Digest>)>, BuildError> {
        let observer = delivery.observer();
        let tasks = delivery.open();
        let needed: Vec<Digest> = tasks.iter().map(|task| task.action).collect();
        let left = self.keep.and_then(|_| Pending::load(&self.survey.project, &needed));
        if let Some(Pending { key, job: Some(job), actions }) = &left
            && self.is_alive(*job, key).await?
        {
            observer.event(Event::Submitted { job: *job, attached: true, tasks: actions.len() });
            return Ok(Some((*job, actions.clone())));
        }

        for (action, message) in
            supply(&self.client, self.survey, self.models, &tasks, observer).await?
        {
            delivery.fail(action, &message);
        }
        let specs: Vec<TaskSpec> =
            delivery.open().into_iter().map(|task| task.spec.clone()).collect();
        if specs.is_empty() {
            return Ok(None);
        }
        let actions: Vec<Digest> = delivery.open().iter().map(|task| task.action).collect();
        let mut pending = match left {
            Some(pending) if pending.job.is_none() && pending.actions == actions => pending,
            _ => Pending::new(actions, nonce()),
        };
        self.note(&pending)?;
        let (job, known) =
            self.client.submit(&pending.key, self.survey.project.manifest().name(), &specs).await?;
        pending.job = Some(job);
        self.note(&pending)?;
        observer.event(Event::Submitted { job, attached: known, tasks: specs.len() });
        Ok(Some((job, pending.actions)))
    }

    /// Whether the job goes on. One that has ended is not waited for: its results are in the cache,
    /// and its failures are to be tried again.
    async fn is_alive(&self, job: JobId, key: &str) -> Result<bool, FarmError> {
        let first = match self.client.watch(job).await {
            Ok(mut watch) => watch.next().await,
            Err(error) => Err(error),
        };
        match first {
            // The number may mean another coordinator's job.
            Ok(Some(JobNews::Job(found))) => {
                Ok(found.key == key && matches!(found.state, JobState::Queued | JobState::Running))
            }
            Ok(_) | Err(FarmError::NoSuchJob { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn note(&self, pending: &Pending) -> Result<(), BuildError> {
        if self.keep.is_some() {
            pending.save(&self.survey.project).map_err(BuildError::Pending)
        } else {
            Ok(())
        }
    }

    /// Does something again and again while the coordinator is away.
    async fn patiently<T>(
        &self,
        observer: &dyn Observer,
        mut work: impl AsyncFnMut() -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        let mut patience = Patience::new(observer, self.cancel);
        loop {
            match work().await {
                Err(BuildError::Farm(error)) => patience.wait(error).await?,
                other => {
                    patience.answered();
                    return other;
                }
            }
        }
    }
}

/// Makes a job another one than all before it; the clock's nanoseconds are as good as chance for
/// that.
fn nonce() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    now << 32 | u128::from(std::process::id())
}

/// Hands everything stale in as a job of its own and leaves it to the farm.
pub(crate) async fn submit(
    survey: &Survey,
    models: &ModelStore,
    coordinator: &str,
    observer: &dyn Observer,
) -> Result<Submitted, BuildError> {
    let client = FarmClient::connect(coordinator).await?;
    let mut seen = BTreeSet::new();
    let tasks: Vec<_> = survey.plan.stale().filter(|task| seen.insert(task.action)).collect();
    let refused = supply(&client, survey, models, &tasks, observer).await?;
    let taken: Vec<_> =
        tasks.into_iter().filter(|task| !refused.contains_key(&task.action)).collect();
    let actions: Vec<Digest> = taken.iter().map(|task| task.action).collect();
    let specs: Vec<TaskSpec> = taken.into_iter().map(|task| task.spec.clone()).collect();
    let mut pending = Pending::new(actions, nonce());
    let (job, _) = client.submit(&pending.key, survey.project.manifest().name(), &specs).await?;
    // The next `impasto build` follows this job instead of handing in another.
    pending.job = Some(job);
    pending.save(&survey.project).map_err(BuildError::Pending)?;
    Ok(Submitted { job, tasks: specs.len(), refused: refused.into_values().collect() })
}

/// A job that was handed in.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) job: JobId,
    pub(crate) tasks: usize,
    /// Why some tasks were not.
    pub(crate) refused: Vec<String>,
}
