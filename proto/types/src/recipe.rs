//! A recipe: every parameter of a stylisation, resolved.

use serde::{Deserialize, Serialize};

/// How many layers the style loss has: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1.
pub const STYLE_LAYERS: usize = 5;

/// Every parameter of a stylisation, resolved: nothing is left to a default. On one machine, two
/// equal recipes on equal inputs paint the same bytes.
///
/// Field names are the keys of the manifest, the flags of `impasto stylize` (with `-` for `_`) and
/// the fields of the wire message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub method: Method,
    /// The result's longer side in pixels; `None` is the asset's own.
    pub size: Option<u32>,
    /// Optimiser steps at the finest scale.
    pub iterations: u32,
    /// Optimiser steps at the coarsest scale; scales between interpolate geometrically. More of
    /// them settle the large forms, and cost little.
    pub coarse_iterations: u32,
    /// A scale ends early where the loss fell by less than this share of itself over the last ten
    /// steps: the smaller, the more patient. 0 never ends one.
    pub plateau: f32,
    /// The longer side in pixels at which coarse to fine begins; 0 works at the final size alone.
    pub min_scale: u32,
    /// The ratio of one scale's side to the next coarser one's, above 1.
    pub scale_factor: f32,
    /// How strongly the asset's own forms hold.
    pub content_weight: f32,
    /// How strongly the style's strokes and colours press.
    pub style_weight: f32,
    /// The weight of the channels' means and deviations beside the Gram matrices, relative to
    /// `style_weight`: it holds contrast and palette.
    pub stats_weight: f32,
    /// The weight of total variation: it smooths speckles, and blurs when it is large.
    pub tv_weight: f32,
    /// Weights of relu1_1 to relu5_1 in the style loss: early layers are fine texture, late ones
    /// large motifs.
    pub style_layers: [f32; STYLE_LAYERS],
    /// The style image's size relative to the result's: larger means larger strokes.
    pub style_scale: f32,
    pub loss_norm: LossNorm,
    pub pooling: Pooling,
    pub padding: Padding,
    pub optimizer: Optimizer,
    /// The factor of the optimiser's own step; Adam's is five levels of 0 to 255.
    pub learning_rate: f32,
    /// How many steps L-BFGS remembers.
    pub history: u32,
    /// The decay with which Adam's iterates are averaged; 0 takes the last iterate.
    pub averaging: f32,
    pub init: Init,
    pub preserve_color: PreserveColor,
    /// How far the asset takes on the style's palette before it is painted, from 0 to 1: at 1 the
    /// new colours lie evenly, by light and dark, instead of in patches where the style found a
    /// foothold. Without effect where colours are preserved.
    pub palette: f32,
    pub tileable: Tileable,
    pub profile: Profile,
    /// Seeds the noise of `init = "noise"`.
    pub seed: u64,
}

/// How a picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR
    /// 2016: optimise the pixels.
    Optimize,
    /// The same from noise, with the style alone: a new texture.
    Synthesize,
}

/// What the loss terms are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum LossNorm {
    /// The paper's constants: content `mean((F - P)^2)`, style `mean((G - A)^2) / C^2` per layer.
    Absolute,
    /// Content by `mean(P^2)`, style by `mean(A^2)`: weights mean the same at every size and
    /// picture. For photographs.
    Relative,
    /// As relative, but content by the variance of `P` over the picture, so that a texture's small
    /// features count. For textures.
    Variance,
}

/// How VGG halves its feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The original network's: sharper, noisier.
    Max,
    /// The mean of four, times two to keep the feature maps' level: smoother.
    Average,
}

/// What lies beyond the border of a picture that does not tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Zeros at every layer, as the network was trained: leaves a rim.
    Zero,
    /// The border pixel repeated, at every layer.
    Replicate,
    /// The picture mirrored at its border, at every layer.
    Reflect,
    /// No border: a strip of the picture's mirror image continues it, opposite ends are joined, and
    /// the strip is cut off in the end.
    Ring,
}

/// What moves the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989,
    /// with pixels held in range.
    Lbfgs,
    /// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, with pixels held in
    /// range.
    Adam,
}

/// What the optimisation begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    Content,
    Noise,
    /// A picture of its own, carried beside the recipe.
    Image,
}

/// Whose colours the result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum PreserveColor {
    /// The style's.
    None,
    /// The asset's: the style image's colour mean and covariance are matched to it first (Gatys et
    /// al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017).
    Statistics,
    /// The asset's chroma, pixel by pixel, under the result's luminance.
    Luminance,
}

/// The axes along which the result joins itself without a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Tileable {
    None,
    X,
    Y,
    Both,
}

impl Tileable {
    pub fn wraps_x(self) -> bool {
        matches!(self, Self::X | Self::Both)
    }

    pub fn wraps_y(self) -> bool {
        matches!(self, Self::Y | Self::Both)
    }
}

