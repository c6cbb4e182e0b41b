//! What expires, and what stays.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use impasto_blobs::{
    Age, CacheLimits, Count, Expired, Expiry, Inventory, LocalActions, LocalBlobs,
};
use impasto_types::{BlobRef, ByteSize, Digest, Output, Part, RunReport, TaskResult};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Store {
    folder: tempfile::TempDir,
    blobs: LocalBlobs,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
        Self { folder, blobs }
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Stores a blob of 100 bytes that was last used `hours_ago`.
    fn blob(&self, fill: u8, hours_ago: u32) -> BlobRef {
        let blob = self.blobs.put(&[fill; 100]).expect("it is stored");
        used(&self.path_of(blob.digest), hours_ago);
        blob
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        let hex = digest.to_hex();
        self.dir().join("blobs").join(&hex[..2]).join(hex)
    }

    fn run(&self, expiry: Expiry) -> Expired {
        expiry.run(self.dir()).expect("it runs")
    }

    /// Whether these blobs exist, without noting a use.
    fn there<const N: usize>(&self, blobs: [BlobRef; N]) -> [bool; N] {
        blobs.map(|blob| self.path_of(blob.digest).exists())
    }
}

fn used(path: &Path, hours_ago: u32) {
    let file = File::options().append(true).open(path).expect("it is there");
    file.set_modified(SystemTime::now() - hours_ago * HOUR).expect("it is set");
}

fn size(bytes: u64) -> Expiry {
    Expiry::of(CacheLimits { max_size: Some(ByteSize(bytes)), max_age: None })
}

fn age(hours: u32) -> Expiry {
    Expiry::of(CacheLimits { max_size: None, max_age: Some(Age(hours * HOUR)) })
}

fn count(files: u64) -> Count {
    Count { files, bytes: files * 100 }
}

#[test]
fn no_more_than_the_least_recently_used_blobs_are_removed() {
    for (limit, left) in [(500, 5), (499, 4), (401, 4), (400, 4), (100, 1), (99, 0), (0, 0)] {
        let store = Store::new();
        let blobs: Vec<BlobRef> = (0..5).map(|nth| store.blob(nth, u32::from(nth) + 1)).collect();
        let dry = store.run(Expiry { dry_run: true, ..size(limit) });
        let before = Inventory::of(store.dir()).expect("it is counted");
        assert_eq!((dry.before, before.blobs), (before, count(5)), "nothing was removed yet");

        let expired = store.run(size(limit));
        assert_eq!(expired, dry);
        assert_eq!(expired.removed, count(5 - left));
        let after = Inventory::of(store.dir()).expect("it is counted");
        assert_eq!(after.total(), count(left));
        for (nth, blob) in (0..).zip(blobs) {
            assert_eq!(store.there([blob]), [nth < left], "blob {nth} at {limit}");
        }
    }
}

#[test]
fn blobs_older_than_the_limit_are_removed() {
    let store = Store::new();
    let blobs = [store.blob(1, 3), store.blob(2, 5), store.blob(3, 0)];
    assert_eq!(store.run(age(6)).removed, count(0));
    assert_eq!(store.run(age(4)).removed, count(1));
    assert_eq!(store.there(blobs), [true, false, true]);
    assert_eq!(store.run(Expiry::of(CacheLimits::NONE)).removed, count(0));
    // The clock of a machine that shares the disk may be ahead.
    let file = File::options().append(true).open(store.path_of(blobs[0].digest));
    file.and_then(|file| file.set_modified(SystemTime::now() + HOUR)).expect("it is set");
    assert_eq!(store.run(age(0)).removed, count(1));
    assert_eq!(store.there(blobs), [true, false, false]);
}

