//! The curve between light without an upper end and the levels of a display.
//!
//! EXR, HDR and BC6H hold *scene-linear* light: twice the number is twice the light, 1 is a white
//! wall as a rule, and a lamp may be 1000. A painter works on levels that look evenly spaced and
//! end at white. So
//! [`Picture::to_display`](crate::Picture::to_display) brings light to levels, and
//! [`encode`](crate::encode()) brings them back.
//!
//! Below half of white the curve is the encoding of sRGB (IEC 61966-2-1), as if the file held no
//! more than a display shows. Above, it continues with the same slope and turns logarithmic, as the
//! curve of HLG does for the same reason (ITU-R BT.2100, table 5): each doubling of light then
//! takes the same number of levels, so that a lamp needs few and a single-precision level still
//! tells apart what half floats can hold. It reaches level 255 at the brightest light of the
//! picture. One whose light ends at 1 has plain sRGB.
//!
//! The exposure leaves light alone whose logarithmic average (Reinhard and others, *Photographic
//! tone reproduction for digital images*, 2002) is that of a picture made for a display, and brings
//! others to the nearest such average: physical units may be thousands of times as large.
//!
//! Each colour goes through the curve on its own. Light below 0, which has a colour outside of the
//! file's primaries, is mirrored: the curve is odd.

/// A curve, and what it depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToneCurve {
    /// Light is multiplied by it.
    exposure: f64,
    /// The light, after that, of level 255; at least 1.
    white: f64,
    /// How fast the upper part bends; without, there is none.
    bend: Option<f64>,
}

/// Where the upper part begins: half of white, so that what is in the shade and in common light
/// looks as it always does.
const KNEE: f64 = 0.5;

/// The averages of pictures that are made for a display, from a night to a snow field.
const LEAST_AVERAGE: f64 = 0.03;
const MOST_AVERAGE: f64 = 0.5;

/// A picture that is nowhere as bright is not made for a display.
const LEAST_WHITE: f64 = 0.1;

/// Light that is so much weaker than the brightest tells nothing of the exposure.
const LEAST_PART: f64 = 1.0 / (1 << 20) as f64;

/// What a light meter reads of one picture, or of several that are to be exposed alike.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LightMeter {
    most: f64,
    /// Of logarithms of light.
    sum: f64,
    count: u64,
}

impl LightMeter {
    /// Reads a picture whose red, green and blue are light times 255.
    pub fn read(&mut self, rgb: &[f32]) {
        let brightest =
            |pixel: &[f32]| f64::from(pixel.iter().fold(0.0_f32, |most, one| most.max(*one)));
        let light = || rgb.chunks_exact(3).map(|pixel| brightest(pixel) / 255.0);
        let most = light().fold(0.0, f64::max);
        for light in light().filter(|light| *light > most * LEAST_PART) {
            self.sum += light.ln();
            self.count += 1;
        }
        self.most = self.most.max(most);
    }

    /// The curve that exposes what was read.
    pub fn curve(&self) -> ToneCurve {
        if self.count == 0 {
            return ToneCurve::srgb();
        }
        let average = (self.sum / self.count as f64).exp();
        let is_for_display = (LEAST_WHITE..=1.0).contains(&self.most);
        let exposure = match is_for_display {
            true => 1.0,
            false => average.clamp(LEAST_AVERAGE, MOST_AVERAGE) / average,
        };
        ToneCurve::new(exposure, self.most * exposure)
    }
}

impl ToneCurve {
    /// The curve of a picture whose red, green and blue are light times 255.
    pub(crate) fn of(rgb: &[f32]) -> Self {
        let mut meter = LightMeter::default();
        meter.read(rgb);
        meter.curve()
    }

    /// The encoding of sRGB alone, which has no end.
    pub(crate) fn srgb() -> Self {
        Self { exposure: 1.0, white: f64::INFINITY, bend: None }
    }

    fn new(exposure: f64, white: f64) -> Self {
        let white = white.max(1.0);
        let bend = (white > 1.0).then(|| bend(white));
        Self { exposure, white, bend }
    }

    /// The level, from 0 to 255, of light; negative for negative light.
    pub fn level(&self, light: f32) -> f32 {
        let exposed = f64::from(light.abs()) * self.exposure;
        let encoded = match self.bend {
            Some(bend) if exposed > KNEE => {
                let (start, slope) = knee();
                start + bend * (slope * (exposed - KNEE) / bend).ln_1p()
            }
            _ => encode(exposed),
        };
        ((encoded * 255.0) as f32).copysign(light)
    }

    /// The light of a level. What is above the picture's white is white.
    pub fn light(&self, level: f32) -> f32 {
        let encoded = f64::from(level.abs()) / 255.0;
        let (start, slope) = knee();
        let exposed = match self.bend {
            Some(bend) if encoded > start => {
                KNEE + bend / slope * ((encoded - start) / bend).exp_m1()
            }
            _ => light_of(encoded),
        };
        ((exposed.min(self.white) / self.exposure) as f32).copysign(level)
    }
}

