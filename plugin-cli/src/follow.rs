//! Follows a picture that is painted in this process.

use std::ops::ControlFlow;

use impasto_painter::{Interrupt, Observer, PaintStep, Stop};
use tokio_util::sync::CancellationToken;

use crate::show::PaintBar;
use crate::{Screen, interrupt};

/// Draws progress, until the user interrupts.
pub(crate) struct Follow<'a> {
    bar: PaintBar<'a>,
    cancel: CancellationToken,
}

impl<'a> Follow<'a> {
    /// Follows the picture with this name.
    pub(crate) fn new(screen: &'a Screen, name: &str, cancel: CancellationToken) -> Self {
        Self { bar: PaintBar::new(screen, name), cancel }
    }
}

impl Observer for Follow<'_> {
    fn began(&mut self, interrupt: Interrupt) {
        interrupt::covers(interrupt);
    }

    fn step(&mut self, step: &PaintStep) -> ControlFlow<Stop> {
        self.bar.step(step);
        if self.cancel.is_cancelled() {
            ControlFlow::Break(Stop::Cancel)
        } else {
            ControlFlow::Continue(())
        }
    }
}
