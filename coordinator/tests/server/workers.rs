//! Messages of workers, including wrong ones.

use impasto_proto::v1::coordinator_message::Message as Order;
use impasto_proto::v1::report::Outcome;
use impasto_proto::v1::task_state::State;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::{client, to_proto, v1};
use tonic::Code;

use crate::support::{FakeWorker, Running, device, in_time, result_of, settings};

#[tokio::test]
async fn a_stale_report_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let mut watcher = running.watch(job).await;

    let (mut one, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (first, _) = one.take().await;
    // It reconnects without its lease: that attempt has ended, and the next one has another number.
    let (mut again, welcome) = FakeWorker::attach(&running, "one", vec![]).await;
    assert_eq!(welcome.stale, vec![]);
    assert_eq!(one.next().await.expect_err("its connection was replaced").code(), Code::Aborted);
    let why = watcher
        .until(|state| if let State::Ready(ready) = state { Some(ready.message) } else { None });
    assert_eq!(why.await, "");
    let (mut two, _) = FakeWorker::attach(&running, "two", vec![]).await;
    let (second, _) = two.take().await;
    assert_eq!((first.attempt, second.attempt), (1, 2));

    again.succeed(&first, b"too late").await;
    two.succeed(&second, b"in time").await;
    let done = watcher
        .until(|state| if let State::Succeeded(done) = state { Some(done) } else { None })
        .await;
    assert_eq!((done.worker.as_str(), done.attempts), ("two", 2));
    assert_eq!(done.result, Some(to_proto::task_result(&result_of(b"in time"))));
    running.stop().await;
}

#[tokio::test]
async fn a_success_without_its_output_is_a_failed_attempt() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let mut watcher = running.watch(job).await;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, _) = worker.take().await;
    worker
        .report(&lease, Outcome::Succeeded(to_proto::task_result(&result_of(b"not uploaded"))))
        .await;
    let again = |state| {
        if let State::Ready(v1::Ready { attempts: 1, message, .. }) = state {
            Some(message)
        } else {
            None
        }
    };
    let message = watcher.until(again).await;
    assert!(message.contains("is not in the store"), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn a_faulty_input_fails_only_its_task() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let tasks = [running.task("a.png", b"a").await, running.task("b.png", b"b").await];
    let job = running.submit("job", &tasks).await.expect("it is taken in").job;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    for _ in 0..2 {
        let (lease, task) = worker.take().await;
        if task.asset == "a.png" {
            let failure =
                v1::Failure { kind: "input".to_owned(), message: "a.png is cut short".to_owned() };
            worker.report(&lease, Outcome::Failed(failure)).await;
        } else {
            worker.succeed(&lease, b"painted").await;
        }
    }
    let (summary, states) = running.watch_to_end(job).await;
    assert_eq!((summary.state.as_str(), summary.failed, summary.succeeded), ("failed", 1, 1));
    let failed = states
        .iter()
        .find_map(|state| if let State::Failed(failed) = state { Some(failed) } else { None });
    assert_eq!(
        failed.map(|failed| (failed.message.as_str(), failed.attempts)),
        Some(("a.png is cut short", 1))
    );
    running.stop().await;
}

#[tokio::test]
async fn a_canceled_job_stops_its_leases() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, _) = worker.take().await;
    client::jobs(running.channel.clone())
        .cancel(v1::CancelRequest { job })
        .await
        .expect("it answers");
    assert!(matches!(worker.next().await,
            Ok(Order::Revoke(v1::Revoke { lease: Some(revoked) })) if revoked == lease));
    worker.report(&lease, Outcome::Returned(v1::Returned { checkpoint: None })).await;
    assert_eq!(running.watch_to_end(job).await.0.state, "canceled");
    running.stop().await;
}

#[tokio::test]
async fn workers_are_listed_and_drained() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let mut workers = client::workers(running.channel.clone());
    workers
        .drain(v1::DrainRequest { name: "one".to_owned(), now: false })
        .await
        .expect("it is connected");
    assert!(matches!(worker.next().await, Ok(Order::Drain(_))));
    let listed = workers
        .list_workers(v1::ListWorkersRequest {})
        .await
        .expect("it answers")
        .into_inner()
        .workers;
    assert_eq!(
        listed.iter().map(|w| (w.name.as_str(), w.state.as_str())).collect::<Vec<_>>(),
        [("one", "draining")]
    );
    for (name, code) in [("two", Code::NotFound), ("t/w/o", Code::InvalidArgument)] {
        let refused = workers
            .drain(v1::DrainRequest { name: name.to_owned(), now: false })
            .await
            .expect_err(name);
        assert_eq!(refused.code(), code);
    }
    running.stop().await;
}

