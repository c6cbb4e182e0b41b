//! What of a file only its own format can hold, so that a result of the same format has it too.

/// What only TIFF can hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TiffLayout {
    /// What each sample after the colours is, alpha included, as in the tag `ExtraSamples`.
    pub(crate) extra_samples: Vec<u16>,
    /// Which of them is alpha.
    pub(crate) alpha_at: Option<usize>,
    /// Its floats have 16 bits.
    pub(crate) is_half: bool,
}

/// How a TGA file stores its pixels, and what it holds beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TgaLayout {
    /// The first row is the top one.
    pub(crate) top_down: bool,
    /// The first column is the right one.
    pub(crate) right_to_left: bool,
    /// Runs of equal pixels are packed.
    pub(crate) run_length: bool,
    /// Bits of a pixel with colours, or of a colour of the palette: 16, 24 or 32. Grey pixels of 8
    /// bits count as 24, those of 16 as 32.
    pub(crate) color_bits: u8,
    /// How many bits beside the colour the file declares.
    pub(crate) attribute_bits: u8,
    /// Where the picture's corner is on the screen.
    pub(crate) screen: [u16; 2],
    pub(crate) areas: TgaAreas,
}

/// What a TGA file holds beside its pixels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TgaAreas {
    pub(crate) id: Vec<u8>,
    /// The extension area as it is stored; its offsets are recomputed.
    pub(crate) extension: Option<Vec<u8>>,
    /// The colour correction table, which the extension area refers to.
    pub(crate) correction: Option<Vec<u8>>,
    /// The fields of the developer area: a number and the bytes.
    pub(crate) developer: Vec<(u16, Vec<u8>)>,
    /// The file ends with the footer of TGA 2.0.
    pub(crate) footer: bool,
}
