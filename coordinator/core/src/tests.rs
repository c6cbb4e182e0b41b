//! The core in virtual time. Each test runs a short scenario on a small farm. The farm checks the
//! invariants after every input, and at its end that a replay of the facts reaches the same state.

mod attempts;
mod connections;
mod dependents;
mod explaining;
mod farm;
mod forgetting;
mod lost;
mod machines;
mod plain;
mod random;
mod requests;
mod scheduling;
mod stored;
mod unread;
