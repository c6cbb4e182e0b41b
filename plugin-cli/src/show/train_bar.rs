//! The progress of a training run.

use std::time::{Duration, Instant};

use impasto_painter::Pace;
use indicatif::ProgressBar;

use super::line::Line;
use super::style::{self, BAR_MARGIN};
use crate::Screen;
use crate::contact_sheet::loss_text;
use crate::units::time;

/// Follows one run. Without a terminal it prints nothing.
#[derive(Debug)]
pub(crate) struct TrainBar<'a> {
    screen: &'a Screen,
    name: String,
    bar: ProgressBar,
    began: Instant,
    pace: Pace,
    steps: u32,
    held_out: Option<f64>,
}

impl<'a> TrainBar<'a> {
    pub(crate) fn new(screen: &'a Screen, name: &str, steps: u32) -> Self {
        let bar = screen.bars().add(ProgressBar::new_spinner()).with_style(style::bar());
        if screen.draws_bars() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let (name, began, pace) = (name.to_owned(), Instant::now(), Pace::default());
        let bar = Self { screen, name, bar, began, pace, steps, held_out: None };
        bar.say("begins", &[], 0.0);
        bar
    }

    /// The held-out pictures were looked at.
    pub(crate) fn looked(&mut self, loss: f64) {
        self.held_out = Some(loss);
    }

    pub(crate) fn step(&mut self, step: u32, loss: f64) {
        let done = f64::from(step) / f64::from(self.steps);
        let left = self.pace.left(done, self.began.elapsed());
        let left = left.map(|left| format!("{} left", time(left)));
        let held_out = self.held_out.map(|loss| format!("unseen {}", loss_text(loss)));
        let loss = Some(format!("loss {}", loss_text(loss)));
        let details: Vec<String> = [left, loss, held_out].into_iter().flatten().collect();
        self.say(&format!("step {step} of {}", self.steps), &details, done);
    }

    fn say(&self, count: &str, details: &[String], done: f64) {
        let line = Line { name: &self.name, count, details, done: Some(done) };
        let columns = self.screen.bar_columns().saturating_sub(BAR_MARGIN);
        self.bar.set_message(line.render(columns));
    }
}

impl Drop for TrainBar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
