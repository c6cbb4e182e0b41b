//! One build, from the survey of the project to its record.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_project::{Project, ProjectLock, Watcher, write_together};
use impasto_types::{AssetPath, Digest, error_text};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::batch::{Fetched, Order, RESULTS_PER_BATCH, next_batch, place};
use crate::cache::ResultCache;
use crate::error::BuildError;
use crate::event::{Observer, Origin};
use crate::farm::{Farm, FarmError};
use crate::fetch::Fetches;
use crate::follow::{Left, follow};
use crate::held::{Busy, take_lock};
use crate::outcome::{Made, Outcome};
use crate::patience::{IfLost, UNANSWERED, patiently};
use crate::pending::Pending;
use crate::result_files::{ResultFiles, prepare};
use crate::submit::hand_in;
use crate::survey::{Survey, SurveyRequest, survey};

/// A build of one project, from [`Self::begin`] to [`Self::finish`]. In between the caller restores
/// results from a cache and has the rest painted by a farm.
pub struct Build<'o> {
    account: Account<'o>,
    began: Instant,
    held: Option<ProjectLock>,
}

/// For how many actions a cache is asked at once: what it answers is in memory until it is
/// delivered. Between two such pages a build can be canceled.
const ACTIONS_PER_PAGE: usize = 4 * RESULTS_PER_BATCH;

/// How often the farm may not know a job that it has accepted, for example since it was begun anew.
const UNKNOWN_AT_MOST: u32 = 3;

impl<'o> Build<'o> {
    /// Surveys the project, without files that `watcher` still waits for, and locks it if anything
    /// is stale. Files that pass through are written. If everything is up to date, nothing is
    /// locked or written.
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
        if survey_now.plan.has_work() || survey_now.state.is_unsaved() {
            held = take_lock(&survey_now.project, busy, observer, cancel)?;
            // Another build may have ended since the survey and built what this one needs.
            let recovered = held.as_ref().is_some_and(|held| held.recovered);
            if recovered || !survey_now.state.is_current(&survey_now.project) {
                // Two would take twice the memory.
                drop(survey_now);
                survey_now = survey(request, watcher)?;
            }
        }
        survey_now.examine()?;
        let mut account = Account::open(survey_now, observer, cancel.clone());
        account.copy();
        Ok(Self { account, began, held })
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

    /// What this build did about a task of its plan.
    pub fn made(&self, task: &PlannedTask) -> Made {
        self.account.made(task)
    }

    /// The file that was written for a task's first output, by this build or an earlier one.
    pub fn written(&self, task: &PlannedTask) -> Option<Digest> {
        self.account.written(task)
    }

    /// The file that was last written to an output, if it is recorded.
    pub fn recorded(&self, output: &AssetPath) -> Option<Digest> {
        self.account.survey.state.get(output).map(|record| record.output.digest)
    }

    /// Delivers results from `cache`.
    pub fn restore(&mut self, cache: &dyn ResultCache) {
        let account = &mut self.account;
        for page in account.open_actions().chunks(ACTIONS_PER_PAGE) {
            let found = write_together(page, |action| cache.find(*action));
            let found = page
                .iter()
                .zip(found)
                .filter_map(|(action, found)| Some(account.order(*action, found?, Origin::Cached)));
            let mut waiting: VecDeque<Order> = found.collect();
            while !waiting.is_empty() {
                if account.cancel.is_cancelled() {
                    return;
                }
                for restored in restore(&account.survey.project, cache, next_batch(&mut waiting)) {
                    // What cannot be restored is painted.
                    let _ = account.settle(restored);
                }
                account.lost.clear();
            }
        }
    }

