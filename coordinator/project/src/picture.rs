//! What a scan reads from an image file: its header, and whether the file is complete.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use impasto_assets::{AssetErrorKind, Header, Limits, header_of_path, verify};
use impasto_planner::ImageHeader;
use impasto_types::{ContainerFormat, error_text};

/// Whether a file that no longer changes is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    Whole,
    /// Why it is incomplete.
    Partial(String),
}

/// The header, or why the file cannot be used, as text that follows the file's name.
pub(crate) fn header(file: &Path) -> Result<ImageHeader, String> {
    let header = header_of_path(file, &Limits::default());
    header.map(image_header).map_err(|error| error_text(&error.kind))
}

/// What a plan needs of a header.
pub(crate) fn image_header(header: Header) -> ImageHeader {
    let Header { format, width, height, alpha, depth, orientation, traits, .. } = header;
    let (largest, layers) = (header.largest, header.layers);
    let swaps_sides = orientation.swaps_sides();
    let array = header.sheet.is_some_and(|sheet| !sheet.is_cube());
    ImageHeader { width, height, format, alpha, depth, swaps_sides, traits, largest, array, layers }
}

/// Whether a file that no longer changes is a complete picture, or only its beginning.
///
/// The last bytes of PNG and JPEG files decide. Other formats are decoded, and only errors that
/// truncation can cause count as incomplete: waiting would not repair other damage, which the build
/// reports better.
pub(crate) fn completeness(file: &Path) -> Completeness {
    let partial = |reason: &str| Completeness::Partial(reason.to_owned());
    let format = match header_of_path(file, &Limits::default()) {
        Ok(header) => header.format,
        Err(error) => {
            return match error.kind {
                // A copy starts as an empty file, or as one of the final length that is all zeros.
                AssetErrorKind::Empty
                | AssetErrorKind::Truncated
                | AssetErrorKind::NotAnImage
                | AssetErrorKind::Read(_) => Completeness::Partial(error_text(&error.kind)),
                _ => Completeness::Whole,
            };
        }
    };
    match format {
        ContainerFormat::Png if !ends_with(file, b"IEND", PNG_TAIL) => {
            partial("is truncated: a PNG ends in IEND")
        }
        ContainerFormat::Jpeg if !ends_with(file, &[0xff, 0xd9], JPEG_TAIL) => {
            partial("is truncated: a JPEG ends in an end-of-image marker")
        }
        ContainerFormat::Png | ContainerFormat::Jpeg => Completeness::Whole,
        ContainerFormat::Tga
        | ContainerFormat::Tiff
        | ContainerFormat::Webp
        | ContainerFormat::Bmp
        | ContainerFormat::Dds
        | ContainerFormat::Exr
        | ContainerFormat::Hdr
        | ContainerFormat::Qoi
        | ContainerFormat::Ktx2
        | ContainerFormat::Psd
        | ContainerFormat::Glb
        | ContainerFormat::Gltf => decodes(file),
    }
}

/// Room for the last chunk's name and checksum, and for bytes that programs append.
const PNG_TAIL: u64 = 64;

/// Room for padding and thumbnails that cameras and editors append.
const JPEG_TAIL: u64 = 4096;

/// Whether the last `tail` bytes contain `mark`.
fn ends_with(file: &Path, mark: &[u8], tail: u64) -> bool {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(tail)))?;
        let mut bytes = Vec::new();
        file.take(tail).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().is_ok_and(|bytes| bytes.windows(mark.len()).any(|window| window == mark))
}

fn decodes(file: &Path) -> Completeness {
    let limits = Limits::default();
    // Reading the header checked the limits. If the file has grown since, the next check finds
    // that.
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return Completeness::Partial(error_text(&AssetErrorKind::Read(error))),
    };
    match verify(&bytes, &file.display().to_string(), &limits) {
        Ok(_) => Completeness::Whole,
        Err(error) => match error.kind {
            AssetErrorKind::Truncated | AssetErrorKind::Damaged(_) => {
                Completeness::Partial(error_text(&error.kind))
            }
            _ => Completeness::Whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::png;
    use impasto_assets::{Origin, Picture, encode};
    use impasto_types::{OutputSpec, Part};

    #[test]
    fn truncated_files_of_every_format_are_partial() {
        let folder = tempfile::tempdir().expect("a folder");
        for format in ContainerFormat::pictures() {
            // Not uniform, so that every format needs some bytes for it.
            let rgb = (0..32 * 32 * 3_u32)
                .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as f32)
                .collect();
            let picture = Picture {
                width: 32,
                height: 32,
                rgb,
                alpha: None,
                extra: Vec::new(),
                origin: Origin::synthetic("a", format),
            };
            let whole = encode(&picture, OutputSpec { part: Part::Color, format, quality: 90 })
                .expect("it is encoded");
            let file = folder.path().join(format!("a.{format}"));
            fs::write(&file, &whole).expect("it is written");
            assert_eq!(completeness(&file), Completeness::Whole, "{format}");
            for length in [0, whole.len() / 2, whole.len() * 9 / 10] {
                fs::write(&file, &whole[..length]).expect("it is written");
                assert!(
                    matches!(completeness(&file), Completeness::Partial(_)),
                    "{format}, {length} of {}",
                    whole.len()
                );
            }
            // Some copying programs set the length before they write the bytes.
            fs::write(&file, vec![0; whole.len()]).expect("it is written");
            assert!(matches!(completeness(&file), Completeness::Partial(_)), "{format}, zeros");
        }
    }

    #[test]
    fn files_that_cannot_become_pictures_are_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in [
            ("pointer.png", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
            ("label.jpg", png(8, 8)),
            ("gif.png", b"GIF89a".to_vec()),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, bytes).expect("it is written");
            assert_eq!(completeness(&file), Completeness::Whole, "{name}");
            assert!(header(&file).is_err(), "{name}");
        }
    }
}
