//! Conversions of the farm's messages lose nothing, and errors name malformed fields.

use impasto_proto::v1::worker_message::Message;
use impasto_proto::{from_proto, to_proto, v1};
use impasto_types::{
    Attempt, Bench, BlobRef, Capabilities, DeviceHealth, DeviceInfo, Digest, Epoch, Explained,
    FailureKind, Grant, Hello, JobId, JobNews, JobState, JobSummary, LeaseId, LeaseOutcome, Losses,
    MethodVersion, Order, Output, Part, Progress, Resolved, RunReport, TaskEvent, TaskIndex,
    TaskResult, WorkerInfo, WorkerName, WorkerState,
};

fn lease(task: u32) -> LeaseId {
    LeaseId { job: JobId(7), task: TaskIndex(task), attempt: Attempt(2), epoch: Epoch(3) }
}

fn name() -> WorkerName {
    "node-7".parse().expect("a name")
}

fn progress() -> Progress {
    Progress { iteration: 3, iterations: 40, loss: Some(2.5), left_ms: Some(900) }
}

fn result() -> TaskResult {
    let report = RunReport {
        iterations: 40,
        losses: Some(Losses { total: 1.5, content: 1.0, style: 0.5 }),
        compute_ms: 900,
        device: "cpu avx2".to_owned(),
        warning: None,
    };
    TaskResult { outputs: vec![Output::picture(BlobRef::of(b"picture"), 512, 256)], report }
}

fn capabilities() -> Capabilities {
    let device = DeviceInfo {
        name: "cuda:0".to_owned(),
        model: "canvas".to_owned(),
        memory_bytes: 1 << 30,
        compute_capability: None,
    };
    Capabilities {
        slots: 2,
        memory_bytes: 1 << 30,
        device: "cuda:0".to_owned(),
        methods: MethodVersion::all(),
        devices: vec![device],
    }
}

fn summary() -> JobSummary {
    JobSummary {
        job: JobId(7),
        key: "key".to_owned(),
        project: "village".to_owned(),
        state: JobState::Running,
        priority: -1,
        submitted_at_ms: 5,
        ended_at_ms: None,
        blocked: 6,
        ready: 2,
        leased: 1,
        succeeded: 3,
        failed: 4,
        canceled: 5,
    }
}

#[test]
fn a_hello_survives_the_wire() {
    let hello = Hello {
        name: name(),
        instance: 12,
        capabilities: capabilities(),
        held: vec![lease(1), lease(2)],
        blobs: vec![Digest::of(b"style")],
    };
    let Message::Hello(message) = to_proto::hello(&hello) else { panic!("a hello") };
    assert_eq!(from_proto::hello(message), Ok(hello));
}

#[test]
fn a_heartbeat_survives_the_wire() {
    let leases = vec![(lease(1), Some(progress())), (lease(2), None)];
    let health = vec![DeviceHealth { temperature_c: Some(70), ..DeviceHealth::default() }];
    let Message::Heartbeat(message) = to_proto::heartbeat(leases.clone(), &health) else {
        panic!("a heartbeat")
    };
    assert_eq!(from_proto::heartbeat(message), Ok((leases, health)));
}

#[test]
fn outcomes_survive_the_wire() {
    let failed = |kind| LeaseOutcome::Failed { kind, message: "no".to_owned() };
    for outcome in [
        LeaseOutcome::Succeeded(result()),
        failed(FailureKind::Input),
        failed(FailureKind::Transient),
        failed(FailureKind::Shortage),
        failed(FailureKind::Machine),
        failed(FailureKind::Coordinator),
        LeaseOutcome::Starved { missing: vec![BlobRef::of(b"wall")] },
        LeaseOutcome::Returned { checkpoint: None },
        LeaseOutcome::Returned { checkpoint: Some(BlobRef::of(b"half")) },
    ] {
        let Message::Report(message) = to_proto::report(lease(1), &outcome) else {
            panic!("a report")
        };
        assert_eq!(from_proto::report(message), Ok((lease(1), Ok(outcome))));
    }
}

#[test]
fn a_malformed_report_still_names_its_lease() {
    let report = v1::Report { lease: Some(to_proto::lease(&lease(1))), outcome: None };
    let (of, outcome) = from_proto::report(report).expect("the lease is there");
    assert_eq!(of, lease(1));
    assert_eq!(outcome.expect_err("there is none").to_string(), "outcome is missing");
    let nameless = v1::Report { lease: None, outcome: None };
    assert_eq!(
        from_proto::report(nameless).expect_err("there is no lease").to_string(),
        "lease is missing"
    );
}

#[test]
fn orders_survive_the_wire() {
    for order in [
        Order::Welcome {
            epoch: Epoch(3),
            heartbeat_ms: 5_000,
            name: name(),
            stale: vec![lease(1)],
        },
        Order::Revoke { lease: lease(1) },
        Order::Acknowledge { lease: lease(1) },
        Order::Drain,
    ] {
        let back = from_proto::order(to_proto::order(order.clone()));
        assert_eq!(format!("{back:?}"), format!("{:?}", Ok::<_, ()>(Some(order))));
    }
}

