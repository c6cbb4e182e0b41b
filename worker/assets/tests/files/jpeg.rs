//! Every layout of scans, restarts and sampling factors of JPEG is read as libjpeg-turbo reads it,
//! or refused by name; what is cut off is refused. `jpeg/make.py` made the files.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_assets::{AssetErrorKind, Color, Limits, Picture, decode, read_header};
use impasto_types::FileTrait;

/// The largest difference from djpeg, in levels of 255. Decoders round differently.
const TOLERANCE: f32 = 6.0;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<Picture, AssetErrorKind> {
    let bytes = fs::read(path).expect("it is read");
    decode(&bytes, &path.display().to_string(), &Limits::default()).map_err(|error| error.kind)
}

/// The name of a file in the folder of a set of sampling factors.
fn name(path: &Path) -> String {
    path.strip_prefix(root()).expect("it is below").display().to_string().replace('\\', "/")
}

#[test]
fn all_layouts_are_read_as_libjpeg_reads_them() {
    let (mut files, mut refused) = (0, Vec::new());
    for folder in sorted(&root()).into_iter().filter(|path| path.join("expected.png").exists()) {
        let expected = read(&folder.join("expected.png")).expect("it decodes");
        for file in sorted(&folder) {
            if file.extension().is_none_or(|extension| extension != "jpg") {
                continue;
            }
            files += 1;
            let name = name(&file);
            match read(&file) {
                Ok(picture) => {
                    let size = (picture.width, picture.height);
                    assert_eq!(size, (expected.width, expected.height), "{name}");
                    let far = picture.rgb.iter().zip(&expected.rgb).map(|(a, b)| (a - b).abs());
                    let far = far.fold(0.0, f32::max);
                    assert!(far <= TOLERANCE, "{name} differs by {far} levels");
                    let color = if name.starts_with("grey") { Color::Gray } else { Color::Rgb };
                    assert_eq!(picture.origin.color, color, "{name}");
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(matches!(error, AssetErrorKind::NotSupported { .. }), "{name} {text}");
                    refused.push(format!("{name} {text}"));
                }
            }
        }
    }
    assert!(files > 300, "only {files} files");
    let reason = "is a jpg with separate scans of components with these sampling factors, which is \
        not supported";
    let expected = ["apart-block", "apart-row", "apart"]
        .map(|mode| format!("4x1-2x1-2x1/{mode}.jpg {reason}"));
    assert_eq!(refused, expected);
}

#[test]
fn codings_that_are_not_supported_are_named_by_header_and_decoder() {
    let check = |name: &str, what: &str| {
        let bytes = fs::read(root().join("refused").join(name)).expect("it is read");
        let expected = format!("`{name}` is a jpg with {what}, which is not supported");
        for error in [
            read_header(&bytes, name, &Limits::default()).expect_err("it is refused"),
            decode(&bytes, name, &Limits::default()).expect_err("it is refused"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    };
    check("arithmetic.jpg", "arithmetic coding");
    check("arithmetic-progressive.jpg", "arithmetic coding");
    check("12-bit.jpg", "12-bit samples");
    check("lossless.jpg", "lossless coding");
}

#[test]
fn a_cut_file_that_is_closed_by_an_end_marker_is_truncated() {
    for layout in
        ["baseline", "baseline-row", "apart", "partly", "progressive", "progressive-apart"]
    {
        for factors in ["2x2-1x1-1x1", "1x1-1x1-1x1", "1x1-2x1-2x1"] {
            let whole = fs::read(root().join(factors).join(layout).with_extension("jpg"))
                .expect("it is read");
            let first_scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]);
            let pixels = first_scan.expect("it has a scan") + 14;
            for length in (pixels..whole.len() - 3).step_by(5) {
                // Within a segment's head, the end marker is part of that.
                if whole[length - 20..length]
                    .windows(2)
                    .any(|pair| pair[0] == 0xff && pair[1] > 0xbf)
                {
                    continue;
                }
                let cut = [&whole[..length], &[0xff, 0xd9]].concat();
                let error = decode(&cut, "cut.jpg", &Limits::default())
                    .expect_err("a part is missing")
                    .to_string();
                assert_eq!(error, "`cut.jpg` is truncated", "{factors} {layout} at {length}");
            }
        }
    }
}

#[test]
fn coefficients_that_an_encoder_left_out_are_not_missing() {
    let picture = read(&root().join("chroma-means.jpg")).expect("it is whole");
    assert_eq!((picture.width, picture.height), (37, 29));
}

#[test]
fn bits_that_are_no_code_are_damage() {
    let mut bytes = fs::read(root().join("1x1-1x1-1x1/baseline.jpg")).expect("it is read");
    let scan = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).expect("it has a scan");
    bytes.splice(scan + 40..scan + 40, [0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0]);
    let error = decode(&bytes, "a.jpg", &Limits::default()).expect_err("it is damaged");
    assert!(matches!(error.kind, AssetErrorKind::Damaged(_)), "{error}");
}

#[test]
fn headers_name_what_a_written_jpeg_lacks() {
    let check = |name: &str, expected: &[FileTrait]| {
        let bytes = fs::read(root().join(name)).expect("it is read");
        let header = read_header(&bytes, name, &Limits::default()).expect("a header");
        assert_eq!(header.traits.iter().collect::<Vec<_>>(), expected, "{name}");
    };
    check("1x1-1x1-1x1/baseline.jpg", &[]);
    check("1x1-1x1-1x1/progressive.jpg", &[FileTrait::Progressive]);
    check("2x2-1x1-1x1/baseline.jpg", &[FileTrait::SubsampledChroma]);
    check("cmyk-444/baseline.jpg", &[FileTrait::Cmyk]);
    check(
        "ycck-420/progressive.jpg",
        &[FileTrait::Progressive, FileTrait::SubsampledChroma, FileTrait::Cmyk],
    );
    check("grey-2x2/baseline.jpg", &[]);
}