/// Which arithmetic the pass uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Single precision throughout.
    Exact,
    /// bf16 where the device has units that multiply it, single precision where it does not. Sums
    /// are in single precision in both.
    Fast,
}

/// One step of coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub width: u32,
    pub height: u32,
    pub iterations: u32,
}

/// A parameter out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}, but has to be {range}")]
pub struct RecipeError {
    pub name: &'static str,
    pub value: String,
    pub range: &'static str,
}

impl Recipe {
    /// VGG halves a picture four times; below this a side has nothing left at relu5_1.
    pub const MIN_SIDE: u32 = 16;
    /// A limit that no real asset reaches; it keeps sizes within 32-bit arithmetic.
    pub const MAX_SIDE: u32 = 32_768;
    /// Far more than any picture gains from.
    pub const MAX_ITERATIONS: u32 = 100_000;
    /// The least width of the strip beside a picture that is closed to a ring. The canvas is a
    /// multiple of the deepest layer's pixels, which are sixteen of its own, so that the ring
    /// closes there too.
    pub const STRIP_PX: u32 = 8;
    /// The most pairs that L-BFGS may be asked to remember.
    pub const MAX_HISTORY: u32 = 1000;

    /// Checks every parameter's range.
    ///
    /// # Errors
    /// Names the first parameter that is out of its range.
    pub fn check(&self) -> Result<(), RecipeError> {
        if let Some(size) = self.size {
            in_range(
                "size",
                size,
                (Self::MIN_SIDE..=Self::MAX_SIDE).contains(&size),
                "from 16 to 32768 pixels",
            )?;
        }
        let steps = 1..=Self::MAX_ITERATIONS;
        in_range(
            "iterations",
            self.iterations,
            steps.contains(&self.iterations),
            "from 1 to 100000",
        )?;
        in_range(
            "coarse_iterations",
            self.coarse_iterations,
            steps.contains(&self.coarse_iterations),
            "from 1 to 100000",
        )?;
        let coarse =
            self.min_scale == 0 || (Self::MIN_SIDE..=Self::MAX_SIDE).contains(&self.min_scale);
        in_range("min_scale", self.min_scale, coarse, "0, or from 16 to 32768 pixels")?;
        in_range(
            "scale_factor",
            self.scale_factor,
            (1.1..=4.0).contains(&self.scale_factor),
            "from 1.1 to 4",
        )?;
        for (name, weight) in [
            ("content_weight", self.content_weight),
            ("style_weight", self.style_weight),
            ("stats_weight", self.stats_weight),
            ("tv_weight", self.tv_weight),
        ] {
            in_range(name, weight, (0.0..=1e9).contains(&weight), "from 0 to 1e9")?;
        }
        for weight in self.style_layers {
            in_range(
                "style_layers",
                weight,
                (0.0..=1e9).contains(&weight),
                "from 0 to 1e9, for each of the five layers",
            )?;
        }
        in_range(
            "style_scale",
            self.style_scale,
            (0.05..=8.0).contains(&self.style_scale),
            "from 0.05 to 8",
        )?;
        in_range(
            "learning_rate",
            self.learning_rate,
            self.learning_rate > 0.0 && self.learning_rate <= 50.0,
            "above 0, at most 50",
        )?;
        in_range(
            "history",
            self.history,
            (1..=Self::MAX_HISTORY).contains(&self.history),
            "from 1 to 1000",
        )?;
        in_range(
            "averaging",
            self.averaging,
            (0.0..1.0).contains(&self.averaging),
            "from 0 to below 1",
        )?;
        in_range("plateau", self.plateau, (0.0..1.0).contains(&self.plateau), "from 0 to below 1")?;
        in_range("palette", self.palette, (0.0..=1.0).contains(&self.palette), "from 0 to 1")?;
        if self.method == Method::Synthesize {
            in_range(
                "init",
                "content",
                self.init != Init::Content,
                "noise or an image where a texture is synthesised",
            )?;
        }
        Ok(())
    }

    /// The size of the result for an asset of `width` by `height` pixels: its longer side is
    /// `size`, its shape the asset's.
    pub fn output_size(&self, width: u32, height: u32) -> (u32, u32) {
        match self.size {
            Some(size) => fit_longer_side(width, height, f64::from(size)),
            None => (width, height),
        }
    }

    /// The scales for a result of `width` by `height` pixels, coarsest first; the last one is that
    /// size.
    pub fn scales(&self, width: u32, height: u32) -> Vec<Scale> {
        let longer = f64::from(width.max(height));
        let mut sides = vec![longer];
        if self.min_scale > 0 {
            let factor = f64::from(self.scale_factor);
            let mut side = longer / factor;
            // The coarsest scale may undershoot by a little rather than be left out: 255 pixels
            // still reach a minimum of 128 in two steps.
            while side >= f64::from(self.min_scale) * 0.95 && sides.len() < 32 {
                sides.push(side);
                side /= factor;
            }
        }
        sides.reverse();
        let count = sides.len();
        sides
            .into_iter()
            .enumerate()
            .map(|(index, side)| {
                let (width, height) = if index + 1 == count {
                    (width, height)
                } else {
                    fit_longer_side(width, height, side)
                };
                Scale { width, height, iterations: self.iterations_at(index, count) }
            })
            .collect()
    }

