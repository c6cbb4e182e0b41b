//! A plain picture: one file, one view.

use impasto_assets::{
    AlphaKind, AssetError, ColorSpace, Limits, Origin, Picture, ToneCurve, bleed, decode, encode,
    is_transparency_empty, read_header,
};
use impasto_engine::{Image, Joins, Mask, resize_plane};
use impasto_types::{AlphaUse, ContainerFormat, OutputSpec, Part, Recipe};

use super::{
    Adapter, AdapterError, Files, OpenAsset, Opened, OutputFile, Source, View, resized, wraps,
};

/// Opens a plain picture: [`Part::Color`] is painted, [`Part::Mask`] says where. Alpha, bit depth,
/// colour profile, orientation and pixel density pass from the asset to the result. Without files,
/// the picture is a new texture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PictureAdapter {
    /// Whether pictures are turned upright; otherwise the stored grid is painted, and the result
    /// has the asset's orientation.
    pub(crate) upright: bool,
    /// The curve of pictures of light, where others have the same; otherwise each has its own.
    pub(crate) tone: Option<ToneCurve>,
}

impl PictureAdapter {
    /// Paints stored grids, as texture coordinates refer to them.
    pub(crate) const fn of_grids() -> Self {
        Self { upright: false, tone: None }
    }

    /// Paints pictures as they are looked at.
    pub(crate) const fn of_photographs() -> Self {
        Self { upright: true, tone: None }
    }

    fn decode(self, source: &Source) -> Result<Picture, AssetError> {
        let picture = decode(&source.bytes, &source.name, &Limits::default())?;
        let picture = match self.tone {
            Some(curve) => picture.to_display_by(curve),
            None => picture.to_display(),
        };
        Ok(if self.upright { picture.upright() } else { picture })
    }
}

/// What a picture has besides the painted colours.
#[derive(Debug)]
struct OpenPicture {
    width: usize,
    height: usize,
    alpha: Option<Vec<f32>>,
    /// Samples that are neither colour nor alpha.
    extra: Vec<Vec<f32>>,
    /// The alpha by which colours are averaged, if it is how opaque they are.
    coverage: Option<Mask>,
    /// The mask, and the file's own colours.
    kept: Option<(Mask, Vec<f32>)>,
    origin: Origin,
    joins: Joins,
}

impl Adapter for PictureAdapter {
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError> {
        if let Some(part) = files.keys().find(|part| !matches!(part, Part::Color | Part::Mask)) {
            return Err(AdapterError::UnknownPart(*part));
        }
        let joins = Joins::from(recipe.common().tileable);
        let Some(color) = files.get(&Part::Color) else {
            return match files.get(&Part::Mask) {
                Some(_) => Err(AdapterError::MissingPart(Part::Color)),
                None => Ok(texture(joins)),
            };
        };
        let mut picture = self.decode(color)?;
        let (width, height) = (picture.width as usize, picture.height as usize);
        let mask = files.get(&Part::Mask).map(|source| mask(source, &picture)).transpose()?;
        let mask = mask.map(|mask| mask.resized(width, height, &joins));
        // The colours of the file, before transparent holes are filled.
        let kept = mask.clone().map(|mask| (mask, picture.rgb.clone()));
        // Black holes would mislead the network, and show where a renderer filters across an edge.
        let mut coverage = None;
        if recipe.common().alpha == AlphaUse::Coverage
            && picture.origin.alpha_kind != AlphaKind::Unspecified
        {
            if is_transparency_empty(&picture) {
                bleed(&mut picture);
            }
            coverage = super::coverage(&picture);
        }
        let Picture { rgb, alpha, extra, origin, .. } = picture;
        let image = Some(Image { width, height, rgb });
        let view = View { image, coverage: coverage.clone(), mask, joins };
        let asset = OpenPicture { width, height, alpha, extra, coverage, kept, origin, joins };
        Ok(Opened { views: vec![view], asset: Box::new(asset) })
    }

