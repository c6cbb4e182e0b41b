//! One picture that this process paints itself.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::style;
use crate::Screen;
use crate::contact_sheet::loss_text;
use crate::units::time;

/// Follows one painting. Without a terminal it says nothing.
#[derive(Debug)]
pub(crate) struct PaintBar {
    bar: ProgressBar,
    began: Instant,
}

/// Where a painting is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaintStep {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) iteration: u32,
    pub(crate) iterations: u32,
    pub(crate) loss: f64,
    /// The part of all work that is done, from 0 to 1: steps at a coarse scale are quick, so their
    /// number alone misleads.
    pub(crate) done: f64,
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
        Self { bar, began: Instant::now() }
    }

    pub(crate) fn step(&self, step: PaintStep) {
        let PaintStep { width, height, iteration, iterations, loss, done } = step;
        self.bar.set_position((done.clamp(0.0, 1.0) * LENGTH as f64) as u64);
        let left = left(self.began.elapsed(), done)
            .map_or_else(String::new, |left| format!(", {} left", time(left)));
        self.bar.set_message(format!(
            "{width} x {height}, step {iteration} of {iterations}, loss {}{left}",
            loss_text(loss)
        ));
    }
}

impl Drop for PaintBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The time that is left if the rest goes as fast; nothing while too little is done to tell.
pub(super) fn left(elapsed: Duration, done: f64) -> Option<Duration> {
    (0.02..=1.0).contains(&done).then(|| elapsed.mul_f64((1.0 - done) / done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left() {
        let minute = Duration::from_secs(60);
        assert_eq!(left(minute, 0.5), Some(minute));
        assert_eq!(left(minute, 1.0), Some(Duration::ZERO));
        assert_eq!(left(minute, 0.0), None);
        assert_eq!(left(minute, f64::NAN), None);
    }
}
