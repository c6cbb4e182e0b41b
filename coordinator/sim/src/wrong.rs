//! What the simulation finds wrong.

use impasto_core::{Millis, invariants};
use impasto_types::{JobId, LeaseId, TaskIndex, WorkerId, WorkerName};

/// A violation of what must hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error(transparent)]
    Broken(#[from] invariants::Broken),
    #[error(transparent)]
    Replay(#[from] impasto_core::ReplayError),
    #[error(transparent)]
    Snapshot(#[from] impasto_core::SnapshotVersionError),
    #[error("{lease} begins while {live} is live")]
    LeasedTwice { lease: LeaseId, live: LeaseId },
    #[error("task {task} of job {job} took a result that is not of its live lease", task = .task.0)]
    StaleResult { job: JobId, task: TaskIndex },
    #[error("task {task} of job {job} succeeded twice", task = .task.0)]
    SucceededTwice { job: JobId, task: TaskIndex },
    #[error(
        "{lease} is granted, but what it reads of task {after} is not durable",
        after = .after.0
    )]
    NotDurable { lease: LeaseId, after: TaskIndex },
    #[error("the replay of {facts} facts differs from the run in job {job}")]
    ReplayDiffers { facts: usize, job: JobId },
    #[error(
        "a snapshot of {covered} facts, and those up to {facts}, differ from a replay of them all"
    )]
    SnapshotDiffers { facts: usize, covered: usize },
    #[error(
        "task {task} of job {job} crashed {kills} workers, but may crash {attempts}",
        task = .task.0
    )]
    TooManyKills { job: JobId, task: TaskIndex, kills: u32, attempts: u32 },
    #[error(
        "credit granted equals credit returned or held: connection {} has {is}, not {should}",
        worker.0
    )]
    LostCredit { worker: WorkerId, is: u32, should: u32 },
    #[error(
        "no task fails for good by a machine's fault while a healthy machine is there: {lease} \
         failed on {by}, and {passed_over} was not asked"
    )]
    BlamedTask { lease: LeaseId, by: WorkerName, passed_over: WorkerName },
    #[error(
        "time that leases see never goes back, nor faster or slower: {seen_ms} ms passed as {ms} ms"
    )]
    BentTime { seen_ms: i64, ms: i64 },
    #[error(
        "a healthy worker with room is never idle while a task that it may take waits: {worker} \
         could take task {task} of job {job}",
        task = .task.0
    )]
    Idle { worker: WorkerName, job: JobId, task: TaskIndex },
    #[error("a grant that was not sent is nobody's attempt: {0} was charged")]
    UnsentCharged(LeaseId),
    #[error(
        "a lost result is made again while a task needs it: task {task} of job {job} failed for \
         lack of one",
        task = .task.0
    )]
    NotMadeAgain { job: JobId, task: TaskIndex },
    #[error("the core asks for a tick at {wanted}, but has handled an input at {now}")]
    TimerStuck { wanted: Millis, now: Millis },
}
