//! A model: its textures side by side are one picture, which is painted where its surface shows,
//! and whose seams are closed when the paint is dry. Its other maps follow, as a material's do.

mod area;
mod level;
mod maps;
mod seams;
mod unwrap;

use impasto_assets::{
    ColorSpace, Limits, Model, SheetLayout, read_header, read_model, read_surface, verify,
};
use impasto_engine::{Image, Join, Joins, Mask, resize_plane};
use impasto_types::{Action, AssetKind, MIN_SIDE, OutputSpec, Part, Recipe, Tileable};

use super::{
    Adapter, AdapterError, Files, OpenAsset, Opened, OutputFile, PictureAdapter, least, product,
    resized, wraps,
};
use crate::nearest::nearest;
use maps::{Dry, Maps};
use unwrap::Unwrap;

/// Opens a model: the base colour textures of [`Part::Color`] are painted, as one picture; or a
/// picture that is the texture of a model, [`Part::Mesh`]. A cube map is one, and so is an array.
/// [`Part::Mask`] says where, in that picture. Where no surface shows nothing is painted, and what
/// lies beside an island there is what goes on there on the surface.
#[derive(Debug, Clone)]
pub(crate) struct ModelAdapter {
    /// The name by which the texture of a mesh is found.
    texture: String,
    /// How the layers of an array repeat.
    layers: Tileable,
}

impl Default for ModelAdapter {
    fn default() -> Self {
        Self { texture: String::new(), layers: Tileable::None }
    }
}

impl ModelAdapter {
    pub(crate) fn of(action: &Action) -> Self {
        let layers = match action.kind == AssetKind::array() {
            true => action.recipe.common().tileable,
            false => Tileable::None,
        };
        Self { texture: action.texture.clone().unwrap_or_default(), layers }
    }
}

/// A model that is being painted.
#[derive(Debug)]
struct OpenModel {
    /// Writes the textures.
    picture: Box<dyn OpenAsset>,
    model: Model,
    unwrap: Unwrap,
    /// The textures as they were.
    own: Image,
    coverage: Option<Mask>,
    joins: Joins,
    /// How far each pixel is painted, by a mask and by regions; none if all of it is.
    painted: Option<Vec<f32>>,
    /// Whether ground far from any island stays: it may be what another mesh shows.
    keeps_ground: bool,
    /// The maps that follow the paint, if there are any.
    maps: Option<Maps>,
}

impl Adapter for ModelAdapter {
    fn open(&self, files: &Files<'_>, recipe: &Recipe) -> Result<Opened, AdapterError> {
        let color = files.get(&Part::Color).ok_or(AdapterError::MissingPart(Part::Color))?;
        let Opened { views, asset: picture, .. } = COLORS.open(&of_colors(files), recipe)?;
        let mut view = views.into_iter().next().ok_or(AdapterError::MissingPart(Part::Color))?;
        let image = view.image.as_mut().ok_or(AdapterError::MissingPart(Part::Color))?;
        let own = image.clone();
        let size = (own.width, own.height);
        let model = match files.get(&Part::Mesh) {
            Some(mesh) => {
                let size = (size.0 as u32, size.1 as u32);
                read_surface(&mesh.bytes, &mesh.name, &Limits::default(), &self.texture, size)?
            }
            None => read_model(&color.bytes, &color.name, &Limits::default())?
                .repeating([self.layers.wraps_x(), self.layers.wraps_y()]),
        };
        let unwrap = Unwrap::of(&model, size, size);
        fill(&mut image.rgb, &unwrap);
        let shown = shown(&unwrap);
        let limits = view.mask.as_ref().map(|mask| mask.weights().to_vec());
        let painted = product(view.mask.as_ref(), shown.as_ref());
        let painted = painted.and_then(|weights| Mask::new(size.0, size.1, weights).ok());
        // A mask that leaves nothing is the user's own, and so is one that only paints gaps.
        view.mask = painted.or(view.mask);
        view.joins = joined(view.joins, unwrap.joins());
        let maps = match files.contains_key(&Part::Mesh) {
            true => None,
            false => Some(Maps::read(color, recipe.common(), view.joins)?),
        };
        let warning = model.warning.clone().or_else(|| maps.as_ref()?.warning.clone());
        let maps = maps.filter(|maps| !maps.is_empty());
        let asset = OpenModel {
            picture,
            model,
            unwrap,
            own,
            coverage: view.coverage.clone(),
            joins: view.joins,
            painted: limits,
            keeps_ground: files.contains_key(&Part::Mesh),
            maps,
        };
        Ok(Opened { views: vec![view], asset: Box::new(asset), warning })
    }

