//! The task that owns the core.
//!
//! A turn passes all waiting commands to the core, appends the facts in one transaction, and only
//! then sends replies, orders and events. Meanwhile the next turn's commands queue up, so a busy
//! coordinator commits in groups. This is the only place that reads the clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use impasto_blobs::{ActionCache, blocking};
use impasto_core::{Core, Effect, Input, Millis, ReplayError, RequestId, SnapshotVersionError};
use impasto_types::{Digest, Epoch, JobId, JobNews, JobSummary, TaskResult, WorkerId, error_text};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::links::Links;
use super::watchers::Watchers;
use super::{Command, Question, Watch};
use crate::{Store, StoreError, Stored};

/// The most commands of a turn: enough to share a transaction, few enough that none waits long.
const COMMANDS_PER_TURN: usize = 512;

/// How many facts a restart may have to replay in any case: this takes a fraction of a second.
const FACTS_KEPT: usize = 10_000;

/// The longest time between two looks at the clock, since the system's clock can be set, and timers
/// stop while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The core, and everything that its effects are sent to.
#[derive(Debug)]
pub(crate) struct Turns {
    core: Core,
    store: Arc<Mutex<dyn Store>>,
    /// The number of facts in the store since its snapshot.
    facts: usize,
    actions: ActionCache,
    links: Links,
    watchers: Watchers,
    replies: Replies,
    last_worker: u64,
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
        let now = now();
        let mut core = Core::new(config, epoch, now);
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
        core.resume(now);
        let store = Arc::new(Mutex::new(store));
        Ok(Self {
            core,
            store,
            facts,
            actions,
            links: Links::default(),
            watchers: Watchers::default(),
            replies: Replies::default(),
            last_worker: 0,
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
        let now = now();
        let mut questions = Vec::new();
        self.core.handle(now, Input::Tick);
        for command in batch {
            if let Some(input) = self.take_in(command, &mut questions) {
                self.core.handle(now, input);
            }
        }
        self.keep_facts().await?;
        self.carry_out_effects().await;
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
                self.links.add(worker, introduction.orders);
                let hello = introduction.hello;
                let (name, capabilities) = (&hello.name, &hello.capabilities);
                let (device, slots) = (&capabilities.device, capabilities.slots);
                tracing::info!(%name, device, slots, "a worker has connected");
                Some(Input::Connect { worker, hello })
            }
            Command::FromWorker(input) => {
                if let Input::Disconnect { worker } = input {
                    self.links.remove(worker);
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

    async fn carry_out_effects(&mut self) {
        let effects = self.core.drain_effects();
        // Before any success is reported, so that a client that then submits the same action finds
        // the result.
        self.remember(&effects).await;
        for effect in effects {
            self.carry_out(effect);
        }
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
                self.replies.changed(request, self.core.summary(job))
            }
            Effect::NoSuchJob { request, job: _ } => self.replies.changed(request, None),
            Effect::Order { worker, order } => self.links.send(worker, order),
            Effect::Dismiss { worker } => self.links.remove(worker),
            // Done before, together with the others of this turn.
            Effect::Remember { .. } => {}
            Effect::Task { job, task, event } => {
                self.watchers.tell(job, || JobNews::Task { task, asset: None, event })
            }
            Effect::Job { summary } => {
                let (job, state) = (summary.job.0, summary.state);
                tracing::info!(job, %state, "a job's state has changed");
                self.watchers.tell(summary.job, || JobNews::Job(summary));
            }
        }
    }

    fn answer(&mut self, question: Question) {
        // The caller may be gone; nothing depends on the answer.
        match question {
            Question::Watch { job, reply } => {
                let watch = self
                    .core
                    .job(job)
                    .map(|view| Watch { view, news: self.watchers.subscribe(job) });
                let _ = reply.send(watch);
            }
            Question::Jobs { active, limit, reply } => {
                let wanted = |summary: &JobSummary| !active || !summary.state.has_ended();
                let _ = reply.send(self.core.jobs().filter(wanted).take(limit).collect());
            }
            Question::Workers { reply } => {
                let _ = reply.send(self.core.workers());
            }
            Question::BlobsInUse { reply } => {
                let _ = reply.send(self.core.blobs_in_use().into_iter().collect());
            }
        }
    }

    fn time_to_timeout(&self) -> Duration {
        let due =
            self.core.next_timeout().map(|due| Duration::from_millis(due.saturating_sub(now())));
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

/// Milliseconds since the Unix epoch. The core makes sure that its time never decreases.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use impasto_core::{Fact, Snapshot, Submission};

    use super::super::Driver;
    use super::*;
    use impasto_blobs::{LocalActions, LocalBlobs};

    /// A store whose facts the test can read, and that fails on demand.
    #[derive(Debug, Clone, Default)]
    struct Watched {
        facts: Arc<Mutex<Vec<Fact>>>,
        snapshots: Arc<Mutex<Vec<Snapshot>>>,
        full: bool,
    }

    impl Store for Watched {
        fn lead(&mut self) -> Result<Epoch, StoreError> {
            Ok(Epoch(1))
        }

        fn load(&mut self, _: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
            Ok(())
        }

        fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
            if self.full {
                return Err(StoreError::InUse { store: "full".to_owned() });
            }
            self.facts.lock().expect("nobody panicked").extend_from_slice(facts);
            Ok(())
        }

        fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
            self.snapshots.lock().expect("nobody panicked").push(snapshot.clone());
            Ok(())
        }
    }

