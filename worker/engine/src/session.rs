//! One run of a recipe, step by step, coarse to fine.

use std::fmt;
use std::sync::Arc;

use impasto_assets::{Origin, Picture};
use impasto_types::{
    ContainerFormat, Init, Losses, MAX_SIDE, MIN_SIDE, Method, Optimize, PreserveColor, Scale,
};

use crate::device::{Canvas, Plan, State, Task, View, Warmth, Work};
use crate::noise::SplitMix64;
use crate::objective::{LayerStatistics, StyleTarget};
use crate::optimizer::{Memory, OptimizerPlan};
use crate::resize::{Axis, resample, resize};
use crate::{Engine, EngineError, Frame, Image, checkpoint, color};

/// The pictures that a recipe works on.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The asset; it may be missing only where a texture is synthesised, and then its size is asked
    /// of `Recipe::size`.
    pub content: Option<Picture>,
    /// At least one style image, and each one's share.
    pub styles: Vec<(Picture, f32)>,
    /// What to begin with, where the recipe says so.
    pub init: Option<Picture>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Running(StepReport),
    /// There was nothing left to do.
    Done,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Optimiser steps done, over all scales, and in all.
    pub iteration: u32,
    pub iterations: u32,
    /// The size in pixels that this step worked at: width and height.
    pub scale: (u32, u32),
    /// The loss before this step, where the method has one.
    pub losses: Option<Losses>,
}

/// One run. [`Session::step`] it until it is done, then take its [`Session::picture`]; drop it to
/// cancel.
pub struct Session {
    engine: Arc<Engine>,
    recipe: Optimize,
    budget_bytes: u64,
    sources: Sources,
    scales: Vec<Scale>,
    /// Index into `scales`; equal to their number when done.
    at: usize,
    place: Place,
    /// How each scale so far is painted, from the one that this run began with.
    plans: Vec<(Scale, Plan)>,
}

/// Where the picture is.
#[derive(Debug)]
enum Place {
    /// With the session, before a scale's first step: the scale's canvas.
    Here(Image),
    /// On the device, some steps into a scale: one for each loss.
    Canvas { canvas: Box<dyn Canvas>, losses: Vec<f64> },
    /// The result.
    Done(Image),
}

/// The inputs as the engine computes with them. What is not needed any more is let go.
#[derive(Debug)]
struct Sources {
    asset: Option<Asset>,
    /// What the content loss looks at: the content, recoloured as the recipe says.
    target: Option<Image>,
    styles: Vec<(Image, f32)>,
    init: Option<Image>,
    /// Names the inputs in a checkpoint.
    digest: blake3::Hash,
}

