//! Draws a build: a bar for the whole, a line for each running asset, a line for each finished one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use impasto_build::{Event, Observer, Origin, Target};
use impasto_types::{ByteSize, Progress, RunReport};
use indicatif::ProgressBar;

use super::ModelBar;
use super::line::Line;
use super::style::{self, BAR_MARGIN, LINE_MARGIN};
use crate::Screen;
use crate::contact_sheet::loss_text;
use crate::screen::{BAD, FAINT, GOOD, STRONG};
use crate::units::{count, time};

/// Shows a build. Without a terminal, only finished assets are printed.
#[derive(Debug)]
pub(crate) struct BuildView<'a> {
    screen: &'a Screen,
    state: Mutex<State<'a>>,
}

#[derive(Debug)]
struct State<'a> {
    began: Instant,
    total: usize,
    done: usize,
    /// The lines about failed assets, which a terminal gets at the end: among hundreds of others
    /// they would be lost.
    failed: Vec<String>,
    failures: usize,
    whole: Option<ProgressBar>,
    model: Option<ModelBar<'a>>,
    /// Warnings, each of which is said once.
    said: BTreeSet<String>,
    /// Keyed by output path.
    running: BTreeMap<String, Running>,
}

#[derive(Debug)]
struct Running {
    line: ProgressBar,
    began: Instant,
    /// The share of its time that has passed, from 0 to 1.
    done: f64,
}

impl<'a> BuildView<'a> {
    pub(crate) fn new(screen: &'a Screen) -> Self {
        let state = State {
            began: Instant::now(),
            total: 0,
            done: 0,
            failed: vec![],
            failures: 0,
            whole: None,
            model: None,
            said: BTreeSet::new(),
            running: BTreeMap::new(),
        };
        Self { screen, state: Mutex::new(state) }
    }
}

impl Observer for BuildView<'_> {
    fn event(&self, event: Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // A build that has trained a network goes on with what waited for it.
            Event::Planned { stale, .. } => state.total = state.done + stale,
            Event::Warning { message } => {
                if state.said.insert(message.to_owned()) {
                    self.screen.warning(message);
                }
            }
            Event::Model { model, step } => {
                let screen = self.screen;
                state.model.get_or_insert_with(|| ModelBar::new(screen, model)).step(step);
            }
            Event::FellBack { reason, .. } => {
                self.screen.warning(format_args!("{reason}; this machine paints instead"))
            }
            Event::Farm { coordinator: Some(url) } => {
                self.screen.message(format_args!("painting on the farm at {url}"))
            }
            Event::Farm { coordinator: None } => self.screen.detail("painting on this machine"),
            Event::Uploading { blobs, bytes } => {
                self.screen.detail(format_args!(
                    "uploading {}, {}",
                    count(blobs, "file"),
                    ByteSize(bytes)
                ));
            }
            Event::Submitted { job, attached, .. } => {
                let how = if attached { "found again" } else { "submitted" };
                self.screen.detail(format_args!("job {job} {how}"));
                state.begin(self.screen);
            }
            Event::Started { target, worker, attempt } => {
                state.begin(self.screen);
                state.start(self.screen, target);
                self.screen
                    .detail(format_args!("{worker} begins {}, attempt {attempt}", target.output));
            }
            Event::Progress { target, progress } => {
                state.start(self.screen, target);
                state.progress(self.screen, target, progress);
            }
            Event::Waiting { target, message, .. } => {
                state.stop(target.output.as_str());
                self.screen
                    .warning(format_args!("{} will be tried again: {message}", target.output));
            }
            Event::Delivered { target, origin, report, .. } => {
                state.finish(target.output.as_str());
                self.delivered(&state, target, origin, report);
            }
            Event::Copied { output, .. } => {
                self.screen.detail(format_args!("copied    {output}"));
            }
            Event::Failed { asset, style, output, message } => {
                if let Some(output) = output {
                    state.finish(output.as_str());
                }
                let line = format!("{BAD}failed{BAD:#}   {} {message}", name(asset, style));
                state.failures += 1;
                match self.screen.draws_bars() && self.screen.shows_messages_with_results() {
                    true => state.failed.push(line),
                    false => self.screen.message(line),
                }
            }
            Event::Disconnected { reason, patience_s } => {
                let patience = time(Duration::from_secs(patience_s));
                self.screen
                    .warning(format_args!("{reason}; trying to reach it again for {patience}"));
            }
            Event::Reconnected => self.screen.message("the coordinator is back"),
            Event::Canceling => {
                self.screen.message(
                    "canceling; finished results are kept (press Ctrl-C again to stop at once)",
                );
            }
        }
        state.draw(self.screen);
    }
}

