//! Colour spaces: what a picture's levels mean, and the same colours in another space.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, Layout,
    MatrixCoefficients, ProfileText, ToneReprCurve, TransferCharacteristics, TransformOptions,
};

use crate::color::describes;
use crate::png_color::PngColor;
use crate::{Color, ExrLayout, HdrLayout, Ktx2Layout, Origin, Picture};

/// The space of a picture's levels. A picture that says nothing is in sRGB, and so is one whose
/// description cannot be understood or is of light beyond a display's (PQ, HLG).
#[derive(Debug, Clone, Default)]
pub struct ColorSpace {
    /// `None` for sRGB.
    profile: Option<Box<ColorProfile>>,
}

/// Levels within which a profile is sRGB's own: its makers round differently.
const SAME: f32 = 1.0;

impl ColorSpace {
    /// The space that a file's metadata name: an ICC profile, or PNG's cICP, gAMA and cHRM. cICP
    /// overrides the profile, and the profile the others.
    ///
    /// Light that a curve has brought to levels is encoded as sRGB, in the primaries of the file.
    pub fn of(origin: &Origin) -> Self {
        if origin.color == Color::Gray {
            return Self::default();
        }
        if origin.tone.is_some() {
            let profile = primaries(origin).and_then(of_primaries).map(Box::new);
            let space = Self { profile };
            return if space.is_like_srgb() { Self::default() } else { space };
        }
        if origin.is_linear {
            return Self { profile: Some(Box::new(with_curve(linear()))) };
        }
        let code_points = origin.png_color.and_then(|color| color.cicp);
        let texture = || origin.ktx2.as_ref().and_then(Ktx2Layout::primaries).and_then(of_khronos);
        let code_points = code_points.or_else(texture).and_then(of_code_points);
        let icc = || {
            let icc = origin.icc.as_deref().filter(|icc| describes(icc, Color::Rgb))?;
            ColorProfile::new_from_slice(icc).ok()
        };
        let has_icc = origin.icc.is_some();
        let chunks = || origin.png_color.filter(|_| !has_icc).and_then(|color| of_chunks(&color));
        let profile = code_points.or_else(icc).or_else(chunks).map(Box::new);
        let space = Self { profile };
        if space.is_like_srgb() { Self::default() } else { space }
    }

    /// What the space of a picture is called: the profile's own words, or those for the code points
    /// and numbers of the file. A space that cannot be understood counts as sRGB, and so does one
    /// that is as good as that.
    pub fn name(picture: &Picture) -> String {
        let origin = &picture.origin;
        if origin.tone.is_some() || picture.is_light() {
            let own = if primaries(origin).is_some() { "the file's primaries" } else { "sRGB's" };
            return format!("scene-linear light, {own}");
        }
        if origin.is_linear {
            return "linear sRGB".to_owned();
        }
        if Self::of(origin).is_srgb() {
            return "sRGB".to_owned();
        }
        let points = origin.png_color.and_then(|color| color.cicp);
        let texture = || origin.ktx2.as_ref().and_then(Ktx2Layout::primaries).and_then(of_khronos);
        if let Some([primaries, transfer, ..]) = points.or_else(texture) {
            return named_points(primaries, transfer);
        }
        let profile = origin.icc.as_deref().map(ColorProfile::new_from_slice);
        match profile.and_then(Result::ok).and_then(|profile| profile.description) {
            Some(text) => words(text),
            None if origin.icc.is_some() => "an ICC profile without a name".to_owned(),
            None => "the file's own gamma and primaries".to_owned(),
        }
    }

    fn is_srgb(&self) -> bool {
        self.profile.is_none()
    }

