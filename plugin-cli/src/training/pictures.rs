//! Style images and content pictures, from their files.

use std::io;
use std::path::{Path, PathBuf};

use impasto_assets::{AssetError, ColorSpace, Limits, Picture, decode};
use impasto_painter::{Source, photo};
use impasto_trainer::{Fit, Image, Photo};
use impasto_types::{ContainerFormat, Digest};
use rayon::prelude::*;
use walkdir::WalkDir;

/// Why pictures cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PicturesError {
    #[error("cannot read the style {}", path.display())]
    Style { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Image(#[from] AssetError),
    #[error("cannot list the pictures in {}", path.display())]
    List { path: PathBuf, source: walkdir::Error },
    #[error("{} is no folder", path.display())]
    NoFolder { path: PathBuf },
}

/// Pictures that are decoded before it is looked whether there is room for more.
const BATCH: usize = 64;

/// The pictures of a folder.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    pub(crate) photos: Vec<Photo>,
    /// How many were smaller than a square.
    pub(crate) enlarged: usize,
    /// Files that could not be read, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
    /// Files that there was no room for.
    pub(crate) left_out: usize,
}

/// A style image, and the digest of its file.
pub(crate) fn read_style(path: &Path) -> Result<(Image, Digest), PicturesError> {
    let bytes = std::fs::read(path)
        .map_err(|source| PicturesError::Style { path: path.to_owned(), source })?;
    let picture = decode(&bytes, &path.display().to_string(), &Limits::default())?.to_display();
    Ok((image(picture), Digest::of(&bytes)))
}

/// The pictures in a folder and those below it, for squares of `side` pixels, as far as there is
/// room for them in `most_bytes`. `own` are files of this run, which are no content.
pub(crate) fn read_contents(
    folder: &Path,
    side: usize,
    most_bytes: usize,
    own: &[PathBuf],
) -> Result<Pictures, PicturesError> {
    if !folder.is_dir() {
        return Err(PicturesError::NoFolder { path: folder.to_owned() });
    }
    let mut paths = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let entry =
            entry.map_err(|source| PicturesError::List { path: folder.to_owned(), source })?;
        let extension = entry.path().extension().map(|own| own.to_string_lossy().into_owned());
        let is_picture =
            extension.is_some_and(|own| ContainerFormat::from_extension(&own).is_some());
        if entry.file_type().is_file() && is_picture && !own.iter().any(|own| own == entry.path()) {
            paths.push(entry.into_path());
        }
    }
    let mut pictures = Pictures::default();
    let mut bytes = 0;
    for (index, batch) in paths.chunks(BATCH).enumerate() {
        if bytes > most_bytes {
            pictures.left_out = paths.len() - index * BATCH;
            break;
        }
        let read: Vec<_> = batch.par_iter().map(|path| (path, read_content(path, side))).collect();
        for (path, photo) in read {
            match photo {
                Ok((photo, fit)) => {
                    bytes += photo.rgb.len();
                    pictures.enlarged += usize::from(fit == Fit::Enlarged);
                    pictures.photos.push(photo);
                }
                Err(reason) => pictures.unreadable.push((path.clone(), reason)),
            }
        }
    }
    Ok(pictures)
}

fn read_content(path: &Path, side: usize) -> Result<(Photo, Fit), String> {
    let source = Source::read(path).map_err(|error| error.to_string())?;
    photo(&source, side).map_err(|error| impasto_types::error_text(&error))
}

/// The colours of a picture that is turned upright.
fn image(picture: Picture) -> Image {
    let space = ColorSpace::of(&picture.origin);
    let Picture { width, height, mut rgb, .. } = picture.upright();
    space.convert(&mut rgb, &ColorSpace::default());
    let mut image = Image { width: width as usize, height: height as usize, rgb };
    image.clamp();
    image
}
