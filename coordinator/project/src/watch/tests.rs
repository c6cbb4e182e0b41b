//! Watches a real folder. Nothing sleeps: each wait is for a message, with a limit that only a
//! failure reaches.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use impasto_types::AssetPath;

use super::disk::DiskProbe;
use super::*;
use crate::picture::Completeness;
use crate::test_project::{TestProject, path, png};

const LIMIT: Duration = Duration::from_secs(30);

/// Short intervals for fast tests; `poll` disables the system's events.
fn quick(poll: bool) -> WatchSettings {
    let settle =
        SettleSettings { settle_ms: 60, recheck_ms: 60, give_up_ms: 600_000, batch_ms: 1_000 };
    WatchSettings { settle, poll, poll_ms: 20, reconcile_ms: 60_000 }
}

/// The disk, which sends every completeness check to the test.
struct Overheard {
    disk: DiskProbe,
    judgements: Sender<(AssetPath, Completeness)>,
}

impl Probe for Overheard {
    fn stamp(&mut self, path: &AssetPath) -> Option<Stamp> {
        self.disk.stamp(path)
    }

    fn completeness(&mut self, path: &AssetPath) -> Completeness {
        let judgement = self.disk.completeness(path);
        let _ = self.judgements.send((path.clone(), judgement.clone()));
        judgement
    }
}

fn overheard(
    test: &TestProject,
    settings: WatchSettings,
) -> (Watcher, Receiver<(AssetPath, Completeness)>) {
    let (judgements, heard) = mpsc::channel();
    let probe = Overheard { disk: DiskProbe { project: test.project().clone() }, judgements };
    (Watcher::start_with(test.project(), settings, probe).expect("it watches"), heard)
}

fn paths(names: &[&str]) -> Change {
    Change::Paths(names.iter().map(|name| path(name)).collect())
}

#[track_caller]
fn expect(watcher: &Watcher, expected: &Change) {
    match watcher.next_within(LIMIT) {
        // On a machine without free watches this tests the fallback.
        Some(Change::Polling { .. }) => expect(watcher, expected),
        change => assert_eq!(change.as_ref(), Some(expected)),
    }
}

fn a_file_in_two_halves(poll: bool) {
    let test = TestProject::new();
    let (watcher, heard) = overheard(&test, quick(poll));
    let bytes = png(64, 64);
    let (first, rest) = bytes.split_at(bytes.len() / 2);

    let mut file = File::create(test.dir().join("walls/a.png")).expect("it is made");
    file.write_all(first).expect("the first half is written");
    file.sync_all().expect("it is on the disk");
    // It no longer changes, and is found incomplete more than once.
    for _ in 0..2 {
        let (judged, judgement) = heard.recv_timeout(LIMIT).expect("it is looked at");
        assert_eq!(judged, path("walls/a.png"));
        assert!(matches!(judgement, Completeness::Partial(_)), "{judgement:?}");
    }
    assert_eq!(watcher.changes().try_recv(), Err(mpsc::TryRecvError::Empty));
    let scan = watcher.scan(&mut StatCache::default()).expect("it is scanned");
    assert_eq!((scan.listing.assets.len(), scan.listing.passed.unsettled.len()), (0, 1));

    file.write_all(rest).expect("the rest is written");
    drop(file);
    expect(&watcher, &paths(&["walls/a.png"]));
    // A second report of this file would arrive before that of a later file.
    test.write("walls/b.png", &bytes);
    expect(&watcher, &paths(&["walls/b.png"]));
}

#[test]
fn a_slow_copy_is_reported_once_when_it_is_complete() {
    a_file_in_two_halves(false);
}

#[test]
fn a_slow_copy_is_reported_once_when_polling() {
    a_file_in_two_halves(true);
}

#[test]
fn masks_outside_the_folder_of_assets_are_watched() {
    let test = TestProject::with_manifest(
        "[project]\nname = \"t\"\nassets = \"walls\"\n[styles.s]\nimages = [\"s.png\"]\n\
         [[rules]]\nmatch = [\"**\"]\nstyle = \"s\"\nmask = \"masks/{name}\"\n",
    );
    test.write("walls/a.png", &png(8, 8));
    test.write("walls/b.png", &png(8, 8));
    test.write("masks/a.png", &png(8, 8));
    // Comparisons are a minute apart, so the events alone lead to these reports.
    let watcher = Watcher::start(test.project(), quick(false)).expect("it watches");
    test.write("masks/a.png", &png(8, 9));
    expect(&watcher, &paths(&["masks/a.png"]));
    test.write("masks/b.png", &png(8, 8));
    expect(&watcher, &paths(&["masks/b.png"]));
}

