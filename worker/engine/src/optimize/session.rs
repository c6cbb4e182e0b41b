//! One run of VGG optimisation, step by step, coarse to fine.

use std::fmt;
use std::sync::Arc;

use impasto_types::{Losses, Optimize, Scale};

use super::checkpoint::{self, Saved};
use super::device::{Canvas, Plan, State, Task, View, Warmth, Work};
use super::engine::Engine;
use super::objective::{LayerStatistics, StyleTarget};
use super::optimizer::{Memory, OptimizerPlan};
use super::plateau::on_a_plateau;
use super::sources::Sources;
use crate::resize::resample;
use crate::{EngineError, Frame, Image, Inputs, Run, Step, StepReport};

/// One run: see [`Run`].
pub struct Session {
    engine: Arc<Engine>,
    recipe: Optimize,
    budget_bytes: u64,
    sources: Sources,
    /// Names the recipe and the inputs in a checkpoint.
    identity: blake3::Hash,
    /// Coarsest first; there is at least one.
    scales: Vec<Scale>,
    /// Index into `scales`; that of the last one when done.
    at: usize,
    /// Steps times canvas pixels of the scales that have ended.
    ended_work: u64,
    /// None once a step has failed.
    stage: Option<Stage>,
    /// How each scale so far is painted, from the one that this run began with.
    plans: Vec<(Scale, Plan)>,
}

/// How far the present scale is, and where its picture lies.
#[derive(Debug)]
enum Stage {
    /// Before the first step: the canvas that the scale begins with.
    Waiting(Image),
    /// On the device, some steps into the scale.
    Painting(Painting),
    /// The result.
    Done(Image),
}

#[derive(Debug)]
struct Painting {
    canvas: Box<dyn Canvas>,
    /// One for each step of the scale.
    losses: Vec<f64>,
    /// Names the plan of the canvas.
    plan: [u8; 32],
}

