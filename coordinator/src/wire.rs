//! Between the wire and the core's words, which `impasto-proto` does not know.

use impasto_core::{
    Capabilities, HeldLease, JobState, JobSummary, LeaseOutcome, Progress, TaskEvent, TaskView,
    WorkerState, WorkerView,
};
use impasto_proto::limits::{DIGESTS_PER_MESSAGE, MAX_DEVICES, MAX_LEASES, MAX_TEXT_BYTES};
use impasto_proto::v1::task_state::State;
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{LeaseId, WorkerName};

/// How a worker introduces itself.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) name: WorkerName,
    pub(crate) capabilities: Capabilities,
    pub(crate) held: Vec<HeldLease>,
}

pub(crate) fn hello(message: v1::Hello) -> Result<Hello, FieldError> {
    let held = |message| from_proto::lease(message).map(|lease| HeldLease { lease });
    Ok(Hello {
        name: from_proto::worker_name("name", &message.name)?,
        capabilities: from_proto::required("capabilities", message.capabilities, capabilities)?,
        held: from_proto::each("held", message.held, MAX_LEASES, held)?,
    })
}

fn capabilities(message: v1::Capabilities) -> Result<Capabilities, FieldError> {
    if !(1..=MAX_LEASES).contains(&(message.slots as usize)) {
        return Err(FieldError::out_of_range(
            "slots",
            message.slots,
            format_args!("from 1 to {MAX_LEASES}"),
        ));
    }
    let blobs = from_proto::each("blobs", message.blobs, DIGESTS_PER_MESSAGE, |bytes| {
        from_proto::digest("digest", &bytes)
    })?;
    let devices =
        from_proto::each("devices", message.devices, MAX_DEVICES, from_proto::device_info)?;
    Ok(Capabilities {
        devices,
        slots: message.slots,
        memory_bytes: message.memory_bytes,
        engine_version: message.engine_version,
        device: from_proto::device("device", message.device)?,
        blobs: blobs.into_iter().collect(),
    })
}

pub(crate) fn lease_progress(
    message: v1::LeaseProgress,
) -> Result<(LeaseId, Option<Progress>), FieldError> {
    let lease = from_proto::required("lease", message.lease, from_proto::lease)?;
    Ok((lease, from_proto::optional("progress", message.progress, progress)?))
}

fn progress(message: v1::Progress) -> Result<Progress, FieldError> {
    let v1::Progress { iteration, iterations, loss, left_ms } = message;
    if loss.is_finite() {
        Ok(Progress { iteration, iterations, loss, left_ms })
    } else {
        Err(FieldError::out_of_range("loss", loss, "finite"))
    }
}

/// What a worker says of a lease that it has ended.
pub(crate) fn report(message: v1::Report) -> Result<(LeaseId, LeaseOutcome), FieldError> {
    let lease = from_proto::required("lease", message.lease, from_proto::lease)?;
    let outcome = match message.outcome.ok_or_else(|| FieldError::missing("outcome"))? {
        v1::report::Outcome::Succeeded(result) => LeaseOutcome::Succeeded(
            from_proto::task_result(result).map_err(|error| error.within("succeeded"))?,
        ),
        v1::report::Outcome::Failed(failure) => LeaseOutcome::Failed {
            kind: from_proto::failure_kind("kind", &failure.kind)
                .map_err(|error| error.within("failed"))?,
            message: cut(failure.message),
        },
        v1::report::Outcome::Returned(v1::Returned {}) => LeaseOutcome::Returned,
    };
    Ok((lease, outcome))
}

/// A message for people, at a bearable length.
fn cut(mut text: String) -> String {
    let end = (0..=MAX_TEXT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text
}

pub(crate) fn summary(summary: &JobSummary) -> v1::JobSummary {
    v1::JobSummary {
        job: summary.job.0,
        key: summary.key.clone(),
        project: summary.project.clone(),
        priority: summary.priority,
        state: job_state(summary.state).to_owned(),
        submitted_at_ms: summary.submitted_at,
        ended_at_ms: summary.ended_at,
        ready: summary.ready,
        leased: summary.leased,
        succeeded: summary.succeeded,
        failed: summary.failed,
        canceled: summary.canceled,
    }
}

fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Canceling => "canceling",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Canceled => "canceled",
    }
}

/// Whether a job in this state is over, unless it is retried.
pub(crate) fn has_ended(state: JobState) -> bool {
    match state {
        JobState::Queued | JobState::Running | JobState::Canceling => false,
        JobState::Succeeded | JobState::Failed | JobState::Canceled => true,
    }
}

/// A task's state at the beginning of a watch.
pub(crate) fn task_view(view: TaskView, asset: String) -> v1::TaskState {
    let state = match (task_event(view.event), view.progress) {
        (State::Leased(leased), Some(progress)) => {
            State::Leased(v1::Leased { progress: Some(progress_message(progress)), ..leased })
        }
        (state, _) => state,
    };
    v1::TaskState { task: view.task.0, asset, state: Some(state) }
}

/// What an event says by itself. Of a progress it cannot say who makes it: whoever watches knows
/// from before.
pub(crate) fn task_event(event: TaskEvent) -> State {
    match event {
        TaskEvent::Ready { attempts, not_before: _, message } => {
            State::Ready(v1::Ready { attempts: attempts.0, message })
        }
        TaskEvent::Leased { worker, attempt } => State::Leased(v1::Leased {
            worker: worker.to_string(),
            attempt: attempt.0,
            progress: None,
        }),
        TaskEvent::Progress(progress) => State::Leased(v1::Leased {
            worker: String::new(),
            attempt: 0,
            progress: Some(progress_message(progress)),
        }),
        TaskEvent::Succeeded { result, worker, attempts } => State::Succeeded(v1::Succeeded {
            result: Some(to_proto::task_result(&result)),
            worker: worker.map_or_else(String::new, |worker| worker.to_string()),
            attempts: attempts.0,
        }),
        TaskEvent::Failed { message, attempts } => {
            State::Failed(v1::Failed { message, attempts: attempts.0 })
        }
        TaskEvent::Canceled => State::Canceled(v1::Canceled {}),
    }
}

fn progress_message(progress: Progress) -> v1::Progress {
    let Progress { iteration, iterations, loss, left_ms } = progress;
    v1::Progress { iteration, iterations, loss, left_ms }
}

pub(crate) fn worker_info(view: &WorkerView) -> v1::WorkerInfo {
    v1::WorkerInfo {
        name: view.name.to_string(),
        state: worker_state(view.state).to_owned(),
        slots: view.capabilities.slots,
        memory_bytes: view.capabilities.memory_bytes,
        device: view.capabilities.device.clone(),
        engine_version: view.capabilities.engine_version,
        leases: view.leases.iter().map(to_proto::lease).collect(),
        tasks_done: view.tasks_done,
        devices: view.capabilities.devices.iter().map(to_proto::device_info).collect(),
        health: view.health.iter().map(to_proto::device_health).collect(),
    }
}

fn worker_state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Idle => "idle",
        WorkerState::Busy => "busy",
        WorkerState::Draining => "draining",
        WorkerState::Lost => "lost",
    }
}