/// What the asset has beside the colours that are painted.
#[derive(Debug)]
struct Asset {
    width: usize,
    height: usize,
    alpha: Option<Vec<f32>>,
    origin: Origin,
    /// Its own colours, where the result takes some of them.
    colors: Option<Image>,
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
        check_inputs(&recipe, &inputs)?;
        let (width, height) = output_size(&recipe, &inputs)?;
        let scales = recipe.scales(width, height);
        let sources = engine.install(|| Sources::new(&recipe, inputs));
        let place = Place::Here(Image::filled(1, 1, [0.0; 3]));
        let mut session =
            Self { engine, recipe, budget_bytes, sources, scales, at: 0, place, plans: Vec::new() };
        session.check_budget()?;
        session.place = Place::Here(session.first_canvas());
        session.sources.init = None;
        Ok(session)
    }

    /// Takes up a run that [`Session::checkpoint`] wrote, with the same recipe and pictures, under
    /// the same budget and on such a device. It goes on to the same result, to the last bit.
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
        let saved = checkpoint::read(bytes, &session.identity(), session.most_checkpoint_bytes())?;
        let Some(scale) = session.scales.get(saved.scale).copied() else {
            return Err(EngineError::Checkpoint("it names a scale that the run does not have"));
        };
        let frame = session.frame(scale);
        let (width, height) = (frame.width(), frame.height());
        if saved.pixels.len() != width * height * 3
            || saved.losses.len() >= scale.iterations as usize
        {
            return Err(EngineError::Checkpoint("its picture does not fit its scale"));
        }
        session.at = saved.scale;
        session.place = Place::Here(Image { width, height, rgb: saved.pixels.clone() });
        if saved.memory != Memory::default() {
            session.begin_scale(scale, None)?;
            let name = session.plan_name();
            let Place::Canvas { canvas, losses } = &mut session.place else {
                unreachable!("a scale has begun")
            };
            if saved.plan != name {
                return Err(EngineError::Checkpoint(
                    "it was painted by another plan: under another memory budget, or in another precision",
                ));
            }
            canvas.restore(State { pixels: saved.pixels, memory: saved.memory })?;
            *losses = saved.losses;
        }
        Ok(session)
    }

    /// One optimiser step; at the end of a scale, the step to the next.
    ///
    /// # Errors
    /// Where the loss is not finite, the memory too small, or the device fails. The session is of
    /// no more use then.
    pub fn step(&mut self) -> Result<Step, EngineError> {
        let Some(&scale) = self.scales.get(self.at) else { return Ok(Step::Done) };
        if matches!(self.place, Place::Here(_)) {
            self.begin_scale(scale, None)?;
        }
        let Place::Canvas { canvas, losses } = &mut self.place else {
            unreachable!("a scale has begun")
        };
        let terms = self.engine.install(|| canvas.step())?;
        losses.push(terms.total());
        let here = losses.len() as u32;
        let over = here >= scale.iterations || on_a_plateau(losses, f64::from(self.recipe.plateau));
        let before: u32 = self.scales[..self.at].iter().map(|scale| scale.iterations).sum();
        if !terms.total().is_finite() {
            let (width, height) = (scale.width, scale.height);
            return Err(EngineError::NotFinite {
                iteration: before + here,
                width,
                height,
                loss: terms.total(),
            });
        }
        if over {
            self.end_scale()?;
        }
        Ok(Step::Running(StepReport {
            iteration: before + here,
            iterations: self.scales.iter().map(|scale| scale.iterations).sum(),
            scale: (scale.width, scale.height),
            losses: Some(Losses {
                total: terms.total(),
                content: terms.content,
                style: terms.style,
            }),
        }))
    }

    /// How each scale so far is painted, the present one last; in a resumed run from the scale that
    /// it goes on with.
    pub fn plans(&self) -> &[(Scale, Plan)] {
        &self.plans
    }

    /// Tells the present scale's plan from others.
    fn plan_name(&self) -> [u8; 32] {
        self.plans.last().map_or([0; 32], |(_, plan)| plan.name())
    }

    /// The picture as it stands: the result once the session is done, a preview before. It has the
    /// asset's alpha, depth and profile.
    ///
    /// # Errors
    /// Where the device fails to hand it over.
    pub fn picture(&self) -> Result<Picture, EngineError> {
        let (width, height) = self
            .scales
            .last()
            .map_or((1, 1), |scale| (scale.width as usize, scale.height as usize));
        let result = match &self.place {
            Place::Done(picture) => picture.clone(),
            Place::Here(canvas) => self.preview(canvas.clone(), width, height),
            Place::Canvas { canvas, .. } => self.preview(canvas.picture()?, width, height),
        };
        Ok(self.engine.install(|| self.finish(result)))
    }

    /// All that it takes to go on from here, in this version's own format. Empty when done.
    ///
    /// # Errors
    /// Where the device fails to hand it over.
    pub fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        let scale = self.at;
        let saved = match &self.place {
            Place::Done(_) => return Ok(Vec::new()),
            Place::Here(picture) => {
                let (pixels, memory) = (picture.rgb.clone(), Memory::default());
                checkpoint::Saved { scale, plan: [0; 32], losses: Vec::new(), pixels, memory }
            }
            Place::Canvas { canvas, losses } => {
                let State { pixels, memory } = canvas.state()?;
                checkpoint::Saved {
                    scale,
                    plan: self.plan_name(),
                    losses: losses.clone(),
                    pixels,
                    memory,
                }
            }
        };
        Ok(checkpoint::write(&saved, &self.identity()))
    }

    /// What the picture and the optimiser's vectors of any scale take at most: a checkpoint of this
    /// run is no larger.
    fn most_checkpoint_bytes(&self) -> u64 {
        let values = self
            .scales
            .iter()
            .map(|&scale| self.frame(scale))
            .map(|frame| frame.width() * frame.height() * 3)
            .max()
            .unwrap_or(0);
        4 * values as u64 + OptimizerPlan::of(&self.recipe).bytes(values)
    }

    /// What tells this run from others: the recipe and the pictures.
    fn identity(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?} {}", self.recipe, Method::Optimize.version()).as_bytes());
        hasher.update(self.sources.digest.as_bytes());
        hasher.finalize()
    }

    /// Where the picture of a scale lies on its canvas.
    fn frame(&self, scale: Scale) -> Frame {
        Frame::of(&self.recipe, scale.width, scale.height)
    }

    /// The canvas that the first scale begins with.
    fn first_canvas(&self) -> Image {
        let Some(&scale) = self.scales.first() else { unreachable!("a run has a scale") };
        let frame = self.frame(scale);
        let (width, height) = frame.picture();
        let source = match self.recipe.init {
            Init::Content => self.sources.target.as_ref(),
            Init::Image => self.sources.init.as_ref(),
            Init::Noise => None,
        };
        match source {
            Some(source) => self.engine.install(|| frame.surround(self.fit(source, width, height))),
            None => self.noise(frame.width(), frame.height()),
        }
    }

    /// Noise around the styles' mean colour.
    fn noise(&self, width: usize, height: usize) -> Image {
        let total: f32 = self.sources.styles.iter().map(|(_, weight)| weight).sum();
        let mut mean = [0.0; 3];
        for (style, weight) in &self.sources.styles {
            let scale = weight / total / style.pixels() as f32;
            style
                .rgb
                .chunks_exact(3)
                .for_each(|pixel| (0..3).for_each(|c| mean[c] += pixel[c] * scale));
        }
        let mut noise = SplitMix64::new(self.recipe.common.seed);
        let mut image = Image::filled(width, height, mean);
        image.rgb.iter_mut().for_each(|value| *value += 40.0 * noise.normal());
        image.clamp();
        image
    }

    /// The picture of the present scale's canvas, in the result's size.
    fn preview(&self, canvas: Image, width: usize, height: usize) -> Image {
        let frame = self.frame(self.scales[self.at]);
        self.engine.install(|| self.fit(&frame.cut(canvas), width, height))
    }

    /// `source` at this size, its borders treated as the recipe's are.
    fn fit(&self, source: &Image, width: usize, height: usize) -> Image {
        let mut image = resize(
            source,
            width,
            height,
            self.recipe.common.tileable.wraps_x(),
            self.recipe.common.tileable.wraps_y(),
        );
        image.clamp();
        image
    }

    /// Measures the targets, plans, and hands the picture to the device.
    fn begin_scale(&mut self, scale: Scale, warmth: Option<Warmth>) -> Result<(), EngineError> {
        let frame = self.frame(scale);
        let engine = self.engine.clone();
        let device = engine.backend();
        let mut styles = Vec::new();
        let held = self.held_bytes() + self.here_bytes() + self.warmth_bytes()?;
        for (style, weight) in &self.sources.styles {
            let style = engine.install(|| self.style_at(style, scale));
            let held = held + style.bytes();
            let budget = self.budget_bytes.saturating_sub(held);
            let moments =
                engine.install(|| device.moments(&style, View::of_style(&self.recipe), budget))?;
            styles.push((moments.iter().map(LayerStatistics::of).collect(), *weight));
        }
        let style = StyleTarget::layers(&self.recipe, &styles);
        let last = self.at + 1 == self.scales.len();
        if last {
            self.sources.styles.clear();
        }
        let content = self.content_at(frame, last);
        let Place::Here(picture) =
            std::mem::replace(&mut self.place, Place::Here(Image::filled(1, 1, [0.0; 3])))
        else {
            unreachable!("a scale begins once");
        };
        let work = Work { recipe: &self.recipe, frame, content: content.is_some() };
        let plan = device.plan(&work, self.budget_bytes.saturating_sub(self.held_bytes()))?;
        let task = Task { work, plan: plan.clone(), picture, content, style, warmth };
        let canvas = engine.install(|| device.canvas(task))?;
        self.plans.push((scale, plan));
        self.place = Place::Canvas { canvas, losses: Vec::new() };
        Ok(())
    }

    /// What the content loss compares with at a scale; at the last, nobody needs the original any
    /// more.
    fn content_at(&mut self, frame: Frame, last: bool) -> Option<Image> {
        let (width, height) = frame.picture();
        if self.recipe.content_weight == 0.0 {
            return None;
        }
        let fits = self
            .sources
            .target
            .as_ref()
            .is_some_and(|target| (target.width, target.height) == (width, height));
        if last && fits {
            return self
                .sources
                .target
                .take()
                .map(|target| self.engine.install(|| frame.surround(target)));
        }
        let fit = |target: &Image| {
            self.engine.install(|| frame.surround(self.fit(target, width, height)))
        };
        let fitted = self.sources.target.as_ref().map(fit);
        if last {
            self.sources.target = None;
        }
        fitted
    }

    /// Plans the last scale, which takes most: what cannot be painted is refused before the coarse
    /// scales are.
    fn check_budget(&self) -> Result<(), EngineError> {
        let Some(&scale) = self.scales.last() else { return Ok(()) };
        let work = self.work(scale);
        self.engine
            .backend()
            .plan(&work, self.budget_bytes.saturating_sub(self.kept_bytes()))
            .map(|_| ())
    }

    /// What a scale asks of a device, while the session has the content.
    fn work(&self, scale: Scale) -> Work<'_> {
        let content = self.sources.target.is_some() && self.recipe.content_weight > 0.0;
        Work { recipe: &self.recipe, frame: self.frame(scale), content }
    }

    /// Memory that the session holds beside the picture that it paints.
    fn held_bytes(&self) -> u64 {
        let Sources { target, styles, init, .. } = &self.sources;
        let images = styles.iter().map(|(style, _)| style).chain(target).chain(init);
        self.kept_bytes() + images.map(Image::bytes).sum::<u64>()
    }

    /// Memory that the session holds to the end.
    fn kept_bytes(&self) -> u64 {
        let asset = self.sources.asset.iter();
        let alpha =
            asset.clone().flat_map(|asset| &asset.alpha).map(|alpha| 4 * alpha.len() as u64);
        let colors = asset.filter_map(|asset| asset.colors.as_ref()).map(Image::bytes);
        PROCESS_BYTES + self.engine.bytes() + alpha.chain(colors).sum::<u64>()
    }

    /// Memory of the picture, while it is with the session.
    fn here_bytes(&self) -> u64 {
        match &self.place {
            Place::Here(picture) | Place::Done(picture) => picture.bytes(),
            Place::Canvas { .. } => 0,
        }
    }

    /// Memory of what the optimiser learnt at the coarser scale. It is counted whether or not there
    /// is anything, so that a resumed run cuts its styles as the first one did.
    fn warmth_bytes(&self) -> Result<u64, EngineError> {
        let Some(coarser) = self.at.checked_sub(1).map(|at| self.scales[at]) else { return Ok(0) };
        let work = self.work(coarser);
        let plan = self
            .engine
            .backend()
            .plan(&work, self.budget_bytes.saturating_sub(self.held_bytes()))?;
        Ok(plan.optimizer.warmth_bytes(work.len()))
    }

    /// A style image in the size that it has at a scale.
    fn style_at(&self, style: &Image, scale: Scale) -> Image {
        let own = (style.width as u32, style.height as u32);
        let ratio = self.recipe.style_factor(own, (scale.width, scale.height), self.at == 0);
        let side =
            |length: usize| ((length as f64 * ratio).round() as usize).max(MIN_SIDE as usize);
        let mut fitted = resize(style, side(style.width), side(style.height), false, false);
        fitted.clamp();
        fitted
    }

    /// Takes the scale's result; where there is a next scale, enlarges it and goes on there, with
    /// what the optimiser has learnt.
    fn end_scale(&mut self) -> Result<(), EngineError> {
        let Place::Canvas { canvas, .. } =
            std::mem::replace(&mut self.place, Place::Here(Image::filled(1, 1, [0.0; 3])))
        else {
            unreachable!("a scale that ends has begun")
        };
        let (canvas, warmth) = canvas.finish()?;
        let frame = self.frame(self.scales[self.at]);
        self.at += 1;
        let Some(&scale) = self.scales.get(self.at) else {
            self.place = Place::Done(frame.cut(canvas));
            return Ok(());
        };
        let next = self.frame(scale);
        let (across, down) = frame.to(next);
        let rgb = self.engine.install(|| resample(&canvas.rgb, &across, &down, 3));
        drop(canvas);
        let mut canvas = Image { width: next.width(), height: next.height(), rgb };
        canvas.clamp();
        self.place = Place::Here(canvas);
        self.begin_scale(scale, warmth)
    }

    /// A picture of the final size with what the asset has beside its colours.
    fn finish(&self, result: Image) -> Picture {
        let Image { width, height, .. } = result;
        let (picture_width, picture_height) = (width as u32, height as u32);
        let Some(asset) = &self.sources.asset else {
            let origin = Origin::synthetic("the texture", ContainerFormat::Png);
            return Picture {
                width: picture_width,
                height: picture_height,
                rgb: result.rgb,
                alpha: None,
                origin,
            };
        };
        let rgb = match &asset.colors {
            Some(colors) => color::restore_chroma(&result, &self.fit(colors, width, height)).rgb,
            None => result.rgb,
        };
        let alpha = asset.alpha.as_ref().map(|alpha| {
            let size = (asset.width, asset.height);
            if size == (width, height) {
                return alpha.clone();
            }
            let (wrap_x, wrap_y) =
                (self.recipe.common.tileable.wraps_x(), self.recipe.common.tileable.wraps_y());
            let (across, down) =
                (Axis::whole(size.0, width, wrap_x), Axis::whole(size.1, height, wrap_y));
            let resized = resample(alpha, &across, &down, 1);
            resized.into_iter().map(|value| value.clamp(0.0, 1.0)).collect()
        });
        Picture {
            width: picture_width,
            height: picture_height,
            rgb,
            alpha,
            origin: asset.origin.clone(),
        }
    }
}

