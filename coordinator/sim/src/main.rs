//! `cargo run -p impasto-sim -- --seed 7`: one run, or several seeds in a row. A failure prints its
//! last events and the command that reproduces it.

mod bench;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use impasto_sim::{Options, run};

/// Run the farm's core in virtual time, under faults that follow from a seed
#[derive(Debug, Parser)]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// How many seeds to run, from the first on
    #[arg(long, default_value_t = 1, value_name = "N")]
    seeds: u64,
    #[command(flatten)]
    options: Options,
    /// Measure the core instead, with 1,200 workers and this many tasks
    #[arg(long, value_name = "TASKS", num_args = 0..=1, default_missing_value = "100000")]
    bench: Option<u32>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    if let Some(tasks) = arguments.bench {
        bench::measure(&mut out, tasks)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Options { steps, workers, tasks, plant: _ } = arguments.options;
    for seed in (0..arguments.seeds).map(|nth| arguments.seed.wrapping_add(nth)) {
        match run(seed, arguments.options) {
            Ok(summary) => writeln!(
                out,
                "seed {seed}: {} events over {} s, {} facts, {} coordinators, \
                 {} crashes of workers, {} attempts resumed; tasks: {} dependents, {} succeeded; \
                 {} jobs forgotten",
                summary.events,
                summary.elapsed_ms / 1_000,
                summary.facts,
                summary.coordinators,
                summary.crashes,
                summary.resumed,
                summary.dependents,
                summary.succeeded,
                summary.forgotten,
            )?,
            Err(failure) => {
                for line in &failure.log {
                    writeln!(out, "{line}")?;
                }
                writeln!(out, "{failure}")?;
                writeln!(
                    out,
                    "again: cargo run -p impasto-sim -- --seed {seed} --steps {steps} \
                     --workers {workers} --tasks {tasks}"
                )?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
