//! Results on their way into the project, and the account of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use impasto_planner::PlannedTask;
use impasto_project::{Delivered, State, deliver};
use impasto_types::{AssetPath, Digest, RunReport, TaskResult};

use super::{Event, Failed, Observer, Origin, Outcome, Survey, Target};
use crate::contact_sheet::CardOutcome;
use crate::failure::Failure;

/// Puts results in their places and keeps the project's state.
pub(crate) struct Delivery<'a> {
    survey: &'a Survey,
    state: State,
    observer: &'a dyn Observer,
    /// What is still to be made: outputs by action. Two assets with the same bytes are one action.
    open: BTreeMap<Digest, Vec<&'a PlannedTask>>,
    outcome: Outcome,
    cards: BTreeMap<&'a AssetPath, (CardOutcome, Option<RunReport>)>,
    saved_at: Option<Instant>,
}

/// Writing the state costs as much as all outputs together are many; a second's work is little to
/// restore from the cache.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

impl<'a> Delivery<'a> {
    pub(crate) fn new(survey: &'a Survey, state: State, observer: &'a dyn Observer) -> Self {
        let mut open: BTreeMap<Digest, Vec<&PlannedTask>> = BTreeMap::new();
        for task in survey.plan.stale() {
            open.entry(task.action).or_default().push(task);
        }
        let outcome = Outcome { up_to_date: survey.up_to_date(), ..Outcome::default() };
        Self { survey, state, observer, open, outcome, cards: BTreeMap::new(), saved_at: None }
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
            match deliver(&self.survey.project, &task.output, bytes) {
                Ok(delivered) => {
                    self.state.put(task.output.clone(), task.record(result.outputs[0].blob));
                    let card = match origin {
                        Origin::Painted => CardOutcome::Painted,
                        Origin::Cached => CardOutcome::Cached,
                    };
                    self.cards.insert(&task.output, (card, Some(result.report.clone())));
                    match origin {
                        Origin::Painted => self.outcome.painted += 1,
                        Origin::Cached => self.outcome.cached += 1,
                    }
                    let changed = delivered == Delivered::Written;
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
        if self.saved_at.is_none_or(|at| at.elapsed() >= SAVE_INTERVAL) {
            self.save();
        }
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
        self.state.records().get(&task.output).map(|record| record.output.digest)
    }

    /// Where the state cannot be kept the next build looks results up in the cache again.
    fn save(&mut self) {
        if let Err(error) = self.state.save(&self.survey.project) {
            self.observer.event(Event::Warning {
                message: &format!("{error}; the next build compares with the cache"),
            });
        }
        self.saved_at = Some(Instant::now());
    }

    /// Keeps the state and closes the account.
    pub(crate) fn finish(mut self) -> Outcome {
        if self.saved_at.is_some() {
            self.save();
        }
        self.outcome.open = self.open.values().map(Vec::len).sum();
        self.outcome
    }
}

fn target(task: &PlannedTask) -> Target<'_> {
    Target { output: &task.output, asset: &task.spec.asset, style: &task.style }
}
