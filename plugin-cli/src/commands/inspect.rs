//! `impasto inspect`

use std::path::{Path, PathBuf};

use clap::Args;
use impasto_assets::{
    AssetError, AssetErrorKind, Color, ColorSpace, GlbLayout, Header, Limits, Look, Place, decode,
    header_of_path, look, read_header, read_model,
};
use impasto_painter::Source;
use impasto_planner::{DataMaps, ImageHeader, losses};
use impasto_types::{AssetPath, ContainerFormat, Depth, FileTrait, FileTraits};
use serde::Serialize;

use crate::model_files::read_in_one;
use crate::screen::{BAD, FAINT, STRONG};
use crate::{Context, Exit, Failure};

/// Show what Impasto understands of picture files
///
/// Their format, size, channels and depth, what is special about them, whether they are data maps
/// by their names or their pixels, and what a painted file of the same format lacks. Names count
/// among the files that are given.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What files painted in this format would lack [default: each file's own format]
    #[arg(long, value_name = "FORMAT")]
    format: Option<ContainerFormat>,
}

/// What is known of a file.
#[derive(Debug, Serialize)]
struct Seen<'a> {
    file: &'a Path,
    format: ContainerFormat,
    width: u32,
    height: u32,
    /// `gray` or `rgb`.
    color: &'static str,
    alpha: bool,
    /// `8`, `16` or `float`, bits a sample.
    depth: &'static str,
    /// Samples that are neither colour nor alpha.
    #[serde(skip_serializing_if = "is_zero")]
    extra: u32,
    /// How its pixels are packed, where its format has several ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<String>,
    /// How many pictures it has, each half as large as the one before it.
    mips: u32,
    /// Of its colours.
    color_space: String,
    /// What is special about it.
    traits: FileTraits,
    /// By its name, a data map.
    data_map: bool,
    /// By its pixels, a normal map.
    normal_map: bool,
    /// What a painted file lacks.
    lacks: Vec<String>,
    /// The format of the painted file.
    painted_as: ContainerFormat,
    /// Those of a model that are painted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    textures: Vec<Texture>,
    /// Layers that are more than the picture.
    #[serde(skip_serializing_if = "is_zero")]
    layers: u32,
    /// The side of a cube map's faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    array: Option<Array>,
    /// How many pixels of a model's textures a metre of its surface has, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    texels_per_m: Option<f64>,
}

/// A texture of a model.
#[derive(Debug, Serialize)]
struct Texture {
    name: String,
    width: u32,
    height: u32,
}

/// The layers of an array.
#[derive(Debug, Serialize)]
struct Array {
    count: u32,
    /// How many lie in a row of the picture of all.
    columns: u32,
    width: u32,
    height: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct Unreadable<'a> {
    file: &'a Path,
    error: String,
}

pub(crate) fn run(args: InspectArgs, context: &Context) -> Result<Exit, Failure> {
    let screen = &context.screen;
    let named: Vec<Option<AssetPath>> = args.files.iter().map(|file| named(file)).collect();
    let maps = DataMaps::among(named.iter().flatten());
    let mut exit = Exit::Done;
    for (file, named) in args.files.iter().zip(&named) {
        let is_map = named.as_ref().is_some_and(|path| maps.find(path).is_some());
        match inspect(file, is_map, args.format) {
            Ok(seen) if screen.is_json() => screen.json(&seen),
            Ok(seen) => screen.result(text(&seen)),
            Err(error) => {
                exit = Exit::Unfinished;
                let error = error.kind.to_string();
                match screen.is_json() {
                    true => screen.json(&Unreadable { file, error }),
                    false => screen.result(format_args!(
                        "{STRONG}{}{STRONG:#}\n  {BAD}{error}{BAD:#}",
                        file.display()
                    )),
                }
            }
        }
    }
    Ok(exit)
}

/// A file's path as a name among others; `None` if no project could have it.
fn named(file: &Path) -> Option<AssetPath> {
    let parts = file.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => name.to_str(),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/").parse().ok()
}

fn inspect(
    file: &Path,
    data_map: bool,
    format: Option<ContainerFormat>,
) -> Result<Seen<'_>, AssetError> {
    let limits = Limits::default();
    let header = header_of_path(file, &limits)?;
    // A model is what it is with its files.
    let Source { name, bytes } = read_in_one(file, read(file)?)?;
    let header = match header.format {
        ContainerFormat::Gltf => {
            let format = ContainerFormat::Gltf;
            Header { format, ..read_header(&bytes, &name, &limits)? }
        }
        _ => header,
    };
    let Header { width, height, color, alpha, depth, extra, traits, .. } = header;
    let picture = decode(&bytes, &name, &limits)?;
    let Look { normal_map, .. } = look(&picture);
    let model = header.format.is_model().then(|| read_model(&bytes, &name, &limits));
    let texels_per_m = model.transpose()?.and_then(|model| model.texels_per_m);
    let places = picture.origin.glb.as_ref().map(GlbLayout::places).unwrap_or_default();
    let texture = |place: &Place| {
        let Place { name, width, height, .. } = place.clone();
        Texture { name, width, height }
    };
    let layers = header.sheet.filter(|sheet| !sheet.is_cube());
    let array = layers.map(|layers| {
        let (width, height) = layers.part();
        Array { count: layers.count(), columns: layers.columns(), width, height }
    });
    let painted_as = format.unwrap_or(header.format);
    let planned = ImageHeader {
        width,
        height,
        format: header.format,
        alpha,
        depth,
        swaps_sides: header.orientation.swaps_sides(),
        traits,
        largest: header.largest,
        array: array.is_some(),
        layers: header.layers,
    };
    Ok(Seen {
        file,
        format: header.format,
        width,
        height,
        color: match color {
            Color::Gray => "gray",
            Color::Rgb => "rgb",
        },
        alpha,
        depth: match depth {
            Depth::Eight => "8",
            Depth::Sixteen => "16",
            Depth::Float => "float",
        },
        extra,
        storage: picture.origin.storage(),
        mips: picture.origin.mips(),
        color_space: ColorSpace::name(&picture),
        traits,
        data_map,
        normal_map,
        lacks: losses(&planned, painted_as).iter().map(ToString::to_string).collect(),
        painted_as,
        textures: places.iter().map(texture).collect(),
        layers: header.layers,
        face: header.sheet.filter(|sheet| sheet.is_cube()).map(|sheet| sheet.part().0),
        array,
        texels_per_m,
    })
}

