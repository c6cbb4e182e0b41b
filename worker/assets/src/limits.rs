//! Limits on the size of pictures and files.

use impasto_types::MAX_SIDE;

use crate::AssetErrorKind;

/// Limits on files, checked against the header before memory is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest side, in pixels.
    pub max_side: u32,
    pub max_pixels: u64,
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_side: MAX_SIDE, max_pixels: MAX_PIXELS, max_file_bytes: MAX_FILE_BYTES }
    }
}

/// 16384 x 16384, the largest texture that common GPUs take; 3 GiB as a
/// [`Picture`](crate::Picture).
const MAX_PIXELS: u64 = 1 << 28;

/// [`MAX_PIXELS`] of the widest common pixel, 16-bit RGBA, not compressed.
const MAX_FILE_BYTES: u64 = MAX_PIXELS * 8;

/// The most that a decoder may allocate beside the pixels: profiles, comments, tables.
pub(crate) const METADATA_BYTES: u64 = 64 << 20;

impl Limits {
    /// Refuses a size that is empty or too large.
    pub(crate) fn check(&self, width: u32, height: u32) -> Result<(), AssetErrorKind> {
        if width == 0 || height == 0 {
            return Err(AssetErrorKind::NoPixels { width, height });
        }
        if width > self.max_side
            || height > self.max_side
            || u64::from(width) * u64::from(height) > self.max_pixels
        {
            return Err(AssetErrorKind::TooLarge {
                width,
                height,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
            });
        }
        Ok(())
    }

    /// Refuses a file that is too long.
    pub(crate) fn check_file(&self, bytes: u64) -> Result<(), AssetErrorKind> {
        if bytes > self.max_file_bytes {
            Err(AssetErrorKind::FileTooLarge { bytes, max: self.max_file_bytes })
        } else {
            Ok(())
        }
    }
}
