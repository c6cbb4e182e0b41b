//! The whole worker, with a coordinator that tests control and a quick painter.

mod bench;
mod coordinator;
mod older;
mod painter;
mod stopping;

use std::sync::atomic::Ordering;

use bench::{Bench, failure, lease, output};
use coordinator::soon;
use impasto_painter::{Offer, Sharing};
use impasto_proto::v1;
use impasto_proto::v1::worker_message::Message;
use impasto_types::{
    BlobRef, FailureKind, Grant, LeaseOutcome, Method, ModelName, ModelRef, Order, TaskSpec,
};
use impasto_worker::Settings;
use painter::{BROKEN, LARGE_BYTES, LEFT_BYTES, offer};

#[tokio::test]
async fn a_result_is_uploaded_and_reported_until_it_is_acknowledged() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    assert_eq!((link.hello.name.as_str(), link.held()), ("bench", vec![]));
    link.credits(1).await;
    link.grant(lease(0), &bench.task(b"slow brick")).await;
    let progress = link.progress().await;
    assert!(progress.iteration > 0 && progress.iterations == 1000);
    bench.painter.open();
    let (first, outcome) = link.report().await;
    assert_eq!(first, lease(0));
    assert_eq!(
        bench.coordinator.store.get(output(&outcome)).expect("it is uploaded"),
        b"painted slow brick"
    );
    assert_eq!(link.report().await, (first, outcome), "it is unacknowledged");
    link.acknowledge(first).await;
    let rest = bench.drain(link).await;
    assert!(rest.iter().all(|outcome| matches!(outcome, LeaseOutcome::Succeeded(_))));
}

#[tokio::test]
async fn attempts_outlive_the_connection() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;
    link.grant(lease(0), &bench.task(b"slow")).await;
    link.progress().await;
    drop(link);
    let link = bench.coordinator.accept().await;
    assert_eq!(link.held(), [lease(0)], "it runs");
    // While this connection waits for its welcome, the attempt ends.
    bench.painter.open();
    drop(link);
    let mut link = bench.coordinator.welcome().await;
    assert_eq!(link.held(), [lease(0)], "it runs, or its report is unacknowledged");
    let (reported, outcome) = link.report().await;
    assert_eq!(reported, lease(0));
    output(&outcome);
    // The acknowledgement is lost with the connection.
    drop(link);
    let mut link = bench.coordinator.welcome().await;
    assert_eq!((link.held(), link.report().await), (vec![lease(0)], (lease(0), outcome)));
    link.acknowledge(lease(0)).await;
    bench.drain(link).await;
}

#[tokio::test]
async fn a_worker_reconnects_under_the_name_that_it_was_given() {
    let mut bench = Bench::start().await;
    let link = bench.coordinator.accept().await;
    let instance = link.hello.instance;
    link.welcome_as("bench-2", vec![]).await;
    drop(link);
    let link = bench.coordinator.welcome().await;
    assert_eq!((link.hello.name.as_str(), link.hello.instance), ("bench-2", instance));
    bench.drain(link).await;
}

#[tokio::test]
async fn a_refused_worker_ends_with_the_reason() {
    let mut bench = Bench::start().await;
    let link = bench.coordinator.accept().await;
    link.refuse("hello.name is taken").await;
    let refused =
        soon("the worker's end", bench.worker).await.expect("no panic").expect_err("it is refused");
    let message = impasto_types::error_text(&refused);
    assert!(message.contains("`bench`") && message.contains("hello.name is taken"), "{message}");
}

