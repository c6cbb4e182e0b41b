//! What all assets of one rule, style and format share, worked out once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use impasto_types::{
    Action, ActionShape, AssetKind, AssetPath, BlobRef, ContainerFormat, Digest, Footprint,
    GreenAxis, HexColor, Input, OutputSpec, Part, Recipe, Region, Regions, StyleRef, UdimGrid,
};

use super::Form;
use super::network::network;
use crate::manifest::{PaintedRegions, Painting, RegionStyle, Style, StyleImage};
use crate::named::Named;
use crate::{Findings, ImageHeader, InputFile, Manifest, PlanError};

/// A painting of a rule, for assets in one format.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) painting: &'a Painting,
    pub(super) style: &'a Style,
    pub(super) form: Arc<Form>,
    /// The inputs that all assets share.
    inputs: Vec<Input>,
    shape: ActionShape,
    /// The style images, with their sizes in pixels as far as they are used.
    pub(super) styles: Vec<(Footprint, (u32, u32))>,
    pub(super) init: Option<ImageHeader>,
}

impl<'a> Template<'a> {
    fn new(
        manifest: &'a Manifest,
        findings: &Findings<'_>,
        rule: &str,
        painting: &'a Painting,
        format: ContainerFormat,
    ) -> Result<Self, PlanError> {
        let style = manifest.style(&painting.style);
        let mut action = action(findings, rule, style, painting, format)?;
        // Only materials have them, so that tuning them repaints no other asset.
        let common = action.recipe.common_mut();
        (common.relief, common.green) = (0.0, GreenAxis::default());
        let inputs = std::mem::take(&mut action.inputs);
        let found = |path: &AssetPath| Some(input(findings, path).ok()?.header);
        let looked_at = |image: &StyleImage| looked_at(findings, image);
        Ok(Self {
            painting,
            style,
            shape: ActionShape::of(&action),
            form: Arc::new(Form { rule: rule.to_owned(), style: style.name.clone(), action }),
            inputs,
            styles: style.images.iter().filter_map(looked_at).collect(),
            init: painting.init.as_ref().and_then(found),
        })
    }

    /// The same for assets with these files.
    fn with_files(
        &self,
        manifest: &'a Manifest,
        findings: &Findings<'_>,
        files: &AssetFiles,
    ) -> Result<Self, PlanError> {
        let mut action = self.form.action.clone();
        let mut styles = self.styles.clone();
        if !files.maps.is_empty() {
            action.kind = AssetKind::material();
            action.recipe = self.painting.recipe.clone();
            let quality = action.outputs[0].quality;
            let maps = files.maps.iter();
            let maps =
                maps.map(|(part, format)| OutputSpec { part: *part, format: *format, quality });
            action.outputs.extend(maps);
            action.outputs.sort_by_key(|output| output.part);
        }
        if let Some(whole) = &files.whole {
            action.kind = whole.kind();
            if whole.kind == WholeKind::Textures {
                // Its maps are in its file.
                action.recipe = self.painting.recipe.clone();
            }
            whole.spread(&mut action.recipe);
            // The first tile is the color.
            let tiles = files.tiles.iter().skip(1);
            let tiles = tiles.map(|(tile, format)| OutputSpec {
                part: Part::Udim(*tile),
                ..self.painting.output_spec(*format)
            });
            action.outputs.extend(tiles);
        }
        let quality = action.outputs[0].quality;
        let named = files.named.iter();
        let named =
            named.map(|(part, format)| OutputSpec { part: *part, format: *format, quality });
        action.outputs.extend(named);
        if files.texture.is_some() && files.maps.is_empty() {
            action.kind = AssetKind::model();
        }
        action.texture = files.texture.clone();
        if let Some(regions) = self.painting.regions.as_ref().filter(|_| files.has_regions) {
            let mut named = painted_regions(manifest, findings, regions)?;
            if let Some(whole) = &files.whole {
                let recipes = named.named.iter_mut().filter_map(|region| region.recipe.as_mut());
                recipes.for_each(|recipe| whole.spread(recipe));
            }
            if let Some(path) = &self.painting.model {
                check_learned(manifest, findings, regions, (path, self.painting), &self.form.rule)?;
            }
            action.regions = Some(named);
            let names: BTreeSet<&str> = regions.styles().collect();
            let images = names.into_iter().flat_map(|name| &manifest.style(name).images);
            styles.extend(images.filter_map(|image| looked_at(findings, image)));
        }
        Ok(Self {
            painting: self.painting,
            style: self.style,
            shape: ActionShape::of(&action),
            form: Arc::new(Form { action, ..(*self.form).clone() }),
            inputs: self.inputs.clone(),
            styles,
            init: self.init,
        })
    }

