//! Properties that hold after every input, even if messages are lost or machines fail. Checking
//! them visits every task, so only tests and the simulator do it, not the coordinator.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{Digest, TaskIndex, WorkerName};

use crate::core::Core;
use crate::dependents::unfinished;
use crate::job::{Counts, Phase};
use crate::ledger::Holding;
use crate::task::{Task, TaskKey, TaskState};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Broken {
    pub invariant: &'static str,
    pub detail: String,
}

/// Checks all invariants, in the order of this file.
pub fn check_all(core: &Core) -> Result<(), Broken> {
    at_most_one_live_lease(core)?;
    holdings_are_the_leases(core)?;
    memory_is_never_overbooked(core)?;
    suspects_run_alone(core)?;
    dependents_wait_for_their_inputs(core)?;
    every_waiting_task_has_its_turn(core)?;
    no_worker_idles_beside_work(core)?;
    credit_granted_is_returned_or_held(core)?;
    only_trusted_workers_get_tasks(core)?;
    attempts_stay_in_budget(core)?;
    counts_are_right(core)?;
    ended_jobs_are_at_rest(core)?;
    ended_jobs_can_be_forgotten(core)?;
    every_lease_is_watched(core)
}

/// No action, and so no task, is computed twice at the same time.
pub fn at_most_one_live_lease(core: &Core) -> Result<(), Broken> {
    let mut leased: BTreeMap<Digest, TaskKey> = BTreeMap::new();
    for (key, task) in tasks(core).filter(|(_, task)| task.lease().is_some()) {
        if let Some(other) = leased.insert(task.needs.action, key) {
            return broken(
                "at most one live lease",
                format!("{key:?} and {other:?} compute {:?} at once", task.needs.action),
            );
        }
    }
    Ok(())
}

/// The holdings of each worker match the leases of the tasks.
pub fn holdings_are_the_leases(core: &Core) -> Result<(), Broken> {
    let mut expected: BTreeMap<WorkerName, Holding> = BTreeMap::new();
    for (key, task) in tasks(core) {
        if let Some(lease) = task.lease() {
            let holding = expected.entry(lease.worker.clone()).or_default();
            holding.tasks.insert(key);
            holding.memory_bytes += task.needs.least_memory_bytes;
            holding.alone |= task.tries.alone;
        }
    }
    if *core.ledger.holdings() == expected {
        return Ok(());
    }
    broken(
        "holdings are the leases",
        format!("{:?}, but the tasks say {expected:?}", core.ledger.holdings()),
    )
}

/// The leased tasks of a worker fit into its memory, provided that a reconnected worker has no less
/// than before.
pub fn memory_is_never_overbooked(core: &Core) -> Result<(), Broken> {
    for worker in core.workers() {
        let taken = core.ledger.holding(&worker.name).map_or(0, |holding| holding.memory_bytes);
        if taken > worker.capabilities.memory_bytes {
            return broken(
                "memory is never overbooked",
                format!("worker {} has {taken} bytes of leases", worker.name),
            );
        }
    }
    Ok(())
}

/// A task is leased or ready only if every task that it depends on has succeeded, and blocked only
/// otherwise; one that runs goes on if a result is lost meanwhile. As facts are appended before
/// effects are carried out, its inputs are durable before a worker gets the grant.
pub fn dependents_wait_for_their_inputs(core: &Core) -> Result<(), Broken> {
    for job in core.ledger.jobs.values() {
        for (key, task) in job.keyed_tasks().filter(|(_, task)| !task.needs.after.is_empty()) {
            let open = unfinished(&job.tasks, &task.needs.after);
            let holds = match &task.state {
                TaskState::Blocked { open: counted } => open == *counted && open > 0,
                TaskState::Ready { .. } => open == 0,
                // Results that it has read may be lost since.
                TaskState::Leased(_) => {
                    let lost = |after: &TaskIndex| {
                        job.task(*after).is_some_and(|task| task.tries.losses > 0)
                    };
                    open == 0 || task.needs.after.iter().any(lost)
                }
                TaskState::Succeeded { .. } | TaskState::Failed { .. } | TaskState::Canceled => {
                    true
                }
            };
            if !holds {
                return broken(
                    "dependents wait for their inputs",
                    format!("{key:?} is {:?} with {open} inputs open", task.state),
                );
            }
        }
    }
    Ok(())
}

/// A ready task, or another one with the same action, is queued, delayed or leased: no task is
/// forgotten.
pub fn every_waiting_task_has_its_turn(core: &Core) -> Result<(), Broken> {
    let waiting = &core.ledger.waiting;
    for (key, task) in tasks(core).filter(|(_, task)| matches!(task.state, TaskState::Ready { .. }))
    {
        let action = &task.needs.action;
        let in_turn = |key: TaskKey| waiting.is_nominated(&core.ledger.jobs, key);
        let waits_for_another = waiting
            .leased(action)
            .is_some_and(|leased| core.ledger.task(leased).and_then(Task::lease).is_some());
        let nominees = waiting.waiting_for(action).into_iter().filter(|key| in_turn(*key)).count();
        if nominees != usize::from(!waits_for_another) {
            return broken(
                "every waiting task has its turn",
                format!("{key:?} has {nominees} of its group in turn"),
            );
        }
    }
    Ok(())
}

