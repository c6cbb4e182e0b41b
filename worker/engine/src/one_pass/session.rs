//! One run: a pass for each scale, coarse to fine.

use std::fmt;
use std::sync::Arc;

use impasto_types::{Arbitrary, Common, FeedForward, Init, OnePass};

use super::any_style::{AnyStyle, Networks};
use super::learned::{Learned, Network};
use super::pass::Pass;
use super::restyler::{Restyled, Restyler};
use super::scale::{Begun, enlarged, painted};
use crate::sources::{Coloring, Sources};
use crate::threads::PROCESS_BYTES;
use crate::{EngineError, Image, Inputs, Interrupt, Run, Step, StepReport};

/// One run: see [`Run`]. A step is a scale.
///
/// Its checkpoint is a word: all steps together take less than finding and sending a picture, so a
/// run that is taken up begins anew, and comes to the same bytes.
pub struct Session {
    network: Box<dyn Pass>,
    common: Common,
    recipe: OnePass,
    sources: Sources,
    /// Width and height of each scale.
    scales: Vec<(usize, usize)>,
    /// The scales that are done.
    done: usize,
    /// The picture at the last of these.
    picture: Option<Image>,
    interrupt: Interrupt,
    failed: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("recipe", &self.recipe)
            .field("scales", &self.scales)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// What a checkpoint says.
const FROM_THE_BEGINNING: &[u8] = b"from the beginning";

impl Session {
    /// Makes ready to paint in the styles of the inputs.
    ///
    /// # Errors
    /// Names the parameter or picture that cannot be used; [`EngineError::Memory`] where the
    /// process would take more than `budget_bytes`.
    pub fn any_style(
        networks: Arc<Networks>,
        recipe: Arbitrary,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        recipe.check()?;
        inputs.check(Init::Content)?;
        let (common, pass) = (recipe.common.clone(), recipe.pass.clone());
        let network = AnyStyle::new(networks, recipe, budget_bytes);
        Self::new(Box::new(network), common, pass, inputs, budget_bytes)
    }

    /// The same with a network for any style that this program trained.
    ///
    /// # Errors
    /// As [`Self::any_style`].
    pub fn restyled(
        network: Arc<Restyler>,
        recipe: Arbitrary,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        recipe.check()?;
        inputs.check(Init::Content)?;
        let (common, pass) = (recipe.common.clone(), recipe.pass.clone());
        let masked = inputs.mask.is_some();
        let network = Restyled { network, recipe, masked, seen: None };
        Self::new(Box::new(network), common, pass, inputs, budget_bytes)
    }

    /// Makes ready to paint in styles that a network has learned: see [`Network::shares`].
    ///
    /// # Errors
    /// As [`Self::any_style`].
    pub fn learned(
        network: Arc<Network>,
        shares: Vec<f32>,
        recipe: FeedForward,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        recipe.check()?;
        inputs.check_given(Init::Content)?;
        // Which of its styles are painted, the shares say.
        let FeedForward { common, pass, .. } = recipe;
        let network = Learned::new(network, shares, (pass.strength, common.seed), budget_bytes);
        Self::new(Box::new(network), common, pass, inputs, budget_bytes)
    }

    fn new(
        network: Box<dyn Pass>,
        common: Common,
        recipe: OnePass,
        inputs: Inputs,
        budget_bytes: u64,
    ) -> Result<Self, EngineError> {
        let (width, height) = inputs.output_size(&common)?;
        let scales = recipe.scales(width, height, common.tileable).into_iter();
        let scales = scales.map(|(width, height)| (width as usize, height as usize)).collect();
        let sources = Sources::new(Coloring::of_pass(&common, &recipe), inputs);
        let mut session = Self {
            network,
            common,
            recipe,
            sources,
            scales,
            done: 0,
            picture: None,
            interrupt: Interrupt::default(),
            failed: false,
        };
        session.check_budget(budget_bytes)?;
        let Self { network, sources, common, recipe, .. } = &mut session;
        network.workshop().install(|| sources.prepare(Coloring::of_pass(common, recipe)));
        Ok(session)
    }

    /// The result's width and height.
    fn size(&self) -> (usize, usize) {
        self.scales.last().copied().unwrap_or_default()
    }

