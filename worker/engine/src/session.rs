//! One run of a recipe, step by step, coarse to fine.

use std::fmt;
use std::sync::Arc;

use impasto_assets::{Origin, Picture};
use impasto_kernels::{Edge, Pool, Shape};
use impasto_types::{ContainerFormat, Init, Method, Padding, Pooling, PreserveColor, Recipe, Scale};

use crate::noise::SplitMix64;
use crate::objective::{ContentTarget, Objective, StyleTarget};
use crate::optimizer::Optimizer;
use crate::pass::Pass;
use crate::resize::resize;
use crate::total_variation::total_variation;
use crate::{Engine, EngineError, Image, checkpoint, color};

/// The pictures that a recipe works on.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The asset; it may be missing only where a texture is synthesised, and then its size is asked of `Recipe::size`.
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
    /// The loss before this step, and its parts.
    pub loss: f64,
    pub content_loss: f64,
    pub style_loss: f64,
}

/// One run. [`Session::step`] it until it is done, then take its [`Session::picture`]; drop it to cancel.
pub struct Session {
    engine: Arc<Engine>,
    recipe: Recipe,
    sources: Sources,
    scales: Vec<Scale>,
    /// Index into `scales`; equal to their number when done.
    at: usize,
    /// Steps done at this scale.
    iteration: u32,
    picture: Image,
    /// `None` before a scale's first step and when done.
    stage: Option<Stage>,
}

/// The inputs as the engine computes with them.
#[derive(Debug)]
struct Sources {
    content: Option<Picture>,
    /// What the content loss looks at: the content, recoloured as the recipe says.
    target: Option<Image>,
    styles: Vec<(Image, f32)>,
    init: Option<Image>,
    /// Names the inputs in a checkpoint.
    digest: blake3::Hash,
}

/// What a scale needs while it runs.
struct Stage {
    pass: Box<dyn Pass>,
    objective: Objective,
    optimizer: Optimizer,
    gradient: Vec<f32>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("recipe", &self.recipe)
            .field("at", &self.at)
            .field("iteration", &self.iteration)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Checks the recipe and the pictures, and makes ready to begin.
    ///
    /// # Errors
    /// Names the parameter or picture that cannot be used.
    pub fn new(engine: Arc<Engine>, recipe: Recipe, inputs: Inputs) -> Result<Self, EngineError> {
        recipe.check()?;
        check_inputs(&recipe, &inputs)?;
        let (width, height) = output_size(&recipe, &inputs)?;
        let scales = recipe.scales(width, height);
        let sources = engine.install(|| Sources::new(&recipe, inputs));
        let mut session =
            Self { engine, recipe, sources, scales, at: 0, iteration: 0, picture: Image::filled(1, 1, [0.0; 3]), stage: None };
        session.picture = session.first_picture();
        Ok(session)
    }

    /// Takes up a run that [`Session::checkpoint`] wrote, with the same recipe and pictures. It goes on to the same result, to the last bit.
    ///
    /// # Errors
    /// Where the checkpoint is damaged or belongs to another run.
    pub fn resume(engine: Arc<Engine>, recipe: Recipe, inputs: Inputs, bytes: &[u8]) -> Result<Self, EngineError> {
        let mut session = Self::new(engine, recipe, inputs)?;
        let saved = checkpoint::read(bytes, &session.identity())?;
        let Some(scale) = session.scales.get(saved.scale).copied() else {
            return Err(EngineError::Checkpoint("it names a scale that the run does not have"));
        };
        let (width, height) = (scale.width as usize, scale.height as usize);
        if saved.pixels.len() != width * height * 3 || saved.iteration >= scale.iterations {
            return Err(EngineError::Checkpoint("its picture does not fit its scale"));
        }
        session.at = saved.scale;
        session.picture = Image { width, height, rgb: saved.pixels };
        session.begin_scale()?;
        session.iteration = saved.iteration;
        let len = session.picture.rgb.len();
        let optimizer = Optimizer::recall(&session.recipe, len, saved.memory);
        let optimizer = optimizer.ok_or(EngineError::Checkpoint("its optimiser state does not fit the recipe"))?;
        if let Some(stage) = &mut session.stage {
            stage.optimizer = optimizer;
        }
        Ok(session)
    }

