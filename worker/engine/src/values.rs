//! Values, as painters call light and dark, and evenness: what holds a scene together when all of
//! its textures are painted in one style, and keeps a texture that repeats from showing its grid.
//!
//! A style brings its own values. Without more, every asset ends at the style's mean brightness, a
//! plain wall gets its blots, and a motif that is rare in the style, such as a star, lands once in
//! a tile and becomes a landmark. So by the recipe's `values`, the low frequencies of luminance
//! ([`LowPass`], the mean among them) are moved to the asset's; by its `evenness`, those of chroma
//! lose what stands out. Strokes are finer than that, and stay.
//!
//! It is done in three places, so that the loss does not fight it: to each style image before it is
//! measured ([`Values::tone`]), to the content ([`Values::settle`]), and to the picture itself
//! between scales and at the end ([`Values::correction`]).
//!
//! Luminance is moved along `l / (l + r (1 - l))`, a curve that leaves black black and white white,
//! with an `r` that varies as slowly as the waves do: holes stay dark. Chroma stays what it is, as
//! far as a colour can have it at its new luminance.

use rayon::prelude::*;

use crate::color::{Measured, luminance};
use crate::low_pass::{LowPass, Waves};
use crate::{Frame, Image, Style};

/// How many cycles a side has of the finest light and dark that is held.
const CYCLES: usize = 8;

/// As many of a style image that is looked at much larger than the result.
const MOST_CYCLES: usize = 32;

/// The most by which a style's contrast is multiplied, as for a palette.
const MAX_GAIN: f32 = 2.0;

/// Luminance that is nearer than this to where it should be, of 0 to 1, is left alone: a fifth of
/// an 8-bit level.
const NEAR: f32 = 0.2 / 255.0;

/// The curve depends on each pixel, so its parameter is found by Newton's steps. Four are enough
/// where no half of a picture is black or white.
const MAX_STEPS: usize = 8;

/// What an asset's values are, and how far they are held.
#[derive(Debug)]
pub(crate) struct Values {
    /// The share to which luminance is held, and that to which chroma is evened.
    share: f32,
    evenness: f32,
    waves: Waves,
    size: (usize, usize),
    /// The low frequencies of the asset's luminance.
    light: LowPass,
    /// The mean luminance of what is painted of it.
    mean: f64,
    /// The variance of its other frequencies.
    detail: f64,
    /// The low frequencies of the content's chroma, in each channel, once it is settled.
    chroma: Option<[LowPass; 3]>,
}

/// A picture as it is seen: where a mask has less than full weight, the rest is what lies under it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) picture: &'a Image,
    /// Of the picture's size, weights and what is seen where they are zero.
    pub(crate) under: Option<(&'a [f32], Ground<'a>)>,
}

/// What lies under a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground<'a> {
    Picture(&'a Image),
    Plain([f32; 3]),
}

/// What is to be done to each pixel of a picture.
#[derive(Debug)]
pub(crate) struct Correction {
    /// The picture's width and height.
    size: (usize, usize),
    /// The parameter of luminance's curve.
    ratios: Option<Vec<f32>>,
    stray: Option<Stray>,
}

/// Low frequencies of chroma that stand out: what is beyond a soft limit of their median.
#[derive(Debug)]
struct Stray {
    /// Of each channel, around its mean.
    low: [LowPass; 3],
    limit: f32,
    evenness: f32,
}

impl Values {
    /// Of an asset, whose luminance is held by `share` and chroma evened by `evenness`. Styles get
    /// the values of those of its pixels that count.
    pub(crate) fn of(asset: Measured<'_>, wraps: (bool, bool), share: f32, evenness: f32) -> Self {
        let waves = Waves { cycles: (CYCLES, CYCLES), wraps };
        let size = (asset.image.width, asset.image.height);
        let seen = Seen { picture: asset.image, under: None };
        let light = LowPass::of(size, waves, |at| seen.luminance(at));
        let (mean, variance) = light_moments(asset);
        let detail = (variance - light.variance()).max(0.0);
        Self { share, evenness, waves, size, light, mean, detail, chroma: None }
    }

    /// The least by which a palette should multiply the content's contrast.
    pub(crate) fn least_gain(&self) -> f32 {
        self.share
    }