    /// The inputs of the asset with this content, and the digest of its action.
    pub(super) fn fill(
        &self,
        content: BlobRef,
        companions: &[(Part, AssetPath, InputFile)],
        named: &Named,
    ) -> (Box<[Input]>, Digest) {
        let own = companions.iter().map(|(part, _, file)| Input::blob(*part, file.blob));
        let shared = self.inputs.iter().copied();
        let named = named.inputs.iter().copied();
        let mut inputs: Box<[Input]> =
            shared.chain([Input::blob(Part::Color, content)]).chain(own).chain(named).collect();
        inputs.sort_by_key(|input| input.part);
        let digest = self.shape.digest(&inputs);
        (inputs, digest)
    }
}

type ByFormat<'a> = [OnceLock<Result<Template<'a>, PlanError>>; ContainerFormat::ALL.len()];

/// The files beside an asset's colours on which its action depends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct AssetFiles {
    /// The maps of its surface, each in its format.
    pub(super) maps: Vec<(Part, ContainerFormat)>,
    /// Whether it has an ID map.
    pub(super) has_regions: bool,
    /// The name by which a mesh knows it, if one shows it.
    pub(super) texture: Option<String>,
    /// The tiles of its set, each in its format; none if it is one picture.
    pub(super) tiles: Vec<(u16, ContainerFormat)>,
    /// What its model names and is painted, each in its format.
    pub(super) named: Vec<(Part, ContainerFormat)>,
    /// What they make together.
    pub(super) whole: Option<Whole>,
}

/// Several pictures that are painted as one: the tiles of a set in places of the largest, the
/// textures of a model, the faces of a cube map, or the layers of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Whole {
    /// The longer side of the largest.
    tile: u32,
    /// Width and height of all.
    pub(super) sides: (u32, u32),
    kind: WholeKind,
}

/// What the pictures of a whole are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum WholeKind {
    Tiles,
    Textures,
    Faces,
    Layers,
}

impl Whole {
    pub(super) fn of(
        header: ImageHeader,
        companions: &[(Part, AssetPath, InputFile)],
    ) -> Option<Self> {
        let sides = (header.width, header.height);
        let kind = match (header.is_sheet(), header.array) {
            (true, true) => WholeKind::Layers,
            (true, false) => WholeKind::Faces,
            (false, _) => WholeKind::Textures,
        };
        let surface = header.largest.map(|tile| Self { tile, sides, kind });
        surface.or_else(|| Self::of_tiles(companions))
    }

    fn of_tiles(companions: &[(Part, AssetPath, InputFile)]) -> Option<Self> {
        let grid = UdimGrid::of_parts(companions.iter().map(|(part, _, _)| *part))?;
        let tiles = companions.iter().filter(|(part, _, _)| matches!(part, Part::Udim(_)));
        let sizes = tiles.map(|(_, _, file)| (file.header.width, file.header.height));
        let place = sizes.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))?;
        let tile = place.0.max(place.1);
        Some(Self { tile, sides: grid.whole(place), kind: WholeKind::Tiles })
    }

    fn kind(&self) -> AssetKind {
        match self.kind {
            WholeKind::Tiles => AssetKind::udim(),
            WholeKind::Textures => AssetKind::model(),
            WholeKind::Faces => AssetKind::cube(),
            WholeKind::Layers => AssetKind::array(),
        }
    }

    /// Brings a recipe that is meant for one of the pictures to all of them.
    pub(super) fn spread(&self, recipe: &mut Recipe) {
        let longer = self.sides.0.max(self.sides.1);
        match self.kind {
            WholeKind::Textures => recipe.spread_over_textures(self.tile, longer),
            WholeKind::Tiles | WholeKind::Faces => recipe.spread_over(self.tile, longer),
            WholeKind::Layers => recipe.spread_over_layers(self.tile, longer),
        }
    }
}

