//! What waiting tasks wait for, for people.

use std::collections::BTreeMap;

use impasto_types::{Explained, JobId, TaskIndex};

use crate::class::Class;
use crate::core::Core;
use crate::job::Job;
use crate::task::{Task, TaskKey, TaskState};

impl Core {
    /// Why tasks of the job wait, each reason once; `None` if there is no such job. Nothing if none
    /// waits.
    pub fn explain(&self, job: JobId) -> Option<Vec<Explained>> {
        let job = self.ledger.jobs.get(&job)?;
        let mut of_class = BTreeMap::new();
        let mut found: BTreeMap<String, (TaskIndex, u32)> = BTreeMap::new();
        for (key, task) in job.keyed_tasks() {
            let Some(reason) = self.wait_of(job, key, task, &mut of_class) else { continue };
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
        of_class: &mut BTreeMap<Class, String>,
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
        let class = Class::of(task);
        let reason = of_class.entry(class).or_insert_with_key(|class| self.wait_of_class(class));
        Some(reason.clone())
    }

    /// Why no worker takes a task of this class now.
    fn wait_of_class(&self, class: &Class) -> String {
        if let Some(shortcoming) = self.shortcoming(&class.demand) {
            return format!("no worker can run it: {shortcoming}");
        }
        match self.workers.able(&class.demand) {
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
