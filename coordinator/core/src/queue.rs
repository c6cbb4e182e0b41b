//! The tasks that could be leased now, in a fair order.
//!
//! The project with the highest effective priority goes first: the priority of its first job,
//! raised by one for every `ageing_ms` since the project was last served. Among equals, the project
//! with the least served work goes first. Within a project, jobs are ordered by priority and age,
//! where one step of priority equals `ageing_ms` of waiting; within a job, tasks by their index.
//!
//! Tasks are grouped by [`Class`] and ordered by memory, so that a small worker skips any number of
//! large tasks at once, even if they all need different amounts.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use impasto_types::{JobId, TaskIndex};

use crate::Millis;
use crate::class::{Class, Demand};
use crate::fits::Fits;
use crate::job::Job;
use crate::shelf::Shelf;
use crate::task::{Task, TaskKey};

#[derive(Debug, Clone)]
pub(crate) struct ReadyQueue {
    ageing_ms: Millis,
    /// The number of tasks of each class, by the memory that they need.
    classes: BTreeMap<Class, BTreeMap<u64, u32>>,
    projects: BTreeMap<String, Project>,
    /// What came or went since the last call of [`ReadyQueue::take_changed`].
    changed: BTreeSet<Demand>,
}

#[derive(Debug, Clone, Default)]
struct Project {
    jobs: BTreeMap<JobOrder, BTreeMap<Class, Shelf>>,
    /// The work granted so far, but at least that of the least served project when this one got
    /// tasks again.
    served: u64,
    last_served: Millis,
}

/// Orders the jobs of one project. Waiting outweighs priority in the end, so no job starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct JobOrder {
    /// The time of submission minus `ageing_ms` per step of priority.
    rank: i128,
    job: JobId,
    priority: i32,
    submitted_at: Millis,
}

impl JobOrder {
    fn new(job: &Job, ageing_ms: Millis) -> Self {
        let rank = i128::from(job.submitted_at) - i128::from(job.priority) * i128::from(ageing_ms);
        Self { rank, job: job.id, priority: job.priority, submitted_at: job.submitted_at }
    }
}

/// The next task, with its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) key: TaskKey,
    pub(crate) class: Class,
}

impl ReadyQueue {
    pub(crate) fn new(ageing_ms: Millis) -> Self {
        let (classes, projects, changed) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { ageing_ms: ageing_ms.max(1), classes, projects, changed }
    }

    pub(crate) fn insert(&mut self, job: &Job, index: TaskIndex, task: &Task) {
        if self.projects.get(&job.project).is_none_or(|project| project.jobs.is_empty()) {
            self.come_up(&job.project);
        }
        let Some(project) = self.projects.get_mut(&job.project) else { return };
        let (class, bytes) = (Class::of(task), task.needs.least_memory_bytes);
        let classes = project.jobs.entry(JobOrder::new(job, self.ageing_ms)).or_default();
        if !classes.entry(class.clone()).or_default().insert(bytes, index) {
            return;
        }
        let count = self.classes.entry(class).or_default().entry(bytes).or_default();
        *count += 1;
        if *count == 1 {
            self.changed.insert(Demand::of(task));
        }
    }

    pub(crate) fn remove(&mut self, job: &Job, index: TaskIndex, task: &Task) {
        let (class, bytes) = (Class::of(task), task.needs.least_memory_bytes);
        let order = JobOrder::new(job, self.ageing_ms);
        let Some(project) = self.projects.get_mut(&job.project) else { return };
        let Some(classes) = project.jobs.get_mut(&order) else { return };
        let Some(shelf) = classes.get_mut(&class) else { return };
        if !shelf.remove(bytes, index) {
            return;
        }
        if shelf.is_empty() {
            classes.remove(&class);
        }
        if classes.is_empty() {
            project.jobs.remove(&order);
        }
        let Some(amounts) = self.classes.get_mut(&class) else { return };
        let Some(count) = amounts.get_mut(&bytes) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.changed.insert(Demand::of(task));
        amounts.remove(&bytes);
        if amounts.is_empty() {
            self.classes.remove(&class);
        }
    }

    /// Counts work as served to a project.
    pub(crate) fn charge(&mut self, project: &str, work: u64, at: Millis) {
        let Some(project) = self.projects.get_mut(project) else { return };
        project.served = project.served.saturating_add(work);
        project.last_served = at;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    pub(crate) fn contains(&self, job: &Job, index: TaskIndex, task: &Task) -> bool {
        let project = self.projects.get(&job.project);
        let classes =
            project.and_then(|project| project.jobs.get(&JobOrder::new(job, self.ageing_ms)));
        let shelf = classes.and_then(|classes| classes.get(&Class::of(task)));
        shelf.is_some_and(|shelf| shelf.contains(task.needs.least_memory_bytes, index))
    }

    /// The demands that came or went since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Demand> {
        std::mem::take(&mut self.changed)
    }

