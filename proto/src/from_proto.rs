//! From messages to words. Everything is checked here, once: what a function returns is valid, and
//! an error names the field and its value.

use impasto_types::{
    Action, AssetPath, Attempt, BlobRef, ComputeCapability, DeviceHealth, DeviceInfo, Digest,
    Epoch, FailureKind, Init, JobId, LeaseId, Method, ModelRef, OutputSpec, Recipe, RunReport,
    STYLE_LAYERS, StyleRef, TaskIndex, TaskResult, TaskSpec, WorkerName,
};

use crate::limits::{MAX_DEVICE_BYTES, MAX_MODELS, MAX_NAME_BYTES, MAX_STYLES};
use crate::{FieldError, v1, words};

/// A field that has to be there.
pub fn required<M, T>(
    field: &str,
    message: Option<M>,
    convert: impl FnOnce(M) -> Result<T, FieldError>,
) -> Result<T, FieldError> {
    convert(message.ok_or_else(|| FieldError::missing(field))?).map_err(|error| error.within(field))
}

/// A field that may be left out.
pub fn optional<M, T>(
    field: &str,
    message: Option<M>,
    convert: impl FnOnce(M) -> Result<T, FieldError>,
) -> Result<Option<T>, FieldError> {
    message.map(|message| convert(message).map_err(|error| error.within(field))).transpose()
}

/// A list of at most `limit` messages.
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

pub fn failure_kind(field: &str, word: &str) -> Result<FailureKind, FieldError> {
    words::parse(field, word)
}

pub fn task_spec(message: v1::TaskSpec) -> Result<TaskSpec, FieldError> {
    let asset: AssetPath = message
        .asset
        .parse()
        .map_err(|cause| FieldError::malformed("asset", &message.asset, cause))?;
    let action = required("action", message.action, action)?;
    Ok(TaskSpec { asset, action, memory_bytes: message.memory_bytes, work: message.work })
}

pub fn action(message: v1::Action) -> Result<Action, FieldError> {
    let action = Action {
        engine_version: message.engine_version,
        recipe: required("recipe", message.recipe, recipe)?,
        content: optional("content", message.content, blob)?,
        styles: each("styles", message.styles, MAX_STYLES, style)?,
        init: optional("init", message.init, blob)?,
        models: each("models", message.models, MAX_MODELS, model)?,
        output: required("output", message.output, output)?,
    };
    if action.styles.is_empty() {
        return Err(FieldError::missing("styles"));
    }
    let needs_content =
        action.recipe.method == Method::Optimize || action.recipe.init == Init::Content;
    if needs_content && action.content.is_none() {
        return Err(FieldError::missing("content"));
    }
    if action.recipe.init == Init::Image && action.init.is_none() {
        return Err(FieldError::missing("init"));
    }
    Ok(action)
}

pub fn recipe(message: v1::Recipe) -> Result<Recipe, FieldError> {
    let layers: [f32; STYLE_LAYERS] =
        message.style_layers.try_into().map_err(|given: Vec<f32>| {
            FieldError::out_of_range(
                "style_layers",
                format_args!("{} weights long", given.len()),
                STYLE_LAYERS,
            )
        })?;
    let recipe = Recipe {
        method: words::parse("method", &message.method)?,
        size: message.size,
        iterations: message.iterations,
        coarse_iterations: message.coarse_iterations,
        min_scale: message.min_scale,
        scale_factor: message.scale_factor,
        content_weight: message.content_weight,
        style_weight: message.style_weight,
        stats_weight: message.stats_weight,
        tv_weight: message.tv_weight,
        style_layers: layers,
        style_scale: message.style_scale,
        loss_norm: words::parse("loss_norm", &message.loss_norm)?,
        pooling: words::parse("pooling", &message.pooling)?,
        padding: words::parse("padding", &message.padding)?,
        optimizer: words::parse("optimizer", &message.optimizer)?,
        learning_rate: message.learning_rate,
        history: message.history,
        averaging: message.averaging,
        init: words::parse("init", &message.init)?,
        preserve_color: words::parse("preserve_color", &message.preserve_color)?,
        palette: message.palette,
        plateau: message.plateau,
        tileable: words::parse("tileable", &message.tileable)?,
        profile: words::parse("profile", &message.profile)?,
        seed: message.seed,
    };
    recipe
        .check()
        .map_err(|error| FieldError::out_of_range(error.name, error.value, error.range))?;
    Ok(recipe)
}

pub fn task_result(message: v1::TaskResult) -> Result<TaskResult, FieldError> {
    for (field, side) in [("width", message.width), ("height", message.height)] {
        in_range(field, side, (1..=Recipe::MAX_SIDE).contains(&side), "from 1 to 32768 pixels")?;
    }
    Ok(TaskResult {
        output: required("output", message.output, blob)?,
        width: message.width,
        height: message.height,
        report: required("report", message.report, run_report)?,
    })
}

pub fn run_report(message: v1::RunReport) -> Result<RunReport, FieldError> {
    // Losses are kept as JSON, which has no infinity.
    for (field, loss) in [
        ("loss", message.loss),
        ("content_loss", message.content_loss),
        ("style_loss", message.style_loss),
    ] {
        in_range(field, loss, loss.is_finite(), "finite")?;
    }
    Ok(RunReport {
        iterations: message.iterations,
        loss: message.loss,
        content_loss: message.content_loss,
        style_loss: message.style_loss,
        compute_ms: message.compute_ms,
        device: device("device", message.device)?,
    })
}

/// What a device calls itself.
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

fn style(message: v1::Style) -> Result<StyleRef, FieldError> {
    in_range("weight", message.weight, (0.0..=1e9).contains(&message.weight), "from 0 to 1e9")?;
    Ok(StyleRef { blob: required("blob", message.blob, blob)?, weight: message.weight })
}

fn model(message: v1::Model) -> Result<ModelRef, FieldError> {
    let name = message
        .name
        .parse()
        .map_err(|cause| FieldError::malformed("name", &message.name, cause))?;
    Ok(ModelRef { name, blob: required("blob", message.blob, blob)? })
}

fn output(message: v1::Output) -> Result<OutputSpec, FieldError> {
    let quality = u8::try_from(message.quality).ok().filter(|quality| (1..=100).contains(quality));
    Ok(OutputSpec {
        format: words::parse("format", &message.format)?,
        quality: quality
            .ok_or_else(|| FieldError::out_of_range("quality", message.quality, "from 1 to 100"))?,
    })
}

fn in_range(
    field: &str,
    value: impl std::fmt::Display,
    holds: bool,
    wanted: &str,
) -> Result<(), FieldError> {
    if holds { Ok(()) } else { Err(FieldError::out_of_range(field, value, wanted)) }
}
