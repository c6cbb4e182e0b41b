//! Every kind of EXR is read right, and comes back as it came.

use exr::prelude::{Compression, MetaData};
use impasto_assets::{AlphaKind, Color, Origin, Picture};
use impasto_types::{ContainerFormat, Depth, FileTrait};

use crate::fixtures::checks::assert_near;
use crate::fixtures::exr::{Exr, HALF, SINGLE, all, every_kind, read, traits, written};

/// What a second reader says of a file.
fn meta(bytes: &[u8]) -> MetaData {
    MetaData::read_from_buffered(bytes, true).expect("the second reader reads it")
}

#[test]
fn every_kind_is_read_right_and_comes_back_byte_for_byte() {
    for exr in every_kind() {
        let row = format!("{exr:?}");
        let file = exr.file(3);
        let picture = read(&file, &row);
        let alpha = picture.alpha.clone().unwrap_or_else(|| vec![1.0; picture.pixels()]);
        let mut extra = picture.extra.iter();
        let mut sorted = exr.channels.clone();
        sorted.sort_by_key(|(name, _)| *name);
        for (name, sample) in sorted {
            let mut expected = exr.samples(name, 3);
            let own = name.rsplit('.').next().expect("a part");
            let color = ["R", "G", "B"].iter().position(|color| *color == own);
            let found: Vec<f32> = match (own, color) {
                ("A", _) => alpha.clone(),
                _ if color.is_some() || exr.channels.len() == 1 => {
                    let pixels = picture.rgb.chunks_exact(3).zip(&alpha);
                    pixels.map(|(pixel, a)| pixel[color.unwrap_or(0)] / 255.0 * a).collect()
                }
                _ => extra.next().expect("a plane").clone(),
            };
            if sample == exr::prelude::SampleType::U32 {
                expected.iter_mut().for_each(|value| *value = (*value * 4096.0).trunc());
            }
            assert_near(&found, &expected, 1e-5, &format!("{row} {name}"));
        }
        let again = written(&picture);
        if exr.channels.iter().any(|(name, sample)| *sample == SINGLE && *name == "R") {
            // Within a last bit, since levels are 255 times as large.
            assert_near(&read(&again, &row).rgb, &picture.rgb, 1e-3, &row);
            assert_eq!(meta(&again), meta(&file), "{row}");
        } else {
            assert!(again == file, "{row}");
        }
    }
}

#[test]
fn what_is_lossy_is_read_and_comes_back_without_a_further_loss() {
    let rgba = || all(&["R", "G", "B", "A"], HALF);
    for (compression, channels, tolerance) in [
        (Compression::B44, rgba(), 0.05),
        (Compression::B44A, rgba(), 0.05),
        (Compression::DWAA(Some(45.0)), rgba(), 0.2),
        (Compression::DWAB(None), rgba(), 0.2),
        (Compression::PXR24, all(&["R", "G", "B", "A"], SINGLE), 1e-3),
    ] {
        let exr = Exr { compression, ..Exr::new(channels) };
        let row = format!("{exr:?}");
        let file = exr.file(9);
        assert!(traits(&file).contains(&FileTrait::Lossy), "{row}");
        let picture = read(&file, &row);
        let alpha = picture.alpha.as_ref().expect("alpha");
        let green: Vec<f32> = picture.rgb.chunks_exact(3).map(|pixel| pixel[1] / 255.0).collect();
        let green: Vec<f32> = green.iter().zip(alpha).map(|(green, alpha)| green * alpha).collect();
        assert_near(&green, &exr.samples("G", 9), tolerance, &row);
        let again = written(&picture);
        assert!(!traits(&again).contains(&FileTrait::Lossy), "{row}");
        assert_eq!(meta(&again).headers[0].compression, Compression::ZIP16, "{row}");
        assert_near(&read(&again, &row).rgb, &picture.rgb, 1e-3, &row);
    }
    // What these compressions leave as it is.
    let exr = Exr { compression: Compression::B44, ..Exr::new(all(&["R", "G", "B"], SINGLE)) };
    let again = written(&read(&exr.file(1), "B44 of single floats"));
    assert_eq!(meta(&again).headers[0].compression, Compression::B44);
}

