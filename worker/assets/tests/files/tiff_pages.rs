//! Of a TIFF the full page is painted, what cannot be read is named, and tags come back.

use impasto_assets::{Limits, Orientation, decode, read_header};
use impasto_types::{ContainerFormat, FileTrait};

use crate::fixtures::checks::{
    EXTRA_SAMPLES, GRAY, HEIGHT, PIXELS, RGB, SAMPLE_FORMAT, WIDTH, raster, read, traits, values,
    written,
};
use crate::fixtures::tiff::{LONG, Layout, Page, Raster, SHORT, file};

#[test]
fn the_full_page_is_painted() {
    const KIND: u16 = 254;
    const OLD_KIND: u16 = 255;
    let full = || raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
    let small = || {
        Raster { width: 4, height: 2, ..raster(3, 8) }.page(&values(24, 8), RGB, Layout::default())
    };
    let mask = || raster(1, 1).page(&values(PIXELS, 1), 4, Layout::default());
    let check = |pages: &[Page], width: usize| {
        for layout in [Layout::default(), Layout { big_endian: false, big: true }] {
            assert_eq!(read(&file(pages, layout), "pages").width as usize, width);
        }
    };
    check(&[small().with(KIND, LONG, &[1]), full()], WIDTH);
    check(&[full(), small().with(KIND, LONG, &[1])], WIDTH);
    check(&[small().with(OLD_KIND, SHORT, &[2]), full().with(OLD_KIND, SHORT, &[1])], WIDTH);
    check(
        &[
            small().with(KIND, LONG, &[1]),
            full().with(KIND, LONG, &[0]),
            small().with(KIND, LONG, &[3]),
        ],
        WIDTH,
    );
    check(&[full(), mask().with(KIND, LONG, &[4])], WIDTH);
    check(&[mask().with(KIND, LONG, &[4]), full()], WIDTH);
    // One of several pages, of which the file has only one.
    check(&[full().with(KIND, LONG, &[2])], WIDTH);
    // A pyramid without its base, and a thumbnail alone.
    check(&[small().with(KIND, LONG, &[1]), full().with(KIND, LONG, &[1])], WIDTH);
    check(&[small().with(KIND, LONG, &[1])], 4);

    let refused = |pages: &[Page], count: usize| {
        let bytes = file(pages, Layout::default());
        let expected =
            format!("`a.tif` has {count} pages, which is not supported yet: give single pictures");
        let error = decode(&bytes, "a.tif", &Limits::default()).expect_err("several pages");
        assert_eq!(error.to_string(), expected);
        let error = read_header(&bytes, "a.tif", &Limits::default()).expect_err("several pages");
        assert_eq!(error.to_string(), expected);
    };
    refused(&[full(), full()], 2);
    refused(&[full().with(KIND, LONG, &[2]), full().with(KIND, LONG, &[2])], 2);
    refused(&[full(), small().with(KIND, LONG, &[1]), full(), full()], 3);
}

#[test]
fn a_full_picture_in_a_subdirectory_is_painted() {
    let small = Raster { width: 4, height: 2, ..raster(3, 8) };
    let small = small.page(&values(24, 8), RGB, Layout::default()).with(254, LONG, &[1]);
    let full = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
    // The second page is taken out of the chain and named as a subdirectory of the first.
    let with_link =
        |at: u64| file(&[small.clone().with(330, LONG, &[at]), full.clone()], Layout::default());
    let mut bytes = with_link(0);
    let first = u32::from_le_bytes(*bytes[4..].first_chunk().expect("an offset")) as usize;
    let entries = usize::from(u16::from_le_bytes([bytes[first], bytes[first + 1]]));
    let link = first + 2 + 12 * entries;
    let second = u32::from_le_bytes(*bytes[link..].first_chunk().expect("an offset"));
    bytes = with_link(second.into());
    bytes[link..link + 4].fill(0);
    assert_eq!(read(&bytes, "a subdirectory").width as usize, WIDTH);
}

