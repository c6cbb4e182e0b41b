//! One picture painted in this process: no project, no farm, no cache. `stylize` and `synth` differ
//! only in their [`Subject`].

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use impasto_assets::{AssetError, AssetErrorKind, Header, Limits, decode, read_header};
use impasto_models::{ModelError, ModelStore};
use impasto_painter::{EnginePainter, PaintError, Painted, Painter, Source, Sources};
use impasto_types::{
    AssetKind, BlobRef, CannotWrite, ContainerFormat, Crop, CropError, FailureKind, MIN_SIDE,
    ModelName, ModelRef, Part, Recipe, RecipePatch, RunReport, Shape,
};
use serde_json::json;

use crate::asset_kind::{check_models, fit, header_of};
use crate::contact_sheet::loss_text;
use crate::flags::{ComputeFlags, DryRunFlag, ModelsFlags};
use crate::follow::Follow;
use crate::given::Given;
use crate::model_files::{BesideModel, read_beside};
use crate::output_file::OutputArgs;
use crate::region_args::RegionArgs;
use crate::show::ModelBar;
use crate::style_arg::StyleArg;
use crate::texels::{keep_texels, keep_texels_of_regions};
use crate::units::{count, time};
use crate::{Context, Exit, Failure, interrupt};

/// What `stylize` and `synth` share.
#[derive(Debug, Args)]
pub(crate) struct DirectArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Cut this off the sides of every style image: PIXELS, or LEFT,TOP,RIGHT,BOTTOM
    #[arg(long, value_name = "PIXELS")]
    style_crop: Option<Crop>,
    #[command(flatten)]
    dry_run: DryRunFlag,
    #[command(flatten)]
    compute: ComputeFlags,
    #[command(flatten)]
    models: ModelsFlags,
    #[command(flatten, next_help_heading = "Recipe")]
    pub(crate) recipe: RecipePatch,
}

/// The inputs of the picture.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) content: Option<PathBuf>,
    pub(crate) mask: Option<PathBuf>,
    /// The model that shows the content.
    pub(crate) mesh: Option<PathBuf>,
    pub(crate) styles: Vec<StyleArg>,
    pub(crate) regions: RegionArgs,
    pub(crate) recipe: RecipePatch,
}

impl Subject {
    /// The asset's files by their roles.
    fn files(&self) -> impl Iterator<Item = (Part, &Path)> {
        let init = self.recipe.init_image().map(Path::new);
        let files = [
            (Part::Color, self.content.as_deref()),
            (Part::Mask, self.mask.as_deref()),
            (Part::Mesh, self.mesh.as_deref()),
            (Part::Regions, self.regions.styled.map.as_deref()),
            (Part::Init, init),
            (Part::Model, self.recipe.network().map(Path::new)),
        ];
        files.into_iter().filter_map(|(part, path)| Some((part, path?)))
    }

    /// Every file that is read.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let styles = self.all_styles().map(|style| style.path.as_path());
        self.files().map(|(_, path)| path).chain(styles)
    }

    /// The style images in the order in which the action names them: its own, then those of
    /// regions.
    fn all_styles(&self) -> impl Iterator<Item = &StyleArg> {
        self.styles.iter().chain(self.regions.styles())
    }

    /// The files that are named by the model that is painted, or that shows what is painted.
    fn beside(&self, sources: &Sources) -> Result<Vec<BesideModel>, DirectError> {
        for (part, path) in [(Part::Color, &self.content), (Part::Mesh, &self.mesh)] {
            let (Some(path), Some(source)) = (path, sources.files.get(&part)) else { continue };
            let files = read_beside(path, source)?;
            if !files.is_empty() {
                return Ok(files);
            }
        }
        Ok(Vec::new())
    }

    fn read(&self) -> Result<Sources, DirectError> {
        let files = self.files().map(|(part, path)| Ok((part, read(path)?)));
        let styles = self.all_styles().map(|style| read(&style.path));
        Ok(Sources {
            files: files.collect::<Result<_, DirectError>>()?,
            styles: styles.collect::<Result<_, _>>()?,
            checkpoint: None,
        })
    }
}

