//! Conversions of jobs, leases and workers.

use impasto_types::{
    Bench, Capabilities, ComputeCapability, DeviceHealth, DeviceInfo, Explained, Grant, Hello,
    JobNews, JobSummary, LeaseId, LeaseOutcome, MethodVersion, Order, Progress, Resolved,
    TaskEvent, WorkerInfo,
};

use super::{blob, lease, task_result};
use crate::v1::coordinator_message::Message as ToWorker;
use crate::v1::task_state::State;
use crate::v1::watch_response::News;
use crate::v1::worker_message::Message as ToCoordinator;
use crate::{text, v1, words};

/// A worker's first message. Names from drivers are truncated to the limit.
pub fn hello(hello: &Hello) -> ToCoordinator {
    ToCoordinator::Hello(v1::Hello {
        name: hello.name.to_string(),
        capabilities: Some(capabilities(&hello.capabilities)),
        held: hello.held.iter().map(lease).collect(),
        instance: hello.instance,
        blobs: hello.blobs.iter().map(|digest| digest.as_bytes().to_vec()).collect(),
    })
}

/// A worker's running leases with their progress, and its devices' health.
pub fn heartbeat(
    leases: impl IntoIterator<Item = (LeaseId, Option<Progress>)>,
    devices: &[DeviceHealth],
) -> ToCoordinator {
    let leases = leases.into_iter().map(|(id, news)| v1::LeaseProgress {
        lease: Some(lease(&id)),
        progress: news.map(progress),
    });
    ToCoordinator::Heartbeat(v1::Heartbeat {
        leases: leases.collect(),
        devices: devices.iter().map(device_health).collect(),
    })
}

/// A lease and its outcome.
pub fn report(id: LeaseId, outcome: &LeaseOutcome) -> ToCoordinator {
    use v1::report::Outcome;
    let outcome = match outcome {
        LeaseOutcome::Succeeded(result) => Outcome::Succeeded(task_result(result)),
        LeaseOutcome::Failed { kind, message } => {
            Outcome::Failed(v1::Failure { kind: words::of(*kind), message: text::message(message) })
        }
        LeaseOutcome::Starved { missing } => {
            Outcome::Starved(v1::Starved { missing: missing.iter().map(blob).collect() })
        }
        LeaseOutcome::Returned { checkpoint } => {
            Outcome::Returned(v1::Returned { checkpoint: checkpoint.as_ref().map(blob) })
        }
    };
    ToCoordinator::Report(v1::Report { lease: Some(lease(&id)), outcome: Some(outcome) })
}

/// A message to a worker.
pub fn order(order: Order<v1::TaskSpec>) -> v1::CoordinatorMessage {
    let message = match order {
        Order::Welcome { epoch, heartbeat_ms, name, stale } => ToWorker::Welcome(v1::Welcome {
            name: name.to_string(),
            epoch: epoch.0,
            heartbeat_ms,
            stale: stale.iter().map(lease).collect(),
        }),
        Order::Grant(Grant { lease: id, task, resolved: there, checkpoint }) => {
            ToWorker::Grant(v1::Grant {
                resolved: there.iter().map(resolved).collect(),
                lease: Some(lease(&id)),
                task: Some(task),
                checkpoint: checkpoint.as_ref().map(blob),
            })
        }
        Order::Revoke { lease: id } => ToWorker::Revoke(v1::Revoke { lease: Some(lease(&id)) }),
        Order::Acknowledge { lease: id } => {
            ToWorker::Acknowledge(v1::Acknowledge { lease: Some(lease(&id)) })
        }
        Order::Drain => ToWorker::Drain(v1::DrainOrder {}),
    };
    v1::CoordinatorMessage { message: Some(message) }
}

/// News about a watched job.
pub fn job_news(news: JobNews) -> v1::WatchResponse {
    let news = match news {
        JobNews::Job(summary) => News::Summary(job_summary(&summary)),
        JobNews::Task { task, asset, event } => News::Task(v1::TaskState {
            task: task.0,
            asset: asset.unwrap_or_default(),
            state: Some(task_event(event)),
        }),
        JobNews::CaughtUp => News::CaughtUp(v1::CaughtUp {}),
    };
    v1::WatchResponse { news: Some(news) }
}

