//! From words to messages. Nothing can fail here.

use impasto_types::{
    Action, BlobRef, ComputeCapability, DeviceHealth, DeviceInfo, FailureKind, LeaseId, ModelRef,
    OutputSpec, Recipe, RunReport, StyleRef, TaskResult, TaskSpec,
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
    v1::Action {
        engine_version: action.engine_version,
        recipe: Some(recipe(&action.recipe)),
        content: action.content.as_ref().map(blob),
        styles: action.styles.iter().map(style).collect(),
        init: action.init.as_ref().map(blob),
        models: action.models.iter().map(model).collect(),
        output: Some(output(action.output)),
    }
}

pub fn recipe(recipe: &Recipe) -> v1::Recipe {
    v1::Recipe {
        method: words::of(recipe.method),
        size: recipe.size,
        iterations: recipe.iterations,
        coarse_iterations: recipe.coarse_iterations,
        min_scale: recipe.min_scale,
        scale_factor: recipe.scale_factor,
        content_weight: recipe.content_weight,
        style_weight: recipe.style_weight,
        stats_weight: recipe.stats_weight,
        tv_weight: recipe.tv_weight,
        style_layers: recipe.style_layers.to_vec(),
        style_scale: recipe.style_scale,
        loss_norm: words::of(recipe.loss_norm),
        pooling: words::of(recipe.pooling),
        padding: words::of(recipe.padding),
        optimizer: words::of(recipe.optimizer),
        learning_rate: recipe.learning_rate,
        history: recipe.history,
        averaging: recipe.averaging,
        init: words::of(recipe.init),
        preserve_color: words::of(recipe.preserve_color),
        palette: recipe.palette,
        plateau: recipe.plateau,
        tileable: words::of(recipe.tileable),
        profile: words::of(recipe.profile),
        seed: recipe.seed,
    }
}

pub fn task_result(result: &TaskResult) -> v1::TaskResult {
    v1::TaskResult {
        output: Some(blob(&result.output)),
        width: result.width,
        height: result.height,
        report: Some(run_report(&result.report)),
    }
}

pub fn run_report(report: &RunReport) -> v1::RunReport {
    v1::RunReport {
        iterations: report.iterations,
        loss: report.loss,
        content_loss: report.content_loss,
        style_loss: report.style_loss,
        compute_ms: report.compute_ms,
        device: report.device.clone(),
    }
}

/// The word for a failure's kind.
pub fn failure_kind(kind: FailureKind) -> String {
    words::of(kind)
}

fn style(style: &StyleRef) -> v1::Style {
    v1::Style { blob: Some(blob(&style.blob)), weight: style.weight }
}

fn model(model: &ModelRef) -> v1::Model {
    v1::Model { name: model.name.to_string(), blob: Some(blob(&model.blob)) }
}

fn output(output: OutputSpec) -> v1::Output {
    v1::Output { format: words::of(output.format), quality: u32::from(output.quality) }
}