/// Why painting cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{name}` as a style")]
    Crop { name: String, source: CropError },
    #[error(
        "`{map}` has the shape of a texture of {width} x {height} pixels, and the least side of \
         one is {MIN_SIDE}: give a larger --size"
    )]
    Narrow { map: String, width: u32, height: u32 },
    #[error(transparent)]
    Image(#[from] AssetError),
}

impl From<DirectError> for Failure {
    fn from(error: DirectError) -> Self {
        Self::usage(error)
    }
}

/// Paints, writes the file and prints the result.
pub(crate) fn paint(
    subject: Subject,
    args: &DirectArgs,
    context: &Context,
) -> Result<Exit, Failure> {
    let output = args.output.spec(subject.content.as_deref()).map_err(Failure::usage)?;
    let mut recipe = subject.recipe.resolve().map_err(Failure::usage)?;
    recipe.check().map_err(Failure::usage)?;
    check_needs(&subject, &recipe)?;
    subject.regions.check().map_err(Failure::usage)?;
    let is_text = output.format == ContainerFormat::Gltf && subject.mesh.is_none();
    let written = Some(&args.output).filter(|_| is_text);
    let sources = subject.read()?;
    let beside = subject.beside(&sources)?;
    let given = Given::of(sources, beside, written)?;
    let sources = given.sources();
    let read: Vec<&Path> =
        subject.paths().chain(given.named.iter().map(PathBuf::as_path)).collect();
    let more: Vec<&Path> = given.beside.iter().map(|(_, path)| path.as_path()).collect();
    args.output.check_overwrites(&more, &read)?;
    let whole = given.whole(output);
    let crop = args.style_crop.filter(|crop| !crop.is_none());
    let styles = style_sizes(sources, crop)?;
    let patch = &subject.recipe;
    let keeps_texels = patch.optimize.style_scale.is_none() && patch.common.style_size.is_none();
    if keeps_texels {
        keep_texels(&mut recipe, &styles);
    }
    let asset = sources.files.get(&Part::Color).map(header_of).transpose();
    let asset = asset.map_err(DirectError::from)?;
    if let (Some(content), Some(0)) =
        (sources.files.get(&Part::Color), asset.as_ref().and_then(|header| header.largest))
    {
        // The error says why there is nothing to paint.
        decode(&content.bytes, &content.name, &Limits::default()).map_err(DirectError::from)?;
    }
    check_models(sources)?;
    let kind = match subject.mesh {
        Some(_) => AssetKind::model(),
        None => fit(&mut recipe, asset.as_ref()),
    };
    let has_maps = asset.as_ref().is_some_and(|header| header.format.is_model());
    if recipe.common().relief > 0.0 && !has_maps {
        return Err(Failure::usage("--relief is for models and for the maps of a material")
            .hint("set `relief` in a manifest, and `impasto build`"));
    }
    let (width, height) = output_size(&recipe, whole.format, sources, asset.as_ref())?;
    let weights: Vec<_> = subject.styles.iter().map(|style| style.weight).collect();
    let mut action = sources.action(kind, recipe, &weights, Vec::new(), vec![whole]);
    action.styles.iter_mut().for_each(|style| style.crop = crop);
    let content = subject.content.as_deref().filter(|_| subject.mesh.is_some());
    let stem = content.and_then(Path::file_stem);
    action.texture = stem.map(|stem| stem.to_string_lossy().to_lowercase());
    let of_regions = sources.styles.iter().skip(subject.styles.len());
    let of_regions: Vec<_> = of_regions.map(|style| BlobRef::of(&style.bytes)).collect();
    action.regions = subject.regions.regions(&of_regions, crop);
    if keeps_texels {
        keep_texels_of_regions(&mut action, &styles[subject.styles.len()..]);
    }
    action.check().map_err(Failure::usage)?;
    let name = args.output.name();
    if args.dry_run.dry_run {
        context.screen.message(format_args!("would paint {name}, {width} x {height}"));
        return Ok(Exit::Done);
    }

    let cancel = interrupt::token();
    let models_dir = context.config.models_dir(&args.models);
    let models = action.recipe.models().iter();
    let ensured = models.map(|name| ensure_model(models_dir.as_deref(), *name, context));
    action.models = ensured.collect::<Result<Vec<_>, _>>()?;
    let threads = context.config.paint_threads(&args.compute);
    let compute = &args.compute;
    let painter = EnginePainter::open(
        models_dir.as_deref(),
        threads,
        &compute.device.first(),
        compute.max_memory,
    )
    .map_err(Failure::here)?;
    let mut follow = Follow::new(&context.screen, &name, cancel);
    let painted = painter.paint(painter.whole(0), &name, &action, sources, &mut follow);
    drop(follow);
    let Painted { files, report } = match painted {
        Err(PaintError::Canceled { .. }) => return Err(Failure::interrupted()),
        other => other.map_err(|error| not_painted(error, compute))?,
    };
    let files = given.results(files, output)?;
    let bytes =
        |part: Part| files.iter().find(|file| file.part == part).map(|file| &file.bytes[..]);
    let beside = given.beside.iter();
    let more: Vec<(&Path, &[u8])> =
        beside.filter_map(|(part, path)| Some((path.as_path(), bytes(*part)?))).collect();
    if let Some(file) = bytes(Part::Color) {
        args.output.write(file, &more, &read, &context.screen)?;
    }
    say(&name, (width, height), &report, context);
    Ok(Exit::Done)
}

