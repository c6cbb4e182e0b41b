//! Threads that take fixed chunks of work, each with its own scratch memory.
//!
//! What a chunk computes never depends on which thread takes it, so neither does the result.

use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rayon::ThreadPool;

use crate::vgg::NAMES;

pub(crate) struct Threads {
    pool: Arc<ThreadPool>,
    scratch: Vec<Scratch>,
    watch: Option<Watch>,
}

/// Which way a pass goes through a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// Told whenever a pass has been through a convolution, and through the pooling and the seeds at
/// it: by the convolution's name, such as `conv3_1`.
pub type Watch = Box<dyn FnMut(&'static str, Direction) + Send + Sync>;

impl Threads {
    pub(crate) fn new(pool: Arc<ThreadPool>, scratch_floats: usize) -> Self {
        let scratch =
            (0..pool.current_num_threads()).map(|_| Scratch::new(scratch_floats)).collect();
        Self { pool, scratch, watch: None }
    }

    /// Makes room for more scratch memory, where there is less than this.
    pub(crate) fn reserve(&mut self, scratch_floats: usize) {
        for scratch in &mut self.scratch {
            let lines = scratch_floats.div_ceil(16);
            if scratch.lines.len() < lines {
                // The old memory is given back before the new is asked for.
                scratch.lines = Vec::new();
                scratch.lines = vec![Line([0.0; 16]); lines];
            }
        }
    }

    pub(crate) fn watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// A pass has been through a convolution.
    pub(crate) fn passed(&mut self, convolution: usize, direction: Direction) {
        if let Some(watch) = &mut self.watch {
            watch(NAMES[convolution], direction);
        }
    }

    pub(crate) fn pool(&self) -> &ThreadPool {
        &self.pool
    }

    /// Runs `work(chunk, scratch)` for every chunk; threads take the next chunk as they become
    /// free.
    pub(crate) fn each(&mut self, chunks: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
        let (next, work) = (&AtomicUsize::new(0), &work);
        let scratch = &mut self.scratch;
        self.pool.scope(|scope| {
            for scratch in scratch.iter_mut().take(chunks) {
                scope.spawn(move |_| {
                    loop {
                        let chunk = next.fetch_add(1, Ordering::Relaxed);
                        if chunk >= chunks {
                            break;
                        }
                        work(chunk, scratch.floats());
                    }
                });
            }
        });
    }

    /// Cuts `data` into pieces of `len` (the last may be shorter) and runs `work(index, piece,
    /// scratch)` for each.
    pub(crate) fn each_piece<T: Send>(
        &mut self,
        data: &mut [T],
        len: usize,
        work: impl Fn(usize, &mut [T], &mut [f32]) + Sync,
    ) {
        let output = Output::new(data);
        let total = output.len();
        self.each(total.div_ceil(len), |index, scratch| {
            let start = index * len;
            // SAFETY: pieces of different indices do not overlap, and every index is taken once.
            let piece = unsafe { output.slice(start, len.min(total - start)) };
            work(index, piece, scratch);
        });
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("threads", &self.scratch.len()).finish_non_exhaustive()
    }
}

/// Scratch memory that starts at a cache line, so that a vector never straddles two.
struct Scratch {
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Scratch {
    fn new(floats: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); floats.div_ceil(16)] }
    }

    fn floats(&mut self) -> &mut [f32] {
        // SAFETY: a `Line` is 16 floats without padding, and the lines of a vector are contiguous.
        unsafe {
            std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * 16)
        }
    }
}

/// A slice that several threads write at places that do not overlap, as the output tiles of a
/// convolution do.
pub(crate) struct Output<'a, T = f32> {
    start: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a unique borrow of a slice; `slice` and `at` ask their caller for disjoint places.
unsafe impl<T: Send> Send for Output<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    pub(crate) fn new(data: &'a mut [T]) -> Self {
        Self { start: data.as_mut_ptr(), len: data.len(), life: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// No other thread uses any value of this range while the result lives.
    // That is the point of the type; the contract above makes it sound.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start, "a piece lies within its slice");
        std::slice::from_raw_parts_mut(self.start.add(start), len)
    }

    /// The address of a value, to be written by one thread only.
    pub(crate) fn at(&self, index: usize) -> *mut T {
        debug_assert!(index < self.len);
        self.start.wrapping_add(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_visited_once_by_any_number_of_threads() {
        for threads in 1..4 {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let mut threads = Threads::new(Arc::new(pool), 4);
            let mut data = vec![0.0; 103];
            threads.each_piece(&mut data, 10, |index, piece, _| {
                piece.iter_mut().for_each(|x| *x += 1.0 + index as f32)
            });
            let expected: Vec<f32> = (0..103).map(|i| (i / 10 + 1) as f32).collect();
            assert_eq!(data, expected);
        }
    }
}
