//! What a picture takes in memory while it is decoded is what its header says: counted by an
//! allocator, in a test binary of its own.

// An allocator cannot be counted otherwise.
#![allow(unsafe_code)]

mod fixtures;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use impasto_assets::{Color, Limits, Origin, Picture, decode, encode, read_header, verify};
use impasto_types::{ContainerFormat, Depth, OutputSpec, Part};

const SIDE: u32 = 512;

/// What decoders take beside the pixels, at any size, and does not count.
const SLACK_BYTES: u64 = 1 << 20;

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

/// The most that `work` holds beyond what is held now, its result included.
fn peak_of<T>(work: impl FnOnce() -> T) -> u64 {
    let before = COUNTING.held.load(Ordering::Relaxed);
    COUNTING.peak.store(before, Ordering::Relaxed);
    drop(work());
    (COUNTING.peak.load(Ordering::Relaxed) - before) as u64
}

/// A file of noise, which no format packs well.
fn file(format: ContainerFormat, depth: Depth, color: Color, alpha: bool) -> Vec<u8> {
    let pixels = (SIDE * SIDE) as usize;
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 24) as f32
    };
    let rgb = match color {
        Color::Gray => (0..pixels).flat_map(|_| [next(); 3]).collect(),
        Color::Rgb => (0..3 * pixels).map(|_| next()).collect(),
    };
    let alpha = alpha.then(|| (0..pixels).map(|_| next() / 255.0).collect());
    let origin = Origin { depth, color, ..Origin::synthetic("a", format) };
    let picture = Picture { width: SIDE, height: SIDE, rgb, alpha, extra: Vec::new(), origin };
    encode(&picture, OutputSpec { part: Part::Color, format, quality: 90 }).expect("it encodes")
}

/// A model with these textures.
fn model(textures: &[(ContainerFormat, bool)], material: &str) -> Vec<u8> {
    let mut glb = fixtures::glb::Glb::default();
    for &(format, alpha) in textures {
        glb.painted(&file(format, Depth::Eight, Color::Rgb, alpha), material);
    }
    glb.file()
}

#[test]
fn decoding_takes_what_the_header_says() {
    let mut rows = Vec::new();
    for format in ContainerFormat::pictures() {
        for depth in [Depth::Eight, Depth::Sixteen, Depth::Float] {
            if format.depth_of(depth) != depth {
                continue;
            }
            for color in [Color::Gray, Color::Rgb] {
                for alpha in [false, true] {
                    if !alpha || format.holds_alpha() {
                        rows.push((format, depth, color, alpha));
                    }
                }
            }
        }
    }
    for (format, depth, color, alpha) in rows {
        let row = format!("{format} {depth:?} {color:?} alpha {alpha}");
        check(&row, &file(format, depth, color, alpha), 0);
    }
    let (png, jpeg, webp) = (ContainerFormat::Png, ContainerFormat::Jpeg, ContainerFormat::Webp);
    for textures in [&[(png, false)][..], &[(png, true)], &[(jpeg, false)], &[(webp, true)]] {
        for material in ["", r#","alphaMode":"BLEND""#] {
            let bytes = model(textures, material);
            // The file is kept for a result.
            check(&format!("glb {textures:?} {material}"), &bytes, bytes.len() as u64);
        }
    }
    let bytes = model(&[(png, true), (webp, false), (jpeg, false), (png, false)], "");
    check("glb of four", &bytes, bytes.len() as u64);
}

/// Compares what is taken with what a header says, beside `kept` bytes of the file.
fn check(row: &str, bytes: &[u8], kept: u64) {
    let limits = Limits::default();
    let footprint = read_header(bytes, "a", &limits).expect("it has a header").footprint();
    let decoding = peak_of(|| decode(bytes, "a", &limits).expect("it decodes")) - kept;
    let reading = peak_of(|| verify(bytes, "a", &limits).expect("it is whole"));
    let (said, said_reading) = (footprint.decoding_bytes(), footprint.reading_bytes());
    assert!(decoding <= said + SLACK_BYTES, "{row}: {decoding} of {said}");
    assert!(said <= 2 * decoding + 4 * SLACK_BYTES, "{row}: {said} for {decoding}");
    assert!(reading <= said_reading + SLACK_BYTES, "{row}: {reading} of {said_reading}");
}