    /// One optimiser step; at the end of a scale, the step to the next.
    ///
    /// # Errors
    /// Where the loss is not finite, or the device fails. The session is of no more use then.
    pub fn step(&mut self) -> Result<Step, EngineError> {
        let Some(&scale) = self.scales.get(self.at) else { return Ok(Step::Done) };
        if self.stage.is_none() {
            self.begin_scale()?;
        }
        let engine = self.engine.clone();
        let report = engine.install(|| self.optimize(scale))?;
        if self.iteration >= scale.iterations {
            self.end_scale();
        }
        Ok(Step::Running(report))
    }

    /// The picture as it stands: the result once the session is done, a preview before. It has the asset's alpha, depth and profile.
    ///
    /// # Errors
    /// None at present; a device may fail to hand its picture over.
    pub fn picture(&self) -> Result<Picture, EngineError> {
        let result = match &self.stage {
            Some(stage) => Image { rgb: stage.optimizer.result(&self.picture.rgb), ..self.picture },
            None => self.picture.clone(),
        };
        let (width, height) = self.scales.last().map_or((1, 1), |scale| (scale.width, scale.height));
        Ok(self.engine.install(|| self.finish(&result, width, height)))
    }

    /// All that it takes to go on from here, in this version's own format. Empty when done.
    pub fn checkpoint(&self) -> Vec<u8> {
        let memory = match &self.stage {
            Some(stage) => stage.optimizer.memory(),
            None => Optimizer::new(&self.recipe, self.picture.rgb.len()).memory(),
        };
        let saved = checkpoint::Saved { scale: self.at, iteration: self.iteration, pixels: self.picture.rgb.clone(), memory };
        if self.at == self.scales.len() { Vec::new() } else { checkpoint::write(&saved, &self.identity()) }
    }

