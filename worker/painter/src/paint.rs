//! Paints one asset, from the bytes of files to the bytes of files: open, paint each coat, close.

use std::ops::ControlFlow;
use std::time::Instant;

use impasto_assets::{ColorSpace, Header};
use impasto_engine::{EngineError, Image, Interrupt, Run, Step, StepReport, Style};
use impasto_types::{
    Action, AssetKind, Losses, Part, Recipe, RunReport, StyleRef, Tileable, error_text,
};
use tracing::debug;

use crate::adapter;
use crate::budget::{self, result_size};
use crate::checkpoint::Checkpoint;
use crate::coats::{Coats, Stroke};
use crate::gathered::Gathered;
use crate::regions::IdMap;
use crate::sized::sized;
use crate::sources::Sources;
use crate::{
    Adapter, AdapterError, AskedStyle, Files, Job, Opened, OutputFile, PaintError, Prepared,
    Source, View,
};

/// What is needed to paint an asset.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    pub adapter: &'a dyn Adapter,
    pub method: &'a dyn Prepared,
    /// The most memory in bytes that the process may hold.
    pub memory_bytes: u64,
    /// See [`Lane::refuses_cuts`](crate::Lane::refuses_cuts).
    pub refuses_cuts: bool,
}

/// The progress of painting an asset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaintStep {
    /// The last step of the run.
    pub report: StepReport,
    /// The share of the work that is done, over all runs, from 0 to 1. Steps are weighted by their
    /// pixels, so it follows the time.
    pub done: f64,
}

/// How an observer ends painting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The result is not needed: [`PaintError::Canceled`].
    Cancel,
    /// Another attempt will resume from here: [`PaintError::Stopped`].
    Save,
}

/// Follows painting, and may end it. A closure is one that only follows its steps.
pub trait Observer {
    /// Called before the first step of each run. `interrupt` ends a step in the middle, as steps
    /// of large pictures take minutes.
    fn began(&mut self, _interrupt: Interrupt) {}

    /// Called after every step; `Break` ends painting.
    fn step(&mut self, step: &PaintStep) -> ControlFlow<Stop>;

    /// How painting ends after an interrupt.
    fn interrupted(&mut self) -> Stop {
        Stop::Cancel
    }
}

impl<F: FnMut(&PaintStep) -> ControlFlow<Stop>> Observer for F {
    fn step(&mut self, step: &PaintStep) -> ControlFlow<Stop> {
        self(step)
    }
}

/// The files of a finished asset, and a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Painted {
    /// One for each output of the action, in the same order.
    pub files: Vec<OutputFile>,
    pub report: RunReport,
}

/// Paints one asset. `asset` is its name in errors that are not about a file. The plan of each
/// scale is logged. If a checkpoint cannot be used here, painting starts from the beginning.
///
/// # Errors
/// If a file cannot be read, the asset cannot be painted, or the observer ended painting.
pub fn paint(
    tools: Tools<'_>,
    asset: &str,
    action: &Action,
    sources: &Sources,
    observer: &mut dyn Observer,
) -> Result<Painted, PaintError> {
    let Some(gathered) = Gathered::of(sources)? else {
        return paint_gathered(tools, asset, action, sources, observer);
    };
    let memory_bytes = tools.memory_bytes.saturating_sub(gathered.bytes());
    let tools = Tools { memory_bytes, ..tools };
    let (whole, sources) = (gathered.action(action), &gathered.sources);
    let Painted { files, report } = paint_gathered(tools, asset, &whole, sources, observer)?;
    Ok(Painted { files: gathered.scattered(files, &action.outputs)?, report })
}

