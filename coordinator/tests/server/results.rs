//! Results that are not what their actions make.

use impasto_proto::v1::report::Outcome;
use impasto_proto::v1::task_state::State;
use impasto_proto::{client, to_proto, v1};
use impasto_types::{Output, Part, TaskSpec};

use crate::support::{FakeWorker, Running, SIDE, painted, result_with, settings, task};

/// A PNG with these pixels, all alike.
fn png(side: u32, depth: png::BitDepth, color: png::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().expect("a header");
    let samples = color.samples() * side as usize * side as usize;
    let bytes_of_each = if depth == png::BitDepth::Sixteen { 2 } else { 1 };
    writer.write_image_data(&vec![7; samples * bytes_of_each]).expect("the pixels");
    writer.finish().expect("the end");
    bytes
}

/// The header of a PNG of 16384 x 16384 pixels, and next to nothing after it.
fn bomb() -> Vec<u8> {
    let mut bytes = png(SIDE, png::BitDepth::Eight, png::ColorType::Rgb);
    bytes[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let sum = crc(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&sum);
    bytes
}

/// The checksum of a PNG's chunk.
fn crc(bytes: &[u8]) -> u32 {
    let table = |byte: u32| {
        (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    };
    let step = |sum: u32, byte: &u8| table((sum ^ u32::from(*byte)) & 0xff) ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}

/// A task for a PNG of 16 bits and 32 x 32 pixels.
async fn deep_task(running: &Running, name: &str) -> TaskSpec {
    let asset = png(SIDE, png::BitDepth::Sixteen, png::ColorType::Rgb);
    let blob = impasto_types::BlobRef::of(&asset);
    running.blobs().upload(blob, asset.into()).await.expect("it is uploaded");
    task(name, blob, running.upload(b"style").await)
}

/// What a worker sends, and what the coordinator says about it; `None` if it takes it.
#[derive(Clone)]
struct Sent {
    what: &'static str,
    files: Vec<(Part, Vec<u8>, u32)>,
    refused: Option<&'static str>,
}

fn sent() -> Vec<Sent> {
    let one = |what, bytes: Vec<u8>, refused| Sent {
        what,
        files: vec![(Part::Color, bytes, SIDE)],
        refused,
    };
    let (sixteen, rgb) = (png::BitDepth::Sixteen, png::ColorType::Rgb);
    let good = png(SIDE, sixteen, rgb);
    let half = good[..good.len() - 40].to_vec();
    let mut jpeg = b"\xff\xd8\xff\xe0".to_vec();
    jpeg.resize(200, 0);
    vec![
        one("text", b"painted".to_vec(), Some("is not an image")),
        one("no bytes", Vec::new(), Some("is empty")),
        one("a truncated PNG", half, Some("is truncated")),
        one("half a JPEG", jpeg, Some("the worker's result is not accepted")),
        one("another size", png(SIDE * 2, sixteen, rgb), Some("64 x 64 pixels")),
        one("8 bits", png(SIDE, png::BitDepth::Eight, rgb), Some("8 bits a sample")),
        one("alpha", png(SIDE, sixteen, png::ColorType::Rgba), Some("with alpha")),
        one("a bomb", bomb(), Some("16384 x 16384 pixels")),
        Sent {
            what: "another size than announced",
            files: vec![(Part::Color, good.clone(), SIDE + 1)],
            refused: Some("announced with 33 x 33"),
        },
        Sent {
            what: "another part",
            files: vec![(Part::Normal, good.clone(), SIDE)],
            refused: Some("the parts normal"),
        },
        Sent {
            what: "too many parts",
            files: vec![(Part::Color, good.clone(), SIDE), (Part::Normal, good.clone(), SIDE)],
            refused: Some("the parts color, normal"),
        },
        one("what is asked for", good, None),
    ]
}

impl FakeWorker {
    async fn send(&mut self, lease: &v1::Lease, sent: &Sent) {
        let mut outputs = Vec::new();
        for (part, bytes, side) in &sent.files {
            let blob = self.upload(bytes.clone()).await;
            outputs.push(Output { part: *part, ..Output::picture(blob, *side, *side) });
        }
        let result = to_proto::task_result(&result_with(outputs));
        self.report(lease, Outcome::Succeeded(result)).await;
    }
}

#[tokio::test]
async fn only_what_the_action_asks_for_is_accepted() {
    for (number, sent) in sent().into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let running = Running::start(settings(folder.path())).await;
        let spec = deep_task(&running, "a.png").await;
        let action = spec.action.digest();
        let job = running.submit("job", &[spec]).await.expect("it is taken in").job;
        let mut watcher = running.watch(job).await;
        let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
        let (lease, _) = worker.take().await;
        worker.send(&lease, &sent).await;
        let row = format!("{number}: {}", sent.what);
        let found = watcher.until(|state| match state {
            State::Succeeded(_) => Some(None),
            State::Ready(ready) if !ready.message.is_empty() => Some(Some(ready.message)),
            _ => None,
        });
        match (found.await, sent.refused) {
            (None, None) => {}
            (Some(message), Some(reason)) => assert!(message.contains(reason), "{row}: {message}"),
            (found, expected) => panic!("{row}: {found:?}, not {expected:?}"),
        }
        let asked = v1::FindResultsRequest { actions: vec![action.as_bytes().to_vec()] };
        let cached = client::jobs(running.channel.clone())
            .find_results(asked)
            .await
            .expect("it answers")
            .into_inner();
        assert_eq!(cached.results.len(), usize::from(sent.refused.is_none()), "{row}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_worker_that_sends_no_pictures_is_benched_and_another_paints() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let mut tasks = Vec::new();
    for name in ["a.png", "b.png", "c.png"] {
        tasks.push(running.task(name, name.as_bytes()).await);
    }
    let job = running.submit("job", &tasks).await.expect("it is taken in").job;
    let (mut sick, _) = FakeWorker::attach(&running, "sick", vec![]).await;
    let text = &sent()[0];
    for _ in 0..3 {
        let (lease, _) = sick.take().await;
        sick.send(&lease, text).await;
    }
    let listed = client::workers(running.channel.clone())
        .list_workers(v1::ListWorkersRequest {})
        .await
        .expect("it answers")
        .into_inner()
        .workers;
    let benched = listed[0].benched.as_ref().expect("it is benched");
    assert_eq!(listed[0].failures, 3);
    assert!(benched.reason.contains("is not an image"), "{}", benched.reason);
    let (mut well, _) = FakeWorker::attach(&running, "well", vec![]).await;
    for _ in 0..3 {
        let (lease, _) = well.take().await;
        well.succeed(&lease, b"painted").await;
    }
    let (summary, _) = running.watch_to_end(job).await;
    assert_eq!((summary.state.as_str(), summary.succeeded), ("succeeded", 3));
    running.stop().await;
}

#[tokio::test]
async fn a_result_is_forgotten_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let spec = running.task("a.png", b"a").await;
    let action = spec.action.digest().as_bytes().to_vec();
    let first =
        running.submit("first", std::slice::from_ref(&spec)).await.expect("it is taken in").job;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, _) = worker.take().await;
    worker.succeed(&lease, b"painted").await;
    assert_eq!(running.watch_to_end(first).await.0.state, "succeeded");
    let mut jobs = client::jobs(running.channel.clone());
    for there in [vec![action.clone()], vec![]] {
        let asked = v1::ForgetResultsRequest { actions: vec![action.clone()] };
        let forgotten = jobs.forget_results(asked).await.expect("it answers").into_inner();
        assert_eq!(forgotten.actions, there);
    }
    let again = running.submit("again", &[spec]).await.expect("it is taken in").job;
    let (lease, task) = worker.take().await;
    assert_eq!((lease.job, task.asset.as_str()), (again, "a.png"));
    assert_ne!(painted(b"painted"), painted(b"again"));
    worker.succeed(&lease, b"again").await;
    assert_eq!(running.watch_to_end(again).await.0.state, "succeeded");
    running.stop().await;
}