impl BuildView<'_> {
    fn delivered(
        &self,
        state: &State<'_>,
        target: Target<'_>,
        origin: Origin,
        report: Option<&RunReport>,
    ) {
        let word = match origin {
            Origin::Painted => "painted",
            Origin::Trained => "trained",
            Origin::Cached => "cached ",
        };
        let took = match (origin, report) {
            (Origin::Painted | Origin::Trained, Some(report)) => {
                format!("  {} on {}", time(Duration::from_millis(report.compute_ms)), report.device)
            }
            _ => String::new(),
        };
        let place = format!("[{}/{}]", state.done, state.total);
        self.screen.message(format_args!(
            "{GOOD}{word}{GOOD:#}  {} {FAINT}{place}{took}{FAINT:#}",
            target.output
        ));
        if let Some(warning) = report.and_then(|report| report.warning.as_deref()) {
            self.screen.warning(format_args!("{}: {warning}", target.output));
        }
    }
}

/// `walls/brick.png in night:`
fn name(asset: &str, style: Option<&str>) -> String {
    match style {
        Some(style) => format!("{STRONG}{asset}{STRONG:#} in {style}:"),
        None => format!("{STRONG}{asset}{STRONG:#}:"),
    }
}

impl State<'_> {
    /// Starts to draw the bar of the whole build.
    fn begin(&mut self, screen: &Screen) {
        self.model = None;
        if screen.draws_bars() && self.whole.is_none() {
            self.began = Instant::now();
            let bar = screen.bars().add(ProgressBar::new_spinner()).with_style(style::bar());
            bar.enable_steady_tick(Duration::from_millis(120));
            self.whole = Some(bar);
        }
    }

    fn start(&mut self, screen: &Screen, target: Target<'_>) {
        if self.whole.is_some() && !self.running.contains_key(target.output.as_str()) {
            let line = screen.bars().add(ProgressBar::new_spinner()).with_style(style::line());
            let running = Running { line, began: Instant::now(), done: 0.0 };
            running.say(screen, target, "begins", &[]);
            self.running.insert(target.output.to_string(), running);
        }
    }

    fn progress(&mut self, screen: &Screen, target: Target<'_>, progress: Progress) {
        let Progress { iteration, iterations, loss, left_ms } = progress;
        if let Some(running) = self.running.get_mut(target.output.as_str()) {
            let left = left_ms.map(Duration::from_millis);
            if let Some(left) = left {
                running.done = share(running.began.elapsed(), left);
            }
            let left = left.map(|left| format!("{} left", time(left)));
            let loss = loss.map(|loss| format!("loss {}", loss_text(loss)));
            let details: Vec<String> = [left, loss].into_iter().flatten().collect();
            let count = format!("step {iteration} of {iterations}");
            running.say(screen, target, &count, &details);
        }
    }

    fn finish(&mut self, output: &str) {
        self.done += 1;
        self.stop(output);
    }

    fn stop(&mut self, output: &str) {
        if let Some(running) = self.running.remove(output) {
            running.line.finish_and_clear();
        }
    }

    fn draw(&self, screen: &Screen) {
        if let Some(bar) = &self.whole {
            let running: f64 = self.running.values().map(|running| running.done).sum();
            let part = (self.done as f64 + running) / self.total.max(1) as f64;
            let left = left(self.began.elapsed(), part).map(|left| format!("{} left", time(left)));
            let failed = (self.failures > 0).then(|| format!("{} failed", self.failures));
            let details: Vec<String> = [failed, left].into_iter().flatten().collect();
            let count = format!("{}/{}", self.done, self.total);
            let line =
                Line { name: "painting", count: &count, details: &details, done: Some(part) };
            bar.set_message(line.render(screen.bar_columns().saturating_sub(BAR_MARGIN)));
        }
    }
}

impl Running {
    fn say(&self, screen: &Screen, target: Target<'_>, count: &str, details: &[String]) {
        let line = Line { name: target.output.as_str(), count, details, done: None };
        let columns = screen.bar_columns().saturating_sub(LINE_MARGIN);
        self.line.set_message(line.render(columns));
    }
}

/// The share of an asset's time that has passed. Steps at coarse scales are quick, so counting them
/// would mislead; the worker's estimate weighs them by their work.
fn share(elapsed: Duration, left: Duration) -> f64 {
    let whole = (elapsed + left).as_secs_f64();
    if whole > 0.0 { elapsed.as_secs_f64() / whole } else { 0.0 }
}

/// The time left at the present pace; `None` while too little is done to estimate it.
fn left(elapsed: Duration, done: f64) -> Option<Duration> {
    (0.02..=1.0).contains(&done).then(|| elapsed.mul_f64((1.0 - done) / done))
}

impl Drop for BuildView<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for running in std::mem::take(&mut state.running).into_values() {
            running.line.finish_and_clear();
        }
        if let Some(bar) = state.whole.take() {
            bar.finish_and_clear();
        }
        for line in std::mem::take(&mut state.failed) {
            self.screen.message(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_follows_time_not_steps() {
        let share = |elapsed, left| share(Duration::from_secs(elapsed), Duration::from_secs(left));
        assert_eq!([share(0, 0), share(2, 6), share(6, 2), share(8, 0)], [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn time_left() {
        let minute = Duration::from_secs(60);
        assert_eq!(left(minute, 0.5), Some(minute));
        assert_eq!(left(minute, 1.0), Some(Duration::ZERO));
        assert_eq!(left(minute, 0.0), None);
        assert_eq!(left(minute, f64::NAN), None);
    }
}