/// A task that must run alone does so.
pub fn suspects_run_alone(core: &Core) -> Result<(), Broken> {
    for (name, holding) in core.ledger.holdings() {
        if holding.alone && holding.tasks.len() > 1 {
            return broken("suspects run alone", format!("worker {name} has {:?}", holding.tasks));
        }
    }
    Ok(())
}

/// A healthy worker with room is never idle while a task that it may take waits, unless this worker
/// is reserved for a task that must run alone.
pub fn no_worker_idles_beside_work(core: &Core) -> Result<(), Broken> {
    let queue = &core.ledger.waiting.queue;
    let needs = queue.needs_beside(|job| core.is_held(job));
    if needs.iter().any(|(class, _)| class.alone) {
        return Ok(());
    }
    for (class, bytes) in needs {
        if let Some(worker) = core.workers.best_for(class, bytes, &[], &BTreeSet::new()) {
            return broken(
                "no worker idles beside work",
                format!("{worker:?} could take {bytes} bytes of {class:?}"),
            );
        }
    }
    Ok(())
}

/// Credit granted equals credit returned or held: what a worker asked for is what it still asks for
/// and the grants since.
pub fn credit_granted_is_returned_or_held(core: &Core) -> Result<(), Broken> {
    match core.workers.with_lost_credit().next() {
        None => Ok(()),
        Some(name) => broken(
            "credit granted equals credit returned or held",
            format!("worker {name} has lost credit"),
        ),
    }
}

/// A benched worker is not free, and one that has to prove itself is only while it is idle.
pub fn only_trusted_workers_get_tasks(core: &Core) -> Result<(), Broken> {
    match core.workers.free_without_trust(core.now).next() {
        None => Ok(()),
        Some(name) => broken("only trusted workers get tasks", format!("worker {name} is free")),
    }
}

/// A task that has used up its attempts is not tried again.
pub fn attempts_stay_in_budget(core: &Core) -> Result<(), Broken> {
    for (key, task) in tasks(core) {
        let may_run = matches!(task.state, TaskState::Ready { .. } | TaskState::Leased(_));
        if may_run && task.tries.counted >= core.config.max_attempts {
            return broken(
                "attempts stay in budget",
                format!("{key:?} has had {} attempts", task.tries.counted),
            );
        }
    }
    Ok(())
}

/// A job's counts match the states of its tasks.
pub fn counts_are_right(core: &Core) -> Result<(), Broken> {
    for job in core.ledger.jobs.values() {
        let mut counts = Counts::default();
        for task in &job.tasks {
            *counts.of(&task.state) += 1;
        }
        if counts != job.counts {
            return broken(
                "counts are right",
                format!("job {} has {counts:?}, not {:?}", job.id, job.counts),
            );
        }
    }
    Ok(())
}

/// A job has ended if and only if its tasks have.
pub fn ended_jobs_are_at_rest(core: &Core) -> Result<(), Broken> {
    for job in core.ledger.jobs.values() {
        let has_ended = matches!(job.phase, Phase::Ended { .. });
        let waiting = job.counts.blocked + job.counts.ready;
        let is_open = job.counts.open() > 0;
        if has_ended == is_open || (job.phase == Phase::Canceling && waiting > 0) {
            return broken(
                "ended jobs are at rest",
                format!("job {} is {:?} with {:?}", job.id, job.phase, job.counts),
            );
        }
    }
    Ok(())
}

/// The jobs that may be forgotten are exactly those that have ended.
pub fn ended_jobs_can_be_forgotten(core: &Core) -> Result<(), Broken> {
    let ended = core.ledger.jobs.values().filter_map(|job| match job.phase {
        Phase::Ended { at, .. } => Some((at, job.id)),
        Phase::Queued | Phase::Running | Phase::Canceling => None,
    });
    let (expected, found): (BTreeSet<_>, _) = (ended.collect(), core.ledger.ended());
    if *found == expected {
        return Ok(());
    }
    broken("ended jobs can be forgotten", format!("{found:?}, but {expected:?} have ended"))
}

/// Every worker that holds a lease is connected or has a time limit to reconnect, and no other
/// worker has one.
pub fn every_lease_is_watched(core: &Core) -> Result<(), Broken> {
    let holders = core.ledger.holdings().keys();
    let away: BTreeSet<&WorkerName> =
        holders.filter(|name| core.workers.named(name).is_none()).collect();
    let awaited: BTreeSet<&WorkerName> = core.absent.keys().collect();
    if away == awaited {
        return Ok(());
    }
    broken("every lease is watched", format!("{away:?} are away, but {awaited:?} are awaited"))
}

fn tasks(core: &Core) -> impl Iterator<Item = (TaskKey, &Task)> {
    core.ledger.jobs.values().flat_map(|job| job.keyed_tasks())
}

fn broken(invariant: &'static str, detail: String) -> Result<(), Broken> {
    Err(Broken { invariant, detail })
}