    /// The canvas that a picture of `width` by `height` pixels is painted on: larger by a strip
    /// along each axis that is closed to a ring for it.
    pub fn canvas(&self, width: u32, height: u32) -> (u32, u32) {
        let along = |length: u32, tiles: bool| match self.padding {
            Padding::Ring if !tiles => (length + 2 * Self::STRIP_PX).next_multiple_of(16),
            Padding::Zero | Padding::Replicate | Padding::Reflect | Padding::Ring => length,
        };
        (along(width, self.tileable.wraps_x()), along(height, self.tileable.wraps_y()))
    }

    /// Whether the canvas joins itself from left to right.
    pub fn wraps_x(&self) -> bool {
        self.tileable.wraps_x() || self.padding == Padding::Ring
    }

    /// Whether the canvas joins itself from top to bottom.
    pub fn wraps_y(&self) -> bool {
        self.tileable.wraps_y() || self.padding == Padding::Ring
    }

    /// How large a style image of `style` pixels (width and height) is looked at beside a picture
    /// of `picture` pixels: the factor to its own size. Its longer side is `style_scale` times the
    /// picture's.
    ///
    /// Where coarser scales have set the large forms it is never enlarged, since that would teach
    /// its blur. At the first scale it is, until it has as many pixels as the picture: there, its
    /// blur is better than strokes that are too small.
    pub fn style_factor(&self, style: (u32, u32), picture: (u32, u32), first: bool) -> f64 {
        let longer = |(width, height): (u32, u32)| f64::from(width.max(height).max(1));
        let area = |(width, height): (u32, u32)| f64::from(width.max(1)) * f64::from(height.max(1));
        let most = if first { (area(picture) / area(style)).sqrt().max(1.0) } else { 1.0 };
        (longer(picture) * f64::from(self.style_scale) / longer(style)).min(most)
    }

    /// Optimiser steps at scale `index` of `count`.
    fn iterations_at(&self, index: usize, count: usize) -> u32 {
        if index + 1 == count {
            return self.iterations;
        }
        let (coarse, fine) = (f64::from(self.coarse_iterations), f64::from(self.iterations));
        let along = index as f64 / (count - 1) as f64;
        (coarse * (fine / coarse).powf(along)).round().max(1.0) as u32
    }
}

/// `width` by `height` scaled so that the longer side is `side`; neither side falls below the least
/// that VGG can look at.
fn fit_longer_side(width: u32, height: u32, side: f64) -> (u32, u32) {
    let scale = side / f64::from(width.max(height)).max(1.0);
    let fit = |length: u32| {
        ((f64::from(length) * scale).round() as u32).clamp(Recipe::MIN_SIDE, Recipe::MAX_SIDE)
    };
    (fit(width), fit(height))
}

fn in_range(
    name: &'static str,
    value: impl ToString,
    holds: bool,
    range: &'static str,
) -> Result<(), RecipeError> {
    if holds { Ok(()) } else { Err(RecipeError { name, value: value.to_string(), range }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn every_preset_is_in_range() {
        for preset in Preset::ALL {
            assert_eq!(preset.recipe().check(), Ok(()), "{preset:?}");
        }
    }

    #[test]
    fn a_bad_value_is_named() {
        let mut recipe = Preset::Painterly.recipe();
        recipe.style_weight = f32::NAN;
        assert_eq!(
            recipe.check().map_err(|e| e.to_string()),
            Err("style_weight is NaN, but has to be from 0 to 1e9".to_owned())
        );
    }

    #[test]
    fn styles_grow_at_the_first_scale_alone() {
        let recipe = Recipe { style_scale: 2.0, ..Preset::Painterly.recipe() };
        let factor = |width, height, first| recipe.style_factor((800, 400), (width, height), first);
        assert_eq!(factor(200, 200, true), 0.5);
        assert_eq!(factor(200, 200, false), 0.5);
        assert_eq!(factor(1600, 800, true), 2.0);
        assert_eq!(factor(1600, 800, false), 1.0);
        // A strip has a long side, but few pixels.
        assert_eq!(factor(8000, 40, true), 1.0);
    }

    #[test]
    fn scales_end_at_the_size_and_grow() {
        let recipe = Recipe {
            min_scale: 128,
            scale_factor: std::f32::consts::SQRT_2,
            ..Preset::Painterly.recipe()
        };
        let sides: Vec<_> = recipe.scales(512, 256).iter().map(|s| (s.width, s.height)).collect();
        assert_eq!(sides, [(128, 64), (181, 91), (256, 128), (362, 181), (512, 256)]);
        let single = Recipe { min_scale: 0, ..recipe };
        assert_eq!(single.scales(512, 256).len(), 1);
    }
}
