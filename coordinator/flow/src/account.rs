//! The account of a build: which tasks are open, and the results of the others.

use std::collections::{BTreeSet, HashMap};

use impasto_planner::{PlannedTask, TrainingRun};
use impasto_project::{Delivered, DeliveredFile, LockEntry, ReplaceError};
use impasto_types::{AssetPath, AssetShape, Digest, TaskResult, error_text};
use tokio_util::sync::CancellationToken;

use crate::batch::{Fetched, Order};
use crate::event::{Event, Observer, Origin, Target};
use crate::farm::FarmError;
use crate::open_tasks::OpenTasks;
use crate::outcome::{Failed, Made, Outcome};
use crate::result_files::{Deliveries, Wanted};
use crate::survey::Survey;

/// Records everything that happens to the plan's tasks, and reports it to the observer.
pub(crate) struct Account<'o> {
    pub(crate) survey: Survey,
    pub(crate) observer: &'o dyn Observer,
    pub(crate) cancel: CancellationToken,
    open: OpenTasks,
    /// Actions whose results were announced but could not be read.
    pub(crate) lost: BTreeSet<Digest>,
    /// What happened to tasks, by their first outputs.
    made: HashMap<AssetPath, Made>,
    /// The previews that this build delivered; of outputs the record knows.
    previews: HashMap<AssetPath, Digest>,
    pub(crate) outcome: Outcome,
    /// Of the plan's stale copies.
    pub(crate) copies_ended: usize,
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
        let open = OpenTasks::of(&survey.plan);
        let outcome = Outcome { up_to_date: survey.up_to_date(), ..Outcome::default() };
        let mut account = Self {
            survey,
            observer,
            cancel,
            lost: BTreeSet::new(),
            made: HashMap::with_capacity(open.count()),
            open,
            previews: HashMap::new(),
            outcome,
            copies_ended: 0,
            has_delivered: false,
            has_warned: false,
        };
        account.fail_unusable();
        account
    }

    /// The actions of open tasks, in the order of the plan.
    pub(crate) fn open_actions(&self) -> Vec<Digest> {
        self.open.in_order().into_iter().map(|(_, action)| action).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn is_open(&self, action: Digest) -> bool {
        self.open.has(action)
    }

    /// One task for each open action, in the order of the plan.
    pub(crate) fn open_tasks(&self) -> Vec<&PlannedTask> {
        let first = self.open.in_order().into_iter();
        first.map(|(place, _)| &self.survey.plan.tasks[place]).collect()
    }

    /// The task that goes on from this action, if it is an open one's.
    pub(crate) fn follower(&self, action: Digest) -> Option<Digest> {
        // They come first; a plan may have a hundred thousand others.
        let tasks = self.survey.plan.tasks.iter();
        let mut training = tasks.map_while(|task| Some((task.action, task.training.as_ref()?)));
        let goes_on = |run: &TrainingRun| run.before().iter().any(|(own, _)| *own == action);
        let found = training.find(|(own, run)| self.open.has(*own) && goes_on(run));
        found.map(|(follower, _)| follower)
    }

    /// The first task that waits for this action, for messages.
    pub(crate) fn target(&self, action: Digest) -> Option<Target<'_>> {
        let first = self.open.of_action(action).next()?;
        Some(target(&self.survey.plan.tasks[first]))
    }

    /// The order of a result for the tasks that wait for it.
    pub(crate) fn order(&self, action: Digest, result: TaskResult, origin: Origin) -> Order {
        Order { action, result, origin, wanted: self.wanted(action) }
    }

    /// The tasks that wait for this action.
    fn wanted(&self, action: Digest) -> Vec<Wanted> {
        let wanted = |place: usize| {
            let task = &self.survey.plan.tasks[place];
            let expected = task.whole_action().expected(self.shape(&task.asset));
            Wanted { place, outputs: task.outputs.clone(), expected }
        };
        self.open.of_action(action).map(wanted).collect()
    }

    /// An asset's picture, as its header said when it was scanned.
    fn shape(&self, asset: &AssetPath) -> Option<AssetShape> {
        let (header, _) = self.survey.stats.seen(asset)?;
        let size = (header.width, header.height);
        Some(AssetShape { size, alpha: header.alpha, depth: header.depth })
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

    fn take(
        &mut self,
        action: Digest,
        result: &TaskResult,
        mut origin: Origin,
        delivered: Deliveries,
    ) {
        self.open.remove(action);
        for (place, files) in delivered {
            match files {
                Ok(files) => {
                    for file in &files {
                        self.record(place, file);
                    }
                    self.has_delivered = true;
                    let trains = self.survey.plan.tasks[place].training.is_some();
                    if trains && origin == Origin::Painted {
                        origin = Origin::Trained;
                    }
                    let made = match origin {
                        Origin::Painted => {
                            self.outcome.painted += 1;
                            Made::Painted
                        }
                        Origin::Trained => {
                            self.outcome.trained += 1;
                            Made::Painted
                        }
                        Origin::Cached => {
                            self.outcome.cached += 1;
                            Made::Cached
                        }
                    };
                    let task = &self.survey.plan.tasks[place];
                    self.made.insert(task.output().clone(), made);
                    let changed = files.iter().any(|file| file.change == Delivered::Written);
                    self.observer.event(Event::Delivered {
                        target: target(task),
                        origin,
                        changed,
                        report: Some(&result.report),
                    });
                }
                Err(error) => self.fail_task(place, error_text(&error)),
            }
            // Further outputs with the same picture needed no painting.
            origin = Origin::Cached;
        }
    }

    /// Records a delivered file, unless it is a preview.
    fn record(&mut self, place: usize, file: &DeliveredFile) {
        if self.survey.is_preview {
            self.previews.insert(file.output.clone(), file.blob().digest);
            return;
        }
        let task = &self.survey.plan.tasks[place];
        let entry = LockEntry::new(task.recorded(), task.asset.clone(), file.blob());
        self.record_file(file, entry);
    }

    /// Records a file that was written.
    pub(crate) fn record_file(&mut self, file: &DeliveredFile, entry: LockEntry) {
        let Survey { project, stats, state, .. } = &mut self.survey;
        file.remember(stats);
        let noted = state.put(project, file.output.clone(), entry);
        self.warn_of(noted);
        self.has_delivered = true;
    }

    /// Fails every task that waits for `action`.
    pub(crate) fn fail(&mut self, action: Digest, message: &str) {
        for place in self.open.remove(action) {
            self.fail_task(place, message.to_owned());
        }
    }

    fn fail_task(&mut self, place: usize, message: String) {
        let task = &self.survey.plan.tasks[place];
        let output = task.output().clone();
        let (asset, style) = (task.asset.to_string(), Some(task.style().to_owned()));
        self.made.insert(output.clone(), Made::Failed { message: message.clone() });
        self.failed(Failed { asset, style, message }, Some(&output));
    }

    pub(crate) fn failed(&mut self, failed: Failed, output: Option<&AssetPath>) {
        let Failed { asset, style, message } = &failed;
        self.observer.event(Event::Failed { asset, style: style.as_deref(), output, message });
        self.outcome.failed.push(failed);
    }

    /// What this build did about a task that it planned.
    pub(crate) fn made(&self, task: &PlannedTask) -> Made {
        match self.made.get(task.output()) {
            Some(made) => made.clone(),
            None if task.is_stale() => Made::Open,
            None => Made::UpToDate,
        }
    }

    /// The file that was written for a task's first output, by this build or an earlier one.
    pub(crate) fn written(&self, task: &PlannedTask) -> Option<Digest> {
        let recorded = || self.survey.state.get(task.output()).map(|record| record.output.digest);
        self.previews.get(task.output()).copied().or_else(recorded)
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
        let copies = self.survey.plan.stale_copies().count();
        outcome.open = self.open.count() + copies.saturating_sub(self.copies_ended);
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
    Target { output: task.output(), asset: &task.asset, style: task.style() }
}

fn announce(survey: &Survey, observer: &dyn Observer) {
    for message in &survey.warnings {
        observer.event(Event::Warning { message });
    }
    let stale = survey.plan.stale().count();
    let work = survey.plan.stale().map(|task| task.work).fold(0, u64::saturating_add);
    observer.event(Event::Planned {
        stale,
        up_to_date: survey.up_to_date(),
        unusable: survey.unusable(),
        work,
    });
}
