//! A material: a colour map with the maps of its surface, which follow the paint.
//!
//! The colour map is painted like a picture. What the paint adds to its light and dark is taken as
//! the relief of strokes, and added to the slopes of the normal map, to the height map, and to the
//! roughness map, in whose own sizes and forms they are. So a light that falls on the material
//! falls on the strokes.

use impasto_assets::ColorSpace;
use impasto_engine::{Image, Joins};
use impasto_types::{Action, Common, OutputSpec, Part, Recipe};

use super::surface::{Surface, check_map, unchanged};
use super::{
    Adapter, AdapterError, Files, ModelAdapter, OpenAsset, Opened, OutputFile, PictureAdapter,
    Source, View, least, product,
};

/// Opens a material: [`Part::Color`], [`Part::Mask`] and [`Part::Mesh`] as a picture's, and any of
/// [`Part::Normal`], [`Part::Height`], [`Part::Roughness`] and [`Part::Packed`], which come back
/// with the relief of the paint.
#[derive(Debug, Clone, Default)]
pub(crate) struct MaterialAdapter {
    /// What opens its colours, if they are the texture of a mesh.
    shown: ModelAdapter,
}

const COLORS: PictureAdapter = PictureAdapter::of_grids();

impl MaterialAdapter {
    /// What opens the colours: a mesh says where their surface goes on.
    fn colors(&self, files: &Files<'_>) -> &dyn Adapter {
        match files.contains_key(&Part::Mesh) {
            true => &self.shown,
            false => &COLORS,
        }
    }
}

/// A material that is being painted.
#[derive(Debug)]
struct OpenMaterial {
    colors: Box<dyn OpenAsset>,
    /// The colour map before it is painted, and how much of each pixel is there and is painted.
    before: Image,
    weights: Option<Vec<f32>>,
    joins: Joins,
    /// As the files have them: they are decoded again when the paint is dry.
    maps: Vec<(Part, Source)>,
    common: Common,
}

impl Adapter for MaterialAdapter {
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError> {
        let (maps, colors): (Files<'_>, Files<'_>) =
            files.iter().partition(|(part, _)| part.is_surface());
        let common = recipe.common().clone();
        let mut opened = self.colors(&colors).open(&colors, recipe)?;
        let [view] = &opened.views[..] else { return Err(AdapterError::MissingPart(Part::Color)) };
        let View { image: Some(before), coverage, mask, joins, .. } = view.clone() else {
            return Err(AdapterError::MissingPart(Part::Color));
        };
        let maps: Vec<(Part, Source)> =
            maps.into_iter().map(|(part, source)| (part, source.clone())).collect();
        // Before anything is painted, so that hours are not lost to a bad map.
        for (part, source) in &maps {
            check_map(*part, source, &common, &joins)?;
        }
        let weights = product(coverage.as_ref(), mask.as_ref());
        opened.asset =
            Box::new(OpenMaterial { colors: opened.asset, before, weights, joins, maps, common });
        Ok(opened)
    }

    fn of_action(&self, action: &Action) -> Option<Box<dyn Adapter>> {
        Some(Box::new(Self { shown: ModelAdapter::of(action) }))
    }

    /// Maps of a material that is too small to be painted come back as they are.
    fn pass_through(
        &self,
        files: &Files<'_>,
        recipe: &Recipe,
        outputs: &[OutputSpec],
    ) -> Result<Option<Vec<OutputFile>>, AdapterError> {
        let colors: Files<'_> =
            files.iter().filter(|(part, _)| !part.is_surface()).map(|(p, s)| (*p, *s)).collect();
        let (of_maps, of_colors): (Vec<OutputSpec>, Vec<OutputSpec>) =
            outputs.iter().partition(|output| output.part.is_surface());
        let passed = self.colors(&colors).pass_through(&colors, recipe, &of_colors)?;
        let Some(passed) = passed else {
            return Ok(None);
        };
        let as_it_is = |output: &OutputSpec| {
            let source = files.get(&output.part).ok_or(AdapterError::MissingPart(output.part))?;
            unchanged(source, *output)
        };
        let maps = of_maps.iter().map(as_it_is).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(in_order(passed.into_iter().chain(maps).collect(), outputs)))
    }
}

fn in_order(mut files: Vec<OutputFile>, outputs: &[OutputSpec]) -> Vec<OutputFile> {
    let place = |part: Part| outputs.iter().position(|output| output.part == part);
    files.sort_by_key(|file| place(file.part));
    files
}

impl OpenAsset for OpenMaterial {
    fn color_space(&self) -> ColorSpace {
        self.colors.color_space()
    }

