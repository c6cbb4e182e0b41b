//! Blobs in a folder: what is stored, refused, damaged and lent.

use super::*;

fn store(max_blob_bytes: u64) -> (tempfile::TempDir, LocalBlobs) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = LocalBlobs::open(folder.path(), max_blob_bytes).expect("it opens");
    (folder, store)
}

fn temporary_files(store: &LocalBlobs) -> usize {
    fs::read_dir(store.temp_folder()).expect("it can be listed").count()
}

#[test]
fn stored_bytes_are_read_back() {
    let (_folder, store) = store(1 << 30);
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
        let bytes = vec![7; length];
        let blob = store.put(&bytes).expect("it is stored");
        assert!(store.contains(blob));
        assert_eq!(store.read(blob).expect("it is read"), bytes);
    }
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn folders_that_somebody_removed_are_made_again() {
    let (folder, store) = store(1 << 30);
    let bytes = [5; 100];
    let blob = BlobRef::of(&bytes);
    let file = folder.path().join("file");
    fs::write(&file, bytes).expect("it is written");
    type Way<'a> = &'a dyn Fn() -> Result<(), BlobStoreError>;
    let ways: [(&str, Way<'_>); 6] = [
        ("put", &|| store.put(&bytes).map(drop)),
        ("put_cached", &|| store.put_cached(&bytes).map(drop)),
        ("put_all", &|| store.put_all(&[(blob, Bytes::from_static(&[5; 100]))]).remove(0)),
        ("put_file", &|| store.put_file(blob, &file)),
        ("writer", &|| {
            let mut writer = store.writer(blob)?;
            writer.write(&bytes)?;
            writer.finish().map(drop)
        }),
        ("draft", &|| {
            let mut draft = store.draft()?;
            draft.write(&bytes)?;
            draft.finish().map(drop)
        }),
    ];
    for (name, store_it) in ways {
        fs::remove_dir_all(store.folder.root()).expect("it is removed");
        store_it().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(store.read(blob).expect("it is read"), bytes, "{name}");
    }
}

#[test]
fn a_bad_blob_among_many_does_not_stop_the_others() {
    let (_folder, store) = store(1 << 30);
    let bytes: Vec<Bytes> = (0..100_u8).map(|fill| Bytes::from(vec![fill; 10])).collect();
    let mut blobs: Vec<_> = bytes.iter().map(|bytes| (BlobRef::of(bytes), bytes.clone())).collect();
    blobs[40].1 = Bytes::from_static(b"other byte");
    for (number, stored) in store.put_all(&blobs).into_iter().enumerate() {
        assert_eq!(stored.is_ok(), number != 40, "{number}: {stored:?}");
    }
    let names: Vec<BlobRef> = blobs.iter().map(|(blob, _)| *blob).collect();
    for (number, read) in store.read_all(&names).into_iter().enumerate() {
        assert_eq!(read.ok().as_deref(), (number != 40).then_some(&bytes[number][..]));
    }
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn a_draft_gets_its_name_from_its_bytes() {
    let (_folder, store) = store(10);
    let mut draft = store.draft().expect("it begins");
    draft.write(b"some ").expect("it is written");
    draft.write(b"bytes").expect("it is written");
    assert_eq!(draft.blob(), BlobRef::of(b"some bytes"));
    assert!(!store.contains(draft.blob()), "it is not finished");
    let blob = draft.finish().expect("it is stored");
    assert_eq!(store.read(blob).expect("it is read"), b"some bytes");
    let mut draft = store.draft().expect("it begins");
    draft.write(b"some bytes").expect("it is written");
    let error = draft.write(b"!").expect_err("it is too long");
    assert!(matches!(error, BlobStoreError::TooLarge { size_bytes: 11, .. }), "{error}");
    drop(draft);
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn only_blobs_that_do_not_exist_are_missing() {
    let (_folder, store) = store(1 << 30);
    let there = store.put(b"there").expect("it is stored");
    let longer = BlobRef { size_bytes: 6, ..there };
    let absent = BlobRef::of(b"absent");
    assert_eq!(store.missing(&[there, longer, absent]), [longer, absent]);
}

#[test]
fn bytes_that_differ_from_the_announced_blob_are_refused_and_leave_nothing() {
    let (_folder, store) = store(100);
    let blob = BlobRef::of(b"right");
    let store_as = |blob, bytes: &[u8]| {
        let mut writer = store.writer(blob)?;
        writer.write(bytes)?;
        writer.finish()
    };
    assert!(matches!(store_as(blob, b"wrong"), Err(BlobStoreError::Content { .. })));
    assert!(matches!(store_as(blob, b"righ"), Err(BlobStoreError::Length { actual: 4, .. })));
    assert!(matches!(store_as(blob, b"right!"), Err(BlobStoreError::Length { actual: 6, .. })));
    let large = BlobRef { size_bytes: 101, ..blob };
    assert!(matches!(
        store_as(large, b"right"),
        Err(BlobStoreError::TooLarge { max_blob_bytes: 100, .. })
    ));
    assert!(!store.contains(blob));
    assert_eq!(temporary_files(&store), 0);
    assert_eq!(store_as(blob, b"right").expect("the right bytes are stored"), blob);
}

#[test]
fn a_corrupt_blob_is_missing_and_can_be_stored_again() {
    let (_folder, store) = store(1 << 30);
    let bytes = vec![1; CHUNK_BYTES + 10];
    let blob = store.put(&bytes).expect("it is stored");
    let mut corrupt = bytes.clone();
    corrupt[CHUNK_BYTES] ^= 1;
    fs::write(store.path_of(blob.digest), &corrupt).expect("it is overwritten");

    assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
    assert!(!store.contains(blob));
    let aside = store.folder.corrupt().join(blob.digest.to_hex());
    assert_eq!(fs::read(aside).expect("it is kept"), corrupt);
    store.put(&bytes).expect("it is stored again");
    assert_eq!(store.read(blob).expect("it is read"), bytes);
}

#[test]
fn a_truncated_blob_is_missing() {
    let (_folder, store) = store(1 << 30);
    let blob = store.put(b"some bytes").expect("it is stored");
    fs::write(store.path_of(blob.digest), b"some").expect("it is cut");
    assert!(!store.contains(blob));
    assert!(matches!(store.read(blob), Err(BlobStoreError::Missing { .. })));
    store.put(b"some bytes").expect("it is stored again");
    assert_eq!(store.read(blob).expect("it is read"), b"some bytes");
}

#[test]
fn a_lent_file_serves_as_a_blob_while_it_is_unchanged() {
    let (folder, store) = store(1 << 30);
    let file = folder.path().join("wall.png");
    let bytes = vec![3; CHUNK_BYTES + 10];
    let blob = BlobRef::of(&bytes);
    assert!(matches!(store.lend(blob, &file), Err(BlobStoreError::Read { .. })));
    fs::write(&file, &bytes).expect("it is written");
    store.lend(blob, &file).expect("it is lent");
    assert!(store.clone().contains(blob));
    assert_eq!(store.read(blob).expect("it is read"), bytes);
    let copy = folder.path().join("copy.png");
    store.copy_to(blob, &copy).expect("it is copied");
    assert_eq!(fs::read(copy).expect("it is there"), bytes);

    let changed = vec![4; bytes.len()];
    fs::write(&file, &changed).expect("it is changed");
    let error = store.read(blob).expect_err("it is another file by now");
    assert!(matches!(&error, BlobStoreError::Changed { path, .. } if *path == file), "{error}");
    assert_eq!(fs::read(&file).expect("it is left alone"), changed);
    fs::write(&file, b"short").expect("it is changed");
    assert!(!store.contains(blob), "its length differs");
    assert!(matches!(store.lend(blob, &file), Err(BlobStoreError::Changed { .. })));

    fs::write(&file, &bytes).expect("it is changed back");
    let reopened = LocalBlobs::open(folder.path(), 1 << 30).expect("it opens");
    assert!(!reopened.contains(blob), "nothing was copied");
    store.put(&bytes).expect("it is stored");
    fs::remove_file(&file).expect("it is removed");
    assert_eq!(reopened.read(blob).expect("what is stored stays"), bytes);
}

#[test]
fn a_request_with_a_wrong_length_does_not_remove_the_blob() {
    let (_folder, store) = store(1 << 30);
    let blob = store.put(b"some bytes").expect("it is stored");
    for size_bytes in [0, 3, 11] {
        let read = store.read(BlobRef { size_bytes, ..blob });
        assert!(matches!(read, Err(BlobStoreError::Missing { .. })), "{size_bytes}");
    }
    assert_eq!(store.read(blob).expect("it is still there"), b"some bytes");
}
