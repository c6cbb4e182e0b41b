//! Watchers of jobs.

use std::collections::HashMap;

use impasto_types::{JobId, JobNews};
use tokio::sync::broadcast;

/// How many events are queued for a watcher. A slower one starts again with the job's current
/// state.
const NEWS_QUEUED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Watchers {
    jobs: HashMap<JobId, broadcast::Sender<JobNews>>,
}

impl Watchers {
    pub(super) fn subscribe(&mut self, job: JobId) -> broadcast::Receiver<JobNews> {
        self.jobs.entry(job).or_insert_with(|| broadcast::channel(NEWS_QUEUED).0).subscribe()
    }

    pub(super) fn tell(&mut self, job: JobId, news: impl FnOnce() -> JobNews) {
        // Sending fails if nobody watches the job any more.
        if self.jobs.get(&job).is_some_and(|watchers| watchers.send(news()).is_err()) {
            self.jobs.remove(&job);
        }
    }
}
