//! No facts at all: enough where the coordinator lives as long as one build, since nobody loads
//! them again.

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;

use super::{Store, StoreError, Stored};

/// Keeps nothing but the epoch, and that only as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    epoch: u64,
}

impl Store for MemoryStore {
    fn lead(&mut self) -> Result<Epoch, StoreError> {
        self.epoch += 1;
        Ok(Epoch(self.epoch))
    }

    fn load(&mut self, _: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, _: &[Fact]) -> Result<(), StoreError> {
        Ok(())
    }

    fn compact(&mut self, _: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;

    #[test]
    fn epochs_rise() {
        suite::epochs_rise(MemoryStore::default());
    }
}
