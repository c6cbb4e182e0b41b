//! The task that owns the core.
//!
//! A turn passes all waiting commands to the core, appends the facts in one transaction, and only
//! then sends replies, orders and events. Meanwhile the next turn's commands queue up, so a busy
//! coordinator commits in groups.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use impasto_blobs::{ActionCache, blocking};
use impasto_core::{Core, Effect, Input, ReplayError, RequestId, SnapshotVersionError};
use impasto_types::{
    Digest, Epoch, JobId, JobNews, JobSummary, Order, TaskResult, WorkerId, error_text,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::journal;
use super::links::Links;
use super::orders::{Full, Pushed};
use super::watchers::Watchers;
use super::{Command, Question, Watch};
use crate::{Store, StoreError, Stored};

/// The most commands of a turn: enough to share a transaction, few enough that none waits long.
const COMMANDS_PER_TURN: usize = 512;

/// How many facts a restart may have to replay in any case: this takes a fraction of a second.
const FACTS_KEPT: usize = 10_000;

/// How many addresses of workers are kept that are no longer listed.
const PEERS_KEPT: usize = 100;

/// The longest time between two looks at the clock, since timers stop while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The core, and everything that its effects are sent to.
#[derive(Debug)]
pub(crate) struct Turns {
    core: Core,
    clock: Clock,
    store: Arc<Mutex<dyn Store>>,
    /// The number of facts in the store since its snapshot.
    facts: usize,
    actions: ActionCache,
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
    /// Restores the core from the store, in a new epoch. Blocks.
    pub(crate) fn resume(
        config: impasto_core::Config,
        mut store: impl Store + 'static,
        actions: ActionCache,
    ) -> Result<Self, ResumeError> {
        let epoch = store.lead()?;
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
        let store = Arc::new(Mutex::new(store));
        Ok(Self {
            core,
            clock,
            store,
            facts,
            actions,
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
    /// Facts could not be appended. Nothing of that turn has been sent, as the core's state is not
    /// durable; restart from the store.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                received = commands.recv_many(&mut batch, COMMANDS_PER_TURN) => {
                    if received == 0 { break }
                }
                () = tokio::time::sleep(self.time_to_timeout()) => {}
            }
            self.turn(batch).await?;
        }
        commands.close();
        let mut rest = Vec::new();
        while let Ok(command) = commands.try_recv() {
            rest.push(command);
        }
        self.turn(rest).await
    }

    async fn turn(&mut self, batch: Vec<Command>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut questions = Vec::new();
        self.core.handle(now, Input::Tick);
        for command in batch {
            if let Some(input) = self.take_in(command, &mut questions) {
                self.core.handle(now, input);
            }
        }
        self.keep_facts().await?;
        // What becomes of an order may be an input too.
        while self.carry_out_effects().await {
            self.keep_facts().await?;
        }
        for question in questions {
            self.answer(question);
        }
        self.compact().await;
        Ok(())
    }

    /// Converts a command to an input of the core. Questions are answered at the end of the turn.
    fn take_in(&mut self, command: Command, questions: &mut Vec<Question>) -> Option<Input> {
        match command {
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
            Command::Ask(question) => {
                questions.push(question);
                None
            }
        }
    }

    async fn keep_facts(&mut self) -> Result<(), StoreError> {
        let facts = self.core.drain_facts();
        if facts.is_empty() {
            return Ok(());
        }
        self.facts += facts.len();
        journal::facts(&self.links, &facts);
        let store = Arc::clone(&self.store);
        blocking(move || store.lock().unwrap_or_else(PoisonError::into_inner).append(&facts)).await
    }

    /// Replaces the facts by a snapshot when there are many in proportion to the core's tasks: so
    /// the number of facts is bounded, and large snapshots are rare.
    async fn compact(&mut self) {
        if self.facts < FACTS_KEPT + 2 * self.core.tasks() {
            return;
        }
        self.facts = 0;
        let (snapshot, store) = (self.core.snapshot(), Arc::clone(&self.store));
        let compact =
            move || store.lock().unwrap_or_else(PoisonError::into_inner).compact(&snapshot);
        if let Err(error) = blocking(compact).await {
            // The facts still exist, and the next snapshot covers them.
            tracing::warn!("cannot store a snapshot: {}", error_text(&error));
        }
    }

    /// Returns whether the core was told something meanwhile.
    async fn carry_out_effects(&mut self) -> bool {
        self.has_told = false;
        let effects = self.core.drain_effects();
        // Before any success is reported, so that a client that then submits the same action finds
        // the result.
        self.remember(&effects).await;
        for effect in effects {
            self.carry_out(effect);
        }
        self.has_told
    }

    async fn remember(&self, effects: &[Effect]) {
        let results: Vec<(Digest, TaskResult)> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Remember { action, result } => Some((*action, result.clone())),
                _ => None,
            })
            .collect();
        if results.is_empty() {
            return;
        }
        if let Err(error) = self.actions.put(results).await {
            tracing::warn!(cause = %error_text(&error), "cannot write results to the action cache");
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Submitted { request, job, known } => {
                if let Some(reply) = self.replies.submitted.remove(&request) {
                    let _ = reply.send((job, known));
                }
            }
            Effect::Changed { request, job } => {
                let people = self.clock.for_people();
                let summary = self.core.summary(job).map(|summary| people.summary(summary));
                self.replies.changed(request, summary);
            }
            Effect::NoSuchJob { request, job: _ } => self.replies.changed(request, None),
            Effect::Order { worker, order } => {
                if let Order::Welcome { name, .. } = &order {
                    self.links.name(worker, name);
                    journal::connected(&self.links, worker);
                }
                match self.links.send(worker, order) {
                    Ok(Pushed::Waits) => {}
                    Ok(Pushed::TookBack(lease)) => {
                        self.tell_more(Input::NotSent { worker, leases: vec![lease] });
                    }
                    Err(Full) => self.unlink(worker, "it does not read its orders"),
                }
            }
            Effect::Dismiss { worker } => {
                self.unlink(worker, "a newer connection replaced it, or it went silent");
            }
            Effect::Benched { worker, failures, reason, until: _ } => {
                journal::benched(&self.links, &worker, failures, &reason);
            }
            // Done before, together with the others of this turn.
            Effect::Remember { .. } => {}
            Effect::Task { job, task, event } => {
                let people = self.clock.for_people();
                let news = || people.news(JobNews::Task { task, asset: None, event });
                self.watchers.tell(job, news);
            }
            Effect::Job { summary } => {
                let (job, state) = (summary.job.0, summary.state);
                tracing::info!(job, %state, "a job's state has changed");
                let people = self.clock.for_people();
                self.watchers.tell(summary.job, || people.news(JobNews::Job(summary)));
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
