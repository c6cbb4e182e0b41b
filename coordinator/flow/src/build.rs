//! One build: what is open, what came of the rest, and the account of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use impasto_models::ModelStore;
use impasto_planner::PlannedTask;
use impasto_project::{Delivered, LockEntry, ProjectLock, ReplaceError, Watcher};
use impasto_types::{AssetPath, Digest, TaskResult, error_text};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::cache::ResultCache;
use crate::error::BuildError;
use crate::event::{Event, Observer, Origin, Target};
use crate::farm::{Farm, FarmError};
use crate::fetch::{Fetched, Fetches};
use crate::follow::{Left, follow};
use crate::held::{Busy, take_lock};
use crate::outcome::{Failed, Made, Outcome};
use crate::patience::patiently;
use crate::pending::Pending;
use crate::result_files::{Deliveries, ResultFiles, Wanted, deliver};
use crate::submit::hand_in;
use crate::survey::{Survey, SurveyRequest, survey};

/// A build of one project, from [`Self::begin`] to [`Self::finish`]. In between whoever runs it
/// restores results from a cache and paints the rest on a farm.
pub struct Build<'o> {
    survey: Survey,
    observer: &'o dyn Observer,
    cancel: CancellationToken,
    /// What is still to be made: places of tasks in the plan, by action. Two assets with the same
    /// bytes are one action.
    open: BTreeMap<Digest, Vec<usize>>,
    /// Actions whose results were announced and then could not be read.
    lost: BTreeSet<Digest>,
    /// What became of tasks, by their first outputs.
    made: BTreeMap<AssetPath, Made>,
    outcome: Outcome,
    has_delivered: bool,
    has_warned: bool,
    began: Instant,
    held: Option<ProjectLock>,
}

/// Results are restored in batches of this many, so that a build can be canceled in between.
const RESTORED_AT_ONCE: usize = 64;

