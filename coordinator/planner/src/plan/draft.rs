//! The tasks of one asset, planned without regard to the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use impasto_types::{AssetPath, Component, ContainerFormat, MAX_SIDE, Part, Recipe, is_same_shape};

use super::template::{AssetFiles, Template, Templates, Whole};
use super::{Awaiting, PlanError, PlannedOutput, PlannedTask};
use crate::grouping::Asset;
use crate::manifest::Painting;
use crate::named::{Named, PlacedFile};
use crate::output_pattern::Parts;
use crate::problem::{companions, paintable, usable};
use crate::staleness::{Candidate, staleness};
use crate::{Findings, ImageHeader, InputFile, Manifest, Problem, ProblemCause, estimate};

/// What an asset comes to in one style.
#[derive(Debug)]
pub(super) enum Draft {
    Task {
        task: Box<PlannedTask>,
        /// The case keys of the task's outputs.
        keys: Vec<Arc<str>>,
        /// Of each file whose colours are painted, with the format of its result.
        headers: Vec<(ImageHeader, ContainerFormat)>,
        /// What its model names, and is not painted.
        kept: Vec<PlacedFile>,
    },
    /// Its network has to be trained first.
    Awaiting(Awaiting),
    /// Its result was that of a model, which cannot be read now and may name it still.
    Held,
    Problem(Problem),
}

/// Drafts tasks, on any number of threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drafter<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) findings: &'a Findings<'a>,
    pub(super) templates: &'a Templates<'a>,
    /// The networks that have to be trained first.
    pub(super) awaited: &'a BTreeSet<AssetPath>,
    /// The models of which it is not known what they name.
    pub(super) unread: &'a BTreeSet<&'a AssetPath>,
}

/// That the ID map and the tiles of a set have the shape that they have to.
fn shapes_fit(
    header: ImageHeader,
    companions: &[(Part, AssetPath, InputFile)],
) -> Result<(), ProblemCause> {
    for (part, path, file) in companions {
        let other = file.header;
        // A map of a turned picture may lie either way.
        let is_turned = *part == Part::Regions && (header.swaps_sides || other.swaps_sides);
        if !matches!(part, Part::Regions | Part::Udim(_)) || is_turned {
            continue;
        }
        let (size, own) = ((other.width, other.height), (header.width, header.height));
        if !is_same_shape(size, own) {
            return Err(ProblemCause::OtherShape { part: *part, path: path.clone(), size, own });
        }
    }
    Ok(())
}

/// That what is to show the picture is a model, and nothing else is one.
fn check_models(
    header: ImageHeader,
    companions: &[(Part, AssetPath, InputFile)],
) -> Result<(), ProblemCause> {
    for (part, path, file) in companions {
        let held = file.header.format;
        let reason = match part {
            Part::Mesh if header.is_whole() => "what has its own surface needs none".to_owned(),
            Part::Mesh if !held.is_model() => {
                format!("it is a {held} file; give a model (.glb or .gltf)")
            }
            Part::Mesh => continue,
            _ if file.header.is_whole() => {
                "it is a model, a cube map or an array, where a picture is needed".to_owned()
            }
            _ => continue,
        };
        return Err(ProblemCause::Companion { part: *part, path: path.clone(), reason });
    }
    Ok(())
}

/// That the size of a surface is known where the style's is in metres of it.
fn check_density(
    painting: &Painting,
    header: ImageHeader,
    companions: &[(Part, AssetPath, InputFile)],
) -> Result<(), ProblemCause> {
    let has = |wanted: Part| companions.iter().any(|(part, _, _)| *part == wanted);
    let measured = (header.format.is_model() || has(Part::Mesh)).then_some(1.0);
    let regions = painting.regions.iter().filter(|_| has(Part::Regions));
    let recipes = regions.flat_map(|regions| regions.recipes()).chain([&painting.recipe]);
    for recipe in recipes {
        let density = measured.or(recipe.common().texel_density.map(f64::from));
        recipe.with_style_size(header.width.max(header.height), density)?;
    }
    Ok(())
}

/// That alpha is there where it is to be painted; of several pictures together it cannot be.
fn check_alpha(
    recipe: &Recipe,
    header: ImageHeader,
    companions: &[(Part, AssetPath, InputFile)],
) -> Result<(), ProblemCause> {
    let is_painted = recipe.common().channels.alone().any(|one| one == Component::Alpha);
    let is_several = header.is_whole()
        || companions.iter().any(|(part, _, _)| matches!(part, Part::Udim(_) | Part::Mesh));
    match (is_painted, is_several) {
        (true, true) => Err(ProblemCause::SharedAlpha),
        (true, false) if !header.alpha => Err(ProblemCause::NoAlpha),
        _ => Ok(()),
    }
}

