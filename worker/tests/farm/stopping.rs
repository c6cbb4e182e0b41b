//! Leases that end before their tasks do: revoked, stale, returned.

use impasto_proto::v1::worker_message::Message;
use impasto_types::{BlobRef, Digest, LeaseOutcome};
use impasto_worker::Settings;

use crate::bench::{Bench, half_done, lease, output};
use crate::coordinator::soon;
use crate::painter::offer;

#[tokio::test]
async fn a_stale_lease_is_stopped_and_not_reported() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    drop(link);
    let mut link = bench.coordinator.accept().await;
    link.welcome(vec![lease(0)]).await;
    link.credits(1).await;
    assert_eq!(bench.drain(link).await, []);
}

#[tokio::test]
async fn a_revoked_lease_is_returned() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    link.revoke(lease(0)).await;
    assert_eq!(link.report().await, (lease(0), half_done()));
    link.acknowledge(lease(0)).await;
    bench.drain(link).await;
}

#[tokio::test]
async fn a_shutdown_returns_leases() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    bench.shutdown.cancel();
    link.until("draining", |message| matches!(message, Message::Draining(_)).then_some(())).await;
    assert_eq!(link.report().await, (lease(0), half_done()));
    let half = bench.coordinator.store.get(Digest::of(b"half of slow"));
    assert_eq!(half.as_deref(), Some(&b"half of slow"[..]));
    link.acknowledge(lease(0)).await;
    link.rest().await;
    bench.ends().await;
}

#[tokio::test]
async fn the_only_worker_saves_no_checkpoint() {
    let mut bench = Bench::start_with(vec![offer("fake", 8 << 30)], |settings| Settings {
        only: true,
        ..settings
    })
    .await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    link.revoke(lease(0)).await;
    let nothing = LeaseOutcome::Returned { checkpoint: None };
    assert_eq!(link.report().await, (lease(0), nothing));
    link.acknowledge(lease(0)).await;
    bench.drain(link).await;
}

#[tokio::test]
async fn an_attempt_resumes_from_a_checkpoint_if_it_can() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    let there = bench.coordinator.store.put(b"half of brick");
    let gone = BlobRef::of(b"nowhere");
    let huge = BlobRef { size_bytes: u64::MAX, ..there };
    for (index, checkpoint, expected) in [
        (0, there, &b"finished brick"[..]),
        (1, gone, b"painted brick"),
        (2, huge, b"painted brick"),
    ] {
        link.grant_from(lease(index), &bench.task(b"brick"), Some(checkpoint)).await;
        let outcome = link.outcome_of(lease(index)).await;
        assert_eq!(bench.coordinator.store.get(output(&outcome)).as_deref(), Some(expected));
        link.acknowledge(lease(index)).await;
    }
    bench.drain(link).await;
}

#[tokio::test]
async fn a_shutdown_needs_no_coordinator() {
    let mut bench = Bench::start().await;
    let link = bench.coordinator.accept().await;
    bench.shutdown.cancel();
    soon("the worker's end", &mut bench.worker).await.expect("no panic").expect("no error");
    drop(link);
}

#[tokio::test]
async fn a_drain_lets_leases_finish() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    link.drain().await;
    link.credits(0).await;
    link.grant(lease(1), &bench.task(b"late")).await;
    assert_eq!(link.report().await, (lease(1), LeaseOutcome::Returned { checkpoint: None }));
    link.acknowledge(lease(1)).await;
    bench.painter.open();
    output(&link.outcome_of(lease(0)).await);
    link.acknowledge(lease(0)).await;
    link.rest().await;
    bench.ends().await;
}