impl Sources {
    fn new(recipe: &Optimize, inputs: Inputs) -> Self {
        let digest = digest_of(&inputs);
        let recolor =
            |style: Image, content: Option<&Image>| match (recipe.common.preserve_color, content) {
                (PreserveColor::Statistics, Some(content)) => {
                    color::match_statistics(&style, content)
                }
                (PreserveColor::Luminance, Some(content)) => {
                    color::match_statistics(&color::luminance(&style), &color::luminance(content))
                }
                _ => style,
            };
        let (mut asset, mut content) = match inputs.content {
            Some(picture) => {
                let Picture { width, height, rgb, alpha, origin } = picture;
                let (width, height) = (width as usize, height as usize);
                (
                    Some(Asset { width, height, alpha, origin, colors: None }),
                    Some(Image { width, height, rgb }),
                )
            }
            None => (None, None),
        };
        let styles: Vec<_> = inputs
            .styles
            .into_iter()
            .map(|(style, weight)| (recolor(Image::from_picture(style), content.as_ref()), weight))
            .collect();
        let target = match recipe.common.preserve_color {
            PreserveColor::Luminance => content.as_ref().map(color::luminance),
            PreserveColor::None if recipe.common.palette > 0.0 => content
                .as_ref()
                .map(|content| color::take_palette(content, &styles, recipe.common.palette)),
            PreserveColor::None | PreserveColor::Statistics => content.take(),
        };
        if let Some(asset) =
            asset.as_mut().filter(|_| recipe.common.preserve_color == PreserveColor::Luminance)
        {
            asset.colors = content;
        }
        Self { asset, target, styles, init: inputs.init.map(Image::from_picture), digest }
    }
}