    /// Brings levels of this space into another: the same colours as far as that has them, the
    /// nearest otherwise. A space that cannot be left or reached changes nothing.
    ///
    /// # Panics
    /// If the levels are not red, green and blue of each pixel.
    pub fn convert(&self, rgb: &mut [f32], to: &Self) {
        assert!(rgb.len().is_multiple_of(3), "three levels a pixel");
        if self.is_srgb() && to.is_srgb() {
            return;
        }
        let srgb = ColorProfile::new_srgb();
        let [from, to] = [self, to].map(|space| space.profile.as_deref().unwrap_or(&srgb));
        let options = TransformOptions::default();
        let Ok(transform) = from.create_transform_f32(Layout::Rgb, to, Layout::Rgb, options) else {
            return;
        };
        let mut converted = vec![0.0; 3 * ROW];
        for row in rgb.chunks_mut(3 * ROW) {
            row.iter_mut().for_each(|level| *level = (*level / 255.0).clamp(0.0, 1.0));
            let converted = &mut converted[..row.len()];
            // It only refuses lengths that differ.
            if transform.transform(row, converted).is_ok() {
                row.copy_from_slice(converted);
            }
            row.iter_mut().for_each(|level| *level = level.clamp(0.0, 1.0) * 255.0);
        }
    }

    /// Whether the corners of the cube and a few greys stay where they are.
    fn is_like_srgb(&self) -> bool {
        let steps = [0.0, 96.0, 255.0];
        let mut colors: Vec<f32> = Vec::new();
        for red in steps {
            for green in steps {
                colors.extend(steps.iter().flat_map(|blue| [red, green, *blue]));
            }
        }
        let before = colors.clone();
        self.convert(&mut colors, &Self::default());
        colors.iter().zip(&before).all(|(after, before)| (after - before).abs() <= SAME)
    }
}

/// What code points of ITU-T H.273 are called.
fn named_points(primaries: u8, transfer: u8) -> String {
    let primaries = match primaries {
        1 => "BT.709 primaries".to_owned(),
        9 => "BT.2020 primaries".to_owned(),
        11 => "DCI-P3 primaries".to_owned(),
        12 => "Display P3 primaries".to_owned(),
        other => format!("primaries {other} of H.273"),
    };
    match transfer {
        1 | 6 | 14 | 15 => format!("{primaries}, BT.709 curve"),
        8 => format!("{primaries}, linear"),
        13 => format!("{primaries}, sRGB curve"),
        other => format!("{primaries}, curve {other} of H.273"),
    }
}

/// The text of a profile's description, without what a terminal would obey.
fn words(text: ProfileText) -> String {
    let text = match text {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => {
            texts.into_iter().next().map(|text| text.value).unwrap_or_default()
        }
        ProfileText::Description(text) => text.ascii_string,
    };
    text.chars().filter(|own| !own.is_control()).take(MOST_LETTERS).collect()
}

/// Of a profile's name.
const MOST_LETTERS: usize = 80;

/// Pixels that are converted at once.
const ROW: usize = 1024;

/// The code points of what KTX2 names, with the curve of sRGB.
fn of_khronos(primaries: u8) -> Option<[u8; 4]> {
    match primaries {
        4 => Some([9, 13, 0, 1]),
        10 => Some([12, 13, 0, 1]),
        _ => None,
    }
}

/// The space of code points of ITU-T H.273.
fn of_code_points([primaries, transfer, matrix, range]: [u8; 4]) -> Option<ColorProfile> {
    if matrix != 0 || range != 1 {
        return None;
    }
    let primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let transfer = TransferCharacteristics::try_from(transfer).ok()?;
    if matches!(transfer, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg) {
        return None;
    }
    ToneReprCurve::try_from(transfer).ok()?;
    ColorPrimaries::try_from(primaries).ok()?;
    let mut profile = ColorProfile::new_srgb();
    // What it returns says nothing: it is false whether it has changed the profile or not.
    profile.update_rgb_colorimetry_from_cicp(CicpProfile {
        color_primaries: primaries,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    Some(profile)
}

/// The space of PNG's gAMA and cHRM.
fn of_chunks(color: &PngColor) -> Option<ColorProfile> {
    if color.srgb.is_some() || !color.differs_from_srgb() {
        return None;
    }
    let curve = match color.gama.map(u32::from_be_bytes) {
        None => ColorProfile::new_srgb().red_trc?,
        Some(0) => return None,
        Some(gamma) => ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]),
    };
    let mut profile = with_curve(curve);
    if let Some(chrm) = &color.chrm {
        let (values, _) = chrm.as_chunks::<4>();
        let value = |at: usize| u32::from_be_bytes(values[at]) as f32 / 100_000.0;
        let point = |at: usize| Chromaticity { x: value(2 * at), y: value(2 * at + 1) };
        set_primaries(&mut profile, [point(1), point(2), point(3)], point(0))?;
    }
    Some(profile)
}

