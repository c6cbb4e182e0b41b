//! Blobs over the network.

use bytes::Bytes;
use impasto_coordinator::Settings;
use impasto_proto::client::{BlobError, Blobs};
use impasto_types::BlobRef;
use tonic::Code;

use crate::support::{Running, settings};

fn code(error: &BlobError) -> Option<Code> {
    match error {
        BlobError::Call { source, .. } => Some(source.code()),
        _ => None,
    }
}

#[tokio::test]
async fn uploaded_blobs_are_downloaded_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(&folder.path().join("data"))).await;
    let blobs = running.blobs();
    for length in [0, 1, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let bytes = Bytes::from((0..length).map(|index| (index % 251) as u8).collect::<Vec<_>>());
        let blob = BlobRef::of(&bytes);
        assert_eq!(blobs.find_missing(&[blob]).await.expect("it answers"), [blob]);
        let upper = folder.path().join("up");
        std::fs::write(&upper, &bytes).expect("it is written");
        blobs.upload_file(blob, &upper).await.expect("it is uploaded");
        assert_eq!(blobs.find_missing(&[blob]).await.expect("it answers"), []);
        assert_eq!(blobs.download(blob).await.expect("it is downloaded"), bytes);
        let lower = folder.path().join("down");
        blobs.download_to(blob, &lower).await.expect("it is downloaded");
        assert_eq!(std::fs::read(&lower).expect("it is there"), bytes);
    }
    running.stop().await;
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_not_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let running =
        Running::start(Settings { max_blob_bytes: 1 << 20, ..settings(folder.path()) }).await;
    let blobs = running.blobs();
    let blob = BlobRef::of(b"right");
    let upload = |blob, bytes: &'static [u8]| {
        let blobs = blobs.clone();
        async move {
            let bytes = Bytes::from_static(bytes);
            blobs.upload(blob, bytes).await.expect_err("it is refused")
        }
    };
    for (announced, sent) in [
        (blob, &b"wrong"[..]),
        (blob, b"righ"),
        (blob, b"right and more"),
        (BlobRef { size_bytes: (1 << 20) + 1, ..blob }, b"right"),
    ] {
        let error = upload(announced, sent).await;
        assert_eq!(code(&error), Some(Code::InvalidArgument), "{error:?}");
    }
    assert!(matches!(blobs.download(blob).await, Err(BlobError::Missing { .. })));

    // If the file cannot be read, this is the error that the caller sees.
    let absent = folder.path().join("absent");
    assert!(matches!(blobs.upload_file(blob, &absent).await, Err(BlobError::Read { .. })));
    running.stop().await;
}

#[tokio::test]
async fn a_corrupt_blob_is_missing_and_can_be_uploaded_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let blob = running.upload(b"some picture").await;
    let hex = blob.digest.to_hex();
    std::fs::write(folder.path().join("blobs").join(&hex[..2]).join(&hex), b"SOME picture")
        .expect("it is overwritten");

    let blobs = running.blobs();
    let target = folder.path().join("target.png");
    assert!(matches!(blobs.download_to(blob, &target).await, Err(BlobError::Missing { .. })));
    assert!(!target.exists());
    assert_eq!(blobs.find_missing(&[blob]).await.expect("it answers"), [blob]);
    running.upload(b"some picture").await;
    assert_eq!(blobs.download(blob).await.expect("it is back"), b"some picture");
    running.stop().await;
}

#[tokio::test]
async fn two_embedded_coordinators_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Running::start(Settings::embedded(folder.path())).await;
    let second = Running::start(Settings::embedded(folder.path())).await;
    let blob = first.upload(b"shared").await;
    assert_eq!(
        Blobs::new(second.channel.clone()).download(blob).await.expect("the other has it"),
        b"shared"
    );
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn small_and_large_blobs_are_transferred_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(&folder.path().join("data"))).await;
    let blobs = running.blobs();
    let lengths = (0..1_500).chain([256 << 10, (256 << 10) + 1, 3 << 20]);
    let contents: Vec<Vec<u8>> =
        lengths.map(|length| (0..length).map(|index| (index % 251) as u8).collect()).collect();
    let mut files: Vec<_> = contents
        .iter()
        .map(|bytes| (BlobRef::of(bytes), folder.path().join(bytes.len().to_string())))
        .collect();
    for ((_, path), bytes) in files.iter().zip(&contents) {
        std::fs::write(path, bytes).expect("it is written");
    }
    // Changed, gone, shorter than announced, and sent twice.
    std::fs::write(&files[100].1, [1; 100]).expect("it is written");
    std::fs::remove_file(&files[200].1).expect("it is removed");
    std::fs::write(&files[300].1, b"short").expect("it is written");
    files.push(files[400].clone());

    let sent = blobs.upload_files(&files).await;
    assert_eq!(sent.len(), files.len());
    for (number, sent) in sent.iter().enumerate() {
        match number {
            100 | 300 => assert_eq!(
                sent.as_ref().map_err(code).expect_err("it is refused"),
                Some(Code::InvalidArgument)
            ),
            200 => assert!(matches!(sent, Err(BlobError::Read { .. })), "{sent:?}"),
            _ => assert!(sent.is_ok(), "{number}: {sent:?}"),
        }
    }

    let names: Vec<BlobRef> = files.iter().map(|(blob, _)| *blob).collect();
    let received = blobs.download_all(&names).await;
    assert_eq!(received.len(), names.len());
    for (number, received) in received.into_iter().enumerate() {
        match number {
            100 | 200 | 300 => {
                assert!(matches!(received, Err(BlobError::Missing { .. })), "{received:?}");
            }
            _ => {
                let bytes = received.unwrap_or_else(|error| panic!("{number}: {error}"));
                assert_eq!(BlobRef::of(&bytes), names[number]);
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn calls_of_small_blobs_are_bounded() {
    use impasto_proto::limits::{SMALL_BLOB_BYTES, SMALL_BLOBS};
    use impasto_proto::v1::blobs_client::BlobsClient;
    use impasto_proto::{to_proto, v1};

    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let mut client = BlobsClient::new(running.channel.clone());
    let blob = to_proto::blob(&BlobRef::of(b"a"));
    let large =
        to_proto::blob(&BlobRef { size_bytes: SMALL_BLOB_BYTES as u64 + 1, ..BlobRef::of(b"a") });
    for blobs in [vec![blob.clone(); SMALL_BLOBS + 1], vec![large.clone()]] {
        let request = v1::DownloadSmallRequest { blobs: blobs.clone() };
        let refused = client.download_small(request).await.expect_err("it is refused");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        let small = |blob| v1::SmallBlob { blob: Some(blob), data: Bytes::from_static(b"a") };
        // The limit is that of the call, not of a message.
        let messages: Vec<_> = blobs
            .into_iter()
            .map(|blob| v1::UploadSmallRequest { blobs: vec![small(blob)] })
            .collect();
        let sent = client.upload_small(tokio_stream::iter(messages)).await;
        let refused = sent.expect_err("it is refused");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    running.stop().await;
}
