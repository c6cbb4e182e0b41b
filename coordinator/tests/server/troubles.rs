//! Troubles of the coordinator, of workers and of the network.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use impasto_proto::v1::report::Outcome;
use impasto_proto::v1::task_state::State;
use impasto_proto::{client, to_proto, v1};
use impasto_types::{BlobRef, Digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{FakeWorker, Running, in_time, settings};

fn file_of(data_dir: &Path, digest: Digest) -> PathBuf {
    let digest = digest.to_hex();
    data_dir.join("blobs").join(&digest[..2]).join(&digest)
}

/// The list of a job's tasks: the blob that is neither the asset `a` nor the style.
fn list_of_job(data_dir: &Path) -> PathBuf {
    let inputs = [Digest::of(b"a").to_hex(), Digest::of(b"style").to_hex()];
    let folders = std::fs::read_dir(data_dir.join("blobs")).expect("it is a folder");
    let folders = folders.map(|folder| folder.expect("a folder").path());
    let folders = folders.filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let mut files = files.map(|file| file.expect("a file").path());
    files
        .find(|path| inputs.iter().all(|input| !path.ends_with(input)))
        .expect("the job has a list")
}

#[tokio::test]
async fn a_job_whose_list_is_unreadable_fails_alone() {
    for damage in ["deleted", "rotten", "a folder"] {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Running::start(settings(folder.path())).await;
        let spec = running.task("a.png", b"a").await;
        let broken = running.submit("broken", &[spec]).await.expect("it is taken in").job;
        let list = list_of_job(folder.path());
        // The next coordinator does not have the list in memory.
        running.stop().await;
        match damage {
            "deleted" => std::fs::remove_file(&list).expect("it was there"),
            "rotten" => {
                let mut bytes = std::fs::read(&list).expect("it is read");
                bytes[7] ^= 1;
                std::fs::write(&list, bytes).expect("it is written");
            }
            _ => {
                std::fs::remove_file(&list).expect("it was there");
                std::fs::create_dir(&list).expect("it is made");
            }
        }
        let running = Running::start(settings(folder.path())).await;
        let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
        let spec = running.task("b.png", b"b").await;
        let good = running.submit("good", &[spec]).await.expect("it is taken in").job;
        // The first grant is that of the broken job; the worker asks only once.
        let (lease, task) = worker.take().await;
        assert_eq!((lease.job, task.asset.as_str()), (good, "b.png"), "{damage}");
        worker.succeed(&lease, b"painted b").await;
        let (summary, states) = running.watch_to_end(broken).await;
        assert_eq!((summary.state.as_str(), summary.failed), ("failed", 1), "{damage}");
        let [State::Failed(failed)] = &states[..] else { panic!("{damage}: {states:?}") };
        assert!(failed.message.starts_with("the job's tasks cannot be read"), "{failed:?}");
        running.stop().await;
        // It has ended for the next coordinator too.
        let running = Running::start(settings(folder.path())).await;
        assert_eq!(running.watch_to_end(broken).await.0.state, "failed");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_task_waits_for_an_input_that_went_missing_and_its_client_hears_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, _) = worker.take().await;
    std::fs::remove_file(file_of(folder.path(), Digest::of(b"a"))).expect("it was there");
    let blob = to_proto::blob(&BlobRef::of(b"a"));
    worker.report(&lease, Outcome::Starved(v1::Starved { missing: vec![blob.clone()] })).await;
    let mut watcher = running.watch(job).await;
    let waits = watcher.until(|state| match state {
        State::Ready(ready) => Some(ready),
        _ => None,
    });
    let ready = waits.await;
    assert_eq!(ready.missing, [blob], "{ready:?}");
    let explained = client::jobs(running.channel.clone())
        .explain(v1::ExplainRequest { job })
        .await
        .expect("there is such a job")
        .into_inner();
    let reason = &explained.reasons[0].reason;
    assert!(reason.starts_with("waits until a client sends its inputs again"), "{reason}");
    running.blobs().upload(BlobRef::of(b"a"), Bytes::from_static(b"a")).await.expect("it is sent");
    let (lease, _) = worker.take().await;
    worker.succeed(&lease, b"painted").await;
    assert_eq!(running.watch_to_end(job).await.0.state, "succeeded");
    running.stop().await;
}

#[tokio::test]
async fn a_worker_with_a_full_disk_is_benched_and_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let mut tasks = Vec::new();
    for name in ["a", "b", "c", "d"] {
        tasks.push(running.task(&format!("{name}.png"), name.as_bytes()).await);
    }
    let job = running.submit("job", &tasks).await.expect("it is taken in").job;
    let (mut sick, _) = FakeWorker::attach(&running, "sick", vec![]).await;
    for _ in 0..3 {
        let (lease, _) = sick.take().await;
        let failure =
            v1::Failure { kind: "machine".to_owned(), message: "the disk is full".to_owned() };
        sick.report(&lease, Outcome::Failed(failure)).await;
    }
    let listed = client::workers(running.channel.clone())
        .list_workers(v1::ListWorkersRequest {})
        .await
        .expect("it answers")
        .into_inner()
        .workers;
    let benched = listed[0].benched.as_ref().expect("it is benched");
    assert_eq!((listed[0].failures, benched.reason.as_str()), (3, "the disk is full"));
    let (mut well, _) = FakeWorker::attach(&running, "well", vec![]).await;
    for _ in 0..4 {
        let (lease, _) = well.take().await;
        well.succeed(&lease, b"painted").await;
    }
    let (summary, _) = running.watch_to_end(job).await;
    assert_eq!((summary.state.as_str(), summary.succeeded), ("succeeded", 4));
    running.stop().await;
}

#[tokio::test]
async fn silent_connections_make_room() {
    /// What HTTP/2 begins with: the preface, and empty settings.
    const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let folder = tempfile::tempdir().expect("a folder");
    let settings = impasto_coordinator::Settings { max_connections: 20, ..settings(folder.path()) };
    let running = Running::start(settings).await;
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut peer = TcpStream::connect(running.address).await.expect("it is accepted");
        // One that asks nothing is silent, too.
        if number % 2 == 0 && peer.write_all(OPENING).await.is_ok() {
            // Its settings, or the end, since others needed the place.
            let _ = in_time("an answer", peer.read(&mut [0; 64])).await;
        }
        silent.push(peer);
    }
    let connected = in_time("connecting", client::connect(&running.address.to_string())).await;
    let mut jobs = client::jobs(connected.expect("it answers"));
    let listed = in_time("a call", jobs.list(v1::ListRequest { active: false, limit: 1 })).await;
    assert_eq!(listed.expect("it answers").into_inner().jobs, []);
    drop(silent);
    running.stop().await;
}
