//! Submits tasks to a farm, after finding the jobs of an earlier build again.

use std::collections::{BTreeMap, BTreeSet};

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_project::Project;
use impasto_types::{Digest, JobId, JobNews, JobState, TaskSpec};

use crate::account::Account;
use crate::error::BuildError;
use crate::event::{Event, Observer};
use crate::farm::{Farm, FarmError, NewJob, Watch};
use crate::follow::Job;
use crate::pending::{Pending, PendingJob, nonce};
use crate::supply::supply;
use crate::survey::Survey;

/// What was submitted to a farm.
#[derive(Debug)]
pub struct Submitted {
    /// Several if there are more tasks than a job may have; empty if every task was refused.
    pub jobs: Vec<JobId>,
    pub tasks: usize,
    /// Why some tasks were not submitted.
    pub refused: Vec<String>,
}

/// Submits all stale tasks without waiting for results. The next build follows these jobs.
///
/// # Errors
/// The farm does not answer, or a model is missing.
pub async fn submit<F: Farm>(
    survey: &Survey,
    farm: &F,
    models: &ModelStore,
    observer: &dyn Observer,
) -> Result<Submitted, BuildError> {
    let mut seen = BTreeSet::new();
    let tasks: Vec<_> = survey.plan.stale().filter(|task| seen.insert(task.action)).collect();
    let refused = supply(farm, survey, models, &tasks, observer).await?;
    let taken = tasks.into_iter().filter(|task| !refused.contains_key(&task.action)).collect();
    let records_jobs = farm.keeps_jobs();
    let project = &survey.project;
    let mut handing = Handing { farm, project, observer, jobs: vec![], records_jobs };
    let tasks = handing.submit_all(taken).await?;
    let jobs = handing.jobs.iter().filter_map(|job| job.job).collect();
    Ok(Submitted { jobs, tasks, refused: refused.into_values().collect() })
}

/// Returns jobs for all open actions, or only those in `only`: jobs that an earlier build left, and
/// new ones for the rest.
pub(crate) async fn hand_in<F: Farm>(
    account: &mut Account<'_>,
    farm: &F,
    models: &ModelStore,
    only: Option<&BTreeSet<Digest>>,
) -> Result<Vec<Job>, BuildError> {
    let observer = account.observer;
    let project = account.survey.project.clone();
    let records_jobs = farm.keeps_jobs() && !account.survey.is_preview;
    let mut handing = Handing { farm, project: &project, observer, jobs: vec![], records_jobs };
    let is_needed = |task: &&PlannedTask| only.is_none_or(|only| only.contains(&task.action));
    let mut needed: BTreeSet<Digest> =
        account.open_tasks().into_iter().filter(is_needed).map(|task| task.action).collect();
    let mut again = Vec::new();
    if records_jobs {
        for left in Pending::load(&project).jobs {
            match left.job {
                Some(job) if left.actions.iter().any(|action| needed.contains(action)) => {
                    if is_alive(farm, job, &left.key).await? {
                        forget(&mut needed, &left);
                        handing.attach(job, left);
                    }
                }
                // It may or may not have been submitted, so it is submitted again with the same key
                // and tasks.
                None if left.actions.iter().all(|action| needed.contains(action)) => {
                    again.push(left);
                }
                Some(_) | None => {}
            }
        }
    }

    let is_open = |task: &&PlannedTask| needed.contains(&task.action);
    let tasks: Vec<_> = account.open_tasks().into_iter().filter(is_open).collect();
    let refused = supply(farm, &account.survey, models, &tasks, observer).await?;
    for (action, message) in &refused {
        account.fail(*action, message);
        needed.remove(action);
    }
    for left in again {
        if left.actions.iter().all(|action| needed.contains(action)) {
            forget(&mut needed, &left);
            let open = account.open_tasks();
            let tasks: BTreeMap<Digest, &PlannedTask> =
                open.into_iter().map(|task| (task.action, task)).collect();
            let specs = left.actions.iter().map(|action| tasks[action].spec.clone()).collect();
            handing.submit(left, specs).await?;
        }
    }
    let is_open = |task: &&PlannedTask| needed.contains(&task.action);
    let tasks = account.open_tasks().into_iter().filter(is_open).collect();
    handing.submit_all(tasks).await?;
    let job = |job: PendingJob| Some(Job { id: job.job?, key: job.key, actions: job.actions });
    Ok(handing.jobs.into_iter().filter_map(job).collect())
}

/// Removes the actions of `job` from `needed`.
fn forget(needed: &mut BTreeSet<Digest>, job: &PendingJob) {
    for action in &job.actions {
        needed.remove(action);
    }
}

/// Whether the job is still queued or running. A job that has ended is not followed: its results
/// are in the cache, and its failures are retried.
async fn is_alive<F: Farm>(farm: &F, job: JobId, key: &str) -> Result<bool, FarmError> {
    let first = match farm.watch(job).await {
        Ok(mut watch) => watch.next().await,
        Err(error) => Err(error),
    };
    match first {
        // Another coordinator may use the same number for a different job.
        Ok(Some(JobNews::Job(found))) => {
            Ok(found.key == key && matches!(found.state, JobState::Queued | JobState::Running))
        }
        Ok(_) | Err(FarmError::NoSuchJob { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Jobs that are being submitted.
struct Handing<'a, F> {
    farm: &'a F,
    project: &'a Project,
    observer: &'a dyn Observer,
    jobs: Vec<PendingJob>,
    /// Whether the next build should find them.
    records_jobs: bool,
}

impl<F: Farm> Handing<'_, F> {
    /// Attaches to a job that an earlier build left.
    fn attach(&mut self, job: JobId, left: PendingJob) {
        let tasks = left.actions.len();
        self.observer.event(Event::Submitted { job, attached: true, tasks });
        self.jobs.push(left);
    }

    /// Submits tasks, in as many jobs as needed; returns the number of tasks.
    async fn submit_all(&mut self, tasks: Vec<&PlannedTask>) -> Result<usize, BuildError> {
        for part in tasks.chunks(self.farm.max_tasks()) {
            let actions = part.iter().map(|task| task.action).collect();
            let specs = part.iter().map(|task| task.spec.clone()).collect();
            self.submit(PendingJob::new(actions, nonce()), specs).await?;
        }
        Ok(tasks.len())
    }

    /// Submits a job, and records it twice: its key before, so that it is not submitted twice, and
    /// its number after, so that it is found.
    async fn submit(&mut self, job: PendingJob, specs: Vec<TaskSpec>) -> Result<(), BuildError> {
        let key = job.key.clone();
        self.jobs.push(job);
        self.note()?;
        let project = self.project.manifest().name();
        let new = NewJob { key: &key, project, tasks: &specs };
        let (id, known) = self.farm.submit(new).await?;
        if let Some(job) = self.jobs.last_mut() {
            job.job = Some(id);
        }
        self.note()?;
        let tasks = specs.len();
        self.observer.event(Event::Submitted { job: id, attached: known, tasks });
        Ok(())
    }

    fn note(&self) -> Result<(), BuildError> {
        if !self.records_jobs {
            return Ok(());
        }
        Pending { jobs: self.jobs.clone() }.save(self.project).map_err(BuildError::Pending)
    }
}
