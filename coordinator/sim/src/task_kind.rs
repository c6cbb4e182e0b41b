//! What a simulated task does to its worker. It follows from the action's digest, so every attempt meets the same.

use impasto_types::Digest;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskKind {
    /// Ends within seconds.
    Quick,
    /// Takes many times as long as a lease lives without a word.
    Slow,
    /// Its input is at fault.
    Bad,
    /// Brings its worker down.
    Poison,
}

impl TaskKind {
    pub(crate) fn of(action: &Digest) -> Self {
        match action.as_bytes()[0] {
            0..8 => Self::Poison,
            8..16 => Self::Bad,
            16..40 => Self::Slow,
            40.. => Self::Quick,
        }
    }
}
