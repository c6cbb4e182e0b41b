//! Faults that real machines have, done to a farm of real processes: programs that are killed and
//! that hang, networks that break and swallow, disks that fill up and rot.
//!
//! A round builds two projects at once while faults happen, in an order that follows from a seed.
//! At its end every output has to have the bytes of a build without a farm, delivered once, and the
//! farm has to be as good as new. The times at which processes do things are the machine's, so a
//! seed repeats what is done, not everything that happens.

mod build;
mod disk;
mod farm;
mod fault;
mod link;
mod program;
mod rot;
mod round;
mod town;
mod verdict;

pub use fault::Kind;
pub use link::{Link, Way};
pub use round::{Broken, Options, Reference, Summary, run};
