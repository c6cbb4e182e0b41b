//! The simulated farm's work: submissions, the behaviour of tasks, and their results.

use impasto_core::{Needs, Submission};
use impasto_types::{
    BlobRef, Digest, LeaseId, Losses, Method, MethodVersion, Output, RunReport, TaskIndex,
    TaskResult,
};

use crate::chance::Chance;
use crate::sickness::{INPUTS, input};

pub(crate) const GIB: u64 = 1 << 30;

/// The behaviour of a task. It follows from the action's digest, so it is the same in every
/// attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskKind {
    /// Ends within seconds.
    Quick,
    /// Takes many times as long as a lease lasts without a heartbeat.
    Slow,
    /// Fails because of its input.
    Bad,
    /// Crashes its worker.
    Poison,
}

impl TaskKind {
    pub(crate) fn of(action: &Digest) -> Self {
        match action.as_bytes()[0] {
            0..8 => Self::Poison,
            8..16 => Self::Bad,
            16..40 => Self::Slow,
            40.. => Self::Quick,
        }
    }
}

/// Jobs of several projects, sizes and priorities. Some tasks share an action, some depend on
/// earlier ones, and a few are too large for every worker.
pub(crate) fn submissions(chance: &mut Chance, tasks: u32) -> Vec<Submission> {
    let mut submissions = Vec::new();
    let mut left = tasks;
    while left > 0 {
        let count = left.min(chance.between(1, 2 + u64::from(tasks) / 4) as u32);
        left -= count;
        let tasks = (0..count).map(|index| Needs {
            action: Digest::of(&chance.between(0, u64::from(tasks) * 4).to_le_bytes()),
            method: MethodVersion::of(Method::Optimize),
            least_memory_bytes: if chance.happens(20) {
                16 * GIB
            } else {
                // Nearly all need another amount.
                chance.between(GIB, 5 * GIB)
            },
            work: chance.between(1, 1_000),
            inputs: vec![input(chance.between(0, INPUTS)).digest],
            after: after(chance, index),
            cached: None,
        });
        let tasks = tasks.collect();
        let number = submissions.len();
        submissions.push(Submission {
            key: format!("submission {number}"),
            project: format!("project {}", number % 3),
            priority: number as i32 % 3 - 1,
            spec: Digest::of(b"spec"),
            tasks,
        });
    }
    submissions
}

/// The earlier tasks that a task depends on: none, one or two.
fn after(chance: &mut Chance, index: u32) -> Vec<TaskIndex> {
    let count = match chance.between(0, 10) {
        _ if index == 0 => 0,
        0..6 => 0,
        6..9 => 1,
        _ => 2,
    };
    (0..count).map(|_| TaskIndex(chance.between(0, u64::from(index)) as u32)).collect()
}

/// The result of a task under a lease, different for each lease, so that results show where they
/// come from.
pub(crate) fn picture(lease: LeaseId) -> TaskResult {
    let output = BlobRef::of(lease.to_string().as_bytes());
    let report = RunReport {
        iterations: 1,
        losses: Some(Losses { total: 1.0, content: 0.5, style: 0.5 }),
        compute_ms: 1,
        device: "simulated".to_owned(),
        warning: None,
    };
    TaskResult { outputs: vec![Output::picture(output, 1, 1)], report }
}
