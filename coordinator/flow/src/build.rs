//! One build, from the survey of the project to its record.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_project::{ProjectLock, Watcher};
use impasto_types::{Digest, error_text};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::cache::ResultCache;
use crate::error::BuildError;
use crate::event::{Observer, Origin};
use crate::farm::{Farm, FarmError};
use crate::fetch::Fetches;
use crate::follow::{Left, follow};
use crate::held::{Busy, take_lock};
use crate::outcome::{Made, Outcome};
use crate::patience::patiently;
use crate::pending::Pending;
use crate::result_files::{ResultFiles, deliver};
use crate::submit::hand_in;
use crate::survey::{Survey, SurveyRequest, survey};

/// A build of one project, from [`Self::begin`] to [`Self::finish`]. In between the caller restores
/// results from a cache and has the rest painted by a farm.
pub struct Build<'o> {
    account: Account<'o>,
    began: Instant,
    held: Option<ProjectLock>,
}

/// Results are restored in batches of this size, so that a build can be canceled in between.
const RESTORED_AT_ONCE: usize = 64;

impl<'o> Build<'o> {
    /// Surveys the project, without files that `watcher` still waits for, and locks it if anything
    /// is stale. If everything is up to date, nothing is locked or written.
    ///
    /// # Errors
    /// Errors that stop the whole build. Errors of single assets are part of the outcome.
    pub fn begin(
        request: &SurveyRequest,
        watcher: Option<&Watcher>,
        busy: Busy,
        observer: &'o dyn Observer,
        cancel: &CancellationToken,
    ) -> Result<Self, BuildError> {
        let began = Instant::now();
        let mut survey_now = survey(request, watcher)?;
        let mut held = None;
        if survey_now.plan.stale().next().is_some() || survey_now.state.is_unsaved() {
            held = take_lock(&survey_now.project, busy, observer, cancel)?;
            // Another build may have ended since the survey and built what this one needs.
            let recovered = held.as_ref().is_some_and(|held| held.recovered);
            if recovered || !survey_now.state.is_current(&survey_now.project) {
                survey_now = survey(request, watcher)?;
            }
        }
        survey_now.examine()?;
        Ok(Self { account: Account::open(survey_now, observer, cancel.clone()), began, held })
    }

    /// What the build found.
    pub fn survey(&self) -> &Survey {
        &self.account.survey
    }

    /// Whether no task is open.
    pub fn is_done(&self) -> bool {
        self.account.is_done()
    }

    /// One task for each open action, in the order of the plan.
    pub fn open(&self) -> Vec<&PlannedTask> {
        self.account.open_tasks()
    }

    /// Fails every task that waits for `action`.
    pub fn fail(&mut self, action: Digest, message: &str) {
        self.account.fail(action, message);
    }

    /// What this build did about a task.
    pub fn made(&self, task: &PlannedTask) -> Made {
        self.account.made(task)
    }

    /// The file that was written for a task's first output, by this build or an earlier one.
    pub fn written(&self, task: &PlannedTask) -> Option<Digest> {
        self.account.written(task)
    }

    /// Delivers results from `cache`.
    pub fn restore(&mut self, cache: &dyn ResultCache) {
        let account = &mut self.account;
        for batch in account.open_actions().chunks(RESTORED_AT_ONCE) {
            if account.cancel.is_cancelled() {
                return;
            }
            let restore = |&action: &Digest| {
                let (result, files) = cache.get(action)?;
                let files = ResultFiles::new(&result, files).ok()?;
                let wanted = account.wanted(action);
                if let Err(bad) = files.check(&wanted) {
                    tracing::warn!(%action, reason = error_text(&bad), "a bad result was cached");
                    cache.forget(action);
                    return None;
                }
                let delivered = deliver(&account.survey.project, wanted, &files);
                Some((action, result, delivered.ok()?))
            };
            let restored: Vec<_> = batch.par_iter().filter_map(restore).collect();
            for (action, result, delivered) in restored {
                account.take(action, &result, Origin::Cached, delivered);
            }
        }
    }

    /// Has `farm` paint open tasks, and delivers results as they arrive. Results are also stored in
    /// `keep`. When this returns without an error, tasks that are still open were canceled.
    ///
    /// # Errors
    /// The farm has not answered for too long, or a model is missing.
    pub async fn paint<F: Farm>(
        &mut self,
        farm: &F,
        models: &ModelStore,
        keep: Option<Arc<dyn ResultCache>>,
    ) -> Result<(), BuildError> {
        let account = &mut self.account;
        let (observer, cancel) = (account.observer, account.cancel.clone());
        let mut fetches = Fetches::new(farm.clone(), account.survey.project.clone(), keep);
        let found = patiently(observer, &cancel, async || {
            find_results(&mut *account, farm, &mut fetches).await
        });
        found.await?;
        let mut only: Option<BTreeSet<Digest>> = None;
        while !account.is_done() && !cancel.is_cancelled() {
            let lost = account.lost.clone();
            let jobs = patiently(observer, &cancel, async || {
                hand_in(&mut *account, farm, models, only.as_ref()).await
            });
            let jobs = jobs.await?;
            let mut left = Left::Ended;
            for job in &jobs {
                left = left.max(follow(account, &mut fetches, farm, job, models).await?);
            }
            let records_jobs = farm.keeps_jobs() && !account.survey.is_preview;
            if records_jobs && left == Left::Ended {
                Pending::forget(&account.survey.project);
            }
            // Results that were announced but are lost are computed once more.
            let lost_now: BTreeSet<Digest> = account.lost.difference(&lost).copied().collect();
            if lost_now.is_empty() {
                break;
            }
            only = Some(lost_now);
        }
        Ok(())
    }

    /// Writes the record, closes the account and releases the lock.
    pub fn finish(self) -> (Survey, Outcome) {
        let Self { account, began, held } = self;
        let (survey, mut outcome) = account.close(held.is_some());
        outcome.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (survey, outcome)
    }
}

impl std::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Build")
            .field("project", &self.account.survey.project.dir())
            .field("open", &self.account.open_actions())
            .finish_non_exhaustive()
    }
}

/// Delivers results from the farm's cache.
async fn find_results<F: Farm>(
    account: &mut Account<'_>,
    farm: &F,
    fetches: &mut Fetches<F>,
) -> Result<(), BuildError> {
    for (action, result) in farm.find_results(&account.open_actions()).await? {
        while !fetches.has_room() {
            settle_next(account, fetches).await?;
        }
        if account.cancel.is_cancelled() {
            break;
        }
        fetches.start(action, result, Origin::Cached, account.wanted(action));
    }
    while !fetches.is_empty() {
        settle_next(account, fetches).await?;
    }
    // Results that could not be read are computed as usual.
    account.lost.clear();
    Ok(())
}

async fn settle_next<F: Farm>(
    account: &mut Account<'_>,
    fetches: &mut Fetches<F>,
) -> Result<(), FarmError> {
    match fetches.next().await {
        Some(fetched) => account.settle(fetched),
        None => Ok(()),
    }
}