/// How many steps a loss is watched for.
const PLATEAU_STEPS: usize = 10;

/// Whether the best loss of the last steps is less than `share` better than the best before them.
fn on_a_plateau(losses: &[f64], share: f64) -> bool {
    let Some(before) = losses.len().checked_sub(PLATEAU_STEPS).filter(|before| *before > 0) else {
        return false;
    };
    let best = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    share > 0.0 && best(&losses[before..]) > (1.0 - share) * best(&losses[..before])
}

fn check_inputs(recipe: &Optimize, inputs: &Inputs) -> Result<(), EngineError> {
    if inputs.content.is_none() && recipe.init == Init::Content {
        return Err(EngineError::MissingInput("a content image"));
    }
    if inputs.styles.is_empty() {
        return Err(EngineError::MissingInput("a style image"));
    }
    if recipe.init == Init::Image && inputs.init.is_none() {
        return Err(EngineError::MissingInput("an image to begin with"));
    }
    let total: f32 = inputs.styles.iter().map(|(_, weight)| weight).sum();
    let usable =
        inputs.styles.iter().all(|(_, weight)| *weight >= 0.0) && total.is_finite() && total > 0.0;
    if !usable {
        return Err(EngineError::StyleWeights(total));
    }
    let content = inputs.content.iter().map(|picture| ("asset", picture));
    let styles = inputs.styles.iter().map(|(picture, _)| ("style image", picture));
    let init = inputs.init.iter().map(|picture| ("image to begin with", picture));
    for (what, picture) in content.chain(styles).chain(init) {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&picture.width) || !sides.contains(&picture.height) {
            return Err(EngineError::Size {
                what,
                width: picture.width,
                height: picture.height,
                max: MAX_SIDE,
            });
        }
    }
    Ok(())
}

