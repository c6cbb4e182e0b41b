//! `impasto workers`

use clap::Args;
use impasto_types::{Bench, ByteSize, DeviceHealth, WorkerInfo};

use super::jobs::{on_farm, show_list};
use crate::flags::CoordinatorFlags;
use crate::table::Table;
use crate::{Context, Exit, Failure};

/// List the farm's workers and their tasks
#[derive(Debug, Args)]
pub struct WorkersArgs {
    #[command(flatten)]
    at: CoordinatorFlags,
}

pub(crate) fn run(args: WorkersArgs, context: &Context) -> Result<Exit, Failure> {
    let workers = on_farm(&args.at, context, async |client| client.list_workers().await)?;
    let mut table =
        Table::new(["WORKER", "STATE", "SLOTS", "MEMORY", "DEVICE", "DONE", "FAILED", "PAINTS"]);
    for worker in &workers {
        let paints: Vec<_> = worker
            .leases
            .iter()
            .map(|lease| format!("job {} task {}", lease.job, lease.task.0))
            .collect();
        table.row([
            worker.name.to_string(),
            // A benched worker is idle, but not free.
            worker.benched.as_ref().map_or(worker.state.to_string(), |_| "benched".to_owned()),
            worker.capabilities.slots.to_string(),
            ByteSize(worker.capabilities.memory_bytes).to_string(),
            worker.capabilities.device.clone(),
            worker.tasks_done.to_string(),
            worker.failures.to_string(),
            paints.join(", "),
        ]);
    }
    show_list(&workers, table, "there are no workers", context);
    if !context.screen.is_json() {
        show_benched(&workers, context);
        show_cards(&workers, context);
    }
    Ok(Exit::Done)
}

/// Says why workers get no tasks.
fn show_benched(workers: &[WorkerInfo], context: &Context) {
    for worker in workers {
        let Some(Bench { reason, .. }) = &worker.benched else { continue };
        let (name, failures) = (&worker.name, worker.failures);
        context.screen.result(format_args!(
            "\n{name} failed {failures} tasks in a row and gets none for a while: {reason}"
        ));
    }
}

/// Prints GPUs, and devices with a fault. The list above is enough for a healthy CPU.
fn show_cards(workers: &[WorkerInfo], context: &Context) {
    let mut table = Table::new(["WORKER", "DEVICE", "MODEL", "MEMORY", "COMPUTE", "HEALTH"]);
    let mut shown = false;
    for worker in workers {
        for (index, info) in worker.capabilities.devices.iter().enumerate() {
            let health = worker.health.get(index).map_or_else(String::new, DeviceHealth::line);
            if info.compute_capability.is_none() && health.is_empty() {
                continue;
            }
            shown = true;
            table.row([
                worker.name.to_string(),
                info.name.clone(),
                info.model.clone(),
                ByteSize(info.memory_bytes).to_string(),
                info.compute_capability
                    .map_or_else(String::new, |capability| capability.to_string()),
                health,
            ]);
        }
    }
    if shown {
        context.screen.result(format_args!("\n{table}"));
    }
}
