//! Blobs that jobs need do not expire, whichever process cleans up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use impasto_blobs::{CacheLimits, Expiry};
use impasto_coordinator::Settings;
use impasto_proto::v1::watch_response::News;
use impasto_types::{BlobRef, ByteSize};

use crate::support::{Running, in_time, settings};

const NOTHING: CacheLimits = CacheLimits { max_size: Some(ByteSize(0)), max_age: None };

fn path_of(data_dir: &Path, blob: BlobRef) -> PathBuf {
    let hex = blob.digest.to_hex();
    data_dir.join("blobs").join(&hex[..2]).join(hex)
}

/// Sets the last use of every blob to yesterday.
fn age_blobs(data_dir: &Path) {
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    let folders = fs::read_dir(data_dir.join("blobs")).expect("it can be listed");
    for folder in folders.map(|entry| entry.expect("an entry").path()) {
        for file in fs::read_dir(folder).expect("it can be listed") {
            let path = file.expect("an entry").path();
            let file = File::options().append(true).open(path).expect("it is there");
            file.set_modified(yesterday).expect("it is set");
        }
    }
}

#[tokio::test]
async fn inputs_of_a_waiting_job_outlive_every_clean_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path();
    let running = Running::start(settings(data_dir)).await;
    let task = running.task("brick.png", b"brick").await;
    let inputs: Vec<BlobRef> = task.action.blobs().collect();
    let other = running.upload(b"nobody's").await;
    let job = running.submit("key", &[task]).await.expect("it is taken in").job;
    let are_there = || inputs.iter().all(|blob| path_of(data_dir, *blob).exists());

    // Another process, whose limits allow no blob.
    let expired = Expiry::of(NOTHING).run(data_dir).expect("it runs");
    assert_eq!((expired.removed.files, expired.spared.files), (1, 3), "{expired:?}");
    assert!(are_there() && !path_of(data_dir, other).exists());

    // The coordinator itself, restarted: it has lost its holds, but not the job.
    let other = running.upload(b"nobody's").await;
    running.stop().await;
    age_blobs(data_dir);
    let running = Running::start(Settings { cache: NOTHING, ..settings(data_dir) }).await;
    in_time("cleaning up", async {
        while path_of(data_dir, other).exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(are_there());
    let mut watcher = running.watch(job).await;
    let first = loop {
        if let Some(News::Task(task)) = watcher.next().await {
            break task;
        }
    };
    assert_eq!(first.asset, "brick.png", "the task specs still exist");
    running.stop().await;
}
