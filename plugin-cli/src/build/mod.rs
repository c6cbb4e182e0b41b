//! A project's build, from its manifest to its outputs: survey, restore from the cache, paint on a
//! farm, deliver.
//!
//! It prints nothing: everything it has to say goes to an [`Observer`]. It schedules nothing
//! either: which worker paints what is the coordinator's business, also where coordinator and
//! worker run inside this process.

mod contact_sheet;
mod delivery;
mod embedded;
mod error;
mod event;
mod following;
mod local_cache;
mod outcome;
mod painting;
mod patience;
mod pending;
mod supply;
mod survey;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use impasto_models::ModelStore;
use impasto_painter::Devices;
use impasto_project::{LockError, Project, ProjectLock, Watcher, lock};
use tokio_util::sync::CancellationToken;

use self::delivery::Delivery;
use self::local_cache::LocalCache;

pub use error::BuildError;
pub use event::{Event, ModelStep, Observer, Origin, Target};
pub use outcome::{Failed, Outcome};
pub use survey::{Survey, SurveyError, SurveyRequest, open, survey};

pub(crate) use painting::submit;

/// What to build, and with what.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    pub survey: SurveyRequest,
    /// Where the farm is; without one this process paints.
    pub coordinator: Option<String>,
    /// Do not paint here if the farm cannot be reached.
    pub require_farm: bool,
    /// The embedded farm's results and uploads.
    pub cache_dir: PathBuf,
    /// `None` leaves it to the worker.
    pub threads: Option<u16>,
    pub memory_bytes: Option<u64>,
    pub devices: Devices,
}

/// Builds the project, as `watcher` sees it where there is one. Assets that fail are part of the
/// [`Outcome`]; `cancel` ends it early and keeps what is finished.
///
/// Where everything is up to date this ends without a runtime, a connection or a model.
///
/// # Errors
/// What keeps the build as a whole from its work.
pub fn build(
    request: &BuildRequest,
    watcher: Option<&Watcher>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<(Survey, Outcome), BuildError> {
    let began = Instant::now();
    let mut found = survey(&request.survey, watcher)?;
    let mut held = None;
    if found.plan.stale().next().is_some() || found.state.is_unsaved() {
        held = take_lock(&found.project, observer, cancel)?;
        // Another build may have ended since the first look, and made what this one needs.
        let recovered = held.as_ref().is_some_and(|held| held.recovered);
        if recovered || !found.state.is_current(&found.project) {
            found = survey(&request.survey, watcher)?;
        }
    }
    let outcome = build_surveyed(request, &mut found, observer, cancel)?;
    drop(held);
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((found, Outcome { elapsed_ms, ..outcome }))
}

fn build_surveyed(
    request: &BuildRequest,
    found: &mut Survey,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Outcome, BuildError> {
    announce(found, observer);
    let (state, stats) = (std::mem::take(&mut found.state), std::mem::take(&mut found.stats));
    let mut delivery = Delivery::new(found, state, stats, observer);
    delivery.fail_unusable();
    if delivery.is_done() {
        return Ok(delivery.finish());
    }
    let cache = LocalCache::open(&request.cache_dir)?;
    cache.restore(&mut delivery, cancel);
    let painted = match delivery.is_done() || cancel.is_cancelled() {
        true => Ok(()),
        false => paint(request, found, &cache, &mut delivery, cancel),
    };
    // What was delivered before something went wrong is kept and shown.
    let sheet = contact_sheet::write(found, &delivery, &cache);
    let mut outcome = delivery.finish();
    painted?;
    match sheet {
        Ok(path) => outcome.contact_sheet = Some(path),
        Err(error) => observer
            .event(Event::Warning { message: &format!("there is no contact sheet: {error}") }),
    }
    outcome.interrupted = cancel.is_cancelled() && outcome.open > 0;
    Ok(outcome)
}

fn announce(found: &Survey, observer: &dyn Observer) {
    for message in &found.warnings {
        observer.event(Event::Warning { message });
    }
    let stale = found.plan.stale().count();
    let work = found.plan.stale().map(|task| task.spec.work).fold(0, u64::saturating_add);
    observer.event(Event::Planned {
        stale,
        up_to_date: found.up_to_date(),
        unusable: found.unusable(),
        work,
    });
}

/// How often a build looks whether another one of the same project has ended.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The project's lock; none where the wait for it was canceled.
fn take_lock(
    project: &Project,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Option<ProjectLock>, BuildError> {
    let mut waited = false;
    loop {
        match lock(project) {
            Ok(held) => return Ok(Some(held)),
            Err(held @ LockError::Held { .. }) => {
                if cancel.is_cancelled() {
                    return Ok(None);
                }
                if !waited {
                    observer
                        .event(Event::Warning { message: &format!("{held}; waiting for its end") });
                    waited = true;
                }
                std::thread::sleep(LOCK_INTERVAL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How long threads that are in the middle of a step are waited for at the end.
const LINGER: Duration = Duration::from_millis(500);

fn paint(
    request: &BuildRequest,
    found: &Survey,
    cache: &LocalCache,
    delivery: &mut Delivery<'_>,
    cancel: &CancellationToken,
) -> Result<(), BuildError> {
    let models = ModelStore::open(request.survey.models_dir.as_deref())?;
    let runtime = tokio::runtime::Runtime::new().map_err(BuildError::Runtime)?;
    let painted = runtime.block_on(painting::run(request, found, &models, cache, delivery, cancel));
    runtime.shutdown_timeout(LINGER);
    match painted {
        // Whoever gave up does not wait for a farm that is gone.
        Err(BuildError::Farm(error)) if error.is_away() && cancel.is_cancelled() => Ok(()),
        other => other,
    }
}
