//! Conversions of jobs, leases and workers.

use impasto_types::{
    Attempt, Bench, Capabilities, ComputeCapability, DeviceHealth, DeviceInfo, Epoch, Explained,
    Grant, Hello, JobId, JobNews, JobSummary, LeaseId, LeaseOutcome, MAX_INPUTS, MethodVersion,
    Order, Progress, Resolved, TaskEvent, TaskIndex, TaskSpec, WorkerInfo,
};

use super::{
    blob, device, digest, each, lease, optional, part, required, task_result, task_spec,
    worker_name,
};
use crate::limits::{DIGESTS_PER_MESSAGE, MAX_BLOBS_OF_TASK, MAX_DEVICES, MAX_LEASES, MAX_METHODS};
use crate::{FieldError, text, v1, words};

/// A worker's first message.
pub fn hello(message: v1::Hello) -> Result<Hello, FieldError> {
    let digest = |bytes: Vec<u8>| digest("digest", &bytes);
    Ok(Hello {
        name: worker_name("name", &message.name)?,
        instance: message.instance,
        capabilities: required("capabilities", message.capabilities, capabilities)?,
        held: each("held", message.held, MAX_LEASES, lease)?,
        blobs: each("blobs", message.blobs, DIGESTS_PER_MESSAGE, digest)?,
    })
}

/// A worker's running leases with their progress, and its devices' health.
#[allow(clippy::type_complexity)]
pub fn heartbeat(
    message: v1::Heartbeat,
) -> Result<(Vec<(LeaseId, Option<Progress>)>, Vec<DeviceHealth>), FieldError> {
    let lease_progress = |message: v1::LeaseProgress| {
        let id = required("lease", message.lease, lease)?;
        Ok((id, optional("progress", message.progress, progress)?))
    };
    let leases = each("leases", message.leases, MAX_LEASES, lease_progress)?;
    Ok((leases, each("devices", message.devices, MAX_DEVICES, device_health)?))
}

/// A lease and its outcome. If only the outcome is invalid, the lease is still returned, so that
/// the coordinator can answer.
pub fn report(
    message: v1::Report,
) -> Result<(LeaseId, Result<LeaseOutcome, FieldError>), FieldError> {
    let id = required("lease", message.lease, lease)?;
    Ok((id, required("outcome", message.outcome, outcome)))
}

fn outcome(message: v1::report::Outcome) -> Result<LeaseOutcome, FieldError> {
    use v1::report::Outcome;
    Ok(match message {
        Outcome::Succeeded(result) => {
            LeaseOutcome::Succeeded(task_result(result).map_err(|error| error.within("succeeded"))?)
        }
        Outcome::Failed(failure) => LeaseOutcome::Failed {
            kind: words::parse("failed.kind", &failure.kind)?,
            message: text::message(&failure.message),
        },
        Outcome::Starved(starved) => LeaseOutcome::Starved {
            missing: each("starved.missing", starved.missing, MAX_BLOBS_OF_TASK, blob)?,
        },
        Outcome::Returned(returned) => LeaseOutcome::Returned {
            checkpoint: optional("returned.checkpoint", returned.checkpoint, blob)?,
        },
    })
}

/// A message to a worker; `None` for one that only a newer version knows. A task that cannot be
/// read is an error inside the grant, so that the worker can report the lease as failed.
#[allow(clippy::type_complexity)]
pub fn order(
    message: v1::CoordinatorMessage,
) -> Result<Option<Order<Result<TaskSpec, FieldError>>>, FieldError> {
    use v1::coordinator_message::Message;
    let of = |message| required("lease", message, lease);
    Ok(Some(match message.message {
        None => return Ok(None),
        Some(Message::Welcome(welcome)) => Order::Welcome {
            epoch: Epoch(welcome.epoch),
            heartbeat_ms: welcome.heartbeat_ms,
            name: worker_name("name", &welcome.name)?,
            stale: each("stale", welcome.stale, MAX_LEASES, lease)?,
        },
        Some(Message::Grant(grant)) => Order::Grant(Grant {
            lease: of(grant.lease)?,
            task: required("task", grant.task, task_spec),
            resolved: each("resolved", grant.resolved, MAX_INPUTS, resolved)?,
            checkpoint: optional("checkpoint", grant.checkpoint, blob)?,
        }),
        Some(Message::Revoke(revoke)) => Order::Revoke { lease: of(revoke.lease)? },
        Some(Message::Acknowledge(acknowledge)) => {
            Order::Acknowledge { lease: of(acknowledge.lease)? }
        }
        Some(Message::Drain(v1::DrainOrder {})) => Order::Drain,
    }))
}

/// News about a watched job.
pub fn job_news(message: v1::WatchResponse) -> Result<JobNews, FieldError> {
    use v1::watch_response::News;
    match message.news.ok_or_else(|| FieldError::missing("news"))? {
        News::Summary(summary) => {
            Ok(JobNews::Job(job_summary(summary).map_err(|error| error.within("summary"))?))
        }
        News::CaughtUp(v1::CaughtUp {}) => Ok(JobNews::CaughtUp),
        News::Task(task) => Ok(JobNews::Task {
            task: TaskIndex(task.task),
            asset: Some(text::message(&task.asset)).filter(|asset| !asset.is_empty()),
            event: required("state", task.state, task_event)
                .map_err(|error| error.within("task"))?,
        }),
    }
}

