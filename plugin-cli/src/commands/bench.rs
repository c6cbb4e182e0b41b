//! `impasto bench`

use clap::Args;
use impasto_models::{ModelError, ModelStore, read_vgg19};
use impasto_painter::Devices;
use impasto_painter::bench::{
    CardReport, Report, Request, SizeReport, random_weights, run as measure, run_on_card,
};
use impasto_types::{ByteSize, ModelName, Profile};

use crate::flags::{ComputeFlags, ModelsFlags};
use crate::show::ModelBar;
use crate::table::Table;
use crate::{Context, Exit, Failure};

/// Measure how fast this machine paints
///
/// Times whole iterations of a real run and each layer of the network, and compares them with the
/// processor's peak. Work is counted as direct convolutions, so kernels that save multiplications
/// may exceed the peak. Every result is checked before it is timed. With --device cuda:0, only
/// whole iterations on the GPU are timed.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Sides of square pictures, such as 256,512,1024
    #[arg(long, visible_alias = "sizes", value_name = "PIXELS", value_delimiter =
        ',', default_value = "512",
        value_parser = clap::value_parser!(u32).range(i64::from(impasto_types::MIN_SIDE)..=8192))]
    size: Vec<u32>,
    /// How many iterations to time at each size
    #[arg(long, value_name = "N", default_value_t = 5, value_parser =
        clap::value_parser!(u32).range(1..=1000))]
    steps: u32,
    /// Which arithmetic to measure
    #[arg(long, value_enum, default_value_t = Profile::Fast)]
    profile: Profile,
    /// Use random weights: as fast as trained ones, without a download
    #[arg(long)]
    random_weights: bool,
    #[command(flatten)]
    compute: ComputeFlags,
    #[command(flatten)]
    models: ModelsFlags,
}

pub(crate) fn run(args: BenchArgs, context: &Context) -> Result<Exit, Failure> {
    let weights = if args.random_weights {
        random_weights()
    } else {
        pulled(&args.models, context).map_err(Failure::here)?
    };
    let request = Request {
        sizes: args.size,
        steps: args.steps,
        threads: context.config.paint_threads(&args.compute),
        profile: args.profile,
        limit_bytes: args.compute.max_memory,
        weights,
        trained: !args.random_weights,
    };
    if args.compute.device != Devices::Cpu {
        let report =
            run_on_card(&request, &args.compute.device, &mut |news| context.screen.message(news))
                .map_err(Failure::here)?;
        if context.screen.is_json() {
            context.screen.json(&report)
        } else {
            show_card(&report, context)
        }
        return Ok(Exit::Done);
    }
    let report =
        measure(&request, &mut |news| context.screen.message(news)).map_err(Failure::here)?;
    if context.screen.is_json() {
        context.screen.json(&report)
    } else {
        show(&report, context)
    }
    Ok(Exit::Done)
}

fn pulled(
    models: &ModelsFlags,
    context: &Context,
) -> Result<impasto_models::VggWeights, ModelError> {
    let store = ModelStore::open(context.config.models_dir(models).as_deref())?;
    let mut bar = ModelBar::new(&context.screen, ModelName::Vgg19.as_str());
    let file = store.ensure(ModelName::Vgg19, &mut |progress| bar.step(progress.into()))?;
    read_vgg19(&file.read()?)
}

fn show(report: &Report, context: &Context) {
    let Report { cpu, device, threads, peak_gflops, agreement, sizes, .. } = report;
    let levels = report.levels.join(", ");
    let screen = &context.screen;
    screen.result(format_args!(
        "{cpu} ({levels}): {device} on {threads} threads, peak {peak_gflops:.0} GFLOP/s"
    ));
    screen.result(format_args!(
        "the gradient differs from the scalar one by {:.1e}",
        agreement.gradient_error
    ));
    let mut table = Table::new([
        "SIZE",
        "ITERATION",
        "PASS",
        "OPTIMISER",
        "GFLOP/S",
        "OF PEAK",
        "MEMORY",
        "PLAN",
    ]);
    for found in sizes {
        table.row([
            found.size.to_string(),
            format!("{:.1} ms", found.iteration_ms),
            format!("{:.1} ms", found.pass_ms),
            percent(found.optimizer_share),
            format!("{:.0}", found.gflops),
            percent(found.peak_share),
            found.peak_memory_bytes.map_or_else(String::new, |bytes| ByteSize(bytes).to_string()),
            found.plan.clone(),
        ]);
    }
    screen.result(format_args!("\n{table}"));
    sizes.iter().for_each(|found| show_layers(found, context));
}

fn show_card(report: &CardReport, context: &Context) {
    let screen = &context.screen;
    let capability = report
        .compute_capability
        .map_or_else(String::new, |capability| format!(", compute capability {capability}"));
    screen.result(format_args!("{}: {}{capability}", report.device, report.model));
    screen.result(format_args!(
        "the gradient differs from the scalar one by {:.1e}",
        report.agreement.gradient_error
    ));
    let mut table = Table::new(["SIZE", "ITERATION", "PER PIXEL", "GFLOP/S", "MEMORY", "PLAN"]);
    for found in &report.sizes {
        table.row([
            found.size.to_string(),
            format!("{:.1} ms", found.iteration_ms),
            format!("{:.4} us", found.us_per_pixel),
            format!("{:.0}", found.gflops),
            found.peak_memory_bytes.map_or_else(String::new, |bytes| ByteSize(bytes).to_string()),
            found.plan.clone(),
        ]);
    }
    screen.result(format_args!("\n{table}"));
}

fn show_layers(found: &SizeReport, context: &Context) {
    let mut table = Table::new(["LAYER", "FORWARD", "GFLOP/S", "BACKWARD", "GFLOP/S"]);
    for layer in &found.layers {
        table.row([
            layer.layer.to_owned(),
            format!("{:.2} ms", layer.forward_ms),
            format!("{:.0}", layer.forward_gflops),
            format!("{:.2} ms", layer.backward_ms),
            format!("{:.0}", layer.backward_gflops),
        ]);
    }
    table.row([
        "statistics".to_owned(),
        format!("{:.2} ms", found.statistics_ms),
        String::new(),
        String::new(),
        String::new(),
    ]);
    let side = found.layers_size;
    context.screen.result(format_args!("\nlayers at {side} x {side}\n{table}"));
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
