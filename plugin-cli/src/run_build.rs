//! Runs one build on the configured farm, or on one inside this process.

use std::sync::Arc;
use std::time::Duration;

use impasto_build::{Build, BuildError, Busy, Event, IfLost, Observer, Outcome, Survey};
use impasto_models::ModelStore;
use impasto_project::Watcher;
use impasto_types::{ByteSize, error_text, one_line};
use tokio_util::sync::CancellationToken;

use crate::build_request::BuildRequest;
use crate::embedded::Embedded;
use crate::local_cache::LocalCache;
use crate::{Exit, Failure, contact_sheet};
use impasto_proto::client::{FarmClient, FarmError};

/// How long to wait at exit for threads that are in the middle of a step.
const LINGER: Duration = Duration::from_millis(500);

/// Builds the project, surveyed by `watcher` if there is one. Failed assets are part of the
/// [`Outcome`]; `cancel` ends the build early and keeps finished results.
///
/// If everything is up to date, no runtime, connection or model is created.
///
/// # Errors
/// If the build as a whole cannot run.
pub(crate) fn run(
    request: &BuildRequest,
    watcher: Option<&Watcher>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<(Survey, Outcome), Failure> {
    let (survey, outcome) = run_once(request, watcher, observer, cancel)?;
    // Assets whose networks were trained can be painted now.
    if !survey.goes_on(&outcome) || cancel.is_cancelled() {
        return Ok((survey, outcome));
    }
    drop(survey);
    let (survey, next) = run_once(request, watcher, observer, cancel)?;
    Ok((survey, outcome.then(next)))
}

/// A build of what can be built now.
fn run_once(
    request: &BuildRequest,
    watcher: Option<&Watcher>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<(Survey, Outcome), Failure> {
    let mut build = Build::begin(&request.survey, watcher, Busy::Wait, observer, cancel)?;
    if build.is_done() {
        return Ok(build.finish());
    }
    let cache = LocalCache::open(&request.cache_dir)?;
    build.restore(&cache);
    let painted = match build.is_done() || cancel.is_cancelled() {
        true => Ok(()),
        false => paint(request, &mut build, &cache, observer, cancel),
    };
    // After an error too, the sheet shows what was delivered before it.
    let sheet = contact_sheet::write(&build, &cache);
    let (survey, mut outcome) = build.finish();
    painted?;
    match sheet {
        Ok(path) => outcome.contact_sheet = Some(path),
        Err(error) => {
            let message = &format!("cannot write the contact sheet: {error}");
            observer.event(Event::Warning { message });
        }
    }
    Ok((survey, outcome))
}

fn paint(
    request: &BuildRequest,
    build: &mut Build<'_>,
    cache: &LocalCache,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let models = ModelStore::open(request.survey.models_dir.as_deref()).map_err(Failure::here)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::here)?;
    let painted = runtime.block_on(async {
        if let Some(farm) = reach(request, observer).await? {
            observer.event(Event::Farm { coordinator: request.coordinator.as_deref() });
            let if_lost = request.if_lost();
            match build.paint(&farm, &models, Some(Arc::new(cache.clone())), if_lost).await {
                Ok(()) => return Ok(()),
                Err(error) => fall_back(request, observer, error, cancel)?,
            }
        }
        observer.event(Event::Farm { coordinator: None });
        paint_here(request, build, &models).await
    });
    runtime.shutdown_timeout(LINGER);
    match painted {
        // After Ctrl-C, do not report that the farm is gone as well.
        Err(failure) if failure.exit == Exit::Unreachable && cancel.is_cancelled() => Ok(()),
        other => other,
    }
}

/// The configured farm, or `None` if this machine paints.
async fn reach(
    request: &BuildRequest,
    observer: &dyn Observer,
) -> Result<Option<FarmClient>, FarmError> {
    let Some(coordinator) = &request.coordinator else { return Ok(None) };
    match FarmClient::connect(coordinator).await {
        Ok(client) => Ok(Some(client)),
        Err(error) if !request.require_farm => {
            observer.event(Event::FellBack { coordinator, reason: &error_text(&error) });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Says that this machine paints what a farm that was lost, or refuses the work, has not painted.
///
/// # Errors
/// `error` itself if it is not the farm's, the farm is required, or the build was canceled.
fn fall_back(
    request: &BuildRequest,
    observer: &dyn Observer,
    error: BuildError,
    cancel: &CancellationToken,
) -> Result<(), BuildError> {
    let is_the_farms = matches!(error, BuildError::Farm(_));
    if !is_the_farms || request.require_farm || cancel.is_cancelled() {
        return Err(error);
    }
    let coordinator = request.coordinator.as_deref().unwrap_or_default();
    // Its causes are the transport's own words.
    let reason = one_line(&error.to_string());
    observer.event(Event::FellBack { coordinator, reason: &reason });
    Ok(())
}

async fn paint_here(
    request: &BuildRequest,
    build: &mut Build<'_>,
    models: &ModelStore,
) -> Result<(), Failure> {
    let mut embedded = Embedded::start(request).await?;
    fail_what_is_too_large(build, embedded.memory_bytes());
    let farm = embedded.farm();
    let painted = tokio::select! {
        painted = build.paint(&farm, models, None, IfLost::Fail) => painted.map_err(Failure::from),
        error = embedded.failed() => Err(error.into()),
    };
    embedded.stop().await;
    painted
}

/// Fails the tasks that need more memory than this process may use. No other worker can join its
/// farm, so they would wait forever.
fn fail_what_is_too_large(build: &mut Build<'_>, memory_bytes: u64) {
    let open = build.open();
    let too_large = open.iter().filter(|task| task.least_memory_bytes > memory_bytes);
    let too_large: Vec<_> = too_large.map(|task| (task.action, task.least_memory_bytes)).collect();
    for (action, needed) in too_large {
        let message = format!(
            "it needs about {} of memory, but painting may take no more than {} (--max-memory)",
            ByteSize(needed),
            ByteSize(memory_bytes)
        );
        build.fail(action, &message);
    }
}