    /// What tells this run from others: the recipe and the pictures.
    fn identity(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?} {}", self.recipe, impasto_types::ENGINE_VERSION).as_bytes());
        hasher.update(self.sources.digest.as_bytes());
        hasher.finalize()
    }

    /// The picture that the first scale begins with.
    fn first_picture(&self) -> Image {
        let Some(&Scale { width, height, .. }) = self.scales.first() else { return self.picture.clone() };
        let (width, height) = (width as usize, height as usize);
        let source = match self.recipe.init {
            Init::Content => self.sources.target.as_ref(),
            Init::Image => self.sources.init.as_ref(),
            Init::Noise => None,
        };
        match source {
            Some(source) => self.engine.install(|| self.fit(source, width, height)),
            None => self.noise(width, height),
        }
    }

    /// Noise around the styles' mean colour.
    fn noise(&self, width: usize, height: usize) -> Image {
        let total: f32 = self.sources.styles.iter().map(|(_, weight)| weight).sum();
        let mut mean = [0.0; 3];
        for (style, weight) in &self.sources.styles {
            let scale = weight / total / style.pixels() as f32;
            style.rgb.chunks_exact(3).for_each(|pixel| (0..3).for_each(|c| mean[c] += pixel[c] * scale));
        }
        let mut noise = SplitMix64::new(self.recipe.seed);
        let mut image = Image::filled(width, height, mean);
        image.rgb.iter_mut().for_each(|value| *value += 40.0 * noise.normal());
        image.clamp();
        image
    }

    /// `source` at this size, its borders treated as the recipe's are.
    fn fit(&self, source: &Image, width: usize, height: usize) -> Image {
        let mut image = resize(source, width, height, self.recipe.tileable.wraps_x(), self.recipe.tileable.wraps_y());
        image.clamp();
        image
    }

    /// Measures the targets at the scale that comes next.
    fn begin_scale(&mut self) -> Result<(), EngineError> {
        let Some(&scale) = self.scales.get(self.at) else { return Ok(()) };
        let engine = self.engine.clone();
        self.stage = Some(engine.install(|| self.stage(scale))?);
        self.iteration = 0;
        Ok(())
    }

    fn stage(&self, scale: Scale) -> Result<Stage, EngineError> {
        let (width, height) = (scale.width as usize, scale.height as usize);
        let mut styles = Vec::new();
        for (style, weight) in &self.sources.styles {
            let style = self.style_at(style, scale);
            let mut pass = self.engine.backend().pass(self.shape(style.width, style.height, false));
            styles.push((pass.statistics(&style)?, *weight));
        }
        let mut pass = self.engine.backend().pass(self.shape(width, height, true));
        let content = match &self.sources.target {
            Some(target) if self.recipe.content_weight > 0.0 => {
                let features = pass.features(&self.fit(target, width, height))?;
                Some(ContentTarget::new(&self.recipe, features))
            }
            _ => None,
        };
        let objective = Objective { content, style: StyleTarget::layers(&self.recipe, &styles) };
        let len = self.picture.rgb.len();
        Ok(Stage { pass, objective, optimizer: Optimizer::new(&self.recipe, len), gradient: vec![0.0; len] })
    }

    /// A style image for a scale: its longer side is `style_scale` times the scale's, but it is never enlarged, since that would teach its blur.
    fn style_at(&self, style: &Image, scale: Scale) -> Image {
        let wanted = f64::from(scale.width.max(scale.height)) * f64::from(self.recipe.style_scale);
        let ratio = (wanted / style.width.max(style.height) as f64).min(1.0);
        let side = |length: usize| ((length as f64 * ratio).round() as usize).max(Recipe::MIN_SIDE as usize);
        let mut fitted = resize(style, side(style.width), side(style.height), false, false);
        fitted.clamp();
        fitted
    }

    /// How the network sees a picture of this size; a style image never wraps.
    fn shape(&self, width: usize, height: usize, wraps: bool) -> Shape {
        let edge = match self.recipe.padding {
            Padding::Zero => Edge::Zero,
            Padding::Replicate => Edge::Replicate,
            Padding::Reflect => Edge::Reflect,
        };
        let along = |wrap| if wrap { Edge::Wrap } else { edge };
        let tileable = self.recipe.tileable;
        Shape {
            width,
            height,
            edge_x: along(wraps && tileable.wraps_x()),
            edge_y: along(wraps && tileable.wraps_y()),
            pool: match self.recipe.pooling {
                Pooling::Max => Pool::Max,
                Pooling::Average => Pool::Average,
            },
        }
    }

    /// Evaluates the loss and moves the pixels.
    fn optimize(&mut self, scale: Scale) -> Result<StepReport, EngineError> {
        let Some(stage) = &mut self.stage else { unreachable!("a scale that runs has its stage") };
        let terms = stage.pass.evaluate(&self.picture, &stage.objective, &mut stage.gradient)?;
        let tileable = self.recipe.tileable;
        let smoothness = total_variation(&self.picture, self.recipe.tv_weight, tileable.wraps_x(), tileable.wraps_y(), &mut stage.gradient);
        let loss = terms.content + terms.style + smoothness;
        self.iteration += 1;
        let before: u32 = self.scales[..self.at].iter().map(|scale| scale.iterations).sum();
        let iteration = before + self.iteration;
        if !loss.is_finite() {
            return Err(EngineError::NotFinite { iteration, width: scale.width, height: scale.height, loss });
        }
        stage.optimizer.step(&mut self.picture.rgb, loss, &stage.gradient);
        Ok(StepReport {
            iteration,
            iterations: self.scales.iter().map(|scale| scale.iterations).sum(),
            scale: (scale.width, scale.height),
            loss,
            content_loss: terms.content,
            style_loss: terms.style,
        })
    }

    /// Takes the scale's result, and enlarges it for the next scale if there is one.
    fn end_scale(&mut self) {
        if let Some(stage) = self.stage.take() {
            self.picture.rgb = stage.optimizer.result(&self.picture.rgb);
        }
        self.at += 1;
        self.iteration = 0;
        if let Some(&Scale { width, height, .. }) = self.scales.get(self.at) {
            let engine = self.engine.clone();
            self.picture = engine.install(|| self.fit(&self.picture, width as usize, height as usize));
        }
    }

    /// A picture of the final size with what the asset has beside its colours.
    fn finish(&self, result: &Image, width: u32, height: u32) -> Picture {
        let result = self.fit(result, width as usize, height as usize);
        let Some(content) = &self.sources.content else {
            let origin = Origin::synthetic("the texture", ContainerFormat::Png);
            return Picture { width, height, rgb: result.rgb, alpha: None, origin };
        };
        let original = self.fit(&Image::of_picture(content), width as usize, height as usize);
        let rgb = match self.recipe.preserve_color {
            PreserveColor::Luminance => color::restore_chroma(&result, &original).rgb,
            PreserveColor::None | PreserveColor::Statistics => result.rgb,
        };
        let alpha = content.alpha.as_ref().map(|alpha| {
            let size = (content.width as usize, content.height as usize);
            let to = (width as usize, height as usize);
            if size == to {
                return alpha.clone();
            }
            let (wrap_x, wrap_y) = (self.recipe.tileable.wraps_x(), self.recipe.tileable.wraps_y());
            let resized = crate::resize::resample(alpha, size, to, 1, wrap_x, wrap_y);
            resized.into_iter().map(|value| value.clamp(0.0, 1.0)).collect()
        });
        Picture { width, height, rgb, alpha, origin: content.origin.clone() }
    }
}