    /// The demands of all tasks.
    pub(crate) fn demands(&self) -> impl Iterator<Item = Demand> {
        let classes = self.classes.iter();
        classes.flat_map(|(class, amounts)| amounts.keys().map(|bytes| class.demand(*bytes)))
    }

    /// Whether a task has this demand.
    pub(crate) fn has(&self, demand: &Demand) -> bool {
        let mut classes = self.classes.iter().filter(|(class, _)| class.method == demand.method);
        classes.any(|(_, amounts)| amounts.contains_key(&demand.memory_bytes))
    }

    /// The first task that `fits`, of a job that is not held back.
    pub(crate) fn next(
        &self,
        now: Millis,
        fits: &Fits,
        is_held: impl Fn(JobId) -> bool,
    ) -> Option<Next> {
        let may_fit = |class: &Class, amounts: &BTreeMap<u64, u32>| {
            fits.spans(class).any(|span| amounts.range(span.range()).next().is_some())
        };
        if !self.classes.iter().any(|(class, amounts)| may_fit(class, amounts)) {
            return None;
        }
        let heads = self.projects.values().filter_map(|project| {
            let jobs = project.jobs.iter().filter(|(order, _)| !is_held(order.job));
            let (order, next) = { jobs }.find_map(|(order, classes)| {
                Some((order, first_task(order.job, classes, fits)?))
            })?;
            Some((self.rank(project, order, now), next))
        });
        heads.min_by_key(|(rank, _)| *rank).map(|(_, next)| next)
    }

    /// The place of a project whose next task is of this job.
    fn rank(&self, project: &Project, order: &JobOrder, now: Millis) -> (Reverse<i64>, u64, JobId) {
        let waited_ms = now.saturating_sub(project.last_served.max(order.submitted_at));
        let aged = i64::try_from(waited_ms / self.ageing_ms).unwrap_or(i64::MAX);
        let priority = i64::from(order.priority).saturating_add(aged);
        (Reverse(priority), project.served, order.job)
    }

    /// The classes of the tasks of jobs that are not held back, with the memory that they need.
    pub(crate) fn needs_beside(&self, is_held: impl Fn(JobId) -> bool) -> BTreeSet<(&Class, u64)> {
        let jobs = self.projects.values().flat_map(|project| &project.jobs);
        let classes =
            jobs.filter(|(order, _)| !is_held(order.job)).flat_map(|(_, classes)| classes);
        classes
            .flat_map(|(class, shelf)| shelf.amounts().map(move |bytes| (class, bytes)))
            .collect()
    }

    /// All tasks with this demand, in no particular order.
    pub(crate) fn tasks_of(&self, demand: &Demand) -> Vec<TaskKey> {
        let jobs = self.projects.values().flat_map(|project| &project.jobs);
        let tasks = jobs.flat_map(|(order, classes)| {
            let shelves = classes.iter().filter(|(class, _)| class.method == demand.method);
            let tasks = shelves.flat_map(|(_, shelf)| shelf.needing(demand.memory_bytes));
            tasks.map(|task| TaskKey { job: order.job, task })
        });
        tasks.collect()
    }

    /// Called when a project has tasks again. Raises its served work to that of the least served
    /// active project, so that it gets no advantage from the time without tasks.
    fn come_up(&mut self, name: &str) {
        let active = self.projects.values().filter(|project| !project.jobs.is_empty());
        let least = active.map(|project| project.served).min().unwrap_or(0);
        let project = self.projects.entry(name.to_owned()).or_default();
        project.served = project.served.max(least);
    }
}

fn first_task(job: JobId, classes: &BTreeMap<Class, Shelf>, fits: &Fits) -> Option<Next> {
    let heads = classes.iter().filter_map(|(class, shelf)| {
        let first = fits.spans(class).filter_map(|span| shelf.first_in(span)).min()?;
        Some((first, class))
    });
    let (task, class) = heads.min_by_key(|(task, _)| *task)?;
    Some(Next { key: TaskKey { job, task }, class: class.clone() })
}

/// A project's tasks for tests: in the order of its jobs, and of their tasks.
#[cfg(test)]
type Listed = Vec<((Reverse<i64>, u64, JobId), Vec<(TaskIndex, u64, Class)>)>;

#[cfg(test)]
impl ReadyQueue {
    /// All tasks by project, each job with the rank that its project has by it.
    pub(crate) fn listed(&self, now: Millis) -> Vec<Listed> {
        let job = |project: &Project, order: &JobOrder, classes: &BTreeMap<Class, Shelf>| {
            let mut tasks: Vec<(TaskIndex, u64, Class)> = Vec::new();
            for (class, shelf) in classes {
                for bytes in shelf.amounts() {
                    tasks.extend(shelf.needing(bytes).map(|task| (task, bytes, class.clone())));
                }
            }
            tasks.sort_unstable();
            (self.rank(project, order, now), tasks)
        };
        let jobs = |project: &Project| {
            project.jobs.iter().map(|(order, classes)| job(project, order, classes)).collect()
        };
        self.projects.values().map(jobs).collect()
    }
}