impl AssetFiles {
    pub(super) fn of(
        path: &AssetPath,
        header: ImageHeader,
        companions: &[(Part, AssetPath, InputFile)],
        named: &Named,
    ) -> Self {
        let painted = named.painted.iter().map(|placed| &placed.file);
        let format = |wanted: fn(Part) -> bool| {
            let files = companions.iter().filter(move |(part, _, _)| wanted(*part));
            files.map(|(part, _, file)| (*part, file.header.format))
        };
        let has = |wanted: Part| companions.iter().any(|(part, _, _)| *part == wanted);
        let tile = |(part, format)| match part {
            Part::Udim(tile) => Some((tile, format)),
            _ => None,
        };
        Self {
            maps: format(Part::is_surface).collect(),
            has_regions: has(Part::Regions),
            texture: has(Part::Mesh).then(|| path.file_stem().to_lowercase()),
            tiles: format(|_| true).filter_map(tile).collect(),
            named: painted.map(|file| (file.part(), file.output_format())).collect(),
            whole: Whole::of(header, companions),
        }
    }
}

/// The rule, painting and format of colours, and the files beside them.
type VariantKey = (usize, usize, ContainerFormat, AssetFiles);

/// The templates of a manifest, each made when the first asset needs it: an error in one that no
/// asset needs stops nothing.
#[derive(Debug)]
pub(super) struct Templates<'a> {
    manifest: &'a Manifest,
    findings: &'a Findings<'a>,
    /// By rule, painting and format.
    made: Vec<Vec<ByFormat<'a>>>,
    /// Those for assets with more files.
    variants: Mutex<HashMap<VariantKey, Arc<Template<'a>>>>,
}

impl<'a> Templates<'a> {
    pub(super) fn new(manifest: &'a Manifest, findings: &'a Findings<'a>) -> Self {
        let of_rule = |rule| manifest.paintings(rule).iter().map(|_| Default::default()).collect();
        let made = (0..manifest.rules().len()).map(of_rule).collect();
        Self { manifest, findings, made, variants: Mutex::default() }
    }

    /// The template of assets with these files.
    pub(super) fn with_files(
        &self,
        rule: usize,
        painting: usize,
        format: ContainerFormat,
        files: AssetFiles,
    ) -> Result<Arc<Template<'a>>, PlanError> {
        let plain = self.get(rule, painting, format)?;
        let mut made = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (rule, painting, format, files);
        if let Some(known) = made.get(&key) {
            return Ok(Arc::clone(known));
        }
        let variant = Arc::new(plain.with_files(self.manifest, self.findings, &key.3)?);
        made.insert(key, Arc::clone(&variant));
        Ok(variant)
    }

    /// The template of the rule's painting number `painting`, for assets in `format`.
    pub(super) fn get(
        &self,
        rule: usize,
        painting: usize,
        format: ContainerFormat,
    ) -> Result<&Template<'a>, PlanError> {
        let make = || {
            let (name, painting) =
                (&self.manifest.rules()[rule].name, &self.manifest.paintings(rule)[painting]);
            Template::new(self.manifest, self.findings, name, painting, format)
        };
        self.made[rule][painting][format as usize].get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

