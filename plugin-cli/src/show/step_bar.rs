//! The progress of something that this process does step by step.

use std::time::{Duration, Instant};

use impasto_painter::Pace;
use indicatif::ProgressBar;

use super::line::Line;
use super::style::{self, BAR_MARGIN};
use crate::Screen;
use crate::units::time;

/// Follows one run. Without a terminal it prints nothing.
#[derive(Debug)]
pub(super) struct StepBar<'a> {
    screen: &'a Screen,
    name: String,
    bar: ProgressBar,
    began: Instant,
    pace: Pace,
}

impl<'a> StepBar<'a> {
    pub(super) fn new(screen: &'a Screen, name: &str) -> Self {
        let bar = screen.bars().add(ProgressBar::new_spinner()).with_style(style::bar());
        if screen.draws_bars() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let (name, began, pace) = (name.to_owned(), Instant::now(), Pace::default());
        let bar = Self { screen, name, bar, began, pace };
        bar.say("begins", &[], 0.0);
        bar
    }

    /// Shows a step of `steps`, the share of the work that is done, and details after the time.
    pub(super) fn step(
        &mut self,
        step: u32,
        steps: u32,
        done: f64,
        details: impl IntoIterator<Item = String>,
    ) {
        let left = self.pace.left(done, self.began.elapsed());
        let left = left.map(|left| format!("{} left", time(left)));
        let details: Vec<String> = left.into_iter().chain(details).collect();
        self.say(&format!("step {step} of {steps}"), &details, done);
    }

    fn say(&self, count: &str, details: &[String], done: f64) {
        let line = Line { name: &self.name, count, details, done: Some(done) };
        let columns = self.screen.bar_columns().saturating_sub(BAR_MARGIN);
        self.bar.set_message(line.render(columns));
    }
}

impl Drop for StepBar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
