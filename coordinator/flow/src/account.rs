//! The account of a build: which tasks are open, and the results of the others.

use std::collections::{BTreeMap, BTreeSet};

use impasto_planner::PlannedTask;
use impasto_project::{Delivered, DeliveredFile, LockEntry, ReplaceError};
use impasto_types::{AssetPath, Digest, TaskResult, error_text};
use tokio_util::sync::CancellationToken;

use crate::event::{Event, Observer, Origin, Target};
use crate::farm::FarmError;
use crate::fetch::Fetched;
use crate::outcome::{Failed, Made, Outcome};
use crate::result_files::{Deliveries, Wanted};
use crate::survey::Survey;

/// Records everything that happens to the plan's tasks, and reports it to the observer.
pub(crate) struct Account<'o> {
    pub(crate) survey: Survey,
    pub(crate) observer: &'o dyn Observer,
    pub(crate) cancel: CancellationToken,
    /// Open tasks: their indices in the plan, by action. Assets with the same bytes share an
    /// action.
    open: BTreeMap<Digest, Vec<usize>>,
    /// Actions whose results were announced but could not be read.
    pub(crate) lost: BTreeSet<Digest>,
    /// What happened to tasks, by their first outputs.
    made: BTreeMap<AssetPath, Made>,
    /// The files that this build delivered.
    written: BTreeMap<AssetPath, Digest>,
    outcome: Outcome,
    has_delivered: bool,
    has_warned: bool,
}

impl<'o> Account<'o> {
    /// Opens the account with all stale tasks, and reports the plan.
    pub(crate) fn open(
        survey: Survey,
        observer: &'o dyn Observer,
        cancel: CancellationToken,
    ) -> Self {
        announce(&survey, observer);
        let mut open: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for (place, task) in survey.plan.tasks.iter().enumerate() {
            if task.is_stale() {
                open.entry(task.action).or_default().push(place);
            }
        }
        let outcome = Outcome { up_to_date: survey.up_to_date(), ..Outcome::default() };
        let mut account = Self {
            survey,
            observer,
            cancel,
            open,
            lost: BTreeSet::new(),
            made: BTreeMap::new(),
            written: BTreeMap::new(),
            outcome,
            has_delivered: false,
            has_warned: false,
        };
        account.fail_unusable();
        account
    }

    /// The actions of open tasks.
    pub(crate) fn open_actions(&self) -> Vec<Digest> {
        self.open.keys().copied().collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn is_open(&self, action: Digest) -> bool {
        self.open.contains_key(&action)
    }

    /// One task for each open action, in the order of the plan.
    pub(crate) fn open_tasks(&self) -> Vec<&PlannedTask> {
        let mut first: Vec<usize> = self.open.values().map(|places| places[0]).collect();
        first.sort_unstable();
        first.into_iter().map(|place| &self.survey.plan.tasks[place]).collect()
    }

    /// The first task that waits for this action, for messages.
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

    /// Counts assets that cannot be planned as failures.
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

    /// Records the end of a fetch.
    ///
    /// # Errors
    /// The farm does not answer; the action stays open.
    pub(crate) fn settle(&mut self, fetched: Fetched) -> Result<(), FarmError> {
        let Fetched { action, result, origin, delivered } = fetched;
        match delivered {
            Ok(delivered) => self.take(action, &result, origin, delivered),
            Err(error) if error.is_away() => return Err(error),
            Err(error) if self.lost.contains(&action) => {
                let message = format!("its result could not be fetched: {}", error_text(&error));
                self.fail(action, &message);
            }
            Err(error) => {
                tracing::debug!("a result could not be fetched: {}", error_text(&error));
                self.lost.insert(action);
            }
        }
        Ok(())
    }

    pub(crate) fn take(
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
                        self.record(&task, file);
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
            // Further outputs with the same picture needed no painting.
            origin = Origin::Cached;
        }
    }

    /// Records a delivered file, unless it is a preview.
    fn record(&mut self, task: &PlannedTask, file: &DeliveredFile) {
        self.written.insert(file.output.clone(), file.blob().digest);
        if self.survey.is_preview {
            return;
        }
        file.remember(&mut self.survey.stats);
        let entry = LockEntry::new(task.action, task.spec.asset.clone(), file.blob());
        let noted = self.survey.state.put(&self.survey.project, file.output.clone(), entry);
        self.warn_of(noted);
    }

    /// Fails every task that waits for `action`.
    pub(crate) fn fail(&mut self, action: Digest, message: &str) {
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
    pub(crate) fn made(&self, task: &PlannedTask) -> Made {
        match self.made.get(task.output()) {
            Some(made) => made.clone(),
            None if self.is_left(task) => Made::Left,
            None if task.is_stale() => Made::Open,
            None => Made::UpToDate,
        }
    }

    /// Whether the request does not select the task.
    fn is_left(&self, task: &PlannedTask) -> bool {
        self.survey.left.iter().any(|left| left.output() == task.output())
    }

    /// The file that was written for a task's first output, by this build or an earlier one.
    pub(crate) fn written(&self, task: &PlannedTask) -> Option<Digest> {
        let earlier = || self.survey.state.get(task.output()).map(|record| record.output.digest);
        self.written.get(task.output()).copied().or_else(earlier)
    }

    /// Warns once that the record cannot be written: the next build then uses the cache.
    fn warn_of(&mut self, kept: Result<(), ReplaceError>) {
        if let Err(error) = kept
            && !self.has_warned
        {
            self.has_warned = true;
            let error = error_text(&error);
            let message = &format!("{error}; the next build will use the cache instead");
            self.observer.event(Event::Warning { message });
        }
    }

    /// Closes the account, and writes the record if `may_write`, that is, if this build holds the
    /// lock.
    pub(crate) fn close(mut self, may_write: bool) -> (Survey, Outcome) {
        let is_unsaved = self.has_delivered || self.survey.state.is_unsaved();
        if may_write && is_unsaved && !self.survey.is_preview {
            self.save();
        }
        let mut outcome = self.outcome;
        outcome.open = self.open.values().map(Vec::len).sum();
        outcome.interrupted = self.cancel.is_cancelled() && outcome.open > 0;
        (self.survey, outcome)
    }

    fn save(&mut self) {
        let Survey { project, plan, state, stats, .. } = &mut self.survey;
        // An orphan is forgotten once its file is removed.
        let gone = |orphan: &&AssetPath| !project.path_of(orphan).exists();
        plan.orphans.iter().filter(gone).for_each(|orphan| state.remove(orphan));
        let saved = state.save(project);
        let details = state.keep_details(project, plan);
        for unsaved in [stats.save(project), details].into_iter().filter_map(Result::err) {
            // Harmless: the next build only takes longer, or gives fewer reasons.
            tracing::debug!("{}", error_text(&unsaved));
        }
        self.warn_of(saved);
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