pub fn job_summary(summary: &JobSummary) -> v1::JobSummary {
    v1::JobSummary {
        job: summary.job.0,
        key: summary.key.clone(),
        project: summary.project.clone(),
        priority: summary.priority,
        state: words::of(summary.state),
        submitted_at_ms: summary.submitted_at_ms,
        ended_at_ms: summary.ended_at_ms,
        blocked: summary.blocked,
        ready: summary.ready,
        leased: summary.leased,
        succeeded: summary.succeeded,
        failed: summary.failed,
        canceled: summary.canceled,
    }
}

/// Why tasks of a job wait.
pub fn explained(explained: &Explained) -> v1::Explained {
    let Explained { first, tasks, reason } = explained;
    v1::Explained { first: first.0, tasks: *tasks, reason: text::message(reason) }
}

pub fn worker_info(worker: &WorkerInfo) -> v1::WorkerInfo {
    v1::WorkerInfo {
        name: worker.name.to_string(),
        state: words::of(worker.state),
        capabilities: Some(capabilities(&worker.capabilities)),
        leases: worker.leases.iter().map(lease).collect(),
        tasks_done: worker.tasks_done,
        failures: worker.failures,
        benched: worker.benched.as_ref().map(|Bench { until_ms, reason }| v1::Bench {
            until_ms: *until_ms,
            reason: text::message(reason),
        }),
        health: worker.health.iter().map(device_health).collect(),
    }
}

pub fn device_info(device: &DeviceInfo) -> v1::Device {
    let capability = |ComputeCapability { major, minor }| v1::ComputeCapability { major, minor };
    v1::Device {
        name: text::device(&device.name),
        model: text::device(&device.model),
        memory_bytes: device.memory_bytes,
        compute_capability: device.compute_capability.map(capability),
    }
}

pub fn device_health(health: &DeviceHealth) -> v1::DeviceHealth {
    v1::DeviceHealth {
        temperature_c: health.temperature_c,
        power_w: health.power_w,
        memory_used_bytes: health.memory_used_bytes,
        utilisation_percent: health.utilisation_percent,
        ecc_errors: health.ecc_errors,
        slowed_by: text::device(&health.slowed_by),
        fault: text::device(&health.fault),
    }
}

fn resolved(resolved: &Resolved) -> v1::Resolved {
    v1::Resolved {
        action: resolved.action.as_bytes().to_vec(),
        output: resolved.output.to_string(),
        blob: Some(blob(&resolved.blob)),
    }
}

fn capabilities(capabilities: &Capabilities) -> v1::Capabilities {
    v1::Capabilities {
        slots: capabilities.slots,
        memory_bytes: capabilities.memory_bytes,
        methods: capabilities
            .methods
            .iter()
            .map(|MethodVersion { method, version }| v1::MethodVersion {
                method: words::of(*method),
                version: *version,
            })
            .collect(),
        device: text::device(&capabilities.device),
        devices: capabilities.devices.iter().map(device_info).collect(),
    }
}

fn task_event(event: TaskEvent) -> State {
    match event {
        TaskEvent::Blocked => State::Blocked(v1::Blocked {}),
        TaskEvent::Ready { attempts, not_before_ms, message, missing } => State::Ready(v1::Ready {
            attempts: attempts.0,
            message,
            not_before_ms,
            missing: missing.iter().map(blob).collect(),
        }),
        TaskEvent::Leased { worker, attempt, progress: news } => State::Leased(v1::Leased {
            worker: worker.to_string(),
            attempt: attempt.0,
            progress: news.map(progress),
        }),
        TaskEvent::Progress(news) => State::Progress(progress(news)),
        TaskEvent::Succeeded { result, worker, attempts } => State::Succeeded(v1::Succeeded {
            result: Some(task_result(&result)),
            worker: worker.map_or_else(String::new, |worker| worker.to_string()),
            attempts: attempts.0,
        }),
        TaskEvent::Failed { message, attempts } => {
            State::Failed(v1::Failed { message, attempts: attempts.0 })
        }
        TaskEvent::Canceled => State::Canceled(v1::Canceled {}),
    }
}

fn progress(Progress { iteration, iterations, loss, left_ms }: Progress) -> v1::Progress {
    v1::Progress { iteration, iterations, loss, left_ms }
}
