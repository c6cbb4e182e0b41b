//! The task that owns the core.
//!
//! A turn passes all waiting commands to the core, records the facts in one transaction, and only
//! then sends replies, orders and events. Meanwhile the next turn's commands queue up, so a busy
//! coordinator commits in groups.
//!
//! If the facts cannot be recorded, for example on a full disk, the turn waits: the core's time
//! stands still, so no lease ends; what workers say is held back in their connections; everybody
//! else is told so at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use impasto_blobs::ActionCache;
use impasto_core::{Core, Fact, Input, ReplayError, RequestId, SnapshotVersionError};
use impasto_types::{Backoff, Epoch, JobId, JobSummary, Retries, WorkerId, error_text};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::journal;
use super::links::Links;
use super::recorder::Recorder;
use super::unwritten::Unwritten;
use super::watchers::Watchers;
use super::{Command, Inbox, Question, Watch};
use crate::{Store, StoreError, Stored};

mod effects;

/// The most commands of a turn: enough to share a transaction, few enough that none waits long.
const COMMANDS_PER_TURN: usize = 512;

/// How many addresses of workers are kept that are no longer listed.
const PEERS_KEPT: usize = 100;

/// Between attempts to record facts during an outage: a small write each.
const OUTAGE_BACKOFF: Backoff = Backoff { first_ms: 100, longest_ms: 2_000 };

/// The longest time between two looks at the clock, since timers stop while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The core, and everything that its effects are sent to.
#[derive(Debug)]
pub(crate) struct Turns {
    core: Core,
    clock: Clock,
    recorder: Recorder,
    actions: ActionCache,
    unwritten: Unwritten,
    links: Links,
    watchers: Watchers,
    replies: Replies,
    last_worker: u64,
    /// Whether the core was told what became of its orders, while effects were carried out.
    has_told: bool,
}

/// Requests that wait for the core's reply.
#[derive(Debug, Default)]
struct Replies {
    last: RequestId,
    submitted: HashMap<RequestId, oneshot::Sender<(JobId, bool)>>,
    changed: HashMap<RequestId, oneshot::Sender<Option<JobSummary>>>,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Its facts are recorded, and its effects are carried out.
    Recorded,
    /// The coordinator stops before its facts could be recorded. Nothing of it was sent.
    Stopped,
}

/// Why the stored state cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotVersionError),
    #[error("fact {number} since the store's snapshot contradicts those before it")]
    Replay { number: usize, source: ReplayError },
}

impl Turns {
    /// Restores the core from the store, for a new epoch, which is recorded before anything else.
    /// So a coordinator can start, although nothing can be recorded at the moment. Blocks.
    pub(crate) fn resume(
        config: impasto_core::Config,
        mut store: impl Store + 'static,
        actions: ActionCache,
    ) -> Result<Self, ResumeError> {
        let epoch = store.next_epoch()?;
        let mut core = Core::new(config, epoch, epoch.0);
        let (mut facts, mut failed) = (0, None);
        store.load(&mut |stored| {
            if failed.is_some() {
                return;
            }
            let taken = match stored {
                Stored::Snapshot(snapshot) => core.restore(*snapshot).map_err(ResumeError::from),
                Stored::Fact(fact) => {
                    facts += 1;
                    let refused = |source| ResumeError::Replay { number: facts, source };
                    core.replay(&fact).map_err(refused)
                }
            };
            failed = taken.err();
        })?;
        failed.map_or(Ok(()), Err)?;
        tracing::debug!(
            facts,
            jobs = core.jobs().count(),
            "restored the state of the last coordinator"
        );
        let clock = Clock::begin(core.last_at());
        core.resume(clock.now());
        Ok(Self {
            core,
            clock,
            recorder: Recorder::new(store, epoch, facts),
            actions,
            unwritten: Unwritten::default(),
            links: Links::default(),
            watchers: Watchers::default(),
            replies: Replies::default(),
            last_worker: 0,
            has_told: false,
        })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.core.epoch()
    }

