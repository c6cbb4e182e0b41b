//! The inputs as methods compute with them: in the colours that the recipe asks for, and in the
//! size of a scale. Pictures that are no longer needed are freed.

use impasto_types::{Common, OnePass, Optimize, PreserveColor};

use crate::color::Measured;
use crate::resize::{resize_plane, resize_weighted};
use crate::values::{Correction, Ground, Seen, Values};
use crate::{Image, Inputs, Joins, Mask, Style, color};

/// What a recipe asks of colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coloring<'a> {
    common: &'a Common,
    values: f32,
    evenness: f32,
    /// The style image's size relative to the asset's, where style images are toned as the asset
    /// is: where a loss compares with them.
    toned: Option<f32>,
    /// Whether a style is painted in at all.
    is_styled: bool,
}

impl<'a> From<&'a Optimize> for Coloring<'a> {
    fn from(recipe: &'a Optimize) -> Self {
        let Optimize { common, values, evenness, style_scale, .. } = recipe;
        let (values, evenness, toned) = (*values, *evenness, Some(*style_scale));
        Self { common, values, evenness, toned, is_styled: recipe.is_styled() }
    }
}

impl<'a> Coloring<'a> {
    /// What a method of one pass asks.
    pub(crate) fn of_pass(common: &'a Common, pass: &OnePass) -> Self {
        let OnePass { values, evenness, .. } = *pass;
        Self { common, values, evenness, toned: None, is_styled: true }
    }
}

#[derive(Debug)]
pub(crate) struct Sources {
    /// What the content loss looks at: the content, recoloured as the recipe says.
    target: Option<Image>,
    /// How much of each of the asset's pixels there is.
    coverage: Option<Mask>,
    /// The style images, cropped to what counts and recoloured as the recipe says.
    styles: Vec<Style>,
    init: Option<Image>,
    /// The colours of the asset or the ground, where the result takes some of them.
    own: Option<Image>,
    /// Whether the result takes the asset's chroma.
    keeps_chroma: bool,
    mask: Option<Mask>,
    joins: Joins,
    /// The asset's values, where the result holds them or is evened.
    values: Option<Values>,
    /// The mean colour of what is synthesised into a ground.
    mean: Option<[f32; 3]>,
}

impl Sources {
    /// The inputs as they are, until they are [prepared](Self::prepare). Style images are cropped.
    pub(crate) fn new(coloring: Coloring<'_>, inputs: Inputs) -> Self {
        let Inputs { content, coverage, ground, styles, init, joins, mask } = inputs;
        let keeps_chroma = coloring.is_styled
            && coloring.common.preserve_color == PreserveColor::Luminance
            && content.is_some();
        let own = content.clone().or(ground).filter(|_| mask.is_some() || keeps_chroma);
        let styles = styles.into_iter().map(Style::cropped).collect();
        let (values, mean) = (None, None);
        let target = content;
        Self { target, coverage, styles, init, own, keeps_chroma, mask, joins, values, mean }
    }

    /// Gives the style images and the content the colours that the recipe asks for.
    pub(crate) fn prepare(&mut self, coloring: Coloring<'_>) {
        let Coloring { common, values, evenness, toned, is_styled } = coloring;
        let preserve_color = common.preserve_color;
        let Self { target, styles, mask, .. } = self;
        let painted = mask.as_ref();
        let asset = target.as_ref().map(|image| Measured { image, mask: painted });
        let grey = asset
            .filter(|_| preserve_color == PreserveColor::Luminance)
            .map(|asset| color::grey(asset.image));
        // Of what styles are to have.
        let asset = match &grey {
            Some(image) => Some(Measured { image, mask: painted }),
            None => asset,
        };
        let held = asset.filter(|_| is_styled && values + evenness > 0.0);
        let wraps = self.joins.repeats();
        let mut values = held.map(|asset| Values::of(asset, wraps, values, evenness));
        for style in styles.iter_mut() {
            if let (Some(values), Some(asset), Some(style_scale)) = (&values, asset, toned) {
                let scale = longer_side(asset.image) * f64::from(style_scale);
                values.tone(style, scale / longer_side(&style.image));
            }
            match (preserve_color, asset) {
                (PreserveColor::Statistics, Some(asset)) => {
                    style.recolor(|style| color::match_statistics(style, asset));
                }
                (PreserveColor::Luminance, Some(asset)) => {
                    style.recolor(|style| color::grey(style.image));
                    style.recolor(|style| color::match_statistics(style, asset));
                }
                _ => {}
            }
        }
        if !is_styled {
            // There are no colours to be had.
        } else if grey.is_some() {
            *target = grey;
        } else if let (PreserveColor::None, true, Some(asset)) =
            (preserve_color, common.palette > 0.0 && !styles.is_empty(), asset)
        {
            let styles: Vec<_> =
                styles.iter().map(|style| (style.measured(), style.share)).collect();
            let least_gain = values.as_ref().map_or(0.0, Values::least_gain);
            *target = Some(color::take_palette(asset, &styles, common.palette, least_gain));
        }
        if let (Some(values), Some(target)) = (&mut values, target) {
            values.settle(target);
        }
        self.values = values;
        let is_on_ground = self.target.is_none() && self.mask.is_some() && is_styled;
        self.mean = is_on_ground.then(|| mean_color(&self.styles));
    }

