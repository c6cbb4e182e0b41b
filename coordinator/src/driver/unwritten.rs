//! Results on their way to the action cache.

use std::collections::VecDeque;
use std::time::Instant;

use impasto_blobs::{ActionCache, ActionCacheError};
use impasto_types::{Backoff, Digest, Retries, TaskResult, error_text};

/// How many results are kept if they cannot be written: about 10 MB. Losing one costs a
/// computation.
const RESULTS_KEPT: usize = 10_000;

const BACKOFF: Backoff = Backoff { first_ms: 1_000, longest_ms: 60_000 };

/// Results that the action cache lacks.
#[derive(Debug)]
pub(super) struct Unwritten {
    results: VecDeque<(Digest, TaskResult)>,
    /// When to try again, if it has failed.
    retry: Option<Instant>,
    retries: Retries,
}

impl Default for Unwritten {
    fn default() -> Self {
        Self { results: VecDeque::new(), retry: None, retries: Retries::new(BACKOFF) }
    }
}

impl Unwritten {
    /// Writes these results, and those that could not be written before.
    pub(super) async fn write(
        &mut self,
        new: impl IntoIterator<Item = (Digest, TaskResult)>,
        actions: &ActionCache,
    ) {
        self.results.extend(new);
        if self.results.is_empty() || self.retry.is_some_and(|due| Instant::now() < due) {
            let beyond = self.results.len().saturating_sub(RESULTS_KEPT);
            self.results.drain(..beyond);
            return;
        }
        match actions.put(self.results.iter().cloned().collect()).await {
            Ok(()) => self.are_written(),
            Err(error) => self.failed(&error),
        }
    }

    fn are_written(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!("results can be written to the action cache again");
        }
        self.results.clear();
        self.retries.reset();
    }

    fn failed(&mut self, error: &ActionCacheError) {
        if self.retry.is_none() {
            let cause = error_text(error);
            tracing::warn!(cause, "cannot write results to the action cache; they are kept");
        }
        // No jitter: only one program writes this cache at a time.
        self.retry = Some(Instant::now() + self.retries.next(1.0));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use impasto_blobs::{LocalActions, LocalBlobs};
    use impasto_types::{BlobRef, Output, RunReport};

    use super::*;

    #[tokio::test]
    async fn results_are_written_once_that_is_possible() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
        let blob = blobs.put(b"picture").expect("it is stored");
        let actions = ActionCache::from(LocalActions::open(blobs).expect("it opens"));
        // A file where the folder should be.
        let path = folder.path().join("actions");
        fs::remove_dir_all(&path).expect("it is removed");
        fs::write(&path, "").expect("it is written");

        let report = RunReport {
            iterations: 1,
            losses: None,
            compute_ms: 1,
            device: "cpu".to_owned(),
            warning: None,
        };
        let result = TaskResult { outputs: vec![Output::picture(blob, 2, 3)], report };
        let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
        let mut unwritten = Unwritten::default();
        unwritten.write([(first, result.clone())], &actions).await;
        fs::remove_file(&path).expect("it is removed");
        unwritten.retry = Some(Instant::now() + std::time::Duration::from_secs(3_600));
        unwritten.write([(second, result.clone())], &actions).await;
        assert!(actions.results(vec![first, second]).await.is_empty(), "it waits for a while");
        unwritten.retry = Some(Instant::now());
        unwritten.write([], &actions).await;
        assert_eq!(actions.results(vec![first, second]).await.len(), 2);
        assert!(unwritten.results.is_empty() && unwritten.retry.is_none());
        assert!(actions.results(vec![BlobRef::of(b"third").digest]).await.is_empty());
    }
}
