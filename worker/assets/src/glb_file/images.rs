//! Images of a model's description, and where their bytes are.

use serde::Deserialize;

use super::document::{Document, Whole, element};
use super::{damaged, unsupported};
use crate::{AssetErrorKind, Wrap};

/// Bytes of the buffer, as a key: their start and their end.
pub(crate) type Key = (u64, u64);

/// Where an image is.
pub(super) enum Whereabouts {
    Here(Key),
    Elsewhere(String),
}

/// Finds the bytes of an image in the buffer in this file, which has `buffer` bytes.
pub(super) fn whereabouts(
    document: &Document<'_>,
    image: usize,
    buffer: u64,
) -> Result<Whereabouts, AssetErrorKind> {
    let found = element(&document.images, Whole(image as u64), "image")?;
    let Some(view) = found.buffer_view else {
        return match &found.uri {
            Some(uri) if uri.starts_with("data:") => {
                Err(unsupported("a texture in its description (a `data:` address)"))
            }
            Some(uri) => Ok(Whereabouts::Elsewhere(format!("`{uri}`"))),
            None => Err(damaged(format!("image {image} is nowhere"))),
        };
    };
    let view = element(&document.buffer_views, view, "buffer view")?;
    let holder = element(&document.buffers, view.buffer, "buffer")?;
    if view.buffer.0 != 0 || holder.uri.is_some() {
        let name = holder.uri.as_deref().unwrap_or("another buffer");
        return Ok(Whereabouts::Elsewhere(format!("{} in {name}", label(document, image))));
    }
    let range = view.range()?;
    if range.end > buffer || range.is_empty() {
        return Err(damaged(format!("image {image} is not within its buffer")));
    }
    Ok(Whereabouts::Here((range.start, range.end)))
}

/// How long the buffer in this file is, of which the chunk has `bin_bytes`.
pub(super) fn buffer_bytes(document: &Document<'_>, bin_bytes: u64) -> Result<u64, AssetErrorKind> {
    let buffer = document.own_buffer_bytes()?.unwrap_or(0);
    match buffer > bin_bytes {
        true => Err(damaged("its buffer is longer than the chunk of it")),
        false => Ok(buffer),
    }
}

/// The numbers of a texture's images: of the same picture, in several formats.
pub(super) fn images_of(
    document: &Document<'_>,
    texture: usize,
) -> Result<Vec<usize>, AssetErrorKind> {
    /// As EXT_texture_webp, KHR_texture_basisu, MSFT_texture_dds and others have it.
    #[derive(Deserialize)]
    struct Source {
        source: Whole,
    }
    let texture = element(&document.textures, Whole(texture as u64), "texture")?;
    let others = texture.extensions.values();
    let others = others.filter_map(|raw| serde_json::from_str::<Source>(raw.get()).ok());
    let mut images: Vec<usize> = others.map(|other| other.source.index()).collect();
    images.extend(texture.source.map(Whole::index));
    images.sort_unstable();
    images.dedup();
    Ok(images)
}

/// What surfaces show beyond the sides of a texture.
pub(super) fn wraps(document: &Document<'_>, texture: usize) -> Result<[Wrap; 2], AssetErrorKind> {
    let texture = element(&document.textures, Whole(texture as u64), "texture")?;
    let Some(sampler) = texture.sampler else { return Ok(<[Wrap; 2]>::default()) };
    let sampler = element(&document.samplers, sampler, "sampler")?;
    let wrap = |code: Option<Whole>| match code {
        Some(Whole(33_071)) => Wrap::Clamp,
        Some(Whole(33_648)) => Wrap::Mirror,
        _ => Wrap::Repeat,
    };
    Ok([wrap(sampler.wrap_s), wrap(sampler.wrap_t)])
}

/// An image's number, and its name if it has one.
pub(super) fn label(document: &Document<'_>, image: usize) -> String {
    match document.images.get(image).and_then(|image| image.name.as_deref()) {
        Some(name) if !name.is_empty() => format!("image {image} (`{name}`)"),
        _ => format!("image {image}"),
    }
}