fn action(
    findings: &Findings<'_>,
    rule: &str,
    style: &Style,
    painting: &Painting,
    format: ContainerFormat,
) -> Result<Action, PlanError> {
    let mut styles = style_refs(findings, style)?;
    let mut inputs = Vec::new();
    if let Some(path) = &painting.init {
        let file = input(findings, path).map_err(|reason| PlanError::Init {
            path: path.clone(),
            rule: rule.to_owned(),
            reason,
        })?;
        inputs.push(Input::blob(Part::Init, file.blob));
    }
    if let Some(path) = &painting.model {
        let recipe = &painting.recipe;
        let file = network(findings, path, (style, &styles), recipe, recipe.model_styles());
        let file = file.map_err(|reason| PlanError::Network {
            path: path.clone(),
            rule: rule.to_owned(),
            reason,
        })?;
        inputs.push(Input::blob(Part::Model, file));
    }
    if !painting.recipe.model_styles().is_empty() {
        // Nobody looks at the images.
        styles.clear();
    }
    let method = painting.recipe.method();
    let needed = painting.recipe.models();
    let mut models = findings.models.to_vec();
    models.retain(|model| needed.contains(&model.name));
    models.sort();
    Ok(Action {
        method_version: method.version(),
        recipe: painting.recipe.clone(),
        kind: AssetKind::picture(),
        styles,
        inputs,
        regions: None,
        texture: None,
        models,
        outputs: vec![painting.output_spec(format)],
    })
}

/// What is decoded of a style image, and the size of what is used of it.
fn looked_at(findings: &Findings<'_>, image: &StyleImage) -> Option<(Footprint, (u32, u32))> {
    let header = input(findings, &image.path).ok()?.header;
    let (width, height) = header.upright_size();
    let size = image.crop.unwrap_or_default().remaining(width, height).ok()?;
    Some((header.footprint(), size))
}

/// Regions, as an action names them.
fn painted_regions(
    manifest: &Manifest,
    findings: &Findings<'_>,
    regions: &PaintedRegions,
) -> Result<Regions, PlanError> {
    let region = |(color, painted): (&HexColor, &Option<RegionStyle>)| {
        let (styles, recipe) = match painted {
            None => (Vec::new(), None),
            Some(RegionStyle { style, recipe }) => {
                (style_refs(findings, manifest.style(style))?, recipe.clone())
            }
        };
        Ok(Region { color: *color, styles, recipe: recipe.map(as_a_part) })
    };
    Ok(Regions {
        named: regions.colors.iter().map(region).collect::<Result<_, PlanError>>()?,
        tolerance: regions.tolerance,
        softness: regions.softness,
        keeps_others: regions.keeps_others,
    })
}

/// That the network has learned the styles of all regions.
fn check_learned(
    manifest: &Manifest,
    findings: &Findings<'_>,
    regions: &PaintedRegions,
    (path, Painting { recipe, .. }): (&AssetPath, &Painting),
    rule: &str,
) -> Result<(), PlanError> {
    for name in regions.styles() {
        let style = manifest.style(name);
        let refs = style_refs(findings, style)?;
        // A region is painted in the styles of its images.
        let file = network(findings, path, (style, &refs), recipe, &[]);
        let wrong =
            |reason| PlanError::Network { path: path.clone(), rule: rule.to_owned(), reason };
        file.map_err(wrong)?;
    }
    Ok(())
}

/// Maps of a surface follow the whole picture's paint.
fn as_a_part(mut recipe: Recipe) -> Recipe {
    let common = recipe.common_mut();
    (common.relief, common.green) = (0.0, GreenAxis::default());
    recipe
}

/// The images of a style, as an action names them.
pub(super) fn style_refs(
    findings: &Findings<'_>,
    style: &Style,
) -> Result<Vec<StyleRef>, PlanError> {
    let style_ref = |image: &StyleImage| {
        let StyleImage { path, weight, crop } = image;
        let checked = input(findings, path).and_then(|file| {
            let (width, height) = file.header.upright_size();
            crop.unwrap_or_default()
                .remaining(width, height)
                .map_err(|error| error.to_string())
                .map(|_| StyleRef { blob: file.blob, weight: *weight, crop: *crop })
        });
        checked.map_err(|reason| PlanError::Style {
            path: path.clone(),
            style: style.name.clone(),
            reason,
        })
    };
    style.images.iter().map(style_ref).collect()
}

fn input(findings: &Findings<'_>, path: &AssetPath) -> Result<InputFile, String> {
    let none = || Err("the project has no such file".to_owned());
    let file = findings.inputs.get(path).cloned().unwrap_or_else(none)?;
    match file.header.is_whole() {
        true => Err("it is a model, a cube map or an array, where a picture is needed".to_owned()),
        false => Ok(file),
    }
}
