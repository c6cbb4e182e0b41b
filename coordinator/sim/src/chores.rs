//! What the core does with a large job besides scheduling it, for measurements: none of it may take
//! more than in proportion to the tasks, since everything else waits meanwhile.

use impasto_core::{Config, Core, Input, Submission};
use impasto_types::{Epoch, JobId};

use crate::throughput::{Sizes, arrival, submission};

const JOB: JobId = JobId(1);

/// A core with a job, of which a few tasks are leased.
#[derive(Debug)]
pub struct Chores {
    core: Core,
    submission: Option<Submission>,
    now: u64,
}

/// A chore: its name, and what to do.
pub type Chore = (&'static str, fn(&mut Chores));

/// The chores, in the order in which they have to be done.
pub const ALL: [Chore; 9] = [
    ("submit", Chores::submit),
    ("tick", Chores::tick),
    ("explain", |chores| drop(chores.core.explain(JOB))),
    ("view for a watcher", |chores| drop(chores.core.job(JOB))),
    ("list of jobs", |chores| drop(chores.core.jobs().collect::<Vec<_>>())),
    ("blobs in use", |chores| drop(chores.core.blobs_in_use())),
    ("snapshot", |chores| drop(chores.core.snapshot())),
    ("cancel", |chores| chores.handle(Input::Cancel { request: 0, job: JOB })),
    ("retry", |chores| chores.handle(Input::Retry { request: 0, job: JOB })),
];

impl Chores {
    /// `too_large` tasks fit on no worker.
    pub fn new(tasks: u32, sizes: Sizes, too_large: bool) -> Self {
        let core = Core::new(Config::default(), Epoch(1), 1);
        let mut submission = submission(tasks, sizes);
        if too_large {
            submission.tasks.iter_mut().for_each(|needs| needs.least_memory_bytes += 8 << 30);
        }
        let mut chores = Self { core, submission: Some(submission), now: 0 };
        for worker in 0..100 {
            arrival(worker).into_iter().for_each(|input| chores.handle(input));
        }
        chores
    }

    fn submit(&mut self) {
        if let Some(submission) = self.submission.take() {
            self.handle(Input::Submit { request: 0, submission });
        }
    }

    fn tick(&mut self) {
        self.handle(Input::Tick);
    }

    fn handle(&mut self, input: Input) {
        self.now += 1;
        self.core.handle(self.now, input);
        drop(self.core.drain_facts());
        drop(self.core.drain_effects());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_all_chores() {
        for too_large in [false, true] {
            let mut chores = Chores::new(500, Sizes::Different, too_large);
            for (_, chore) in ALL {
                chore(&mut chores);
            }
            let summary = chores.core.summary(JOB).expect("it was submitted");
            assert_eq!(summary.ready + summary.leased, 500, "{summary:?}");
        }
    }
}
