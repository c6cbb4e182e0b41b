//! What waiting tasks wait for, for people.

use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{Explained, JobId, MethodVersion, TaskIndex};

use crate::class::{Class, Demand};
use crate::core::Core;
use crate::job::Job;
use crate::task::{Task, TaskKey, TaskState};

impl Core {
    /// Why tasks of the job wait, each reason once; `None` if there is no such job. Nothing if none
    /// waits.
    pub fn explain(&self, job: JobId) -> Option<Vec<Explained>> {
        let job = self.ledger.jobs.get(&job)?;
        let mut of_need = BTreeMap::new();
        let capacities = self.workers.capacities();
        let mut found: BTreeMap<String, (TaskIndex, u32)> = BTreeMap::new();
        for (key, task) in job.keyed_tasks() {
            let Some(reason) = self.wait_of(job, key, task, &capacities, &mut of_need) else {
                continue;
            };
            found.entry(reason).or_insert((key.task, 0)).1 += 1;
        }
        let mut explained: Vec<Explained> = found
            .into_iter()
            .map(|(reason, (first, tasks))| Explained { first, tasks, reason })
            .collect();
        explained.sort_by_key(|explained| explained.first);
        Some(explained)
    }

    fn wait_of(
        &self,
        job: &Job,
        key: TaskKey,
        task: &Task,
        capacities: &BTreeMap<MethodVersion, BTreeSet<u64>>,
        of_need: &mut BTreeMap<(Class, Option<u64>), String>,
    ) -> Option<String> {
        let (not_before, message) = match &task.state {
            TaskState::Blocked { open } => {
                return Some(format!("waits for the results of {open} other tasks of the job"));
            }
            TaskState::Ready { not_before, message } => (*not_before, message),
            TaskState::Leased(_)
            | TaskState::Succeeded { .. }
            | TaskState::Failed { .. }
            | TaskState::Canceled => return None,
        };
        if let Some(held) = self.held.get(&job.id).filter(|held| held.until > self.now) {
            return Some(format!("the coordinator tries again to read it: {}", held.message));
        }
        if !task.tries.missing.is_empty() {
            return Some(format!("waits until a client sends its inputs again: {message}"));
        }
        if let Some(leased) = self.ledger.waiting.leased(&task.needs.action) {
            let TaskKey { job, task } = leased;
            return Some(format!("the same is being painted as task {} of job {job}", task.0));
        }
        if not_before > self.now {
            let seconds = (not_before - self.now).div_ceil(1_000);
            return Some(format!("is tried again in {seconds} s: {message}"));
        }
        if !self.ledger.waiting.is_nominated(&self.ledger.jobs, key) {
            return Some("the same waits as an earlier task".to_owned());
        }
        let (class, demand) = (Class::of(task), Demand::of(task));
        if let Some(shortcoming) = self.shortcoming(&demand) {
            return Some(format!("no worker can run it: {shortcoming}"));
        }
        // The same workers can run all tasks of a class up to the next worker's memory.
        let least_able = capacities
            .get(&demand.method)
            .and_then(|capacities| capacities.range(demand.memory_bytes..).next().copied());
        let reason = of_need
            .entry((class, least_able))
            .or_insert_with_key(|(class, _)| self.wait_of_class(class, &demand));
        Some(reason.clone())
    }

    /// Why no worker takes a task of this class now.
    fn wait_of_class(&self, class: &Class, demand: &Demand) -> String {
        match self.workers.able(demand) {
            able if able.connected == 0 => "no worker that can run it is connected".to_owned(),
            able if able.connected == able.draining => "every worker is draining".to_owned(),
            able if able.connected == able.draining + able.benched.len() => {
                let benched: Vec<String> =
                    able.benched.iter().map(|(name, why)| format!("{name} ({why})")).collect();
                format!("every worker is benched after failures: {}", benched.join(", "))
            }
            _ if class.alone => "waits for an idle worker, to run alone".to_owned(),
            _ => "waits for its turn: every worker is busy".to_owned(),
        }
    }
}
