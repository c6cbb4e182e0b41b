//! A worker's leases, unacknowledged reports and free slots.
//!
//! This crate does no I/O and reads no clock. A ledger outlives connections. It tells the worker's
//! loop what to do and what to send; the simulated worker of `impasto-sim` uses it too, so both
//! follow the same protocol.

use std::collections::BTreeMap;

use impasto_types::{LeaseId, LeaseOutcome};

/// What to do about a granted lease.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Begin,
    /// The lease is known already: there is nothing to do.
    Known,
    /// The lease is returned at once: there is a report to send.
    GiveBack,
}

/// The state of one worker process.
#[derive(Debug)]
pub struct Ledger {
    slots: u32,
    /// The most leases that a worker may hold or name at once.
    max_leases: usize,
    draining: bool,
    /// Attempts that have not ended.
    attempts: BTreeMap<LeaseId, Claim>,
    /// Leases that have ended, until the coordinator acknowledges.
    reports: BTreeMap<LeaseId, Report>,
}

/// Whether an attempt's outcome still matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Held,
    /// The lease belongs to another worker, or was returned; the attempt has been told to stop.
    Dropped,
}

#[derive(Debug)]
struct Report {
    outcome: LeaseOutcome,
    /// The heartbeats since it was sent on this connection.
    beats: u32,
}

impl Ledger {
    /// A ledger of a worker with `slots` slots. Leases beyond `max_leases` are returned at once.
    pub fn new(slots: u32, max_leases: usize) -> Self {
        let (attempts, reports) = (BTreeMap::new(), BTreeMap::new());
        Self { slots, max_leases, draining: false, attempts, reports }
    }

    /// The leases to name when connecting: those that run and those with reports.
    pub fn held(&self) -> Vec<LeaseId> {
        self.running().chain(self.reports.keys().copied()).collect()
    }

    /// The running leases whose outcome matters.
    pub fn running(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.attempts.iter().filter(|(_, claim)| **claim == Claim::Held).map(|(lease, _)| *lease)
    }

    /// How many more leases can begin now. An attempt occupies its slot until it has ended, even if
    /// the lease belongs to another worker by then.
    pub fn free_slots(&self) -> u32 {
        if self.draining { 0 } else { self.slots.saturating_sub(self.attempts.len() as u32) }
    }

    /// The coordinator grants a lease. If it crossed one of our messages, no slot may be free: it
    /// begins anyway and waits for its slot.
    pub fn grant(&mut self, lease: LeaseId) -> Answer {
        if self.attempts.contains_key(&lease) || self.reports.contains_key(&lease) {
            return Answer::Known;
        }
        if self.draining || self.attempts.len() + self.reports.len() >= self.max_leases {
            self.report(lease, LeaseOutcome::Returned { checkpoint: None });
            return Answer::GiveBack;
        }
        self.attempts.insert(lease, Claim::Held);
        Answer::Begin
    }

    /// An attempt has ended. Returns whether there is a report to send.
    pub fn ended(&mut self, lease: LeaseId, outcome: LeaseOutcome) -> bool {
        let owed = self.attempts.remove(&lease) == Some(Claim::Held);
        if owed {
            self.report(lease, outcome);
        }
        owed
    }

    /// The lease is no longer this worker's: its report and outcome are dropped.
    pub fn stale(&mut self, lease: LeaseId) {
        self.reports.remove(&lease);
        if let Some(claim) = self.attempts.get_mut(&lease) {
            *claim = Claim::Dropped;
        }
    }

    /// The coordinator has acknowledged a report.
    pub fn acknowledged(&mut self, lease: LeaseId) {
        self.reports.remove(&lease);
    }

    /// Takes no new leases from now on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Drains, and returns every running lease to the coordinator at once. The result lists them:
    /// there is a report to send for each.
    pub fn give_all_back(&mut self) -> Vec<LeaseId> {
        self.drain();
        let running: Vec<_> = self.running().collect();
        for lease in &running {
            self.attempts.insert(*lease, Claim::Dropped);
            self.report(*lease, LeaseOutcome::Returned { checkpoint: None });
        }
        running
    }

    /// Whether the worker is draining, and has no attempt and no report left.
    pub fn is_done(&self) -> bool {
        self.draining && self.attempts.is_empty() && self.reports.is_empty()
    }

    /// The outcome to report for a lease.
    pub fn outcome(&self, lease: LeaseId) -> Option<&LeaseOutcome> {
        self.reports.get(&lease).map(|report| &report.outcome)
    }

    /// All unacknowledged reports, which are sent again on a new connection.
    pub fn all_reports(&mut self) -> Vec<LeaseId> {
        self.reports.values_mut().for_each(|report| report.beats = 0);
        self.reports.keys().copied().collect()
    }

    /// Called at each heartbeat. Returns the reports to send again: those not acknowledged within a
    /// whole interval.
    pub fn overdue_reports(&mut self) -> Vec<LeaseId> {
        self.reports.values_mut().for_each(|report| report.beats += 1);
        self.reports
            .iter()
            .filter(|(_, report)| report.beats > 1)
            .map(|(lease, _)| *lease)
            .collect()
    }

    fn report(&mut self, lease: LeaseId, outcome: LeaseOutcome) {
        self.reports.insert(lease, Report { outcome, beats: 0 });
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Attempt, Epoch, FailureKind, JobId, TaskIndex};
    use proptest::prelude::*;

    use super::*;