    fn of_action(&self, action: &Action) -> Option<Box<dyn Adapter>> {
        Some(Box::new(Self::of(action)))
    }

    fn pass_through(
        &self,
        files: &Files<'_>,
        recipe: &Recipe,
        outputs: &[OutputSpec],
    ) -> Result<Option<Vec<OutputFile>>, AdapterError> {
        let color = files.get(&Part::Color).ok_or(AdapterError::MissingPart(Part::Color))?;
        let header = read_header(&color.bytes, &color.name, &Limits::default())?;
        // The picture of all is larger than what it is of.
        let is_small = |sheet: SheetLayout| sheet.part().0.min(sheet.part().1) < MIN_SIDE;
        let is_tiny = recipe.common().size.is_none() && header.sheet.is_some_and(is_small);
        if header.width > 0 && !is_tiny {
            return COLORS.pass_through(&of_colors(files), recipe, outputs);
        }
        // A model without textures of its own, or pictures too small for the network.
        if is_tiny {
            verify(&color.bytes, &color.name, &Limits::default())?;
        }
        let same = |output: &OutputSpec| OutputFile {
            part: output.part,
            bytes: color.bytes.clone(),
            width: header.width,
            height: header.height,
        };
        Ok(Some(outputs.iter().map(same).collect()))
    }
}

/// As far as five mips of an island see.
const NEAR_PX: usize = 32;

const COLORS: PictureAdapter = PictureAdapter::of_grids().with_ground();

fn of_colors<'a>(files: &Files<'a>) -> Files<'a> {
    let own = files.iter().filter(|(part, _)| **part != Part::Mesh);
    own.map(|(part, source)| (*part, *source)).collect()
}

/// Where a surface shows; none if it does everywhere.
fn shown(unwrap: &Unwrap) -> Option<Mask> {
    let (width, height) = unwrap.size();
    let weights = (0..width * height).map(|at| if unwrap.is_used(at) { 1.0 } else { 0.0 });
    let weights: Vec<f32> = weights.collect();
    let has_gaps = weights.contains(&0.0);
    Mask::new(width, height, weights).ok().filter(|_| has_gaps)
}

/// Borders that either says to meet do.
fn joined(asked: Joins, seen: Joins) -> Joins {
    let join = |asked: Join, seen: Join| if asked == Join::Nothing { seen } else { asked };
    Joins {
        left: join(asked.left, seen.left),
        right: join(asked.right, seen.right),
        top: join(asked.top, seen.top),
        bottom: join(asked.bottom, seen.bottom),
    }
}

/// Shows the network what goes on beside islands on the surface, and no ground of another colour
/// further away.
fn fill(rgb: &mut [f32], unwrap: &Unwrap) {
    let beyond: Vec<_> = beyond(unwrap)
        .filter_map(|across| Some((across.at as usize, unwrap.sample(rgb, across.to)?)))
        .collect();
    let mut is_known: Vec<bool> = (0..rgb.len() / 3).map(|at| unwrap.is_used(at)).collect();
    for (at, color) in beyond {
        rgb[3 * at..][..3].copy_from_slice(&color);
        is_known[at] = true;
    }
    let Some(nearest) = nearest(|at| is_known[at], unwrap.size(), (false, false)) else { return };
    for (at, from) in nearest.into_iter().enumerate().filter(|(at, _)| !is_known[*at]) {
        rgb.copy_within(3 * from as usize..3 * from as usize + 3, 3 * at);
    }
}

/// The pixels beyond seams.
fn beyond(unwrap: &Unwrap) -> impl Iterator<Item = &unwrap::Across> {
    unwrap.across().iter().filter(|across| !across.is_inside)
}

impl OpenAsset for OpenModel {
    fn color_space(&self) -> ColorSpace {
        self.picture.color_space()
    }

    fn is_gray(&self) -> bool {
        self.picture.is_gray()
    }

    fn limit(&mut self, painted: Vec<f32>) {
        self.painted = Some(least(self.painted.take(), &painted));
        self.picture.limit(painted);
    }

    fn bytes(&self) -> u64 {
        let model = size_of_val(&self.model.triangles[..]) as u64;
        let painted = self.painted.as_ref().map_or(0, |weights| size_of_val(&weights[..]) as u64);
        let coverage = self.coverage.as_ref().map_or(0, Mask::bytes);
        let own = self.own.bytes() + coverage + painted + self.maps.as_ref().map_or(0, Maps::bytes);
        self.picture.bytes() + self.unwrap.bytes() + own + model
    }

