//! A coordinator that restarts on the same data.

use impasto_proto::v1::task_state::State;
use tonic::Code;

use crate::support::{FakeWorker, Running, in_time, settings};

#[tokio::test]
async fn a_job_outlives_its_coordinator() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Running::start(settings(folder.path())).await;
    let tasks = [first.task("a.png", b"a").await, first.task("b.png", b"b").await];
    let job = first.submit("job", &tasks).await.expect("it is taken in").job;
    let (mut worker, welcome) = FakeWorker::attach(&first, "one", vec![]).await;
    let epoch = welcome.epoch;
    let (done, _) = worker.take().await;
    worker.succeed(&done, b"painted a").await;
    let (lease, _) = worker.take().await;
    let mut watcher = first.watch(job).await;
    watcher.until(|state| matches!(state, State::Leased(_)).then_some(())).await;
    first.stop().await;
    assert_eq!(
        worker.next().await.expect_err("the coordinator has gone").code(),
        Code::Unavailable
    );

    let second = Running::start(settings(folder.path())).await;
    let again = second.submit("job", &tasks).await.expect("it is taken in");
    assert_eq!((again.job, again.known), (job, true));
    let (mut worker, welcome) = FakeWorker::attach(&second, "one", vec![lease, done]).await;
    assert_eq!((welcome.epoch, welcome.stale), (epoch + 1, vec![done]));
    worker.succeed(&lease, b"painted b").await;
    // The worker repeats a report, as if the acknowledgement was lost.
    worker.succeed(&lease, b"painted b").await;
    let (summary, states) = second.watch_to_end(job).await;
    assert_eq!((summary.state.as_str(), summary.succeeded), ("succeeded", 2));
    assert!(
        states.iter().all(|state| matches!(state, State::Succeeded(done) if done.attempts == 1)),
        "{states:?}"
    );
    second.stop().await;

    let third = Running::start(settings(folder.path())).await;
    assert_eq!(third.watch_to_end(job).await, (summary, states));
    third.stop().await;
}

#[tokio::test]
async fn watchers_are_told_that_the_coordinator_shuts_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let channel = running.channel.clone();
    let call =
        impasto_proto::client::jobs(channel).watch(impasto_proto::v1::WatchRequest { job }).await;
    let mut news = call.expect("there is such a job").into_inner();
    for _ in 0..3 {
        in_time("the job's current state", news.message()).await.expect("the stream goes on");
    }
    running.stop().await;
    assert_eq!(
        in_time("the end", news.message()).await.expect_err("it ends").code(),
        Code::Unavailable
    );
}
