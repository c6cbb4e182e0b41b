//! `impasto sheet`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use impasto_painter::{EnginePainter, PaintError, Painted, Painter, Source, Sources};
use impasto_types::{
    CommonPatch, ContainerFormat, Effort, Method, ModelStyles, OnePassPatch, OutputSpec, Part,
    Preset, RecipePatch, error_text,
};
use serde_json::json;

use crate::asset_kind::{fit, header_of};
use crate::contact_sheet::{PictureSize, embedded};
use crate::direct::{ensure_model, read};
use crate::flags::{ComputeFlags, ModelsFlags};
use crate::follow::Follow;
use crate::model_files::read_in_one;
use crate::sheet_page::{Cell, Made, Page, Row};
use crate::units::{count, time};
use crate::{Context, Exit, Failure, interrupt, overwrite};

/// Paint one asset in every style, method and strength, side by side on a page
///
/// The page is one HTML file. Under each picture are the lines of a manifest that paint it.
#[derive(Debug, Args)]
pub struct SheetArgs {
    /// The picture to paint
    asset: PathBuf,
    /// A style image; repeat to compare several
    #[arg(long = "style", value_name = "STYLE", required = true)]
    styles: Vec<PathBuf>,
    /// A method to compare; repeat for several [default: optimize and arbitrary, and feedforward if
    /// there is a --model]
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<Method>,
    /// An effort of method optimize; repeat to compare several [default: good]
    #[arg(long = "effort", value_name = "EFFORT")]
    efforts: Vec<Effort>,
    /// How much of the style is taken in one pass; repeat to compare several [default: 0.5 and 1]
    #[arg(long = "strength", value_name = "SHARE")]
    strengths: Vec<f32>,
    /// A network of `impasto train`, to compare as well
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Which of the network's styles to paint, by name; repeat to compare several
    #[arg(long, value_name = "NAME[:WEIGHT],...", requires = "model")]
    model_styles: Vec<ModelStyles>,
    /// A network of `impasto train --any-style`, to compare by method arbitrary as well
    #[arg(long, value_name = "FILE")]
    any_style_model: Option<PathBuf>,
    /// The recipe to start from
    #[arg(long, value_enum)]
    preset: Option<Preset>,
    /// The page to write
    #[arg(short, long, value_name = "OUT.html")]
    output: PathBuf,
    #[command(flatten)]
    compute: ComputeFlags,
    #[command(flatten)]
    models: ModelsFlags,
    #[command(flatten, next_help_heading = "Recipe")]
    common: CommonPatch,
}

/// The longer side of the pictures, unless another is asked for.
const SIDE_PX: u32 = 512;

/// The most bytes of a picture on the page.
const MOST_BYTES: usize = 300_000;

const STRENGTHS: [f32; 2] = [0.5, 1.0];