#[tokio::test]
async fn errors_fail_the_task_and_name_the_cause() {
    let mut bench = Bench::start().await;
    let mut link = bench.coordinator.welcome().await;

    let damaged = bench.task(b"as it should be");
    let blob = damaged.action.blobs().next().expect("there is one");
    bench.coordinator.store.put_as(blob, b"as it shouldn't");
    let other_version = {
        let mut task = bench.task(b"x");
        task.action.method_version += 1;
        task
    };
    for (index, (task, expected_kind, expected)) in [
        (
            damaged,
            // The coordinator checks what it sends, so the bytes changed on the way, or here.
            FailureKind::Machine,
            vec!["part color of `walls/brick.png`".to_owned(), blob.digest.short()],
        ),
        (
            bench.task(b"panic"),
            FailureKind::Transient,
            vec!["painting `walls/brick.png` panicked: the brush broke".to_owned()],
        ),
        (
            other_version,
            FailureKind::Transient,
            vec![format!("version {} of method optimize", Method::Optimize.version() + 1)],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let lease = lease(index as u32);
        link.grant(lease, &task).await;
        let (kind, message) = failure(link.outcome_of(lease).await);
        link.acknowledge(lease).await;
        assert_eq!(kind, expected_kind, "{message}");
        for part in expected {
            assert!(message.contains(&part), "{message}");
        }
    }

    // What the coordinator lacks is asked of whoever submitted the job.
    let nowhere = BlobRef::of(b"nowhere");
    let mut absent = bench.task(b"x");
    absent.action.styles[0].blob = nowhere;
    link.grant(lease(8), &absent).await;
    let starved = link.outcome_of(lease(8)).await;
    assert_eq!(starved, LeaseOutcome::Starved { missing: vec![nowhere] });
    link.acknowledge(lease(8)).await;

    let unreadable = v1::TaskSpec::default();
    link.order(Order::Grant(Grant {
        lease: lease(9),
        task: unreadable,
        resolved: vec![],
        checkpoint: None,
    }))
    .await;
    assert!(failure(link.outcome_of(lease(9)).await).1.contains("asset"));
    link.acknowledge(lease(9)).await;
    bench.drain(link).await;
}

#[tokio::test]
async fn a_large_task_takes_several_slots() {
    let mut bench = Bench::start_with(vec![offer("fake", 4 << 30)], |settings| Settings {
        slots: Some(4),
        ..settings
    })
    .await;
    let mut link = bench.coordinator.welcome().await;
    link.credits(4).await;
    link.grant(lease(0), &TaskSpec { least_memory_bytes: 5 << 29, ..bench.task(b"slow") }).await;
    link.credits(1).await;
    bench.painter.open();
    output(&link.outcome_of(lease(0)).await);
    link.credits(4).await;
    link.acknowledge(lease(0)).await;
    bench.drain(link).await;
}

#[tokio::test]
async fn small_pictures_share_a_cpu_and_a_large_one_has_all_of_it() {
    let sharing = Sharing::OneOrAll { small_bytes: 1 << 30 };
    let offer = Offer { lanes: 4, sharing, ..offer("cpu", 8 << 30) };
    let mut bench = Bench::start_with(vec![offer], |settings| settings).await;
    let mut link = bench.coordinator.welcome().await;
    // It asks for one task at a time: the next may need all lanes.
    for index in 0..2 {
        link.credits(1).await;
        link.grant(lease(index), &bench.task(b"slow")).await;
    }
    link.credits(1).await;
    let large = TaskSpec { least_memory_bytes: (1 << 30) + 1, ..bench.task(b"brick") };
    link.grant(lease(2), &large).await;
    link.credits(0).await;
    link.working(2).await;
    bench.painter.open();
    for index in 0..3 {
        output(&link.outcome_of(lease(index)).await);
        link.acknowledge(lease(index)).await;
    }
    link.credits(1).await;
    let lanes = bench.painter.lanes();
    let mut lanes: Vec<_> =
        lanes.iter().map(|lane| (lane.lane, lane.memory_bytes >> 30, lane.refuses_cuts)).collect();
    assert_eq!(lanes.pop(), Some((0, 8, false)), "after the others");
    lanes.sort_unstable();
    assert_eq!(lanes, [(0, 2, true), (1, 2, true)]);
    bench.drain(link).await;
}

#[tokio::test]
async fn a_task_larger_than_estimated_is_tried_with_all_the_memory_before_it_fails() {
    for (slots, memory_bytes, only, expected) in [
        (2, LARGE_BYTES, false, None),
        (2, LARGE_BYTES - 2, false, Some(FailureKind::Shortage)),
        (1, LARGE_BYTES - 2, true, Some(FailureKind::Input)),
    ] {
        let mut bench = Bench::start_with(vec![offer("fake", memory_bytes)], |settings| Settings {
            slots: Some(slots),
            only,
            ..settings
        })
        .await;
        let mut link = bench.coordinator.welcome().await;
        link.grant(lease(0), &bench.task(b"large")).await;
        let outcome = link.outcome_of(lease(0)).await;
        match expected {
            None => drop(output(&outcome)),
            Some(expected) => {
                let (kind, message) = failure(outcome);
                assert_eq!(kind, expected, "{message}");
                assert!(
                    message.contains("8192 x 8192") && message.contains("3.00 GiB"),
                    "{message}"
                );
            }
        }
        link.acknowledge(lease(0)).await;
        bench.drain(link).await;
    }
}

#[tokio::test]
async fn pictures_are_painted_on_all_devices_at_once() {
    let offers = vec![
        Offer { lanes: 2, ..offer("one", 4 << 30) },
        Offer { lanes: 2, ..offer("two", 4 << 30) },
    ];
    let mut bench = Bench::start_with(offers, |settings| settings).await;
    let mut link = bench.coordinator.welcome().await;
    link.credits(4).await;
    for index in 0..4 {
        link.grant(lease(index), &bench.task(b"slow")).await;
    }
    link.working(4).await;
    let mut lanes: Vec<_> = bench
        .painter
        .lanes()
        .iter()
        .map(|lane| (lane.device, lane.lane, lane.memory_bytes >> 30))
        .collect();
    lanes.sort_unstable();
    assert_eq!(lanes, [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2)]);
    bench.painter.open();
    for index in 0..4 {
        output(&link.outcome_of(lease(index)).await);
        link.acknowledge(lease(index)).await;
    }
    bench.drain(link).await;
}

