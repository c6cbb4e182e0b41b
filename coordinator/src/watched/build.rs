//! One build of a watched project: scan, plan, supply, submit, follow, deliver.

use impasto_models::{ModelError, ModelStore};
use impasto_planner::{Findings, Plan, PlanError, PlannedTask, plan};
use impasto_project::{
    LockError, LockfileError, Project, Scan, ScanError, StatCache, State, Watcher, lock,
    outputs_on_disk,
};
use impasto_types::{Digest, JobId, JobNews, ModelName, TaskEvent, TaskIndex};
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::delivery::Delivery;
use super::supply::Supply;
use crate::driver::{Stopped, Watch};
use crate::submission::{Job, SubmitError, Submitter};

/// What a build works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build<'a> {
    pub(super) project: &'a Project,
    pub(super) watcher: &'a Watcher,
    pub(super) models: &'a ModelStore,
    pub(super) submitter: &'a Submitter,
    pub(super) closing: &'a CancellationToken,
    pub(super) runtime: &'a Handle,
}

/// What a build came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) delivered: usize,
    /// What went wrong, a line for each asset.
    pub(super) failures: Vec<String>,
}

/// What keeps a build as a whole from its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Lockfile(#[from] LockfileError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("cannot get the model")]
    Models(#[from] ModelError),
    #[error("cannot submit the job")]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Whether the job is to be followed further.
enum Followed {
    /// It has ended, or the coordinator is closing.
    ToTheEnd,
    /// News were missed: look at the whole job again.
    Lagging,
}

impl Build<'_> {
    pub(super) fn run(self) -> Result<Outcome, BuildError> {
        let _held = lock(self.project)?;
        let state = State::load(self.project)?;
        let (scan, plan) = self.plan(&state)?;
        let unlisted = scan.problems.iter().map(ToString::to_string);
        let unusable =
            plan.problems.iter().map(|problem| format!("{}: {}", problem.asset, problem.cause));
        let mut outcome = Outcome { delivered: 0, failures: unlisted.chain(unusable).collect() };

        let supply = Supply {
            project: self.project,
            models: self.models,
            blobs: self.submitter.blobs.local(),
            scan: &scan,
        };
        let supplied = supply.run(plan.stale().collect())?;
        outcome.failures.extend(supplied.failures);
        let mut delivery =
            Delivery::new(self.project, state, self.submitter.blobs.local(), supplied.tasks);
        self.paint(&mut delivery)?;
        outcome.delivered += delivery.delivered();
        outcome.failures.extend(delivery.finish());
        Ok(outcome)
    }

    fn plan(self, state: &State) -> Result<(Scan, Plan), BuildError> {
        let mut cache = StatCache::load(self.project);
        let scan = self.watcher.scan(&mut cache)?;
        let present = outputs_on_disk(self.project, state.outputs(), &mut cache).present;
        // It is only a shortcut: where it cannot be kept, the next look takes longer.
        if let Err(unsaved) = cache.save(self.project) {
            tracing::debug!("{unsaved}");
        }
        let model = self.models.meaning(ModelName::Vgg19)?;
        let (listing, inputs, previous) = (&scan.listing, &scan.inputs, &state.records());
        let plan = plan(
            self.project.manifest(),
            &Findings { listing, inputs, models: &[model], previous, present: &present },
        )?;
        Ok((scan, plan))
    }

    /// Has the farm paint what is open, and delivers it as it comes.
    fn paint(self, delivery: &mut Delivery<'_>) -> Result<(), BuildError> {
        let tasks = delivery.open();
        if tasks.is_empty() {
            return Ok(());
        }
        let actions: Vec<Digest> = tasks.iter().map(|task| task.action).collect();
        let mut key = self.key(&actions, None);
        loop {
            let (job, known) = self.submit(&key, &tasks)?;
            self.follow(job, &actions, delivery)?;
            // A job from before whose results are gone is done once more, under a name that follows
            // from it.
            if !known || delivery.lost() == 0 || self.closing.is_cancelled() {
                return Ok(());
            }
            delivery.reopen_lost();
            key = self.key(&actions, Some(job));
        }
    }

    /// The same work on the same project has the same key: after a restart the job that runs
    /// already is found again.
    fn key(self, actions: &[Digest], after: Option<JobId>) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.project.dir().as_os_str().as_encoded_bytes());
        for action in actions {
            hasher.update(action.as_bytes());
        }
        let digest = Digest::of_hasher(&hasher).short();
        match after {
            None => format!("watched {digest}"),
            Some(job) => format!("watched {digest} after {job}"),
        }
    }

    fn submit(self, key: &str, tasks: &[&PlannedTask]) -> Result<(JobId, bool), BuildError> {
        let job = Job {
            key: key.to_owned(),
            project: self.project.manifest().name().to_owned(),
            priority: 0,
            tasks: tasks.iter().map(|task| task.spec.clone()).collect(),
        };
        let submitter = self.submitter;
        self.runtime.block_on(async {
            let (job, known) = submitter.submit(job).await?;
            if known {
                // What failed before may do better now; what succeeded stays.
                submitter.driver.retry(job).await?;
            }
            Ok((job, known))
        })
    }

    fn follow(
        self,
        job: JobId,
        actions: &[Digest],
        delivery: &mut Delivery<'_>,
    ) -> Result<(), BuildError> {
        while let Some(watch) = self.runtime.block_on(self.submitter.driver.watch(job))? {
            match self.follow_from(watch, actions, delivery) {
                Followed::ToTheEnd => break,
                Followed::Lagging => {}
            }
        }
        Ok(())
    }

    fn follow_from(
        self,
        watch: Watch,
        actions: &[Digest],
        delivery: &mut Delivery<'_>,
    ) -> Followed {
        let Watch { view, mut news } = watch;
        for task in view.tasks {
            take(task.task, task.event, actions, delivery);
        }
        if view.summary.state.has_ended() {
            return Followed::ToTheEnd;
        }
        loop {
            let next = self.runtime.block_on(async {
                tokio::select! {
                    () = self.closing.cancelled() => None,
                    next = news.recv() => Some(next),
                }
            });
            match next {
                Some(Ok(JobNews::Task { task, event, .. })) => take(task, event, actions, delivery),
                Some(Ok(JobNews::Job(summary))) if summary.state.has_ended() => {
                    return Followed::ToTheEnd;
                }
                Some(Ok(JobNews::Job(_) | JobNews::CaughtUp)) => {}
                Some(Err(RecvError::Lagged(_))) => return Followed::Lagging,
                None | Some(Err(RecvError::Closed)) => return Followed::ToTheEnd,
            }
        }
    }
}

fn take(task: TaskIndex, event: TaskEvent, actions: &[Digest], delivery: &mut Delivery<'_>) {
    let Some(action) = actions.get(task.0 as usize) else { return };
    match event {
        TaskEvent::Succeeded { result, .. } => delivery.deliver(*action, result.outputs[0].blob),
        TaskEvent::Failed { message, .. } => delivery.fail(*action, message),
        TaskEvent::Blocked
        | TaskEvent::Ready { .. }
        | TaskEvent::Leased { .. }
        | TaskEvent::Progress(_)
        | TaskEvent::Canceled => {}
    }
}
