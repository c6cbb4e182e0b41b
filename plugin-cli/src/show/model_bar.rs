//! The progress of a model's download and conversion.

use std::time::Duration;

use impasto_build::ModelStep;
use impasto_types::ByteSize;
use indicatif::ProgressBar;

use super::line::Line;
use super::style::{self, BAR_MARGIN};
use crate::Screen;

/// Follows one model. Without a terminal it prints a line for each step that takes long.
#[derive(Debug)]
pub(crate) struct ModelBar<'a> {
    screen: &'a Screen,
    model: String,
    bar: Option<ProgressBar>,
    said: Option<&'static str>,
}

impl<'a> ModelBar<'a> {
    pub(crate) fn new(screen: &'a Screen, model: &str) -> Self {
        Self { screen, model: model.to_owned(), bar: None, said: None }
    }

    pub(crate) fn step(&mut self, step: ModelStep) {
        match step {
            ModelStep::Waiting => {
                self.say("waiting for another process that uses the model store", "", 0.0)
            }
            ModelStep::Downloading { bytes, total_bytes } => {
                let count = format!("{} of {}", ByteSize(bytes), ByteSize(total_bytes));
                self.say("pulling the model", &count, bytes as f64 / total_bytes.max(1) as f64);
            }
            ModelStep::Converting => self.say("converting the model", "", 1.0),
            ModelStep::Done => self.finish(),
        }
    }

    fn say(&mut self, what: &'static str, count: &str, done: f64) {
        if !self.screen.draws_bars() {
            if self.said != Some(what) {
                self.screen.message(format_args!("{what} {}", self.model));
            }
            self.said = Some(what);
            return;
        }
        let screen = self.screen;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = screen.bars().add(ProgressBar::new_spinner()).with_style(style::bar());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let name = format!("{what} {}", self.model);
        let line = Line { name: &name, count, details: &[], done: Some(done) };
        bar.set_message(line.render(screen.bar_columns().saturating_sub(BAR_MARGIN)));
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.screen.bars().remove(&bar);
        }
    }
}

impl Drop for ModelBar<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
