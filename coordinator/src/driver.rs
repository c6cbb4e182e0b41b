//! Access to the core for all services.
//!
//! One task owns the core ([`turns::Turns`]). A [`Driver`] is a handle that sends it commands and
//! waits for replies.

mod clock;
mod journal;
mod links;
mod outage;
mod recorder;
mod turns;
mod watchers;

use impasto_core::{Input, JobView, Submission};
use impasto_types::{
    Digest, Explained, Hello, JobId, JobNews, JobSummary, Order, WorkerId, WorkerInfo, WorkerName,
};
use tokio::sync::{broadcast, mpsc, oneshot};

use outage::{Outage, OutageSign, Recording};

pub(crate) use links::ORDERS_QUEUED;
pub use turns::ResumeError;
pub(crate) use turns::Turns;

/// How many commands are queued before their senders have to wait: those of a few turns.
const COMMANDS_QUEUED: usize = 1024;

/// A handle to the core.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    commands: mpsc::Sender<Command>,
    questions: mpsc::Sender<Question>,
    recording: Recording,
}

/// What all handles have sent.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: mpsc::Receiver<Command>,
    /// Apart from the commands, since some are answered while nothing can be recorded.
    questions: mpsc::Receiver<Question>,
    sign: OutageSign,
}

/// Why the core takes no commands. A retry may help.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Away {
    #[error("the coordinator is shutting down")]
    Stopped,
    #[error(transparent)]
    Outage(#[from] Outage),
}

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
}

/// A worker that has just connected, and the channel for its orders.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) hello: Hello,
    pub(crate) orders: mpsc::Sender<Order<Digest>>,
    /// The address of the worker, for the log.
    pub(crate) peer: String,
}

/// A query. It is answered after the facts of its turn are durable, so that no answer can be undone
/// by a crash. While nothing can be recorded, only the questions of people are answered.
#[derive(Debug)]
pub(crate) enum Question {
    Watch { job: JobId, reply: oneshot::Sender<Option<Watch>> },
    Jobs { active: bool, limit: usize, reply: oneshot::Sender<Vec<JobSummary>> },
    Workers { reply: oneshot::Sender<Vec<WorkerInfo>> },
    Explain { job: JobId, reply: oneshot::Sender<Option<Vec<Explained>>> },
    BlobsInUse { reply: oneshot::Sender<Vec<Digest>> },
}

impl Question {
    /// Whether people ask this. What others do with an answer must not rest on facts that a crash
    /// would undo.
    fn is_of_people(&self) -> bool {
        match self {
            Self::Jobs { .. } | Self::Workers { .. } | Self::Explain { .. } => true,
            Self::Watch { .. } | Self::BlobsInUse { .. } => false,
        }
    }
}

impl Driver {
    /// A handle, and what receives its commands.
    pub(crate) fn new() -> (Self, Inbox) {
        let (commands, commanded) = mpsc::channel(COMMANDS_QUEUED);
        let (questions, asked) = mpsc::channel(COMMANDS_QUEUED);
        let (sign, recording) = outage::sign();
        let inbox = Inbox { commands: commanded, questions: asked, sign };
        (Self { commands, questions, recording }, inbox)
    }

    /// The job's number, and whether its key was known.
    pub(crate) async fn submit(&self, submission: Submission) -> Result<(JobId, bool), Away> {
        self.call(|reply| Command::Submit { submission, reply }).await
    }

    /// The job's new state; `None` if there is no such job.
    pub(crate) async fn cancel(&self, job: JobId) -> Result<Option<JobSummary>, Away> {
        self.call(|reply| Command::Cancel { job, reply }).await
    }

    /// The job's new state; `None` if there is no such job.
    pub(crate) async fn retry(&self, job: JobId) -> Result<Option<JobSummary>, Away> {
        self.call(|reply| Command::Retry { job, reply }).await
    }

    pub(crate) async fn connect(&self, introduction: Introduction) -> Result<WorkerId, Away> {
        self.call(|reply| Command::Connect { introduction, reply }).await
    }

    /// Passes on a message of a connected worker.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), Away> {
        self.commands.send(Command::FromWorker(input)).await.map_err(|_| Away::Stopped)
    }

    /// Tells a worker to take no more work. Returns whether it is connected.
    pub(crate) async fn drain(&self, name: WorkerName, now: bool) -> Result<bool, Away> {
        self.call(|reply| Command::Drain { name, now, reply }).await
    }

    /// `None` if there is no such job.
    pub(crate) async fn watch(&self, job: JobId) -> Result<Option<Watch>, Away> {
        self.ask(|reply| Question::Watch { job, reply }).await
    }

    /// The newest jobs, in that order.
    pub(crate) async fn jobs(
        &self,
        active: bool,
        limit: usize,
    ) -> Result<Vec<JobSummary>, Away> {
        self.ask(|reply| Question::Jobs { active, limit, reply }).await
    }

    pub(crate) async fn workers(&self) -> Result<Vec<WorkerInfo>, Away> {
        self.ask(|reply| Question::Workers { reply }).await
    }

    /// What the waiting tasks of a job wait for; `None` if there is no such job.
    pub(crate) async fn explain(&self, job: JobId) -> Result<Option<Vec<Explained>>, Away> {
        self.ask(|reply| Question::Explain { job, reply }).await
    }

    /// The blobs that jobs need.
    pub(crate) async fn blobs_in_use(&self) -> Result<Vec<Digest>, Away> {
        self.ask(|reply| Question::BlobsInUse { reply }).await
    }

    async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Away> {
        self.recording.check()?;
        let (reply, answer) = oneshot::channel();
        let replied = async {
            self.commands.send(command(reply)).await.map_err(|_| Away::Stopped)?;
            answer.await.map_err(|_| self.away())
        };
        tokio::select! {
            biased;
            replied = replied => replied,
            outage = self.recording.outage() => Err(outage.into()),
        }
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Away> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(question(reply)).await.map_err(|_| Away::Stopped)?;
        answer.await.map_err(|_| self.away())
    }

    /// Why there was no reply.
    fn away(&self) -> Away {
        self.recording.check().err().map_or(Away::Stopped, Away::from)
    }
}