    /// Memory that preparing them takes at most, beside theirs.
    pub(crate) fn preparation_bytes(&self, coloring: Coloring<'_>) -> u64 {
        if !coloring.is_styled {
            return 0;
        }
        let (is_held, keeps) = (coloring.values > 0.0, coloring.common.preserve_color);
        let is_toned = is_held && coloring.toned.is_some();
        let curve = |image: &Image, is| if is { Values::scratch_bytes(image) } else { 0 };
        let style = |style: &Style| match keeps {
            PreserveColor::None => curve(&style.image, is_toned),
            PreserveColor::Statistics | PreserveColor::Luminance => style.image.bytes(),
        };
        let content = |content: &Image| match keeps {
            PreserveColor::None if coloring.common.palette == 0.0 => curve(content, is_held),
            PreserveColor::Statistics => curve(content, is_held),
            PreserveColor::None | PreserveColor::Luminance => content.bytes(),
        };
        let greyed = |content: &Image| match keeps {
            PreserveColor::Luminance => content.bytes(),
            PreserveColor::None | PreserveColor::Statistics => 0,
        };
        let styles = self.styles.iter().map(style).max().unwrap_or(0);
        let target = self.target.as_ref();
        u64::max(styles + target.map_or(0, greyed), target.map_or(0, content))
    }

    pub(crate) fn joins(&self) -> &Joins {
        &self.joins
    }

    pub(crate) fn styles(&self) -> &[Style] {
        &self.styles
    }

    pub(crate) fn has_target(&self) -> bool {
        self.target.is_some()
    }

    /// What the content loss compares with, in this size, width and height.
    pub(crate) fn target_at(&self, size: (usize, usize)) -> Option<Image> {
        self.target.as_ref().map(|target| self.fit_asset(target, size))
    }

    /// The same for the last scale: nobody needs the original any more.
    pub(crate) fn last_target(&mut self, size: (usize, usize)) -> Option<Image> {
        let target = self.target.take()?;
        let fits = (target.width, target.height) == size;
        Some(if fits { target } else { self.fit_asset(&target, size) })
    }

    /// Lets go of the asset, which the last scale has begun with.
    pub(crate) fn drop_target(&mut self) {
        self.target = None;
    }

    /// Lets go of the style images, once they have been measured for the last time.
    pub(crate) fn drop_styles(&mut self) {
        self.styles.clear();
    }

    /// The image to begin with, which is let go.
    pub(crate) fn take_init(&mut self) -> Option<Image> {
        self.init.take()
    }

    /// How far each pixel of a picture of this size is painted, where there is a mask: in the mask
    /// and its margin. And what the network sees beside that.
    pub(crate) fn painted_at(&self, size: (usize, usize)) -> Option<(Vec<f32>, Image)> {
        let (mask, own) = (self.mask.as_ref()?, self.own.as_ref()?);
        let mask = mask.resized(size.0, size.1, &self.joins).with_margin(&self.joins);
        let own = self.fit_asset(own, size);
        // The canvas has the colours that the network sees.
        let own = if self.keeps_chroma { color::grey(&own) } else { own };
        Some((mask.into_weights(), own))
    }

    /// The mean colour that the picture has inside the mask, if it is known.
    pub(crate) fn mean(&self) -> Option<[f32; 3]> {
        self.mean
    }

    /// Whether the result holds the asset's values, or is evened.
    pub(crate) fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// What gives a picture of any size the asset's values and even colours, as far as the recipe
    /// says. That takes about as much memory as the picture, or twice that where there is a mask:
    /// less than any optimiser has had beside it.
    pub(crate) fn correction(&self, picture: &Image) -> Option<Correction> {
        let values = self.values.as_ref()?;
        let painted = self.painted_at((picture.width, picture.height));
        let under = painted.as_ref().map(|(weights, own)| (&weights[..], Ground::Picture(own)));
        Some(values.correction(Seen { picture, under }))
    }

    /// Whether the result takes the asset's chroma.
    pub(crate) fn keeps_chroma(&self) -> bool {
        self.keeps_chroma
    }

    pub(crate) fn has_mask(&self) -> bool {
        self.mask.is_some()
    }

    /// The result of a canvas's picture: with the asset's own chroma, where the recipe asks for it,
    /// and inside the mask alone, without the margin.
    pub(crate) fn finished(&self, picture: Image) -> Image {
        let Some(own) = &self.own else { return picture };
        let (width, height) = (picture.width, picture.height);
        let own = self.fit_asset(own, (width, height));
        let mut finished =
            if self.keeps_chroma { color::restore_chroma(&picture, &own) } else { picture };
        if let Some(mask) = &self.mask {
            let mask = mask.resized(width, height, &self.joins);
            let painted = mask.with_margin(&self.joins);
            let weights = mask.weights().iter().zip(painted.weights());
            let pixels = finished.rgb.chunks_exact_mut(3).zip(own.rgb.chunks_exact(3));
            for ((pixel, own), (&weight, &painted)) in pixels.zip(weights) {
                if weight == 0.0 {
                    pixel.copy_from_slice(own);
                } else if weight < painted {
                    // The canvas is the painted pixel by `painted`, and own for the rest.
                    let share = weight / painted;
                    pixel.iter_mut().zip(own).for_each(|(x, own)| *x = own + share * (*x - own));
                }
            }
        }
        finished
    }

