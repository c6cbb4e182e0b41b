//! Facts that end with the process: enough where the coordinator lives as long as one build, and
//! for tests.

use impasto_core::Fact;
use impasto_types::Epoch;

use super::{Store, StoreError};

#[derive(Debug, Default)]
pub struct MemoryStore {
    epoch: u64,
    facts: Vec<Fact>,
}

impl Store for MemoryStore {
    fn begin_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.epoch += 1;
        Ok(Epoch(self.epoch))
    }

    fn load(&mut self) -> Result<Vec<Fact>, StoreError> {
        Ok(self.facts.clone())
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        self.facts.extend_from_slice(facts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;

    #[test]
    fn facts_come_back_in_order() {
        suite::facts_come_back_in_order(MemoryStore::default());
    }

    #[test]
    fn epochs_rise() {
        suite::epochs_rise(MemoryStore::default());
    }
}