/// The bend with which the upper part ends at 1 for this white. It grows with the bend, from
/// nothing to a straight line, which would end above 1: so there is one, and halving finds it.
fn bend(white: f64) -> f64 {
    let (start, slope) = knee();
    let end = |bend: f64| start + bend * (slope * (white - KNEE) / bend).ln_1p();
    let (mut low, mut high) = (1e-9, 1e3);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if end(middle) < 1.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The encoded value at the knee and the slope there.
fn knee() -> (f64, f64) {
    (encode(KNEE), 1.055 / 2.4 * KNEE.powf(1.0 / 2.4 - 1.0))
}

/// Light as sRGB encodes it.
fn encode(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// The light of what sRGB has encoded.
fn light_of(encoded: f64) -> f64 {
    if encoded <= 0.003_130_8 * 12.92 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    fn rgb(light: &[f32]) -> Vec<f32> {
        light.iter().flat_map(|light| [light * 255.0; 3]).collect()
    }

    fn halves() -> impl Iterator<Item = f32> {
        (0..=u16::MAX).map(f16::from_bits).filter(|half| half.is_finite()).map(f16::to_f32)
    }

    #[test]
    fn every_half_comes_back_whatever_the_curve() {
        let most = f64::from(f16::MAX.to_f32());
        for exposure in [1.0, 0.01, 20.0] {
            let curve = ToneCurve::new(exposure, most * exposure);
            let mut before = f32::NEG_INFINITY;
            let mut sorted: Vec<f32> = halves().collect();
            sorted.sort_by(f32::total_cmp);
            for light in sorted {
                let level = curve.level(light);
                assert!(level > before || light == 0.0, "{light} has {level}, after {before}");
                before = level;
                let back = f16::from_f32(curve.light(level)).to_f32();
                assert_eq!(back, light, "level {level}, exposure {exposure}");
            }
            assert!((before - 255.0).abs() < 1e-3, "the brightest has {before}");
        }
    }

    #[test]
    fn light_within_1_is_encoded_as_srgb_does() {
        let encoded = |light: f32| (255.0 * encode(f64::from(light))) as f32;
        let lights: Vec<f32> = (0..=100_u8).map(|part| f32::from(part) / 100.0).collect();
        for dark in [1.0, 0.2] {
            let lights: Vec<f32> = lights.iter().map(|light| light * dark).collect();
            let curve = ToneCurve::of(&rgb(&lights));
            for light in lights {
                let off = (curve.level(light) - encoded(light)).abs();
                assert!(off < 1e-3, "{light}: {off}");
            }
        }
        // A little more than white changes little.
        let curve = ToneCurve::new(1.0, 1.01);
        for light in lights {
            let off = (curve.level(light) - encoded(light)).abs();
            assert!(off < 1.5, "{light}: {off}");
        }
    }

    #[test]
    fn the_curve_has_no_corner() {
        for white in [1.5, 20.0, 60_000.0] {
            let curve = ToneCurve::new(1.0, white);
            let slope = |at: f64| {
                let level = |light: f64| f64::from(curve.level(light as f32));
                (level(at + 1e-3) - level(at)) / 1e-3
            };
            let (below, above) = (slope(KNEE - 1e-3), slope(KNEE));
            assert!((below / above - 1.0).abs() < 0.06, "{white}: {below} {above}");
        }
    }

    #[test]
    fn pictures_that_are_read_together_share_a_curve() {
        let (dark, bright) = (rgb(&[0.01, 0.2]), rgb(&[0.1, 60.0]));
        let mut meter = LightMeter::default();
        meter.read(&dark);
        meter.read(&bright);
        let curve = meter.curve();
        assert_eq!(curve, ToneCurve::of(&[dark, bright.clone()].concat()));
        assert!((curve.level(60.0) - 255.0).abs() < 1e-3);
        assert_ne!(curve, ToneCurve::of(&bright));
    }

    #[test]
    fn light_of_any_unit_is_exposed() {
        let scene = [0.001, 0.05, 0.1, 0.2, 0.4, 0.9, 30.0];
        assert_eq!(ToneCurve::of(&rgb(&scene)).exposure, 1.0);
        for unit in [1e-4, 683.0, 1e5] {
            let lit: Vec<f32> = scene.iter().map(|light| light * unit).collect();
            let curve = ToneCurve::of(&rgb(&lit));
            let middle = curve.level(lit[3]);
            assert!((40.0..220.0).contains(&middle), "{unit}: {middle}");
            for light in lit {
                let level = curve.level(light);
                assert!((0.0..=255.01).contains(&level), "{unit}: {level}");
                let back = curve.light(level);
                assert!((back / light - 1.0).abs() < 1e-4, "{unit}: {back} of {light}");
            }
        }
        let black = ToneCurve::of(&[0.0; 6]);
        assert_eq!((black.level(0.0), black.light(0.0)), (0.0, 0.0));
    }
}