    fn lease(task: u32) -> LeaseId {
        LeaseId { job: JobId(1), task: TaskIndex(task), attempt: Attempt(1), epoch: Epoch(1) }
    }

    const RETURNED: LeaseOutcome = LeaseOutcome::Returned { checkpoint: None };

    fn failed() -> LeaseOutcome {
        LeaseOutcome::Failed { kind: FailureKind::Input, message: "no".to_owned() }
    }

    #[test]
    fn a_report_is_kept_until_it_is_acknowledged() {
        let mut ledger = Ledger::new(1, 100);
        assert_eq!(ledger.grant(lease(0)), Answer::Begin);
        assert_eq!((ledger.free_slots(), ledger.held()), (0, vec![lease(0)]));
        assert!(ledger.ended(lease(0), failed()));
        assert_eq!(
            (ledger.free_slots(), ledger.held()),
            (1, vec![lease(0)]),
            "the slot is free, the lease is held"
        );
        assert_eq!(ledger.overdue_reports(), [], "it may be on its way");
        assert_eq!(ledger.overdue_reports(), [lease(0)]);
        assert_eq!(ledger.all_reports(), [lease(0)], "a new connection");
        assert_eq!(ledger.overdue_reports(), []);
        assert_eq!(ledger.grant(lease(0)), Answer::Known);
        ledger.acknowledged(lease(0));
        assert_eq!(ledger.held(), []);
    }

    #[test]
    fn a_stale_lease_occupies_its_slot_until_it_has_stopped() {
        let mut ledger = Ledger::new(1, 100);
        ledger.grant(lease(0));
        ledger.stale(lease(0));
        assert_eq!((ledger.free_slots(), ledger.held()), (0, vec![]));
        assert!(!ledger.ended(lease(0), failed()), "a stale lease needs no report");
        assert_eq!(ledger.free_slots(), 1);
    }

    #[test]
    fn a_stale_report_is_forgotten() {
        let mut ledger = Ledger::new(1, 100);
        ledger.grant(lease(0));
        ledger.ended(lease(0), failed());
        ledger.stale(lease(0));
        assert_eq!(ledger.held(), []);
    }

    #[test]
    fn a_draining_worker_finishes_and_takes_no_more() {
        let mut ledger = Ledger::new(2, 100);
        ledger.grant(lease(0));
        ledger.drain();
        assert_eq!(ledger.free_slots(), 0);
        assert_eq!(ledger.grant(lease(1)), Answer::GiveBack);
        assert_eq!(ledger.outcome(lease(1)), Some(&RETURNED));
        ledger.acknowledged(lease(1));
        ledger.ended(lease(0), failed());
        assert!(!ledger.is_done(), "a report is unacknowledged");
        ledger.acknowledged(lease(0));
        assert!(ledger.is_done());
    }

    #[test]
    fn returned_leases_are_reported_at_once_and_later_outcomes_ignored() {
        let mut ledger = Ledger::new(2, 100);
        ledger.grant(lease(0));
        ledger.grant(lease(1));
        ledger.ended(lease(0), failed());
        assert_eq!(ledger.give_all_back(), [lease(1)]);
        assert_eq!(ledger.outcome(lease(0)), Some(&failed()), "an earlier outcome is kept");
        assert!(!ledger.ended(lease(1), failed()));
        assert_eq!(ledger.outcome(lease(1)), Some(&RETURNED));
    }

    #[test]
    fn no_more_leases_are_taken_than_can_be_named() {
        let mut ledger = Ledger::new(8, 2);
        ledger.grant(lease(0));
        ledger.grant(lease(1));
        ledger.ended(lease(0), failed());
        assert_eq!(
            ledger.grant(lease(2)),
            Answer::GiveBack,
            "the other has an unacknowledged report"
        );
    }

    #[derive(Debug, Clone)]
    enum Event {
        Grant(u32),
        Ended(u32),
        Stale(u32),
        Acknowledged(u32),
        GiveAllBack,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (0..6_u32).prop_map(Event::Grant),
            4 => (0..6_u32).prop_map(Event::Ended),
            1 => (0..6_u32).prop_map(Event::Stale),
            3 => (0..6_u32).prop_map(Event::Acknowledged),
            1 => Just(Event::GiveAllBack),
        ]
    }

    proptest! {
        #[test]
        fn random_events_keep_the_invariants(events in prop::collection::vec(event(), 0..60)) {
            let mut ledger = Ledger::new(3, 100);
            for event in events {
                match event {
                    Event::Grant(task) => {
                        let draining = ledger.draining;
                        let answer = ledger.grant(lease(task));
                        prop_assert!(answer != Answer::Begin || !draining);
                    }
                    Event::Ended(task) => {
                        if ledger.ended(lease(task), failed()) {
                            prop_assert_eq!(ledger.outcome(lease(task)), Some(&failed()));
                        }
                        prop_assert!(!ledger.attempts.contains_key(&lease(task)));
                    }
                    Event::Stale(task) => {
                        ledger.stale(lease(task));
                        prop_assert!(!ledger.held().contains(&lease(task)));
                    }
                    Event::Acknowledged(task) => ledger.acknowledged(lease(task)),
                    Event::GiveAllBack => {
                        ledger.give_all_back();
                        prop_assert_eq!(ledger.running().count(), 0);
                    }
                }
                let held = ledger.held();
                let mut distinct = held.clone();
                distinct.sort();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), held.len(),
                    "no lease both runs and is reported");
                prop_assert!(ledger.free_slots() <= 3);
            }
        }
    }
}
