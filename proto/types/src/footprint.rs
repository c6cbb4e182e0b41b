//! What a picture takes in memory, by its header alone.

use crate::{ContainerFormat, Depth};

/// What a file's header says about the memory that its picture takes once it is decoded: single
/// precision for three colours and every other sample, whatever the file stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    pub format: ContainerFormat,
    pub depth: Depth,
    /// Samples of each pixel beside its colours: alpha, and others in TIFF, TGA, EXR and PSD.
    pub planes: u32,
}

/// A sample of a decoded picture.
const SAMPLE_BYTES: u64 = 4;

/// What a decoder takes at any size: tables, and buffers of a few rows.
const DECODER_BYTES: u64 = 2 << 20;

impl Footprint {
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes of the decoded picture.
    pub fn held_bytes(self) -> u64 {
        self.held_bytes_per_pixel() * self.pixels()
    }

    /// The most bytes that decoding holds at once, the picture included and the file not.
    pub fn decoding_bytes(self) -> u64 {
        let held = self.held_bytes_per_pixel();
        let stored = self.stored_bytes_per_pixel();
        let per_pixel = match self.format {
            // The samples, then the picture beside them.
            ContainerFormat::Png
            | ContainerFormat::Bmp
            | ContainerFormat::Tga
            | ContainerFormat::Qoi
            | ContainerFormat::Ktx2
            | ContainerFormat::Psd => stored + held,
            // Straight from the file.
            ContainerFormat::Dds => held,
            // Straight from the file, and the exponents.
            ContainerFormat::Hdr => held + 1,
            // A chunk, which may be the whole picture, beside the picture.
            ContainerFormat::Exr => stored + held,
            // Coefficients of 16 bits of four components at most, beside the samples.
            ContainerFormat::Jpeg => u64::max(stored + held, stored + 4 * 2 + 4),
            // A pixel is four bytes in the decoder, beside the samples.
            ContainerFormat::Webp => u64::max(stored + held, stored + 3 * 4),
            // Colours are gathered from three planes.
            ContainerFormat::Tiff => stored + held + 3 * SAMPLE_BYTES,
            // A texture, which may be the whole picture and a JPEG, beside the picture.
            ContainerFormat::Glb | ContainerFormat::Gltf => {
                held + u64::max(stored + held, stored + 4 * 2 + 4)
            }
        };
        per_pixel * self.pixels() + DECODER_BYTES
    }

    /// The most bytes that reading all samples holds at once, without making a picture of them.
    pub fn reading_bytes(self) -> u64 {
        let stored = self.stored_bytes_per_pixel();
        let per_pixel = match self.format {
            // Row by row.
            ContainerFormat::Png | ContainerFormat::Dds | ContainerFormat::Hdr => 0,
            // The samples, and the coefficients of a progressive file.
            ContainerFormat::Jpeg => stored + 4 * 2,
            // A texture may be the whole picture, in any format.
            ContainerFormat::Glb | ContainerFormat::Gltf => stored + 3 * 4,
            ContainerFormat::Webp => stored + 3 * 4,
            // A chunk of an EXR may be the whole picture.
            ContainerFormat::Bmp
            | ContainerFormat::Tga
            | ContainerFormat::Tiff
            | ContainerFormat::Exr
            | ContainerFormat::Qoi
            | ContainerFormat::Ktx2
            | ContainerFormat::Psd => stored,
        };
        per_pixel * self.pixels() + DECODER_BYTES
    }

    fn held_bytes_per_pixel(self) -> u64 {
        SAMPLE_BYTES * (3 + u64::from(self.planes))
    }

    /// As a decoder hands out the samples; grey counts as colour.
    fn stored_bytes_per_pixel(self) -> u64 {
        let sample = match self.depth {
            Depth::Eight => 1,
            Depth::Sixteen => 2,
            Depth::Float => 4,
        };
        // CMYK has a fourth colour.
        let colors = match self.format {
            ContainerFormat::Jpeg
            | ContainerFormat::Tiff
            | ContainerFormat::Psd
            | ContainerFormat::Glb
            | ContainerFormat::Gltf => 4,
            ContainerFormat::Png
            | ContainerFormat::Tga
            | ContainerFormat::Webp
            | ContainerFormat::Bmp
            | ContainerFormat::Dds
            | ContainerFormat::Exr
            | ContainerFormat::Hdr
            | ContainerFormat::Qoi
            | ContainerFormat::Ktx2 => 3,
        };
        sample * (colors + u64::from(self.planes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_takes_single_precision_and_its_decoder_what_the_file_stores() {
        let side = |format, depth, planes| {
            let footprint = Footprint { width: 1024, height: 1024, format, depth, planes };
            let mib = |bytes: u64| (bytes - DECODER_BYTES) >> 20;
            (footprint.held_bytes() >> 20, mib(footprint.decoding_bytes()))
        };
        assert_eq!(side(ContainerFormat::Png, Depth::Eight, 0), (12, 15));
        assert_eq!(side(ContainerFormat::Png, Depth::Sixteen, 1), (16, 24));
        assert_eq!(side(ContainerFormat::Tiff, Depth::Float, 1), (16, 48));
        assert_eq!(side(ContainerFormat::Jpeg, Depth::Eight, 0), (12, 16));
        assert_eq!(side(ContainerFormat::Webp, Depth::Eight, 1), (16, 20));
    }

    #[test]
    fn the_largest_picture_does_not_overflow() {
        for format in ContainerFormat::ALL {
            let (width, depth) = (crate::MAX_SIDE, Depth::Float);
            let footprint = Footprint { width, height: width, format, depth, planes: 1 << 16 };
            assert!(footprint.decoding_bytes() > footprint.held_bytes());
        }
    }
}