    /// `source` at this size, its borders treated as the asset's are.
    pub(crate) fn fit(&self, source: &Image, width: usize, height: usize) -> Image {
        fitted(source, None, (width, height), self.joins.repeats())
    }

    /// `source` enlarged, which may have values out of range.
    pub(crate) fn enlarged(&self, source: &Image, (width, height): (usize, usize)) -> Image {
        let wraps = self.joins.repeats();
        let size = (source.width, source.height);
        Image { width, height, rgb: resize_plane(&source.rgb, 3, size, (width, height), wraps) }
    }

    /// The asset, or a recoloured one, as `fit` does: its colours count as far as they are there.
    fn fit_asset(&self, asset: &Image, size: (usize, usize)) -> Image {
        let wraps = self.joins.repeats();
        fitted(asset, self.coverage.as_ref(), size, wraps)
    }

    /// Memory of all pictures.
    pub(crate) fn bytes(&self) -> u64 {
        let Self { target, styles, init, .. } = self;
        let images = target.iter().chain(init).map(Image::bytes);
        self.kept_bytes() + images.chain(styles.iter().map(Style::bytes)).sum::<u64>()
    }

    /// Memory of the asset, which may be let go for the last scale.
    pub(crate) fn target_bytes(&self) -> u64 {
        self.target.as_ref().map_or(0, Image::bytes)
    }

    /// Memory of what is held to the end.
    pub(crate) fn kept_bytes(&self) -> u64 {
        let masks = self.mask.iter().chain(&self.coverage).map(Mask::bytes);
        self.own.iter().map(Image::bytes).chain(masks).sum()
    }
}

/// The mean colour of what counts in styles, by their shares.
pub(crate) fn mean_color(styles: &[Style]) -> [f32; 3] {
    let total: f32 = styles.iter().map(|style| style.share).sum();
    let mut mean = [0.0; 3];
    for style in styles {
        let scale = style.share / total / style.measured().weight() as f32;
        for (pixel, weight) in style.measured().pixels() {
            (0..3).for_each(|c| mean[c] += pixel[c] * scale * weight as f32);
        }
    }
    mean
}

fn longer_side(image: &Image) -> f64 {
    image.width.max(image.height) as f64
}

/// A picture of this size, within range; pixels count by their weights where there are any.
pub(crate) fn fitted(
    source: &Image,
    weights: Option<&Mask>,
    (width, height): (usize, usize),
    wraps: (bool, bool),
) -> Image {
    let Image { width: own_width, height: own_height, rgb } = source;
    let (from, to) = ((*own_width, *own_height), (width, height));
    let rgb = match weights {
        Some(mask) => resize_weighted(rgb, mask.weights(), 3, from, to, wraps),
        None => resize_plane(rgb, 3, from, to, wraps),
    };
    let mut image = Image { width, height, rgb };
    image.clamp();
    image
}

#[cfg(test)]
mod tests {
    use impasto_types::Common;

    use super::*;

    #[test]
    fn colours_outside_the_mask_have_no_say() {
        let picture = |left: [f32; 3], right: [f32; 3]| {
            let rgb = (0..16 * 16).flat_map(|at| if at % 16 < 8 { left } else { right }).collect();
            Image { width: 16, height: 16, rgb }
        };
        let sources = |recipe: &Optimize, outside: [f32; 3], masked: bool| {
            let weights = (0..16 * 16).map(|at| if at % 16 < 8 { 1.0 } else { 0.0 }).collect();
            let inputs = Inputs {
                content: Some(picture([200.0, 120.0, 40.0], outside)),
                coverage: None,
                ground: None,
                styles: vec![(picture([20.0, 30.0, 90.0], [230.0, 220.0, 120.0]), 1.0).into()],
                init: None,
                joins: Joins::default(),
                mask: masked.then(|| Mask::new(16, 16, weights).expect("it can be used")),
            };
            let mut sources = Sources::new(recipe.into(), inputs);
            sources.prepare(recipe.into());
            let Sources { styles, target, .. } = sources;
            (styles, target.map(|target| target.rgb[..3 * 8].to_vec()))
        };
        for (preserve_color, palette) in [
            (PreserveColor::Statistics, 0.0),
            (PreserveColor::Luminance, 0.0),
            (PreserveColor::None, 0.7),
        ] {
            let common = Common { preserve_color, palette, ..Optimize::painterly().common };
            let recipe = Optimize { common, ..Optimize::painterly() };
            let [black, white] = [[0.0; 3], [255.0, 255.0, 200.0]];
            assert!(sources(&recipe, black, true) == sources(&recipe, white, true));
            assert!(sources(&recipe, black, false) != sources(&recipe, white, false));
        }
    }
}
