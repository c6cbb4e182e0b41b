//! One run of VGG optimisation, step by step, coarse to fine.

mod budget;
mod run;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use impasto_kernels::Layer;
use impasto_types::{Init, Optimize, Scale};

use super::checkpoint::{self, Saved};
use super::device::{Canvas, Plan, State, Task, Warmth, Work};
use super::engine::Engine;
use super::objective::{LayerStatistics, StyleTarget};
use super::optimizer::Memory;
use super::schedule::Schedule;
use crate::resize::resample;
use crate::sources::Sources;
use crate::{EngineError, Frame, Image, Inputs, Interrupt};

/// One run: see [`Run`](crate::Run).
pub struct Session {
    engine: Arc<Engine>,
    recipe: Optimize,
    budget_bytes: u64,
    /// From this budget on, no picture is cut into tiles and nothing is kept in lower precision.
    uncut_bytes: u64,
    sources: Sources,
    /// Names the recipe and the inputs in a checkpoint.
    identity: blake3::Hash,
    schedule: Schedule,
    /// What the styles ask for at the size that was painted last.
    targets: Option<Targets>,
    /// None once a step has failed.
    stage: Option<Stage>,
    interrupt: Interrupt,
    /// Whether some loss of the run was finite.
    has_measured: bool,
    warning: Option<String>,
    /// How each scale so far is painted, from the one that this run began with.
    plans: Vec<(Scale, Plan)>,
}

/// How far the present scale is, and where its picture lies.
#[derive(Debug)]
enum Stage {
    /// Before the scale's first step.
    Waiting(Waiting),
    /// On the device, some steps into the scale.
    Painting(Painting),
    /// The result.
    Done(Image),
}

/// The styles' targets at a size, which scales on several pooling grids share.
#[derive(Debug)]
struct Targets {
    size: (u32, u32),
    layers: Vec<(Layer, StyleTarget)>,
}

/// What a scale begins with.
#[derive(Debug)]
struct Waiting {
    canvas: Image,
    /// What the optimiser of the coarser scale learnt.
    warmth: Option<Warmth>,
}

#[derive(Debug)]
struct Painting {
    canvas: Box<dyn Canvas>,
    /// One for each step of the scale.
    losses: Vec<f64>,
    /// Names the plan of the canvas.
    plan: [u8; 32],
}

/// The engine was prepared for other recipes.
const NO_BEGINNING: EngineError = EngineError::MissingInput("the networks to begin with");

