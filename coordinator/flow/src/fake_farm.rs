//! A farm in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use impasto_types::{
    Attempt, BlobRef, Digest, JobId, JobNews, JobState, JobSummary, Output, RunReport, TaskEvent,
    TaskIndex, TaskResult, TaskSpec, WorkerName,
};
use tokio::sync::Notify;

use crate::farm::{Farm, FarmError, NewJob, Watch};

/// A farm that completes tasks when they are submitted. Its pictures are their actions' names.
#[derive(Debug, Clone)]
pub(crate) struct FakeFarm {
    max_tasks: usize,
    state: Arc<Mutex<FakeState>>,
    /// Notified when as many downloads wait as [`FakeState::meet`] says.
    met: Arc<Notify>,
}

#[derive(Debug, Default)]
struct FakeState {
    jobs: Vec<(String, Vec<TaskSpec>)>,
    uploads: BTreeSet<PathBuf>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    calls: usize,
    /// The calls, counted from 0, that get no answer.
    away: Range<usize>,
    /// Whether the cache stays empty.
    forgets: bool,
    /// Pictures that are text until the farm forgets their results.
    bad: BTreeSet<Digest>,
    /// How many results are announced but cannot be downloaded.
    lose: usize,
    refuse_uploads: bool,
    /// Whether tasks first wait for their inputs, which went missing.
    starves: bool,
    /// How many files were uploaded, each time counted.
    sent: usize,
    meet: usize,
    downloads: usize,
    downloading: usize,
    most_downloading: usize,
    most_asked: usize,
}

impl FakeState {
    /// Notes that this many blobs are being downloaded.
    fn begin(&mut self, blobs: usize) {
        self.downloading += blobs;
        self.most_downloading = self.most_downloading.max(self.downloading);
    }
}

impl FakeFarm {
    pub(crate) fn new() -> Self {
        Self { max_tasks: 100, state: Arc::default(), met: Arc::default() }
    }

    pub(crate) fn with_max_tasks(max_tasks: usize) -> Self {
        Self { max_tasks, ..Self::new() }
    }

    /// These calls, counted from 0, get no answer.
    pub(crate) fn go_away(&self, calls: Range<usize>) {
        lock(&self.state).away = calls;
    }

    /// The cache stays empty.
    pub(crate) fn forget_results(&self) {
        lock(&self.state).forgets = true;
    }

    /// The cache has text as the result of an action, until it is told to forget it.
    pub(crate) fn keep_text(&self, action: Digest) {
        let mut state = lock(&self.state);
        let picture = picture_of(action);
        state.bad.insert(Digest::of(&picture));
        state.blobs.insert(Digest::of(&picture), picture);
    }

    /// The next results are announced, but cannot be downloaded.
    pub(crate) fn lose(&self, results: usize) {
        lock(&self.state).lose = results;
    }

    pub(crate) fn refuse_uploads(&self) {
        lock(&self.state).refuse_uploads = true;
    }

    /// Tasks first wait for their inputs, which went missing.
    pub(crate) fn starve(&self) {
        lock(&self.state).starves = true;
    }

    /// How many files were uploaded, each time counted.
    pub(crate) fn sent(&self) -> usize {
        lock(&self.state).sent
    }

    /// Downloads are answered once this many are waiting.
    pub(crate) fn meet(&self, downloads: usize) {
        lock(&self.state).meet = downloads;
    }

    /// The number of tasks of each submitted job.
    pub(crate) fn jobs(&self) -> Vec<usize> {
        lock(&self.state).jobs.iter().map(|(_, tasks)| tasks.len()).collect()
    }

    pub(crate) fn uploads(&self) -> usize {
        lock(&self.state).uploads.len()
    }

    /// The most actions that were asked for at once, and the most blobs that were downloaded at
    /// once.
    pub(crate) fn most(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.most_asked, state.most_downloading)
    }

    async fn download(&self, blob: BlobRef) -> Result<Vec<u8>, FarmError> {
        let meet = {
            let mut state = self.answer()?;
            state.downloads += 1;
            state.downloads < state.meet
        };
        if meet {
            self.met.notified().await;
        } else {
            self.met.notify_waiters();
        }
        let missing = || FarmError::Blob("there is no such blob".into());
        let state = lock(&self.state);
        if state.bad.contains(&blob.digest) {
            return Ok(b"no picture".to_vec());
        }
        state.blobs.get(&blob.digest).cloned().ok_or_else(missing)
    }

    fn answer(&self) -> Result<MutexGuard<'_, FakeState>, FarmError> {
        let mut state = lock(&self.state);
        let call = state.calls;
        state.calls += 1;
        if state.away.contains(&call) {
            return Err(FarmError::Away("no answer".into()));
        }
        Ok(state)
    }
}

/// What the farm paints for an action.
fn picture_of(action: Digest) -> Vec<u8> {
    // Bytes after the end of a PNG are not looked at.
    [&png(7)[..], action.as_bytes()].concat()
}

fn result_of(action: Digest) -> TaskResult {
    result_with(BlobRef::of(&picture_of(action)))
}

/// A result of one picture of 32 x 32.
pub(crate) fn result_with(picture: BlobRef) -> TaskResult {
    let report = RunReport {
        iterations: 1,
        losses: None,
        compute_ms: 1,
        device: "fake".to_owned(),
        warning: None,
    };
    TaskResult { outputs: vec![Output::picture(picture, 32, 32)], report }
}