#[test]
fn a_held_blob_stays_and_younger_ones_are_removed_instead() {
    let store = Store::new();
    let blobs = [store.blob(1, 9), store.blob(2, 5), store.blob(3, 1)];
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let held = impasto_blobs::BlobStore::from(store.blobs.clone());
    let hold = runtime.block_on(held.hold(vec![blobs[0].digest])).expect("it is held");
    let expired = store.run(size(200));
    assert_eq!((expired.removed, expired.spared), (count(1), count(1)));
    assert_eq!(store.there(blobs), [true, false, true]);
    let expired = store.run(size(0));
    assert_eq!((expired.removed, expired.spared), (count(1), count(1)));
    drop(hold);
    assert_eq!(store.run(size(0)).removed, count(1));
    assert_eq!(store.there(blobs), [false; 3]);
}

#[test]
fn recently_used_blobs_can_be_spared() {
    let store = Store::new();
    let blobs = [store.blob(1, 2), store.blob(2, 0)];
    let expired = store.run(Expiry { spare: HOUR, ..size(0) });
    assert_eq!((expired.removed, expired.spared), (count(1), count(1)));
    assert_eq!(store.there(blobs), [false, true]);
}

#[test]
fn finding_a_blob_is_a_use() {
    let store = Store::new();
    let [a, b, c] = [1, 2, 3].map(|fill| store.blob(fill, 7));
    assert!(store.blobs.missing(&[a]).is_empty());
    store.blobs.read(b).expect("it is read");
    assert_eq!(store.run(age(1)).removed, count(1));
    assert_eq!(store.there([a, b, c]), [true, true, false]);
}

#[test]
fn results_and_corrupt_blobs_count_and_expire_too() {
    let store = Store::new();
    let output = store.blob(1, 0);
    let actions = LocalActions::open(store.blobs.clone()).expect("it opens");
    let action = Digest::of(b"action");
    let report = RunReport {
        iterations: 40,
        losses: None,
        compute_ms: 10,
        device: "cpu scalar".to_owned(),
        warning: None,
    };
    let output = Output { part: Part::Color, blob: output, width: 2, height: 3 };
    let result = TaskResult { outputs: vec![output], report };
    actions.put(action, &result).expect("it is kept");
    let corrupt = store.blob(2, 0);
    fs::write(store.path_of(corrupt.digest), [3; 100]).expect("it is overwritten");
    store.blobs.read(corrupt).expect_err("it is corrupt");
    fs::write(store.dir().join("blobs").join("notes.txt"), "keep").expect("it is written");

    let hex = action.to_hex();
    let entry = store.dir().join("actions").join(&hex[..2]).join(format!("{hex}.json"));
    let inventory = Inventory::of(store.dir()).expect("it is counted");
    assert_eq!((inventory.blobs, inventory.corrupt), (count(1), count(1)));
    let bytes = fs::metadata(&entry).expect("it is there").len();
    assert_eq!(inventory.results, Count { files: 1, bytes });

    let expired = store.run(size(0));
    assert_eq!(expired.removed, Count { files: 3, bytes: 200 + bytes });
    assert!(!entry.exists());
    assert!(store.dir().join("blobs").join("notes.txt").exists());
}

#[test]
fn a_pass_without_time_removes_nothing() {
    let store = Store::new();
    let blob = store.blob(1, 9);
    let expired = store.run(Expiry { until: Some(Instant::now()), ..size(0) });
    assert!(expired.cut_short);
    assert_eq!((expired.removed, store.there([blob])), (count(0), [true]));
}

#[test]
fn a_store_that_does_not_exist_is_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nowhere");
    assert_eq!(Inventory::of(&nowhere).expect("it is counted"), Inventory::default());
    assert_eq!(size(0).run(&nowhere).expect("it runs").removed, count(0));
    assert!(!nowhere.exists());
}

#[test]
fn a_store_whose_folders_were_removed_still_holds_and_expires() {
    let store = Store::new();
    for folder in ["", "blobs", "holds"] {
        let removed = store.dir().join(folder);
        if removed.exists() {
            fs::remove_dir_all(removed).expect("it is removed");
        }
        let held = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(impasto_blobs::BlobStore::from(store.blobs.clone()).hold(vec![]))
            .expect("it is held");
        store.run(size(0));
        let blob = store.blob(1, 0);
        assert_eq!(store.there([blob]), [true], "{folder}");
        drop(held);
    }
}
