//! The progress of one picture that this process paints.

use impasto_painter::{PaintStep, StepReport};

use super::step_bar::StepBar;
use crate::Screen;
use crate::contact_sheet::loss_text;

/// Follows one picture. Without a terminal it prints nothing.
#[derive(Debug)]
pub(crate) struct PaintBar<'a>(StepBar<'a>);

impl<'a> PaintBar<'a> {
    pub(crate) fn new(screen: &'a Screen, name: &str) -> Self {
        Self(StepBar::new(screen, name))
    }

    pub(crate) fn step(&mut self, step: &PaintStep) {
        let PaintStep { report, done } = step;
        let StepReport { iteration, iterations, scale: (width, height), losses, .. } = report;
        let loss = losses.map(|losses| format!("loss {}", loss_text(losses.total)));
        let details = loss.into_iter().chain([format!("{width} x {height}")]);
        self.0.step(*iteration, *iterations, *done, details);
    }
}