#[test]
fn only_relevant_changes_are_reported() {
    for poll in [false, true] {
        let test = TestProject::new();
        let watcher = Watcher::start(test.project(), quick(poll)).expect("it watches");
        for file in [
            "stylized/walls/a.png",
            "walls/a.png.tmp",
            "walls/.a.png",
            "walls/a_n.png",
            "walls/a.txt",
            ".impasto/x.png",
            "x.png",
        ] {
            test.write(file, &png(8, 8));
        }
        test.write("walls/z.png", &png(8, 8));
        expect(&watcher, &paths(&["walls/z.png"]));
        std::fs::rename(test.dir().join("walls/a.png.tmp"), test.dir().join("walls/a.png"))
            .expect("it is renamed");
        expect(&watcher, &paths(&["walls/a.png"]));
        std::fs::remove_file(test.dir().join("walls/a.png")).expect("it is removed");
        expect(&watcher, &paths(&["walls/a.png"]));
    }
}

#[test]
fn changes_of_folders_styles_and_the_manifest_are_reported() {
    for poll in [false, true] {
        let test = TestProject::new();
        test.write("styles/night.png", &png(8, 8));
        test.write("elsewhere/sub/a.png", &png(8, 8));
        let watcher = Watcher::start(test.project(), quick(poll)).expect("it watches");
        // A folder is moved in, with one event for the whole folder.
        std::fs::rename(test.dir().join("elsewhere"), test.dir().join("walls/in"))
            .expect("it is moved");
        expect(&watcher, &paths(&["walls/in/sub/a.png"]));
        std::fs::rename(test.dir().join("walls/in"), test.dir().join("elsewhere"))
            .expect("it is moved");
        expect(&watcher, &paths(&["walls/in/sub/a.png"]));
        test.write("styles/night.png", &png(9, 9));
        expect(&watcher, &paths(&["styles/night.png"]));
        let manifest = std::fs::read_to_string(test.project().manifest_file()).expect("it is read");
        test.write("impasto.toml", format!("{manifest}\n# more\n").as_bytes());
        expect(&watcher, &Change::ManifestChanged);
    }
}

#[test]
fn an_unfinished_picture_is_reported_once() {
    let test = TestProject::new();
    let mut settings = quick(true);
    settings.settle.give_up_ms = 0;
    let watcher = Watcher::start(test.project(), settings).expect("it watches");
    let bytes = png(64, 64);
    test.write("walls/a.png", &bytes[..bytes.len() / 2]);
    let reason = "is truncated: a PNG ends in IEND".to_owned();
    expect(&watcher, &Change::Incomplete { path: path("walls/a.png"), reason });
    test.write("walls/b.png", &bytes);
    expect(&watcher, &paths(&["walls/b.png"]));
    test.write("walls/a.png", &bytes);
    expect(&watcher, &paths(&["walls/a.png"]));
}

#[test]
fn a_file_held_back_by_a_scan_is_reported_as_a_change() {
    let test = TestProject::new();
    // Without events and comparisons, only the scan can tell the watcher about the file.
    let settings = WatchSettings { poll_ms: 600_000, ..quick(true) };
    let watcher = Watcher::start(test.project(), settings).expect("it watches");
    let held_back = || {
        test.write("walls/a.png", &png(8, 8));
        let scan = watcher.scan(&mut StatCache::default()).expect("it is scanned");
        scan.listing.passed.unsettled
    };
    // On a busy machine a scan may come too late for the file to be fresh.
    while held_back().is_empty() {}
    expect(&watcher, &paths(&["walls/a.png"]));
}

#[test]
fn a_file_is_fresh_within_the_settle_time() {
    let stamp = Stamp { size_bytes: 1, modified_ns: 1_000, changed_ns: 0, file_id: 0 };
    for (now_ns, expected) in [(999, false), (1_000, true), (1_499, true), (1_500, false)] {
        assert_eq!(is_fresh(&stamp, now_ns, 500), expected, "{now_ns}");
    }
}
