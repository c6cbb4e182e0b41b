//! `--bench`: what the core costs, with equal and with different needs in turn, so that both see
//! the same machine.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use impasto_sim::chores::{self, Chores};
use impasto_sim::{Sizes, decide_all};

const WORKERS: u32 = 1_200;

/// How often each is measured; the median counts.
const ROUNDS: usize = 3;

/// Prints what the core takes for `tasks` tasks.
pub(crate) fn measure(out: &mut impl Write, tasks: u32) -> io::Result<()> {
    let mut took: [Vec<Cost>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (took, sizes) in took.iter_mut().zip([Sizes::Equal, Sizes::Different]) {
            took.push(decide(tasks, sizes));
        }
    }
    let [equal, different] = took.map(median);
    for (name, cost) in [("equal", equal), ("different", different)] {
        let (lease_us, p50, p99) = (cost.lease_us, cost.p50, cost.p99);
        writeln!(
            out,
            "{tasks} tasks of {name} needs on {WORKERS} workers: {lease_us:.2} us a lease; an \
             input takes {p50:?} (p50), {p99:?} (p99)"
        )?;
    }
    let ratio = different.lease_us / equal.lease_us;
    writeln!(out, "different needs cost {ratio:.2} times as much as equal ones")?;
    for too_large in [false, true] {
        let fit = if too_large { "are too large for every worker" } else { "fit" };
        let mut chores = Chores::new(tasks, Sizes::Different, too_large);
        for (name, chore) in chores::ALL {
            let begun = Instant::now();
            chore(&mut chores);
            let took = begun.elapsed();
            writeln!(out, "{name}, {tasks} tasks that {fit}: {took:.2?}")?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
struct Cost {
    lease_us: f64,
    p50: Duration,
    p99: Duration,
}

fn decide(tasks: u32, sizes: Sizes) -> Cost {
    let (begun, mut laps) = (Instant::now(), Vec::new());
    let mut last = begun;
    let done = decide_all(WORKERS, tasks, sizes, &mut || {
        let now = Instant::now();
        laps.push(now - last);
        last = now;
    });
    let lease_us = begun.elapsed().as_secs_f64() * 1e6 / done.leases.max(1) as f64;
    laps.sort_unstable();
    let at = |percent: usize| laps[(laps.len() * percent / 100).min(laps.len() - 1)];
    Cost { lease_us, p50: at(50), p99: at(99) }
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.lease_us.total_cmp(&b.lease_us));
    costs[costs.len() / 2]
}
