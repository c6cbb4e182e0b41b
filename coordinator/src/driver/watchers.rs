//! Those who watch jobs.

use std::collections::HashMap;

use impasto_types::{JobId, JobNews};
use tokio::sync::broadcast;

/// News that wait for one watcher; one that is slower begins again with the job as it stands.
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
        // Nobody listens any more where sending fails.
        if self.jobs.get(&job).is_some_and(|watchers| watchers.send(news()).is_err()) {
            self.jobs.remove(&job);
        }
    }
}
