//! Writing many files at once.
//!
//! A sync waits for the disk, not for a CPU, and file systems commit the syncs that wait at the
//! same time together. So several threads write small files ten times faster than one does, and
//! every file is as durable as if it had been written alone.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads write at once. More than 16 gain little on solid-state disks, and nothing on
/// others.
pub const WRITERS: usize = 16;

/// Calls `write` with every item, on up to [`WRITERS`] threads, and returns what it returned in the
/// order of the items. Blocks.
pub fn write_together<T: Sync, R: Send>(items: &[T], write: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let (index, Some(item)) = take(&next, items) {
            done.push((index, write(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // This thread writes too. Threads that the system refuses are not needed.
        let others: Vec<_> = (1..items.len().min(WRITERS))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, returned)| returned).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> (usize, Option<&'a T>) {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index, items.get(index))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_is_returned_has_the_order_of_the_items() {
        for count in [0, 1, 2, WRITERS, 10 * WRITERS + 1] {
            let items: Vec<usize> = (0..count).collect();
            let squares: Vec<usize> = items.iter().map(|item| item * item).collect();
            assert_eq!(write_together(&items, |item| item * item), squares);
        }
    }

    #[test]
    fn items_are_written_at_the_same_time() {
        // Were there fewer threads, this would wait for ever.
        let all = Barrier::new(WRITERS);
        write_together(&[(); 3 * WRITERS], |()| {
            all.wait();
        });
    }

    #[test]
    #[should_panic(expected = "a bad item")]
    fn a_panic_continues_in_the_caller() {
        write_together(&[1, 2, 3], |item| assert!(*item != 2, "a bad item"));
    }
}