/// What a process takes before it holds a picture.
const PROCESS_BYTES: u64 = 64 << 20;

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("recipe", &self.recipe)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Checks the recipe and the pictures, and makes ready to begin. The whole process is held
    /// within `budget_bytes` of memory, by cutting large pictures into tiles.
    ///
    /// # Errors
    /// Names the parameter or picture that cannot be used.
    pub fn new(
        engine: Arc<Engine>,
        recipe: Optimize,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        recipe.check()?;
        inputs.check(&recipe)?;
        let (width, height) = inputs.output_size(&recipe)?;
        let scales = recipe.scales(width, height);
        let identity = checkpoint::identity(&recipe, &inputs);
        let sources = engine.install(|| Sources::new(&recipe, inputs));
        let mut session = Self {
            engine,
            recipe,
            budget_bytes,
            sources,
            identity,
            scales,
            at: 0,
            ended_work: 0,
            stage: None,
            plans: Vec::new(),
        };
        session.check_budget()?;
        session.stage = Some(Stage::Waiting(session.first_canvas()));
        Ok(session)
    }

    /// Takes up a run that [`Run::checkpoint`] wrote, with the same recipe and pictures, under the
    /// same budget and on such a device. It goes on to the same result, to the last bit.
    ///
    /// # Errors
    /// Where the checkpoint is damaged or belongs to another run, or the budget cuts the picture
    /// otherwise than before.
    pub fn resume(
        engine: Arc<Engine>,
        recipe: Optimize,
        inputs: Inputs,
        budget_bytes: u64,
        bytes: &[u8],
    ) -> Result<Self, EngineError> {
        let mut session = Self::new(engine, recipe, inputs, budget_bytes)?;
        let saved = checkpoint::read(bytes, &session.identity, session.most_checkpoint_bytes())?;
        let Saved { scale: at, plan, losses, pixels, memory } = saved;
        let Some(&scale) = session.scales.get(at) else {
            return Err(EngineError::Checkpoint("it names a scale that the run does not have"));
        };
        let frame = session.frame(scale);
        let (width, height) = (frame.width(), frame.height());
        if pixels.len() != width * height * 3 || losses.len() >= scale.iterations as usize {
            return Err(EngineError::Checkpoint("its picture does not fit its scale"));
        }
        session.at = at;
        session.ended_work = session.planned_work(&session.scales[..at]);
        let begun = memory != Memory::default();
        let canvas = Image { width, height, rgb: pixels };
        session.stage = Some(if begun {
            let state = State { pixels: canvas.rgb.clone(), memory };
            let mut painting = session.begin_scale(canvas, None)?;
            if plan != painting.plan {
                return Err(EngineError::Checkpoint(
                    "it was painted by another plan: under another memory budget, or in another \
                     precision",
                ));
            }
            painting.canvas.restore(state)?;
            painting.losses = losses;
            Stage::Painting(painting)
        } else {
            Stage::Waiting(canvas)
        });
        Ok(session)
    }

    /// How each scale so far is painted, the present one last; in a resumed run from the scale that
    /// it goes on with.
    pub fn plans(&self) -> &[(Scale, Plan)] {
        &self.plans
    }

    fn stage(&self) -> Result<&Stage, EngineError> {
        self.stage.as_ref().ok_or(EngineError::Ended)
    }

    /// The scale that is painted, or was painted last.
    fn scale(&self) -> Scale {
        self.scales[self.at]
    }

    fn is_last(&self) -> bool {
        self.at + 1 == self.scales.len()
    }

    /// Where the picture of a scale lies on its canvas.
    fn frame(&self, scale: Scale) -> Frame {
        let (joins, padding) = (self.sources.joins(), self.recipe.padding);
        Frame::new(joins, padding, scale.width, scale.height)
    }

    /// The canvas that the first scale begins with.
    fn first_canvas(&mut self) -> Image {
        let (frame, init) = (self.frame(self.scale()), self.recipe.init);
        let sources = &mut self.sources;
        let first = self.engine.install(|| Some(surrounded(frame, sources.first(init, frame)?)));
        first.unwrap_or_else(|| {
            self.sources.noise(self.recipe.common.seed, frame.width(), frame.height())
        })
    }

    /// The picture of the present scale's canvas, in the result's size.
    fn preview(&self, canvas: Image) -> Image {
        let frame = self.frame(self.scale());
        let (width, height) = self
            .scales
            .last()
            .map_or((1, 1), |scale| (scale.width as usize, scale.height as usize));
        self.sources.fit(&frame.cut(canvas), width, height)
    }

    /// Measures the targets, plans, and hands the picture to the device.
    fn begin_scale(
        &mut self,
        picture: Image,
        warmth: Option<Warmth>,
    ) -> Result<Painting, EngineError> {
        let scale = self.scale();
        let frame = self.frame(scale);
        let held = self.held_bytes() + picture.bytes() + self.warmth_bytes()?;
        let style = self.style_targets(scale, held)?;
        if self.is_last() {
            self.sources.drop_styles();
        }
        let content = self.content(frame);
        let engine = self.engine.clone();
        let device = engine.backend();
        let masked = engine.install(|| self.sources.masked_at(frame));
        let work = Work {
            recipe: &self.recipe,
            frame,
            content: content.is_some(),
            masked: masked.is_some(),
        };
        let plan = device.plan(&work, self.budget_bytes.saturating_sub(self.held_bytes()))?;
        let name = plan.name();
        let task = Task { work, plan: plan.clone(), picture, content, masked, style, warmth };
        let canvas = engine.install(|| device.canvas(task))?;
        self.plans.push((scale, plan));
        Ok(Painting { canvas, losses: Vec::new(), plan: name })
    }

    /// The style images' statistics at a scale, as targets, while so many bytes are held.
    fn style_targets(
        &self,
        scale: Scale,
        held_bytes: u64,
    ) -> Result<Vec<(impasto_kernels::Layer, StyleTarget)>, EngineError> {
        let (engine, view) = (&self.engine, View::of_style(&self.recipe));
        let mut styles = Vec::new();
        for (style, weight) in self.sources.styles() {
            let first = self.at == 0;
            let style = engine.install(|| Sources::style_at(&self.recipe, style, scale, first));
            let budget = self.budget_bytes.saturating_sub(held_bytes + style.bytes());
            let moments = engine.install(|| engine.backend().moments(&style, view, budget))?;
            styles.push((moments.iter().map(LayerStatistics::of).collect(), *weight));
        }
        Ok(StyleTarget::layers(&self.recipe, &styles))
    }

    /// What the content loss compares with at the present scale: a canvas.
    fn content(&mut self, frame: Frame) -> Option<Image> {
        if self.recipe.content_weight == 0.0 {
            return None;
        }
        let (last, sources) = (self.is_last(), &mut self.sources);
        self.engine.install(|| {
            let target = if last { sources.last_target(frame) } else { sources.target_at(frame) };
            target.map(|target| surrounded(frame, target))
        })
    }

    /// Takes the scale's result; where there is a next scale, enlarges it and goes on there, with
    /// what the optimiser has learnt.
    fn end_scale(&mut self, painting: Painting) -> Result<Stage, EngineError> {
        let (canvas, warmth) = painting.canvas.finish()?;
        let frame = self.frame(self.scale());
        if self.is_last() {
            return Ok(Stage::Done(frame.cut(canvas)));
        }
        self.at += 1;
        let next = self.frame(self.scale());
        let (across, down) = frame.to(next);
        let rgb = self.engine.install(|| resample(&canvas.rgb, &across, &down, 3));
        drop(canvas);
        let mut canvas = Image { width: next.width(), height: next.height(), rgb };
        canvas.clamp();
        meet_neighbors(next, &mut canvas);
        self.begin_scale(canvas, warmth).map(Stage::Painting)
    }

    /// The share of the work that is done after `steps` of the present scale. Where that is over,
    /// its other steps are left out of the work.
    fn done(&mut self, steps: u32, over: bool) -> f64 {
        let scale = self.scale();
        let here = self.planned_work(&[Scale { iterations: steps, ..scale }]);
        let done = self.ended_work + here;
        let mut left = self.planned_work(&self.scales[self.at + 1..]);
        if over {
            self.ended_work = done;
        } else {
            left += self.planned_work(&[scale]) - here;
        }
        done as f64 / (done + left) as f64
    }

    /// Steps times canvas pixels.
    fn planned_work(&self, scales: &[Scale]) -> u64 {
        let work = |&scale: &Scale| {
            let frame = self.frame(scale);
            frame.width() as u64 * frame.height() as u64 * u64::from(scale.iterations)
        };
        scales.iter().map(work).sum()
    }

    /// Plans the last scale, which takes most: what cannot be painted is refused before the coarse
    /// scales are.
    fn check_budget(&self) -> Result<(), EngineError> {
        let Some(&scale) = self.scales.last() else { return Ok(()) };
        let budget = self.budget_bytes.saturating_sub(self.kept_bytes());
        self.engine.backend().plan(&self.work(scale), budget).map(|_| ())
    }

    /// What a scale asks of a device, while the session has the content.
    fn work(&self, scale: Scale) -> Work<'_> {
        let content = self.sources.has_target() && self.recipe.content_weight > 0.0;
        let masked = self.sources.has_mask();
        Work { recipe: &self.recipe, frame: self.frame(scale), content, masked }
    }

    /// Memory that the session holds beside the picture that it paints.
    fn held_bytes(&self) -> u64 {
        PROCESS_BYTES + self.engine.bytes() + self.sources.bytes()
    }

    /// Memory that the session holds to the end.
    fn kept_bytes(&self) -> u64 {
        PROCESS_BYTES + self.engine.bytes() + self.sources.kept_bytes()
    }

    /// Memory of what the optimiser learnt at the coarser scale. It is counted whether or not there
    /// is anything, so that a resumed run cuts its styles as the first one did.
    fn warmth_bytes(&self) -> Result<u64, EngineError> {
        let Some(coarser) = self.at.checked_sub(1).map(|at| self.scales[at]) else { return Ok(0) };
        let work = self.work(coarser);
        let budget = self.budget_bytes.saturating_sub(self.held_bytes());
        let plan = self.engine.backend().plan(&work, budget)?;
        Ok(plan.optimizer.warmth_bytes(work.len()))
    }

    /// What the picture and the optimiser's vectors of any scale take at most: a checkpoint of this
    /// run is no larger.
    fn most_checkpoint_bytes(&self) -> u64 {
        let frames = self.scales.iter().map(|&scale| self.frame(scale));
        let values = frames.map(|frame| frame.width() * frame.height() * 3).max().unwrap_or(0);
        let plan = OptimizerPlan::of(&self.recipe, self.work(self.scale()).wraps());
        4 * values as u64 + plan.bytes(values)
    }
}