impl<'o> Build<'o> {
    /// Looks at the project, as `watcher` sees it where there is one, and locks it if anything is
    /// to be made. Where everything is up to date nothing is locked or written.
    ///
    /// # Errors
    /// What keeps the build as a whole from its work. What is wrong with one asset is part of the
    /// outcome.
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
            // Another build may have ended since the first look, and made what this one needs.
            let recovered = held.as_ref().is_some_and(|held| held.recovered);
            if recovered || !survey_now.state.is_current(&survey_now.project) {
                survey_now = survey(request, watcher)?;
            }
        }
        let survey = survey_now;
        announce(&survey, observer);
        let mut open: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for (place, task) in survey.plan.tasks.iter().enumerate() {
            if task.is_stale() {
                open.entry(task.action).or_default().push(place);
            }
        }
        let outcome = Outcome { up_to_date: survey.up_to_date(), ..Outcome::default() };
        let mut build = Self {
            survey,
            observer,
            cancel: cancel.clone(),
            open,
            lost: BTreeSet::new(),
            made: BTreeMap::new(),
            outcome,
            has_delivered: false,
            has_warned: false,
            began,
            held,
        };
        build.fail_unusable();
        Ok(build)
    }

    /// What the build found.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Whether nothing is left to be made.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn observer(&self) -> &'o dyn Observer {
        self.observer
    }

    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(crate) fn is_open(&self, action: Digest) -> bool {
        self.open.contains_key(&action)
    }

    /// One task for each action that is still to be made, in the order of the plan.
    pub fn open(&self) -> Vec<&PlannedTask> {
        let mut first: Vec<usize> = self.open.values().map(|places| places[0]).collect();
        first.sort_unstable();
        first.into_iter().map(|place| &self.survey.plan.tasks[place]).collect()
    }

    /// The first task that waits for this action, to name it.
    pub(crate) fn target(&self, action: Digest) -> Option<Target<'_>> {
        let places = self.open.get(&action)?;
        Some(target(&self.survey.plan.tasks[places[0]]))
    }

    /// The tasks that wait for this action.
    pub(crate) fn wanted(&self, action: Digest) -> Vec<Wanted> {
        let places = self.open.get(&action).into_iter().flatten();
        let wanted = |&place: &usize| Wanted {
            place,
            outputs: self.survey.plan.tasks[place].outputs.clone(),
        };
        places.map(wanted).collect()
    }

    /// Counts what the plan could not take.
    fn fail_unusable(&mut self) {
        let of_plan = self.survey.plan.problems.iter().map(|problem| Failed {
            asset: problem.asset.to_string(),
            style: None,
            message: problem.cause.to_string(),
        });
        let unlisted = self.survey.unlisted.iter().map(|problem| Failed {
            asset: self.survey.project.manifest().name().to_owned(),
            style: None,
            message: error_text(problem),
        });
        for failed in of_plan.chain(unlisted).collect::<Vec<_>>() {
            self.failed(failed, None);
        }
    }

    /// Delivers what is in `cache`.
    pub fn restore(&mut self, cache: &dyn ResultCache) {
        let actions: Vec<Digest> = self.open.keys().copied().collect();
        for batch in actions.chunks(RESTORED_AT_ONCE) {
            if self.cancel.is_cancelled() {
                return;
            }
            let restore = |&action: &Digest| {
                let (result, files) = cache.get(action)?;
                let files = ResultFiles::new(&result, files).ok()?;
                let delivered = deliver(&self.survey.project, self.wanted(action), &files);
                Some((action, result, delivered.ok()?))
            };
            let restored: Vec<_> = batch.par_iter().filter_map(restore).collect();
            for (action, result, delivered) in restored {
                self.account(action, &result, Origin::Cached, delivered);
            }
        }
    }

    /// Has `farm` make what is open, and delivers it as it comes. Results are kept in `keep` too.
    /// When this returns without an error, whatever is still open was canceled.
    ///
    /// # Errors
    /// The farm does not answer any more, or a model is missing.
    pub async fn paint<F: Farm>(
        &mut self,
        farm: &F,
        models: &ModelStore,
        keep: Option<Arc<dyn ResultCache>>,
    ) -> Result<(), BuildError> {
        let (observer, cancel) = (self.observer, self.cancel.clone());
        let mut fetches = Fetches::new(farm.clone(), self.survey.project.clone(), keep);
        patiently(observer, &cancel, async || self.find_results(farm, &mut fetches).await).await?;
        let mut only: Option<BTreeSet<Digest>> = None;
        while !self.is_done() && !cancel.is_cancelled() {
            let lost = self.lost.clone();
            let jobs = patiently(observer, &cancel, async || {
                hand_in(&mut *self, farm, models, only.as_ref()).await
            });
            let jobs = jobs.await?;
            let mut left = Left::Ended;
            for job in &jobs {
                left = left.max(follow(self, &mut fetches, farm, job).await?);
            }
            if farm.keeps_jobs() && left == Left::Ended {
                Pending::forget(&self.survey.project);
            }
            // A result that was announced and is not there any more is made once more.
            let lost_now: BTreeSet<Digest> = self.lost.difference(&lost).copied().collect();
            if lost_now.is_empty() {
                break;
            }
            only = Some(lost_now);
        }
        Ok(())
    }

    /// Delivers what the farm has in its cache.
    async fn find_results<F: Farm>(
        &mut self,
        farm: &F,
        fetches: &mut Fetches<F>,
    ) -> Result<(), BuildError> {
        let open: Vec<Digest> = self.open.keys().copied().collect();
        for (action, result) in farm.find_results(&open).await? {
            while !fetches.has_room() {
                self.settle_next(fetches).await?;
            }
            if self.cancel.is_cancelled() {
                break;
            }
            fetches.start(action, result, Origin::Cached, self.wanted(action));
        }
        while !fetches.is_empty() {
            self.settle_next(fetches).await?;
        }
        // What could not be read is simply made.
        self.lost.clear();
        Ok(())
    }

    async fn settle_next<F: Farm>(&mut self, fetches: &mut Fetches<F>) -> Result<(), FarmError> {
        match fetches.next().await {
            Some(fetched) => self.settle(fetched),
            None => Ok(()),
        }
    }

    /// Takes the end of a fetch into account.
    ///
    /// # Errors
    /// The farm is away; the action stays open.
    pub(crate) fn settle(&mut self, fetched: Fetched) -> Result<(), FarmError> {
        let Fetched { action, result, origin, delivered } = fetched;
        match delivered {
            Ok(delivered) => self.account(action, &result, origin, delivered),
            Err(error) if error.is_away() => return Err(error),
            Err(error) if self.lost.contains(&action) => {
                let message = format!("its picture did not arrive: {}", error_text(&error));
                self.fail(action, &message);
            }
            Err(error) => {
                tracing::debug!("a result did not arrive: {}", error_text(&error));
                self.lost.insert(action);
            }
        }
        Ok(())
    }

    fn account(
        &mut self,
        action: Digest,
        result: &TaskResult,
        mut origin: Origin,
        delivered: Deliveries,
    ) {
        self.open.remove(&action);
        for (place, files) in delivered {
            let task = self.survey.plan.tasks[place].clone();
            match files {
                Ok(files) => {
                    for file in &files {
                        file.remember(&mut self.survey.stats);
                        let entry = LockEntry::new(action, task.spec.asset.clone(), file.blob());
                        let project = &self.survey.project;
                        let noted = self.survey.state.put(project, file.output.clone(), entry);
                        self.warn_of(noted);
                    }
                    self.has_delivered = true;
                    let report = result.report.clone();
                    let made = match origin {
                        Origin::Painted => {
                            self.outcome.painted += 1;
                            Made::Painted(report)
                        }
                        Origin::Cached => {
                            self.outcome.cached += 1;
                            Made::Cached(report)
                        }
                    };
                    self.made.insert(task.output().clone(), made);
                    let changed = files.iter().any(|file| file.change == Delivered::Written);
                    self.observer.event(Event::Delivered {
                        target: target(&task),
                        origin,
                        changed,
                        report: Some(&result.report),
                    });
                }
                Err(error) => self.fail_task(&task, error_text(&error)),
            }
            // The same picture in another place costs nothing more.
            origin = Origin::Cached;
        }
    }

    /// Gives up every task that waits for `action`.
    pub fn fail(&mut self, action: Digest, message: &str) {
        for place in self.open.remove(&action).unwrap_or_default() {
            let task = self.survey.plan.tasks[place].clone();
            self.fail_task(&task, message.to_owned());
        }
    }

    fn fail_task(&mut self, task: &PlannedTask, message: String) {
        self.made.insert(task.output().clone(), Made::Failed { message: message.clone() });
        let (asset, style) = (task.spec.asset.to_string(), Some(task.style.clone()));
        self.failed(Failed { asset, style, message }, Some(task.output()));
    }

    fn failed(&mut self, failed: Failed, output: Option<&AssetPath>) {
        let Failed { asset, style, message } = &failed;
        self.observer.event(Event::Failed { asset, style: style.as_deref(), output, message });
        self.outcome.failed.push(failed);
    }

    /// What this build did about a task.
    pub fn made(&self, task: &PlannedTask) -> Made {
        match self.made.get(task.output()) {
            Some(made) => made.clone(),
            None if task.is_stale() => Made::Open,
            None => Made::UpToDate,
        }
    }

    /// The file that was written for a task's first output, by this build or an earlier one.
    pub fn written(&self, task: &PlannedTask) -> Option<Digest> {
        self.survey.state.get(task.output()).map(|entry| entry.blob.digest)
    }

    /// Where the record cannot be kept the next build looks results up in the cache again.
    fn warn_of(&mut self, kept: Result<(), ReplaceError>) {
        if let Err(error) = kept
            && !self.has_warned
        {
            self.has_warned = true;
            let error = error_text(&error);
            let message = &format!("{error}; the next build compares with the cache");
            self.observer.event(Event::Warning { message });
        }
    }

    /// Writes the record, closes the account and lets the next build in.
    pub fn finish(mut self) -> (Survey, Outcome) {
        if self.held.is_some() && (self.has_delivered || self.survey.state.is_unsaved()) {
            self.save();
        }
        let mut outcome = self.outcome;
        outcome.open = self.open.values().map(Vec::len).sum();
        outcome.interrupted = self.cancel.is_cancelled() && outcome.open > 0;
        outcome.elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.survey, outcome)
    }

    fn save(&mut self) {
        let Survey { project, plan, state, stats, .. } = &mut self.survey;
        // What nothing makes any more is forgotten once its file is gone.
        let gone = |orphan: &&AssetPath| !project.path_of(orphan).exists();
        plan.orphans.iter().filter(gone).for_each(|orphan| state.remove(orphan));
        let saved = state.save(project);
        let details = state.keep_details(project, plan);
        for unsaved in [stats.save(project), details].into_iter().filter_map(Result::err) {
            // Only the next look takes longer, or gives fewer reasons.
            tracing::debug!("{}", error_text(&unsaved));
        }
        self.warn_of(saved);
    }
}

impl std::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Build")
            .field("project", &self.survey.project.dir())
            .field("open", &self.open)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

fn target(task: &PlannedTask) -> Target<'_> {
    Target { output: task.output(), asset: &task.spec.asset, style: &task.style }
}

fn announce(survey: &Survey, observer: &dyn Observer) {
    for message in &survey.warnings {
        observer.event(Event::Warning { message });
    }
    let stale = survey.plan.stale().count();
    let work = survey.plan.stale().map(|task| task.spec.work).fold(0, u64::saturating_add);
    observer.event(Event::Planned {
        stale,
        up_to_date: survey.up_to_date(),
        unusable: survey.unusable(),
        work,
    });
}