/// The places of red, green, blue and white that an EXR or a Radiance file names.
fn primaries(origin: &Origin) -> Option<[f32; 8]> {
    let exr = origin.exr.as_ref().and_then(ExrLayout::chromaticities);
    exr.or_else(|| origin.hdr.as_ref().and_then(HdrLayout::primaries))
}

/// sRGB's curve with other primaries.
fn of_primaries(values: [f32; 8]) -> Option<ColorProfile> {
    let point = |at: usize| Chromaticity { x: values[2 * at], y: values[2 * at + 1] };
    let mut profile = with_curve(ColorProfile::new_srgb().red_trc?);
    set_primaries(&mut profile, [point(0), point(1), point(2)], point(3))?;
    Some(profile)
}

/// `None` if a colour has no place on the diagram.
fn set_primaries(
    profile: &mut ColorProfile,
    colors: [Chromaticity; 3],
    white: Chromaticity,
) -> Option<()> {
    let has_place = |point: &Chromaticity| point.x.is_finite() && point.y > 0.0;
    if !colors.iter().chain([&white]).all(has_place) {
        return None;
    }
    let [red, green, blue] = colors;
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    Some(())
}

/// The curve of levels that are light.
fn linear() -> ToneReprCurve {
    ToneReprCurve::Parametric(vec![1.0])
}

/// sRGB with another curve.
fn with_curve(curve: ToneReprCurve) -> ColorProfile {
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile
}

#[cfg(test)]
mod tests {
    use impasto_types::ContainerFormat;

    use super::*;

    fn origin() -> Origin {
        Origin::synthetic("a.png", ContainerFormat::Png)
    }

    fn with_icc(profile: &ColorProfile) -> Origin {
        Origin { icc: Some(profile.encode().expect("it is a profile")), ..origin() }
    }

    fn in_srgb(space: &ColorSpace, color: [f32; 3]) -> [f32; 3] {
        let mut rgb = color.to_vec();
        space.convert(&mut rgb, &ColorSpace::default());
        [rgb[0], rgb[1], rgb[2]]
    }

