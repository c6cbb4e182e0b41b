//! What the fuzz targets share. A file's format is found by its bytes, so each target reads all.

use impasto_assets::Limits;

/// Small, so that no input is slow: the time of a run is for many of them.
pub const SMALL: Limits = Limits { max_side: 2048, max_pixels: 1 << 14, max_file_bytes: 1 << 22 };