fn paint_gathered(
    tools: Tools<'_>,
    asset: &str,
    action: &Action,
    sources: &Sources,
    observer: &mut dyn Observer,
) -> Result<Painted, PaintError> {
    let sized = sized(action, sources);
    let sized = sized.map_err(|source| PaintError::of_adapter(asset, &action.kind, source))?;
    let action = sized.as_ref().unwrap_or(action);
    let of_action = tools.adapter.of_action(action);
    let tools = Tools { adapter: of_action.as_deref().unwrap_or(tools.adapter), ..tools };
    // Its layers repeat, not the picture that is painted.
    let whole = (action.kind == AssetKind::array()).then(|| action.with_tileable(Tileable::None));
    let action = whole.as_ref().unwrap_or(action);
    let mut from = |checkpoint: Option<&[u8]>| {
        let saved = checkpoint.map(Checkpoint::from_bytes).transpose();
        let saved = saved.map_err(|source| PaintError::of_engine(asset, 0, 0, source))?;
        paint_from(saved.unwrap_or_default(), tools, asset, action, sources, observer)
    };
    match from(sources.checkpoint.as_deref()) {
        Err(error @ PaintError::Engine { source: EngineError::Checkpoint(_), .. }) => {
            debug!("{asset}: {}; starting from the beginning", error_text(&error));
            from(None)
        }
        other => other,
    }
}

fn paint_from(
    saved: Checkpoint,
    tools: Tools<'_>,
    asset: &str,
    action: &Action,
    sources: &Sources,
    observer: &mut dyn Observer,
) -> Result<Painted, PaintError> {
    let Tools { adapter, method, memory_bytes, refuses_cuts } = tools;
    let unusable = |source| PaintError::of_adapter(asset, &action.kind, source);
    let mut files: Files<'_> = sources.files.iter().map(|(part, file)| (*part, file)).collect();
    // These are for the method; adapters do not know them.
    let init = files.remove(&Part::Init);
    files.remove(&Part::Model);
    let regions = files.remove(&Part::Regions);
    let began = Instant::now();
    let color = budget::check(method, memory_bytes, asset, action, sources)?;
    let passed = adapter.pass_through(&files, &action.recipe, &action.outputs);
    if let Some(files) = passed.map_err(unusable)? {
        debug!("{asset}: too small to be painted, so it is passed through");
        return Ok(Painted { files, report: report(0, None, began, method) });
    }
    // It lies on the asset's pixels, so it is turned only if the asset is.
    let upright = action.kind == AssetKind::photograph();
    let init = init.map(|source| adapter::init(source, upright)).transpose()?;
    let size = result_size(action, sources, color.as_ref());
    let mut brushes = brushes(asset, action, sources, size)?;
    let formats = action.outputs.iter().map(|output| output.format);
    let checked = formats.map(|format| action.recipe.common().check_format(format));
    checked.collect::<Result<(), _>>().map_err(|error| unusable(error.into()))?;
    let opened = adapter.open(&files, &action.recipe);
    let opened = opened.and_then(|opened| adapter::split(opened, action.recipe.common().channels));
    let Opened { views, asset: mut opened, warning } = opened.map_err(unusable)?;
    let stored = color.filter(|_| !upright);
    let mut coats = coats(views, regions, action, stored.as_ref(), size).map_err(unusable)?;
    if let Some(painted) = coats.painted() {
        opened.limit(painted);
    }
    // Colours are compared in the asset's own space, which the result keeps.
    let own = opened.color_space();
    for (style, space) in brushes.iter_mut().flat_map(|brush| &mut brush.styles) {
        space.convert(&mut style.image.rgb, &own);
    }
    let mut init = init.map(|(mut image, space)| {
        space.convert(&mut image.rgb, &own);
        image
    });

    let began = Instant::now();
    let Checkpoint { mut painted, mut run } = saved;
    let progress = Progress::over(&coats.pixels());
    let (mut steps, mut losses, mut warning) = (0, None, warning.or(coats.take_warning()));
    coats.skip(painted.len());
    while let Some(Stroke { view, brush }) = coats.next(&painted) {
        // The last run takes the pictures instead of a copy, so that its method can free them.
        let mut styles = brushes[brush].dip(coats.needs(brush));
        let mut init = if coats.is_done() { init.take() } else { init.clone() };
        if let Some(channel) = view.channel {
            styles = styles.into_iter().map(adapter::gray_style).collect();
            init = init.map(|image| adapter::gray_init(image, channel));
        }
        let (recipe, asked) = (brushes[brush].recipe, &brushes[brush].asked);
        let held_bytes = sources.bytes()
            + opened.bytes()
            + brushes.iter().map(Brush::bytes).sum::<u64>()
            + init.iter().filter(|_| !coats.is_done()).map(Image::bytes).sum::<u64>()
            + coats.bytes()
            + painted.iter().map(Image::bytes).sum::<u64>();
        let failed = |source| PaintError::of_engine(asset, memory_bytes, held_bytes, source);
        let left_bytes = memory_bytes.saturating_sub(held_bytes);
        let job = Job {
            recipe,
            view,
            styles,
            asked,
            init,
            checkpoint: run.take(),
            memory_bytes: left_bytes,
        };
        let mut run = method.begin(job).map_err(failed)?;
        if refuses_cuts && run.uncut_bytes() > left_bytes {
            let (width, height) = (size.0 as usize, size.1 as usize);
            let (least_bytes, budget_bytes) = (run.uncut_bytes(), left_bytes);
            return Err(failed(EngineError::Memory { width, height, least_bytes, budget_bytes }));
        }
        observer.began(run.interrupt());
        let (mut last, mut plan) = (None, None);
        let stopped = loop {
            let report = match run.step() {
                Ok(Step::Running(report)) => report,
                Ok(Step::Done) => break None,
                Err(EngineError::Interrupted) => break Some(observer.interrupted()),
                Err(error) => return Err(failed(error)),
            };
            (steps, last) = (steps + 1, report.losses.or(last));
            log_plan(asset, &*run, &mut plan);
            if let ControlFlow::Break(stop) = observer.step(&progress.step(painted.len(), report)) {
                break Some(stop);
            }
        };
        match (stopped, asset.to_owned()) {
            (None, _) => {}
            (Some(Stop::Cancel), asset) => return Err(PaintError::Canceled { asset }),
            (Some(Stop::Save), asset) => {
                let run = Some(run.checkpoint().map_err(failed)?);
                let checkpoint = Checkpoint { painted, run }.to_bytes();
                return Err(PaintError::Stopped { asset, checkpoint });
            }
        }
        warning = warning.or(run.warning());
        painted.push(run.picture().map_err(failed)?);
        coats.free_covered(&mut painted);
        losses = sum(losses, last);
    }
    let report = RunReport { warning, ..report(steps, losses, began, method) };
    let result = |image: &Image| {
        let sides = (image.width as u32, image.height as u32);
        let (width, height) = action.recipe.common().output_size(sides.0, sides.1);
        (width as usize, height as usize)
    };
    let painted = coats.dry(painted, result);
    let files = opened.close(painted, &action.outputs).map_err(unusable)?;
    Ok(Painted { files, report })
}

