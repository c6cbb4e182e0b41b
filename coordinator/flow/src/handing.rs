//! Hands tasks to a farm as jobs, so that the farm has each task once.
//!
//! Tasks that a living job has are left to it. The key of a new job follows from its tasks, so that
//! whoever submits the same ones at the same time, from another shell or another checkout, gets the
//! same job. If that job has ended without all results, the next key follows from its key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_project::{JobsLock, Project, lock_jobs};
use impasto_types::{Digest, JobId, JobNews, JobState, error_text};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::{Event, Observer};
use crate::farm::{Farm, FarmError, NewJob, Watch};
use crate::pending::{Pending, PendingJob};
use crate::supply::{Unsupplied, supply};
use crate::survey::Survey;

/// What became of tasks.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    pub(crate) jobs: Vec<HandedJob>,
    /// Tasks that were not submitted.
    pub(crate) refused: Unsupplied,
}

/// A job that has some of the tasks.
#[derive(Debug)]
pub(crate) struct HandedJob {
    pub(crate) id: JobId,
    /// Its idempotency key.
    pub(crate) key: String,
    /// The actions of its tasks, in their order.
    pub(crate) actions: Vec<Digest>,
    /// Whether the farm had it already.
    pub(crate) known: bool,
    /// Whether this project's folder submitted it, and not another checkout.
    pub(crate) is_ours: bool,
}

/// Makes sure that a job of the farm has each of these tasks, no two of which have the same action.
/// Hands over nothing if it was canceled before its turn.
///
/// # Errors
/// The farm does not answer, or a model is missing.
pub(crate) async fn hand_over<F: Farm>(
    farm: &F,
    survey: &Survey,
    models: &ModelStore,
    observer: &dyn Observer,
    tasks: &[&PlannedTask],
    cancel: &CancellationToken,
) -> Result<Handed, BuildError> {
    let project = &*survey.project;
    let records_jobs = farm.keeps_jobs() && !survey.is_preview();
    let turn = async { if records_jobs { take_turn(project, observer).await } else { None } };
    let Some(_lock) = cancel.run_until_cancelled(turn).await else {
        return Ok(Handed::default());
    };
    let mut handing =
        Handing { farm, project, observer, records_jobs, jobs: vec![], others: vec![] };
    let mut needed: BTreeMap<Digest, &PlannedTask> =
        tasks.iter().map(|task| (task.action, *task)).collect();
    let left = if records_jobs { handing.find_again(&mut needed).await? } else { Left::default() };

    let rest = |needed: &BTreeMap<Digest, &PlannedTask>| -> Vec<&PlannedTask> {
        tasks.iter().copied().filter(|task| needed.contains_key(&task.action)).collect()
    };
    let refused = supply(farm, survey, models, &rest(&needed), observer).await?;
    needed.retain(|action, _| !refused.contains_key(action));
    for job in left.unanswered {
        // With other tasks it would be another job.
        let tasks: Option<Vec<&PlannedTask>> =
            job.actions.iter().map(|action| needed.get(action).copied()).collect();
        if let Some(tasks) = tasks {
            for action in &job.actions {
                needed.remove(action);
            }
            handing.submit(job, &tasks, Origin::Recorded).await?;
        }
    }
    for part in parts(&rest(&needed), farm.max_tasks()) {
        let actions: Vec<Digest> = part.iter().flat_map(|task| task.actions()).collect();
        let job = match left.ended.iter().find(|ended| ended.actions == actions) {
            Some(ended) => ended.clone().next(),
            None => PendingJob::first(project.manifest().name(), actions),
        };
        handing.submit(job, part, Origin::New).await?;
    }
    handing.note(None)?;
    Ok(Handed { jobs: handing.jobs, refused })
}

/// Runs of tasks that have so many specs at most, or are one task.
fn parts<'a, 't>(tasks: &'a [&'t PlannedTask], most: usize) -> Vec<&'a [&'t PlannedTask]> {
    let mut parts = Vec::new();
    let (mut begin, mut specs) = (0, 0);
    for (index, task) in tasks.iter().enumerate() {
        if index > begin && specs + task.count() > most {
            parts.push(&tasks[begin..index]);
            (begin, specs) = (index, 0);
        }
        specs += task.count();
    }
    parts.extend(Some(&tasks[begin..]).filter(|last| !last.is_empty()));
    parts
}

/// How many results are asked for at once.
const ASKED_AT_ONCE: usize = 500;

/// How often another process's turn is looked at.
const TURN_INTERVAL: Duration = Duration::from_millis(100);

/// Waits until no other process submits tasks of this project. Without locks, two that do so at the
/// same time still get the same job for the same tasks.
async fn take_turn(project: &Project, observer: &dyn Observer) -> Option<JobsLock> {
    let mut waited = false;
    loop {
        match lock_jobs(project) {
            Ok(Some(lock)) => return Some(lock),
            Ok(None) if !waited => {
                waited = true;
                let message = "another process submits tasks of this project; waiting for it";
                observer.event(Event::Warning { message });
            }
            Ok(None) => tokio::time::sleep(TURN_INTERVAL).await,
            Err(error) => {
                tracing::debug!("{}", error_text(&error));
                return None;
            }
        }
    }
}