/// Refuses a method without what it paints by: its network, or style images to look at.
fn check_needs(subject: &Subject, recipe: &Recipe) -> Result<(), Failure> {
    let method = recipe.method();
    if method.takes_model() && subject.recipe.model.is_none() {
        return Err(Failure::usage(format!("method {method} needs a network"))
            .hint("give --model FILE, as `impasto train` or `impasto models export` wrote it"));
    }
    if !recipe.model_styles().is_empty() && !subject.styles.is_empty() {
        return Err(Failure::usage("--model-styles and --style both say what to paint")
            .hint("give one of them"));
    }
    if !method.takes_model() && subject.styles.is_empty() {
        return Err(Failure::usage(format!("method {method} needs a --style")));
    }
    Ok(())
}

/// A file that was named and cannot be used is a usage error, whenever that is found out. The hint
/// about too little memory depends on who set the limit.
fn not_painted(error: PaintError, compute: &ComputeFlags) -> Failure {
    match (&error, compute.max_memory) {
        (_, Some(_)) if error.lacks_memory() => {
            Failure::usage(error).hint("give a larger --max-memory or a smaller --size")
        }
        (_, None) if error.lacks_memory() => Failure::here(error).hint(
            "it is what this machine has free: close other programs, \
                give --max-memory, or a smaller --size",
        ),
        (PaintError::File(AssetError { kind: AssetErrorKind::Encode { .. }, .. }), _) => {
            Failure::here(error)
        }
        _ if error.kind() == FailureKind::Input => Failure::usage(error),
        _ => Failure::here(error),
    }
}

fn say(name: &str, (width, height): (u32, u32), report: &RunReport, context: &Context) {
    if let Some(warning) = &report.warning {
        context.screen.warning(format_args!("{name}: {warning}"));
    }
    if context.screen.is_json() {
        context
            .screen
            .json(&json!({ "output": name, "width": width, "height": height, "report": report }));
        return;
    }
    if report.iterations == 0 && width.min(height) < MIN_SIDE {
        context.screen.result(format_args!(
            "passed {name} through, {width} x {height}: painting takes {MIN_SIDE} pixels a side"
        ));
        return;
    }
    let took = time(std::time::Duration::from_millis(report.compute_ms));
    let loss =
        report.losses.map_or(String::new(), |losses| format!("loss {}, ", loss_text(losses.total)));
    context.screen.result(format_args!(
        "painted {name}, {width} x {height}, {}, {loss}in {took} on {}",
        count(report.iterations as usize, "step"),
        report.device
    ));
}