    fn is_gray(&self) -> bool {
        self.colors.is_gray()
    }

    fn alpha(&self) -> Option<&[f32]> {
        self.colors.alpha()
    }

    fn repaint_alpha(&mut self, alpha: Vec<f32>) {
        self.colors.repaint_alpha(alpha);
    }

    fn limit(&mut self, painted: Vec<f32>) {
        self.weights = Some(least(self.weights.take(), &painted));
        self.colors.limit(painted);
    }

    fn bytes(&self) -> u64 {
        let maps = self.maps.iter().map(|(_, source)| source.bytes.len() as u64);
        let weights = self.weights.as_ref().map_or(0, |weights| 4 * weights.len() as u64);
        self.colors.bytes() + self.before.bytes() + weights + maps.sum::<u64>()
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        let Self { colors, before, weights, joins, maps, common } = *self;
        let [image] = &painted[..] else { return Err(AdapterError::MissingPart(Part::Color)) };
        let surface = Surface::of(before, image, weights, joins, common);
        let (of_maps, of_colors): (Vec<OutputSpec>, Vec<OutputSpec>) =
            outputs.iter().partition(|output| output.part.is_surface());
        let mut files = colors.close(painted, &of_colors)?;
        // The normal map says how high a height map's white is.
        let normal = maps.iter().find(|(part, _)| *part == Part::Normal).map(|(_, source)| source);
        for output in of_maps {
            let source = maps.iter().find(|(part, _)| *part == output.part);
            let (_, source) = source.ok_or(AdapterError::UnknownOutput(output.part))?;
            files.push(surface.followed(source, normal, output)?);
        }
        Ok(in_order(files, outputs))
    }
}

#[cfg(test)]
mod tests {
    use impasto_assets::{Limits, Origin, Picture, decode, encode};
    use impasto_types::{ContainerFormat, Depth, Optimize, Tileable};

    use super::*;

    const SIDE: usize = 48;