    fn check_budget(&self, budget_bytes: u64) -> Result<(), EngineError> {
        let size @ (width, height) = self.size();
        let image = 3 * 4 * (width * height) as u64;
        let coloring = Coloring::of_pass(&self.common, &self.recipe);
        let held = PROCESS_BYTES + self.network.bytes() + self.sources.bytes();
        // The asset is held to the end only to be blended with the result.
        let (let_go, blended) = match self.network.share() {
            1.0 => (self.sources.target_bytes(), 0),
            _ => (0, image),
        };
        // The coarser scale's picture, and enlarged; then the asset in that size.
        let asset = if let_go == image { 0 } else { image };
        let begun = held + image + asset.max(image / 4);
        let painting =
            held - let_go + image + self.network.run_bytes(size, self.sources.joins().repeats());
        // Light and dark at each pixel, and what is under a mask, with weights.
        let masked = if self.sources.has_mask() { image + 3 * image / 2 } else { 0 };
        // The asset's chroma is put back in copies of both.
        let chroma = if self.sources.keeps_chroma() { 2 * image } else { 0 };
        let after = held - let_go + 2 * image + masked + blended + chroma;
        let before = held + self.sources.preparation_bytes(coloring);
        // The coarser scale's picture is there meanwhile.
        let looking = held + image + self.network.look_bytes(&self.sources, size);
        let least_bytes = begun.max(painting).max(after).max(before).max(looking);
        if least_bytes > budget_bytes {
            return Err(EngineError::Memory { width, height, least_bytes, budget_bytes });
        }
        Ok(())
    }

    /// What a scale begins with: the asset, or the coarser scale's picture [`enlarged`].
    fn begun(&mut self, size: (usize, usize)) -> Option<Begun> {
        let detail = self.recipe.detail;
        let Some(coarse) = self.picture.take() else { return self.asset(size).map(Begun::first) };
        let picture = enlarged(&self.sources, coarse, size, detail)?;
        let asset = if detail > 0.0 {
            Some(self.asset(size)?)
        } else {
            if self.lets_go() {
                self.sources.drop_target();
            }
            None
        };
        Some(Begun::larger(&self.sources, picture, asset, detail))
    }

    /// Whether nothing needs the asset after the present scale has begun.
    fn lets_go(&self) -> bool {
        self.done + 1 == self.scales.len() && self.network.share() == 1.0
    }

    /// The asset in the size of a scale. It is let go if nothing needs it afterwards.
    fn asset(&mut self, size: (usize, usize)) -> Option<Image> {
        if self.lets_go() { self.sources.last_target(size) } else { self.sources.target_at(size) }
    }

    /// Paints the next scale.
    fn paint(&mut self, size: (usize, usize)) -> Result<Image, EngineError> {
        self.network.look(&self.sources, size, &self.interrupt)?;
        let pool = self.network.workshop().pool();
        let begun = pool.install(|| self.begun(size));
        let begun = begun.ok_or(EngineError::MissingInput("a content image"))?;
        let share = if self.scales.last() == Some(&size) { self.network.share() } else { 1.0 };
        painted(&*self.network, &self.sources, begun, share, &self.interrupt)
    }
}

impl Run for Session {
    fn step(&mut self) -> Result<Step, EngineError> {
        if self.failed {
            return Err(EngineError::Ended);
        }
        self.interrupt.check()?;
        let Some(&size) = self.scales.get(self.done) else { return Ok(Step::Done) };
        self.failed = true;
        self.picture = Some(self.paint(size)?);
        self.failed = false;
        self.done += 1;
        if self.done == self.scales.len() {
            self.sources.drop_styles();
        }
        let pixels = |scales: &[(usize, usize)]| {
            scales.iter().map(|(width, height)| (width * height) as f64).sum::<f64>()
        };
        Ok(Step::Running(StepReport {
            iteration: self.done as u32,
            iterations: self.scales.len() as u32,
            scale: (size.0 as u32, size.1 as u32),
            done: pixels(&self.scales[..self.done]) / pixels(&self.scales),
            losses: None,
        }))
    }

    fn picture(&self) -> Result<Image, EngineError> {
        if self.failed {
            return Err(EngineError::Ended);
        }
        let (width, height) = self.size();
        let shown = self.network.workshop().install(|| {
            let picture = match &self.picture {
                Some(picture) => self.sources.fit(picture, width, height),
                None => self.sources.target_at((width, height))?,
            };
            Some(self.sources.finished(picture))
        });
        shown.ok_or(EngineError::MissingInput("a content image"))
    }

    fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        if self.failed {
            return Err(EngineError::Ended);
        }
        let is_done = self.done == self.scales.len();
        Ok(if is_done { Vec::new() } else { FROM_THE_BEGINNING.to_vec() })
    }

    fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn plan(&self) -> Option<String> {
        let (width, height) = self.scales.get(self.done.checked_sub(1)?)?;
        Some(format!("{width} x {height}: in one pass"))
    }

    fn warning(&self) -> Option<String> {
        let (size, wraps) = (self.size(), self.sources.joins().repeats());
        let falls_back = self.network.falls_back(size, wraps);
        falls_back.then(|| {
            let (width, height) = size;
            format!(
                "the CPU painted {width} x {height} pixels, which do not fit into what may be used \
                 of the GPU's memory"
            )
        })
    }
}