    fn pass_through(
        &self,
        files: &Files<'_>,
        recipe: &Recipe,
        outputs: &[OutputSpec],
    ) -> Result<Option<Vec<OutputFile>>, AdapterError> {
        let Some(color) = files.get(&Part::Color) else { return Ok(None) };
        let header = read_header(&color.bytes, &color.name, &Limits::default())?;
        if recipe.common().can_paint(header.width, header.height) {
            return Ok(None);
        }
        // Opened even if it is copied, so that a damaged file is an error at every size.
        let Opened { views, asset } = self.open(files, recipe)?;
        let (width, height) = recipe.common().output_size(header.width, header.height);
        let same_size = (width, height) == (header.width, header.height);
        let copied = |output: &OutputSpec| output.format == header.format && same_size;
        if outputs.iter().all(copied) {
            let file = |output: &OutputSpec| OutputFile {
                part: output.part,
                bytes: color.bytes.clone(),
                width,
                height,
            };
            return Ok(Some(outputs.iter().map(file).collect()));
        }
        let resized = views.into_iter().filter_map(|View { image, coverage, joins, .. }| {
            let from = image?;
            let target = recipe.common().output_size(from.width as u32, from.height as u32);
            Some(resized(from, coverage.as_ref(), &joins, (target.0 as usize, target.1 as usize)))
        });
        asset.close(resized.collect(), outputs).map(Some)
    }
}

/// A texture that is made from its style alone.
fn texture(joins: Joins) -> Opened {
    let origin = Origin::synthetic("the texture", ContainerFormat::Png);
    let asset = OpenPicture {
        width: 0,
        height: 0,
        alpha: None,
        extra: Vec::new(),
        coverage: None,
        kept: None,
        origin,
        joins,
    };
    let view = View { image: None, coverage: None, mask: None, joins };
    Opened { views: vec![view], asset: Box::new(asset) }
}

/// The mask in a picture, in that picture's size: its alpha if it has transparency, otherwise its
/// brightness. White is painted, black is kept.
///
/// It is drawn over what a viewer shows of the asset, or over the asset's stored grid, if only that
/// has the mask's size.
fn mask(source: &Source, asset: &Picture) -> Result<Mask, AdapterError> {
    let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
    let stored = asset.origin.orientation;
    let size = (picture.width, picture.height);
    let is_on_grid =
        size == (asset.width, asset.height) && stored.swaps_sides() && size.0 != size.1;
    if !is_on_grid {
        picture = picture.stored_as(stored);
    }
    // Editors add an opaque alpha channel to grey pictures when they save them.
    let drawn = picture.alpha.filter(|alpha| alpha.iter().any(|&alpha| alpha < 1.0));
    let weights = drawn.unwrap_or_else(|| picture.rgb.chunks_exact(3).map(brightness).collect());
    let weights = weights.into_iter().map(|weight| weight.clamp(0.0, 1.0)).collect();
    let name = picture.origin.name;
    Mask::new(picture.width as usize, picture.height as usize, weights)
        .map_err(|error| AdapterError::Mask { name, source: Box::new(error) })
}

