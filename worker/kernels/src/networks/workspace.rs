//! The memory and the threads of a run, kept between runs.

use std::{fmt, sync::Arc};

use rayon::ThreadPool;

use crate::threads::Threads;

/// Threads with their scratch memory, and maps that runs have finished with. A run at the size of
/// the one before it allocates nothing. One run uses it at a time.
pub struct Workspace {
    pub(super) threads: Threads,
    pool: Arc<ThreadPool>,
    spare: Vec<Vec<f32>>,
}

impl Workspace {
    /// A workspace on the threads of this pool. Their number changes no bit of a result.
    pub fn new(pool: Arc<ThreadPool>) -> Self {
        Self { threads: Threads::new(pool.clone(), 0), pool, spare: Vec::new() }
    }

    /// Works on one of the threads, so that the others are waited for without going to sleep: a run
    /// hands work out dozens of times, each of which may be as short as waking a thread.
    pub(super) fn inside<T: Send>(&mut self, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        let pool = self.pool.clone();
        pool.install(|| work(self))
    }

    /// A map of so many floats, with any values.
    pub(super) fn take(&mut self, floats: usize) -> Vec<f32> {
        let fitting = |map: &&(usize, usize)| map.0 >= floats;
        let sizes: Vec<_> = self.spare.iter().map(Vec::len).zip(0..).collect();
        let place = sizes.iter().filter(fitting).min().or_else(|| sizes.iter().max());
        let mut map = place.map_or_else(Vec::new, |(_, place)| self.spare.swap_remove(*place));
        if map.len() < floats {
            // The old memory is given back before the new is asked for.
            drop(std::mem::take(&mut map));
            map = vec![0.0; floats];
        }
        map
    }

    /// Gives a map back.
    pub(super) fn give(&mut self, map: Vec<f32>) {
        if !map.is_empty() {
            self.spare.push(map);
        }
    }

    /// Bytes that it keeps for the next run, without the threads' scratch.
    pub fn kept_bytes(&self) -> u64 {
        self.spare.iter().map(|map| 4 * map.len() as u64).sum()
    }

    /// Frees the maps that it keeps.
    pub fn clear(&mut self) {
        self.spare.clear();
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("kept_bytes", &self.kept_bytes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_the_smallest_that_fits_or_replaces_the_largest() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        let mut workspace = Workspace::new(Arc::new(pool));
        for floats in [30, 10, 20] {
            workspace.give(vec![0.0; floats]);
        }
        workspace.give(Vec::new());
        let lengths = |workspace: &Workspace| -> Vec<usize> {
            workspace.spare.iter().map(Vec::len).collect()
        };
        assert_eq!(workspace.take(15).len(), 20);
        assert_eq!(lengths(&workspace), [30, 10]);
        assert_eq!(workspace.take(31).len(), 31);
        assert_eq!((lengths(&workspace), workspace.kept_bytes()), (vec![10], 40));
        workspace.clear();
        assert_eq!(workspace.kept_bytes(), 0);
    }
}
