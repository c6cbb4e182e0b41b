//! An asset's file, opened for painting: the colours that are painted, and what goes around them.

use impasto_assets::{AssetError, Limits, Origin, Picture, bleed, decode};
use impasto_engine::{Image, resize_plane};
use impasto_types::{ContainerFormat, Tileable};

use crate::paint::Source;

/// What an asset has beside the colours that are painted.
#[derive(Debug)]
pub(crate) struct Asset {
    width: usize,
    height: usize,
    alpha: Option<Vec<f32>>,
    origin: Origin,
    tileable: Tileable,
}

impl Asset {
    /// Opens an asset: its colours, and all else.
    pub(crate) fn open(source: &Source, tileable: Tileable) -> Result<(Image, Self), AssetError> {
        let Picture { width, height, rgb, alpha, origin } = decoded(source)?;
        let (width, height) = (width as usize, height as usize);
        Ok((Image { width, height, rgb }, Self { width, height, alpha, origin, tileable }))
    }

    /// A texture that is made from its style alone.
    pub(crate) fn texture(tileable: Tileable) -> Self {
        let origin = Origin::synthetic("the texture", ContainerFormat::Png);
        Self { width: 0, height: 0, alpha: None, origin, tileable }
    }

    /// Memory that it holds while it is painted.
    pub(crate) fn bytes(&self) -> u64 {
        self.alpha.as_ref().map_or(0, |alpha| 4 * alpha.len() as u64)
    }

    /// The painted colours with what the asset has beside them.
    pub(crate) fn finish(self, painted: Image) -> Picture {
        let Image { width, height, rgb } = painted;
        let wraps = (self.tileable.wraps_x(), self.tileable.wraps_y());
        let alpha = self.alpha.map(|alpha| {
            let mut alpha =
                resize_plane(&alpha, 1, (self.width, self.height), (width, height), wraps);
            alpha.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
            alpha
        });
        Picture { width: width as u32, height: height as u32, rgb, alpha, origin: self.origin }
    }
}

/// The colours of a picture that is looked at and not painted.
pub(crate) fn colors(source: &Source) -> Result<Image, AssetError> {
    let Picture { width, height, rgb, .. } = decoded(source)?;
    Ok(Image { width: width as usize, height: height as usize, rgb })
}

/// Colours under full transparency are filled from around them, so that neither the network nor a
/// renderer sees black holes.
fn decoded(source: &Source) -> Result<Picture, AssetError> {
    let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
    bleed(&mut picture);
    Ok(picture)
}