/// Rec. 709 luma of encoded levels, from 0 to 1.
fn brightness(rgb: &[f32]) -> f32 {
    match *rgb {
        // The weights add up to one only nearly, but white must give exactly 1.
        [red, green, blue] if red == green && green == blue => red / 255.0,
        [red, green, blue] => (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255.0,
        _ => 0.0,
    }
}

impl OpenAsset for OpenPicture {
    fn color_space(&self) -> ColorSpace {
        ColorSpace::of(&self.origin)
    }

    fn bytes(&self) -> u64 {
        let values = |values: &Vec<f32>| 4 * values.len() as u64;
        let kept = self.kept.as_ref().map_or(0, |(mask, own)| mask.bytes() + values(own));
        let coverage = self.coverage.as_ref().map_or(0, Mask::bytes);
        self.alpha.iter().chain(&self.extra).map(values).sum::<u64>() + coverage + kept
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        if let Some(other) = outputs.iter().find(|output| output.part != Part::Color) {
            return Err(AdapterError::UnknownOutput(other.part));
        }
        let mut files = Vec::new();
        for (image, output) in painted.into_iter().zip(outputs) {
            let picture = self.finish(image);
            let bytes = encode(&picture, *output)?;
            let (width, height) = (picture.width, picture.height);
            files.push(OutputFile { part: output.part, bytes, width, height });
        }
        Ok(files)
    }
}

impl OpenPicture {
    /// The painted colours, with everything else that the asset had.
    fn finish(&self, painted: Image) -> Picture {
        let Image { width, height, mut rgb } = painted;
        if let Some((mask, own)) = &self.kept {
            let mask = mask.resized(width, height, &self.joins);
            let own = Image { width: self.width, height: self.height, rgb: own.clone() };
            let own = resized(own, self.coverage.as_ref(), &self.joins, (width, height));
            let pixels = rgb.chunks_exact_mut(3).zip(own.rgb.chunks_exact(3)).zip(mask.weights());
            // Pixels of weight zero get the file's own values, not those of filled holes.
            for ((painted, own), _) in pixels.filter(|(_, weight)| **weight == 0.0) {
                painted.copy_from_slice(own);
            }
        }
        let alpha = self.alpha.as_ref().map(|plane| self.plane(plane, width, height));
        let extra = self.extra.iter().map(|plane| self.plane(plane, width, height)).collect();
        let (width, height) = (width as u32, height as u32);
        Picture { width, height, rgb, alpha, extra, origin: self.origin.clone() }
    }

    /// A plane in another size. Resampling overshoots at edges, but no value goes beyond those of
    /// the file.
    fn plane(&self, plane: &[f32], width: usize, height: usize) -> Vec<f32> {
        let least = plane.iter().copied().fold(f32::INFINITY, f32::min);
        let most = plane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (from, wraps) = ((self.width, self.height), wraps(&self.joins));
        let mut resized = resize_plane(plane, 1, from, (width, height), wraps);
        resized.iter_mut().for_each(|value| *value = value.min(most).max(least));
        resized
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::Optimize;

    use super::*;

    fn drawn(level: f32, alpha: Option<f32>) -> Result<Mask, AdapterError> {
        let picture = Picture {
            width: 1,
            height: 1,
            rgb: vec![level; 3],
            alpha: alpha.map(|alpha| vec![alpha]),
            extra: Vec::new(),
            origin: Origin::synthetic("mask.png", ContainerFormat::Png),
        };
        let asset =
            Picture { origin: Origin::synthetic("a", ContainerFormat::Png), ..picture.clone() };
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
        let bytes = encode(&picture, output).expect("it encodes");
        mask(&Source { name: "mask.png".to_owned(), bytes }, &asset)
    }

    #[test]
    fn a_mask_is_a_picture_s_brightness_or_alpha() {
        let check = |level: f32, alpha: Option<f32>, expected: f32| {
            let mask = drawn(level, alpha).expect("it is a mask");
            assert_eq!(mask.weights(), [expected], "{level} {alpha:?}");
        };
        check(255.0, None, 1.0);
        check(51.0, None, 0.2);
        check(51.0, Some(1.0), 0.2);
        check(0.0, Some(0.2), 0.2);
        assert!((brightness(&[0.0, 255.0, 0.0]) - 0.7152).abs() < 1e-6);
    }

    #[test]
    fn samples_beside_the_colours_come_back_and_never_exceed_the_file_s() {
        let (width, height) = (24, 20);
        let plane = |step: usize| -> Vec<f32> {
            (0..width * height).map(|at| (at / step % 2) as f32).collect()
        };
        let picture = Picture {
            width: width as u32,
            height: height as u32,
            rgb: vec![100.0; 3 * width * height],
            alpha: Some(plane(5)),
            extra: vec![plane(3), plane(7)],
            origin: Origin::synthetic("bands.tif", ContainerFormat::Tiff),
        };
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Tiff, quality: 90 };
        let bytes = encode(&picture, output).expect("it encodes");
        let source = Source { name: "bands.tif".to_owned(), bytes };
        let recipe = Recipe::Optimize(Optimize::painterly());
        for (width, height) in [(24, 20), (17, 31)] {
            let files = Files::from([(Part::Color, &source)]);
            let opened = PictureAdapter::of_grids().open(&files, &recipe).expect("it opens");
            let painted = Image { width, height, rgb: vec![7.0; 3 * width * height] };
            let files = opened.asset.close(vec![painted], &[output]).expect("it closes");
            let result = decode(&files[0].bytes, "bands.tif", &Limits::default()).expect("a TIFF");
            assert_eq!(result.extra.len(), 2);
            for plane in result.alpha.iter().chain(&result.extra) {
                assert!(plane.iter().all(|value| (0.0..=1.0).contains(value)));
            }
            if (width, height) == (24, 20) {
                assert_eq!(
                    (result.alpha, result.extra),
                    (picture.alpha.clone(), picture.extra.clone())
                );
            }
        }
    }

    #[test]
    fn an_error_names_a_mask_that_paints_nothing() {
        for refused in [drawn(0.0, None), drawn(255.0, Some(0.0))] {
            let text = refused.expect_err("nothing is painted").to_string();
            assert!(text.contains("`mask.png`"), "{text}");
        }
    }
}
