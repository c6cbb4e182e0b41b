//! Requests of clients.

use impasto_proto::v1::submit_request::Part;
use impasto_proto::v1::task_state::State;
use impasto_proto::v1::watch_response::News;
use impasto_proto::{client, from_proto, to_proto, v1};
use impasto_types::{BlobRef, Digest};
use tonic::Code;

use crate::support::{FakeWorker, Running, result_of, settings, task};

#[tokio::test]
async fn a_job_is_painted_once_and_then_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("walls/brick.png", b"bricks").await;
    let submitted =
        running.submit("first", std::slice::from_ref(&spec)).await.expect("it is taken in");
    assert!(!submitted.known);
    let mut watcher = running.watch(submitted.job).await;
    assert!(matches!(watcher.next().await,
            Some(News::Summary(summary)) if summary.state == "queued" && summary.ready == 1));
    assert!(
        matches!(watcher.next().await, Some(News::Task(task)) if task.asset == "walls/brick.png")
    );
    assert!(matches!(watcher.next().await, Some(News::CaughtUp(_))));

    let (mut worker, welcome) = FakeWorker::attach(&running, "one", vec![]).await;
    assert!(welcome.epoch > 0 && welcome.stale.is_empty(), "{welcome:?}");
    let (lease, granted) = worker.take().await;
    assert_eq!(from_proto::task_spec(granted), Ok(spec.clone()));
    let leased = watcher
        .until(|state| if let State::Leased(leased) = state { Some(leased) } else { None })
        .await;
    assert_eq!((leased.worker.as_str(), leased.attempt), ("one", 1));

    let progress =
        v1::Progress { iteration: 3, iterations: 40, loss: Some(2.5), left_ms: Some(900) };
    let heartbeat = v1::LeaseProgress { lease: Some(lease), progress: Some(progress) };
    worker
        .say(v1::worker_message::Message::Heartbeat(v1::Heartbeat {
            leases: vec![heartbeat],
            devices: vec![],
        }))
        .await;
    let seen = watcher
        .until(|state| if let State::Progress(progress) = state { Some(progress) } else { None })
        .await;
    assert_eq!(seen, progress);

    worker.succeed(&lease, b"painted bricks").await;
    let done = watcher
        .until(|state| if let State::Succeeded(done) = state { Some(done) } else { None })
        .await;
    assert_eq!((done.worker.as_str(), done.attempts), ("one", 1));
    assert_eq!(done.result, Some(to_proto::task_result(&result_of(b"painted bricks"))));
    assert!(matches!(
        watcher.next().await,
        Some(News::Summary(summary))
            if summary.state == "succeeded" && summary.succeeded == 1
    ));
    assert_eq!(watcher.next().await, None);

    // The same key is the same job; the same action under another key is cached.
    let again = running.submit("first", std::slice::from_ref(&spec)).await.expect("it is taken in");
    assert_eq!((again.job, again.known), (submitted.job, true));
    let second =
        running.submit("second", std::slice::from_ref(&spec)).await.expect("it is taken in");
    let (summary, states) = running.watch_to_end(second.job).await;
    assert_eq!(summary.state, "succeeded");
    assert!(
        matches!(&states[..],
            [State::Succeeded(done)] if done.worker.is_empty() && done.attempts == 0),
        "{states:?}"
    );

    let mut jobs = client::jobs(running.channel.clone());
    let asked = vec![spec.action.digest().as_bytes().to_vec(), vec![7; 32]];
    let found = jobs
        .find_results(v1::FindResultsRequest { actions: asked.clone() })
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!(found.results.iter().map(|found| &found.action).collect::<Vec<_>>(), [&asked[0]]);
    let listed = jobs
        .list(v1::ListRequest { active: false, limit: 1 })
        .await
        .expect("it answers")
        .into_inner()
        .jobs;
    assert_eq!(listed.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["second"]);
    assert_eq!(
        jobs.list(v1::ListRequest { active: true, limit: 0 })
            .await
            .expect("it answers")
            .into_inner()
            .jobs,
        []
    );
    running.stop().await;
}