/// Names no plan: the scale has not begun.
const NO_PLAN: [u8; 32] = [0; 32];

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("recipe", &self.recipe)
            .field("schedule", &self.schedule)
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
        let mut session = Self::prepared(engine, recipe, inputs, budget_bytes)?;
        session.stage = Some(if session.nothing_pulls() {
            // To the last bit: coarse scales would only blur it, and an optimiser round it.
            let last = session.schedule.last();
            let frame = session.frame(last);
            Stage::Done(frame.cut(session.begun(last)?))
        } else {
            let canvas = session.begun(session.schedule.present())?;
            Stage::Waiting(Waiting { canvas, warmth: None })
        });
        Ok(session)
    }

    /// The same before there is a picture.
    fn prepared(
        engine: Arc<Engine>,
        recipe: Optimize,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        recipe.check()?;
        inputs.check(recipe.init)?;
        let (width, height) = inputs.output_size(&recipe.common)?;
        let joins = inputs.joins;
        let schedule = Schedule::new(recipe.scales(width, height), |scale| {
            let frame = Frame::new(&joins, recipe.padding, scale.width, scale.height);
            let (width, height) = (frame.width() as u32, frame.height() as u32);
            recipe.step_work_px((scale.width, scale.height), (width, height))
        });
        let identity = checkpoint::identity(&recipe, &inputs);
        let sources = Sources::new((&recipe).into(), inputs);
        let mut session = Self {
            engine,
            recipe,
            budget_bytes,
            uncut_bytes: 0,
            sources,
            identity,
            schedule,
            targets: None,
            stage: None,
            interrupt: Interrupt::default(),
            has_measured: false,
            warning: None,
            plans: Vec::new(),
        };
        if session.nothing_pulls() {
            session.check_beginning()?;
        } else {
            session.uncut_bytes = session.check_budget()?;
        }
        let Self { engine, sources, recipe, .. } = &mut session;
        engine.install(|| sources.prepare((&*recipe).into()));
        Ok(session)
    }

    /// Takes up a run that [`checkpoint`](crate::Run::checkpoint) wrote, with the same recipe and
    /// pictures, under the same budget and on such a device. It goes on to the same result, to the
    /// last bit.
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
        let mut session = Self::prepared(engine, recipe, inputs, budget_bytes)?;
        // The checkpoint has the picture.
        session.sources.take_init();
        let saved = checkpoint::read(bytes, &session.identity, session.most_checkpoint_bytes())?;
        let Saved { scale: at, plan, losses, pixels, memory } = saved;
        if !session.schedule.set_at(at) {
            return Err(EngineError::Checkpoint("it names a scale that the run does not have"));
        }
        let scale = session.schedule.present();
        let frame = session.frame(scale);
        let (width, height) = (frame.width(), frame.height());
        if pixels.len() != width * height * 3 || losses.len() >= scale.iterations as usize {
            return Err(EngineError::Checkpoint("its picture does not fit its scale"));
        }
        session.has_measured = at > 0 || !losses.is_empty();
        let canvas = Image { width, height, rgb: pixels };
        session.stage = Some(if plan == NO_PLAN {
            let warmth = session.warmth_of(memory)?;
            Stage::Waiting(Waiting { canvas, warmth })
        } else {
            let state = State { pixels: canvas.rgb.clone(), memory };
            let styles = session.style_targets(&canvas)?;
            let mut painting = session.begin_scale(Waiting { canvas, warmth: None }, styles)?;
            if plan != painting.plan {
                return Err(EngineError::Checkpoint(
                    "it was painted by another plan: under another memory budget, or in another \
                     precision",
                ));
            }
            painting.canvas.restore(state)?;
            painting.losses = losses;
            Stage::Painting(painting)
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

    /// Whether the picture that the run begins with is what it ends with: no style pulls, and no
    /// content that it would have to be drawn to.
    fn nothing_pulls(&self) -> bool {
        let recipe = &self.recipe;
        let to_content = recipe.content_weight > 0.0 && self.sources.has_target();
        !recipe.is_styled()
            && recipe.tv_weight == 0.0
            && (recipe.init == Init::Content || !to_content)
    }

    /// Where the picture of a scale lies on its canvas.
    fn frame(&self, scale: Scale) -> Frame {
        let (joins, padding) = (self.sources.joins(), self.recipe.padding);
        Frame::new(joins, padding, scale.width, scale.height).turned(scale.grid)
    }

    /// The canvas that the run begins with, at a scale.
    fn begun(&mut self, scale: Scale) -> Result<Image, EngineError> {
        if self.recipe.init != Init::Arbitrary {
            return Ok(self.first_canvas(scale));
        }
        let (frame, sources) = (self.frame(scale), &self.sources);
        let beginning = self.engine.beginning().ok_or(NO_BEGINNING)?;
        let picture = beginning.paint(&self.recipe, sources, frame.picture())?;
        Ok(self.engine.install(|| surrounded(frame, picture)))
    }

    /// The same where no network paints it.
    fn first_canvas(&mut self, scale: Scale) -> Image {
        let (frame, init) = (self.frame(scale), self.recipe.init);
        let sources = &mut self.sources;
        let recipe = &self.recipe;
        self.engine.install(|| match sources.first(init, frame) {
            Some(first) => surrounded(frame, first),
            None if sources.has_target() || !recipe.is_styled() => {
                sources.noise(recipe.common.seed, frame.width(), frame.height())
            }
            None => surrounded(frame, sources.patterned_noise(recipe, scale, frame)),
        })
    }

    /// The picture of the present scale's canvas, in the result's size.
    fn preview(&self, canvas: Image) -> Image {
        let frame = self.frame(self.schedule.present());
        let Scale { width, height, .. } = self.schedule.last();
        self.sources.fit(&frame.cut(canvas), width as usize, height as usize)
    }

    /// Plans, and hands the picture to the device.
    fn begin_scale(
        &mut self,
        waiting: Waiting,
        style: Vec<(Layer, StyleTarget)>,
    ) -> Result<Painting, EngineError> {
        let Waiting { canvas: picture, warmth } = waiting;
        let scale = self.schedule.present();
        let frame = self.frame(scale);
        if self.schedule.is_last() {
            self.sources.drop_styles();
        }
        let content = self.content(scale);
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
        let interrupt = self.interrupt.clone();
        let plan_of_task = plan.clone();
        let task =
            Task { work, plan: plan_of_task, picture, content, masked, style, warmth, interrupt };
        let canvas = engine.install(|| device.canvas(task))?;
        self.plans.push((scale, plan));
        Ok(Painting { canvas, losses: Vec::new(), plan: name })
    }

    /// The style images' statistics at the present scale, as targets, beside the canvas that it
    /// begins with.
    fn style_targets(&mut self, canvas: &Image) -> Result<Vec<(Layer, StyleTarget)>, EngineError> {
        let Scale { width, height, .. } = self.schedule.present();
        let layers = match self.targets.take() {
            Some(Targets { size, layers }) if size == (width, height) => layers,
            _ if !self.recipe.is_styled() => Vec::new(),
            _ => self.measured_targets(canvas)?,
        };
        self.targets = Some(Targets { size: (width, height), layers: layers.clone() });
        Ok(layers)
    }

    fn measured_targets(&self, canvas: &Image) -> Result<Vec<(Layer, StyleTarget)>, EngineError> {
        let held_bytes = self.held_bytes() + canvas.bytes() + self.warmth_bytes()?;
        let engine = &self.engine;
        let looks = self.style_looks(self.schedule.present());
        let first = self.schedule.is_first_size();
        let mut styles = Vec::new();
        for style in self.sources.styles() {
            // Of each layer, from the look that it has.
            let mut statistics: Vec<LayerStatistics> = Vec::new();
            for &(scale, view) in &looks {
                let style = engine.install(|| Sources::style_at(&self.recipe, style, scale, first));
                let budget = self.budget_bytes.saturating_sub(held_bytes + style.bytes());
                let (image, weights) = (&style.image, style.weights.as_ref());
                let moments = engine.install(|| {
                    engine.backend().moments(image, weights, view, budget, &self.interrupt)
                })?;
                let deeper = moments.iter().skip(statistics.len());
                statistics.extend(deeper.map(LayerStatistics::of));
            }
            styles.push((statistics, style.share));
        }
        Ok(StyleTarget::layers(&self.recipe, &styles))
    }

    /// What the content loss compares with at the present scale: a canvas.
    fn content(&mut self, scale: Scale) -> Option<Image> {
        if self.recipe.content_weight == 0.0 {
            return None;
        }
        let (frame, is_measured) = (self.frame(scale), self.work(scale).measures_content());
        let (last, sources) = (self.schedule.is_last(), &mut self.sources);
        self.engine.install(|| {
            let target = if last {
                sources.last_target(frame.picture())
            } else {
                sources.target_at(frame.picture())
            };
            target.filter(|_| is_measured).map(|target| surrounded(frame, target))
        })
    }

    /// Takes the scale's result; where there is a next scale, enlarges it for that, with what the
    /// optimiser has learnt.
    fn end_scale(&mut self, painting: Painting) -> Result<Stage, EngineError> {
        let (mut canvas, warmth) = painting.canvas.finish()?;
        let frame = self.frame(self.schedule.present());
        if self.schedule.is_last() {
            self.engine.install(|| self.sources.correct(&mut canvas, frame));
            return Ok(Stage::Done(frame.cut(canvas)));
        }
        // Where nothing has pulled so far, the coarse scale must not blur the picture.
        let is_untouched = self.recipe.init == Init::Content
            && canvas == self.first_canvas(self.schedule.present());
        let (scale, first) = (self.schedule.present(), self.schedule.is_first_size());
        self.schedule.advance();
        if is_untouched {
            let canvas = self.first_canvas(self.schedule.present());
            return Ok(Stage::Waiting(Waiting { canvas, warmth: None }));
        }
        let next = self.frame(self.schedule.present());
        if frame.picture() != next.picture() {
            let (sources, recipe) = (&self.sources, &self.recipe);
            let lead = || sources.lead_to_pattern(recipe, canvas, scale, frame, first);
            canvas = self.engine.install(lead);
        }
        let mut canvas = self.engine.install(|| self.enlarged(canvas, frame, next));
        canvas.clamp();
        self.engine.install(|| self.sources.correct(&mut canvas, next));
        meet_neighbors(next, &mut canvas);
        Ok(Stage::Waiting(Waiting { canvas, warmth }))
    }

    /// A canvas at the next scale. What only the larger one can show is taken over from the asset,
    /// by the recipe's share. With `E` for enlarging: `E canvas + detail * (asset - E small)`.
    fn enlarged(&self, mut canvas: Image, frame: Frame, next: Frame) -> Image {
        let detail = self.recipe.detail;
        let grows = frame.picture() != next.picture();
        let has_detail = detail > 0.0 && self.recipe.content_weight > 0.0 && grows;
        let asset = |frame: Frame| {
            let asset = self.sources.target_at(frame.picture()).filter(|_| has_detail)?;
            Some(surrounded(frame, asset))
        };
        if let Some(small) = asset(frame) {
            canvas.add(-detail, &small);
        }
        let (across, down) = frame.to(next);
        let rgb = resample(&canvas.rgb, &across, &down, 3);
        drop(canvas);
        let mut canvas = Image { width: next.width(), height: next.height(), rgb };
        if let Some(asset) = asset(next) {
            canvas.add(detail, &asset);
        }
        canvas
    }

    /// What the optimiser of the scale before the present one learnt, from a checkpoint.
    fn warmth_of(&self, memory: Memory) -> Result<Option<Warmth>, EngineError> {
        let Some(coarser) = self.schedule.coarser() else { return Ok(None) };
        if memory == Memory::default() {
            return Ok(None);
        }
        let plan = self.plan_of(coarser)?.optimizer;
        Ok(Some(Warmth { frame: self.frame(coarser), plan, memory }))
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