pub(crate) fn read(path: &Path) -> Result<Source, DirectError> {
    Source::read(path).map_err(|source| DirectError::Read { path: path.to_owned(), source })
}

/// The result's size in pixels. Reads every picture's header first, so that an unreadable file, or
/// one that `format` cannot hold, is reported before painting.
fn output_size(
    recipe: &Recipe,
    format: ContainerFormat,
    sources: &Sources,
    asset: Option<&Header>,
) -> Result<(u32, u32), DirectError> {
    let pictures = sources.files.iter().filter(|(part, _)| **part != Part::Model);
    for source in sources.styles.iter().chain(pictures.map(|(_, file)| file)) {
        header_of(source)?;
    }
    let common = recipe.common();
    let name = sources.files.get(&Part::Color).map_or("the texture", |file| file.name.as_str());
    let shape = match asset {
        Some(header) => {
            // What a mesh shows is the stored grid.
            let (width, height) = match sources.files.contains_key(&Part::Mesh) {
                true => (header.width, header.height),
                false => header.upright_size(),
            };
            let large = header.format.is_large_at(width, height);
            let (width, height) = common.output_size(width, height);
            Shape { width, height, alpha: header.alpha, asset: header.format, large }
        }
        None => {
            let map = sources.files.get(&Part::Regions);
            let map = map.map(|map| Ok::<_, AssetError>((map, header_of(map)?))).transpose()?;
            let (width, height) = map.as_ref().map_or((1, 1), |(_, header)| header.upright_size());
            let (width, height) = common.output_size(width, height);
            if let Some((map, _)) = map.filter(|_| width.min(height) < MIN_SIDE) {
                return Err(DirectError::Narrow { map: map.name.clone(), width, height });
            }
            let asset = ContainerFormat::Png;
            Shape { width, height, alpha: false, asset, large: false }
        }
    };
    let refused = |error: CannotWrite| AssetError { name: name.to_owned(), kind: error.into() };
    format.can_write(shape).and_then(|()| common.check_format(format)).map_err(refused)?;
    if let Some(header) = asset.filter(|header| header.sheet.is_some() && header.format != format) {
        return Err(refused(CannotWrite::Sheet(header.format)).into());
    }
    Ok((shape.width, shape.height))
}

/// The sizes of the style images, after the crop.
fn style_sizes(sources: &Sources, crop: Option<Crop>) -> Result<Vec<(u32, u32)>, DirectError> {
    let size = |style: &Source| {
        let header = read_header(&style.bytes, &style.name, &Limits::default())?;
        let (width, height) = header.upright_size();
        let Some(crop) = crop else { return Ok((width, height)) };
        crop.remaining(width, height)
            .map_err(|source| DirectError::Crop { name: style.name.clone(), source })
    };
    sources.styles.iter().map(size).collect()
}

pub(crate) fn ensure_model(
    dir: Option<&Path>,
    name: ModelName,
    context: &Context,
) -> Result<ModelRef, Failure> {
    let pull = || -> Result<_, ModelError> {
        let store = ModelStore::open(dir)?;
        let mut bar = ModelBar::new(&context.screen, name.as_str());
        store.ensure(name, &mut |progress| bar.step(progress.into()))
    };
    Ok(pull().map_err(Failure::here)?.model)
}

/// Refuses a method that belongs to the other `command`.
pub(crate) fn expect_method(
    recipe: &RecipePatch,
    takes_content: bool,
    command: &str,
) -> Result<(), Failure> {
    match recipe.method {
        Some(method) if method.takes_content() != takes_content => Err(Failure::usage(format!(
            "this command does not take --method {method}; use `impasto {command}`"
        ))),
        _ => Ok(()),
    }
}
