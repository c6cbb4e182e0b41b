//! Converts `impasto-types` to messages. Nothing can fail here.

mod farm;

use impasto_types::{Action, BlobRef, LeaseId, Losses, Output, RunReport, TaskResult, TaskSpec};

pub use farm::{
    device_health, device_info, explained, heartbeat, hello, job_news, job_summary, order, report,
    worker_info,
};

use crate::v1;

pub fn blob(blob: &BlobRef) -> v1::Blob {
    v1::Blob { digest: blob.digest.as_bytes().to_vec(), size_bytes: blob.size_bytes }
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
        least_memory_bytes: task.least_memory_bytes,
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
        warning: report.warning.as_deref().map_or(String::new(), crate::text::message),
    }
}