/// What the farm says about a job that was submitted before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its results are on their way, or all there.
    Useful,
    /// It has ended without all results, or they are gone.
    Ended,
    /// It was forgotten, or another farm had it.
    Unknown,
}

/// Recorded jobs that are not followed.
#[derive(Default)]
struct Left {
    /// They may or may not have been submitted, so they are submitted again.
    unanswered: Vec<PendingJob>,
    /// They have ended without all results.
    ended: Vec<PendingJob>,
}

/// Whether a job that is submitted may have been submitted before by this project's folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    New,
    Recorded,
}

/// Jobs that are being submitted.
struct Handing<'a, F> {
    farm: &'a F,
    project: &'a Project,
    observer: &'a dyn Observer,
    /// Whether the next command should find them.
    records_jobs: bool,
    /// The jobs of the tasks.
    jobs: Vec<HandedJob>,
    /// Recorded jobs of other tasks.
    others: Vec<PendingJob>,
}

impl<F: Farm> Handing<'_, F> {
    /// Leaves tasks to the recorded jobs that have them, and removes them from `needed`.
    async fn find_again(
        &mut self,
        needed: &mut BTreeMap<Digest, &PlannedTask>,
    ) -> Result<Left, BuildError> {
        let mut left = Left::default();
        for recorded in Pending::load(self.project).jobs {
            let Some(id) = recorded.job else {
                left.unanswered.push(recorded);
                continue;
            };
            match self.standing(id, &recorded.key, &recorded.actions).await? {
                Standing::Useful => {}
                Standing::Ended => {
                    left.ended.push(recorded);
                    continue;
                }
                Standing::Unknown => continue,
            }
            if recorded.actions.iter().any(|action| needed.contains_key(action)) {
                for action in &recorded.actions {
                    needed.remove(action);
                }
                let PendingJob { key, actions, .. } = recorded;
                self.take(HandedJob { id, key, actions, known: true, is_ours: true });
            } else {
                self.others.push(recorded);
            }
        }
        Ok(left)
    }

    /// What the farm says about a job.
    async fn standing(
        &self,
        job: JobId,
        key: &str,
        actions: &[Digest],
    ) -> Result<Standing, FarmError> {
        let first = match self.farm.watch(job).await {
            Ok(mut watch) => watch.next().await,
            Err(error) => Err(error),
        };
        match first {
            // Another coordinator may use the same number for a different job.
            Ok(Some(JobNews::Job(found))) if found.key == key => match found.state {
                JobState::Queued | JobState::Running => Ok(Standing::Useful),
                JobState::Succeeded => {
                    let distinct: BTreeSet<Digest> = actions.iter().copied().collect();
                    let distinct: Vec<Digest> = distinct.into_iter().collect();
                    for part in distinct.chunks(ASKED_AT_ONCE) {
                        if self.farm.find_results(part).await?.len() < part.len() {
                            return Ok(Standing::Ended);
                        }
                    }
                    Ok(Standing::Useful)
                }
                // A canceled job ends soon; its tasks go into another one.
                JobState::Canceling | JobState::Canceled | JobState::Failed => Ok(Standing::Ended),
            },
            Ok(_) | Err(FarmError::NoSuchJob { .. }) => Ok(Standing::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Submits a job, or the next one of the same tasks if this one has ended without all results.
    /// Its key is recorded before, so that it is not submitted twice, and its number after.
    async fn submit(
        &mut self,
        mut job: PendingJob,
        tasks: &[&PlannedTask],
        origin: Origin,
    ) -> Result<(), BuildError> {
        loop {
            self.note(Some(&job))?;
            let project = self.project.manifest().name();
            let new = NewJob { key: &job.key, project, tasks };
            let (id, known) = self.farm.submit(new).await?;
            let is_useful =
                !known || self.standing(id, &job.key, &job.actions).await? == Standing::Useful;
            if is_useful {
                let PendingJob { key, actions, .. } = job;
                let is_ours = !known || origin == Origin::Recorded || !self.records_jobs;
                self.take(HandedJob { id, key, actions, known, is_ours });
                return self.note(None);
            }
            job = job.next();
        }
    }

    fn take(&mut self, job: HandedJob) {
        let (tasks, attached) = (job.actions.len(), job.known);
        self.observer.event(Event::Submitted { job: job.id, attached, tasks });
        self.jobs.push(job);
    }

    /// Records the jobs, and the one that is about to be submitted.
    fn note(&self, next: Option<&PendingJob>) -> Result<(), BuildError> {
        if !self.records_jobs {
            return Ok(());
        }
        let handed = self.jobs.iter().map(|job| PendingJob {
            key: job.key.clone(),
            job: Some(job.id),
            actions: job.actions.clone(),
        });
        let jobs = handed.chain(next.cloned()).chain(self.others.iter().cloned()).collect();
        Pending { jobs }.save(self.project).map_err(BuildError::Pending)
    }
}
