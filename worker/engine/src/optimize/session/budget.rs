//! What a session takes of its memory, and whether that is enough.

use impasto_types::{Init, Scale};

use super::Session;
use crate::optimize::device::{Plan, View, Work};
use crate::optimize::optimizer::OptimizerPlan;
use crate::sources::Sources;
use crate::threads::PROCESS_BYTES;
use crate::{EngineError, Style};

impl Session {
    /// The plan of a scale before the last.
    pub(super) fn plan_of(&self, scale: Scale) -> Result<Plan, EngineError> {
        let budget = self.budget_bytes.saturating_sub(self.held_bytes());
        self.engine.backend().plan(&self.work(scale), budget)
    }

    /// Plans all that the run will ask memory for, so that what cannot be painted is refused before
    /// the coarse scales are, and the error names what is enough to the end. Returns the budget
    /// from which on nothing is cut.
    pub(super) fn check_budget(&self) -> Result<u64, EngineError> {
        let backend = self.engine.backend();
        let (mut least, mut uncut) = (0, 0);
        let mut plan = |scale: Scale, held: u64| {
            let work = self.work(scale);
            match backend.plan(&work, self.budget_bytes.saturating_sub(held)) {
                Ok(_) => {}
                Err(EngineError::Memory { least_bytes, .. }) => {
                    least = u64::max(least, held + least_bytes);
                }
                Err(error) => return Err(error),
            }
            uncut = u64::max(uncut, held.saturating_add(backend.plan(&work, u64::MAX)?.bytes));
            Ok(OptimizerPlan::of(&self.recipe, work.wraps()).warmth_bytes(work.len()))
        };
        let (held, last) = (self.held_bytes(), self.schedule.last());
        let (mut styles, mut uncut_styles, mut warmth) = (0, 0, 0);
        let grows = |at: usize| {
            let size = |scale: Scale| (scale.width, scale.height);
            let mut sizes = self.schedule.all().map(size).skip(at);
            sizes.next().zip(sizes.next()).is_some_and(|(own, next)| own != next)
        };
        let mut patterns = 0;
        for (at, scale) in self.schedule.all().enumerate() {
            let beside = held + 4 * self.work(scale).len() as u64 + warmth;
            let first = self.schedule.has_first_size(at);
            let style = self.style_bytes(scale, first, |size, weighted, view| {
                backend.least_moments(size, weighted, view)
            });
            let uncut_style = self.style_bytes(scale, first, |size, weighted, view| {
                backend.uncut_moments(size, weighted, view)
            });
            styles = u64::max(styles, beside + style);
            uncut_styles = u64::max(uncut_styles, beside + uncut_style);
            warmth = plan(scale, if scale == last { self.kept_bytes() } else { held })?;
            if at == 0 || grows(at) {
                let pattern = self.sources.pattern_bytes(&self.recipe, scale, first);
                patterns = u64::max(patterns, beside + warmth + pattern);
            }
        }
        let prepared = held + self.sources.preparation_bytes((&self.recipe).into());
        // Of which nothing is cut.
        let begun = held + self.beginning_bytes(self.schedule.present());
        let whole = prepared.max(patterns).max(begun);
        let least_bytes = least.max(styles).max(whole);
        if least_bytes <= self.budget_bytes {
            return Ok(uncut.max(uncut_styles).max(whole));
        }
        let (width, height) = (last.width as usize, last.height as usize);
        let budget_bytes = self.budget_bytes;
        Err(EngineError::Memory { width, height, least_bytes, budget_bytes })
    }

    /// Checks the memory of what the run begins with, where that is what it ends with.
    pub(super) fn check_beginning(&self) -> Result<(), EngineError> {
        let (last, budget_bytes) = (self.schedule.last(), self.budget_bytes);
        let least_bytes = self.held_bytes() + self.beginning_bytes(last);
        if least_bytes > budget_bytes {
            let (width, height) = (last.width as usize, last.height as usize);
            return Err(EngineError::Memory { width, height, least_bytes, budget_bytes });
        }
        Ok(())
    }

