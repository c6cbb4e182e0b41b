//! The client of blobs with a coordinator of an older version, which has no calls for small blobs.

use std::sync::atomic::Ordering;

use impasto_proto::client::{BlobError, Blobs, connect};
use impasto_types::BlobRef;

use crate::coordinator::{Coordinator, soon};

#[tokio::test]
async fn an_older_coordinator_gets_each_blob_by_itself() {
    let coordinator = Coordinator::start().await;
    let blobs = Blobs::new(connect(&coordinator.url).await.expect("it answers"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = |fill: u8| {
        let path = folder.path().join(fill.to_string());
        std::fs::write(&path, [fill; 100]).expect("it is written");
        (BlobRef::of(&[fill; 100]), path)
    };
    let mut files: Vec<_> = (0..5).map(file).collect();
    let sent = soon("uploading", blobs.upload_files(&files)).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");

    files.push((BlobRef::of(b"absent"), folder.path().join("absent")));
    let names: Vec<BlobRef> = files.iter().map(|(blob, _)| *blob).collect();
    let received = soon("downloading", blobs.download_all(&names)).await;
    assert_eq!(coordinator.store.downloads.load(Ordering::SeqCst), 5);
    for (fill, received) in (0..5).zip(&received) {
        assert_eq!(received.as_deref().expect("it is there"), [fill; 100]);
    }
    assert!(matches!(received[5], Err(BlobError::Missing { .. })), "{:?}", received[5]);
}
