//! Several processes on one store: this test program starts itself again with a role.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use impasto_blobs::{BlobStore, CacheLimits, Expiry, Inventory, LocalBlobs};
use impasto_types::{BlobRef, ByteSize};

const PART: &str = "IMPASTO_TEST_PART";
const STORE: &str = "IMPASTO_TEST_STORE";

/// The store's limit: less than one blob, so that every pass removes all that is not held.
const LIMIT: Expiry = Expiry {
    limits: CacheLimits { max_size: Some(ByteSize(99)), max_age: None },
    spare: std::time::Duration::ZERO,
    dry_run: false,
    until: None,
};

/// Starts this program again, to run only `a_part_is_played`.
fn start(part: &str, store: &Path) -> Child {
    let program = std::env::current_exe().expect("the test program");
    Command::new(program)
        .args(["--exact", "a_part_is_played", "--nocapture"])
        .env(PART, part)
        .env(STORE, store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Does what `start` asked for. Does nothing in a normal test run.
#[test]
fn a_part_is_played() {
    let (Ok(part), Some(store)) = (std::env::var(PART), std::env::var_os(STORE)) else { return };
    let store = LocalBlobs::open(store.as_ref(), 1 << 20).expect("it opens");
    match part.as_str() {
        "use" => use_blobs(&store),
        "expire" => expire_until_told(&store),
        "hold" => hold_for_ever(store),
        part => panic!("there is no part {part}"),
    }
}

fn expire(store: &LocalBlobs) -> u64 {
    LIMIT.run(store.data_dir()).expect("it runs").removed.files
}

/// Cleans up repeatedly until the parent closes our input, and once more after that.
fn expire_until_told(store: &LocalBlobs) {
    use std::io::Read;
    let parent = std::thread::spawn(|| std::io::stdin().read(&mut [0]));
    let mut done = false;
    while !done {
        done = parent.is_finished();
        expire(store);
    }
}

/// Holds blobs, stores those that are missing, and reads them, as a job does.
fn use_blobs(store: &LocalBlobs) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let holder = BlobStore::from(store.clone());
    for round in 0..100_u8 {
        let pictures: Vec<Vec<u8>> = (0..3).map(|nth| vec![round.wrapping_add(nth); 100]).collect();
        let blobs: Vec<BlobRef> = pictures.iter().map(|picture| BlobRef::of(picture)).collect();
        let digests = blobs.iter().map(|blob| blob.digest).collect();
        let _hold = runtime.block_on(holder.hold(digests)).expect("it is held");
        for (picture, blob) in pictures.iter().zip(&blobs) {
            if !store.missing(&[*blob]).is_empty() {
                store.put(picture).expect("it is stored");
            }
        }
        for (picture, blob) in pictures.iter().zip(&blobs) {
            assert_eq!(&store.read(*blob).expect("what is held is there"), picture);
        }
    }
}

/// Holds a blob until the process is killed.
fn hold_for_ever(store: LocalBlobs) {
    use std::io::{Read, Write};
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let blob = store.put(&[7; 100]).expect("it is stored");
    let holder = BlobStore::from(store);
    let _hold = runtime.block_on(holder.hold(vec![blob.digest])).expect("it is held");
    std::io::stdout().write_all(b"held\n").expect("the parent reads");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn held_blobs_exist_while_other_processes_clean_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second, cleaner, other_cleaner] =
        ["use", "use", "expire", "expire"].map(|part| start(part, folder.path()));
    for child in [first, second, cleaner, other_cleaner] {
        // Closes its input, and waits.
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let left = Inventory::of(folder.path()).expect("it is counted");
    assert_eq!(left.total().bytes, 0, "nobody holds anything any more");
}

#[test]
fn the_hold_of_a_killed_process_ends() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().expect("a folder");
    let store = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
    let mut child = start("hold", folder.path());
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let said = output.lines().map_while(Result::ok).any(|line| line.ends_with("held"));
    assert!(said, "the process holds its blob");
    assert_eq!(expire(&store), 0);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    assert_eq!(expire(&store), 1);
    let holds = std::fs::read_dir(folder.path().join("holds")).expect("it can be listed");
    assert_eq!(holds.count(), 0, "the file of the hold is removed too");
}
