//! Access to the core for all services.
//!
//! One task owns the core ([`turns::Turns`]). A [`Driver`] is a handle that sends it commands and
//! waits for replies.

mod clock;
mod journal;
mod links;
mod orders;
mod turns;
mod watchers;

use impasto_core::{Input, JobView, Submission};
use impasto_types::{
    Digest, Explained, Hello, JobId, JobNews, JobSummary, WorkerId, WorkerInfo, WorkerName,
};
use tokio::sync::{broadcast, mpsc, oneshot};

pub(crate) use orders::Orders;
pub use turns::ResumeError;
pub(crate) use turns::Turns;

/// How many commands are queued before their senders have to wait: those of a few turns.
const COMMANDS_QUEUED: usize = 1024;

/// A handle to the core.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    commands: mpsc::Sender<Command>,
}

/// The coordinator is shutting down and accepts no commands.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the coordinator is shutting down")]
pub(crate) struct Stopped;

/// A job's current state, and its changes from then on.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) view: JobView,
    pub(crate) news: broadcast::Receiver<JobNews>,
}

/// A request to the core's task.
#[derive(Debug)]
pub(crate) enum Command {
    Submit {
        submission: Submission,
        reply: oneshot::Sender<(JobId, bool)>,
    },
    Cancel {
        job: JobId,
        reply: oneshot::Sender<Option<JobSummary>>,
    },
    Retry {
        job: JobId,
        reply: oneshot::Sender<Option<JobSummary>>,
    },
    Connect {
        introduction: Introduction,
        reply: oneshot::Sender<WorkerId>,
    },
    /// A message of a connected worker.
    FromWorker(Input),
    Drain {
        name: WorkerName,
        now: bool,
        reply: oneshot::Sender<bool>,
    },
    Ask(Question),
}

/// A worker that has just connected, and the queue of its orders.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) hello: Hello,
    pub(crate) orders: Orders,
    /// The address of the worker, for the log.
    pub(crate) peer: String,
}

/// A query. It is answered after the facts of its turn are durable, so that no answer can be undone
/// by a crash.
#[derive(Debug)]
pub(crate) enum Question {
    Watch { job: JobId, reply: oneshot::Sender<Option<Watch>> },
    Jobs { active: bool, limit: usize, reply: oneshot::Sender<Vec<JobSummary>> },
    Workers { reply: oneshot::Sender<Vec<WorkerInfo>> },
    Explain { job: JobId, reply: oneshot::Sender<Option<Vec<Explained>>> },
    BlobsInUse { reply: oneshot::Sender<Vec<Digest>> },
}

impl Driver {
    /// A handle, and the receiver of its commands.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, queue) = mpsc::channel(COMMANDS_QUEUED);
        (Self { commands }, queue)
    }

    /// The job's number, and whether its key was known.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(JobId, bool), Stopped> {
        self.call(|reply| Command::Submit { submission, reply }).await
    }

    /// The job's new state; `None` if there is no such job.
    pub(crate) async fn cancel(&self, job: JobId) -> Result<Option<JobSummary>, Stopped> {
        self.call(|reply| Command::Cancel { job, reply }).await
    }

    /// The job's new state; `None` if there is no such job.
    pub(crate) async fn retry(&self, job: JobId) -> Result<Option<JobSummary>, Stopped> {
        self.call(|reply| Command::Retry { job, reply }).await
    }

    pub(crate) async fn connect(&self, introduction: Introduction) -> Result<WorkerId, Stopped> {
        self.call(|reply| Command::Connect { introduction, reply }).await
    }

    /// Passes on a message of a connected worker.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), Stopped> {
        self.commands.send(Command::FromWorker(input)).await.map_err(|_| Stopped)
    }

    /// Tells a worker to take no more work. Returns whether it is connected.
    pub(crate) async fn drain(&self, name: WorkerName, now: bool) -> Result<bool, Stopped> {
        self.call(|reply| Command::Drain { name, now, reply }).await
    }

    /// `None` if there is no such job.
    pub(crate) async fn watch(&self, job: JobId) -> Result<Option<Watch>, Stopped> {
        self.call(|reply| Command::Ask(Question::Watch { job, reply })).await
    }

    /// The newest jobs, in that order.
    pub(crate) async fn jobs(
        &self,
        active: bool,
        limit: usize,
    ) -> Result<Vec<JobSummary>, Stopped> {
        self.call(|reply| Command::Ask(Question::Jobs { active, limit, reply })).await
    }

    pub(crate) async fn workers(&self) -> Result<Vec<WorkerInfo>, Stopped> {
        self.call(|reply| Command::Ask(Question::Workers { reply })).await
    }

    /// What the waiting tasks of a job wait for; `None` if there is no such job.
    pub(crate) async fn explain(&self, job: JobId) -> Result<Option<Vec<Explained>>, Stopped> {
        self.call(|reply| Command::Ask(Question::Explain { job, reply })).await
    }

    /// The blobs that jobs need.
    pub(crate) async fn blobs_in_use(&self) -> Result<Vec<Digest>, Stopped> {
        self.call(|reply| Command::Ask(Question::BlobsInUse { reply })).await
    }

    async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}
