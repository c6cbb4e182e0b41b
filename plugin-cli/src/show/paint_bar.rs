//! The progress of one picture that this process paints.

use std::time::{Duration, Instant};

use impasto_painter::{Pace, PaintStep, StepReport};
use indicatif::ProgressBar;

use super::line::Line;
use super::style::{self, BAR_MARGIN};
use crate::Screen;
use crate::contact_sheet::loss_text;
use crate::units::time;

/// Follows one picture. Without a terminal it prints nothing.
#[derive(Debug)]
pub(crate) struct PaintBar<'a> {
    screen: &'a Screen,
    name: String,
    bar: ProgressBar,
    began: Instant,
    pace: Pace,
}

impl<'a> PaintBar<'a> {
    pub(crate) fn new(screen: &'a Screen, name: &str) -> Self {
        let bar = screen.bars().add(ProgressBar::new_spinner()).with_style(style::bar());
        if screen.draws_bars() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let bar = Self {
            screen,
            name: name.to_owned(),
            bar,
            began: Instant::now(),
            pace: Pace::default(),
        };
        bar.say("begins", &[], 0.0);
        bar
    }

    pub(crate) fn step(&mut self, step: &PaintStep) {
        let PaintStep { report, done } = step;
        let StepReport { iteration, iterations, scale: (width, height), losses, .. } = report;
        let left = self.pace.left(*done, self.began.elapsed());
        let left = left.map(|left| format!("{} left", time(left)));
        let loss = losses.map(|losses| format!("loss {}", loss_text(losses.total)));
        let scale = Some(format!("{width} x {height}"));
        let details: Vec<String> = [left, loss, scale].into_iter().flatten().collect();
        self.say(&format!("step {iteration} of {iterations}"), &details, *done);
    }

    fn say(&self, count: &str, details: &[String], done: f64) {
        let line = Line { name: &self.name, count, details, done: Some(done) };
        let columns = self.screen.bar_columns().saturating_sub(BAR_MARGIN);
        self.bar.set_message(line.render(columns));
    }
}

impl Drop for PaintBar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