    fn file(name: &str, value: impl Fn(usize, usize) -> [f32; 3]) -> Source {
        let places = (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE));
        let picture = Picture {
            width: SIDE as u32,
            height: SIDE as u32,
            rgb: places.flat_map(|(x, y)| value(x, y)).collect(),
            alpha: None,
            extra: vec![],
            origin: Origin {
                depth: Depth::Sixteen,
                ..Origin::synthetic(name, ContainerFormat::Png)
            },
        };
        let bytes = encode(&picture, spec(Part::Color)).expect("it encodes");
        Source { name: name.to_owned(), bytes }
    }

    fn spec(part: Part) -> OutputSpec {
        OutputSpec { part, format: ContainerFormat::Png, quality: 90 }
    }

    const PARTS: [Part; 4] = [Part::Color, Part::Normal, Part::Roughness, Part::Height];

    fn flat() -> [Source; 4] {
        [
            file("a.png", |_, _| [100.0; 3]),
            file("a_n.png", |_, _| [127.5, 127.5, 255.0]),
            file("a_rough.png", |_, _| [150.0; 3]),
            file("a_height.png", |_, _| [100.0; 3]),
        ]
    }

    fn recipe() -> Recipe {
        let mut optimize = Optimize::painterly();
        (optimize.common.relief, optimize.common.tileable) = (0.4, Tileable::Both);
        Recipe::Optimize(optimize)
    }

    fn painted(value: impl Fn(usize, usize) -> f32) -> Image {
        let places = (0..SIDE * SIDE).map(|at| (at % SIDE, at / SIDE));
        let rgb = places.flat_map(|(x, y)| [value(x, y); 3]).collect();
        Image { width: SIDE, height: SIDE, rgb }
    }

    fn paint(sources: &[Source; 4], image: Image) -> Vec<OutputFile> {
        let files: Files<'_> = PARTS.into_iter().zip(sources).collect();
        let opened = MaterialAdapter::default().open(&files, &recipe()).expect("it opens");
        let mut parts = PARTS;
        parts.sort();
        opened.asset.close(vec![image], &parts.map(spec)).expect("it closes")
    }

    #[test]
    fn maps_follow_the_strokes() {
        let stroke = |x: usize| 40.0 * (x as f32 * std::f32::consts::TAU / 12.0).sin();
        let files = paint(&flat(), painted(|x, _| 120.0 + stroke(x)));
        assert_eq!(files.iter().map(|file| file.part).collect::<Vec<_>>(), {
            let mut parts = PARTS;
            parts.sort();
            parts
        });
        let map = |part: Part| {
            let file = files.iter().find(|file| file.part == part).expect("it is there");
            decode(&file.bytes, "a.png", &Limits::default()).expect("it decodes")
        };
        let strokes: Vec<f32> = (0..SIDE * SIDE).map(|at| stroke(at % SIDE)).collect();
        let like = |values: &mut dyn Iterator<Item = f32>| -> f32 {
            let values: Vec<f32> = values.collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
            for (value, stroke) in values.iter().zip(&strokes) {
                both += (value - mean) * stroke;
                one += (value - mean).powi(2);
                other += stroke * stroke;
            }
            both / (one * other).sqrt()
        };
        let height = like(&mut map(Part::Height).rgb.iter().step_by(3).copied());
        assert!(height > 0.99, "what is painted light is high: {height}");
        let roughness = like(&mut map(Part::Roughness).rgb.iter().step_by(3).copied());
        assert!(roughness < -0.95, "ridges are smoother: {roughness}");
        // A normal leans away from the ridge, to the side where the height falls.
        let normal = map(Part::Normal);
        let slope = |x: usize| stroke((x + 1) % SIDE) - stroke((x + SIDE - 1) % SIDE);
        let leans = (0..SIDE).all(|x| (normal.rgb[3 * x] - 127.5) * slope(x) <= 1e-2);
        assert!(leans, "{:?}", &normal.rgb[..36]);
        assert!(normal.rgb.iter().skip(1).step_by(3).all(|green| (green - 127.5).abs() < 0.1));
        let blue = normal.rgb.iter().skip(2).step_by(3).copied().fold(255.0, f32::min);
        assert!(blue < 240.0, "vectors stay of length 1: {blue}");
    }

    #[test]
    fn what_is_not_painted_comes_back_byte_for_byte() {
        let sources = flat();
        let files = paint(&sources, painted(|_, _| 100.0));
        for (part, source) in PARTS.into_iter().zip(&sources).skip(1) {
            let file = files.iter().find(|file| file.part == part).expect("it is there");
            assert!(file.bytes == source.bytes, "{part}");
        }
    }

    #[test]
    fn maps_stay_as_they_are_in_a_region_that_does() {
        let mut sources = flat();
        // A surface of its own, which the paint takes over on the left.
        let wave = |x: usize| 20.0 * (x as f32 * std::f32::consts::TAU / 12.0).sin();
        sources[0] = file("a.png", |x, _| [100.0 + wave(x); 3]);
        let files: Files<'_> = PARTS.into_iter().zip(&sources).collect();
        let mut opened = MaterialAdapter::default().open(&files, &recipe()).expect("it opens");
        opened
            .asset
            .limit((0..SIDE * SIDE).map(|at| f32::from(u8::from(at % SIDE < 24))).collect());
        let image = painted(|x, y| match x < 24 {
            true => 100.0 + 30.0 * (y as f32 * std::f32::consts::TAU / 12.0).sin(),
            false => 100.0 + wave(x),
        });
        let mut parts = PARTS;
        parts.sort();
        let closed = opened.asset.close(vec![image], &parts.map(spec)).expect("it closes");
        for (part, source) in PARTS.into_iter().zip(&sources).skip(1) {
            let file = closed.iter().find(|file| file.part == part).expect("it is there");
            let read =
                |bytes: &[u8]| decode(bytes, "a.png", &Limits::default()).expect("a PNG").rgb;
            let (before, after) = (read(&source.bytes), read(&file.bytes));
            let same = |x: usize| {
                (0..SIDE).all(|y| before[3 * (y * SIDE + x)] == after[3 * (y * SIDE + x)])
            };
            // A slope reaches one pixel further.
            assert!((25..SIDE - 1).all(same), "{part}");
        }
        let normal = closed.iter().find(|file| file.part == Part::Normal).expect("it is there");
        assert!(normal.bytes != sources[1].bytes, "the paint shows elsewhere");
    }

    #[test]
    fn a_map_that_is_no_normal_map_is_an_error_before_anything_is_painted() {
        let mut sources = flat();
        sources[1] = file("a_n.png", |x, y| [x as f32, y as f32, 10.0]);
        let files: Files<'_> = PARTS.into_iter().zip(&sources).collect();
        let error =
            MaterialAdapter::default().open(&files, &recipe()).expect_err("it is none").to_string();
        assert!(error.starts_with("`a_n.png` is no normal map: "), "{error}");
        sources[1].bytes.truncate(100);
        let files: Files<'_> = PARTS.into_iter().zip(&sources).collect();
        assert!(MaterialAdapter::default().open(&files, &recipe()).is_err());
    }
}