impl Sources {
    fn new(recipe: &Recipe, inputs: Inputs) -> Self {
        let digest = digest_of(&inputs);
        let content = inputs.content.as_ref().map(Image::of_picture);
        let recolor = |style: &Image| match (recipe.preserve_color, &content) {
            (PreserveColor::Statistics, Some(content)) => color::match_statistics(style, content),
            (PreserveColor::Luminance, Some(content)) => color::match_statistics(&color::luminance(style), &color::luminance(content)),
            _ => style.clone(),
        };
        let styles: Vec<_> = inputs.styles.iter().map(|(style, weight)| (recolor(&Image::of_picture(style)), *weight)).collect();
        let target = match recipe.preserve_color {
            PreserveColor::Luminance => content.as_ref().map(color::luminance),
            PreserveColor::Statistics => content,
            PreserveColor::None if recipe.palette > 0.0 => content.map(|content| color::take_palette(&content, &styles, recipe.palette)),
            PreserveColor::None => content,
        };
        let target = if recipe.method == Method::Synthesize { None } else { target };
        Self { content: inputs.content, target, styles, init: inputs.init.as_ref().map(Image::of_picture), digest }
    }
}

fn check_inputs(recipe: &Recipe, inputs: &Inputs) -> Result<(), EngineError> {
    if inputs.content.is_none() && recipe.method == Method::Optimize {
        return Err(EngineError::MissingInput("a content image"));
    }
    if inputs.styles.is_empty() {
        return Err(EngineError::MissingInput("a style image"));
    }
    if recipe.init == Init::Image && inputs.init.is_none() {
        return Err(EngineError::MissingInput("an image to begin with"));
    }
    let total: f32 = inputs.styles.iter().map(|(_, weight)| weight).sum();
    let usable = inputs.styles.iter().all(|(_, weight)| *weight >= 0.0) && total.is_finite() && total > 0.0;
    if !usable {
        return Err(EngineError::StyleWeights(total));
    }
    let content = inputs.content.iter().map(|picture| ("asset", picture));
    let styles = inputs.styles.iter().map(|(picture, _)| ("style image", picture));
    let init = inputs.init.iter().map(|picture| ("image to begin with", picture));
    for (what, picture) in content.chain(styles).chain(init) {
        let sides = 1..=Recipe::MAX_SIDE;
        if !sides.contains(&picture.width) || !sides.contains(&picture.height) {
            return Err(EngineError::Size { what, width: picture.width, height: picture.height, max: Recipe::MAX_SIDE });
        }
    }
    Ok(())
}

/// The result's size: the recipe's, in the asset's shape; a synthesised texture without an asset is square.
fn output_size(recipe: &Recipe, inputs: &Inputs) -> Result<(u32, u32), EngineError> {
    match (&inputs.content, recipe.size) {
        (Some(content), _) => Ok(recipe.output_size(content.width, content.height)),
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
