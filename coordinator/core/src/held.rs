//! Jobs that are held back.

use crate::Millis;

/// A job that gets no leases until its list is tried again. Not durable: after a restart the list
/// is tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) since: Millis,
    pub(crate) until: Millis,
    /// How often it could not be read.
    pub(crate) tries: u32,
    pub(crate) message: String,
}