    /// Gives the content the asset's values; its colours are those that are evened to later.
    pub(crate) fn settle(&mut self, content: &mut Image) {
        let seen = Seen { picture: content, under: None };
        let size = (content.width, content.height);
        let ratios = self.ratios(seen, self.waves, &self.light);
        Correction { size, ratios, stray: None }.apply(content);
        self.chroma = Some(chroma(Seen { picture: content, under: None }, size, self.waves));
    }

    /// Gives a style image the asset's values: its mean, and no more contrast in the low
    /// frequencies, nor less in the others. `scale` is how long a pixel of the style is beside one
    /// of the asset.
    pub(crate) fn tone(&self, style: &mut Style, scale: f64) {
        let size = (style.image.width, style.image.height);
        // What does not count has the colour of what does.
        let mean = Ground::Plain(mean(style.measured()));
        let detail = light_moments(style.measured()).1;
        let Style { image, weights, .. } = style;
        let under = weights.as_ref().map(|mask| (mask.weights(), mean));
        let waves = self.style_waves(size, scale);
        if self.share > 0.0 {
            let own = LowPass::of(size, waves, |at| Seen { picture: image, under }.luminance(at));
            let detail = (detail - own.variance()).max(0.0);
            let gain = (self.detail / detail.max(1e-6)).sqrt() as f32;
            let gain = 1.0 + self.share * (gain.clamp(1.0, MAX_GAIN) - 1.0);
            if gain > 1.0 {
                let laid = own.laid(size);
                each_row(image, |y, row| {
                    for (pixel, low) in row.chunks_exact_mut(3).zip(laid.row(y)) {
                        let light = luminance(pixel);
                        set_luminance(pixel, low + gain * (light - low));
                    }
                });
            }
            let spread = (self.light.variance() / own.variance().max(1e-9)).sqrt().min(1.0);
            let goal = own.with(&own, |at, own, _| if at == 0 { self.mean } else { spread * own });
            let ratios = self.ratios(Seen { picture: image, under }, waves, &goal);
            Correction { size, ratios, stray: None }.apply(image);
        }
        if self.evenness > 0.0 {
            let own = chroma(Seen { picture: image, under }, size, waves);
            Correction { size, ratios: None, stray: self.stray(&own) }.apply(image);
        }
    }

    /// Memory that toning a style image, or moving another picture, takes beside it.
    pub(crate) fn scratch_bytes(image: &Image) -> u64 {
        (image.pixels() * size_of::<f32>()) as u64
    }

    /// What gives a picture of any size the asset's values, and evens its colours.
    pub(crate) fn correction(&self, seen: Seen<'_>) -> Correction {
        let size = (seen.picture.width, seen.picture.height);
        let ratios = self.ratios(seen, self.waves, &self.light);
        let stray = self.chroma.as_ref().filter(|_| self.evenness > 0.0).and_then(|content| {
            let own = chroma(seen, size, self.waves);
            let beyond = |k: usize| own[k].with(&content[k], |_, own, content| own - content);
            self.stray(&[beyond(0), beyond(1), beyond(2)])
        });
        Correction { size, ratios, stray }
    }

    /// The parameter of luminance's curve at each pixel that moves the low frequencies of what is
    /// seen by the share towards a goal. None where they are there.
    fn ratios(&self, seen: Seen<'_>, waves: Waves, goal: &LowPass) -> Option<Vec<f32>> {
        if self.share == 0.0 {
            return None;
        }
        let size = (seen.picture.width, seen.picture.height);
        let (mut ratios, mut goal_light): (Option<Vec<f32>>, Option<LowPass>) = (None, None);
        for _ in 0..MAX_STEPS {
            let ratio = |at: usize| ratios.as_ref().map_or(1.0, |ratios| ratios[at]);
            let own = LowPass::of(size, waves, |at| seen.moved(at, ratio(at)).0);
            let goal = &*goal_light.get_or_insert_with(|| {
                own.with(goal, |_, own, goal| own + f64::from(self.share) * (goal - own))
            });
            let missing = goal.with(&own, |_, goal, own| goal - own);
            let missing = missing.laid(size);
            let is_near = |y| missing.row(y).iter().all(|missing| missing.abs() < NEAR);
            if (0..size.1).into_par_iter().all(is_near) {
                break;
            }
            let slope = LowPass::of(size, waves, |at| seen.moved(at, ratio(at)).1);
            let least = (0.25 * slope.mean() as f32).max(1e-3);
            let slopes = slope.laid(size);
            let ratios = ratios.get_or_insert_with(|| vec![1.0; size.0 * size.1]);
            ratios.par_chunks_exact_mut(size.0).enumerate().for_each(|(y, ratios)| {
                let steps = missing.row(y).into_iter().zip(slopes.row(y));
                for (ratio, (missing, slope)) in ratios.iter_mut().zip(steps) {
                    let step = (missing / slope.max(least)).clamp(-1.0, 1.0);
                    // About the exponential of the step; the curve lightens where it is below one.
                    *ratio = (*ratio * (2.0 - step) / (2.0 + step)).clamp(1e-3, 1e3);
                }
            });
        }
        ratios
    }

