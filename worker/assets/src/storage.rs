//! How a file stores its pixels, in words.

use crate::dds_layout::DdsName;
use crate::hdr_layout::HdrRows;
use crate::ktx2_layout::Packing;
use crate::psd_layout::PsdPacking;
use crate::texels::{Block, Texels, Word};
use crate::{ExrLayout, HdrLayout, Origin, PsdLayout, TgaLayout};

impl Origin {
    /// How pixels are stored and packed, where a format has several ways: `BC7`, `zip block`,
    /// `run lengths`. Of each a painted file has the same.
    pub fn storage(&self) -> Option<String> {
        if let Some(dds) = &self.dds {
            let header = match dds.name {
                DdsName::FourCc(_) | DdsName::Masks => "",
                DdsName::Dxgi(_) => ", header of Direct3D 10",
            };
            return Some(format!("{}{header}", of_texels(dds.pixels)));
        }
        if let Some(ktx2) = &self.ktx2 {
            let packing = match ktx2.packing {
                Packing::Plain => "",
                Packing::Zstandard => ", Zstandard",
                Packing::Zlib => ", zlib",
            };
            return Some(format!("{}{packing}", of_texels(ktx2.texels)));
        }
        let exr = self.exr.as_ref().map(of_exr);
        let hdr = self.hdr.as_ref().map(|layout| of_hdr(layout).to_owned());
        let psd = self.psd.as_ref().map(of_psd);
        let tga = self.tga.as_ref().map(|layout| of_tga(layout).to_owned());
        exr.or(hdr).or(psd).or(tga)
    }

    /// How many pictures the file has, each of half the sides of the one before it: one if it has
    /// no mips.
    pub fn mips(&self) -> u32 {
        let dds = self.dds.as_ref().map(|layout| layout.mips);
        let ktx2 = self.ktx2.as_ref().map(|layout| layout.levels);
        dds.or(ktx2).unwrap_or(1).max(1)
    }
}

fn of_texels(texels: Texels) -> String {
    match texels {
        Texels::Blocks(block) => match block {
            Block::Bc1 => "BC1",
            Block::Bc2 => "BC2",
            Block::Bc3 => "BC3",
            Block::Bc4 => "BC4",
            Block::Bc5 => "BC5",
            Block::Bc6h => "BC6H",
            Block::Bc7 => "BC7",
        }
        .to_owned(),
        Texels::Masks(masks) => format!("uncompressed, {} bits a pixel", 8 * masks.bytes),
        Texels::Words(word, channels) => {
            let bits = match word {
                Word::Sixteen | Word::Half => 16,
                Word::Single => 32,
            };
            format!("uncompressed, {} bits a pixel", bits * channels)
        }
    }
}

fn of_exr(layout: &ExrLayout) -> String {
    let tiles = layout
        .tile
        .map_or(String::new(), |[width, height]| format!(", tiles of {width} x {height}"));
    format!("{}{tiles}", layout.compression)
}

fn of_hdr(layout: &HdrLayout) -> &'static str {
    match layout.rows {
        HdrRows::Flat => "pixel by pixel",
        HdrRows::Pixels => "run lengths of pixels",
        HdrRows::Planes => "run lengths",
    }
}

fn of_psd(layout: &PsdLayout) -> String {
    let packing = match layout.packing {
        PsdPacking::None => "uncompressed",
        PsdPacking::PackBits => "PackBits",
        PsdPacking::Zip => "ZIP",
        PsdPacking::ZipOfDifferences => "ZIP of differences",
    };
    format!("{packing}{}", if layout.large { ", a large document (PSB)" } else { "" })
}

fn of_tga(layout: &TgaLayout) -> &'static str {
    if layout.run_length { "run lengths" } else { "uncompressed" }
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;
    use crate::DdsLayout;
    use crate::dds_layout::DdsAlpha;

    #[test]
    fn a_block_format_and_its_mips_are_named() {
        let mut origin = Origin::synthetic("a.dds", ContainerFormat::Dds);
        let storage = |origin: &Origin| origin.storage().expect("it has one");
        for (pixels, name, expected) in [
            (Texels::Blocks(Block::Bc7), DdsName::Dxgi(98), "BC7, header of Direct3D 10"),
            (Texels::Blocks(Block::Bc3), DdsName::FourCc(*b"DXT5"), "BC3"),
            (
                Texels::Words(Word::Half, 4),
                DdsName::FourCc([113, 0, 0, 0]),
                "uncompressed, 64 bits a pixel",
            ),
        ] {
            origin.dds = Some(DdsLayout { pixels, name, alpha: DdsAlpha::Straight, mips: 9 });
            assert_eq!((storage(&origin).as_str(), origin.mips()), (expected, 9));
        }
        let png = Origin::synthetic("a.png", ContainerFormat::Png);
        assert_eq!((png.storage(), png.mips()), (None, 1));
    }
}