#[tokio::test]
async fn a_device_with_a_fault_takes_no_tasks_and_is_reported() {
    let offers = vec![offer(BROKEN, 8 << 30), offer("fine", 4 << 30)];
    let mut bench = Bench::start_with(offers, |settings| settings).await;
    let mut link = bench.coordinator.welcome().await;
    let capabilities = link.hello.capabilities.clone().expect("capabilities");
    let devices: Vec<_> = capabilities
        .devices
        .iter()
        .map(|device| (device.name.as_str(), device.memory_bytes >> 30))
        .collect();
    assert_eq!(
        (capabilities.slots, capabilities.memory_bytes >> 30, devices),
        (2, 12, vec![(BROKEN, 8), ("fine", 4)])
    );
    let faults = link
        .until("news of a fault", |message| match message {
            Message::Heartbeat(beat) if !beat.devices.is_empty() => {
                Some(beat.devices.into_iter().map(|device| device.fault).collect::<Vec<_>>())
            }
            _ => None,
        })
        .await;
    assert_eq!(faults, ["it is torn", ""]);
    for index in 0..2 {
        link.grant(lease(index), &bench.task(b"brick")).await;
        output(&link.outcome_of(lease(index)).await);
        link.acknowledge(lease(index)).await;
    }
    assert_eq!(bench.painter.lanes().iter().map(|lane| lane.device).collect::<Vec<_>>(), [1, 1]);
    bench.drain(link).await;
}

#[tokio::test]
async fn the_only_worker_ends_when_its_last_device_fails() {
    let mut bench = Bench::start_with(vec![offer(BROKEN, 8 << 30)], |settings| Settings {
        only: true,
        ..settings
    })
    .await;
    let link = bench.coordinator.welcome().await;
    let ended = soon("the worker's end", bench.worker)
        .await
        .expect("no panic")
        .expect_err("it cannot go on");
    let message = impasto_types::error_text(&ended);
    assert!(message.contains("it is torn") && message.contains("--device cpu"), "{message}");
    drop(link);
}

#[tokio::test]
async fn after_a_full_gpu_a_task_is_retried_alone_with_smaller_tiles() {
    for (memory_bytes, only, expected) in [
        (2 * LEFT_BYTES, false, None),
        (2 * LEFT_BYTES + 4, false, Some(FailureKind::Shortage)),
        (2 * LEFT_BYTES + 4, true, Some(FailureKind::Transient)),
    ] {
        let mut bench = Bench::start_with(vec![offer("card", memory_bytes)], |settings| Settings {
            only,
            ..settings
        })
        .await;
        let mut link = bench.coordinator.welcome().await;
        link.grant(lease(0), &bench.task(b"full")).await;
        let outcome = link.outcome_of(lease(0)).await;
        assert_eq!(
            bench.painter.lanes().iter().map(|lane| lane.memory_bytes).collect::<Vec<_>>(),
            [memory_bytes, memory_bytes / 2]
        );
        match expected {
            None => drop(output(&outcome)),
            Some(expected) => {
                let (kind, message) = failure(outcome);
                assert_eq!(kind, expected, "{message}");
                assert!(
                    message.contains("the memory of card is full")
                        && message.contains("--max-memory"),
                    "{message}"
                );
            }
        }
        link.acknowledge(lease(0)).await;
        bench.drain(link).await;
    }
}

#[tokio::test]
async fn inputs_are_fetched_once_and_transfers_are_retried() {
    let mut bench = Bench::start().await;
    let store = bench.coordinator.store.clone();
    store.unavailable.store(2, Ordering::SeqCst);
    let mut link = bench.coordinator.welcome().await;
    let mut task = bench.task(b"brick");
    let weights = store.put(b"weights");
    task.action.models = vec![ModelRef { name: ModelName::Vgg19, blob: weights }];
    for index in 0..2 {
        link.grant(lease(index), &task).await;
        output(&link.outcome_of(lease(index)).await);
        link.acknowledge(lease(index)).await;
    }
    assert_eq!(store.downloads.load(Ordering::SeqCst), 3, "content, style, model");
    assert_eq!(bench.painter.models(), [weights.digest].into());
    drop(link);
    let link = bench.coordinator.welcome().await;
    let blobs = link.hello.blobs.clone();
    assert!(
        blobs.contains(&task.action.styles[0].blob.digest.as_bytes().to_vec()),
        "the coordinator is told which blobs are cached"
    );
    bench.drain(link).await;
}
