//! Draws a plan: a line for each rule, and with `-v` what is stale and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use impasto_build::Survey;
use impasto_planner::{Awaiting, PlannedCopy, PlannedTask, Staleness};
use impasto_types::{ByteSize, Method};

use crate::Context;
use crate::local_cache::LocalCache;
use crate::pace::{Pace, PaceSource};
use crate::screen::{BAD, FAINT, GOOD, STRONG, WARN};
use crate::table::Table;
use crate::units::{count, time};

/// Prints a survey. `cache_dir` is where reports of finished assets are, from which the pace of
/// this machine follows.
pub(crate) fn plan(survey: &Survey, cache_dir: Option<&Path>, context: &Context) {
    let screen = &context.screen;
    let pace = pace(survey, cache_dir);
    if screen.is_verbose() {
        tasks(survey, context);
    }
    if !survey.plan.tasks.is_empty() {
        screen.result(rules(survey, &pace));
    }
    for problem in &survey.plan.problems {
        screen.result(format_args!("{BAD}unusable{BAD:#}    {problem}"));
    }
    for problem in &survey.unlisted {
        screen.result(format_args!("{BAD}unusable{BAD:#}    {problem}"));
    }
    if screen.is_verbose() {
        for orphan in &survey.plan.orphans {
            screen.result(format_args!(
                "{FAINT}orphan{FAINT:#}      {orphan} {FAINT}was built earlier, but no rule makes \
                 it now{FAINT:#}"
            ));
        }
    }
    for warning in &survey.warnings {
        screen.warning(warning);
    }
    screen.result(format_args!("{}{}", summary(survey), estimate(survey, &pace)));
    if !screen.is_verbose() && survey.plan.stale().next().is_some() {
        screen.message(format_args!("{FAINT}-v lists every asset, and why{FAINT:#}"));
    }
}

/// How fast this machine paints, by the reports in a cache.
pub(crate) fn pace(survey: &Survey, cache_dir: Option<&Path>) -> Pace {
    // Opening a cache would create it.
    let cache = cache_dir.filter(|dir| dir.is_dir()).and_then(|dir| LocalCache::open(dir).ok());
    Pace::of(&survey.plan.tasks, cache.as_ref())
}

/// The time that all stale tasks take, one after the other.
pub(crate) fn stale_time(survey: &Survey, pace: &Pace) -> Duration {
    let specs = survey.plan.stale().flat_map(|task| task.specs()).map(|spec| spec.work);
    let awaiting = survey.plan.awaiting.iter().map(|awaiting| awaiting.work);
    pace.time(specs.chain(awaiting).fold(0, u64::saturating_add))
}

/// What each asset's state is, with reasons.
fn tasks(survey: &Survey, context: &Context) {
    let screen = &context.screen;
    for task in &survey.plan.tasks {
        let output = task.output();
        let PlannedTask { asset, form, state, .. } = task;
        match state {
            Staleness::UpToDate => {
                screen.result(format_args!("{GOOD}up to date{GOOD:#}  {output}"))
            }
            Staleness::Stale(reasons) => {
                let from = match &task.training {
                    None => format!("from {asset}"),
                    Some(run) => format!("trained on {}", count(run.contents().count(), "picture")),
                };
                screen.result(format_args!(
                    "{WARN}stale{WARN:#}       {STRONG}{output}{STRONG:#} \
                     {FAINT}{from} in style {}{FAINT:#}",
                    form.style
                ));
                for reason in reasons.iter() {
                    screen.result(format_args!("            {reason}"));
                }
            }
        }
    }
    for PlannedCopy { source, output, .. } in survey.plan.stale_copies() {
        screen.result(format_args!(
            "{WARN}to copy{WARN:#}     {STRONG}{output}{STRONG:#} {FAINT}from {source}{FAINT:#}"
        ));
    }
    for Awaiting { asset, style, output, model, .. } in &survey.plan.awaiting {
        screen.result(format_args!(
            "{WARN}waits{WARN:#}       {STRONG}{output}{STRONG:#} {FAINT}from {asset} in style \
             {style}, for {model}{FAINT:#}"
        ));
    }
}

