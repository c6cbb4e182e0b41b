//! Follows an attempt while it is painted.

use std::ops::ControlFlow;
use std::time::Instant;

use impasto_painter::{Interrupt, Observer, Pace, PaintStep, Stop};
use impasto_types::Progress;
use tokio::sync::watch;

use crate::cancel::Cancel;

/// Reports progress, and ends painting once the attempt is stopped.
#[derive(Debug)]
pub(crate) struct PaintingWatch {
    began: Instant,
    pace: Pace,
    progress: watch::Sender<Option<Progress>>,
    cancel: Cancel,
}

impl PaintingWatch {
    pub(crate) fn new(progress: watch::Sender<Option<Progress>>, cancel: Cancel) -> Self {
        Self { began: Instant::now(), pace: Pace::default(), progress, cancel }
    }
}

impl Observer for PaintingWatch {
    fn began(&mut self, interrupt: Interrupt) {
        self.cancel.covers(interrupt);
    }

    fn step(&mut self, step: &PaintStep) -> ControlFlow<Stop> {
        let PaintStep { report, done } = step;
        let left = self.pace.left(*done, self.began.elapsed());
        self.progress.send_replace(Some(Progress {
            iteration: report.iteration,
            iterations: report.iterations,
            loss: report.losses.map(|losses| losses.total),
            left_ms: left.and_then(|left| u64::try_from(left.as_millis()).ok()),
        }));
        match self.cancel.asked() {
            Some(stop) => ControlFlow::Break(stop),
            None => ControlFlow::Continue(()),
        }
    }

    fn interrupted(&mut self) -> Stop {
        self.cancel.asked().unwrap_or(Stop::Cancel)
    }
}
