//! The tasks that could be leased now, in a fair order.
//!
//! The project with the highest effective priority goes first: the priority of its first job,
//! raised by one for every `ageing_ms` since the project was last served. Among equals, the project
//! with the least served work goes first. Within a project, jobs are ordered by priority and age,
//! where one step of priority equals `ageing_ms` of waiting; within a job, tasks by their index.
//!
//! Tasks are grouped by [`Class`], so that a small worker skips any number of large tasks at once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use impasto_types::{JobId, TaskIndex};

use crate::Millis;
use crate::class::Class;
use crate::job::Job;
use crate::task::TaskKey;

#[derive(Debug, Clone)]
pub(crate) struct ReadyQueue {
    ageing_ms: Millis,
    /// The number of tasks of each class.
    classes: BTreeMap<Class, u32>,
    projects: BTreeMap<String, Project>,
}

#[derive(Debug, Clone, Default)]
struct Project {
    jobs: BTreeMap<JobOrder, BTreeMap<Class, BTreeSet<TaskIndex>>>,
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
#[derive(Debug, Clone)]
pub(crate) struct Next {
    pub(crate) key: TaskKey,
    pub(crate) class: Class,
}

impl ReadyQueue {
    pub(crate) fn new(ageing_ms: Millis) -> Self {
        Self { ageing_ms: ageing_ms.max(1), classes: BTreeMap::new(), projects: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, job: &Job, index: TaskIndex, class: Class) {
        if self.projects.get(&job.project).is_none_or(|project| project.jobs.is_empty()) {
            self.come_up(&job.project);
        }
        let Some(project) = self.projects.get_mut(&job.project) else { return };
        let tasks = project
            .jobs
            .entry(JobOrder::new(job, self.ageing_ms))
            .or_default()
            .entry(class.clone())
            .or_default();
        if tasks.insert(index) {
            *self.classes.entry(class).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, job: &Job, index: TaskIndex, class: &Class) {
        let order = JobOrder::new(job, self.ageing_ms);
        let Some(project) = self.projects.get_mut(&job.project) else { return };
        let Some(classes) = project.jobs.get_mut(&order) else { return };
        let Some(tasks) = classes.get_mut(class) else { return };
        if !tasks.remove(&index) {
            return;
        }
        if tasks.is_empty() {
            classes.remove(class);
        }
        if classes.is_empty() {
            project.jobs.remove(&order);
        }
        if let Some(count) = self.classes.get_mut(class) {
            *count -= 1;
            if *count == 0 {
                self.classes.remove(class);
            }
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

    pub(crate) fn contains(&self, job: &Job, index: TaskIndex, class: &Class) -> bool {
        let classes = self
            .projects
            .get(&job.project)
            .and_then(|project| project.jobs.get(&JobOrder::new(job, self.ageing_ms)));
        classes.and_then(|classes| classes.get(class)).is_some_and(|tasks| tasks.contains(&index))
    }

    pub(crate) fn classes(&self) -> impl Iterator<Item = &Class> {
        self.classes.keys()
    }

    /// The first task of a class that is `eligible`, of a job that is not held back.
    pub(crate) fn next(
        &self,
        now: Millis,
        eligible: impl Fn(&Class) -> bool,
        is_held: impl Fn(JobId) -> bool,
    ) -> Option<Next> {
        if !self.classes.keys().any(&eligible) {
            return None;
        }
        let heads = self.projects.values().filter_map(|project| {
            let jobs = project.jobs.iter().filter(|(order, _)| !is_held(order.job));
            let (order, next) = { jobs }.find_map(|(order, classes)| {
                Some((order, first_task(order.job, classes, &eligible)?))
            })?;
            let waited_ms = now.saturating_sub(project.last_served.max(order.submitted_at));
            let aged = i64::try_from(waited_ms / self.ageing_ms).unwrap_or(i64::MAX);
            let priority = i64::from(order.priority).saturating_add(aged);
            Some(((Reverse(priority), project.served, order.job), next))
        });
        heads.min_by_key(|(rank, _)| *rank).map(|(_, next)| next)
    }

    /// The classes of the tasks of jobs that are not held back.
    pub(crate) fn classes_beside(&self, is_held: impl Fn(JobId) -> bool) -> BTreeSet<&Class> {
        let jobs = self.projects.values().flat_map(|project| &project.jobs);
        let jobs = jobs.filter(|(order, _)| !is_held(order.job));
        jobs.flat_map(|(_, classes)| classes.keys()).collect()
    }

    /// All tasks whose class is `wanted`, in no particular order.
    pub(crate) fn tasks_where(&self, wanted: impl Fn(&Class) -> bool) -> Vec<TaskKey> {
        let jobs = self.projects.values().flat_map(|project| &project.jobs);
        let tasks = jobs.flat_map(|(order, classes)| {
            let tasks =
                classes.iter().filter(|(class, _)| wanted(class)).flat_map(|(_, tasks)| tasks);
            tasks.map(|task| TaskKey { job: order.job, task: *task })
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

fn first_task(
    job: JobId,
    classes: &BTreeMap<Class, BTreeSet<TaskIndex>>,
    eligible: impl Fn(&Class) -> bool,
) -> Option<Next> {
    let heads = classes
        .iter()
        .filter(|(class, _)| eligible(class))
        .filter_map(|(class, tasks)| Some((*tasks.first()?, class)));
    let (task, class) = heads.min_by_key(|(task, _)| *task)?;
    Some(Next { key: TaskKey { job, task }, class: class.clone() })
}
