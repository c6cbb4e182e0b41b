//! Grey or coloured pixels, and the profiles that describe them.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    Gray,
    Rgb,
}

/// Whether an ICC profile describes pixels of this colour; a CMYK profile does not describe the RGB
/// pixels that the decoder returns.
pub(crate) fn describes(icc: &[u8], color: Color) -> bool {
    let space: &[u8] = match color {
        Color::Gray => b"GRAY",
        Color::Rgb => b"RGB ",
    };
    icc.get(16..20) == Some(space)
}
