//! Small pictures to embed, made once for each file.

use std::fs;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits};
use impasto_types::Digest;

/// A small picture that carries its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    pub data_uri: String,
    pub width: u32,
    pub height: u32,
}

/// Why a file has no thumbnail.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a small picture of {}", path.display())]
pub struct ThumbnailError {
    pub path: PathBuf,
    pub source: ImageError,
}

/// Makes thumbnails and keeps them in a folder, named by the digest of what they show.
#[derive(Debug)]
pub struct Thumbnails {
    folder: PathBuf,
    side: u32,
}

/// What a decoder may take. A picture that needs more is shown without its thumbnail.
const MAX_DECODED_BYTES: u64 = 1 << 30;
/// At this quality a thumbnail of 512 pixels takes about 60 KB and shows no blocks.
const JPEG_QUALITY: u8 = 84;

impl Thumbnails {
    /// Thumbnails whose longer side is at most `side` pixels.
    pub fn new(folder: PathBuf, side: u32) -> Self {
        Self { folder, side }
    }

    /// The thumbnail of the image at `path`, whose bytes have this digest.
    ///
    /// # Errors
    /// Where the file is no image that can be decoded. A thumbnail that cannot be kept is no error:
    /// it is made again next time.
    pub fn of(&self, path: &Path, digest: Digest) -> Result<Thumbnail, ThumbnailError> {
        let kept = self.folder.join(format!("{}-{}", digest.to_hex(), self.side));
        if let Some(thumbnail) = fs::read(&kept).ok().and_then(|bytes| embed(&bytes)) {
            return Ok(thumbnail);
        }
        let failed = |source| ThumbnailError { path: path.to_owned(), source };
        let small = shrink(decode(path).map_err(failed)?, self.side);
        let bytes = encode(&small).map_err(failed)?;
        let written = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&kept, &bytes));
        if let Err(error) = written {
            tracing::debug!("cannot keep {}: {error}", kept.display());
        }
        embed(&bytes).ok_or_else(|| {
            failed(ImageError::IoError(std::io::Error::other("the encoder wrote no image")))
        })
    }
}

fn decode(path: &Path) -> Result<DynamicImage, ImageError> {
    let file = BufReader::new(fs::File::open(path)?);
    let mut reader = ImageReader::new(file).with_guessed_format()?;
    if reader.format().is_none()
        && let Ok(format) = ImageFormat::from_path(path)
    {
        // TGA has no magic number; its name is all there is.
        reader.set_format(format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    reader.decode()
}

/// 8 bits a channel, at most `side` pixels; smaller pictures stay as they are.
fn shrink(picture: DynamicImage, side: u32) -> DynamicImage {
    let alpha = picture.color().has_alpha();
    let small = if picture.width().max(picture.height()) > side {
        picture.resize(side, side, FilterType::Triangle)
    } else {
        picture
    };
    if alpha {
        DynamicImage::ImageRgba8(small.into_rgba8())
    } else {
        DynamicImage::ImageRgb8(small.into_rgb8())
    }
}

fn encode(picture: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    if picture.color().has_alpha() {
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    } else {
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
    }
    Ok(bytes)
}

/// `None` where the bytes are not one of the two formats that `encode` writes.
fn embed(bytes: &[u8]) -> Option<Thumbnail> {
    let mime = match image::guess_format(bytes).ok()? {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        _ => return None,
    };
    let (width, height) =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_dimensions().ok()?;
    Some(Thumbnail {
        data_uri: format!("data:{mime};base64,{}", STANDARD.encode(bytes)),
        width,
        height,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_and_size_survive_and_the_second_time_is_from_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let thumbnails = Thumbnails::new(folder.path().join("thumbnails"), 64);
        for (name, picture, mime) in [
            ("wide.png", DynamicImage::new_rgba16(200, 100), "data:image/png"),
            ("tall.bmp", DynamicImage::new_rgb8(100, 200), "data:image/jpeg"),
        ] {
            let path = folder.path().join(name);
            picture.save(&path).expect("it is written");
            let digest = Digest::of(name.as_bytes());
            let made = thumbnails.of(&path, digest).expect("it is an image");
            assert_eq!(made.width.max(made.height), 64, "{name}");
            assert!(made.data_uri.starts_with(mime), "{name}");
            std::fs::remove_file(&path).expect("it is removed");
            assert_eq!(thumbnails.of(&path, digest).expect("it was kept"), made);
        }
    }

    #[test]
    fn what_is_no_image_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"not an image").expect("it is written");
        let error = Thumbnails::new(folder.path().to_owned(), 64)
            .of(&path, Digest::of(b""))
            .expect_err("it is none");
        assert!(error.to_string().ends_with("a.png"), "{error}");
    }
}
