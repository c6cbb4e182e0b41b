//! The inputs as the optimisation looks at them at a scale: on its canvas.

use std::sync::Arc;

use impasto_types::{Init, Optimize, Padding, Scale};

use super::device::Masked;
use super::pattern;
use crate::frame::Frame;
use crate::noise::Noise;
use crate::sources::{Sources, fitted, mean_color};
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
            // Those have nothing to be resized.
            Init::Noise | Init::Arbitrary => None,
        }
    }

    /// What a texture begins with at a run's first scale, in its size: noise with the pattern of
    /// the styles.
    pub(crate) fn patterned_noise(&self, recipe: &Optimize, scale: Scale, frame: Frame) -> Image {
        let examples: Vec<Style> =
            self.styles().iter().map(|style| Self::example(recipe, style, scale, true)).collect();
        pattern::spot_noise(&examples, frame.picture(), recipe.common.seed)
    }

    /// Leads a texture that is made from one style to its pattern, as far as the recipe says. What
    /// is made inside a mask stays: what is around it has another one.
    pub(crate) fn lead_to_pattern(
        &self,
        recipe: &Optimize,
        canvas: Image,
        scale: Scale,
        frame: Frame,
        first: bool,
    ) -> Image {
        let [style] = self.styles() else { return canvas };
        if recipe.pattern == 0.0 || self.has_target() || self.has_mask() {
            return canvas;
        }
        let mut picture = frame.cut(canvas);
        let example = Self::example(recipe, style, scale, first);
        pattern::lead(&mut picture, &example, recipe.pattern);
        frame.surround(picture)
    }

    /// Memory of finding the pattern at a scale, beside the canvas.
    pub(crate) fn pattern_bytes(&self, recipe: &Optimize, scale: Scale, first: bool) -> u64 {
        if self.has_target() {
            return 0;
        }
        let example = |style: &Style| {
            let (width, height) = Self::style_frame(recipe, style, scale, first).picture();
            let values = if style.weights.is_some() { 4 } else { 3 };
            4 * values * (width * height) as u64
        };
        let pixels = u64::from(scale.width) * u64::from(scale.height);
        let picture = 12 * pixels;
        picture + pattern::bytes(pixels) + self.styles().iter().map(example).sum::<u64>()
    }

    /// A style image in the size that it has at a scale.
    fn example(recipe: &Optimize, style: &Style, scale: Scale, first: bool) -> Style {
        let size = Self::style_frame(recipe, style, scale, first).picture();
        let image = fitted(&style.image, style.weights.as_ref(), size, (false, false));
        let resized = |mask: &Mask| mask.resized(size.0, size.1, &Joins::default());
        let weights = style.weights.as_ref().map(resized);
        Style { image, weights, share: style.share }
    }

    /// A canvas of noise around the styles' mean colour.
    pub(crate) fn noise(&self, seed: u64, width: usize, height: usize) -> Image {
        let mut noise = Noise::new(seed);
        let mut image = Image::filled(width, height, mean_color(self.styles()));
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
    /// [`Sources::correction`]. What is synthesised inside a mask gets the mean colour of its
    /// styles: deep features of a small region see what is around it, and draw it there.
    pub(crate) fn correct(&self, canvas: &mut Image, frame: Frame) {
        if let Some(mean) = self.mean() {
            self.shift_to(mean, canvas, frame);
        }
        if !self.has_values() {
            return;
        }
        if let Some(correction) = self.correction(&frame.cut(canvas.clone())) {
            correction.apply_on(frame, canvas);
        }
    }

    /// Gives what is painted of a canvas a mean colour.
    fn shift_to(&self, mean: [f32; 3], canvas: &mut Image, frame: Frame) {
        let Some((weights, own)) = self.painted_at(frame.picture()) else { return };
        let weights = frame.surround_plane(weights, 1);
        let own = frame.surround(own);
        let pixels = || canvas.rgb.chunks_exact(3).zip(own.rgb.chunks_exact(3)).zip(&weights);
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        // The canvas is the painted pixel by its weight, and the ground for the rest.
        let shift = [0, 1, 2].map(|channel: usize| {
            let painted = pixels().map(|((pixel, own), weight)| {
                f64::from(pixel[channel]) - f64::from((1.0 - weight) * own[channel])
            });
            mean[channel] - (painted.sum::<f64>() / total.max(1e-9)) as f32
        });
        for (pixel, weight) in canvas.rgb.chunks_exact_mut(3).zip(&weights) {
            pixel.iter_mut().zip(shift).for_each(|(value, shift)| *value += weight * shift);
        }
        canvas.clamp();
    }
}