fn read(file: &Path) -> Result<Source, AssetError> {
    Source::read(file).map_err(|error| AssetError {
        name: file.display().to_string(),
        kind: AssetErrorKind::Read(error),
    })
}

/// What a file has, in a word.
fn word(own: FileTrait) -> &'static str {
    match own {
        FileTrait::Palette => "a palette",
        FileTrait::LowDepth => "fewer than 8 bits a sample",
        FileTrait::Lossy => "lossy compression",
        FileTrait::Progressive => "progressive scans",
        FileTrait::SubsampledChroma => "subsampled chroma",
        FileTrait::Cmyk => "CMYK inks",
        FileTrait::Icc => "an ICC profile",
        FileTrait::PngColor => "a description of its colours (cICP, gAMA, cHRM)",
        FileTrait::Density => "a pixel density",
        FileTrait::Orientation => "an orientation tag",
        FileTrait::Rights => "text on author or rights that is not kept",
        FileTrait::AssociatedAlpha => "colours multiplied by alpha",
        FileTrait::ExtraSamples => "extra samples",
        FileTrait::TgaAreas => "TGA areas",
        FileTrait::Mips => "mips",
        FileTrait::FewChannels => "one or two channels",
        FileTrait::ExrAttributes => "attributes or windows of EXR",
        FileTrait::HdrFields => "header lines of Radiance",
        FileTrait::KtxData => "names and values of KTX2",
        FileTrait::Text => "text on title, author, rights or other things",
        FileTrait::Credentials => "content credentials (C2PA)",
        FileTrait::PixelAspect => "pixels that are not square",
        FileTrait::PsdPaths => "paths or guides",
    }
}

/// `a.png`, then `png, 512 x 512, RGBA, 8 bits`, and a line for each thing worth saying.
fn text(seen: &Seen<'_>) -> String {
    let channels = match (seen.color, seen.alpha) {
        ("gray", false) => "grey",
        ("gray", true) => "grey with alpha",
        (_, false) => "RGB",
        (_, true) => "RGBA",
    };
    let bits = match seen.depth {
        "float" => "floating point".to_owned(),
        depth => format!("{depth} bits"),
    };
    let Seen { file, format, width, height, extra, traits, lacks, painted_as, textures, .. } = seen;
    let more = if *extra > 0 { format!(", {extra} more samples a pixel") } else { String::new() };
    let mips = if seen.mips > 1 { format!("{} mips", seen.mips) } else { String::new() };
    // What is not a colour is in no space.
    let is_data = seen.data_map || seen.normal_map;
    let space = if is_data { "" } else { &seen.color_space };
    let stored = [seen.storage.as_deref().unwrap_or_default(), &mips, space];
    let stored: Vec<&str> = stored.into_iter().filter(|part| !part.is_empty()).collect();
    let mut text = format!(
        "{STRONG}{}{STRONG:#}\n  {format}, {width} x {height}, {channels}{more}, {bits}",
        file.display()
    );
    if !stored.is_empty() {
        text.push_str(&format!("\n  {}", stored.join(", ")));
    }
    for Texture { name, width, height } in textures {
        text.push_str(&format!("\n  texture {name}, {width} x {height}"));
    }
    if seen.layers > 0 {
        let layers = if seen.layers == 1 { "layer" } else { "layers" };
        text.push_str(&format!("\n  {} {layers}; the merged image is painted", seen.layers));
    }
    if let Some(side) = seen.face {
        text.push_str(&format!("\n  a cube map, whose faces have {side} x {side} pixels"));
    }
    if let Some(Array { count, columns, width, height }) = seen.array {
        let layers = if count == 1 { "layer" } else { "layers" };
        text.push_str(&format!("\n  an array of {count} {layers} of {width} x {height} pixels"));
        if count > 1 {
            text.push_str(&format!(", which lie in rows of {columns} with 16 pixels between them"));
        }
    }
    if let Some(density) = seen.texels_per_m {
        text.push_str(&format!("\n  {density:.0} texels a metre"));
    }
    if !traits.is_empty() {
        let words: Vec<&str> = traits.iter().map(word).collect();
        text.push_str(&format!("\n  has {}", words.join(", ")));
    }
    match (seen.data_map, seen.normal_map) {
        (true, true) => {
            text.push_str("\n  a normal map, by its name and its pixels: not to be painted")
        }
        (true, false) => text.push_str("\n  a data map, by its name: not to be painted"),
        (false, true) => text.push_str("\n  a normal map, by its pixels: not to be painted"),
        (false, false) => {}
    }
    if lacks.is_empty() {
        text.push_str(&format!("\n  {FAINT}painted as {painted_as}, nothing is lost{FAINT:#}"));
    }
    for lack in lacks {
        text.push_str(&format!("\n  painted as {painted_as}: {lack}"));
    }
    text
}
