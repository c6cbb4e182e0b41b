//! How a Radiance file stores its pixels, and what it says beside them.

/// How a Radiance file is stored, so that a result is stored so too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HdrLayout {
    /// The lines of the header as they are, with the first one and without the empty one.
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) rows: HdrRows,
    /// The exponent of each pixel, if there is one that is larger than it needs to be.
    pub(crate) exponents: Option<Vec<u8>>,
}

/// How a row is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum HdrRows {
    /// Pixel by pixel.
    #[default]
    Flat,
    /// Repeated pixels are counted.
    Pixels,
    /// Repeated bytes of each of the four planes are counted.
    Planes,
}

impl HdrLayout {
    /// The places of red, green, blue and white on the diagram of colours.
    pub(crate) fn primaries(&self) -> Option<[f32; 8]> {
        let values = self.lines.iter().find_map(|line| field(line, "PRIMARIES"))?;
        let values: Result<Vec<f32>, _> = values.split_ascii_whitespace().map(str::parse).collect();
        values.ok()?.try_into().ok()
    }
}

/// The value of a header line `NAME=value`.
pub(crate) fn field<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let line = std::str::from_utf8(line).ok()?;
    Some(line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim())
}

impl HdrRows {
    /// Whether a row of so many pixels can be packed by planes.
    pub(crate) fn may_be_planes(width: usize) -> bool {
        (8..0x8000).contains(&width)
    }

    /// Whether a row begins with the mark of packed planes. A third byte above 127 is a colour.
    pub(crate) fn is_mark(start: [u8; 3]) -> bool {
        matches!(start, [2, 2, 0..0x80])
    }
}

/// The three bytes that tell, before a count, that the last pixel is repeated.
pub(crate) const REPEAT: [u8; 3] = [1; 3];

/// A colour as three numbers and the exponent that they share.
pub(crate) type Rgbe = [u8; 4];

/// The exponent of a number that is one 256th.
const BIAS: i32 = 136;

/// Red, green and blue light. An exponent of 0 is black.
pub(crate) fn light([red, green, blue, exponent]: Rgbe) -> [f32; 3] {
    if exponent == 0 {
        return [0.0; 3];
    }
    // Each product is a single, if need be one below the smallest normal one.
    [red, green, blue].map(|number| (f64::from(number) * unit(exponent)) as f32)
}

/// The nearest colour whose largest number has all eight bits. Negative light is none.
pub(crate) fn nearest(light: [f32; 3]) -> Rgbe {
    let light = light.map(|light| f64::from(light).max(0.0));
    let most = light.into_iter().fold(0.0, f64::max);
    // The largest number is at least 128 with this exponent, and 256 if it is rounded up.
    let exponent = most.log2().floor() as i32 + BIAS - 7;
    let exponent = exponent.clamp(0, 255) as u8;
    let fits = |exponent: u8| (most / unit(exponent)).round() < 256.0;
    let exponent = if fits(exponent) { exponent } else { exponent.saturating_add(1) };
    if exponent == 0 {
        return [0; 4];
    }
    // A float converts to an integer with saturation.
    let [red, green, blue] = light.map(|light| (light / unit(exponent)).round() as u8);
    [red, green, blue, exponent]
}

/// The nearest colour with another exponent, if that loses nothing: light that has gone through a
/// curve and back is off by some last bits of a single, which [`nearest`] rounds away too.
pub(crate) fn with_exponent(color: [f32; 3], exponent: u8) -> Option<Rgbe> {
    // A float converts to an integer with saturation.
    let [red, green, blue] = color.map(|one| (f64::from(one) / unit(exponent)).round() as u8);
    let rgbe = [red, green, blue, exponent];
    (nearest(light(rgbe)) == nearest(color)).then_some(rgbe)
}

fn unit(exponent: u8) -> f64 {
    2_f64.powi(i32::from(exponent) - BIAS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_comes_back() {
        for exponent in 1..=255 {
            for most in 128..=255 {
                for rgbe in [[most, 0, 7, exponent], [1, most, most, exponent]] {
                    assert_eq!(nearest(light(rgbe)), rgbe);
                    assert_eq!(with_exponent(light(rgbe), exponent), Some(rgbe));
                }
            }
        }
        // Two halves of the number, twice the unit.
        assert_eq!(nearest(light([4, 2, 0, 130])), [128, 64, 0, 125]);
        assert_eq!(with_exponent(light([4, 2, 0, 130]), 130), Some([4, 2, 0, 130]));
        assert_eq!(with_exponent(light([5, 2, 0, 130]), 131), None);
    }

    #[test]
    fn an_exponent_comes_back_after_a_curve() {
        for exponent in [1, 100, 128, 132, 255] {
            for most in 0..=255 {
                let rgbe = [most, most / 2, most / 3, exponent];
                for part in [-3e-7, -1e-7, 1e-7, 3e-7] {
                    let off = light(rgbe).map(|light| light * (1.0 + part));
                    if off.iter().all(|light| light.is_finite()) {
                        assert_eq!(with_exponent(off, exponent), Some(rgbe), "{part}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_nearest_colour_is_within_half_a_unit() {
        let check = |light: [f32; 3], expected: Rgbe| assert_eq!(nearest(light), expected);
        check([1.0, 0.5, 0.25], [128, 64, 32, 129]);
        check([255.6 / 256.0, 0.0, 0.0], [128, 0, 0, 129]);
        check([-1.0, 0.0, f32::MIN_POSITIVE], [0, 0, 128, 3]);
        check([-1.0, 0.0, 0.0], [0; 4]);
        check([1e-45, 0.0, 0.0], [0; 4]);
        check([f32::MAX, 0.0, 1.0], [255, 0, 0, 255]);
    }
}