    /// What stands out of low frequencies of chroma, if anything does. Their mean stays.
    fn stray(&self, chroma: &[LowPass; 3]) -> Option<Stray> {
        const GRID: (usize, usize) = (64, 64);
        let low = chroma.each_ref().map(|low| low.with(low, |at, low, _| low * keep(at)));
        let [red, green, blue] = low.each_ref().map(|low| low.plane(GRID));
        let mut lengths: Vec<f32> =
            (0..red.len()).map(|at| square([red[at], green[at], blue[at]]).sqrt()).collect();
        let middle = lengths.len() / 2;
        let limit = *lengths.select_nth_unstable_by(middle, f32::total_cmp).1;
        let most = lengths.iter().copied().fold(0.0, f32::max);
        (most >= NEAR).then_some(Stray { low, limit, evenness: self.evenness })
    }

    /// The waves of a style image that are as long as the asset's, or longer.
    fn style_waves(&self, size: (usize, usize), scale: f64) -> Waves {
        let side = ((self.size.0 * self.size.1) as f64).sqrt();
        let cycles = |len: usize| {
            let cycles = (CYCLES as f64 * len as f64 * scale / side).round() as usize;
            cycles.clamp(1, MOST_CYCLES)
        };
        Waves { cycles: (cycles(size.0), cycles(size.1)), wraps: (false, false) }
    }
}

/// The mean is left as it is.
fn keep(at: usize) -> f64 {
    if at == 0 { 0.0 } else { 1.0 }
}

impl Seen<'_> {
    fn luminance(&self, at: usize) -> f32 {
        self.moved(at, 1.0).0
    }

    /// The luminance at a pixel whose own is moved along the curve, and its slope: how fast it
    /// changes with the logarithm of the parameter.
    fn moved(&self, at: usize, ratio: f32) -> (f32, f32) {
        let own = moved(luminance(&self.picture.rgb[3 * at..][..3]), ratio);
        let slope = own * (1.0 - own);
        match self.under {
            None => (own, slope),
            Some((weights, under)) => {
                let (weight, under) = (weights[at], luminance(under.pixel(at)));
                (under + weight * (own - under), weight * slope)
            }
        }
    }

    /// The chroma of a channel: what its value is above luminance, of 0 to 1.
    fn chroma(&self, at: usize, channel: usize) -> f32 {
        let of = |pixel: &[f32]| pixel[channel] / 255.0 - luminance(pixel);
        let own = of(&self.picture.rgb[3 * at..][..3]);
        self.under.map_or(own, |(weights, under)| {
            let under = of(under.pixel(at));
            under + weights[at] * (own - under)
        })
    }
}

impl Ground<'_> {
    fn pixel(&self, at: usize) -> &[f32] {
        match self {
            Self::Picture(image) => &image.rgb[3 * at..][..3],
            Self::Plain(color) => color,
        }
    }
}

fn chroma(seen: Seen<'_>, size: (usize, usize), waves: Waves) -> [LowPass; 3] {
    [0, 1, 2].map(|channel| LowPass::of(size, waves, |at| seen.chroma(at, channel)))
}

