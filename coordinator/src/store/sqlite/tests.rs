//! Stores in files, and what happens to them.

use super::super::suite;
use super::*;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("coordinator.sqlite");
    (folder, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).expect("it opens")
}

#[test]
fn facts_come_back_in_order() {
    let (_folder, path) = file();
    suite::facts_come_back_in_order(open(&path));
}

#[test]
fn a_snapshot_takes_the_place_of_facts() {
    let (_folder, path) = file();
    suite::a_snapshot_takes_the_place_of_facts(open(&path));
}

#[test]
fn epochs_rise() {
    let (_folder, path) = file();
    suite::epochs_rise(open(&path));
}

#[test]
fn facts_and_epochs_outlive_the_store() {
    let (_folder, path) = file();
    suite::facts_and_epochs_outlive_the_store(|| open(&path));
}

#[test]
fn a_second_coordinator_is_refused() {
    let (_folder, path) = file();
    let _first = open(&path);
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::InUse { .. })));
}

#[test]
fn a_newer_file_and_a_file_of_another_kind_are_refused() {
    let (_folder, path) = file();
    let newer = Connection::open(&path).expect("it opens");
    newer.pragma_update(None, "user_version", 9).expect("it is set");
    drop(newer);
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Version { found: 9, .. })));
    std::fs::write(
        &path,
        "this is a text of more than one hundred bytes, and no database at all; ".repeat(3),
    )
    .expect("it is written");
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Open { .. })));
}

#[test]
fn a_fact_that_does_not_parse_is_named() {
    let (_folder, path) = file();
    let mut store = open(&path);
    let unheard = [r#"{"fact":"unheard-of"}"#.to_owned()];
    store.write(|transaction| insert_facts(transaction, &unheard)).expect("it is kept");
    assert_eq!(
        store.load(&mut |_| {}).expect_err("it does not parse").to_string(),
        format!("fact 1 of the store {} does not parse", path.display())
    );
}

/// Opens the store, and begins an epoch.
fn lead(path: &Path) -> u64 {
    let mut store = open(path);
    let epoch = store.next_epoch().expect("it is read");
    store.lead(epoch).expect("it begins");
    epoch.0
}

fn refused(path: &Path) -> String {
    impasto_types::error_text(&SqliteStore::open(path).expect_err("it is refused"))
}

#[test]
fn a_store_that_loses_its_file_is_made_anew() {
    for lose in [
        |path: &Path| fs::remove_file(path).expect("it is removed"),
        |path: &Path| fs::remove_dir_all(path.parent().expect("a folder")).expect("it is removed"),
        |path: &Path| fs::write(path, "").expect("it is emptied"),
    ] {
        let (_folder, path) = file();
        suite::a_lost_store_is_made_anew(|| open(&path), || lose(&path));
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_is_replaced_is_left_alone() {
    let ((_folder, path), (_other, other)) = (file(), file());
    let mut store = open(&path);
    lead(&other);
    fs::rename(&other, &path).expect("it is replaced");
    let before = fs::read(&path).expect("it is read");
    assert!(matches!(store.append(&[]), Err(StoreError::Replaced { .. })));
    assert_eq!(fs::read(&path).expect("it is read"), before);
}

#[test]
fn an_emptied_store_is_not_the_beginning_of_a_farm() {
    for empty in [
        |path: &Path| fs::remove_file(path).expect("it is removed"),
        |path: &Path| fs::write(path, "").expect("it is emptied"),
        // As SQLite leaves it if it was killed before it wrote a table.
        |path: &Path| {
            fs::remove_file(path).expect("it is removed");
            let new = Connection::open(path).expect("it opens");
            new.pragma_update(None, "journal_mode", "WAL").expect("it is set");
        },
    ] {
        let (_folder, path) = file();
        let first = lead(&path);
        assert_eq!(lead(&path), first + 1);
        empty(&path);
        let error = refused(&path);
        assert!(error.contains("--new-farm") && error.contains("farm.json"), "{error}");
        let mut store = SqliteStore::begin(&path).expect("it begins");
        let epoch = store.next_epoch().expect("it is read");
        assert_eq!(epoch, Epoch(first + 2), "epochs continue");
        store.lead(epoch).expect("it begins");
        drop(store);
        assert_eq!(lead(&path), first + 3, "the new farm is known");
    }
}

#[test]
fn the_store_of_another_farm_is_refused() {
    let ((_folder, path), (_other, other)) = (file(), file());
    lead(&path);
    let epoch = lead(&other);
    fs::copy(&other, &path).expect("it is copied");
    let error = refused(&path);
    assert!(error.contains("another farm"), "{error}");
    fs::remove_file(FarmFile::beside(&path).path()).expect("it is removed");
    assert_eq!(lead(&path), epoch + 1, "the farm of the store continues");
}

#[test]
fn an_older_copy_of_the_store_repeats_no_epoch() {
    let (folder, path) = file();
    let first = lead(&path);
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).expect("it is copied");
    assert_eq!(lead(&path), first + 1);
    fs::copy(&copy, &path).expect("it is restored");
    assert_eq!(lead(&path), first + 2);
}

#[test]
fn a_new_farm_keeps_the_old_store() {
    let (folder, path) = file();
    let first = lead(&path);
    let mut old = open(&path);
    old.append(&[Fact::JobCanceled { job: impasto_types::JobId(1), at: 1 }]).expect("it is kept");
    assert!(matches!(SqliteStore::begin(&path), Err(StoreError::InUse { .. })));
    drop(old);
    let mut new = SqliteStore::begin(&path).expect("it begins");
    new.load(&mut |stored| panic!("{stored:?} is of the old farm")).expect("it loads");
    assert_eq!(new.next_epoch().expect("it is read"), Epoch(first + 1));
    let aside = folder.path().join(format!("coordinator.sqlite.before-epoch-{}", first + 1));
    assert!(aside.exists());
}

#[test]
fn a_store_without_a_farm_gets_one() {
    let (_folder, path) = file();
    let earlier = Connection::open(&path).expect("it opens");
    earlier.execute_batch(SCHEMA).expect("they are made");
    earlier.execute_batch("DROP TABLE farm; INSERT INTO epochs VALUES (7)").expect("it is set");
    drop(earlier);
    assert_eq!(lead(&path), 8);
    assert_eq!(lead(&path), 9);
    assert!(FarmFile::beside(&path).path().exists());
}
