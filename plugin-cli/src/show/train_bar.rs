//! The progress of a training run.

use super::step_bar::StepBar;
use crate::Screen;
use crate::contact_sheet::loss_text;

/// Follows one run. Without a terminal it prints nothing.
#[derive(Debug)]
pub(crate) struct TrainBar<'a> {
    bar: StepBar<'a>,
    steps: u32,
    held_out: Option<f64>,
}

impl<'a> TrainBar<'a> {
    pub(crate) fn new(screen: &'a Screen, name: &str, steps: u32) -> Self {
        Self { bar: StepBar::new(screen, name), steps, held_out: None }
    }

    /// The held-out pictures were looked at.
    pub(crate) fn looked(&mut self, loss: f64) {
        self.held_out = Some(loss);
    }

    pub(crate) fn step(&mut self, step: u32, loss: f64) {
        let done = f64::from(step) / f64::from(self.steps);
        let held_out = self.held_out.map(|loss| format!("unseen {}", loss_text(loss)));
        let details = [format!("loss {}", loss_text(loss))].into_iter().chain(held_out);
        self.bar.step(step, self.steps, done, details);
    }
}
