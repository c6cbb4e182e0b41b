//! The backoff of reconnecting.

use impasto_types::Backoff;

/// The delays before a worker tries an unreachable coordinator again.
pub(crate) const RECONNECT: Backoff = Backoff { first_ms: 200, longest_ms: 10_000 };
