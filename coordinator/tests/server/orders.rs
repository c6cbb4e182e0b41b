//! Workers with many slots that read slowly.

use std::collections::BTreeSet;

use impasto_proto::limits::{MAX_LEASES, TASKS_PER_MESSAGE};
use impasto_proto::v1::coordinator_message::Message as Order;
use impasto_proto::v1::submit_request::Part as SubmitPart;
use impasto_proto::v1::task_state::State;
use impasto_proto::v1::watch_response::News;
use impasto_proto::v1::worker_message::Message;
use impasto_proto::{client, to_proto, v1};
use impasto_types::{StyleRef, TaskSpec};
use tonic::Code;

use crate::support::{FakeWorker, Running, settings};

const SLOTS: u32 = MAX_LEASES as u32;

/// Submits as many tasks as a worker has slots at most.
async fn submit_all(running: &Running) -> u64 {
    let task = running.task("a.png", b"a").await;
    let style = task.action.styles[0].blob;
    let tasks: Vec<TaskSpec> = (0..SLOTS)
        .map(|nth| {
            let mut task = task.clone();
            task.action.styles = vec![StyleRef::whole(style, 1.0 + nth as f32)];
            task
        })
        .collect();
    let header = v1::SubmitHeader {
        key: "all".to_owned(),
        project: "village".to_owned(),
        priority: 0,
        task_count: SLOTS,
    };
    let tasks = tasks.chunks(TASKS_PER_MESSAGE).map(|tasks| {
        let tasks = tasks.iter().map(to_proto::task_spec).collect();
        SubmitPart::Tasks(v1::SubmitTasks { tasks })
    });
    let parts = std::iter::once(SubmitPart::Header(header)).chain(tasks).collect();
    running.submit_parts(parts).await.expect("it is taken in").job
}

/// Waits until all tasks of the job are leased.
async fn wait_for_leases(running: &Running, job: u64) {
    let (mut watcher, mut leased) = (running.watch(job).await, BTreeSet::new());
    while leased.len() < SLOTS as usize {
        if let Some(News::Task(task)) = watcher.next().await
            && let Some(State::Leased(_)) = task.state
        {
            leased.insert(task.task);
        }
    }
}

/// Reads grants, and returns their leases.
async fn read_grants(worker: &mut FakeWorker, count: usize) -> Vec<v1::Lease> {
    let mut leases = Vec::new();
    while leases.len() < count {
        match worker.next().await.expect("the connection is open") {
            Order::Grant(grant) => leases.push(grant.lease.expect("it has a lease")),
            other => panic!("a grant was due, not {other:?}"),
        }
    }
    leases
}

#[tokio::test]
async fn however_often_a_job_is_canceled_its_orders_wait_for_a_slow_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let job = submit_all(&running).await;
    let (mut worker, _) = FakeWorker::attach_with(&running, "many", (1, SLOTS), vec![]).await;
    worker.say(Message::Credits(v1::Credits { free_slots: SLOTS })).await;
    wait_for_leases(&running, job).await;
    for _ in 0..20 {
        let mut jobs = client::jobs(running.channel.clone());
        jobs.cancel(v1::CancelRequest { job }).await.expect("there is such a job");
    }
    // What was sent is returned when it is revoked; what was not is canceled without the worker.
    let mut begun = 0;
    let (summary, _) = {
        let mut ended = std::pin::pin!(running.watch_to_end(job));
        loop {
            let order = tokio::select! {
                ended = &mut ended => break ended,
                order = worker.next() => order.expect("the connection is open"),
            };
            match order {
                Order::Grant(_) => begun += 1,
                Order::Revoke(v1::Revoke { lease }) => {
                    let returned = v1::Returned { checkpoint: None };
                    let outcome = Some(v1::report::Outcome::Returned(returned));
                    worker.say(Message::Report(v1::Report { lease, outcome })).await;
                }
                Order::Acknowledge(_) => {}
                other => panic!("it was not due: {other:?}"),
            }
        }
    };
    assert_eq!((summary.state.as_str(), summary.canceled), ("canceled", SLOTS));
    assert!(begun < SLOTS, "some grants were taken back");
    running.stop().await;
}

#[tokio::test]
async fn grants_that_a_process_never_read_are_nobodys_attempts() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let job = submit_all(&running).await;
    let (mut worker, _) = FakeWorker::attach_with(&running, "many", (1, SLOTS), vec![]).await;
    worker.say(Message::Credits(v1::Credits { free_slots: SLOTS })).await;
    wait_for_leases(&running, job).await;
    let held = read_grants(&mut worker, 10).await;
    drop(worker);
    let (mut worker, welcome) =
        FakeWorker::attach_with(&running, "many", (1, SLOTS), held.clone()).await;
    assert_eq!(welcome.stale, vec![]);
    let others = SLOTS - held.len() as u32;
    worker.say(Message::Credits(v1::Credits { free_slots: others })).await;
    // All at once: if they had cost an attempt, each would have to run alone.
    let again = read_grants(&mut worker, others as usize).await;
    assert!(again.iter().all(|lease| lease.attempt == 2 && !held.contains(lease)));
    running.stop().await;
}

#[tokio::test]
async fn grants_that_a_stopping_coordinator_did_not_send_are_nobodys_attempts() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let job = submit_all(&running).await;
    let (worker, _) = FakeWorker::attach_with(&running, "many", (1, SLOTS), vec![]).await;
    worker.say(Message::Credits(v1::Credits { free_slots: SLOTS })).await;
    wait_for_leases(&running, job).await;
    drop(worker);
    running.stop().await;
    let running = Running::start(settings(folder.path())).await;
    let (mut worker, _) = FakeWorker::attach_with(&running, "many", (1, SLOTS), vec![]).await;
    worker.say(Message::Credits(v1::Credits { free_slots: SLOTS })).await;
    read_grants(&mut worker, SLOTS as usize).await;
    running.stop().await;
}

#[tokio::test]
async fn a_worker_with_more_slots_than_it_may_hold_leases_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let capabilities = v1::Capabilities { slots: u32::MAX, ..v1::Capabilities::default() };
    let hello = v1::Hello {
        name: "many".to_owned(),
        capabilities: Some(capabilities),
        ..v1::Hello::default()
    };
    let mut worker = FakeWorker::say_first(&running, Message::Hello(hello)).await;
    let refused = worker.next().await.expect_err("it is refused");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("4294967295"), "{refused}");
    running.stop().await;
}