    fn near(one: [f32; 3], other: [f32; 3]) -> bool {
        one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1.5)
    }

    #[test]
    fn a_wide_space_comes_out_as_more_saturated_levels() {
        let p3 = ColorSpace::of(&with_icc(&ColorProfile::new_display_p3()));
        // Display P3's (0.8, 0.3, 0.2) by the matrices of both spaces.
        let color = in_srgb(&p3, [204.0, 76.5, 51.0]);
        assert!(near(color, [221.0, 63.8, 37.3]), "{color:?}");
        let gray = in_srgb(&p3, [128.0; 3]);
        assert!(near(gray, [128.0; 3]), "{gray:?}");
        // And back.
        let mut rgb = color.to_vec();
        ColorSpace::default().convert(&mut rgb, &p3);
        assert!(near([rgb[0], rgb[1], rgb[2]], [204.0, 76.5, 51.0]), "{rgb:?}");
    }

    #[test]
    fn a_space_is_called_what_its_file_calls_it() {
        let check = |origin: Origin, expected: &str| {
            let (rgb, alpha, extra) = (vec![9.0; 3], None, Vec::new());
            let picture = Picture { width: 1, height: 1, rgb, alpha, extra, origin };
            assert_eq!(ColorSpace::name(&picture), expected);
        };
        check(origin(), "sRGB");
        check(with_icc(&ColorProfile::new_srgb()), "sRGB");
        check(Origin { icc: Some(b"no profile".to_vec()), ..origin() }, "sRGB");
        check(Origin { is_linear: true, ..origin() }, "linear sRGB");
        let png = |png_color: PngColor| Origin { png_color: Some(png_color), ..origin() };
        let cicp = |points| png(PngColor { cicp: Some(points), ..PngColor::default() });
        check(cicp([12, 13, 0, 1]), "Display P3 primaries, sRGB curve");
        check(cicp([9, 1, 0, 1]), "BT.2020 primaries, BT.709 curve");
        let gama = PngColor { gama: Some(100_000_u32.to_be_bytes()), ..PngColor::default() };
        check(png(gama), "the file's own gamma and primaries");
        let mut named = ColorProfile::new_display_p3();
        named.description = Some(ProfileText::PlainString("P3 \u{1b}[31m of mine".to_owned()));
        check(with_icc(&named), "P3 [31m of mine");
    }

    #[test]
    fn png_s_own_descriptions_say_the_same() {
        let cicp = PngColor { cicp: Some([12, 13, 0, 1]), ..PngColor::default() };
        let p3 = ColorSpace::of(&Origin { png_color: Some(cicp), ..origin() });
        let color = in_srgb(&p3, [204.0, 76.5, 51.0]);
        assert!(near(color, [221.0, 63.8, 37.3]), "{color:?}");

        // Linear light.
        let gama = PngColor { gama: Some(100_000_u32.to_be_bytes()), ..PngColor::default() };
        let linear = ColorSpace::of(&Origin { png_color: Some(gama), ..origin() });
        let gray = in_srgb(&linear, [55.0; 3]);
        assert!(near(gray, [128.0; 3]), "{gray:?}");
    }

    #[test]
    fn light_is_in_the_primaries_of_its_file() {
        let picture = |file: &[u8], name: &str| {
            crate::decode(file, name, &crate::Limits::default()).expect("it reads").to_display()
        };
        let radiance = |lines: &str| {
            let file = format!("#?RADIANCE\n{lines}\n-Y 1 +X 1\n").into_bytes();
            picture(&[&file[..], &[128, 64, 32, 128]].concat(), "a.hdr").origin
        };
        assert!(ColorSpace::of(&radiance("")).is_srgb());
        let srgb = "PRIMARIES= 0.64 0.33 0.30 0.60 0.15 0.06 0.3127 0.3290\n";
        assert!(ColorSpace::of(&radiance(srgb)).is_srgb());
        let p3 = "PRIMARIES= 0.68 0.32 0.265 0.69 0.15 0.06 0.3127 0.3290\n";
        let color = in_srgb(&ColorSpace::of(&radiance(p3)), [204.0, 76.5, 51.0]);
        assert!(near(color, [221.0, 63.8, 37.3]), "{color:?}");
        // Before the curve, numbers are no levels of any space.
        let light = Origin { tone: None, ..radiance(p3) };
        assert!(ColorSpace::of(&light).is_srgb());
        for wrong in ["PRIMARIES= 0.68 0.32\n", "PRIMARIES= 0 0 0 0 0 0 0 0\n"] {
            assert!(ColorSpace::of(&radiance(wrong)).is_srgb(), "{wrong}");
        }
    }

    #[test]
    fn linear_levels_are_a_space() {
        let linear = Origin { is_linear: true, ..origin() };
        let gray = in_srgb(&ColorSpace::of(&linear), [55.0; 3]);
        assert!(near(gray, [128.0; 3]), "{gray:?}");
    }

    #[test]
    fn what_is_srgb_or_cannot_be_told_changes_nothing() {
        let pq = PngColor { cicp: Some([9, 16, 0, 1]), ..PngColor::default() };
        for origin in [
            origin(),
            with_icc(&ColorProfile::new_srgb()),
            Origin { icc: Some(b"no profile at all, but long enough RGB ".to_vec()), ..origin() },
            Origin { png_color: Some(pq), ..origin() },
            Origin { color: Color::Gray, ..with_icc(&ColorProfile::new_display_p3()) },
        ] {
            assert!(ColorSpace::of(&origin).is_srgb(), "{origin:?}");
        }
    }
}
