//! What stands before the samples of a document.

use std::io::{Read, Seek};

use impasto_types::{ContainerFormat, FileTrait};

use super::fields::{Fields, HEADER_BYTES, Mode, damaged, unsupported};
use super::layers::Layers;
use super::resources::Resources;
use super::section::{Section, Source};
use crate::limits::METADATA_BYTES;
use crate::psd_layout::PsdPacking;
use crate::{AssetErrorKind, Header, Limits, Orientation};

/// All of a document but its samples.
#[derive(Debug)]
pub(super) struct Document {
    pub fields: Fields,
    /// All reds, all greens, all blues, if there are indices.
    pub palette: Option<[u8; PALETTE_BYTES]>,
    pub resources: Resources,
    pub layers: Layers,
    pub packing: PsdPacking,
    /// Where the samples begin.
    pub samples_at: u64,
}

pub(super) const PALETTE_BYTES: usize = 768;

/// What is transparent in the merged image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transparency {
    None,
    /// The first channel after the colours tells it.
    Channel,
    /// An index of the palette.
    Index(u8),
}

impl Document {
    pub(super) fn read<R: Read + Seek>(
        reader: &mut R,
        length: u64,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let mut source = Source::new(reader)?;
        let mut file = Section::file(&mut source, length);
        let fields = Fields::parse(&file.array::<HEADER_BYTES>()?, limits)?;
        let mut colors = file.measured(4)?;
        let palette = match (fields.mode, colors.left()) {
            (Mode::Indexed, bytes) if bytes == PALETTE_BYTES as u64 => Some(colors.array()?),
            (Mode::Indexed, _) => return Err(damaged("the palette has the wrong size")),
            _ => None,
        };
        let mut resources = file.measured(4)?;
        let bytes = resources.left();
        if bytes > METADATA_BYTES {
            return Err(unsupported(format!("{bytes} bytes of image resources")));
        }
        let resources = Resources::parse(&resources.bytes(bytes)?, &fields)?;
        let layers = Layers::read(&mut file.measured(fields.length_bytes())?, &fields)?;
        if !resources.has_merged && layers.are_there {
            return Err(unsupported(
                "layers and no merged image (save it again with `Maximize Compatibility`)",
            ));
        }
        let code = file.number(2)? as u16;
        let packing = PsdPacking::of(code)
            .ok_or_else(|| unsupported(format!("the unknown compression {code}")))?;
        let samples_at = file.at();
        Ok(Self { fields, palette, resources, layers, packing, samples_at })
    }

    pub(super) fn transparency(&self) -> Transparency {
        let index = self.resources.transparent_index.and_then(|index| index.try_into().ok());
        match (self.layers.transparency && self.fields.beside_colors() > 0, index) {
            (true, _) => Transparency::Channel,
            (false, Some(index)) if self.fields.mode == Mode::Indexed => Transparency::Index(index),
            (false, _) => Transparency::None,
        }
    }

    /// How many channels are neither colour nor transparency.
    pub(super) fn saved_channels(&self) -> usize {
        let is_channel = self.transparency() == Transparency::Channel;
        self.fields.beside_colors() - usize::from(is_channel)
    }

    pub(super) fn header(&self) -> Header {
        let Fields { width, height, mode, .. } = self.fields;
        let saved = self.saved_channels();
        let traits = self
            .resources
            .metadata
            .traits()
            .with(FileTrait::Palette, mode == Mode::Indexed)
            .with(FileTrait::LowDepth, mode == Mode::Bitmap)
            .with(FileTrait::Cmyk, mode == Mode::Cmyk)
            .with(FileTrait::ExtraSamples, saved > 0);
        Header {
            format: ContainerFormat::Psd,
            width,
            height,
            color: mode.color(),
            alpha: self.transparency() != Transparency::None,
            depth: self.fields.depth(),
            extra: saved as u32,
            orientation: Orientation::Normal,
            traits,
            largest: None,
            sheet: None,
            layers: self.layers.lost,
        }
    }
}