pub(crate) fn run(args: SheetArgs, context: &Context) -> Result<Exit, Failure> {
    let is_page = args.output.extension().is_some_and(|own| own.eq_ignore_ascii_case("html"));
    if !is_page {
        let text = format!("{} is no name for a page", args.output.display());
        return Err(Failure::usage(text).hint("end it in .html"));
    }
    let read_files = args.styles.iter().chain([&args.asset]).chain(&args.model);
    let read_files = read_files.chain(&args.any_style_model);
    overwrite::refuse(&args.output, read_files.map(PathBuf::as_path)).map_err(Failure::usage)?;
    let looks = looks(&args)?;
    let network = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
    let learned = network(&args.model).map_err(Failure::usage)?;
    let any_style = network(&args.any_style_model).map_err(Failure::usage)?;
    let asset = read(&args.asset).map_err(Failure::usage)?;
    let asset = read_in_one(&args.asset, asset).map_err(Failure::usage)?;
    let styles = args.styles.iter().map(|path| read(path));
    let styles = styles.collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
    let header = header_of(&asset).map_err(Failure::usage)?;
    let longer = header.largest.unwrap_or(header.width.max(header.height));
    let size = args.common.size.or((longer > SIDE_PX).then_some(SIDE_PX));
    let side_px = size.unwrap_or(longer);
    let shown = |source: &Source| {
        let size = PictureSize { side_px, max_bytes: MOST_BYTES };
        embedded(&source.bytes, Path::new(&source.name), size).map_err(Failure::usage)
    };

    let cancel = interrupt::token();
    let models_dir = context.config.models_dir(&args.models);
    let threads = context.config.paint_threads(&args.compute);
    let painter = EnginePainter::open(
        models_dir.as_deref(),
        threads,
        &args.compute.device.first(),
        args.compute.max_memory,
    )
    .map_err(Failure::here)?;
    let mut rows = Vec::new();
    for (path, style) in args.styles.iter().zip(&styles) {
        let mut cells = Vec::new();
        for look in &looks {
            let mut patch = look.clone();
            patch.common.size = size;
            let mut recipe = patch.resolve().map_err(Failure::usage)?;
            if let Some(side) = size.filter(|_| args.common.size.is_none()) {
                recipe.common_mut().shrink(longer, side);
            }
            recipe.check().map_err(Failure::usage)?;
            let needed = recipe.models().iter();
            let models = needed.map(|name| ensure_model(models_dir.as_deref(), *name, context));
            let models = models.collect::<Result<Vec<_>, _>>()?;
            // Styles that are named have no images.
            let styles = match recipe.model_styles() {
                [] => vec![style.clone()],
                _ => Vec::new(),
            };
            let weights: &[f32] = if styles.is_empty() { &[] } else { &[1.0] };
            let mut sources = Sources::picture(asset.clone(), styles);
            let network = if recipe.method().takes_model() { &learned } else { &any_style };
            if let Some(network) = network.as_ref().filter(|_| recipe.takes_network()) {
                sources.files.insert(Part::Model, network.clone());
            }
            let kind = fit(&mut recipe, Some(&header));
            let format = match header.largest.is_some() {
                true => header.format,
                false => ContainerFormat::Png,
            };
            let output = OutputSpec { part: Part::Color, format, quality: 90 };
            let action = sources.action(kind, recipe, weights, models, vec![output]);
            let name = format!("{} in {}", args.asset.display(), path.display());
            let mut follow = Follow::new(&context.screen, &name, cancel.clone());
            let painted =
                painter.paint(painter.whole(0), &asset.name, &action, &sources, &mut follow);
            drop(follow);
            let made = match painted {
                Err(PaintError::Canceled { .. }) => return Err(Failure::interrupted()),
                // What one recipe cannot do, others may.
                Err(error) => Made::Failed(error_text(&error)),
                Ok(Painted { files, report }) => {
                    let bytes = files.into_iter().next().map(|file| file.bytes).unwrap_or_default();
                    let uri = shown(&Source { name: format!("painted.{format}"), bytes })?;
                    Made::Picture { uri, took: time(Duration::from_millis(report.compute_ms)) }
                }
            };
            cells.push(Cell { lines: lines(path, look), made });
        }
        rows.push(Row { style: path.display().to_string(), image: shown(style)?, cells });
    }
    let title = args.asset.display().to_string();
    let page = Page { title, asset: shown(&asset)?, rows };
    let (failed, pictures) = (page.failed(), page.pictures());
    impasto_project::replace_output(&args.output, page.html().as_bytes()).map_err(Failure::here)?;
    say(&args.output, pictures, failed, context);
    Ok(if failed == 0 { Exit::Done } else { Exit::Unfinished })
}

