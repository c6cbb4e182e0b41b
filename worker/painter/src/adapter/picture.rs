//! A plain picture: one file, one view.

use impasto_assets::{
    AssetError, Color, ColorSpace, Limits, Origin, Picture, ToneCurve, decode, encode, read_header,
};
use impasto_engine::{Image, Joins, Mask, resize_plane};
use impasto_types::{AlphaUse, Common, ContainerFormat, OutputSpec, Part, Recipe};

use super::beyond::Beyond;
use super::color_key::ColorKey;
use super::filling::Filling;
use super::mask::mask;
use super::transparency::{Transparency, fill_gutters, visible};
use super::unpainted::Unpainted;
use super::{
    Adapter, AdapterError, Files, OpenAsset, Opened, OutputFile, Source, View, product, resized,
    wraps,
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
    /// Whether ground between islands stays as it is painted: somebody else takes care of it.
    pub(crate) keeps_ground: bool,
    /// Where it is filled, if it is not painted.
    pub(crate) filling: Option<Filling>,
}

impl PictureAdapter {
    /// Paints stored grids, as texture coordinates refer to them.
    pub(crate) const fn of_grids() -> Self {
        Self { upright: false, tone: None, keeps_ground: false, filling: None }
    }

    /// Paints pictures as they are looked at.
    pub(crate) const fn of_photographs() -> Self {
        Self { upright: true, tone: None, keeps_ground: false, filling: None }
    }

    /// Fills a picture that is looked at.
    pub(crate) const fn filling(filling: Filling) -> Self {
        Self { filling: Some(filling), ..Self::of_photographs() }
    }

    /// Leaves the ground between islands alone.
    pub(crate) const fn with_ground(self) -> Self {
        Self { keeps_ground: true, ..self }
    }

    fn decode(self, source: &Source, common: &Common) -> Result<Picture, AssetError> {
        let mut picture = decode(&source.bytes, &source.name, &Limits::default())?;
        picture.origin.is_data |= !common.channels.has_colors();
        if common.alpha_use() == AlphaUse::Premultiplied {
            picture = picture.unmultiplied();
        }
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
    /// Alpha in the result's size, if it has been painted.
    painted_alpha: Option<Vec<f32>>,
    /// Samples that are neither colour nor alpha.
    extra: Vec<Vec<f32>>,
    /// The alpha by which colours are averaged, if it is how opaque they are.
    coverage: Option<Mask>,
    beyond: Beyond,
    /// Whether channels are painted one by one.
    painted_alone: bool,
    /// Colours that are not painted, and the file's own.
    unpainted_channels: Option<Unpainted>,
    /// Where the asset has the colour that stands for transparency, if it does.
    key: Option<ColorKey>,
    /// The level of all transparent pixels of the file, if they are black or white.
    hidden: Option<f32>,
    /// Where a region stays as it is: weight 0.
    unpainted: Option<Vec<f32>>,
    /// Whether transparent pixels get the colours of the nearest that show.
    has_gutters: bool,
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
        let common = recipe.common();
        let mut picture = self.decode(color, common)?;
        let (width, height) = (picture.width as usize, picture.height as usize);
        let mask = files.get(&Part::Mask).map(|source| mask(source, &picture)).transpose()?;
        let mask = mask.map(|mask| mask.resized(width, height, &joins));
        let mask = match self.filling {
            Some(filling) => filling.holes((width, height), mask, &joins)?.mask(),
            None => mask,
        };
        // The colours of the file, before transparent holes are filled.
        let kept = mask.clone().map(|mask| (mask, picture.rgb.clone()));
        let beyond = Beyond::of(&picture.rgb);
        let unpainted_channels = Unpainted::of(common.channels, &picture);
        let Transparency { key, coverage, has_islands, has_gutters, hidden } =
            Transparency::of(&mut picture, common);
        // What does not show is not painted; a mask that leaves nothing else is the user's own.
        let visible = coverage.as_ref().filter(|_| has_islands).and_then(visible);
        let painted = product(mask.as_ref(), visible.as_ref());
        let painted = painted.and_then(|weights| Mask::new(width, height, weights).ok());
        let mask = painted.or(mask);
        let Picture { rgb, alpha, extra, origin, .. } = picture;
        let image = Some(Image { width, height, rgb });
        let view = View { image, coverage: coverage.clone(), mask, joins, channel: None };
        let asset = OpenPicture {
            width,
            height,
            alpha,
            painted_alpha: None,
            extra,
            coverage,
            beyond,
            painted_alone: !common.channels.has_colors(),
            unpainted_channels,
            key,
            hidden,
            unpainted: None,
            has_gutters: has_gutters && !self.keeps_ground,
            kept,
            origin,
            joins,
        };
        Ok(Opened { views: vec![view], asset: Box::new(asset), warning: None })
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
        let Opened { views, asset, .. } = self.open(files, recipe)?;
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
        painted_alpha: None,
        extra: Vec::new(),
        coverage: None,
        beyond: Beyond::default(),
        painted_alone: false,
        unpainted_channels: None,
        key: None,
        hidden: None,
        unpainted: None,
        has_gutters: false,
        kept: None,
        origin,
        joins,
    };
    let view = View { image: None, coverage: None, mask: None, joins, channel: None };
    Opened { views: vec![view], asset: Box::new(asset), warning: None }
}