fn report(
    iterations: u32,
    losses: Option<Losses>,
    began: Instant,
    method: &dyn Prepared,
) -> RunReport {
    let compute_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    RunReport { iterations, losses, compute_ms, device: method.device(), warning: None }
}

/// What a coat is painted with: a style, and the recipe that paints in it.
struct Brush<'a> {
    recipe: &'a Recipe,
    asked: Vec<AskedStyle<'a>>,
    styles: Vec<(Style, ColorSpace)>,
}

impl Brush<'_> {
    /// The style images, or a copy if they are needed again.
    fn dip(&mut self, again: bool) -> Vec<Style> {
        let styles = if again { self.styles.clone() } else { std::mem::take(&mut self.styles) };
        styles.into_iter().map(|(style, _)| style).collect()
    }

    /// Memory of what it has left.
    fn bytes(&self) -> u64 {
        self.styles.iter().map(|(style, _)| style.bytes()).sum()
    }
}

/// The action's own brush, then that of each region; a region that stays as it is has one without
/// styles. Each style image is reduced before the next is decoded.
fn brushes<'a>(
    asset: &str,
    action: &'a Action,
    sources: &'a Sources,
    size: (u32, u32),
) -> Result<Vec<Brush<'a>>, PaintError> {
    let (expected, given) = (action.all_styles().count(), sources.styles.len());
    if expected != given {
        return Err(PaintError::StyleCount { asset: asset.to_owned(), expected, given });
    }
    let unusable = |source| PaintError::of_adapter(asset, &action.kind, source);
    let mut given = sources.styles.iter();
    let mut brush = |recipe: &'a Recipe, refs: &'a [StyleRef]| -> Result<_, PaintError> {
        // In this order: a pair takes nothing from the sources where no name is left.
        let named: Vec<_> = refs.iter().zip(given.by_ref()).collect();
        let decode = |&(style, source): &(&StyleRef, &Source)| {
            let (style, space) = adapter::style(source, style).map_err(unusable)?;
            Ok((style.reduced(recipe, size), space))
        };
        let styles = named.iter().map(decode).collect::<Result<_, PaintError>>()?;
        Ok(Brush { recipe, asked: named.into_iter().map(asked).collect(), styles })
    };
    let mut brushes = vec![brush(&action.recipe, &action.styles)?];
    for region in action.regions.iter().flat_map(|regions| &regions.named) {
        let recipe = region.recipe.as_ref().unwrap_or(&action.recipe);
        brushes.push(brush(recipe, &region.styles)?);
    }
    Ok(brushes)
}