/// A picture on its canvas.
fn surrounded(frame: Frame, picture: Image) -> Image {
    let mut canvas = frame.surround(picture);
    meet_neighbors(frame, &mut canvas);
    canvas
}

/// Puts what continues the picture around it, as it is painted now. The run has one view, so that
/// is the picture itself.
fn meet_neighbors(frame: Frame, canvas: &mut Image) {
    if frame.has_neighbors() {
        let own = frame.cut(canvas.clone());
        frame.meet_neighbors(canvas, &[&own]);
    }
}

impl Run for Session {
    fn step(&mut self) -> Result<Step, EngineError> {
        let mut painting = match self.stage.take().ok_or(EngineError::Ended)? {
            Stage::Waiting(canvas) => self.begin_scale(canvas, None)?,
            Stage::Painting(painting) => painting,
            done @ Stage::Done(_) => {
                self.stage = Some(done);
                return Ok(Step::Done);
            }
        };
        let scale = self.scale();
        let terms = self.engine.install(|| painting.canvas.step())?;
        let loss = terms.total();
        painting.losses.push(loss);
        let here = painting.losses.len() as u32;
        let steps = |scales: &[Scale]| scales.iter().map(|scale| scale.iterations).sum::<u32>();
        let iteration = steps(&self.scales[..self.at]) + here;
        if !loss.is_finite() {
            let (width, height) = (scale.width, scale.height);
            return Err(EngineError::NotFinite { iteration, width, height, loss });
        }
        let over = here >= scale.iterations
            || on_a_plateau(&painting.losses, f64::from(self.recipe.plateau));
        let done = self.done(here, over);
        self.stage = Some(if over { self.end_scale(painting)? } else { Stage::Painting(painting) });
        Ok(Step::Running(StepReport {
            iteration,
            iterations: steps(&self.scales),
            scale: (scale.width, scale.height),
            done,
            losses: Some(Losses { total: loss, content: terms.content, style: terms.style }),
        }))
    }

