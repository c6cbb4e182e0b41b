//! The open tasks of a plan.

use std::collections::HashMap;

use impasto_planner::Plan;
use impasto_types::Digest;

/// Tasks that have to run, by their indices in the plan. Assets with the same bytes share an
/// action; most actions have a single task, so that the others are kept apart.
#[derive(Debug, Default)]
pub(crate) struct OpenTasks {
    first: HashMap<Digest, usize>,
    further: HashMap<Digest, Vec<usize>>,
}

impl OpenTasks {
    /// All stale tasks.
    pub(crate) fn of(plan: &Plan) -> Self {
        let first = HashMap::with_capacity(plan.stale().count());
        let mut open = Self { first, further: HashMap::new() };
        for (place, task) in plan.tasks.iter().enumerate().filter(|(_, task)| task.is_stale()) {
            let first = *open.first.entry(task.action).or_insert(place);
            if first != place {
                open.further.entry(task.action).or_default().push(place);
            }
        }
        open
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.first.len() + self.further.values().map(Vec::len).sum::<usize>()
    }

    pub(crate) fn has(&self, action: Digest) -> bool {
        self.first.contains_key(&action)
    }

    /// The tasks of an action, in the order of the plan.
    pub(crate) fn of_action(&self, action: Digest) -> impl Iterator<Item = usize> {
        let further = self.further.get(&action).into_iter().flatten();
        self.first.get(&action).into_iter().chain(further).copied()
    }

    /// Takes out the tasks of an action.
    pub(crate) fn remove(&mut self, action: Digest) -> Vec<usize> {
        let first = self.first.remove(&action).into_iter();
        first.chain(self.further.remove(&action).unwrap_or_default()).collect()
    }

    /// The first task of each action, in the order of the plan: so what is delivered together goes
    /// into few folders.
    pub(crate) fn in_order(&self) -> Vec<(usize, Digest)> {
        let mut first: Vec<_> =
            self.first.iter().map(|(action, place)| (*place, *action)).collect();
        first.sort_unstable();
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::survey;
    use crate::test_project::TestProject;

    #[test]
    fn assets_with_the_same_bytes_share_an_action() {
        let test = TestProject::new(&["a.png", "b.png", "c.png"]);
        let bytes = test.read("walls/a.png").expect("it is there");
        test.write("walls/c.png", &bytes);
        let plan = survey(&test.request(), None).expect("it is surveyed").plan;
        let action = |place: usize| plan.tasks[place].action;
        let mut open = OpenTasks::of(&plan);
        assert_eq!(open.in_order(), [(0, action(0)), (1, action(1))]);
        assert_eq!(open.of_action(action(0)).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((open.count(), open.has(action(2))), (3, true));
        assert_eq!(open.remove(action(2)), [0, 2]);
        assert_eq!((open.count(), open.has(action(0)), open.is_empty()), (1, false, false));
        assert_eq!(open.remove(action(0)), [0_usize; 0]);
    }
}