/// The coats of an asset's views; `stored` is the header of its grid, where that is painted. `size`
/// is the result's.
fn coats(
    views: Vec<View>,
    map: Option<&Source>,
    action: &Action,
    stored: Option<&Header>,
    (width, height): (u32, u32),
) -> Result<Coats, AdapterError> {
    match (map, &action.regions) {
        (Some(map), Some(regions)) => {
            let (map, size) = (IdMap::read(map, stored)?, (width as usize, height as usize));
            Coats::by_regions(views, &map, regions, size)
        }
        _ => Ok(Coats::plain(views)),
    }
}

/// A style image as the action names it.
fn asked<'a>((style, source): (&StyleRef, &'a Source)) -> AskedStyle<'a> {
    AskedStyle { name: &source.name, digest: style.blob.digest, weight: style.weight }
}

/// Logs a run's plan, unless it was the last one logged.
fn log_plan(asset: &str, run: &dyn Run, last: &mut Option<String>) {
    let plan = run.plan();
    if let Some(plan) = plan.as_ref().filter(|plan| last.as_ref() != Some(plan)) {
        debug!("{asset}: {plan}");
    }
    *last = plan;
}

/// The loss of several runs is the sum of theirs.
fn sum(one: Option<Losses>, other: Option<Losses>) -> Option<Losses> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Losses {
            total: one.total + other.total,
            content: one.content + other.content,
            style: one.style + other.style,
        }),
        (one, other) => one.or(other),
    }
}

/// Each coat's share of the work, by its pixels. The shares add up to one.
#[derive(Debug)]
struct Progress(Vec<f64>);

impl Progress {
    fn over(pixels: &[usize]) -> Self {
        let pixels = pixels.iter().map(|pixels| *pixels as f64);
        let total: f64 = pixels.clone().sum();
        Self(pixels.map(|pixels| pixels / total.max(1.0)).collect())
    }

    /// After a step of the coat with index `at`; those before it are finished.
    fn step(&self, at: usize, report: StepReport) -> PaintStep {
        let before: f64 = self.0.iter().take(at).sum();
        let here = self.0.get(at).copied().unwrap_or(0.0);
        PaintStep { report, done: (before + here * report.done).clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coats_are_weighted_by_their_pixels() {
        let report =
            |done| StepReport { iteration: 1, iterations: 2, scale: (1, 1), done, losses: None };
        let progress = Progress::over(&[100, 400, 100]);
        for (at, done, expected) in [(0, 0.5, 50.0), (1, 0.5, 300.0), (2, 1.0, 600.0)] {
            let step = progress.step(at, report(done));
            assert!((step.done - expected / 600.0).abs() < 1e-12, "{at}: {step:?}");
        }
    }

    #[test]
    fn losses_are_summed_over_the_views() {
        let losses = |total| Some(Losses { total, content: total / 4.0, style: total / 2.0 });
        assert_eq!(sum(None, None), None);
        assert_eq!(sum(None, losses(4.0)), losses(4.0));
        assert_eq!(sum(losses(4.0), losses(8.0)), losses(12.0));
    }
}