    fn submission(key: &str) -> Submission {
        Submission {
            key: key.to_owned(),
            project: "p".to_owned(),
            priority: 0,
            spec: Digest::of(b"spec"),
            tasks: vec![],
        }
    }

    fn turns(store: &Watched) -> (tempfile::TempDir, Turns) {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
        let actions = LocalActions::open(blobs).expect("it opens").into();
        let turns = Turns::resume(impasto_core::Config::default(), store.clone(), actions)
            .expect("there is nothing to resume");
        (folder, turns)
    }

    #[tokio::test]
    async fn a_reply_comes_after_its_fact_is_durable() {
        let store = Watched::default();
        let (_folder, turns) = turns(&store);
        let (driver, commands) = Driver::new();
        let stop = CancellationToken::new();
        let running = tokio::spawn(turns.run(commands, stop.clone()));
        for (number, key) in [(1, "a"), (2, "b")] {
            assert_eq!(
                driver.submit(submission(key)).await.expect("it runs"),
                (JobId(number), false)
            );
            let kept = store.facts.lock().expect("nobody panicked");
            let is_this = |fact: &Fact| match fact {
                Fact::JobSubmitted { submission, .. } => submission.key == key,
                _ => false,
            };
            assert!(kept.iter().any(is_this));
        }
        stop.cancel();
        running.await.expect("it does not panic").expect("it stops cleanly");
        assert!(driver.submit(submission("c")).await.is_err());
    }

    #[tokio::test]
    async fn nothing_is_sent_if_facts_cannot_be_appended() {
        let store = Watched { full: true, ..Watched::default() };
        let (_folder, turns) = turns(&store);
        let (driver, commands) = Driver::new();
        let running = tokio::spawn(turns.run(commands, CancellationToken::new()));
        assert!(driver.submit(submission("a")).await.is_err());
        assert!(running.await.expect("it does not panic").is_err());
    }

    #[tokio::test]
    async fn a_snapshot_replaces_facts() {
        let store = Watched::default();
        let (_folder, mut turns) = turns(&store);
        turns.facts = FACTS_KEPT - 1;
        for key in ["a", "b"] {
            let request = turns.replies.next();
            turns.core.handle(now(), Input::Submit { request, submission: submission(key) });
            turns.turn(Vec::new()).await.expect("it is kept");
        }
        let snapshots = store.snapshots.lock().expect("nobody panicked");
        assert_eq!(snapshots.len(), 1, "once there are enough facts");
        let mut core = Core::new(impasto_core::Config::default(), Epoch(2), 1);
        core.restore(snapshots[0].clone()).expect("it is of this version");
        assert_eq!(core.jobs().map(|job| job.key).collect::<Vec<_>>(), ["a"]);
    }
}