    /// What painting the picture takes that the run begins with at a scale.
    fn beginning_bytes(&self, scale: Scale) -> u64 {
        let size = self.frame(scale).picture();
        let beginning = self.engine.beginning().filter(|_| self.recipe.init == Init::Arbitrary);
        beginning.map_or(0, |beginning| beginning.painting_bytes(&self.sources, size))
    }

    /// What a style image takes while it is measured at a scale, which may be the first, if its
    /// moments take so much: the most of all.
    pub(super) fn style_bytes(
        &self,
        scale: Scale,
        first: bool,
        moments: impl Fn((usize, usize), bool, View) -> u64,
    ) -> u64 {
        if !self.recipe.is_styled() {
            return 0;
        }
        let bytes = |style: &Style, (scale, view): (Scale, View)| {
            let size = Sources::style_size(&self.recipe, style, scale, first);
            let weighted = style.weights.is_some();
            let values = if weighted { 4 } else { 3 };
            4 * values * (size.0 * size.1) as u64 + moments(size, weighted, view)
        };
        let looks = self.style_looks(scale);
        let each = |style| looks.iter().map(move |&look| bytes(style, look));
        self.sources.styles().iter().flat_map(each).max().unwrap_or(0)
    }

    /// How style images are looked at for a scale: in the size that they have beside its picture,
    /// then in the one beside its reduced copy, where deeper layers are evaluated there. Neither
    /// look goes deeper than its layers.
    pub(super) fn style_looks(&self, scale: Scale) -> Vec<(Scale, View)> {
        let (work, view) = (self.work(scale), View::of_style(&self.recipe));
        let copy = work.copy().map(|copy| {
            let beside = |side: u32, canvas: usize, copy: usize| {
                ((f64::from(side) * copy as f64 / canvas as f64).round() as u32).max(1)
            };
            let (width, height) = copy.size;
            let reduced = Scale {
                width: beside(scale.width, work.width(), width),
                height: beside(scale.height, work.height(), height),
                ..scale
            };
            (reduced, view.up_to(copy.view.deepest))
        });
        [Some((scale, view.up_to(work.view().deepest))), copy].into_iter().flatten().collect()
    }

    /// What a scale asks of a device, while the session has the content.
    pub(super) fn work(&self, scale: Scale) -> Work<'_> {
        let content = self.sources.has_target() && self.recipe.content_weight > 0.0;
        let masked = self.sources.has_mask();
        Work { recipe: &self.recipe, frame: self.frame(scale), content, masked }
    }

    /// Memory that the session holds beside the picture that it paints.
    pub(super) fn held_bytes(&self) -> u64 {
        PROCESS_BYTES + self.engine.bytes() + self.sources.bytes()
    }

    /// Memory that the session holds to the end.
    pub(super) fn kept_bytes(&self) -> u64 {
        PROCESS_BYTES + self.engine.bytes() + self.sources.kept_bytes()
    }

    /// Memory of what the optimiser learnt at the coarser scale. It is counted whether or not there
    /// is anything, so that a resumed run cuts its styles as the first one did.
    pub(super) fn warmth_bytes(&self) -> Result<u64, EngineError> {
        let Some(coarser) = self.schedule.coarser() else { return Ok(0) };
        Ok(self.plan_of(coarser)?.optimizer.warmth_bytes(self.work(coarser).len()))
    }

    /// What the picture and the optimiser's vectors of any scale take at most: a checkpoint of this
    /// run is no larger.
    pub(super) fn most_checkpoint_bytes(&self) -> u64 {
        let frames = self.schedule.all().map(|scale| self.frame(scale));
        let values = frames.map(|frame| frame.width() * frame.height() * 3).max().unwrap_or(0);
        let plan = OptimizerPlan::of(&self.recipe, self.work(self.schedule.present()).wraps());
        4 * values as u64 + plan.bytes(values)
    }
}
