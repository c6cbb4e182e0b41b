//! From words to messages. Nothing can fail here.

use impasto_types::{
    Action, BlobRef, ComputeCapability, DeviceHealth, DeviceInfo, FailureKind, LeaseId, Losses,
    Output, RunReport, TaskResult, TaskSpec,
};

use crate::{v1, words};

pub fn blob(blob: &BlobRef) -> v1::Blob {
    v1::Blob { digest: blob.digest.as_bytes().to_vec(), size_bytes: blob.size_bytes }
}

pub fn device_info(device: &DeviceInfo) -> v1::Device {
    let capability = |ComputeCapability { major, minor }| v1::ComputeCapability { major, minor };
    v1::Device {
        name: device.name.clone(),
        model: device.model.clone(),
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
        slowed_by: health.slowed_by.clone(),
        fault: health.fault.clone(),
    }
}

pub fn lease(lease: &LeaseId) -> v1::Lease {
    v1::Lease {
        job: lease.job.0,
        task: lease.task.0,
        attempt: lease.attempt.0,
        epoch: lease.epoch.0,
    }
}

pub fn task_spec(task: &TaskSpec) -> v1::TaskSpec {
    v1::TaskSpec {
        asset: task.asset.to_string(),
        action: Some(action(&task.action)),
        memory_bytes: task.memory_bytes,
        work: task.work,
    }
}

pub fn action(action: &Action) -> v1::Action {
    v1::Action { canonical: action.canonical() }
}

pub fn task_result(result: &TaskResult) -> v1::TaskResult {
    v1::TaskResult {
        outputs: result.outputs.iter().map(output).collect(),
        report: Some(run_report(&result.report)),
    }
}

pub fn output(output: &Output) -> v1::Output {
    v1::Output {
        part: output.part.to_string(),
        blob: Some(blob(&output.blob)),
        width: output.width,
        height: output.height,
    }
}

pub fn run_report(report: &RunReport) -> v1::RunReport {
    let losses = |Losses { total, content, style }| v1::Losses { total, content, style };
    v1::RunReport {
        iterations: report.iterations,
        losses: report.losses.map(losses),
        compute_ms: report.compute_ms,
        device: report.device.clone(),
    }
}

/// The word for a failure's kind.
pub fn failure_kind(kind: FailureKind) -> String {
    words::of(kind)
}
