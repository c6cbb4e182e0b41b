//! PNG's own description of its colours.

/// PNG's own description of its colours. It is copied without being interpreted: each field is a
/// chunk's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PngColor {
    /// Primaries, transfer function, matrix and range by the numbers of ITU-T H.273.
    pub(crate) cicp: Option<[u8; 4]>,
    /// The display on which the picture was graded.
    pub(crate) mdcv: Option<[u8; 24]>,
    /// The brightest pixel and the brightest mean.
    pub(crate) clli: Option<[u8; 8]>,
    pub(crate) srgb: Option<[u8; 1]>,
    pub(crate) gama: Option<[u8; 4]>,
    pub(crate) chrm: Option<[u8; 32]>,
}

impl PngColor {
    /// The chunks to write for pixels of a kind, in the order of precedence. Beside an ICC profile,
    /// sRGB is left out: it may not stand there.
    pub(crate) fn chunks(&self, beside_icc: bool) -> impl Iterator<Item = ([u8; 4], &[u8])> {
        let srgb = self.srgb.as_ref().filter(|_| !beside_icc);
        let chunks = [
            (*b"cICP", self.cicp.as_ref().map(<[u8; 4]>::as_slice)),
            (*b"mDCV", self.mdcv.as_ref().map(<[u8; 24]>::as_slice)),
            (*b"cLLI", self.clli.as_ref().map(<[u8; 8]>::as_slice)),
            (*b"sRGB", srgb.map(<[u8; 1]>::as_slice)),
            (*b"gAMA", self.gama.as_ref().map(<[u8; 4]>::as_slice)),
            (*b"cHRM", self.chrm.as_ref().map(<[u8; 32]>::as_slice)),
        ];
        chunks.into_iter().filter_map(|(name, content)| content.map(|content| (name, content)))
    }

    /// Whether a format that has no such description shows other colours.
    pub(crate) fn differs_from_srgb(&self) -> bool {
        /// BT.709 primaries, the sRGB curve, no matrix, full range.
        const SRGB_CODE_POINTS: [u8; 4] = [1, 13, 0, 1];
        match self {
            Self { mdcv: Some(_), .. } | Self { clli: Some(_), .. } => true,
            Self { cicp: Some(code_points), .. } => *code_points != SRGB_CODE_POINTS,
            Self { srgb: Some(_), .. } => false,
            Self { gama, chrm, .. } => {
                gama.is_some_and(|gama| u32::from_be_bytes(gama).abs_diff(45_455) > 100)
                    || chrm.is_some_and(|chrm| !near_srgb_primaries(&chrm))
            }
        }
    }
}

/// White, red, green and blue, each as x and y, in units of 0.00001.
fn near_srgb_primaries(chrm: &[u8; 32]) -> bool {
    const SRGB: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
    let (values, _) = chrm.as_chunks::<4>();
    values.iter().zip(SRGB).all(|(value, srgb)| u32::from_be_bytes(*value).abs_diff(srgb) <= 500)
}