impl OpenAsset for OpenPicture {
    fn color_space(&self) -> ColorSpace {
        ColorSpace::of(&self.origin)
    }

    fn is_gray(&self) -> bool {
        self.origin.color == Color::Gray
    }

    fn alpha(&self) -> Option<&[f32]> {
        self.alpha.as_deref()
    }

    fn repaint_alpha(&mut self, alpha: Vec<f32>) {
        self.painted_alpha = Some(alpha);
    }

    fn move_planes(&mut self, moved: &dyn Fn(&[f32]) -> Vec<f32>) {
        self.alpha.iter_mut().chain(&mut self.extra).for_each(|plane| *plane = moved(plane));
    }

    fn limit(&mut self, painted: Vec<f32>) {
        self.unpainted = self.hidden.is_some().then_some(painted);
    }

    fn bytes(&self) -> u64 {
        let values = |values: &Vec<f32>| 4 * values.len() as u64;
        let kept = self.kept.as_ref().map_or(0, |(mask, own)| mask.bytes() + values(own));
        let coverage = self.coverage.as_ref().map_or(0, Mask::bytes);
        let key = self.key.as_ref().map_or(0, ColorKey::bytes)
            + self.unpainted_channels.as_ref().map_or(0, Unpainted::bytes)
            + self.beyond.bytes();
        let planes = self.alpha.iter().chain(&self.extra).chain(&self.unpainted);
        planes.map(values).sum::<u64>() + coverage + key + kept + self.origin.bytes()
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
        if (width, height) == (self.width, self.height) {
            self.beyond.put_back(&mut rgb);
        }
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
        let own_alpha = || self.alpha.as_ref().map(|plane| self.plane(plane, width, height));
        let alpha = self.painted_alpha.clone().or_else(own_alpha);
        if let (Some(alpha), Some(weights), Some(level)) =
            (&alpha, &self.unpainted, self.hidden.filter(|_| !self.has_gutters))
        {
            let weights = self.plane(weights, width, height);
            let pixels = rgb.chunks_exact_mut(3).zip(alpha.iter().zip(&weights));
            let kept = pixels.filter(|(_, (alpha, weight))| **alpha <= 0.0 && **weight <= 0.0);
            kept.for_each(|(pixel, _)| pixel.fill(level));
        }
        if let Some(alpha) = alpha.as_ref().filter(|_| self.has_gutters) {
            fill_gutters(&mut rgb, alpha, (width, height), wraps(&self.joins));
        }
        // A channel of a grey file is all of its colours.
        if self.painted_alone && self.is_gray() {
            rgb.chunks_exact_mut(3).for_each(|pixel| pixel.fill(pixel[0]));
        }
        if let Some(unpainted) = &self.unpainted_channels {
            unpainted.put_back(&mut rgb, (width, height));
        }
        if let Some(key) = &self.key {
            let own = (self.width, self.height);
            key.put(&mut rgb, own, (width, height), wraps(&self.joins), self.moved());
        }
        let extra = self.extra.iter().map(|plane| self.plane(plane, width, height)).collect();
        let (width, height) = (width as u32, height as u32);
        Picture { width, height, rgb, alpha, extra, origin: self.origin.clone() }
    }