    fn picture(&self) -> Result<Image, EngineError> {
        let (stage, engine) = (self.stage()?, &self.engine);
        let canvas = match stage {
            Stage::Waiting(canvas) => canvas.clone(),
            Stage::Painting(painting) => painting.canvas.picture()?,
            Stage::Done(picture) => {
                return Ok(engine.install(|| self.sources.finished(picture.clone())));
            }
        };
        Ok(engine.install(|| self.sources.finished(self.preview(canvas))))
    }

    fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        let scale = self.at;
        let saved = match self.stage()? {
            Stage::Done(_) => return Ok(Vec::new()),
            Stage::Waiting(canvas) => {
                let (pixels, memory) = (canvas.rgb.clone(), Memory::default());
                Saved { scale, plan: [0; 32], losses: Vec::new(), pixels, memory }
            }
            Stage::Painting(Painting { canvas, losses, plan }) => {
                let State { pixels, memory } = canvas.state()?;
                Saved { scale, plan: *plan, losses: losses.clone(), pixels, memory }
            }
        };
        Ok(checkpoint::write(&saved, &self.identity))
    }

    fn plan(&self) -> Option<String> {
        let (scale, plan) = self.plans.last()?;
        Some(format!("{} x {}: {plan}", scale.width, scale.height))
    }
}