#[test]
fn a_refusal_says_what_a_file_holds() {
    let check = |page: Page, expected: &str| {
        let bytes = file(&[page], Layout::default());
        let expected = format!("`a.tif` is a tiff with {expected}, which is not supported");
        let error = read_header(&bytes, "a.tif", &Limits::default()).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
        let error = decode(&bytes, "a.tif", &Limits::default()).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    };
    let kind = |samples: usize, bits: usize, photometric: u64| {
        raster(samples, bits).page(&vec![0; samples * PIXELS], photometric, Layout::default())
    };
    let format = |samples: usize, bits: usize, format: u64| {
        kind(samples, bits, RGB).with(SAMPLE_FORMAT, SHORT, &vec![format; samples])
    };
    check(kind(3, 32, RGB), "32-bit integer samples");
    check(kind(1, 32, GRAY), "32-bit integer samples");
    check(format(3, 32, 1), "32-bit integer samples");
    check(kind(3, 64, RGB), "64-bit integer samples");
    check(format(3, 8, 2), "8-bit signed integer samples");
    check(format(3, 16, 2), "16-bit signed integer samples");
    check(format(3, 32, 2), "32-bit signed integer samples");
    check(format(3, 64, 3), "64-bit floating-point samples");
    check(format(3, 64, 6), "complex numbers as samples");
    check(kind(3, 8, RGB).with(SAMPLE_FORMAT, SHORT, &[1, 1, 3]), "samples of different formats");
    check(kind(3, 8, RGB).with(258, SHORT, &[5, 6, 5]), "samples of different depths");
    check(kind(1, 16, GRAY).with(258, SHORT, &[12]), "12-bit samples");
    check(kind(1, 16, 3), "16-bit palette indices");
    check(kind(1, 1, 4), "1-bit transparency mask and no picture");
    check(kind(4, 8, 5).with(332, SHORT, &[2]), "8-bit inks other than CMYK");
    check(kind(3, 8, 6), "YCbCr colours of reduced resolution");
    check(kind(3, 16, 6), "16-bit YCbCr colours");
    check(kind(3, 8, 8), "8-bit CIE L*a*b* colours");
    check(kind(3, 16, 9), "16-bit CIE L*a*b* colours");
    check(kind(1, 16, 32_803), "16-bit raw data of a camera's sensor");
    check(kind(1, 8, 99), "8-bit colours of the unknown kind 99");
    check(kind(1, 8, GRAY).with(266, SHORT, &[2]), "bits in reversed order (FillOrder 2)");
    check(kind(1, 8, GRAY).with(32_997, LONG, &[5]), "5 layers, a volume");
    for (code, name) in [
        (2, "CCITT run-length"),
        (3, "CCITT group 3 fax"),
        (6, "old-style JPEG"),
        (34_712, "JPEG 2000"),
        (34_887, "LERC"),
        (34_925, "LZMA"),
        (50_000, "zstd"),
        (50_001, "WebP"),
        (50_002, "JPEG XL"),
    ] {
        check(kind(1, 8, GRAY).with(259, SHORT, &[code]), &format!("{name} compression"));
    }
    check(kind(1, 8, GRAY).with(259, SHORT, &[777]), "the unknown compression 777");
}

#[test]
fn tags_come_back() {
    let mut page = raster(3, 8).page(&values(3 * PIXELS, 8), RGB, Layout::default());
    page.text(315, "Ann");
    page.text(33_432, "(c) Ann");
    for exif in 1..=8 {
        page.set(274, SHORT, &[exif]);
        let bytes = file(std::slice::from_ref(&page), Layout::default());
        let picture = read(&bytes, "tags");
        assert_eq!(picture.origin.orientation.exif(), exif as u16);
        assert_eq!((picture.width, picture.height), (WIDTH as u32, HEIGHT as u32));
        let again = written(&picture, ContainerFormat::Tiff);
        assert_eq!(read(&again, "tags").origin, picture.origin);
        let turned = picture.origin.orientation != Orientation::Normal;
        let expected: &[FileTrait] =
            if turned { &[FileTrait::Orientation, FileTrait::Text] } else { &[FileTrait::Text] };
        assert_eq!((traits(&bytes), traits(&again)), (expected.to_vec(), expected.to_vec()));
    }
    let five = raster(5, 8).page(&values(5 * PIXELS, 8), RGB, Layout::default());
    let five = file(&[five.with(EXTRA_SAMPLES, SHORT, &[2, 0])], Layout::default());
    assert_eq!(traits(&five), [FileTrait::ExtraSamples]);
}