pub fn job_summary(message: v1::JobSummary) -> Result<JobSummary, FieldError> {
    Ok(JobSummary {
        job: JobId(message.job),
        key: text::message(&message.key),
        project: text::message(&message.project),
        state: words::parse("state", &message.state)?,
        priority: message.priority,
        submitted_at_ms: message.submitted_at_ms,
        ended_at_ms: message.ended_at_ms,
        blocked: message.blocked,
        ready: message.ready,
        leased: message.leased,
        succeeded: message.succeeded,
        failed: message.failed,
        canceled: message.canceled,
    })
}

pub fn worker_info(message: v1::WorkerInfo) -> Result<WorkerInfo, FieldError> {
    Ok(WorkerInfo {
        name: worker_name("name", &message.name)?,
        state: words::parse("state", &message.state)?,
        capabilities: required("capabilities", message.capabilities, capabilities)?,
        leases: each("leases", message.leases, MAX_LEASES, lease)?,
        tasks_done: message.tasks_done,
        failures: message.failures,
        benched: message.benched.map(|v1::Bench { until_ms, reason }| Bench {
            until_ms,
            reason: text::message(&reason),
        }),
        health: each("health", message.health, MAX_DEVICES, device_health)?,
    })
}

/// Why tasks of a job wait.
pub fn explained(message: v1::Explained) -> Result<Explained, FieldError> {
    let v1::Explained { first, tasks, reason } = message;
    Ok(Explained { first: TaskIndex(first), tasks, reason: text::message(&reason) })
}

pub fn device_info(message: v1::Device) -> Result<DeviceInfo, FieldError> {
    let capability = |v1::ComputeCapability { major, minor }| ComputeCapability { major, minor };
    Ok(DeviceInfo {
        name: device("name", message.name)?,
        model: device("model", message.model)?,
        memory_bytes: message.memory_bytes,
        compute_capability: message.compute_capability.map(capability),
    })
}

pub fn device_health(message: v1::DeviceHealth) -> Result<DeviceHealth, FieldError> {
    Ok(DeviceHealth {
        temperature_c: message.temperature_c,
        power_w: message.power_w,
        memory_used_bytes: message.memory_used_bytes,
        utilisation_percent: message.utilisation_percent,
        ecc_errors: message.ecc_errors,
        slowed_by: device("slowed_by", message.slowed_by)?,
        fault: device("fault", message.fault)?,
    })
}

/// Leaves out methods that this program does not know: no task can ask for them.
fn methods(messages: Vec<v1::MethodVersion>) -> Vec<MethodVersion> {
    let known = messages.into_iter().filter_map(|v1::MethodVersion { method, version }| {
        Some(MethodVersion { method: words::parse("method", &method).ok()?, version })
    });
    known.take(MAX_METHODS).collect()
}

fn resolved(message: v1::Resolved) -> Result<Resolved, FieldError> {
    Ok(Resolved {
        action: digest("action", &message.action)?,
        output: part("output", &message.output)?,
        blob: required("blob", message.blob, blob)?,
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
    Ok(Capabilities {
        slots: message.slots,
        memory_bytes: message.memory_bytes,
        device: device("device", message.device)?,
        methods: methods(message.methods),
        devices: each("devices", message.devices, MAX_DEVICES, device_info)?,
    })
}

fn task_event(message: v1::task_state::State) -> Result<TaskEvent, FieldError> {
    use v1::task_state::State;
    Ok(match message {
        State::Blocked(v1::Blocked {}) => TaskEvent::Blocked,
        State::Ready(ready) => TaskEvent::Ready {
            attempts: Attempt(ready.attempts),
            not_before_ms: ready.not_before_ms,
            message: text::message(&ready.message),
            missing: each("ready.missing", ready.missing, MAX_BLOBS_OF_TASK, blob)?,
        },
        State::Leased(leased) => TaskEvent::Leased {
            worker: worker_name("leased.worker", &leased.worker)?,
            attempt: Attempt(leased.attempt),
            progress: optional("leased.progress", leased.progress, progress)?,
        },
        State::Progress(message) => {
            TaskEvent::Progress(progress(message).map_err(|error| error.within("progress"))?)
        }
        State::Succeeded(succeeded) => TaskEvent::Succeeded {
            result: required("succeeded.result", succeeded.result, task_result)?,
            worker: match succeeded.worker.as_str() {
                "" => None,
                name => Some(worker_name("succeeded.worker", name)?),
            },
            attempts: Attempt(succeeded.attempts),
        },
        State::Failed(failed) => TaskEvent::Failed {
            message: text::message(&failed.message),
            attempts: Attempt(failed.attempts),
        },
        State::Canceled(v1::Canceled {}) => TaskEvent::Canceled,
    })
}

/// Losses are stored as JSON, which has no infinity.
fn progress(message: v1::Progress) -> Result<Progress, FieldError> {
    let v1::Progress { iteration, iterations, loss, left_ms } = message;
    match loss {
        Some(loss) if !loss.is_finite() => Err(FieldError::out_of_range("loss", loss, "finite")),
        _ => Ok(Progress { iteration, iterations, loss, left_ms }),
    }
}