/// The size of a whole, if it is not too large and each of its files can be written.
fn paintable_whole(
    painting: &Painting,
    header: ImageHeader,
    companions: &[(Part, AssetPath, InputFile)],
    whole: Whole,
) -> Result<(u32, u32), ProblemCause> {
    if header.is_whole() {
        paintable(&painting.recipe, header, painting.output_spec(header.format).format)?;
    }
    for (part, _, file) in companions {
        if let Part::Udim(_) = part {
            let format = painting.output_spec(file.header.format).format;
            paintable(&painting.recipe, file.header, format)?;
        }
    }
    let mut recipe = painting.recipe.clone();
    whole.spread(&mut recipe);
    let (width, height) = recipe.common().output_size(whole.sides.0, whole.sides.1);
    match width.max(height) > MAX_SIDE {
        true => Err(ProblemCause::TooLarge { width, height }),
        false => Ok((width, height)),
    }
}

impl Drafter<'_> {
    /// A task for each style of the asset's rule, or a problem.
    pub(super) fn drafts(self, asset: Asset<'_>, rule: usize) -> Result<Vec<Draft>, PlanError> {
        let paintings = self.manifest.paintings(rule);
        (0..paintings.len()).map(|painting| self.draft(asset, rule, painting)).collect()
    }

    fn draft(self, asset: Asset<'_>, rule: usize, painting: usize) -> Result<Draft, PlanError> {
        let (name, manifest) = (&self.manifest.rules()[rule].name, self.manifest);
        let paintable = usable(asset.main).and_then(|header| {
            let painting = &manifest.paintings(rule)[painting];
            let format = painting.output_spec(header.format).format;
            let mut companions = companions(&asset)?;
            shapes_fit(header, &companions)?;
            let size = match Whole::of(header, &companions) {
                None => paintable(&painting.recipe, header, format)?,
                Some(whole) => paintable_whole(painting, header, &companions, whole)?,
            };
            // Without relief the maps stay what they are, and a model has its own.
            let has_relief = painting.recipe.common().relief > 0.0 && !header.is_whole();
            companions.retain(|(part, _, _)| has_relief || !part.is_surface());
            check_models(header, &companions)?;
            check_density(painting, header, &companions)?;
            check_alpha(&painting.recipe, header, &companions)?;
            Ok((header, size, companions))
        });
        let problem = |cause| {
            let asset = asset.path().clone();
            Ok(Draft::Problem(Problem { asset, rule: name.clone(), cause }))
        };
        let (header, size, companions) = match paintable {
            Ok(paintable) => paintable,
            Err(cause) => return problem(cause),
        };
        let named = match self.named(asset, rule, painting, header.format, &companions)? {
            Ok(named) => named,
            Err(cause) => return problem(cause),
        };
        if let Some(model) = self.awaited(rule, painting) {
            let beside = companions
                .iter()
                .filter(|(part, path, _)| part.has_own_name() && path != asset.path());
            let beside = beside.map(|(_, path, file)| (path, file.header.format)).collect();
            return self.awaiting(asset, rule, painting, (model, beside, named), (header, size));
        }
        let (templates, format) = (self.templates, header.format);
        let files = AssetFiles::of(asset.path(), header, &companions, &named);
        if files == AssetFiles::default() {
            let template = templates.get(rule, painting, format)?;
            return self.task(asset, (&companions, named), template, header, size);
        }
        let template = templates.with_files(rule, painting, format, files)?;
        self.task(asset, (&companions, named), &template, header, size)
    }

    /// What the model of an asset names.
    fn named(
        self,
        asset: Asset<'_>,
        rule: usize,
        painting: usize,
        format: ContainerFormat,
        companions: &[(Part, AssetPath, InputFile)],
    ) -> Result<Result<Named, ProblemCause>, PlanError> {
        let listing = self.findings.listing;
        if listing.named.is_empty() {
            return Ok(Ok(Named::default()));
        }
        let (name, painting) =
            (&self.manifest.rules()[rule].name, &self.manifest.paintings(rule)[painting]);
        let mesh = companions.iter().find(|(part, _, _)| *part == Part::Mesh);
        let models = (asset.path(), mesh.map(|(_, path, _)| path));
        let format = painting.output_spec(format).format;
        let output = self.output(asset.path(), name, &painting.style, format)?;
        let has_relief = painting.recipe.common().relief > 0.0;
        Ok(Named::of(self.manifest, listing, models, &output, has_relief))
    }

    /// This painting's network, if it has to be trained first.
    fn awaited(&self, rule: usize, painting: usize) -> Option<&AssetPath> {
        let model = self.manifest.paintings(rule)[painting].learned_model();
        model.filter(|model| self.awaited.contains(*model))
    }

    fn awaiting(
        self,
        asset: Asset<'_>,
        rule: usize,
        painting: usize,
        (model, maps, named): (&AssetPath, Vec<(&AssetPath, ContainerFormat)>, Named),
        (header, (width, height)): (ImageHeader, (u32, u32)),
    ) -> Result<Draft, PlanError> {
        let (rule, painting) =
            (&self.manifest.rules()[rule].name, &self.manifest.paintings(rule)[painting]);
        let format = painting.output_spec(header.format).format;
        let map = |(path, format)| self.output(path, rule, &painting.style, format);
        let beside = named.painted.into_iter().chain(named.kept).map(|placed| Ok(placed.output));
        let maps = maps.into_iter().map(map).chain(beside).collect::<Result<_, _>>()?;
        Ok(Draft::Awaiting(Awaiting {
            maps,
            asset: asset.path().clone(),
            rule: rule.clone(),
            style: painting.style.clone(),
            output: self.output(asset.path(), rule, &painting.style, format)?,
            model: model.clone(),
            work: estimate::work(&painting.recipe, width, height),
        }))
    }

    fn task(
        self,
        asset: Asset<'_>,
        (companions, named): (&[(Part, AssetPath, InputFile)], Named),
        template: &Template<'_>,
        header: ImageHeader,
        (width, height): (u32, u32),
    ) -> Result<Draft, PlanError> {
        let form = &template.form;
        let (inputs, action) = template.fill(asset.blob(), companions, &named);
        let (rule, style) = (&template.form.rule, &template.painting.style);
        let output = |part: Part, format: ContainerFormat| {
            if let Some(path) = named.output(part) {
                return Ok(PlannedOutput { part, path: path.clone() });
            }
            let map = companions.iter().find(|(own, _, _)| part.has_own_name() && *own == part);
            let file = map.map_or(asset.path(), |(_, path, _)| path);
            Ok(PlannedOutput { part, path: self.output(file, rule, style, format)? })
        };
        let asked = form.action.outputs.iter();
        let outputs = asked.map(|output_spec| output(output_spec.part, output_spec.format));
        let outputs = outputs.collect::<Result<Box<[_]>, PlanError>>()?;
        let Findings { previous, present, .. } = self.findings;
        let is_held = |output: &PlannedOutput| {
            let owner = previous.get(&output.path).map(|record| &record.asset);
            owner.is_some_and(|owner| owner != asset.path() && self.unread.contains(owner))
        };
        if !self.unread.is_empty() && outputs.iter().any(is_held) {
            return Ok(Draft::Held);
        }
        let state = staleness(
            Candidate {
                asset: asset.path(),
                style: template.style,
                action: &form.action,
                inputs: &inputs,
                digest: action,
            },
            outputs.iter().map(|output| (previous.get(&output.path), present.get(&output.path))),
        );
        // A mask is held to the end, unlike other sources, and counted as such. So is an ID map.
        let is_mask = |part: Part| matches!(part, Part::Mask | Part::Regions);
        let masks = companions.iter().filter(|(part, _, _)| is_mask(*part));
        let size_of =
            |(_, _, file): &(Part, AssetPath, InputFile)| (file.header.width, file.header.height);
        let Template { styles: decoded, init, .. } = template;
        let styles: Vec<_> = decoded.iter().map(|(_, size)| *size).collect();
        // Maps of a surface wait as files, and are decoded one at a time.
        let (maps, beside): (Vec<_>, Vec<_>) =
            companions.iter().partition(|(part, _, _)| part.is_surface());
        let has_mesh = companions.iter().any(|(part, _, _)| *part == Part::Mesh);
        // The first tile of a set is there as the color, too, and a mesh is no picture.
        let beside: Vec<_> = beside
            .into_iter()
            .filter(|(part, path, _)| path != asset.path() && *part != Part::Mesh)
            .collect();
        let headers = beside.iter().map(|(_, _, file)| file.header);
        let others: Vec<_> =
            headers.chain(*init).chain([header]).map(|header| header.footprint()).collect();
        let sources: Vec<_> = styles
            .iter()
            .copied()
            .chain(init.map(|header| header.upright_size()))
            .chain(beside.iter().copied().filter(|(part, _, _)| !is_mask(*part)).map(size_of))
            .chain([(header.width, header.height)])
            .collect();
        let (recipe, size) = (&form.action.recipe, (width, height));
        let mask = masks.map(size_of).next();
        let own_size = (header.width, header.height);
        let whole_size = Whole::of(header, companions).map_or(own_size, |whole| whole.sides);
        // What shows of islands is their mask, and so is the surface of a model.
        let has_islands =
            has_mesh || header.is_whole() || recipe.common().has_islands(header.alpha);
        let mask = mask.or(has_islands.then_some(own_size));
        let masked = mask.map_or(0, |mask| estimate::mask_bytes(recipe, size, mask))
            + estimate::regions_bytes(&form.action, own_size, size);
        let own = (has_mesh || !maps.is_empty()).then(|| estimate::material_bytes(own_size));
        // The tiles side by side, or a model's textures as they were.
        let own = own
            .or(Whole::of(header, companions).map(|whole| estimate::material_bytes(whole.sides)));
        let sized = |recipe| estimate::sized(recipe, whole_size, size);
        let runs = estimate::runs(&form.action).into_iter();
        let largest =
            runs.map(|recipe| estimate::memory_bytes(&sized(recipe), size, &sources, &styles));
        // The file is held as it came, and by its picture; one with files is gathered and scattered
        // beside that, and a mesh with files is gathered.
        let file = match header.format {
            ContainerFormat::Gltf => 4 * (asset.blob().size_bytes + named.bytes()),
            ContainerFormat::Glb => 2 * asset.blob().size_bytes,
            _ => 2 * named.bytes(),
        };
        let channels = estimate::channels_bytes(recipe, whole_size, size);
        let painted =
            largest.max().unwrap_or(0) + masked + own.unwrap_or_default() + channels + file;
        let read_with =
            |others: &[_]| estimate::decoding_bytes(&sized(recipe), size, decoded, others);
        let largest = maps.iter().map(|(_, _, file)| file.header.footprint());
        let largest = largest.max_by_key(|footprint| footprint.decoding_bytes());
        let read = match largest {
            None => read_with(&others),
            Some(map) => read_with(&[&others[..], &[map]].concat()),
        };
        let keys = outputs.iter().map(|output| output.path.case_key()).collect();
        let task = PlannedTask {
            asset: asset.path().clone(),
            form: Arc::clone(form),
            inputs,
            outputs,
            width,
            height,
            least_memory_bytes: painted.max(read),
            work: estimate::action_work(&form.action, width, height),
            action,
            training: None,
            state,
        };
        let tiles = companions.iter().filter(|(part, _, _)| matches!(part, Part::Udim(_)));
        let mut headers: Vec<_> = tiles.map(|(_, _, file)| file.header).collect();
        if headers.is_empty() {
            headers.push(header);
        }
        let format = |header: &ImageHeader| template.painting.output_spec(header.format).format;
        let headers = headers.into_iter().map(|header| (header, format(&header))).collect();
        Ok(Draft::Task { task: Box::new(task), keys, headers, kept: named.kept })
    }

    fn output(
        self,
        asset: &AssetPath,
        rule: &str,
        style: &str,
        format: ContainerFormat,
    ) -> Result<AssetPath, PlanError> {
        let relative = self.manifest.in_assets(asset).unwrap_or(asset.as_str());
        let parts = Parts { format: Some(format), style, rule, ..Parts::of_asset(asset, relative) };
        let expanded = self.manifest.output_pattern().expand(&parts);
        let output =
            expanded.map_err(|source| PlanError::OutputPath { asset: asset.clone(), source })?;
        if ContainerFormat::from_extension(output.extension()) != Some(format) {
            return Err(PlanError::WrongExtension {
                asset: asset.clone(),
                output,
                rule: rule.to_owned(),
                format,
            });
        }
        let is_large = ContainerFormat::is_large_extension;
        if format == ContainerFormat::Psd
            && is_large(output.extension()) != is_large(asset.extension())
        {
            return Err(PlanError::LargeDocument { asset: asset.clone(), output });
        }
        Ok(output)
    }
}
