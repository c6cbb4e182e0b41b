//! The core in virtual time. Each test is a short story on a small farm; the farm checks the
//! invariants after every input, and at its end that a replay of the facts tells the same story.

mod attempts;
mod connections;
mod dependents;
mod farm;
mod forgetting;
mod random;
mod requests;
mod scheduling;
mod stored;
