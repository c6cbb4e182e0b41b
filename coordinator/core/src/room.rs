//! Which free worker suits a task, and which tasks fit on none.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use impasto_types::{Digest, MethodVersion, WorkerId};

use crate::class::{Class, Demand};
use crate::record::Trust;
use crate::span::Span;
use crate::workers::{Worker, Workers};

/// How many workers are compared by the inputs that they hold; on a large idle farm, comparing all
/// would cost more time than it saves.
const CANDIDATES: usize = 32;

impl Workers {
    /// By method, the most unreserved memory of a free worker.
    pub(crate) fn room(&self) -> BTreeMap<MethodVersion, u64> {
        let mut room = BTreeMap::new();
        for worker in self.free.iter().filter_map(|(_, id)| self.connected.get(id)) {
            for method in &worker.capabilities.methods {
                let most: &mut u64 = room.entry(*method).or_default();
                *most = worker.room_bytes().max(*most);
            }
        }
        room
    }

    /// The worker for a task of this class and memory: of the least loaded suitable ones, the one
    /// that holds most of its inputs. Never one of `held_back`.
    pub(crate) fn best_for(
        &self,
        class: &Class,
        memory_bytes: u64,
        inputs: &[Digest],
        held_back: &BTreeSet<WorkerId>,
    ) -> Option<WorkerId> {
        let (demand, avoids) = (class.demand(memory_bytes), self.avoids(class, memory_bytes));
        let takes = |(leases, id): &(usize, WorkerId)| {
            let able = |worker: &Worker| {
                worker.has_room(&demand) && !(avoids && class.avoid.contains(&worker.name))
            };
            (!class.alone || *leases == 0)
                && !held_back.contains(id)
                && self.connected.get(id).is_some_and(able)
        };
        let mut able = self.free.iter().copied().filter(takes);
        let first = able.next()?;
        let alike = |candidate: &(usize, WorkerId)| candidate.0 == first.0;
        // A common blob is probably held by some of the first candidates, so only holders of rare
        // ones are added.
        let rare = inputs
            .iter()
            .filter_map(|input| self.holders.get(input))
            .filter(|holders| holders.len() <= CANDIDATES);
        let holders = rare.flatten().filter_map(|id| Some((self.connected.get(id)?.leases, *id)));
        let holders = holders.filter(|candidate| {
            alike(candidate) && self.free.contains(candidate) && takes(candidate)
        });
        let candidates = std::iter::once(first)
            .chain(able.take(CANDIDATES - 1).take_while(alike))
            .chain(holders);
        let held = |id: WorkerId| {
            inputs
                .iter()
                .filter(|input| {
                    self.holders.get(input).is_some_and(|holders| holders.contains(&id))
                })
                .count()
        };
        candidates.map(|(_, id)| id).min_by_key(|id| (Reverse(held(*id)), *id))
    }

    /// The free worker that gets no other task, so that a task of this class and memory can soon
    /// run alone on it.
    pub(crate) fn to_hold_back(&self, class: &Class, memory_bytes: u64) -> Option<WorkerId> {
        let demand = class.demand(memory_bytes);
        let suiting = self.suiting(class, self.avoids(class, memory_bytes));
        { suiting }
            .find(|(_, worker)| demand.is_met_by(&worker.capabilities))
            .map(|((_, id), _)| id)
    }

    /// A task of this class fits on no worker: the amounts of memory round its own for which that
    /// is as true, and for which the same worker would be held back if it has to run alone.
    pub(crate) fn unfit_like(
        &self,
        class: &Class,
        memory_bytes: u64,
        held_back: &BTreeSet<WorkerId>,
    ) -> Span {
        let beside = self.largest_beside(class);
        // Up to what other workers could run, the class avoids those on its list.
        let avoids = beside.is_some_and(|most| memory_bytes <= most);
        let alike = match beside {
            Some(most) if avoids => Span::up_to(most),
            Some(most) => Span { least: most.saturating_add(1), ..Span::ALL },
            None => Span::ALL,
        };
        let idle = |leases: &usize| !class.alone || *leases == 0;
        let room = self
            .suiting(class, avoids)
            .filter(|((leases, id), _)| idle(leases) && !held_back.contains(id))
            .map(|(_, worker)| worker.room_bytes())
            .max();
        let least = room.map_or(0, |room| room.saturating_add(1));
        let unfit = alike.and(Span { least, ..Span::ALL });
        if class.alone { unfit.and(self.held_alike(class, memory_bytes, avoids)) } else { unfit }
    }

    /// The amounts for which [`Self::to_hold_back`] has the same answer.
    fn held_alike(&self, class: &Class, memory_bytes: u64, avoids: bool) -> Span {
        let mut least = 0;
        for (_, worker) in self.suiting(class, avoids) {
            let most = worker.capabilities.task_memory_bytes();
            if most >= memory_bytes {
                return Span { least, most };
            }
            least = least.max(most.saturating_add(1));
        }
        Span { least, ..Span::ALL }
    }

    /// The free workers that run the class's method, without those that it `avoids`.
    fn suiting<'a>(
        &'a self,
        class: &'a Class,
        avoids: bool,
    ) -> impl Iterator<Item = ((usize, WorkerId), &'a Worker)> {
        let free = self
            .free
            .iter()
            .filter_map(|(leases, id)| Some(((*leases, *id), self.connected.get(id)?)));
        free.filter(move |(_, worker)| {
            worker.capabilities.methods.contains(&class.method)
                && !(avoids && class.avoid.contains(&worker.name))
        })
    }

    /// Whether a task keeps away from the workers that its class avoids: others could run it, now
    /// or later.
    fn avoids(&self, class: &Class, memory_bytes: u64) -> bool {
        self.largest_beside(class).is_some_and(|most| memory_bytes <= most)
    }

    /// The most memory that a task gets of a trusted worker that the class does not avoid; `None`
    /// if there is no such worker, or if the class avoids none.
    fn largest_beside(&self, class: &Class) -> Option<u64> {
        if class.avoid.is_empty() {
            return None;
        }
        let suits = |worker: &&Worker| {
            worker.trust == Trust::Full
                && !worker.draining
                && worker.capabilities.methods.contains(&class.method)
                && !class.avoid.contains(&worker.name)
        };
        let others = self.connected.values().filter(suits);
        others.map(|worker| worker.capabilities.task_memory_bytes()).max()
    }
}

impl Worker {
    /// The most memory that a further task can get.
    fn room_bytes(&self) -> u64 {
        self.free_memory_bytes.min(self.capabilities.task_memory_bytes())
    }

    fn has_room(&self, demand: &Demand) -> bool {
        demand.is_met_by(&self.capabilities) && self.free_memory_bytes >= demand.memory_bytes
    }
}
