//! Thumbnails, made once for each file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Cursor, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits, RgbaImage};
use impasto_painter::Source;
use impasto_types::{ContainerFormat, Digest};

use super::PictureSize;
use super::lit::{Roughness, Surface, lit};
use crate::model_files::{read_in_one, with_files};

/// A picture in the folder of thumbnails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// Its name in that folder: only letters, digits, `-` and `.`.
    pub file: String,
    pub width: u32,
    pub height: u32,
}

/// Why a file has no thumbnail.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a thumbnail of {}", path.display())]
pub struct ThumbnailError {
    pub path: PathBuf,
    pub source: ImageError,
}

/// A folder of thumbnails named `DIGEST-SIDE-WIDTHxHEIGHT.jpg`, so that a page can be written
/// without opening them. SIDE is the size that was asked for.
#[derive(Debug)]
pub struct Thumbnails {
    folder: PathBuf,
    /// The files that were there at the start, by digest and side.
    kept: BTreeMap<String, Thumbnail>,
    digests: HashSet<Digest>,
    /// Those that were made since, by the same keys: thousands of cards share a style.
    made: Mutex<BTreeMap<String, Thumbnail>>,
    /// The files that were requested.
    used: Mutex<BTreeSet<String>>,
}

/// The files of a material.
#[derive(Debug)]
pub(super) struct SurfaceFiles {
    pub(super) colors: MapFile,
    pub(super) normals: MapFile,
    pub(super) roughness: Option<(MapFile, MapPlace)>,
}

/// A file, and the digest of its bytes.
#[derive(Debug)]
pub(super) struct MapFile {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
}

/// Where roughness is in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct MapPlace {
    pub(super) channel: usize,
    pub(super) is_smoothness: bool,
}

/// The most memory that a decoder may take. A larger picture is shown without its thumbnail.
const MAX_DECODED_BYTES: u64 = 1 << 30;
/// Shows no blocks. A picture that takes too many bytes gets the next quality, before it gets
/// smaller.
const JPEG_QUALITIES: [u8; 2] = [84, 70];
/// No picture of this side is too large for any limit.
const LEAST_SIDE: u32 = 16;

impl Thumbnails {
    /// Opens a folder, which need not exist yet.
    pub fn open(folder: PathBuf) -> Self {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let kept: BTreeMap<String, Thumbnail> = names.filter_map(parse).collect();
        let digest = |key: &String| key.split('-').next()?.parse().ok();
        let digests = kept.keys().filter_map(digest).collect();
        Self { folder, kept, digests, made: Mutex::default(), used: Mutex::default() }
    }

    /// Whether there was a thumbnail of a file with this digest at the start.
    pub fn had(&self, digest: Digest) -> bool {
        self.digests.contains(&digest)
    }

    /// The thumbnail of the image at `path`, whose bytes have this digest, within the limits of
    /// `size`.
    ///
    /// # Errors
    /// If the file cannot be decoded, or the thumbnail cannot be written.
    pub fn of(
        &self,
        path: &Path,
        digest: Digest,
        size: PictureSize,
    ) -> Result<Thumbnail, ThumbnailError> {
        let digest = with_files(path, digest);
        self.kept_or_made(path, digest, size, || decode(path, Content::Colors))
    }

    fn kept_or_made(
        &self,
        path: &Path,
        digest: Digest,
        size: PictureSize,
        picture: impl FnOnce() -> Result<DynamicImage, ImageError>,
    ) -> Result<Thumbnail, ThumbnailError> {
        let key = format!("{}-{}", digest.to_hex(), size.side_px);
        let fits = |kept: &&Thumbnail| {
            let kept = fs::metadata(self.folder.join(&kept.file));
            kept.is_ok_and(|kept| kept.len() <= size.max_bytes as u64)
        };
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.kept.get(&key).filter(fits).cloned();
        let known = known.or_else(|| made().get(&key).cloned());
        let thumbnail = match known {
            Some(thumbnail) => thumbnail,
            None => {
                let thumbnail = picture()
                    .and_then(|picture| self.make(picture, &key, size))
                    .map_err(|source| ThumbnailError { path: path.to_owned(), source })?;
                made().insert(key, thumbnail.clone());
                thumbnail
            }
        };
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(thumbnail.file.clone());
        Ok(thumbnail)
    }

