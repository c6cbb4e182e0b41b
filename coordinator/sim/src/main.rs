//! `cargo run -p impasto-sim -- --seed 7`: one run, or several seeds in a row. A failure prints its
//! last events and the command that reproduces it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use impasto_sim::{Options, decide_all, run};

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
    /// Measure decisions per second instead, with 1,200 workers and 100,000 tasks
    #[arg(long)]
    bench: bool,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    if arguments.bench {
        bench(&mut out)?;
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

fn bench(out: &mut impl Write) -> io::Result<()> {
    let begun = Instant::now();
    let done = decide_all(1_200, 100_000);
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = done.leases as f64 / seconds;
    writeln!(
        out,
        "{} leases, {} inputs in {seconds:.2} s: {per_second:.0} leases per second",
        done.leases, done.inputs
    )
}
