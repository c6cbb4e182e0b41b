//! The two networks for any style, prepared once and shared by sessions, and what they make of a
//! scale.

use std::fmt;
use std::sync::Arc;

use impasto_kernels::Level;
use impasto_kernels::networks::{
    Canvas, StylePredictor, StyleTransformer, StyleVector, TensorError, Tensors, Workspace,
};
use impasto_models::NamedTensor;
use impasto_types::Arbitrary;

use super::card::{CardBody, CardRun};
use super::pass::Pass;
use super::seen::{Seen, digest};
use super::squares::{Square, squares};
use super::workshop::{Workshop, unpaintable};
use crate::cards::Handle;
use crate::sources::Sources;
use crate::{EngineError, Image, Interrupt, Mask};

/// The network that looks at styles, the one that paints, and the threads that work for them. A
/// clone shares them.
#[derive(Clone)]
pub struct Networks {
    predictor: Arc<StylePredictor>,
    transformer: Arc<StyleTransformer>,
    level: Level,
    workshop: Arc<Workshop>,
    bytes: u64,
    /// What was seen in squares of styles.
    vectors: Arc<Seen<StyleVector>>,
    /// The network that paints, where it does so on a card.
    card: Option<Arc<CardBody>>,
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Networks").field("device", &self.device()).finish_non_exhaustive()
    }
}

impl Networks {
    /// Prepares the networks for the CPU, on `threads` threads. `level` may lower the instructions
    /// that the kernels use; `None` uses the best there are.
    ///
    /// # Errors
    /// Where the tensors are not those of the two networks, or no threads are to be had.
    pub fn new(
        tensors: &[NamedTensor],
        threads: usize,
        level: Option<Level>,
    ) -> Result<Self, EngineError> {
        let level = level.map_or_else(Level::detect, Level::lowered);
        let values: usize = tensors.iter().map(|tensor| tensor.values.len()).sum();
        let workshop = Arc::new(Workshop::new(threads)?);
        let unfit = |error: TensorError| EngineError::Weights(error.to_string());
        let named = tensors.iter().map(|it| (&it.name[..], &it.shape[..], &it.values[..]));
        let tensors = Tensors::new(named).map_err(unfit)?;
        let predictor = StylePredictor::new(&tensors, level).map_err(unfit)?;
        let transformer = StyleTransformer::new(&tensors, level).map_err(unfit)?;
        tensors.finish("").map_err(unfit)?;
        // The convolutions are there for a card as well.
        let bytes = 4 * (values + transformer.weights().parameters()) as u64;
        let (predictor, transformer) = (Arc::new(predictor), Arc::new(transformer));
        let vectors = Arc::default();
        Ok(Self { predictor, transformer, level, workshop, bytes, vectors, card: None })
    }

    /// The same, painting on a card that [`cards::cuda`](crate::cards::cuda) opened. The CPU looks
    /// at styles, once at each, and paints what the card has no memory for.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn on_card(&self, card: &Handle) -> Result<Self, EngineError> {
        let card = CardBody::new(self.transformer.weights(), card)?;
        Ok(Self { card: Some(Arc::new(card)), ..self.clone() })
    }

    /// What they run on, such as `cpu avx512 fp32`.
    pub fn device(&self) -> String {
        self.card.as_ref().map_or_else(|| format!("cpu {} fp32", self.level), |card| card.label())
    }

    /// Memory that the prepared networks take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that painting a picture of this size on the CPU takes, beside the picture.
    pub(super) fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        self.transformer.run_bytes(size, wraps)
    }

    /// The vector of squares, each by its weight.
    fn vector(&self, squares: &[Square]) -> Result<StyleVector, EngineError> {
        let total: f32 = squares.iter().map(|square| square.weight).sum();
        let vectors = squares
            .iter()
            .map(|square| Ok((square.weight / total, self.seen(&square.rgb)?)))
            .collect::<Result<Vec<_>, EngineError>>()?;
        mixed(&vectors)
    }

    /// The vector of a square.
    fn seen(&self, rgb: &[f32]) -> Result<StyleVector, EngineError> {
        self.vectors.of(digest([rgb]), || {
            self.workshop.with_workspace(|workspace| {
                self.predictor.predict(workspace, rgb).map_err(unpaintable)
            })
        })
    }
}

/// A run of the networks by a recipe.
#[derive(Debug)]
pub(super) struct AnyStyle {
    pub(super) networks: Arc<Networks>,
    pub(super) recipe: Arbitrary,
    /// The style at the scale that was looked at last.
    pub(super) style: Option<StyleVector>,
    pub(super) card: CardRun,
}

impl AnyStyle {
    pub(super) fn new(networks: Arc<Networks>, recipe: Arbitrary, budget_bytes: u64) -> Self {
        let card = CardRun::new(networks.card.clone(), budget_bytes);
        Self { networks, recipe, style: None, card }
    }
}

impl Pass for AnyStyle {
    fn workshop(&self) -> &Workshop {
        &self.networks.workshop
    }

    fn bytes(&self) -> u64 {
        self.networks.bytes
    }

    fn run_bytes(&self, size: (usize, usize), wraps: (bool, bool)) -> u64 {
        self.card.host_bytes(size, wraps, || self.networks.run_bytes(size, wraps))
    }

    fn falls_back(&self, size: (usize, usize), wraps: (bool, bool)) -> bool {
        self.card.falls_back(size, wraps)
    }

    /// That of the style images, and of the asset as far as the recipe leaves it its own.
    fn look(
        &mut self,
        sources: &Sources,
        size: (usize, usize),
        _: &Interrupt,
    ) -> Result<(), EngineError> {
        let Self { recipe, networks, .. } = self;
        let strength = recipe.pass.strength;
        let picture = (size.0 as u32, size.1 as u32);
        let look = |image: &Image, weights: Option<&Mask>, factor: f64| {
            networks.vector(&networks.workshop.install(|| squares(image, weights, factor)))
        };
        let total: f32 = sources.styles().iter().map(|style| style.share).sum();
        let mut parts = Vec::new();
        if strength > 0.0 {
            for style in sources.styles() {
                let own = (style.image.width as u32, style.image.height as u32);
                let factor = recipe.style_factor(own, picture);
                let vector = look(&style.image, style.weights.as_ref(), factor)?;
                parts.push((strength * style.share / total, vector));
            }
        }
        if strength < 1.0 {
            let target = networks.workshop.install(|| sources.target_at(size));
            let target = target.ok_or(EngineError::MissingInput("a content image"))?;
            parts.push((1.0 - strength, look(&target, None, 1.0)?));
        }
        self.style = Some(mixed(&parts)?);
        Ok(())
    }

    fn paint(
        &self,
        workspace: &mut Workspace,
        picture: &mut Canvas<'_>,
        _: &Interrupt,
    ) -> Result<(), EngineError> {
        let style = self.style.as_ref().ok_or(EngineError::MissingInput("a style image"))?;
        let transformer = &self.networks.transformer;
        let factors = || Ok(transformer.factors(style));
        self.card.paint(picture, factors, |picture| {
            transformer.paint_over(workspace, picture, style).map_err(unpaintable)
        })
    }
}

/// The sum of vectors, each by its weight.
fn mixed(parts: &[(f32, StyleVector)]) -> Result<StyleVector, EngineError> {
    let parts: Vec<_> = parts.iter().map(|(weight, vector)| (*weight, vector)).collect();
    StyleVector::mixed(&parts).map_err(|error| EngineError::Weights(error.to_string()))
}