/// What each picture of a row changes, from left to right.
fn looks(args: &SheetArgs) -> Result<Vec<RecipePatch>, Failure> {
    let mut methods = args.methods.clone();
    if methods.is_empty() {
        methods = vec![Method::Optimize, Method::Arbitrary];
        methods.extend(args.model.is_some().then_some(Method::FeedForward));
    }
    methods.dedup();
    if let Some(method) = methods.iter().find(|method| !method.takes_content()) {
        return Err(Failure::usage(format!("--method {method} paints no asset")));
    }
    if methods.iter().any(|method| method.takes_model()) && args.model.is_none() {
        return Err(Failure::usage("method feedforward needs a network").hint("give --model FILE"));
    }
    if !args.efforts.is_empty() && !methods.contains(&Method::Optimize) {
        return Err(Failure::usage("--effort is for --method optimize"));
    }
    if args.any_style_model.is_some() && !methods.contains(&Method::Arbitrary) {
        return Err(Failure::usage("--any-style-model is for --method arbitrary"));
    }
    let strengths = if args.strengths.is_empty() { &STRENGTHS[..] } else { &args.strengths };
    let mut looks = Vec::new();
    for method in methods {
        let model = args.model.as_ref().filter(|_| method.takes_model());
        let look = RecipePatch {
            preset: args.preset,
            method: Some(method),
            model: model.map(|path| path.display().to_string()),
            common: args.common.clone(),
            ..RecipePatch::default()
        };
        if method == Method::Optimize {
            let plain = args.efforts.is_empty().then_some(None);
            let efforts = args.efforts.iter().copied().map(Some).chain(plain);
            looks.extend(efforts.map(|effort| RecipePatch { effort, ..look.clone() }));
            continue;
        }
        let named = args.model_styles.iter().cloned().map(Some);
        let styles: Vec<Option<ModelStyles>> = match method.takes_model() {
            true if !args.model_styles.is_empty() => named.collect(),
            _ => vec![None],
        };
        let pairs = styles.iter().flat_map(|styles| strengths.iter().map(move |s| (styles, *s)));
        looks.extend(pairs.map(|(styles, strength)| RecipePatch {
            one_pass: OnePassPatch { strength: Some(strength) },
            model_styles: styles.clone(),
            ..look.clone()
        }));
        let own = args.any_style_model.iter().filter(|_| method == Method::Arbitrary);
        let own = own.flat_map(|path| strengths.iter().map(move |strength| (path, *strength)));
        looks.extend(own.map(|(path, strength)| RecipePatch {
            one_pass: OnePassPatch { strength: Some(strength) },
            any_style_model: Some(path.display().to_string()),
            ..look.clone()
        }));
    }
    Ok(looks)
}

/// The manifest's table of a style that is painted so.
fn lines(style: &Path, look: &RecipePatch) -> String {
    let stem = style.file_stem().unwrap_or(style.as_os_str()).to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = stem.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let text = |value: &dyn std::fmt::Display| json!(value.to_string()).to_string();
    let mut lines = format!("[styles.{name}]\nimages = [{}]\n", text(&style.display()));
    let mut add = |key: &str, value: String| lines.push_str(&format!("{key} = {value}\n"));
    if let Some(preset) = look.preset {
        add("preset", text(&preset));
    }
    if let Some(method) = look.method {
        add("method", text(&method));
    }
    if let Some(effort) = look.effort {
        add("effort", text(&effort));
    }
    if let Some(model) = &look.model {
        add("model", text(model));
    }
    if let Some(model) = &look.any_style_model {
        add("any_style_model", text(model));
    }
    if let Some(styles) = &look.model_styles {
        add("model_styles", json!(styles).to_string());
    }
    for (key, value) in look.common.set().into_iter().chain(look.one_pass.set()) {
        let is_word = value.parse::<f64>().is_err() && !value.starts_with(['"', '[']);
        add(key, if is_word { text(&value) } else { value });
    }
    lines
}

fn say(output: &Path, pictures: usize, failed: usize, context: &Context) {
    let name = output.display();
    if context.screen.is_json() {
        let document =
            json!({ "output": name.to_string(), "pictures": pictures, "failed": failed });
        context.screen.json(&document);
        return;
    }
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    context.screen.result(format_args!("wrote {name}, {}{failed}", count(pictures, "picture")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_manifest_s() {
        let look = RecipePatch {
            method: Some(Method::Arbitrary),
            one_pass: OnePassPatch { strength: Some(0.5) },
            common: CommonPatch {
                size: Some(256),
                tileable: Some(impasto_types::Tileable::Both),
                ..CommonPatch::default()
            },
            ..RecipePatch::default()
        };
        let lines = lines(Path::new("styles/starry night.jpg"), &look);
        assert_eq!(
            lines,
            "[styles.starry_night]\nimages = [\"styles/starry night.jpg\"]\nmethod = \
             \"arbitrary\"\nsize = 256\ntileable = \"both\"\nstrength = 0.5\n"
        );
        let named = RecipePatch {
            method: Some(Method::FeedForward),
            model: Some("n.safetensors".to_owned()),
            model_styles: "night:2,7".parse().ok(),
            ..RecipePatch::default()
        };
        let named = self::lines(Path::new("night.jpg"), &named);
        assert!(named.ends_with("model_styles = [\"night:2\",\"7\"]\n"), "{named}");
        let rest = "[project]\nname = \"p\"\n[[rules]]\nmatch = \"**\"\n";
        let manifest = format!("{rest}{lines}");
        impasto_planner::Manifest::parse(&manifest, "impasto.toml").expect("it is a manifest");
    }
}
