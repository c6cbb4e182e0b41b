//! Writes the files that pass through.

use impasto_planner::PlannedCopy;
use impasto_project::{
    CopyError, Delivered, DeliveredFile, LockEntry, place_all, prepare_copy, write_together,
};
use impasto_types::error_text;

use crate::account::Account;
use crate::event::Event;
use crate::outcome::Failed;

/// How many files, and how many bytes of them, are written before the build can be canceled. They
/// share a sync of their folders.
const COPIES_PER_BATCH: usize = 64;
const BYTES_PER_BATCH: u64 = 256 << 20;

impl Account<'_> {
    /// Writes all stale copies. They need no farm.
    pub(crate) fn copy(&mut self) {
        let stale: Vec<PlannedCopy> = self.survey.plan.stale_copies().cloned().collect();
        let mut left = &stale[..];
        while !left.is_empty() {
            let (batch, rest) = left.split_at(batch_len(left));
            left = rest;
            if self.cancel.is_cancelled() {
                return;
            }
            self.copies_ended += batch.len();
            let project = &self.survey.project;
            let prepared = write_together(batch, |copy| prepare_copy(project, copy));
            let (mut ready, mut copies) = (Vec::new(), Vec::new());
            for (copy, prepared) in batch.iter().zip(prepared) {
                match prepared {
                    Ok(prepared) => {
                        ready.push(prepared);
                        copies.push(copy);
                    }
                    Err(error) => self.fail_copy(copy, &error),
                }
            }
            for (copy, placed) in copies.into_iter().zip(place_all(ready)) {
                match placed {
                    Ok(files) => files.iter().for_each(|file| self.copied(copy, file)),
                    Err(error) => self.fail_copy(copy, &CopyError::from(error)),
                }
            }
        }
    }

    fn copied(&mut self, copy: &PlannedCopy, file: &DeliveredFile) {
        let entry = LockEntry::new(copy.recorded(), copy.source.clone(), file.blob());
        self.record_file(file, entry);
        self.outcome.copied += 1;
        let changed = file.change == Delivered::Written;
        let (asset, output) = (&copy.source, &copy.output);
        self.observer.event(Event::Copied { asset, output, changed });
    }

    fn fail_copy(&mut self, copy: &PlannedCopy, error: &CopyError) {
        let message = format!("it does not pass through: {}", error_text(error));
        let failed = Failed { asset: copy.source.to_string(), style: None, message };
        self.failed(failed, None);
    }
}

/// How many of these files a batch takes: at least one.
fn batch_len(files: &[PlannedCopy]) -> usize {
    let mut bytes = 0_u64;
    let fits = |copy: &&PlannedCopy| {
        bytes = bytes.saturating_add(copy.blob.size_bytes);
        bytes <= BYTES_PER_BATCH
    };
    files.iter().take(COPIES_PER_BATCH).take_while(fits).count().max(1)
}