#[tokio::test]
async fn devices_are_listed_with_their_health() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let (worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let hot = v1::DeviceHealth {
        temperature_c: Some(91),
        fault: "it fell off the bus".to_owned(),
        ..v1::DeviceHealth::default()
    };
    worker
        .say(Message::Heartbeat(v1::Heartbeat { leases: vec![], devices: vec![hot.clone()] }))
        .await;
    let mut workers = client::workers(running.channel.clone());
    // Messages of two connections may arrive in any order.
    let listed = in_time("the news", async {
        loop {
            let listed = workers
                .list_workers(v1::ListWorkersRequest {})
                .await
                .expect("it answers")
                .into_inner()
                .workers
                .remove(0);
            if !listed.health.is_empty() {
                break listed;
            }
        }
    })
    .await;
    let devices = listed.capabilities.expect("they are listed").devices;
    assert_eq!((devices, listed.health), (vec![device()], vec![hot]));

    let long = v1::DeviceHealth { fault: "x".repeat(129), ..v1::DeviceHealth::default() };
    for (devices, expected) in [
        (vec![long], "heartbeat.devices[0].fault"),
        (vec![v1::DeviceHealth::default(); 65], "heartbeat.devices is 65 entries long"),
    ] {
        let (mut worker, _) = FakeWorker::attach(&running, "two", vec![]).await;
        worker.say(Message::Heartbeat(v1::Heartbeat { leases: vec![], devices })).await;
        let refused = worker.next().await.expect_err(expected);
        assert!(refused.message().starts_with(expected), "{}", refused.message());
    }
    running.stop().await;
}

#[tokio::test]
async fn a_malformed_message_ends_the_connection_and_names_the_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    for (message, expected) in [
        (Message::Draining(v1::Draining {}), "hello is missing"),
        (
            Message::Hello(v1::Hello { name: "a b".to_owned(), ..v1::Hello::default() }),
            "hello.name is `a b`",
        ),
        (
            Message::Hello(v1::Hello { name: "one".to_owned(), ..v1::Hello::default() }),
            "hello.capabilities is missing",
        ),
    ] {
        let refused =
            FakeWorker::say_first(&running, message).await.next().await.expect_err(expected);
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(expected), "{}", refused.message());
    }
    for (report, expected) in
        [(v1::Report { lease: None, outcome: None }, "report.lease is missing")]
    {
        let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
        worker.say(Message::Report(report)).await;
        let refused = worker.next().await.expect_err(expected);
        assert!(refused.message().starts_with(expected), "{}", refused.message());
    }
    running.stop().await;
}

#[tokio::test]
async fn an_unreadable_report_is_acknowledged_and_counts_as_an_attempt() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let mut watcher = running.watch(job).await;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, _) = worker.take().await;
    let failure = v1::Failure { kind: "bad".to_owned(), message: String::new() };
    worker.report(&lease, Outcome::Failed(failure)).await;
    let message = watcher
        .until(|state| match state {
            State::Ready(v1::Ready { attempts: 1, message, .. }) => Some(message),
            _ => None,
        })
        .await;
    let expected = "the coordinator cannot read the worker's report: outcome.failed.kind is `bad`";
    assert!(message.starts_with(expected), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn two_workers_on_one_host_share_a_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let tasks = [running.task("a.png", b"a").await, running.task("b.png", b"b").await];
    let job = running.submit("job", &tasks).await.expect("it is taken in").job;
    let (mut one, first) = FakeWorker::attach_as(&running, "host", 1, vec![]).await;
    let (mut two, second) = FakeWorker::attach_as(&running, "host", 2, vec![]).await;
    assert_eq!((first.name.as_str(), second.name.as_str()), ("host", "host-2"));
    let ((one_lease, _), (two_lease, _)) = (one.take().await, two.take().await);
    one.succeed(&one_lease, b"painted a").await;
    two.succeed(&two_lease, b"painted b").await;
    let (summary, states) = running.watch_to_end(job).await;
    assert_eq!((summary.state.as_str(), summary.succeeded), ("succeeded", 2));
    let mut painters: Vec<&str> = states
        .iter()
        .filter_map(|state| match state {
            State::Succeeded(done) if done.attempts == 1 => Some(done.worker.as_str()),
            _ => None,
        })
        .collect();
    painters.sort_unstable();
    assert_eq!(painters, ["host", "host-2"]);
    running.stop().await;
}
