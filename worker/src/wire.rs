//! The worker's end of the `Attach` stream: messages out, orders in.

use std::time::Duration;

use impasto_proto::limits::{MAX_DEVICE_BYTES, MAX_LEASES, MAX_TEXT_BYTES};
use impasto_proto::v1::coordinator_message::Message as FromCoordinator;
use impasto_proto::v1::report::Outcome as ReportOutcome;
use impasto_proto::v1::worker_message::Message as FromWorker;
use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{DeviceHealth, DeviceInfo, Digest, LeaseId, Method, TaskSpec, WorkerName};

use crate::ledger::Outcome;
use crate::progress::Progress;

/// What the coordinator wants.
#[derive(Debug)]
pub(crate) enum Order {
    Welcome {
        heartbeat: Duration,
        stale: Vec<LeaseId>,
    },
    /// The task is an error where this worker cannot read it: the coordinator is of another
    /// version.
    Grant {
        lease: LeaseId,
        task: Result<Box<TaskSpec>, FieldError>,
    },
    Revoke(LeaseId),
    Acknowledge(LeaseId),
    Drain,
    /// Something that a newer coordinator says.
    Unknown,
}

/// Heartbeats are never more often or rarer than this, whatever the coordinator says.
const HEARTBEAT_MS: std::ops::RangeInclusive<u64> = 20..=60_000;

impl Order {
    pub(crate) fn read(message: v1::CoordinatorMessage) -> Result<Self, FieldError> {
        let lease = |lease| from_proto::required("lease", lease, from_proto::lease);
        Ok(match message.message {
            Some(FromCoordinator::Welcome(welcome)) => Self::Welcome {
                heartbeat: Duration::from_millis(
                    welcome.heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end()),
                ),
                stale: from_proto::each("stale", welcome.stale, MAX_LEASES, from_proto::lease)?,
            },
            Some(FromCoordinator::Grant(grant)) => Self::Grant {
                lease: lease(grant.lease)?,
                task: from_proto::required("task", grant.task, from_proto::task_spec).map(Box::new),
            },
            Some(FromCoordinator::Revoke(revoke)) => Self::Revoke(lease(revoke.lease)?),
            Some(FromCoordinator::Acknowledge(acknowledge)) => {
                Self::Acknowledge(lease(acknowledge.lease)?)
            }
            Some(FromCoordinator::Drain(_)) => Self::Drain,
            None => Self::Unknown,
        })
    }
}

pub(crate) fn hello(
    name: &WorkerName,
    slots: u32,
    devices: &[DeviceInfo],
    held: &[LeaseId],
    blobs: &[Digest],
) -> FromWorker {
    let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
    FromWorker::Hello(v1::Hello {
        name: name.to_string(),
        capabilities: Some(v1::Capabilities {
            slots,
            memory_bytes: devices
                .iter()
                .map(|device| device.memory_bytes)
                .fold(0, u64::saturating_add),
            engine_version: Method::Optimize.version(),
            device: plain(&names.join(", ")),
            blobs: blobs.iter().map(|digest| digest.as_bytes().to_vec()).collect(),
            devices: devices.iter().map(device).collect(),
        }),
        held: held.iter().map(to_proto::lease).collect(),
    })
}

/// Names of drivers are cut to what the wire takes.
fn device(info: &DeviceInfo) -> v1::Device {
    let (name, model) = (plain(&info.name), plain(&info.model));
    to_proto::device_info(&DeviceInfo { name, model, ..info.clone() })
}

fn device_health(health: &DeviceHealth) -> v1::DeviceHealth {
    let (slowed_by, fault) = (plain(&health.slowed_by), plain(&health.fault));
    to_proto::device_health(&DeviceHealth { slowed_by, fault, ..health.clone() })
}

/// A line of at most [`MAX_DEVICE_BYTES`].
fn plain(text: &str) -> String {
    cut(&text.replace(char::is_control, " "), MAX_DEVICE_BYTES).to_owned()
}

pub(crate) fn credits(free_slots: u32) -> FromWorker {
    FromWorker::Credits(v1::Credits { free_slots })
}

pub(crate) fn heartbeat(
    leases: impl Iterator<Item = (LeaseId, Option<Progress>)>,
    devices: &[DeviceHealth],
) -> FromWorker {
    let progress = |progress: Progress| v1::Progress {
        iteration: progress.iteration,
        iterations: progress.iterations,
        loss: progress.loss,
        left_ms: progress.left_ms,
    };
    let leases = leases.map(|(lease, news)| v1::LeaseProgress {
        lease: Some(to_proto::lease(&lease)),
        progress: news.map(progress),
    });
    FromWorker::Heartbeat(v1::Heartbeat {
        leases: leases.collect(),
        devices: devices.iter().map(device_health).collect(),
    })
}

pub(crate) fn report(lease: LeaseId, outcome: &Outcome) -> FromWorker {
    let outcome = match outcome {
        Outcome::Succeeded(result) => ReportOutcome::Succeeded(to_proto::task_result(result)),
        Outcome::Failed { kind, message } => ReportOutcome::Failed(v1::Failure {
            kind: to_proto::failure_kind(*kind),
            message: cut(message, MAX_TEXT_BYTES).to_owned(),
        }),
        Outcome::Returned => ReportOutcome::Returned(v1::Returned {}),
    };
    FromWorker::Report(v1::Report { lease: Some(to_proto::lease(&lease)), outcome: Some(outcome) })
}

pub(crate) fn draining() -> FromWorker {
    FromWorker::Draining(v1::Draining {})
}

/// At most `max_bytes` of a text, cut between two characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_checked() {
        let empty = v1::CoordinatorMessage { message: None };
        assert!(matches!(Order::read(empty), Ok(Order::Unknown)));
        let revoke = FromCoordinator::Revoke(v1::Revoke { lease: None });
        assert!(Order::read(v1::CoordinatorMessage { message: Some(revoke) }).is_err());
        let grant = FromCoordinator::Grant(v1::Grant {
            lease: Some(v1::Lease::default()),
            task: Some(v1::TaskSpec::default()),
        });
        let order = Order::read(v1::CoordinatorMessage { message: Some(grant) });
        assert!(
            matches!(order, Ok(Order::Grant { task: Err(_), .. })),
            "the lease is known, so that the failure can be reported"
        );
        let welcome = FromCoordinator::Welcome(v1::Welcome {
            epoch: 1,
            heartbeat_ms: u64::MAX,
            stale: vec![],
        });
        let order = Order::read(v1::CoordinatorMessage { message: Some(welcome) });
        assert!(matches!(order, Ok(Order::Welcome { heartbeat,
                .. }) if heartbeat == Duration::from_secs(60)));
    }

    #[test]
    fn what_a_driver_says_fits_the_wire() {
        let fault = format!("a\nb{}", "é".repeat(MAX_DEVICE_BYTES));
        let health = device_health(&DeviceHealth { fault, ..DeviceHealth::default() });
        let read = from_proto::device_health(health).expect("it is within bounds");
        assert!(
            read.fault.starts_with("a b") && read.fault.len() >= MAX_DEVICE_BYTES - 1,
            "{read:?}"
        );
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((cut("aé", 3), cut("aé", 2), cut("", 5)), ("aé", "a", ""));
    }
}