/// A line for each rule that paints.
fn rules(survey: &Survey, pace: &Pace) -> Table<8> {
    let mut table =
        Table::new(["RULE", "PRESET", "STALE", "UP TO DATE", "SIZE", "TIME", "MEMORY", "WHY"]);
    let manifest = survey.project.manifest();
    for task in survey.plan.tasks.iter().filter(|task| task.training.is_some()) {
        table.row(training(task, pace));
    }
    for rule in manifest.rule_names() {
        let tasks: Vec<_> = survey.plan.tasks.iter().filter(|task| task.rule() == rule).collect();
        if tasks.is_empty() {
            continue;
        }
        let stale: Vec<&PlannedTask> =
            tasks.iter().copied().filter(|task| task.is_stale()).collect();
        let work = stale.iter().map(|task| task.work).fold(0, u64::saturating_add);
        let memory = stale.iter().map(|task| task.least_memory_bytes).max();
        let time = (!stale.is_empty()).then(|| format!("~{}", time(pace.time(work))));
        let mut presets: Vec<&str> =
            manifest.presets(rule).into_iter().map(|preset| preset.as_str()).collect();
        presets.dedup();
        // Most rules optimise, so only another method is worth a word.
        let methods: BTreeSet<Method> =
            tasks.iter().map(|task| task.form.action.recipe.method()).collect();
        let others = methods.iter().filter(|method| **method != Method::Optimize);
        presets.extend(others.map(|method| method.as_str()));
        table.row([
            rule.to_owned(),
            presets.join(", "),
            stale.len().to_string(),
            (tasks.len() - stale.len()).to_string(),
            sizes(&tasks),
            time.unwrap_or_default(),
            memory.map_or_else(String::new, |bytes| ByteSize(bytes).to_string()),
            most_common_reason(&stale),
        ]);
    }
    table
}

/// The line of a network that is trained.
fn training(task: &PlannedTask, pace: &Pace) -> [String; 8] {
    let is_stale = task.is_stale();
    let specs = task.specs().map(|spec| spec.work).fold(0, u64::saturating_add);
    let time = if is_stale { format!("~{}", time(pace.time(specs))) } else { String::new() };
    let memory = ByteSize(task.least_memory_bytes).to_string();
    [
        task.output().to_string(),
        "train".to_owned(),
        usize::from(is_stale).to_string(),
        usize::from(!is_stale).to_string(),
        String::new(),
        time,
        if is_stale { memory } else { String::new() },
        most_common_reason(if is_stale { std::slice::from_ref(&task) } else { &[] }),
    ]
}

/// `64 x 64`, or `64 x 64 to 2048 x 1024`: the results of the fewest and the most pixels.
fn sizes(tasks: &[&PlannedTask]) -> String {
    let pixels = |task: &&&PlannedTask| u64::from(task.width) * u64::from(task.height);
    let shown = |task: &PlannedTask| format!("{} x {}", task.width, task.height);
    let (least, most) = (tasks.iter().min_by_key(pixels), tasks.iter().max_by_key(pixels));
    match (least.map(|task| shown(task)), most.map(|task| shown(task))) {
        (Some(least), Some(most)) if least == most => least,
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => String::new(),
    }
}

/// The first reason that most tasks give; of several, the first in the alphabet.
fn most_common_reason(stale: &[&PlannedTask]) -> String {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for task in stale {
        let Staleness::Stale(of_task) = &task.state else { continue };
        if let Some(first) = of_task.first() {
            *reasons.entry(first.to_string()).or_default() += 1;
        }
    }
    let others = reasons.len().saturating_sub(1);
    let most = reasons.into_iter().rev().max_by_key(|(_, count)| *count);
    match (most, others) {
        (None, _) => String::new(),
        (Some((reason, _)), 0) => reason,
        (Some((reason, _)), others) => format!("{reason}; {}", count(others, "other reason")),
    }
}

/// `; about 2 m 10 s on this machine ...`, or nothing if nothing is stale.
fn estimate(survey: &Survey, pace: &Pace) -> String {
    if survey.plan.stale().next().is_none() {
        return String::new();
    }
    let took = time(stale_time(survey, pace));
    match pace.source {
        PaceSource::Measured { assets } => format!(
            "; painting takes about {took} on this machine, at the pace of {} that it finished",
            count(assets, "asset")
        ),
        PaceSource::Rough { cores } => format!(
            "; painting takes very roughly ~{took} on this machine ({}; nothing is measured yet)",
            count(cores, "core")
        ),
    }
}

/// `7 stale, 2 up to date, 1 unusable`.
pub(crate) fn summary(survey: &Survey) -> String {
    let stale = survey.plan.stale().count();
    let mut parts = vec![format!("{stale} stale"), format!("{} up to date", survey.up_to_date())];
    match survey.plan.awaiting.len() {
        0 => {}
        waiting => parts.push(format!("{waiting} when their network is trained")),
    }
    match survey.plan.stale_copies().count() {
        0 => {}
        copies => parts.push(format!("{} to copy", count(copies, "file"))),
    }
    if survey.unusable() > 0 {
        parts.push(format!("{} unusable", survey.unusable()));
    }
    if !survey.plan.orphans.is_empty() {
        parts.push(count(survey.plan.orphans.len(), "orphan"));
    }
    if survey.plan.unmatched > 0 {
        parts.push(format!("{} matched by no rule", count(survey.plan.unmatched, "image")));
    }
    parts.join(", ")
}
