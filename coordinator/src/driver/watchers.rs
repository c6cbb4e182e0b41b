//! Those who watch jobs.

use std::collections::HashMap;

use impasto_core::{JobSummary, TaskEvent};
use impasto_types::{JobId, TaskIndex};
use tokio::sync::broadcast;

/// News that wait for one watcher; one that is slower begins again with the job as it stands.
const NEWS_QUEUED: usize = 1024;

/// A change to a job that is watched.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Task { task: TaskIndex, event: TaskEvent },
    Job(JobSummary),
}

#[derive(Debug, Default)]
pub(super) struct Watchers {
    jobs: HashMap<JobId, broadcast::Sender<News>>,
}

impl Watchers {
    pub(super) fn subscribe(&mut self, job: JobId) -> broadcast::Receiver<News> {
        self.jobs.entry(job).or_insert_with(|| broadcast::channel(NEWS_QUEUED).0).subscribe()
    }

    pub(super) fn tell(&mut self, job: JobId, news: impl FnOnce() -> News) {
        // Nobody listens any more where sending fails.
        if self.jobs.get(&job).is_some_and(|watchers| watchers.send(news()).is_err()) {
            self.jobs.remove(&job);
        }
    }
}
