//! What a painted file lacks that its asset has.

use std::fmt;

use impasto_types::{ContainerFormat, Depth, FileTrait};

use crate::ImageHeader;

/// One loss. Its `Display` says what is lost, and what the result has instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Samples of 16 bits become 8.
    Depth { format: ContainerFormat },
    /// Floating-point values become integers, cut off at 0 and 1.
    Range { format: ContainerFormat },
    /// Levels of 8 bits are packed in blocks.
    Blocks { format: ContainerFormat },
    /// Colours become three numbers of 8 bits with one exponent.
    Exponent,
    /// Layers become one picture.
    Layers { layers: u32 },
    /// A property of the file.
    Trait { lost: FileTrait, format: ContainerFormat },
}

/// What the output of an asset in `format` lacks, in a fixed order.
pub fn losses(header: &ImageHeader, format: ContainerFormat) -> Vec<Loss> {
    use ContainerFormat as F;
    let mut losses = Vec::new();
    let eight_bits = matches!(format, F::Jpeg | F::Tga | F::Webp | F::Bmp | F::Qoi);
    match header.depth {
        Depth::Sixteen if eight_bits => losses.push(Loss::Depth { format }),
        Depth::Float if format.depth_of(Depth::Float) != Depth::Float => {
            losses.push(Loss::Range { format })
        }
        Depth::Eight if matches!(format, F::Dds | F::Ktx2) && header.format != format => {
            losses.push(Loss::Blocks { format });
        }
        Depth::Eight | Depth::Sixteen | Depth::Float => {}
    }
    if format == F::Hdr && header.format != F::Hdr {
        losses.push(Loss::Exponent);
    }
    if header.layers > 0 {
        losses.push(Loss::Layers { layers: header.layers });
    }
    let traits = header.traits.iter().filter(|lost| {
        // KTX2 can say that rows or columns run the other way, but not that they are swapped.
        let is_swap = *lost == FileTrait::Orientation && header.swaps_sides;
        let same = header.format == format;
        let is_kept = lost.is_kept_by(format)
            && (same || !lost.needs_same_format())
            && !(is_swap && format == F::Ktx2);
        // Then all text is lost, which is said already.
        let is_said =
            *lost == FileTrait::Rights && !same && header.traits.contains(FileTrait::Text);
        // Into another format these are conversions that the manifest asks for.
        let only_same = matches!(
            lost,
            FileTrait::Lossy
                | FileTrait::Progressive
                | FileTrait::SubsampledChroma
                | FileTrait::FewChannels
        );
        !is_kept && !is_said && (same || !only_same)
    });
    losses.extend(traits.map(|lost| Loss::Trait { lost, format }));
    losses
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Depth { format } => write!(f, "16 bits become 8 in {format}"),
            Self::Range { format } => {
                write!(f, "floating-point values become integers in {format}, cut off at 0 and 1")
            }
            Self::Blocks { format } => {
                write!(f, "8 bits are packed as BC7 in {format}, which changes levels slightly")
            }
            Self::Exponent => {
                write!(f, "colours keep 8 bits and one exponent in hdr, and nothing below 0")
            }
            Self::Layers { layers: 1 } => {
                write!(f, "a layer with effects, a mask or hidden pixels is flattened")
            }
            Self::Layers { layers } => {
                write!(f, "{layers} layers become one picture, the merged image")
            }
            Self::Trait { lost, format } => match lost {
                FileTrait::Palette => write!(f, "indexed colours become RGB"),
                FileTrait::LowDepth => write!(f, "samples of fewer than 8 bits become 8"),
                FileTrait::Lossy if format == ContainerFormat::Exr => {
                    write!(f, "lossy compression of exr becomes ZIP, which is larger")
                }
                FileTrait::Lossy => write!(
                    f,
                    "lossy {format} is written lossless, typically 5 to 15 times as large"
                ),
                FileTrait::Progressive => write!(f, "progressive JPEG becomes baseline"),
                FileTrait::SubsampledChroma => {
                    write!(f, "JPEG with subsampled chroma becomes 4:4:4, which is larger")
                }
                FileTrait::Cmyk => write!(f, "CMYK becomes RGB"),
                FileTrait::Icc => write!(f, "{format} has no colour profile (ICC)"),
                FileTrait::PngColor => {
                    write!(f, "{format} has no cICP, gAMA, cHRM or sRGB, which tell the colours")
                }
                FileTrait::Density => write!(f, "{format} has no pixel density"),
                FileTrait::Orientation => write!(f, "{format} has no orientation tag"),
                FileTrait::Rights => {
                    write!(f, "some text on author or rights (EXIF, XMP, IPTC) is not kept")
                }
                FileTrait::Text => {
                    write!(f, "author, rights and other text (EXIF, XMP, IPTC) are not kept")
                }
                FileTrait::Credentials => write!(
                    f,
                    "content credentials (C2PA) are not kept: they sign what is painted over"
                ),
                FileTrait::PixelAspect => {
                    write!(f, "that pixels are not square is not kept in {format}")
                }
                FileTrait::AssociatedAlpha => {
                    write!(f, "colours multiplied by alpha become straight in {format}")
                }
                FileTrait::ExtraSamples => write!(f, "{format} has no extra samples"),
                FileTrait::TgaAreas => {
                    write!(f, "{format} has no image ID, developer or extension area")
                }
                FileTrait::Mips => write!(f, "{format} has no mips"),
                FileTrait::FewChannels => {
                    write!(
                        f,
                        "a {format} of one or two channels keeps only these of what is painted"
                    )
                }
                FileTrait::ExrAttributes => {
                    write!(f, "{format} has no attributes and windows of exr")
                }
                FileTrait::HdrFields => write!(f, "{format} has no header lines of hdr"),
                FileTrait::KtxData => write!(f, "{format} has no names and values of ktx2"),
                FileTrait::PsdPaths => write!(f, "{format} has no paths and guides of psd"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::FileTraits;

    use super::*;

    fn lost(
        format: ContainerFormat,
        depth: Depth,
        traits: &[FileTrait],
        to: ContainerFormat,
    ) -> Vec<String> {
        let traits: FileTraits = traits.iter().copied().collect();
        let header = ImageHeader { depth, traits, ..header(format) };
        losses(&header, to).iter().map(ToString::to_string).collect()
    }

    fn header(format: ContainerFormat) -> ImageHeader {
        ImageHeader {
            width: 8,
            height: 8,
            format,
            alpha: false,
            depth: Depth::Eight,
            swaps_sides: false,
            traits: FileTraits::default(),
            largest: None,
            array: false,
            layers: 0,
        }
    }

    #[test]
    fn losses_follow_from_the_header_and_the_format() {
        use ContainerFormat::{Bmp, Dds, Exr, Hdr, Jpeg, Ktx2, Png, Psd, Qoi, Tga, Tiff, Webp};
        use Depth::{Eight, Float, Sixteen};
        use FileTrait as T;
        let none: [&str; 0] = [];
        assert_eq!(lost(Png, Eight, &[T::Icc, T::PngColor, T::Density], Png), none);
        assert_eq!(lost(Tiff, Float, &[T::ExtraSamples, T::Icc], Tiff), none);
        assert_eq!(lost(Tga, Eight, &[T::TgaAreas], Tga), none);
        for format in [Png, Jpeg, Tiff, Webp] {
            assert_eq!(lost(format, Eight, &[T::Text], format), none);
            assert_eq!(lost(format, Eight, &[T::Text, T::Rights], Tga).len(), 1);
        }
        assert_eq!(lost(Png, Eight, &[T::PixelAspect], Png), none);
        assert_eq!(lost(Jpeg, Eight, &[T::Lossy, T::Progressive], Png), none);
        assert_eq!(lost(Dds, Eight, &[T::Mips, T::LowDepth, T::AssociatedAlpha], Dds), none);
        assert_eq!(lost(Dds, Eight, &[T::FewChannels], Png), none);
        assert_eq!(lost(Tiff, Float, &[T::AssociatedAlpha], Dds), none);
        let of_exr = [T::ExtraSamples, T::AssociatedAlpha, T::ExrAttributes];
        assert_eq!(lost(Exr, Float, &of_exr, Exr), none);
        assert_eq!(lost(Hdr, Float, &[T::HdrFields, T::Orientation], Hdr), none);
        assert_eq!(lost(Ktx2, Eight, &[T::KtxData, T::Mips, T::Orientation], Ktx2), none);
        let of_psd = [T::Icc, T::Density, T::ExtraSamples, T::Text, T::PixelAspect, T::PsdPaths];
        assert_eq!(lost(Psd, Float, &of_psd, Psd), none);
        for (format, depth, traits, to, expected) in [
            (Png, Eight, &[T::Palette, T::LowDepth][..], Png, "indexed colours become RGB"),
            (Png, Sixteen, &[], Jpeg, "16 bits become 8 in jpg"),
            (
                Tiff,
                Float,
                &[],
                Png,
                "floating-point values become integers in png, cut off at 0 and 1",
            ),
            (Webp, Eight, &[T::Lossy], Webp, "lossy webp is written lossless, typically"),
            (Jpeg, Eight, &[T::Progressive], Jpeg, "progressive JPEG becomes baseline"),
            (Jpeg, Eight, &[T::SubsampledChroma], Jpeg, "JPEG with subsampled chroma becomes"),
            (Jpeg, Eight, &[T::Cmyk], Jpeg, "CMYK becomes RGB"),
            (Png, Eight, &[T::Icc], Tga, "tga has no colour profile"),
            (Tiff, Eight, &[T::Icc], Bmp, "bmp has no colour profile"),
            (Png, Eight, &[T::PngColor], Tga, "tga has no cICP"),
            (Jpeg, Eight, &[T::Rights, T::Text], Jpeg, "some text on author or rights"),
            (Tiff, Eight, &[T::Rights], Png, "some text on author or rights"),
            (Jpeg, Eight, &[T::Rights, T::Text], Png, "author, rights and other text"),
            (Png, Eight, &[T::Text], Webp, "author, rights and other text"),
            (Png, Eight, &[T::Credentials], Png, "content credentials (C2PA) are not kept"),
            (Jpeg, Eight, &[T::PixelAspect], Png, "that pixels are not square"),
            (Jpeg, Eight, &[T::Density], Tga, "tga has no pixel density"),
            (Jpeg, Eight, &[T::Orientation], Bmp, "bmp has no orientation tag"),
            (Tiff, Eight, &[T::AssociatedAlpha], Png, "colours multiplied by alpha become"),
            (Tiff, Eight, &[T::ExtraSamples], Png, "png has no extra samples"),
            (Tga, Eight, &[T::TgaAreas], Png, "png has no image ID"),
            (Dds, Eight, &[T::Mips], Tga, "tga has no mips"),
            (Dds, Eight, &[T::FewChannels], Dds, "a dds of one or two channels keeps only"),
            (Png, Eight, &[], Dds, "8 bits are packed as BC7"),
            (Png, Sixteen, &[T::Icc], Dds, "dds has no colour profile"),
            (Jpeg, Eight, &[T::Orientation], Dds, "8 bits are packed"),
            (Exr, Float, &[T::Lossy], Exr, "lossy compression of exr becomes ZIP"),
            (Exr, Float, &[T::ExrAttributes], Tiff, "tiff has no attributes and windows of exr"),
            (Png, Sixteen, &[], Qoi, "16 bits become 8 in qoi"),
            (Png, Eight, &[], Ktx2, "8 bits are packed as BC7 in ktx2"),
            (Ktx2, Eight, &[T::KtxData], Png, "png has no names and values of ktx2"),
            (Psd, Eight, &[T::PsdPaths], Tiff, "tiff has no paths and guides of psd"),
            (Psd, Eight, &[T::Text], Png, "author, rights and other text"),
            (Psd, Eight, &[T::Orientation], Psd, "psd has no orientation tag"),
            (Exr, Float, &[], Hdr, "colours keep 8 bits and one exponent in hdr"),
            (Hdr, Float, &[T::HdrFields], Exr, "exr has no header lines of hdr"),
            (Exr, Float, &[], Png, "floating-point values become integers in png"),
        ] {
            let found = lost(format, depth, traits, to);
            assert!(found[0].starts_with(expected), "{expected}: {found:?}");
        }
    }
    #[test]
    fn layers_are_lost_by_their_number_in_every_format() {
        let check = |layers: u32, expected: &[&str]| {
            for format in [ContainerFormat::Psd, ContainerFormat::Png] {
                let header = ImageHeader { layers, ..header(ContainerFormat::Psd) };
                let found: Vec<String> =
                    losses(&header, format).iter().map(ToString::to_string).collect();
                assert_eq!(found, expected);
            }
        };
        check(0, &[]);
        check(1, &["a layer with effects, a mask or hidden pixels is flattened"]);
        check(12, &["12 layers become one picture, the merged image"]);
    }
}