#[test]
fn windows_and_attributes_come_back() {
    let exr = Exr {
        position: (-5, 7),
        display: Some(((0, 0), (64, 48))),
        ..Exr::new(all(&["R", "G", "B"], HALF))
    };
    let file = exr.file(2);
    let picture = read(&file, "windows");
    assert_eq!((picture.width, picture.height), (21, 37), "the data window is painted");
    assert_eq!(traits(&file), [FileTrait::ExrAttributes]);
    assert!(written(&picture) == file);
    // At twice the size the windows are twice as large.
    let mut large = picture.clone();
    (large.width, large.height) = (42, 74);
    large.rgb = vec![127.5; 3 * 42 * 74];
    let bytes = written(&large);
    let header = &meta(&bytes).headers[0];
    let display = header.shared_attributes.display_window;
    assert_eq!((header.layer_size.0, header.layer_size.1), (42, 74));
    assert_eq!(header.own_attributes.layer_position, (-10, 14).into());
    assert_eq!((display.position, display.size), ((0, 0).into(), (128, 96).into()));
    assert_eq!(header.own_attributes.owner, Some("me".into()));
    assert_eq!(read(&bytes, "twice as large").rgb, large.rgb);
}

#[test]
fn channels_follow_what_is_painted() {
    let names = |bytes: &[u8]| -> Vec<String> {
        let channels = &meta(bytes).headers[0].channels.list;
        channels.iter().map(|channel| channel.name.to_string()).collect()
    };
    let gray = read(&Exr::new(all(&["depth.Y", "mask.X"], HALF)).file(1), "grey");
    assert_eq!((gray.origin.color, gray.extra.len()), (Color::Gray, 1));
    let mut painted = gray.clone();
    painted.rgb[0] += 20.0;
    let painted = written(&painted);
    assert_eq!(names(&painted), ["depth.B", "depth.G", "depth.R", "mask.X"]);
    assert_eq!(read(&painted, "coloured").extra, gray.extra);
    // Grey beside a plane that has a colour's name.
    let mut gray = read(&Exr::new(all(&["R", "Y"], HALF)).file(1), "grey and red");
    gray.rgb[0] += 20.0;
    assert_eq!(names(&written(&gray)), ["B", "G", "R", "R.extra"]);
    // A picture that was no EXR.
    let colors = [10.0, 20.0, 30.0, 255.0, 0.0, 128.0];
    let mut picture = Picture {
        width: 2,
        height: 1,
        rgb: colors.to_vec(),
        alpha: Some(vec![0.5, 1.0]),
        extra: vec![vec![0.1, 0.2]],
        origin: Origin::synthetic("a", ContainerFormat::Png),
    };
    let bytes = written(&picture);
    assert_eq!(names(&bytes), ["A", "B", "G", "R", "extra.0"]);
    let back = read(&bytes, "from another format").to_display();
    assert_near(&back.rgb, &picture.rgb, 0.2, "halves");
    assert_eq!(back.origin.alpha_kind, AlphaKind::Associated);
    picture.origin.depth = Depth::Sixteen;
    let back = read(&written(&picture), "singles").to_display();
    assert_near(&back.rgb, &picture.rgb, 1e-3, "singles");
}

#[test]
fn light_where_alpha_is_zero_stays() {
    let exr = Exr { width: 2, height: 1, ..Exr::new(all(&["R", "G", "B", "A"], HALF)) };
    let file = exr.file_of(|name| if name == "A" { vec![0.0, 0.5] } else { vec![4.0, 0.25] });
    let picture = read(&file, "a flame");
    assert_eq!(picture.rgb, [1020.0, 1020.0, 1020.0, 127.5, 127.5, 127.5]);
    assert!(written(&picture) == file);
}

#[test]
fn infinity_is_a_distance_but_no_colour() {
    let far = |name: &str| {
        let value = if name == "Z" { f32::INFINITY } else { 0.5 };
        vec![value; 2]
    };
    let exr = Exr { width: 2, height: 1, ..Exr::new(all(&["R", "G", "B", "Z"], HALF)) };
    let file = exr.file_of(far);
    assert!(written(&read(&file, "a sky")) == file);
}