    /// The thumbnail of a material under a light.
    ///
    /// # Errors
    /// If a file cannot be decoded, or the thumbnail cannot be written.
    pub(super) fn lit(
        &self,
        maps: &SurfaceFiles,
        size: PictureSize,
    ) -> Result<Thumbnail, ThumbnailError> {
        let SurfaceFiles { colors, normals, roughness } = maps;
        let rough = roughness.as_ref().map(|(file, place)| (file.digest, *place));
        let key = format!("a lit ball: {} {} {rough:?}", colors.digest, normals.digest);
        let shade = || {
            // The ball and the board are beside each other.
            let map = |file: &MapFile| decode(&file.path, Content::Vectors);
            let roughness = roughness.as_ref().map(|(file, place)| {
                let MapPlace { channel, is_smoothness } = *place;
                Ok::<_, ImageError>(Roughness { map: map(file)?, channel, is_smoothness })
            });
            Ok(lit(Surface {
                colors: shrink(decode(&colors.path, Content::Colors)?, size.side_px / 2),
                normals: map(normals)?,
                roughness: roughness.transpose()?,
            }))
        };
        self.kept_or_made(&colors.path, Digest::of(key.as_bytes()), size, shade)
    }

    fn make(
        &self,
        picture: DynamicImage,
        key: &str,
        size: PictureSize,
    ) -> Result<Thumbnail, ImageError> {
        let Encoded { bytes, extension, width, height } = fit(picture, size)?;
        let file = format!("{key}-{width}x{height}.{extension}");
        fs::create_dir_all(&self.folder)?;
        // Written under a temporary name, so that a file with the right name is complete.
        let mut written = tempfile::NamedTempFile::new_in(&self.folder)?;
        written.write_all(&bytes)?;
        written.persist(self.folder.join(&file)).map_err(|error| error.error)?;
        Ok(Thumbnail { file, width, height })
    }

    /// Removes the thumbnails that were not requested since the folder was opened.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn remove_unused(&self) -> io::Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in fs::read_dir(&self.folder).into_iter().flatten() {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| used.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Parses a file's name into its key and thumbnail.
fn parse(file: String) -> Option<(String, Thumbnail)> {
    let (name, extension) = file.rsplit_once('.')?;
    let (key, size) = name.rsplit_once('-')?;
    let (width, height) = size.split_once('x')?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    let key = key.to_owned();
    ["jpg", "png"].contains(&extension).then_some((key, Thumbnail { file, width, height }))
}

/// A picture as a data URI, for a page of one file. `path` is its name, of which the extension may
/// say the format.
///
/// # Errors
/// If it cannot be decoded.
pub(crate) fn embedded(
    bytes: &[u8],
    path: &Path,
    size: PictureSize,
) -> Result<String, ThumbnailError> {
    let fitted = decode_from(Cursor::new(bytes), path, Content::Colors)
        .and_then(|picture| fit(picture, size));
    let Encoded { bytes, extension, .. } =
        fitted.map_err(|source| ThumbnailError { path: path.to_owned(), source })?;
    let format = if extension == "png" { "png" } else { "jpeg" };
    Ok(format!("data:image/{format};base64,{}", STANDARD.encode(bytes)))
}

/// What the numbers of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// What is shown: light becomes levels.
    Colors,
    Vectors,
}

fn decode(path: &Path, content: Content) -> Result<DynamicImage, ImageError> {
    decode_from(BufReader::new(fs::File::open(path)?), path, content)
}

