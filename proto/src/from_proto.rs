//! Converts messages to `impasto-types`. Everything is checked here, once: results are valid, and
//! errors name the field and its value.

mod farm;

use impasto_types::{
    Action, AssetPath, Attempt, BlobRef, Digest, Epoch, JobId, LeaseId, Losses, MAX_INPUTS,
    MAX_SIDE, Output, Part, RunReport, TaskIndex, TaskResult, TaskSpec, WorkerName,
};

pub use farm::{
    device_health, device_info, explained, heartbeat, hello, job_news, job_summary, order, report,
    worker_info,
};

use crate::limits::{MAX_DEVICE_BYTES, MAX_NAME_BYTES};
use crate::{FieldError, v1};

/// Converts a field that has to be present.
pub fn required<M, T>(
    field: &str,
    message: Option<M>,
    convert: impl FnOnce(M) -> Result<T, FieldError>,
) -> Result<T, FieldError> {
    convert(message.ok_or_else(|| FieldError::missing(field))?).map_err(|error| error.within(field))
}

/// Converts a field that may be absent.
pub fn optional<M, T>(
    field: &str,
    message: Option<M>,
    convert: impl FnOnce(M) -> Result<T, FieldError>,
) -> Result<Option<T>, FieldError> {
    message.map(|message| convert(message).map_err(|error| error.within(field))).transpose()
}

/// Converts a list of at most `limit` messages.
pub fn each<M, T>(
    field: &str,
    messages: Vec<M>,
    limit: usize,
    convert: impl Fn(M) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    if messages.len() > limit {
        return Err(FieldError::out_of_range(
            field,
            format_args!("{} entries long", messages.len()),
            format_args!("at most {limit}"),
        ));
    }
    let convert_at = |(index, message)| {
        convert(message).map_err(|error: FieldError| error.within(format_args!("{field}[{index}]")))
    };
    messages.into_iter().enumerate().map(convert_at).collect()
}

/// A digest's 32 bytes.
pub fn digest(field: &str, bytes: &[u8]) -> Result<Digest, FieldError> {
    Digest::try_from(bytes).map_err(|_| {
        FieldError::out_of_range(field, format_args!("{} bytes long", bytes.len()), "32")
    })
}

pub fn blob(message: v1::Blob) -> Result<BlobRef, FieldError> {
    Ok(BlobRef { digest: digest("digest", &message.digest)?, size_bytes: message.size_bytes })
}

pub fn lease(message: v1::Lease) -> Result<LeaseId, FieldError> {
    Ok(LeaseId {
        job: JobId(message.job),
        task: TaskIndex(message.task),
        attempt: Attempt(message.attempt),
        epoch: Epoch(message.epoch),
    })
}

/// A job's key or a project's name: 1 to 256 bytes without control characters.
pub fn name(field: &str, text: String) -> Result<String, FieldError> {
    if (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.contains(char::is_control) {
        Ok(text)
    } else {
        Err(FieldError::malformed(
            field,
            text.escape_default(),
            "a name has 1 to 256 bytes and no control characters",
        ))
    }
}

pub fn worker_name(field: &str, text: &str) -> Result<WorkerName, FieldError> {
    text.parse().map_err(|cause| FieldError::malformed(field, text, cause))
}

pub fn task_spec(message: v1::TaskSpec) -> Result<TaskSpec, FieldError> {
    let asset: AssetPath = message
        .asset
        .parse()
        .map_err(|cause| FieldError::malformed("asset", &message.asset, cause))?;
    let action = required("action", message.action, action)?;
    Ok(TaskSpec {
        asset,
        action,
        least_memory_bytes: message.least_memory_bytes,
        work: message.work,
    })
}

pub fn action(message: v1::Action) -> Result<Action, FieldError> {
    Action::from_canonical(&message.canonical).map_err(|cause| FieldError {
        field: "canonical".to_owned(),
        problem: format!("is refused: {cause}"),
    })
}

pub fn task_result(message: v1::TaskResult) -> Result<TaskResult, FieldError> {
    Ok(TaskResult {
        outputs: each("outputs", message.outputs, MAX_INPUTS, output)?,
        report: required("report", message.report, run_report)?,
    })
}

fn part(field: &str, text: &str) -> Result<Part, FieldError> {
    text.parse().map_err(|cause| FieldError::malformed(field, text, cause))
}

fn output(message: v1::Output) -> Result<Output, FieldError> {
    let is_picture = (message.width, message.height) != (0, 0);
    for (field, side) in [("width", message.width), ("height", message.height)] {
        let fits = !is_picture || (1..=MAX_SIDE).contains(&side);
        in_range(field, side, fits, "from 1 to 32768 pixels")?;
    }
    Ok(Output {
        part: part("part", &message.part)?,
        blob: required("blob", message.blob, blob)?,
        width: message.width,
        height: message.height,
    })
}

pub fn run_report(message: v1::RunReport) -> Result<RunReport, FieldError> {
    Ok(RunReport {
        iterations: message.iterations,
        losses: optional("losses", message.losses, losses)?,
        compute_ms: message.compute_ms,
        device: device("device", message.device)?,
        warning: Some(crate::text::message(&message.warning)).filter(|warning| !warning.is_empty()),
    })
}

fn losses(message: v1::Losses) -> Result<Losses, FieldError> {
    let v1::Losses { total, content, style } = message;
    // Losses are stored as JSON, which has no infinity.
    for (field, loss) in [("total", total), ("content", content), ("style", style)] {
        in_range(field, loss, loss.is_finite(), "finite")?;
    }
    Ok(Losses { total, content, style })
}

/// A device's description.
pub fn device(field: &str, text: String) -> Result<String, FieldError> {
    if text.len() <= MAX_DEVICE_BYTES && !text.contains(char::is_control) {
        Ok(text)
    } else {
        Err(FieldError::malformed(
            field,
            text.escape_default(),
            "a device has at most 128 bytes and no control characters",
        ))
    }
}

fn in_range(
    field: &str,
    value: impl std::fmt::Display,
    holds: bool,
    wanted: &str,
) -> Result<(), FieldError> {
    if holds { Ok(()) } else { Err(FieldError::out_of_range(field, value, wanted)) }
}
