//! Tasks in the order of the memory that they need. The first task, by its index, of any range of
//! memory is found without a look at each: tasks are kept in blocks, and each block knows its first
//! task. So a worker with little room finds its next task among a hundred thousand that all need
//! different amounts.
//!
//! Blocks are simpler than a tree whose nodes know their first task, and not slower at these sizes:
//! a job has at most a few hundred blocks, which are scanned in a row.

use impasto_types::TaskIndex;

use crate::span::Span;

/// A block is split when it has twice as many tasks: about the square root of the largest job.
const BLOCK_TASKS: usize = 256;

/// A task with the memory that it needs, in bytes.
type Entry = (u64, TaskIndex);

#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    /// None is empty. Each entry of a block comes before those of the next.
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
struct Block {
    entries: Vec<Entry>,
    /// The least index of an entry.
    first: TaskIndex,
}

impl Block {
    fn of(entries: Vec<Entry>) -> Option<Self> {
        let first = entries.iter().map(|(_, task)| *task).min()?;
        Some(Self { entries, first })
    }

    fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The first task of a range, of this block.
    fn first_in(&self, span: Span) -> Option<TaskIndex> {
        let (least, most) = (self.entries.first()?.0, self.last()?.0);
        if span.least <= least && most <= span.most {
            return Some(self.first);
        }
        let fits = self.entries.iter().filter(|(bytes, _)| span.contains(*bytes));
        fits.map(|(_, task)| *task).min()
    }
}

impl Shelf {
    /// Adds a task. Returns false if it was there.
    pub(crate) fn insert(&mut self, bytes: u64, task: TaskIndex) -> bool {
        let entry = (bytes, task);
        // What is larger than all others joins the last block.
        let at = self.block_of(entry).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.extend(Block::of(vec![entry]));
            return true;
        };
        let Err(place) = block.entries.binary_search(&entry) else { return false };
        block.entries.insert(place, entry);
        block.first = block.first.min(task);
        if block.entries.len() >= 2 * BLOCK_TASKS {
            let upper = block.entries.split_off(BLOCK_TASKS);
            let halves = [std::mem::take(&mut block.entries), upper];
            self.blocks.splice(at..=at, halves.into_iter().filter_map(Block::of));
        }
        true
    }

    /// Removes a task. Returns false if it was not there.
    pub(crate) fn remove(&mut self, bytes: u64, task: TaskIndex) -> bool {
        let at = self.block_of((bytes, task));
        let Some(block) = self.blocks.get_mut(at) else { return false };
        let Ok(place) = block.entries.binary_search(&(bytes, task)) else { return false };
        block.entries.remove(place);
        if block.entries.is_empty() {
            self.blocks.remove(at);
        } else if block.first == task {
            let left = block.entries.iter().map(|(_, task)| *task);
            block.first = left.min().unwrap_or(task);
        }
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn contains(&self, bytes: u64, task: TaskIndex) -> bool {
        let entry = (bytes, task);
        let block = self.blocks.get(self.block_of(entry));
        block.is_some_and(|block| block.entries.binary_search(&entry).is_ok())
    }

    /// The task with the least index that needs an amount in `span`.
    pub(crate) fn first_in(&self, span: Span) -> Option<TaskIndex> {
        let from = self.block_of((span.least, TaskIndex(0)));
        let reached = |block: &&Block| block.entries.first().is_some_and(|(b, _)| *b <= span.most);
        let blocks = self.blocks[from..].iter().take_while(reached);
        let mut first: Option<TaskIndex> = None;
        for block in blocks {
            if first.is_none_or(|first| block.first < first) {
                first = first.into_iter().chain(block.first_in(span)).min();
            }
        }
        first
    }

    /// The tasks that need exactly this much, by their index.
    pub(crate) fn needing(&self, bytes: u64) -> impl Iterator<Item = TaskIndex> {
        let from = self.block_of((bytes, TaskIndex(0)));
        let entries = self.blocks[from..].iter().flat_map(|block| &block.entries);
        let entries = entries.skip_while(move |(other, _)| *other < bytes);
        entries.take_while(move |(other, _)| *other == bytes).map(|(_, task)| *task)
    }

    /// The different amounts that are needed.
    pub(crate) fn amounts(&self) -> impl Iterator<Item = u64> {
        let mut last = None;
        let amounts = self.blocks.iter().flat_map(|block| &block.entries).map(|(bytes, _)| *bytes);
        amounts.filter(move |bytes| last.replace(*bytes) != Some(*bytes))
    }

    /// The block that has this entry, if any has it.
    fn block_of(&self, entry: Entry) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|last| *last < entry))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Checks every answer against a plain set.
    fn check(shelf: &Shelf, plain: &BTreeSet<Entry>, span: Span) {
        let fits = plain.iter().filter(|(bytes, _)| span.contains(*bytes));
        assert_eq!(shelf.first_in(span), fits.map(|(_, task)| *task).min(), "{span:?}");
        let needing = plain.iter().filter(|(bytes, _)| *bytes == span.least);
        let needing: Vec<TaskIndex> = needing.map(|(_, task)| *task).collect();
        assert_eq!(shelf.needing(span.least).collect::<Vec<_>>(), needing);
        assert_eq!(shelf.is_empty(), plain.is_empty());
        let amounts: BTreeSet<u64> = plain.iter().map(|(bytes, _)| *bytes).collect();
        assert!(shelf.amounts().eq(amounts));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shelf_finds_what_a_set_finds(
            steps in prop::collection::vec((0..40_u64, 0..3_000_u32, any::<bool>()), 1..3_000),
            spans in prop::collection::vec((0..40_u64, 0..40_u64), 20),
        ) {
            let (mut shelf, mut plain) = (Shelf::default(), BTreeSet::new());
            for (bytes, task, comes) in steps {
                let task = TaskIndex(task);
                // Two of three come, so that blocks are split.
                if comes || bytes % 3 == 0 {
                    prop_assert_eq!(shelf.insert(bytes, task), plain.insert((bytes, task)));
                } else {
                    prop_assert_eq!(shelf.remove(bytes, task), plain.remove(&(bytes, task)));
                }
                prop_assert_eq!(shelf.contains(bytes, task), plain.contains(&(bytes, task)));
            }
            check(&shelf, &plain, Span::ALL);
            for (least, most) in spans {
                check(&shelf, &plain, Span { least, most });
            }
            for (bytes, task) in plain {
                prop_assert!(shelf.remove(bytes, task));
            }
            prop_assert!(shelf.is_empty());
        }
    }
}
