//! The progress of one picture that this process paints.

use std::time::{Duration, Instant};

use impasto_painter::{Pace, PaintStep, StepReport};
use indicatif::ProgressBar;

use super::style;
use crate::Screen;
use crate::contact_sheet::loss_text;
use crate::units::time;

/// Follows one picture. Without a terminal it prints nothing.
#[derive(Debug)]
pub(crate) struct PaintBar {
    bar: ProgressBar,
    began: Instant,
    pace: Pace,
}

/// The bar's length: fine enough that it moves with every step.
const LENGTH: u64 = 10_000;

impl PaintBar {
    pub(crate) fn new(screen: &Screen, name: &str) -> Self {
        let bar = screen
            .bars()
            .add(ProgressBar::new(LENGTH))
            .with_style(style::bar())
            .with_prefix(name.to_owned());
        if screen.draws_bars() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, began: Instant::now(), pace: Pace::default() }
    }

    pub(crate) fn step(&mut self, step: &PaintStep) {
        let PaintStep { report, done } = step;
        let StepReport { iteration, iterations, scale: (width, height), losses, .. } = report;
        self.bar.set_position((done.clamp(0.0, 1.0) * LENGTH as f64) as u64);
        let loss =
            losses.map_or(String::new(), |losses| format!(", loss {}", loss_text(losses.total)));
        let left = self.pace.left(*done, self.began.elapsed());
        let left = left.map_or_else(String::new, |left| format!(", {} left", time(left)));
        self.bar.set_message(format!(
            "{width} x {height}, step {iteration} of {iterations}{loss}{left}"
        ));
    }
}

impl Drop for PaintBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