/// The result's size: the recipe's, in the asset's shape; a synthesised texture without an asset is
/// square.
fn output_size(recipe: &Optimize, inputs: &Inputs) -> Result<(u32, u32), EngineError> {
    match (&inputs.content, recipe.common.size) {
        (Some(content), _) => Ok(recipe.common.output_size(content.width, content.height)),
        (None, Some(size)) => Ok((size, size)),
        (None, None) => Err(EngineError::MissingInput("a size")),
    }
}

fn digest_of(inputs: &Inputs) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |picture: &Picture, weight: f32| {
        hasher.update(&picture.width.to_le_bytes());
        hasher.update(&picture.height.to_le_bytes());
        hasher.update(&weight.to_le_bytes());
        picture.rgb.iter().for_each(|value| {
            hasher.update(&value.to_le_bytes());
        });
    };
    inputs.content.iter().for_each(|picture| add(picture, 0.0));
    inputs.styles.iter().for_each(|(picture, weight)| add(picture, *weight));
    inputs.init.iter().for_each(|picture| add(picture, 0.0));
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_is_ten_steps_that_gain_too_little() {
        let falling = |rate: f64| (0..40).map(|step| rate.powi(step)).collect::<Vec<_>>();
        assert!(!on_a_plateau(&falling(0.98), 0.1));
        assert!(on_a_plateau(&falling(0.999), 0.1));
        assert!(!on_a_plateau(&falling(0.999), 0.0), "a share of zero never ends a scale");
        assert!(!on_a_plateau(&falling(0.999)[..PLATEAU_STEPS], 0.1), "too early to tell");
        let mut bump = falling(0.9);
        bump.push(5.0);
        assert!(!on_a_plateau(&bump, 0.1), "one bad step is no plateau");
    }
}