/// Whether a file's name says that it is of a format that `image` reads in part only, or not at all
/// in this program. Of sound TIFFs with separate planes in tiles, `tiff` 0.11.3 panics on some.
fn is_of_assets(path: &Path) -> bool {
    use ContainerFormat as F;
    let named = path.extension().and_then(|extension| extension.to_str());
    let format = named.and_then(F::from_extension);
    let own = |format| !matches!(format, F::Png | F::Jpeg | F::Tga | F::Webp | F::Bmp);
    format.is_some_and(own)
}

fn decode_by_assets(
    mut reader: impl BufRead,
    path: &Path,
    content: Content,
) -> Result<DynamicImage, ImageError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    // A picture takes twelve bytes a pixel there, alpha four, and four here.
    let max_pixels = MAX_DECODED_BYTES / 20;
    let limits = impasto_assets::Limits { max_pixels, ..Default::default() };
    // A model shows the textures that it names.
    let source = Source { name: path.display().to_string(), bytes };
    let picture = read_in_one(path, source)
        .and_then(|Source { name, bytes }| impasto_assets::decode(&bytes, &name, &limits));
    let mut picture = picture.map_err(|error| ImageError::IoError(io::Error::other(error)))?;
    picture.origin.is_data = content == Content::Vectors;
    let picture = picture.to_display();
    let level = |level: f32| level.round().clamp(0.0, 255.0) as u8;
    let alpha = |at: usize| picture.alpha.as_ref().map_or(255, |alpha| level(255.0 * alpha[at]));
    let pixels = picture.rgb.chunks_exact(3).enumerate();
    let rgba =
        pixels.flat_map(|(at, own)| [level(own[0]), level(own[1]), level(own[2]), alpha(at)]);
    let image = RgbaImage::from_vec(picture.width, picture.height, rgba.collect())
        .map(DynamicImage::from)
        .unwrap_or_default();
    Ok(if picture.alpha.is_some() { image } else { image.into_rgb8().into() })
}

