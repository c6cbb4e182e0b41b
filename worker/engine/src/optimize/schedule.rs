//! The scales of a run, and how much of their work is done.

use impasto_types::Scale;

/// Where a run stands among its scales. A step's work is the pixels of its canvas.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Coarsest first, at least one; each with its canvas's pixels.
    scales: Vec<(Scale, u64)>,
    /// Index of the present scale; that of the last one when done.
    at: usize,
    /// Steps times canvas pixels of the scales that have ended.
    ended_work: u64,
}

impl Schedule {
    /// At the first of some scales.
    pub(crate) fn new(scales: Vec<Scale>, pixels: impl Fn(Scale) -> u64) -> Self {
        let scales = scales.into_iter().map(|scale| (scale, pixels(scale))).collect();
        Self { scales, at: 0, ended_work: 0 }
    }

    /// At the scale with this index, if there is one.
    pub(crate) fn set_at(&mut self, at: usize) -> bool {
        let exists = at < self.scales.len();
        if exists {
            self.at = at;
            self.ended_work = work(&self.scales[..at]);
        }
        exists
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The scale that is painted, or was painted last.
    pub(crate) fn present(&self) -> Scale {
        self.scales[self.at].0
    }

    /// Whether that is of the coarsest size.
    pub(crate) fn is_first_size(&self) -> bool {
        self.has_first_size(self.at)
    }

    /// Whether the scale with this index has the coarsest size.
    pub(crate) fn has_first_size(&self, at: usize) -> bool {
        let size = |at: usize| (self.scales[at].0.width, self.scales[at].0.height);
        size(at) == size(0)
    }

    /// The one before it.
    pub(crate) fn coarser(&self) -> Option<Scale> {
        self.at.checked_sub(1).map(|at| self.scales[at].0)
    }

    pub(crate) fn last(&self) -> Scale {
        self.scales[self.scales.len() - 1].0
    }

    pub(crate) fn is_last(&self) -> bool {
        self.at + 1 == self.scales.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Scale> {
        self.scales.iter().map(|(scale, _)| *scale)
    }

    /// Goes on to the next scale.
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Steps of all scales.
    pub(crate) fn steps(&self) -> u32 {
        self.all().map(|scale| scale.iterations).sum()
    }

    /// Steps of the scales before the present one.
    pub(crate) fn steps_before(&self) -> u32 {
        self.all().take(self.at).map(|scale| scale.iterations).sum()
    }

    /// The share of the work that is done after `steps` of the present scale. Where that is over,
    /// its other steps are left out of the work.
    pub(crate) fn done(&mut self, steps: u32, over: bool) -> f64 {
        let (scale, pixels) = self.scales[self.at];
        let here = pixels * u64::from(steps);
        let done = self.ended_work + here;
        let mut left = work(&self.scales[self.at + 1..]);
        if over {
            self.ended_work = done;
        } else {
            left += pixels * u64::from(scale.iterations) - here;
        }
        done as f64 / (done + left) as f64
    }
}

/// Steps times canvas pixels.
fn work(scales: &[(Scale, u64)]) -> u64 {
    scales.iter().map(|(scale, pixels)| pixels * u64::from(scale.iterations)).sum()
}