    /// Takes turns until `stop`, and then a last turn for the commands already queued.
    ///
    /// # Errors
    /// Facts can never be recorded. Nothing of that turn has been sent, as the core's state is not
    /// durable; restart from the store.
    pub(crate) async fn run(
        mut self,
        mut inbox: Inbox,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        // The first turn records the epoch.
        while self.turn(&mut batch, &mut inbox, &stop).await? == Turn::Recorded {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                received = inbox.commands.recv_many(&mut batch, COMMANDS_PER_TURN) => {
                    if received == 0 { break }
                }
                Some(question) = inbox.questions.recv() => self.answer(question),
                () = tokio::time::sleep(self.time_to_timeout()) => {}
            }
            // All that happened before is recorded.
            while let Ok(question) = inbox.questions.try_recv() {
                self.answer(question);
            }
        }
        inbox.commands.close();
        while let Ok(command) = inbox.commands.try_recv() {
            batch.push(command);
        }
        self.turn(&mut batch, &mut inbox, &stop).await.map(drop)
    }

    /// Takes a turn for the commands in `batch`, which it empties.
    async fn turn(
        &mut self,
        batch: &mut Vec<Command>,
        inbox: &mut Inbox,
        stop: &CancellationToken,
    ) -> Result<Turn, StoreError> {
        let now = self.clock.now();
        self.core.handle(now, Input::Tick);
        for command in batch.drain(..) {
            if let Some(input) = self.take_in(command) {
                self.core.handle(now, input);
            }
        }
        loop {
            if self.record_facts(inbox, stop).await? == Turn::Stopped {
                return Ok(Turn::Stopped);
            }
            // What becomes of an order may be an input too.
            if !self.carry_out_effects().await {
                break;
            }
        }
        self.recorder.compact(&self.core).await;
        Ok(Turn::Recorded)
    }

    /// Records the core's new facts, however long that takes.
    async fn record_facts(
        &mut self,
        inbox: &mut Inbox,
        stop: &CancellationToken,
    ) -> Result<Turn, StoreError> {
        let facts: Arc<[Fact]> = self.core.drain_facts().into();
        if !self.recorder.is_due(facts.len()) {
            return Ok(Turn::Recorded);
        }
        journal::facts(&self.links, &facts);
        let Err(mut error) = self.recorder.record(&facts, &self.core).await else {
            return Ok(Turn::Recorded);
        };
        let began = Instant::now();
        let mut retries = Retries::new(OUTAGE_BACKOFF);
        let mut said = String::new();
        let turn = loop {
            if !error.may_pass() {
                return Err(error);
            }
            let reason = error_text(&error);
            if reason != said {
                tracing::error!(reason, "nothing can be recorded: nobody gets or hands in work");
                inbox.sign.begins(&reason);
                said = reason;
            }
            // No jitter: only one program writes to the store.
            if !self.sit_out(retries.next(1.0), inbox, stop).await {
                tracing::warn!(facts = facts.len(), "stopped without recording the last facts");
                break Turn::Stopped;
            }
            match self.recorder.record(&facts, &self.core).await {
                Ok(()) => {
                    let after_s = began.elapsed().as_secs();
                    tracing::info!(after_s, "everything can be recorded again");
                    break Turn::Recorded;
                }
                Err(next) => error = next,
            }
        };
        self.clock.pause(began.elapsed());
        inbox.sign.is_over();
        Ok(turn)
    }

    /// Answers questions for a while. Returns false if the coordinator stops.
    async fn sit_out(
        &mut self,
        pause: Duration,
        inbox: &mut Inbox,
        stop: &CancellationToken,
    ) -> bool {
        let mut pause = std::pin::pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                () = &mut pause => return true,
                Some(question) = inbox.questions.recv() => {
                    // Dropped otherwise, and answered with the sign.
                    if question.is_of_people() {
                        self.answer(question);
                    }
                }
            }
        }
    }

    /// Converts a command to an input of the core; `None` if nobody waits for it any more.
    fn take_in(&mut self, command: Command) -> Option<Input> {
        match command {
            Command::Submit { reply, .. } if reply.is_closed() => None,
            Command::Cancel { reply, .. } | Command::Retry { reply, .. } if reply.is_closed() => {
                None
            }
            Command::Submit { submission, reply } => {
                let request = self.replies.next();
                self.replies.submitted.insert(request, reply);
                Some(Input::Submit { request, submission })
            }
            Command::Cancel { job, reply } => {
                let request = self.replies.next();
                self.replies.changed.insert(request, reply);
                Some(Input::Cancel { request, job })
            }
            Command::Retry { job, reply } => {
                let request = self.replies.next();
                self.replies.changed.insert(request, reply);
                Some(Input::Retry { request, job })
            }
            Command::Connect { introduction, reply } => {
                self.last_worker += 1;
                let worker = WorkerId(self.last_worker);
                // If nobody waits for the number, the connection has ended already.
                reply.send(worker).ok()?;
                if let Some(older) = self.core.replaced_by(&introduction.hello)
                    && self.links.has_unsent(older)
                {
                    self.unlink(older, "a newer connection replaced it");
                }
                self.links.add(worker, &introduction);
                Some(Input::Connect { worker, hello: introduction.hello })
            }
            Command::FromWorker(input) => {
                journal::input(&self.links, &input);
                if let Input::Disconnect { worker } = input {
                    self.unlink(worker, "its connection ended");
                    return None;
                }
                Some(input)
            }
            Command::Drain { name, now, reply } => {
                let worker = self.core.connection(&name);
                // The caller may be gone; the worker is drained anyway.
                let _ = reply.send(worker.is_some());
                worker.map(|worker| Input::Drain { worker, now })
            }
        }
    }

    fn answer(&mut self, question: Question) {
        let people = self.clock.for_people();
        // The caller may be gone; nothing depends on the answer.
        match question {
            Question::Watch { job, reply } => {
                let watch = self
                    .core
                    .job(job)
                    .map(|view| people.view(view))
                    .map(|view| Watch { view, news: self.watchers.subscribe(job) });
                let _ = reply.send(watch);
            }
            Question::Jobs { active, limit, reply } => {
                let wanted = |summary: &JobSummary| !active || !summary.state.has_ended();
                let jobs = self.core.jobs().filter(wanted).take(limit);
                let _ = reply.send(jobs.map(|summary| people.summary(summary)).collect());
            }
            Question::Workers { reply } => {
                let _ = reply.send(people.workers(self.core.workers()));
            }
            Question::Explain { job, reply } => {
                let _ = reply.send(self.core.explain(job));
            }
            Question::BlobsInUse { reply } => {
                let _ = reply.send(self.core.blobs_in_use().into_iter().collect());
            }
        }
    }

    /// Tells the core what became of its orders.
    fn tell_more(&mut self, input: Input) {
        self.core.handle(self.clock.now(), input);
        self.has_told = true;
    }

    /// Closes a worker's connection, and tells the core. Its leases stay, except those whose grants
    /// were not sent.
    fn unlink(&mut self, worker: WorkerId, why: &str) {
        journal::disconnected(&self.links, worker, why);
        let leases = self.links.remove(worker);
        self.tell_more(Input::Disconnect { worker });
        if !leases.is_empty() {
            tracing::info!(grants = leases.len(), "grants were not sent");
            self.tell_more(Input::NotSent { worker, leases });
        }
        let workers = self.core.workers();
        if self.links.peers() > 2 * workers.len() + PEERS_KEPT {
            self.links.keep_peers(|name| workers.iter().any(|worker| worker.name == *name));
        }
    }

    fn time_to_timeout(&self) -> Duration {
        let due = self.core.next_timeout().map(|due| self.clock.until(due));
        due.map_or(LONGEST_SLEEP, |due| due.min(LONGEST_SLEEP))
    }
}

impl Replies {
    fn next(&mut self) -> RequestId {
        self.last += 1;
        self.last
    }

    fn changed(&mut self, request: RequestId, summary: Option<JobSummary>) {
        if let Some(reply) = self.changed.remove(&request) {
            let _ = reply.send(summary);
        }
    }
}

#[cfg(test)]
mod tests;
