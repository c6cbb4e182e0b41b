//! The steps of a session.

use impasto_types::{Losses, Scale};

use super::{NO_PLAN, Painting, Session, Stage, Waiting};
use crate::optimize::checkpoint::{self, Saved};
use crate::optimize::device::{Move, State};
use crate::optimize::plateau::on_a_plateau;
use crate::{EngineError, Image, Interrupt, Run, Step, StepReport};

impl Run for Session {
    fn step(&mut self) -> Result<Step, EngineError> {
        let stage = self.stage.take().ok_or(EngineError::Ended)?;
        let Some(mut painting) = self.painting(stage)? else { return Ok(Step::Done) };
        let scale = self.schedule.present();
        let (terms, moved) = match self.engine.install(|| painting.canvas.step()) {
            Ok(stepped) => stepped,
            Err(error) => {
                let interrupted = matches!(error, EngineError::Interrupted);
                self.stage = interrupted.then_some(Stage::Painting(painting));
                return Err(error);
            }
        };
        let loss = terms.total();
        painting.losses.push(loss);
        let here = painting.losses.len() as u32;
        let iteration = self.schedule.steps_before() + here;
        self.has_measured |= loss.is_finite();
        if moved == Move::Lost || !loss.is_finite() {
            self.keep_best(&painting, iteration)?;
        }
        let over = moved != Move::Taken
            || !loss.is_finite()
            || here >= scale.iterations
            || on_a_plateau(&painting.losses, f64::from(self.recipe.plateau));
        let done = self.schedule.done(here, over);
        self.stage = Some(if over { self.end_scale(painting)? } else { Stage::Painting(painting) });
        let losses = Losses { total: loss, content: terms.content, style: terms.style };
        Ok(Step::Running(StepReport {
            iteration,
            iterations: self.schedule.steps(),
            scale: (scale.width, scale.height),
            done,
            losses: loss.is_finite().then_some(losses),
        }))
    }

    fn uncut_bytes(&self) -> u64 {
        self.uncut_bytes
    }

    fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    fn warning(&self) -> Option<String> {
        self.warning.clone()
    }

    fn picture(&self) -> Result<Image, EngineError> {
        let (stage, engine) = (self.stage()?, &self.engine);
        let canvas = match stage {
            Stage::Waiting(waiting) => waiting.canvas.clone(),
            Stage::Painting(painting) => painting.canvas.picture()?,
            Stage::Done(picture) => {
                return Ok(engine.install(|| self.sources.finished(picture.clone())));
            }
        };
        Ok(engine.install(|| self.sources.finished(self.preview(canvas))))
    }

    fn checkpoint(&self) -> Result<Vec<u8>, EngineError> {
        let scale = self.schedule.at();
        let saved = match self.stage()? {
            Stage::Done(_) => return Ok(Vec::new()),
            Stage::Waiting(Waiting { canvas, warmth }) => {
                let memory = warmth.as_ref().map(|warmth| warmth.memory.clone());
                let (pixels, memory) = (canvas.rgb.clone(), memory.unwrap_or_default());
                Saved { scale, plan: NO_PLAN, losses: Vec::new(), pixels, memory }
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

impl Session {
    /// Begins the scale that waits, if one does. An interruption leaves it waiting.
    fn painting(&mut self, stage: Stage) -> Result<Option<Painting>, EngineError> {
        let waiting = match stage {
            Stage::Painting(painting) => return Ok(Some(painting)),
            done @ Stage::Done(_) => {
                self.stage = Some(done);
                return Ok(None);
            }
            Stage::Waiting(waiting) => waiting,
        };
        match self.style_targets(&waiting.canvas) {
            Ok(style) => self.begin_scale(waiting, style).map(Some),
            Err(error) => {
                let interrupted = matches!(error, EngineError::Interrupted);
                self.stage = interrupted.then_some(Stage::Waiting(waiting));
                Err(error)
            }
        }
    }

    /// Keeps the picture of the last finite loss, and says so.
    ///
    /// # Errors
    /// Where there is none.
    fn keep_best(&mut self, painting: &Painting, iteration: u32) -> Result<(), EngineError> {
        let Scale { width, height, .. } = self.schedule.present();
        let is_finite = |picture: Image| picture.rgb.iter().all(|value| value.is_finite());
        if !self.has_measured || !painting.canvas.picture().is_ok_and(is_finite) {
            return Err(EngineError::NotFinite { iteration, width, height });
        }
        let warning = format!(
            "the loss was not finite at iteration {iteration} ({width} x {height}), so the picture \
             before it was kept; lower style_weight or learning_rate"
        );
        self.warning.get_or_insert(warning);
        Ok(())
    }
}
