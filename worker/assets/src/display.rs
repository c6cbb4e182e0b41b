//! Which numbers are light and which are levels of a display, and the way between them.

use std::borrow::Cow;

use impasto_types::{ContainerFormat, Depth};

use crate::{Ktx2Layout, Origin, Picture, ToneCurve};

impl Origin {
    /// Whether the file says that its numbers are light without an upper end, and not levels of a
    /// display. Floats of a DDS are light to every engine.
    pub fn is_scene_linear(&self) -> bool {
        !self.is_data
            && match self.format {
                ContainerFormat::Exr | ContainerFormat::Hdr => true,
                // Photoshop's documents of 32 bits.
                ContainerFormat::Psd => self.depth == Depth::Float,
                ContainerFormat::Dds => self.dds.is_some_and(|dds| dds.is_scene_linear()),
                ContainerFormat::Ktx2 => {
                    self.ktx2.as_ref().is_some_and(Ktx2Layout::is_scene_linear)
                }
                _ => false,
            }
    }
}

/// Levels of a display may overshoot where they were resampled, but not so far.
const BEYOND_DISPLAY: f32 = 2.0 * 255.0;

impl Picture {
    /// Whether its numbers are light: the file says so, or they are the floats of a TIFF, which
    /// cannot say so, and some are so large that no display shows them.
    pub fn is_light(&self) -> bool {
        let is_beyond = || self.rgb.iter().any(|number| *number > BEYOND_DISPLAY);
        self.may_be_light() && (self.origin.is_scene_linear() || is_beyond())
    }

    /// Whether its numbers may be light, if other pictures of its kind have numbers that no display
    /// shows.
    pub fn may_be_light(&self) -> bool {
        let Origin { format, depth, is_data, tone, .. } = &self.origin;
        let is_float = *format == ContainerFormat::Tiff && *depth == Depth::Float && !is_data;
        tone.is_none() && (self.origin.is_scene_linear() || is_float)
    }

    /// A picture whose numbers are levels of a display, from 0 to 255: light goes through a
    /// [`ToneCurve`], which the origin keeps so that [`encode`](crate::encode()) undoes it. Other
    /// pictures are so already, and numbers that are no colours stay as they are.
    #[must_use]
    pub fn to_display(self) -> Self {
        let curve = self.is_light().then(|| ToneCurve::of(&self.metered()));
        match curve {
            Some(curve) => self.to_display_by(curve),
            None => self,
        }
    }

    /// The colours that a light meter is to read: of a PSD those that show, as it is white where
    /// nothing does. Elsewhere the colours of what is transparent add light, or are black.
    pub fn metered(&self) -> Cow<'_, [f32]> {
        match &self.alpha {
            Some(alpha) if self.origin.psd.is_some() => {
                let pixels = self.rgb.as_chunks::<3>().0.iter().zip(alpha);
                pixels.filter(|(_, alpha)| **alpha > 0.0).flat_map(|(pixel, _)| *pixel).collect()
            }
            _ => Cow::Borrowed(&self.rgb),
        }
    }

    /// The same by a curve that other pictures have, too.
    #[must_use]
    pub fn to_display_by(mut self, curve: ToneCurve) -> Self {
        if self.may_be_light() {
            self.rgb.iter_mut().for_each(|number| *number = curve.level(*number / 255.0));
            self.origin.tone = Some(curve);
        }
        self
    }

    /// The picture with the numbers that a file of `format` is to have: light or levels.
    pub(crate) fn in_terms_of(&self, format: ContainerFormat) -> Cow<'_, Self> {
        let holds_light = match format {
            ContainerFormat::Exr | ContainerFormat::Hdr => true,
            ContainerFormat::Psd => self.origin.depth == Depth::Float,
            _ => false,
        };
        let is_texture = matches!(format, ContainerFormat::Dds | ContainerFormat::Ktx2);
        // Floats are light in it.
        let becomes_light = format == ContainerFormat::Dds
            && self.origin.format != format
            && self.origin.depth == Depth::Float;
        let curve = match self.origin.tone {
            // Light that becomes a texture keeps its range: the texture has floats.
            Some(curve) if holds_light || is_texture || format == self.origin.format => curve,
            Some(_) => return Cow::Borrowed(self),
            None if (holds_light || becomes_light) && !self.origin.is_data && !self.is_light() => {
                ToneCurve::srgb()
            }
            None => return Cow::Borrowed(self),
        };
        let mut picture = self.clone();
        // Rounding must not carry the largest numbers beyond floats.
        let light = |level: f32| (curve.light(level) * 255.0).clamp(f32::MIN, f32::MAX);
        picture.rgb.iter_mut().for_each(|number| *number = light(*number));
        Cow::Owned(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(light: &[f32]) -> Picture {
        Picture {
            width: light.len() as u32,
            height: 1,
            rgb: light.iter().flat_map(|light| [light * 255.0; 3]).collect(),
            alpha: None,
            extra: Vec::new(),
            origin: Origin::synthetic("a", ContainerFormat::Exr),
        }
    }

    #[test]
    fn only_light_goes_through_it() {
        let scene = picture(&[0.1, 4.0]);
        let mut normals = scene.clone();
        normals.origin.is_data = true;
        assert_eq!(normals.clone().to_display(), normals);
        let mut png = scene.clone();
        png.origin.format = ContainerFormat::Png;
        assert_eq!(png.clone().to_display(), png);
        // Once is enough.
        let shown = scene.to_display();
        assert_eq!(shown.clone().to_display(), shown);
        // What a display shows is what other formats hold, and light is what an EXR does.
        assert_eq!(*shown.in_terms_of(ContainerFormat::Png), shown);
        let gray = Picture { rgb: vec![188.0; 6], ..png };
        let light = gray.in_terms_of(ContainerFormat::Exr).rgb[0] / 255.0;
        assert!((light - 0.503).abs() < 1e-3, "{light}");
        let bright = Picture { rgb: vec![510.0; 6], ..gray };
        let light = bright.in_terms_of(ContainerFormat::Exr).rgb[0] / 255.0;
        assert!((light - 4.95).abs() < 0.01, "{light}");
    }

    #[test]
    fn light_of_any_size_stays_a_number() {
        for largest in [f32::MAX, f32::MIN] {
            let scene = Picture { rgb: vec![largest, 1.0, 0.0], ..picture(&[0.0]) };
            let shown = scene.to_display();
            let light = shown.in_terms_of(ContainerFormat::Exr);
            assert!(light.rgb.iter().all(|number| number.is_finite()), "{:?}", light.rgb);
        }
    }
}