    fn close(
        self: Box<Self>,
        painted: Vec<Image>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AdapterError> {
        let Self { picture, model, unwrap, own, coverage, joins, maps, .. } = *self;
        let (limits, reach) = (self.painted, self.keeps_ground.then_some(NEAR_PX));
        let Some(painted) = painted.into_iter().next() else {
            return Err(AdapterError::MissingPart(Part::Color));
        };
        let (layout, size) = ((own.width, own.height), (painted.width, painted.height));
        let (own, unwrap, limits) = if layout == size {
            (own, unwrap, limits)
        } else {
            let limits = limits.map(|limits| resize_plane(&limits, 1, layout, size, wraps(&joins)));
            let own = resized(own, coverage.as_ref(), &joins, size);
            (own, Unwrap::of(&model, layout, size), limits)
        };
        let before = maps.is_some().then(|| own.clone());
        let finished = finish(own, painted, &unwrap, limits.as_deref(), reach);
        let dry = before.map(|before| Dry { before, after: finished.clone() });
        let mut files = picture.close(vec![finished], outputs)?;
        if let (Some(maps), Some(dry)) = (maps, dry) {
            for (file, output) in files.iter_mut().zip(outputs) {
                maps.follow(file, &dry, &unwrap, limits.as_deref(), output.quality)?;
            }
        }
        for file in &mut files {
            // Textures of another size may lie otherwise.
            let header = read_header(&file.bytes, "the model", &Limits::default())?;
            (file.width, file.height) = (header.width, header.height);
        }
        Ok(files)
    }
}

/// The textures with their paint, which goes on across seams. What is not painted stays as it was.
/// Ground that is further from an island than `reach` stays as well.
fn finish(
    mut own: Image,
    painted: Image,
    unwrap: &Unwrap,
    limits: Option<&[f32]>,
    reach: Option<usize>,
) -> Image {
    let mut paint = painted.rgb;
    for (at, (value, own)) in paint.iter_mut().zip(&own.rgb).enumerate() {
        *value = if unwrap.is_used(at / 3) { *value - own } else { 0.0 };
    }
    level::level(&mut paint, unwrap, limits);
    let is_painted = |at: usize| paint[3 * at..][..3].iter().any(|value| *value != 0.0);
    for (value, paint) in own.rgb.iter_mut().zip(&paint).filter(|(_, paint)| **paint != 0.0) {
        *value = (*value + paint).clamp(0.0, 255.0);
    }
    let mut is_known: Vec<bool> = (0..paint.len() / 3).map(|at| unwrap.is_used(at)).collect();
    let mut is_fresh: Vec<bool> = (0..paint.len() / 3).map(is_painted).collect();
    let gutters: Vec<_> = beyond(unwrap)
        .filter(|across| unwrap.sample(&paint, across.to).is_some_and(|paint| paint != [0.0; 3]))
        .filter_map(|across| Some((across.at as usize, unwrap.sample(&own.rgb, across.to)?)))
        .collect();
    for (at, color) in gutters {
        own.rgb[3 * at..][..3].copy_from_slice(&color);
        (is_known[at], is_fresh[at]) = (true, true);
    }
    for area in unwrap.areas() {
        fill_ground(&mut own, area, reach, &is_known, &is_fresh);
    }
    own
}

/// Gives ground the colours of the nearest island of its texture, where that is freshly painted, so
/// that no mip of it has a colour of before.
fn fill_ground(
    image: &mut Image,
    ((left, top), size): ((usize, usize), (usize, usize)),
    reach: Option<usize>,
    is_known: &[bool],
    is_fresh: &[bool],
) {
    let width = image.width;
    let whole = |at: usize| (top + at / size.0) * width + left + at % size.0;
    let Some(nearest) = nearest(|at| is_known[whole(at)], size, (false, false)) else { return };
    for (at, from) in nearest.into_iter().enumerate() {
        let away = |at: usize, from: usize| {
            (at % size.0).abs_diff(from % size.0).max((at / size.0).abs_diff(from / size.0))
        };
        let is_near = reach.is_none_or(|reach| away(at, from as usize) <= reach);
        let (to, from) = (whole(at), whole(from as usize));
        if to != from && is_near && is_fresh[from] {
            image.rgb.copy_within(3 * from..3 * from + 3, 3 * to);
        }
    }
}