    /// The colours by which paint that has a key's colour is moved away from it: those that are
    /// painted, and all of a grey file.
    fn moved(&self) -> [bool; 3] {
        match (&self.unpainted_channels, self.is_gray()) {
            (_, true) => [true; 3],
            (Some(unpainted), false) => unpainted.is_painted(),
            (None, false) => [false, true, false],
        }
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

    /// Two islands, each of one colour, 40 pixels apart.
    #[test]
    fn no_mip_of_an_island_has_a_colour_of_another() {
        const SIDE: usize = 128;
        let island = |x: usize, y: usize| match x {
            16..=43 if (16..112).contains(&y) => Some(0),
            84..=111 if (16..112).contains(&y) => Some(1),
            _ => None,
        };
        let places = || (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE));
        let picture = Picture {
            width: SIDE as u32,
            height: SIDE as u32,
            rgb: places()
                .flat_map(|(x, y)| if island(x, y).is_some() { [90.0; 3] } else { [0.0; 3] })
                .collect(),
            alpha: Some(
                places().map(|(x, y)| f32::from(u8::from(island(x, y).is_some()))).collect(),
            ),
            extra: vec![],
            origin: Origin::synthetic("atlas.png", ContainerFormat::Png),
        };
        let output = OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 };
        let bytes = encode(&picture, output).expect("it encodes");
        let source = Source { name: "atlas.png".to_owned(), bytes };
        let mut recipe = Recipe::Optimize(Optimize::painterly());
        recipe.common_mut().alpha = AlphaUse::Islands;
        let files = Files::from([(Part::Color, &source)]);
        let opened = PictureAdapter::of_grids().open(&files, &recipe).expect("it opens");
        let mask = opened.views[0].mask.as_ref().expect("only islands are painted");
        assert_eq!((mask.weights()[0], mask.weights()[64 * SIDE + 20]), (0.0, 1.0));
        // Red and green islands in paint that spilled over the ground.
        let rgb = places().flat_map(|(x, y)| match island(x, y) {
            Some(0) => [200.0, 0.0, 0.0],
            Some(_) => [0.0, 200.0, 0.0],
            None => [0.0, 0.0, 200.0],
        });
        let painted = Image { width: SIDE, height: SIDE, rgb: rgb.collect() };
        let closed = opened.asset.close(vec![painted], &[output]).expect("it closes");
        let result = decode(&closed[0].bytes, "atlas.png", &Limits::default()).expect("a PNG");
        assert_eq!(result.alpha, picture.alpha);
        for mip in 0..=4_usize {
            let block = 1 << mip;
            for (x, y) in places().filter(|(x, y)| island(*x, *y).is_some()) {
                let (left, top) = (x / block * block, y / block * block);
                let block =
                    (top..top + block).flat_map(|y| (left..left + block).map(move |x| (x, y)));
                let other = if island(x, y) == Some(0) { 1 } else { 0 };
                for (x, y) in block {
                    let pixel = &result.rgb[3 * (y * SIDE + x)..][..3];
                    assert_eq!((pixel[other], pixel[2]), (0.0, 0.0), "mip {mip} at {x}, {y}");
                }
            }
        }
    }
}