impl Correction {
    /// Corrects the picture.
    ///
    /// # Panics
    /// If it has another size.
    pub(crate) fn apply(&self, picture: &mut Image) {
        assert_eq!((picture.width, picture.height), self.size, "the picture that was measured");
        self.apply_to(picture, |x| x, |y| y);
    }

    /// The same on a canvas that has the picture.
    ///
    /// # Panics
    /// If it is of another frame.
    pub(crate) fn apply_on(&self, frame: Frame, canvas: &mut Image) {
        assert_eq!(frame.picture(), self.size, "the picture that was measured");
        self.apply_to(canvas, |x| frame.column(x), |y| frame.row(y));
    }

    /// Where a canvas shows these columns and rows of the picture.
    fn apply_to(
        &self,
        canvas: &mut Image,
        column: impl Fn(usize) -> usize + Sync,
        row: impl Fn(usize) -> usize + Sync,
    ) {
        let Self { size, ratios, stray } = self;
        if ratios.is_none() && stray.is_none() {
            return;
        }
        let ratios = |y| ratios.as_ref().map(|ratios| &ratios[y * size.0..][..size.0]);
        let taken = stray.as_ref().map(|stray| stray.taken(*size));
        each_row(canvas, |y, pixels| {
            let y = row(y);
            let (ratios, taken) = (ratios(y), taken.as_ref().map(|taken| taken(y)));
            for (x, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                let x = column(x);
                let light = luminance(pixel);
                if let Some(taken) = &taken {
                    pixel.iter_mut().zip(taken[x]).for_each(|(value, taken)| *value -= taken);
                }
                set_luminance(pixel, ratios.map_or(light, |ratios| moved(light, ratios[x])));
            }
        });
    }
}

impl Stray {
    /// What is taken from a picture of this size: a row's levels.
    fn taken(&self, size: (usize, usize)) -> impl Fn(usize) -> Vec<[f32; 3]> + Sync {
        let Self { low, limit, evenness } = self;
        let laid = low.each_ref().map(|low| low.laid(size));
        move |y| {
            let [red, green, blue] = laid.each_ref().map(|laid| laid.row(y));
            let pixels = red.into_iter().zip(green).zip(blue);
            let stray = pixels.map(|((red, green), blue)| [red, green, blue]);
            stray
                .map(|stray| {
                    let beyond = 1.0 - limit / (limit * limit + square(stray)).sqrt().max(1e-9);
                    stray.map(|stray| 255.0 * (evenness * beyond * stray))
                })
                .collect()
        }
    }
}

fn each_row(picture: &mut Image, change: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = picture.rgb.par_chunks_exact_mut(3 * picture.width).enumerate();
    rows.for_each(|(y, row)| change(y, row));
}

/// Luminance moved along the curve: lighter where the ratio is below one. It is the logistic
/// function of the logit less the ratio's logarithm.
fn moved(light: f32, ratio: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    light / (light + ratio * (1.0 - light))
}

/// Gives a pixel this luminance. Its chroma stays, or shrinks until the colour is within range.
fn set_luminance(pixel: &mut [f32], light: f32) {
    let (own, light) = (255.0 * luminance(pixel), 255.0 * light.clamp(0.0, 1.0));
    let mut share = 1.0_f32;
    for value in pixel.iter() {
        let chroma = value - own;
        let room = if chroma > 0.0 { 255.0 - light } else { light };
        if chroma.abs() > room {
            share = share.min(room / chroma.abs());
        }
    }
    for value in pixel {
        *value = (light + share * (*value - own)).clamp(0.0, 255.0);
    }
}

fn square([red, green, blue]: [f32; 3]) -> f32 {
    red * red + green * green + blue * blue
}

/// Mean and variance of luminance.
fn light_moments(picture: Measured<'_>) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for (pixel, weight) in picture.pixels() {
        let light = f64::from(luminance(pixel));
        first += weight * light;
        second += weight * light * light;
    }
    let weight = picture.weight();
    let mean = first / weight;
    (mean, (second / weight - mean * mean).max(0.0))
}

fn mean(picture: Measured<'_>) -> [f32; 3] {
    let mut sums = [0.0_f64; 3];
    for (pixel, weight) in picture.pixels() {
        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * f64::from(*value));
    }
    sums.map(|sum| (sum / picture.weight()) as f32)
}

#[cfg(test)]
mod tests;