#[test]
fn orders_are_checked() {
    let unknown = v1::CoordinatorMessage { message: None };
    assert_eq!(from_proto::order(unknown), Ok(None), "sent by a newer coordinator");
    let resolved = Resolved {
        action: Digest::of(b"action"),
        output: Part::Frame(3),
        blob: BlobRef::of(b"frame"),
    };
    let unreadable = Order::Grant(Grant {
        lease: lease(1),
        task: v1::TaskSpec::default(),
        resolved: vec![resolved],
        checkpoint: Some(BlobRef::of(b"half")),
    });
    match from_proto::order(to_proto::order(unreadable)) {
        Ok(Some(Order::Grant(Grant {
            lease: of,
            task: Err(error),
            resolved: seen,
            checkpoint,
        }))) => {
            assert_eq!(seen, [resolved]);
            assert!(error.to_string().contains("task.asset"), "{error}");
            assert_eq!((of, checkpoint), (lease(1), Some(BlobRef::of(b"half"))));
        }
        other => panic!("the lease has to be known, to report the failure: {other:?}"),
    }
}

#[test]
fn news_survive_the_wire() {
    let (attempt, attempts) = (Attempt(2), Attempt(2));
    let leased = |progress| TaskEvent::Leased { worker: name(), attempt, progress };
    let succeeded =
        |worker| TaskEvent::Succeeded { result: result(), worker, attempts: Attempt(1) };
    let task = |event| JobNews::Task { task: TaskIndex(4), asset: None, event };
    let message = "again".to_owned();
    let ready = |missing| TaskEvent::Ready {
        attempts,
        not_before_ms: 9,
        message: message.clone(),
        missing,
    };
    for news in [
        JobNews::Job(summary()),
        JobNews::CaughtUp,
        JobNews::Task {
            task: TaskIndex(4),
            asset: Some("walls/brick.png".to_owned()),
            event: TaskEvent::Canceled,
        },
        task(TaskEvent::Blocked),
        task(ready(vec![])),
        task(ready(vec![BlobRef::of(b"wall")])),
        task(leased(None)),
        task(leased(Some(progress()))),
        task(TaskEvent::Progress(Progress { loss: None, left_ms: None, ..progress() })),
        task(succeeded(None)),
        task(succeeded(Some(name()))),
        task(TaskEvent::Failed { message: "no".to_owned(), attempts }),
    ] {
        assert_eq!(from_proto::job_news(to_proto::job_news(news.clone())), Ok(news));
    }
}

#[test]
fn received_texts_are_checked_and_stripped_of_control_characters() {
    let text = "a\u{1b}[2Jb".to_owned();
    let message = v1::JobSummary { project: text, ..to_proto::job_summary(&summary()) };
    let read = from_proto::job_summary(message.clone()).expect("it is a summary");
    assert_eq!((read.project.as_str(), read.tasks()), ("a [2Jb", 21));
    let unknown = v1::JobSummary { state: "lost".to_owned(), ..message };
    let error = from_proto::job_summary(unknown).expect_err("it is a worker's state").to_string();
    assert!(error.starts_with("state is `lost`: unknown variant"), "{error}");
    let infinite = v1::Progress { loss: Some(f64::INFINITY), ..v1::Progress::default() };
    let heartbeat = v1::Heartbeat {
        leases: vec![v1::LeaseProgress {
            lease: Some(v1::Lease::default()),
            progress: Some(infinite),
        }],
        devices: vec![],
    };
    assert_eq!(
        from_proto::heartbeat(heartbeat).expect_err("it is infinite").to_string(),
        "leases[0].progress.loss is inf, but has to be finite"
    );
}

#[test]
fn a_worker_survives_the_wire() {
    let worker = WorkerInfo {
        name: name(),
        state: WorkerState::Draining,
        capabilities: capabilities(),
        leases: vec![lease(1)],
        tasks_done: 9,
        failures: 4,
        benched: Some(Bench { until_ms: 7, reason: "the disk is full".to_owned() }),
        health: vec![DeviceHealth { fault: "it fell".to_owned(), ..DeviceHealth::default() }],
    };
    assert_eq!(from_proto::worker_info(to_proto::worker_info(&worker)), Ok(worker));
}

#[test]
fn an_explanation_survives_the_wire() {
    let reason = "no worker is connected".to_owned();
    let explained = Explained { first: TaskIndex(3), tasks: 7, reason };
    assert_eq!(from_proto::explained(to_proto::explained(&explained)), Ok(explained));
}

#[test]
fn long_texts_of_drivers_are_truncated() {
    let fault = format!("a\nb{}", "é".repeat(200));
    let health = DeviceHealth { fault, ..DeviceHealth::default() };
    let read = from_proto::device_health(to_proto::device_health(&health)).expect("it is cut");
    assert!(read.fault.starts_with("a b") && read.fault.len() >= 127, "{read:?}");
}