fn decode_from(
    bytes: impl BufRead + Seek,
    path: &Path,
    content: Content,
) -> Result<DynamicImage, ImageError> {
    if is_of_assets(path) {
        return decode_by_assets(bytes, path, content);
    }
    let mut reader = ImageReader::new(bytes).with_guessed_format()?;
    if reader.format().is_none()
        && let Ok(format) = ImageFormat::from_path(path)
    {
        // TGA has no magic number, so its extension decides.
        reader.set_format(format);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    reader.decode()
}

/// 8 bits a channel, at most `side` pixels; smaller pictures keep their size.
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

struct Encoded {
    bytes: Vec<u8>,
    extension: &'static str,
    width: u32,
    height: u32,
}

/// The picture as a file within the limits of `size`.
fn fit(picture: DynamicImage, size: PictureSize) -> Result<Encoded, ImageError> {
    let mut small = shrink(picture, size.side_px);
    loop {
        let (bytes, extension) = encode(&small, size.max_bytes)?;
        let (width, height) = (small.width(), small.height());
        let side = width.max(height);
        if bytes.len() <= size.max_bytes || side <= LEAST_SIDE {
            return Ok(Encoded { bytes, extension, width, height });
        }
        // Bytes follow the area, roughly.
        let ratio = (size.max_bytes as f64 / bytes.len() as f64).sqrt();
        let fitting = (f64::from(side) * ratio.clamp(0.5, 0.9)) as u32;
        small = shrink(small, fitting.max(LEAST_SIDE));
    }
}

/// The file and its extension: PNG if there is alpha, otherwise JPEG, of lower quality if it would
/// take more than `max_bytes`.
fn encode(picture: &DynamicImage, max_bytes: usize) -> Result<(Vec<u8>, &'static str), ImageError> {
    let mut bytes = Vec::new();
    if picture.color().has_alpha() {
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        return Ok((bytes, "png"));
    }
    for quality in JPEG_QUALITIES {
        bytes.clear();
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
        if bytes.len() <= max_bytes {
            break;
        }
    }
    Ok((bytes, "jpg"))
}

#[cfg(test)]
mod tests {
    use impasto_types::SplitMix64;

    use super::*;

    const SMALL: PictureSize = PictureSize { side_px: 64, max_bytes: 60_000 };

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it can be listed");
        entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn alpha_and_shape_are_kept_and_thumbnails_are_reused() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = folder.path().join("thumbnails");
        for (name, picture, size, extension) in [
            ("wide.png", DynamicImage::new_rgba16(200, 100), (64, 32), ".png"),
            ("tall.bmp", DynamicImage::new_rgb8(100, 200), (32, 64), ".jpg"),
            ("small.png", DynamicImage::new_luma8(10, 20), (10, 20), ".jpg"),
        ] {
            let path = folder.path().join(name);
            picture.save(&path).expect("it is written");
            let digest = Digest::of(name.as_bytes());
            let made = Thumbnails::open(kept.clone()).of(&path, digest, SMALL).expect("an image");
            assert_eq!((made.width, made.height), size, "{name}");
            assert!(made.file.ends_with(extension), "{}", made.file);
            let read = image::open(kept.join(&made.file)).expect("it is an image");
            assert_eq!((read.width(), read.height()), size, "{name}");
            fs::remove_file(&path).expect("it is removed");
            let again = Thumbnails::open(kept.clone()).of(&path, digest, SMALL);
            assert_eq!(again.expect("it was kept"), made);
        }
    }

    #[test]
    fn thumbnails_of_earlier_contents_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, kept) = (folder.path().join("a.png"), folder.path().join("thumbnails"));
        DynamicImage::new_rgb8(8, 8).save(&path).expect("it is written");
        let of = |thumbnails: &Thumbnails, text: &str| {
            thumbnails.of(&path, Digest::of(text.as_bytes()), SMALL).expect("an image").file
        };
        let first = Thumbnails::open(kept.clone());
        let (old, same) = (of(&first, "old"), of(&first, "same"));
        fs::write(kept.join("cut short"), "by a crash").expect("it is written");
        let second = Thumbnails::open(kept.clone());
        assert_eq!(of(&second, "same"), same);
        let new = of(&second, "new");
        second.remove_unused().expect("they can be removed");
        let names = names(&kept);
        assert!(names.len() == 2 && names.contains(&same) && names.contains(&new), "{names:?}");
        assert!(!names.contains(&old));
    }

    #[test]
    fn a_picture_that_compresses_badly_gets_smaller() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut noise = SplitMix64::new(7);
        let mut noisy = image::RgbaImage::new(300, 150);
        noisy.fill_with(|| noise.next_u64() as u8);
        for (name, picture) in [
            ("opaque.png", DynamicImage::from(noisy.clone()).into_rgb8().into()),
            ("transparent.png", DynamicImage::from(noisy)),
        ] {
            let path = folder.path().join(name);
            picture.save(&path).expect("it is written");
            let size = PictureSize { side_px: 256, max_bytes: 15_000 };
            let thumbnails = Thumbnails::open(folder.path().join("thumbnails"));
            let made = thumbnails.of(&path, Digest::of(name.as_bytes()), size).expect("an image");
            let file = folder.path().join("thumbnails").join(&made.file);
            let bytes = fs::metadata(file).expect("it is written").len();
            assert!((4_000..=15_000).contains(&bytes), "{name}: {bytes} bytes of {made:?}");
            assert!(made.width.abs_diff(2 * made.height) <= 1 && made.width < 256, "{made:?}");
        }
    }

    #[test]
    fn an_error_names_the_file_that_is_no_image() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        fs::write(&path, b"not an image").expect("it is written");
        let error = Thumbnails::open(folder.path().to_owned())
            .of(&path, Digest::of(b""), SMALL)
            .expect_err("it is none");
        assert!(error.to_string().ends_with("a.png"), "{error}");
    }
}
