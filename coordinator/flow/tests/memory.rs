//! How much memory each asset of a build takes, counted by an allocator, in a test binary of its
//! own.

// An allocator cannot be counted otherwise.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use impasto_build::{Build, Busy, Event, Observer, ResultCache, SurveyRequest};
use impasto_types::{BlobRef, Digest, Output, RunReport, TaskResult};
use tokio_util::sync::CancellationToken;

/// So a build of 100,000 assets takes less than 200 MB, beside what it takes for one.
const BYTES_PER_ASSET: usize = 2_000;

/// More than a page of results, of which each build holds one.
const FEW: usize = 1_100;
const MANY: usize = 2_300;

/// The system's allocator, counting what is held and the most that was.
struct Counting {
    held: AtomicUsize,
    peak: AtomicUsize,
}

#[global_allocator]
static COUNTING: Counting = Counting { held: AtomicUsize::new(0), peak: AtomicUsize::new(0) };

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = self.held.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        self.peak.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most that `work` holds beyond what is held now.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = COUNTING.held.load(Ordering::Relaxed);
    COUNTING.peak.store(before, Ordering::Relaxed);
    work();
    COUNTING.peak.load(Ordering::Relaxed) - before
}

/// A cache in which one picture is the result of every action.
#[derive(Debug)]
struct Ready(Vec<u8>);

impl ResultCache for Ready {
    fn find(&self, _: Digest) -> Option<TaskResult> {
        let report = RunReport {
            iterations: 1,
            losses: None,
            compute_ms: 1,
            device: "nobody".to_owned(),
            warning: None,
        };
        let picture = Output::picture(BlobRef::of(&self.0), SIDE, SIDE);
        Some(TaskResult { outputs: vec![picture], report })
    }

    fn read(&self, _: &TaskResult) -> Option<Vec<Vec<u8>>> {
        Some(vec![self.0.clone()])
    }

    fn forget(&self, action: Digest) {
        panic!("the result of {action} is refused");
    }

    fn keep(&self, _: Digest, _: &TaskResult, _: &[&[u8]]) {}
}

struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: Event<'_>) {}
}

const SIDE: u32 = 16;

/// A picture that no other number has.
fn picture(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    let pixels = number.to_le_bytes().repeat((SIDE * SIDE * 3) as usize / size_of::<usize>());
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

fn make_project(folder: &Path, count: usize) {
    let write = |path: &str, bytes: &[u8]| {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("its folder is made");
        fs::write(file, bytes).expect("it is written");
    };
    let manifest = "[project]\nname = \"many\"\noutput = \"painted/{dir}/{name}\"\n\
        [styles.night]\nimages = \"styles/night.png\"\n\
        [[rules]]\nmatch = \"textures/**\"\nstyle = \"night\"\n";
    write("impasto.toml", manifest.as_bytes());
    write("styles/night.png", &picture(usize::MAX));
    for number in 0..count {
        write(&format!("textures/{:03}/asset_{number:06}.png", number / 1000), &picture(number));
    }
}

/// The most memory in bytes that a build takes whose results are all ready.
fn build(count: usize) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    make_project(folder.path(), count);
    let request = SurveyRequest {
        dir: folder.path().to_owned(),
        models_dir: Some(folder.path().join(".models")),
        ..SurveyRequest::default()
    };
    let ready = Ready(picture(0));
    peak_of(|| {
        let cancel = CancellationToken::new();
        let begun = Build::begin(&request, None, Busy::GiveUp, &Deaf, &cancel);
        let mut build = begun.expect("it begins");
        build.restore(&ready);
        let (_, outcome) = build.finish();
        assert_eq!((outcome.cached, outcome.open), (count, 0));
    })
}

#[test]
fn an_asset_takes_little_memory() {
    let (few, many) = (build(FEW), build(MANY));
    let each = many.saturating_sub(few) / (MANY - FEW);
    assert!(each < BYTES_PER_ASSET, "{each} bytes: {few} for {FEW}, {many} for {MANY}");
}
