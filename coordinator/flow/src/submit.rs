//! Submits tasks to a farm: those of a build, which follows them, or all that are stale.

use std::collections::BTreeSet;

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_types::{Digest, JobId};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::error::BuildError;
use crate::event::Observer;
use crate::farm::Farm;
use crate::follow::Job;
use crate::handing::{Handed, HandedJob, hand_over};
use crate::patience::{UNANSWERED, patiently};
use crate::survey::Survey;

/// What was submitted to a farm.
#[derive(Debug)]
pub struct Submitted {
    /// Several if there are more tasks than a job may have, or if earlier jobs have some of them;
    /// empty if every task was refused.
    pub jobs: Vec<JobId>,
    /// How many stale tasks these jobs have.
    pub tasks: usize,
    /// How many of them the farm had already.
    pub known: usize,
    /// Why some tasks were not submitted.
    pub refused: Vec<String>,
}

/// Submits all stale tasks without waiting for results. The next build follows their jobs. Tasks
/// that a living job has are not submitted again.
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
    let cancel = CancellationToken::new();
    let handed = patiently(UNANSWERED, observer, &cancel, async || {
        hand_over(farm, survey, models, observer, &tasks, &cancel).await
    });
    let Handed { jobs, refused } = handed.await?;
    let stale_in = |job: &HandedJob| job.actions.iter().filter(|own| seen.contains(*own)).count();
    Ok(Submitted {
        tasks: jobs.iter().map(stale_in).sum(),
        known: jobs.iter().filter(|job| job.known).map(stale_in).sum(),
        jobs: jobs.iter().map(|job| job.id).collect(),
        refused: refused.into_values().collect(),
    })
}

/// Returns jobs for all open actions, or only those in `only`: jobs that an earlier command left,
/// and new ones for the rest.
pub(crate) async fn hand_in<F: Farm>(
    account: &mut Account<'_>,
    farm: &F,
    models: &ModelStore,
    only: Option<&BTreeSet<Digest>>,
) -> Result<Vec<Job>, BuildError> {
    let is_needed = |task: &&PlannedTask| only.is_none_or(|only| only.contains(&task.action));
    let tasks: Vec<_> = account.open_tasks().into_iter().filter(is_needed).collect();
    let (survey, observer, cancel) = (&account.survey, account.observer, &account.cancel);
    let Handed { jobs, refused } =
        hand_over(farm, survey, models, observer, &tasks, cancel).await?;
    for (action, message) in &refused {
        account.fail(*action, message);
    }
    let job = |HandedJob { id, key, actions, is_ours, .. }| Job { id, key, actions, is_ours };
    Ok(jobs.into_iter().map(job).collect())
}
