//! What image formats can hold, so that a picture that cannot be written is refused before it is
//! painted.

use serde::{Deserialize, Serialize};

use crate::{ContainerFormat, HexColor};

/// The type of an image's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    Eight,
    Sixteen,
    Float,
}

/// The properties that decide whether a picture can be written: those of an image's header, at the
/// size of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Whether there is an alpha channel.
    pub alpha: bool,
    /// The format of the asset.
    pub asset: ContainerFormat,
    /// Whether the asset is a large document (PSB), which stays one. A header does not say so: see
    /// [`ContainerFormat::is_large_at`].
    pub large: bool,
}

/// Why a picture cannot be written in a format. The text follows the picture's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotWrite {
    #[error("is a model, whose textures stay in their formats: it can be written as {0} only")]
    Model(ContainerFormat),
    #[error("is a picture, which cannot be written as {0}; choose {others}", others = pictures())]
    Picture(ContainerFormat),
    #[error(
        "is a cube map or an array, whose pictures stay in their format: it can be written as {0} \
         only"
    )]
    Sheet(ContainerFormat),
    #[error("has the colour key {1}, which {0} does not keep exactly; choose another format")]
    ColorKey(ContainerFormat, HexColor),
    #[error("has alpha, which {0} cannot hold; choose {others}", others = with_alpha())]
    Alpha(ContainerFormat),
    #[error(
        "would be {width} x {height} pixels, but {format} holds at most {max} a side; choose \
         another format or a smaller size"
    )]
    Side { format: ContainerFormat, width: u32, height: u32, max: u32 },
}

impl ContainerFormat {
    /// Whether the format has an alpha channel.
    pub fn holds_alpha(self) -> bool {
        match self {
            Self::Jpeg | Self::Hdr => false,
            Self::Png
            | Self::Tga
            | Self::Tiff
            | Self::Webp
            | Self::Bmp
            | Self::Dds
            | Self::Exr
            | Self::Qoi
            | Self::Ktx2
            | Self::Psd
            | Self::Glb
            | Self::Gltf => true,
        }
    }

    /// The longest side in pixels that the format's header can express; of a PSD that is no PSB.
    pub fn max_side(self) -> u32 {
        match self {
            // Signed 32-bit fields, or fields that decoders read as such.
            Self::Png
            | Self::Tiff
            | Self::Bmp
            | Self::Dds
            | Self::Hdr
            | Self::Qoi
            | Self::Ktx2
            // As its textures do.
            | Self::Glb
            | Self::Gltf => i32::MAX as u32,
            // Photoshop's own limit.
            Self::Psd => PSD_SIDE,
            // Windows at the middle of signed fields, as OpenEXR checks them.
            Self::Exr => i32::MAX as u32 / 2,
            // 16-bit fields.
            Self::Jpeg | Self::Tga => 65_535,
            // The limit of libwebp, and so of most programs that read the format.
            Self::Webp => 16_383,
        }
    }

    /// Whether a picture of this size in this format can only be a large document (PSB).
    pub fn is_large_at(self, width: u32, height: u32) -> bool {
        self == Self::Psd && width.max(height) > PSD_SIDE
    }

    /// Checks that a picture of this shape can be written in this format. Bit depth is never
    /// refused: in a format without 16 bits, levels are rounded to 8 bits.
    ///
    /// # Errors
    /// If the format cannot hold the picture; the error says why.
    pub fn can_write(self, shape: Shape) -> Result<(), CannotWrite> {
        let Shape { width, height, alpha, asset, large } = shape;
        if asset.is_model() && self != asset {
            return Err(CannotWrite::Model(asset));
        }
        if self.is_model() && self != asset {
            return Err(CannotWrite::Picture(self));
        }
        if alpha && !self.holds_alpha() {
            return Err(CannotWrite::Alpha(self));
        }
        let stays_large = large && self == Self::Psd && asset == self;
        let max = if stays_large { PSB_SIDE } else { self.max_side() };
        if width.max(height) > max {
            return Err(CannotWrite::Side { format: self, width, height, max });
        }
        Ok(())
    }
}

/// The longest side of a PSD and of a PSB in pixels, Photoshop's own limits.
const PSD_SIDE: u32 = 30_000;
const PSB_SIDE: u32 = 300_000;

/// The formats that hold alpha.
fn with_alpha() -> String {
    ContainerFormat::list(ContainerFormat::pictures().filter(|one| one.holds_alpha()), "or")
}

fn pictures() -> String {
    ContainerFormat::list(ContainerFormat::pictures(), "or")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_refused_for_its_alpha_or_its_size() {
        let check = |format: ContainerFormat, width, height, alpha, expected: &str| {
            let refused = format
                .can_write(Shape {
                    width,
                    height,
                    alpha,
                    asset: ContainerFormat::Png,
                    large: false,
                })
                .map_or_else(|error| error.to_string(), |()| String::new());
            assert_eq!(refused, expected, "{format} {width} x {height}, alpha {alpha}");
        };
        for format in ContainerFormat::pictures() {
            check(format, 16_383, 16_383, false, "");
        }
        let no_alpha = format!("has alpha, which jpg cannot hold; choose {}", with_alpha());
        assert!(no_alpha.contains("choose png, tga, tiff, webp, bmp, "), "{no_alpha}");
        check(ContainerFormat::Jpeg, 8, 8, true, &no_alpha);
        check(ContainerFormat::Webp, 8, 8, true, "");
        check(ContainerFormat::Jpeg, 65_535, 1, false, "");
        check(
            ContainerFormat::Webp,
            16,
            16_384,
            false,
            "would be 16 x 16384 pixels, but webp holds at most 16383 a side; choose another \
             format or a smaller size",
        );
    }

    #[test]
    fn only_a_large_document_becomes_one() {
        let (png, psd) = (ContainerFormat::Png, ContainerFormat::Psd);
        let check = |asset: ContainerFormat, own: u32, side: u32, expected: bool| {
            let large = asset.is_large_at(own, 1);
            let shape = Shape { width: 1, height: side, alpha: false, asset, large };
            assert_eq!(psd.can_write(shape).is_ok(), expected, "{asset} {own} {side}");
        };
        check(png, 32_768, 30_000, true);
        check(png, 32_768, 30_001, false);
        check(psd, 30_000, 30_000, true);
        check(psd, 30_000, 30_001, false);
        check(psd, 30_001, 32_768, true);
    }

    #[test]
    fn a_model_stays_one_and_a_picture_never_becomes_one() {
        let write = |asset, format: ContainerFormat| {
            format.can_write(Shape { width: 8, height: 8, alpha: false, asset, large: false })
        };
        let (png, glb) = (ContainerFormat::Png, ContainerFormat::Glb);
        assert_eq!(write(glb, glb), Ok(()));
        assert_eq!(write(glb, png), Err(CannotWrite::Model(glb)));
        assert_eq!(write(png, glb), Err(CannotWrite::Picture(glb)));
    }
}
