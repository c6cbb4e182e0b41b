//! Results on their way into the project, and the account of them.

use std::collections::BTreeMap;

use impasto_planner::PlannedTask;
use impasto_project::{Delivered, LockEntry, NewFile, ReplaceError, StatCache, State, deliver_all};
use impasto_types::{AssetPath, BlobRef, Digest, RunReport, TaskResult};

use super::{Event, Failed, Observer, Origin, Outcome, Survey, Target};
use crate::contact_sheet::CardOutcome;
use crate::failure::Failure;

/// Puts results in their places and keeps the project's state.
pub(crate) struct Delivery<'a> {
    survey: &'a Survey,
    state: State,
    stats: StatCache,
    observer: &'a dyn Observer,
    /// What is still to be made: outputs by action. Two assets with the same bytes are one action.
    open: BTreeMap<Digest, Vec<&'a PlannedTask>>,
    outcome: Outcome,
    cards: BTreeMap<&'a AssetPath, (CardOutcome, Option<RunReport>)>,
    has_delivered: bool,
    has_warned: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(
        survey: &'a Survey,
        state: State,
        stats: StatCache,
        observer: &'a dyn Observer,
    ) -> Self {
        let mut open: BTreeMap<Digest, Vec<&PlannedTask>> = BTreeMap::new();
        for task in survey.plan.stale() {
            open.entry(task.action).or_default().push(task);
        }
        let outcome = Outcome { up_to_date: survey.up_to_date(), ..Outcome::default() };
        Self {
            survey,
            state,
            stats,
            observer,
            open,
            outcome,
            cards: BTreeMap::new(),
            has_delivered: false,
            has_warned: false,
        }
    }

    pub(crate) fn observer(&self) -> &'a dyn Observer {
        self.observer
    }

    pub(crate) fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// One task for each action that is still to be made, in the order of the plan.
    pub(crate) fn open(&self) -> Vec<&'a PlannedTask> {
        let tasks = self.survey.plan.stale();
        tasks
            .filter(|task| {
                self.open.get(&task.action).is_some_and(|tasks| tasks[0].output == task.output)
            })
            .collect()
    }

    /// The first output that waits for this action, to name it.
    pub(crate) fn target(&self, action: Digest) -> Option<Target<'a>> {
        self.open.get(&action).and_then(|tasks| tasks.first()).map(|task| target(task))
    }

    /// Counts what the plan could not take.
    pub(crate) fn fail_unusable(&mut self) {
        let survey = self.survey;
        for problem in &survey.plan.problems {
            self.failed(problem.asset.as_str(), None, None, problem.cause.to_string());
        }
        for problem in &survey.unlisted {
            let message = Failure::here(problem.to_string()).to_string();
            self.failed(survey.project.manifest().name(), None, None, message);
        }
    }

    /// Delivers the result of `action` to every output that waits for it.
    pub(crate) fn deliver(
        &mut self,
        action: Digest,
        result: &TaskResult,
        bytes: &[u8],
        origin: Origin,
    ) {
        let mut origin = origin;
        for task in self.open.remove(&action).unwrap_or_default() {
            let file = NewFile { output: &task.output, bytes };
            match deliver_all(&self.survey.project, &[file]) {
                Ok(files) => {
                    let changed = files.iter().any(|file| file.change == Delivered::Written);
                    files.iter().for_each(|file| file.remember(&mut self.stats));
                    self.record(task, result.outputs[0].blob);
                    let card = match origin {
                        Origin::Painted => CardOutcome::Painted,
                        Origin::Cached => CardOutcome::Cached,
                    };
                    self.cards.insert(&task.output, (card, Some(result.report.clone())));
                    match origin {
                        Origin::Painted => self.outcome.painted += 1,
                        Origin::Cached => self.outcome.cached += 1,
                    }
                    self.observer.event(Event::Delivered {
                        target: target(task),
                        origin,
                        changed,
                        report: Some(&result.report),
                    });
                }
                Err(error) => {
                    let message = Failure::here(error).to_string();
                    self.fail_task(task, message);
                }
            }
            // The same picture in another place costs nothing more.
            origin = Origin::Cached;
        }
    }

    fn record(&mut self, task: &PlannedTask, blob: BlobRef) {
        let entry = LockEntry::new(task.action, task.spec.asset.clone(), blob);
        let noted = self.state.put(&self.survey.project, task.output.clone(), entry);
        self.has_delivered = true;
        self.warn_of(noted);
    }

    /// Gives up every output that waits for `action`.
    pub(crate) fn fail(&mut self, action: Digest, message: &str) {
        for task in self.open.remove(&action).unwrap_or_default() {
            self.fail_task(task, message.to_owned());
        }
    }

    fn fail_task(&mut self, task: &'a PlannedTask, message: String) {
        self.cards.insert(&task.output, (CardOutcome::Failed { message: message.clone() }, None));
        self.failed(task.spec.asset.as_str(), Some(&task.style), Some(&task.output), message);
    }

    fn failed(
        &mut self,
        asset: &str,
        style: Option<&str>,
        output: Option<&AssetPath>,
        message: String,
    ) {
        self.observer.event(Event::Failed { asset, style, output, message: &message });
        self.outcome.failed.push(Failed {
            asset: asset.to_owned(),
            style: style.map(str::to_owned),
            message,
        });
    }

    /// What this build did about an output.
    pub(crate) fn card(&self, task: &PlannedTask) -> (CardOutcome, Option<&RunReport>) {
        match self.cards.get(&task.output) {
            Some((outcome, report)) => (outcome.clone(), report.as_ref()),
            None if task.is_stale() => (CardOutcome::Open, None),
            None => (CardOutcome::UpToDate, None),
        }
    }

    /// The file that was written for an output, by this build or the one that left it.
    pub(crate) fn written(&self, task: &PlannedTask) -> Option<Digest> {
        self.state.get(&task.output).map(|entry| entry.blob.digest)
    }

    /// Where the record cannot be kept the next build looks results up in the cache again.
    fn warn_of(&mut self, kept: Result<(), ReplaceError>) {
        if let Err(error) = kept
            && !self.has_warned
        {
            self.has_warned = true;
            self.observer.event(Event::Warning {
                message: &format!("{error}; the next build compares with the cache"),
            });
        }
    }

    /// Writes the record and closes the account.
    pub(crate) fn finish(mut self) -> Outcome {
        let survey = self.survey;
        if self.has_delivered || self.state.is_unsaved() {
            let saved = self.state.save(&survey.project);
            self.warn_of(saved);
            let details = self.state.keep_details(&survey.project, &survey.plan);
            for unsaved in [self.stats.save(&survey.project), details] {
                // Only the next look takes longer.
                if let Err(unsaved) = unsaved {
                    tracing::debug!("{unsaved}");
                }
            }
        }
        self.outcome.open = self.open.values().map(Vec::len).sum();
        self.outcome
    }
}

fn target(task: &PlannedTask) -> Target<'_> {
    Target { output: &task.output, asset: &task.spec.asset, style: &task.style }
}