impl Farm for FakeFarm {
    type Watch = FakeWatch;

    fn keeps_jobs(&self) -> bool {
        true
    }

    fn max_tasks(&self) -> usize {
        self.max_tasks
    }

    async fn find_results(
        &self,
        actions: &[Digest],
    ) -> Result<BTreeMap<Digest, TaskResult>, FarmError> {
        let mut state = self.answer()?;
        state.most_asked = state.most_asked.max(actions.len());
        let results = actions.iter().map(|action| (*action, result_of(*action)));
        let is_known =
            |result: &TaskResult| state.blobs.contains_key(&result.outputs[0].blob.digest);
        Ok(results.filter(|(_, result)| !state.forgets && is_known(result)).collect())
    }

    async fn forget(&self, action: Digest) -> Result<(), FarmError> {
        self.answer()?.bad.remove(&Digest::of(&picture_of(action)));
        Ok(())
    }

    async fn find_missing(&self, blobs: &[BlobRef]) -> Result<Vec<BlobRef>, FarmError> {
        drop(self.answer()?);
        // The farm has all weights.
        Ok(blobs.iter().copied().filter(|blob| blob.size_bytes < 10_000).collect())
    }

    async fn upload_all(&self, files: Vec<(BlobRef, PathBuf)>) -> Vec<Result<(), FarmError>> {
        let upload = |(blob, file): (BlobRef, PathBuf)| {
            let mut state = self.answer()?;
            let bytes = fs::read(&file).expect("it is there");
            if state.refuse_uploads || BlobRef::of(&bytes) != blob {
                return Err(FarmError::Blob("it is not the blob".into()));
            }
            state.uploads.insert(file);
            state.sent += 1;
            Ok(())
        };
        files.into_iter().map(upload).collect()
    }

    async fn submit(&self, job: NewJob<'_>) -> Result<(JobId, bool), FarmError> {
        let mut state = self.answer()?;
        if let Some(known) = state.jobs.iter().position(|(key, _)| key == job.key) {
            return Ok((JobId(known as u64), true));
        }
        assert!((1..=self.max_tasks).contains(&job.tasks.len()));
        state.jobs.push((job.key.to_owned(), job.specs().collect()));
        for task in job.tasks {
            let action = task.action;
            if state.lose > 0 {
                state.lose -= 1;
            } else {
                let picture = picture_of(action);
                state.blobs.insert(Digest::of(&picture), picture);
            }
        }
        Ok((JobId(state.jobs.len() as u64 - 1), false))
    }

    async fn watch(&self, job: JobId) -> Result<FakeWatch, FarmError> {
        let state = self.answer()?;
        let Some((key, tasks)) = state.jobs.get(job.0 as usize) else {
            return Err(FarmError::NoSuchJob { job });
        };
        let summary = |job_state| {
            JobNews::Job(JobSummary {
                job,
                key: key.clone(),
                project: "test".to_owned(),
                state: job_state,
                priority: 0,
                submitted_at_ms: 0,
                ended_at_ms: None,
                blocked: 0,
                ready: 0,
                leased: 0,
                succeeded: tasks.len() as u32,
                failed: 0,
                canceled: 0,
            })
        };
        let done = (0..).zip(tasks).map(|(index, task)| JobNews::Task {
            task: TaskIndex(index),
            asset: None,
            event: TaskEvent::Succeeded {
                result: result_of(task.action.digest()),
                worker: Some("fake".parse::<WorkerName>().expect("a name")),
                attempts: Attempt(1),
            },
        });
        // While the cache stays empty, jobs seem to go on.
        let now = if state.forgets { JobState::Running } else { JobState::Succeeded };
        let mut news = vec![summary(now)];
        if state.starves {
            news.extend((0..).zip(tasks).map(|(index, task)| JobNews::Task {
                task: TaskIndex(index),
                asset: None,
                event: TaskEvent::Ready {
                    attempts: Attempt(1),
                    not_before_ms: 0,
                    message: "an input is missing".to_owned(),
                    missing: task.action.blobs().collect(),
                },
            }));
        }
        news.extend(done);
        news.push(summary(JobState::Succeeded));
        news.reverse();
        Ok(FakeWatch { farm: self.clone(), news })
    }

    async fn download_all(&self, blobs: Vec<BlobRef>) -> Vec<Result<Vec<u8>, FarmError>> {
        lock(&self.state).begin(blobs.len());
        let mut downloaded = Vec::new();
        for blob in &blobs {
            downloaded.push(self.download(*blob).await);
        }
        lock(&self.state).downloading -= blobs.len();
        downloaded
    }

    async fn cancel(&self, _job: JobId) -> Result<(), FarmError> {
        self.answer().map(drop)
    }
}

/// The events of a [`FakeFarm`]'s job, in reverse.
#[derive(Debug)]
pub(crate) struct FakeWatch {
    farm: FakeFarm,
    news: Vec<JobNews>,
}

impl Watch for FakeWatch {
    async fn next(&mut self) -> Result<Option<JobNews>, FarmError> {
        drop(self.farm.answer()?);
        Ok(self.news.pop())
    }
}

/// A PNG file of the color with this number.
pub(crate) fn png(color: u32) -> Vec<u8> {
    let [red, green, blue, _] = color.to_le_bytes();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 32, 32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[red, green, blue].repeat(32 * 32)).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
