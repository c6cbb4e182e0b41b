//! The plan as one JSON document; docs/cli.md describes it.
//!
//! It is written task by task, since a project may have a hundred thousand. Keys are sorted, as in
//! all documents.

use std::path::Path;

use impasto_build::Survey;
use impasto_planner::{Awaiting, PlannedCopy, PlannedOutput, PlannedTask, Problem, Staleness};
use impasto_project::ScanProblem;
use impasto_types::{AssetPath, Digest, Part};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::pace::PaceSource;

/// A plan for readers of JSON.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    awaiting: Vec<Awaited<'a>>,
    copies: Vec<Copy<'a>>,
    orphans: &'a [AssetPath],
    project: &'a str,
    seconds: f64,
    seconds_measured: bool,
    stale: usize,
    tasks: Tasks<'a>,
    unmatched: usize,
    unusable: Vec<Unusable<'a>>,
    up_to_date: usize,
    warnings: &'a [String],
}

impl<'a> Document<'a> {
    /// The time is estimated from the reports in a cache.
    pub(super) fn of(survey: &'a Survey, cache_dir: Option<&Path>) -> Self {
        let pace = crate::show::pace(survey, cache_dir);
        let problems = survey.plan.problems.iter().map(Unusable::from);
        let unlisted = survey.unlisted.iter().map(Unusable::from);
        let awaiting = survey.plan.awaiting.iter().map(Awaited::from);
        Self {
            awaiting: awaiting.collect(),
            copies: survey.plan.copies.iter().map(Copy::from).collect(),
            orphans: &survey.plan.orphans,
            project: survey.project.manifest().name(),
            seconds: crate::show::stale_time(survey, &pace).as_secs_f64(),
            seconds_measured: matches!(pace.source, PaceSource::Measured { .. }),
            stale: survey.plan.stale().count(),
            tasks: Tasks(&survey.plan.tasks),
            unmatched: survey.plan.unmatched,
            unusable: problems.chain(unlisted).collect(),
            up_to_date: survey.up_to_date(),
            warnings: &survey.warnings,
        }
    }
}

/// An asset that is painted when its network is trained.
#[derive(Serialize)]
struct Awaited<'a> {
    asset: &'a AssetPath,
    model: &'a AssetPath,
    output: &'a AssetPath,
    rule: &'a str,
    style: &'a str,
}

impl<'a> From<&'a Awaiting> for Awaited<'a> {
    fn from(awaiting: &'a Awaiting) -> Self {
        let Awaiting { asset, rule, style, output, model, .. } = awaiting;
        Self { asset, model, output, rule, style }
    }
}

/// A file that passes through.
#[derive(Serialize)]
struct Copy<'a> {
    asset: &'a AssetPath,
    output: &'a AssetPath,
    state: &'static str,
}

impl<'a> From<&'a PlannedCopy> for Copy<'a> {
    fn from(copy: &'a PlannedCopy) -> Self {
        let state = if copy.is_stale { "stale" } else { "up-to-date" };
        Self { asset: &copy.source, output: &copy.output, state }
    }
}

/// Why an asset, or a folder of assets, cannot be painted.
#[derive(Serialize)]
struct Unusable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    asset: Option<&'a AssetPath>,
    message: String,
}

impl<'a> From<&'a Problem> for Unusable<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self { asset: Some(&problem.asset), message: problem.cause.to_string() }
    }
}

impl From<&ScanProblem> for Unusable<'_> {
    fn from(problem: &ScanProblem) -> Self {
        Self { asset: None, message: problem.to_string() }
    }
}

/// Tasks that are converted one after the other while they are written.
struct Tasks<'a>(&'a [PlannedTask]);

impl Serialize for Tasks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Task::from))
    }
}

/// One task of a document.
#[derive(Serialize)]
pub(super) struct Task<'a> {
    action: Digest,
    asset: &'a AssetPath,
    height: u32,
    memory_bytes: u64,
    output: &'a AssetPath,
    outputs: Vec<Output<'a>>,
    reasons: Vec<String>,
    recipe: Value,
    rule: &'a str,
    state: &'static str,
    style: &'a str,
    width: u32,
    work: u64,
}

#[derive(Serialize)]
struct Output<'a> {
    part: Part,
    path: &'a AssetPath,
}

impl<'a> From<&'a PlannedTask> for Task<'a> {
    fn from(task: &'a PlannedTask) -> Self {
        let (state, reasons) = match &task.state {
            Staleness::UpToDate => ("up-to-date", vec![]),
            Staleness::Stale(reasons) => {
                ("stale", reasons.iter().map(ToString::to_string).collect())
            }
        };
        let output = |output: &'a PlannedOutput| Output { part: output.part, path: &output.path };
        Self {
            action: task.action,
            asset: &task.asset,
            height: task.height,
            memory_bytes: task.least_memory_bytes,
            output: task.output(),
            outputs: task.outputs.iter().map(output).collect(),
            reasons,
            // A value has sorted keys.
            recipe: serde_json::to_value(&task.form.action.recipe).unwrap_or_default(),
            rule: task.rule(),
            state,
            style: task.style(),
            width: task.width,
            work: task.work,
        }
    }
}
