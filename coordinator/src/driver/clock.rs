//! The driver's clocks. Nothing else reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use impasto_core::{JobView, Millis, Skew, Timeline};
use impasto_types::{JobNews, JobSummary, TaskEvent, WorkerInfo};

/// The core's time, by the steady clock; see [`Timeline`].
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    /// For how long the core's time stood still.
    paused: Duration,
    timeline: Timeline,
}

impl Clock {
    /// A clock that begins now, but not before `last`.
    pub(super) fn begin(last: Millis) -> Self {
        let timeline = Timeline::begin(0, wall(), last);
        Self { started: Instant::now(), paused: Duration::ZERO, timeline }
    }

    /// The core's time.
    pub(super) fn now(&self) -> Millis {
        self.timeline.at(self.steady())
    }

    /// The core's time stood still for this long until now; it was not read meanwhile.
    pub(super) fn pause(&mut self, time: Duration) {
        self.paused += time;
    }

    /// The time until the core's time is `due`.
    pub(super) fn until(&self, due: Millis) -> Duration {
        Duration::from_millis(self.timeline.until(due, self.steady()))
    }

    /// Converts times of the core to times for people.
    pub(super) fn for_people(&self) -> ForPeople {
        ForPeople(self.timeline.skew(self.steady(), wall()))
    }

    fn steady(&self) -> Millis {
        let running = self.started.elapsed().saturating_sub(self.paused);
        Millis::try_from(running.as_millis()).unwrap_or(Millis::MAX)
    }
}

/// Converts times of the core to the present wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForPeople(Skew);

impl ForPeople {
    pub(super) fn summary(self, summary: JobSummary) -> JobSummary {
        let submitted_at_ms = self.0.wall(summary.submitted_at_ms);
        let ended_at_ms = summary.ended_at_ms.map(|at| self.0.wall(at));
        JobSummary { submitted_at_ms, ended_at_ms, ..summary }
    }

    pub(super) fn event(self, event: TaskEvent) -> TaskEvent {
        match event {
            TaskEvent::Ready { attempts, not_before_ms, message, missing } if not_before_ms > 0 => {
                let not_before_ms = self.0.wall(not_before_ms);
                TaskEvent::Ready { attempts, not_before_ms, message, missing }
            }
            other => other,
        }
    }

    pub(super) fn view(self, mut view: JobView) -> JobView {
        view.summary = self.summary(view.summary);
        for task in &mut view.tasks {
            task.event = self.event(std::mem::replace(&mut task.event, TaskEvent::Blocked));
        }
        view
    }

    pub(super) fn news(self, news: JobNews) -> JobNews {
        match news {
            JobNews::Job(summary) => JobNews::Job(self.summary(summary)),
            JobNews::Task { task, asset, event } => {
                JobNews::Task { task, asset, event: self.event(event) }
            }
            JobNews::CaughtUp => JobNews::CaughtUp,
        }
    }

    pub(super) fn workers(self, mut workers: Vec<WorkerInfo>) -> Vec<WorkerInfo> {
        for bench in workers.iter_mut().filter_map(|worker| worker.benched.as_mut()) {
            bench.until_ms = self.0.wall(bench.until_ms);
        }
        workers
    }
}

/// Milliseconds since the Unix epoch.
fn wall() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