#[tokio::test]
async fn a_job_is_canceled_and_retried() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let mut jobs = client::jobs(running.channel.clone());
    let canceled = jobs
        .cancel(v1::CancelRequest { job })
        .await
        .expect("it answers")
        .into_inner()
        .job
        .expect("a job");
    assert_eq!((canceled.state.as_str(), canceled.canceled), ("canceled", 1));
    let (summary, states) = running.watch_to_end(job).await;
    assert_eq!(
        (summary.state.as_str(), states),
        ("canceled", vec![State::Canceled(v1::Canceled {})])
    );
    let retried = jobs
        .retry(v1::RetryRequest { job })
        .await
        .expect("it answers")
        .into_inner()
        .job
        .expect("a job");
    assert_eq!((retried.state.as_str(), retried.ready), ("queued", 1));
    running.stop().await;
}

#[tokio::test]
async fn a_job_whose_inputs_have_expired_is_not_retried() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let mut jobs = client::jobs(running.channel.clone());
    jobs.cancel(v1::CancelRequest { job }).await.expect("it is canceled");
    let digest = Digest::of(b"a").to_hex();
    let file = folder.path().join("blobs").join(&digest[..2]).join(&digest);
    std::fs::remove_file(file).expect("it was there");
    let refused = jobs.retry(v1::RetryRequest { job }).await.expect_err("its input is gone");
    let expected = format!("1 of the job's inputs have expired; submit it again: {digest}");
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, &expected[..]));
    running.stop().await;
}

#[tokio::test]
async fn unknown_jobs_are_not_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let mut jobs = client::jobs(running.channel.clone());
    let watched = jobs.watch(v1::WatchRequest { job: 7 }).await.expect_err("there is no job 7");
    assert_eq!((watched.code(), watched.message()), (Code::NotFound, "there is no job 7"));
    assert_eq!(
        jobs.cancel(v1::CancelRequest { job: 7 }).await.expect_err("there is no job 7").code(),
        Code::NotFound
    );
    assert_eq!(
        jobs.retry(v1::RetryRequest { job: 7 }).await.expect_err("there is no job 7").code(),
        Code::NotFound
    );
    running.stop().await;
}

#[tokio::test]
async fn an_inconsistent_submission_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let absent = BlobRef::of(b"never uploaded");
    let spec = task("a.png", absent, running.upload(b"style").await);
    let refused =
        running.submit("job", std::slice::from_ref(&spec)).await.expect_err("an input is missing");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains(&absent.digest.to_hex()), "{}", refused.message());

    let header = |key: &str, task_count| {
        Part::Header(v1::SubmitHeader {
            key: key.to_owned(),
            project: "p".to_owned(),
            priority: 0,
            task_count,
        })
    };
    let tasks = |tasks: Vec<v1::TaskSpec>| Part::Tasks(v1::SubmitTasks { tasks });
    let good = to_proto::task_spec(&spec);
    let mut bad = good.clone();
    bad.asset = "/etc/passwd".to_owned();
    for (parts, expected) in [
        (vec![], "header is missing"),
        (vec![tasks(vec![])], "header is missing"),
        (vec![header("", 1)], "header.key is ``"),
        (vec![header("k", 0)], "header.task_count is 0"),
        (vec![header("k", u32::MAX)], "header.task_count is 4294967295"),
        (vec![header("k", 2), tasks(vec![good.clone()])], "there are only 1 tasks of the 2"),
        (
            vec![header("k", 1), tasks(vec![good.clone(), good.clone()])],
            "there are more tasks than the 1",
        ),
        (vec![header("k", 1), header("k", 1)], "tasks is missing"),
        (
            vec![header("k", 2), tasks(vec![good.clone()]), tasks(vec![bad.clone()])],
            "tasks[1].asset is `/etc/passwd`",
        ),
    ] {
        let refused = running.submit_parts(parts).await.expect_err(expected);
        assert_eq!(refused.code(), Code::InvalidArgument, "{expected}");
        assert!(refused.message().starts_with(expected), "{}", refused.message());
    }
    running.stop().await;
}