    /// Has `farm` paint open tasks, and delivers results as they arrive. Results are also stored in
    /// `keep`. When this returns without an error, tasks that are still open were canceled.
    ///
    /// # Errors
    /// The farm has not answered for too long, or a model is missing. Tasks that are still open can
    /// be painted by another farm.
    pub async fn paint<F: Farm>(
        &mut self,
        farm: &F,
        models: &ModelStore,
        keep: Option<Arc<dyn ResultCache>>,
        if_lost: IfLost,
    ) -> Result<(), BuildError> {
        let account = &mut self.account;
        let (observer, cancel) = (account.observer, account.cancel.clone());
        let mut fetches = Fetches::new(farm.clone(), account.survey.project.clone(), keep);
        let found = patiently(UNANSWERED, observer, &cancel, async || {
            find_results(&mut *account, farm, &mut fetches).await
        });
        found.await?;
        let mut only: Option<BTreeSet<Digest>> = None;
        let mut unknown = 0;
        while !account.is_done() && !cancel.is_cancelled() {
            let lost = account.lost.clone();
            let jobs = patiently(if_lost.patience(), observer, &cancel, async || {
                hand_in(&mut *account, farm, models, only.as_ref()).await
            });
            let jobs = jobs.await?;
            let (mut left, mut is_unknown) = (Left::Ended, false);
            for job in &jobs {
                match follow(account, &mut fetches, farm, job, models, if_lost).await {
                    Err(BuildError::Farm(FarmError::NoSuchJob { .. }))
                        if unknown < UNKNOWN_AT_MOST =>
                    {
                        is_unknown = true;
                    }
                    followed => left = left.max(followed?),
                }
            }
            let records_jobs = farm.keeps_jobs() && !account.survey.is_preview;
            if records_jobs && left == Left::Ended {
                let has_ended = |job| jobs.iter().any(|ended| ended.id == job);
                Pending::forget(&account.survey.project, has_ended);
            }
            if is_unknown {
                // What is still open goes into new jobs.
                unknown += 1;
                continue;
            }
            // Results that were announced but are lost are computed once more, and so is what
            // another checkout submitted and canceled.
            let mut again: BTreeSet<Digest> = account.lost.difference(&lost).copied().collect();
            let of_others = jobs.into_iter().filter(|job| !job.is_ours);
            let given_up = of_others
                .flat_map(|job| job.actions)
                .filter(|&action| account.is_open(action) && !account.lost.contains(&action));
            again.extend(given_up);
            if again.is_empty() {
                break;
            }
            only = Some(again);
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

/// Delivers results whose files `cache` has. Each is read on the thread that writes it.
fn restore(project: &Project, cache: &dyn ResultCache, batch: Vec<Order>) -> Vec<Fetched> {
    let prepared = write_together(&batch, |order| {
        let lost = || FarmError::Blob("the cache has lost a file".into());
        let files = cache.read(&order.result).ok_or_else(lost)?;
        let files = ResultFiles::new(&order.result, files)?;
        if let Err(bad) = files.check(&order.wanted) {
            let (action, reason) = (order.action, error_text(&bad));
            tracing::warn!(%action, reason, "a bad result was cached");
            cache.forget(action);
            return Err(FarmError::Blob(bad.into()));
        }
        prepare(project, &order.wanted, &files)
    });
    place(batch.into_iter().zip(prepared))
}

/// Delivers results from the farm's cache.
async fn find_results<F: Farm>(
    account: &mut Account<'_>,
    farm: &F,
    fetches: &mut Fetches<F>,
) -> Result<(), BuildError> {
    let cancel = account.cancel.clone();
    'pages: for page in account.open_actions().chunks(ACTIONS_PER_PAGE) {
        let mut found = farm.find_results(page).await?;
        for action in page {
            let Some(result) = found.remove(action) else { continue };
            while !fetches.has_room() {
                settle_next(account, fetches).await?;
            }
            if cancel.is_cancelled() {
                break 'pages;
            }
            fetches.start(account.order(*action, result, Origin::Cached));
        }
    }
    while !fetches.is_empty() {
        if cancel.is_cancelled() {
            fetches.forget_waiting();
        }
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
