//! A store without facts: enough for a coordinator that lives as long as one build, since the facts
//! are never loaded.

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;

use super::{Store, StoreError, Stored};

/// Keeps only the epoch, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    epoch: u64,
}

impl Store for MemoryStore {
    fn next_epoch(&mut self) -> Result<Epoch, StoreError> {
        Ok(Epoch(self.epoch + 1))
    }

    fn lead(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.epoch = epoch.0;
        Ok(())
    }

    fn load(&mut self, _: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, _: &[Fact]) -> Result<(), StoreError> {
        Ok(())
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn renew(&mut self, _: Epoch, _: &Snapshot) -> Result<(), StoreError> {
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
