//! The inputs as the optimisation looks at them at a scale: on its canvas.

use std::sync::Arc;

use impasto_types::{Init, Optimize, Padding, Scale};

use super::device::Masked;
use crate::frame::Frame;
use crate::noise::Noise;
use crate::sources::{Sources, fitted};
use crate::{Image, Joins, Mask, Style};

impl Sources {
    /// The picture that the first scale begins with, in that scale's size; none where it begins
    /// with noise. The image to begin with is let go.
    pub(crate) fn first(&mut self, init: Init, frame: Frame) -> Option<Image> {
        let own = self.take_init();
        let (width, height) = frame.picture();
        match init {
            Init::Content => self.target_at(frame.picture()),
            Init::Image => own.map(|own| self.fit(&own, width, height)),
            Init::Noise => None,
        }
    }

    /// A canvas of noise around the styles' mean colour.
    pub(crate) fn noise(&self, seed: u64, width: usize, height: usize) -> Image {
        let total: f32 = self.styles().iter().map(|style| style.share).sum();
        let mut mean = [0.0; 3];
        for style in self.styles() {
            let scale = style.share / total / style.measured().weight() as f32;
            for (pixel, weight) in style.measured().pixels() {
                (0..3).for_each(|c| mean[c] += pixel[c] * scale * weight as f32);
            }
        }
        let mut noise = Noise::new(seed);
        let mut image = Image::filled(width, height, mean);
        image.rgb.iter_mut().for_each(|value| *value += 40.0 * noise.normal());
        image.clamp();
        image
    }

    /// A style image in the size that it has at a scale, which may be a run's `first`, continued by
    /// its mirror image to a multiple of 16 pixels, as a canvas is.
    pub(crate) fn style_at(recipe: &Optimize, style: &Style, scale: Scale, first: bool) -> Style {
        let Style { image, weights, share } = style;
        let frame = Self::style_frame(recipe, style, scale, first);
        let (width, height) = frame.picture();
        let image = fitted(image, weights.as_ref(), (width, height), (false, false));
        let ends = Joins::default();
        let weights = weights.as_ref().map(|mask| {
            let weights = mask.resized(width, height, &ends).into_weights();
            Mask::of_counted(frame.width(), frame.height(), frame.surround_plane(weights, 1))
        });
        Style { image: frame.surround(image), weights, share: *share }
    }

    /// The width and the height that a style image has then.
    pub(crate) fn style_size(
        recipe: &Optimize,
        style: &Style,
        scale: Scale,
        first: bool,
    ) -> (usize, usize) {
        let frame = Self::style_frame(recipe, style, scale, first);
        (frame.width(), frame.height())
    }

    fn style_frame(recipe: &Optimize, style: &Style, scale: Scale, first: bool) -> Frame {
        let own = (style.image.width as u32, style.image.height as u32);
        let ratio = recipe.style_factor(own, (scale.width, scale.height), first);
        let side = |length: u32| ((f64::from(length) * ratio).round() as u32).max(1);
        Frame::new(&Joins::default(), Padding::Reflect, side(own.0), side(own.1))
    }

    /// Where a scale's picture is painted, where there is a mask: in the mask and its margin.
    pub(crate) fn masked_at(&self, frame: Frame) -> Option<Masked> {
        let (weights, own) = self.painted_at(frame.picture())?;
        let weights = frame.surround_plane(weights, 1);
        let mask = impasto_kernels::Mask::new(frame.width(), frame.height(), &weights);
        Some(Masked { mask: Arc::new(mask), own: frame.surround(own) })
    }

    /// Gives a canvas the asset's values and even colours, as far as the recipe says: see
    /// [`Sources::correction`].
    pub(crate) fn correct(&self, canvas: &mut Image, frame: Frame) {
        if !self.has_values() {
            return;
        }
        if let Some(correction) = self.correction(&frame.cut(canvas.clone())) {
            correction.apply_on(frame, canvas);
        }
    }
}
