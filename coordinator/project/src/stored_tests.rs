//! This version reads what version 0.1.0 stored in a project, and writes it unchanged.

use std::fs;
use std::path::Path;

use impasto_planner::ImageHeader;
use impasto_types::{BlobRef, ContainerFormat, Depth, FileTraits};

use crate::fingerprint::Fingerprint;
use crate::lockfile::Lockfile;
use crate::stamp::Stamp;
use crate::test_project::{TestProject, path};
use crate::{StatCache, State, details};

const DETAILS: &str = "details.jsonl";
const STATS: &str = "stat-cache";

/// What earlier formats of these were named, before any release.
const OLD_FILES: [&str; 2] = ["details.jsonl", "stat-cache.json"];

fn stored(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/stored/0.1.0");
    fs::read(Path::new(folder).join(name)).expect("it is there")
}

/// A project as version 0.1.0 left it: one asset, two outputs.
fn project() -> TestProject {
    project_with("state", &[DETAILS, STATS])
}

/// The same with private files of a stored folder.
fn project_with(folder: &str, files: &[&str]) -> TestProject {
    let test = TestProject::new();
    test.write("impasto.lock", &stored("project/impasto.lock"));
    for name in files {
        let file = test.project().state_file(name);
        test.project().make_state_dir(&file).expect("it is made");
        fs::write(file, stored(&format!("{folder}/{name}"))).expect("it is written");
    }
    test
}

fn fingerprint(content: &[u8]) -> Fingerprint {
    let stamp = Stamp { size_bytes: 7, modified_ns: 5, changed_ns: 6, file_id: 7 };
    Fingerprint { stamp, taken_ns: i64::MAX, blob: BlobRef::of(content), ours: true }
}

fn header() -> ImageHeader {
    let (format, depth) = (ContainerFormat::Png, Depth::Sixteen);
    let traits = FileTraits::default();
    ImageHeader {
        width: 2,
        height: 3,
        format,
        alpha: true,
        depth,
        swaps_sides: false,
        traits,
        largest: None,
        array: false,
        layers: 0,
    }
}

#[test]
fn the_record_and_its_details_are_read() {
    let test = project();
    let mut state = State::load(test.project()).expect("it is read");
    state.read_details(test.project(), |_| true);
    let records = state.records();
    assert_eq!(records.len(), 2);
    for (output, content) in [("stylized/a.png", "color"), ("stylized/a_n.png", "normal")] {
        let record = &records[&path(output)];
        assert_eq!(record.asset, path("walls/a.png"));
        assert_eq!(record.output, BlobRef::of(content.as_bytes()));
        let details = record.details.as_ref().expect("they are there");
        assert_eq!(
            (details.style.as_str(), details.action.digest()),
            ("night", record.action_digest)
        );
    }
}

#[test]
fn the_stat_cache_is_read() {
    let cache = StatCache::load(project().project());
    let (asset, output) = (fingerprint(b"content"), fingerprint(b"color"));
    let known = cache.get(&path("walls/a.png"), &asset.stamp);
    assert_eq!(known, Some((asset.blob, Some(header()))));
    assert_eq!(cache.output(&path("stylized/a.png"), &output.stamp), Some(output.blob));
}

#[test]
fn files_of_earlier_formats_are_as_good_as_absent() {
    let test = project_with("project", &OLD_FILES);
    let mut state = State::load(test.project()).expect("it is read");
    state.read_details(test.project(), |_| true);
    assert!(state.records().values().all(|record| record.details.is_none()));
    let mut cache = StatCache::load(test.project());
    assert_eq!(cache.get(&path("walls/a.png"), &fingerprint(b"content").stamp), None);

    cache.put_output(path("stylized/a.png"), fingerprint(b"color"));
    cache.save(test.project()).expect("it is written");
    assert!(!test.project().state_file("stat-cache.json").exists(), "it is of no use to anyone");
}

#[test]
fn all_files_are_written_unchanged() {
    let (from, to) = (project(), TestProject::new());
    let (lockfile, _) = Lockfile::load(from.project()).expect("it is read");
    lockfile.save(to.project()).expect("it is written");
    let record = fs::read(to.project().lockfile()).expect("it is there");
    assert_eq!(record, stored("project/impasto.lock"));

    let written = |name: &str| fs::read(to.project().state_file(name)).expect("it is there");
    let header = details::header(from.project()).expect("it is read");
    let read = details::read(from.project(), |_| true);
    let borrowed = read.iter().map(|(output, it)| (output, it.into()));
    details::write(to.project(), &header, borrowed).expect("they are written");
    assert_eq!(written(DETAILS), stored("state/details.jsonl"));

    let mut cache = StatCache::load(from.project());
    cache.put_output(path("stylized/a.png"), fingerprint(b"color"));
    cache.save(to.project()).expect("it is written");
    assert_eq!(written(STATS), stored("state/stat-cache"));
}
