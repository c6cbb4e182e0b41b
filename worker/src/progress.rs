//! How far an attempt has come.

/// The news of an attempt that heartbeats carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Progress {
    /// Optimiser steps done, over all scales, and in all.
    pub(crate) iteration: u32,
    pub(crate) iterations: u32,
    pub(crate) loss: f64,
    /// Milliseconds until the end, once that can be reckoned.
    pub(crate) left_ms: Option<u64>,
}
