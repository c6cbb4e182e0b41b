//! Resolves recipes: merges the tables of a manifest, and reports values out of range with their
//! place.

use std::collections::BTreeMap;

use impasto_types::{
    AssetPath, AssetPathError, ContainerFormat, InitSource, MAX_STYLES, Method, OutputSpec, Part,
    Preset, Recipe, RecipeError, RecipePatch, Regions,
};

use super::regions::PaintedRegions;
use super::rule::{Rule, RuleAction};
use super::settings::Settings;
use super::style::Style;
use super::{ManifestError, project_path};

/// One style that a rule paints its assets in, with the resolved recipe.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Painting {
    pub(crate) style: String,
    pub(crate) recipe: Recipe,
    /// The preset that the recipe begins with.
    pub(crate) preset: Preset,
    /// Whether the manifest or a flag says what alpha is.
    pub(crate) says_alpha: bool,
    /// The init image, if the recipe's `init` is an image.
    pub(crate) init: Option<AssetPath>,
    /// The regions that are painted otherwise, where the asset has an ID map.
    pub(crate) regions: Option<PaintedRegions>,
    /// The network's file, if the method paints with one of the project's own.
    pub(crate) model: Option<AssetPath>,
    /// `None` means the asset's own format.
    pub(crate) format: Option<ContainerFormat>,
    quality: u8,
}

/// The default quality of JPEG files: hard to distinguish from the original.
const DEFAULT_QUALITY: u8 = 90;

impl Painting {
    /// The network that has learned its styles, if the method paints with one.
    pub(crate) fn learned_model(&self) -> Option<&AssetPath> {
        self.model.as_ref().filter(|_| self.recipe.method().takes_model())
    }

    /// Whether a colour stands for transparency.
    pub(crate) fn has_key(&self) -> bool {
        self.recipe.common().color_key.is_some()
    }

    /// Whether channels are painted as the data that they are.
    pub(crate) fn paints_data(&self) -> bool {
        !self.recipe.common().channels.has_colors()
    }

    /// Every style that it paints in, that of regions included.
    pub(crate) fn styles(&self) -> impl Iterator<Item = &str> {
        let of_regions = self.regions.iter().flat_map(PaintedRegions::styles);
        std::iter::once(self.style.as_str()).chain(of_regions)
    }

    /// The output's format for an asset in format `own`. Quality is part of the action, so formats
    /// that ignore it get a fixed value: changing `quality` does not repaint lossless files.
    pub(crate) fn output_spec(&self, own: ContainerFormat) -> OutputSpec {
        // The textures of a model stay in their formats.
        let format = self.format.filter(|_| !own.is_model()).unwrap_or(own);
        let quality = if format.has_quality() { self.quality } else { DEFAULT_QUALITY };
        OutputSpec { part: Part::Color, format, quality }
    }
}

/// Why overrides cannot be applied to a manifest.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OverrideError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("init image: {0}")]
    Init(AssetPathError),
    #[error("the network: {0}")]
    Model(AssetPathError),
    #[error("{NO_SYNTHESIS}")]
    Synthesis,
    #[error("method {0} needs a network: give --model")]
    NoModel(Method),
    #[error(
        "style `{0}` has no images, only a `model`: method {1} has to look at the style, so add \
         `images` to [styles.{0}]"
    )]
    NoImages(String, Method),
    #[error(
        "style `{style}` of a region then has another `{what}` than the rest of its picture: set \
         `{what}` on the command line, too, or in the rule"
    )]
    Regions { style: String, what: &'static str },
}

const NO_SYNTHESIS: &str = "a texture made from a style alone has no asset; use `impasto synth`";

/// What `rule` paints, empty if it skips. The tables have been checked.
pub(super) fn paintings(
    defaults: &Settings,
    styles: &BTreeMap<String, Style>,
    rule: &Rule,
    overrides: &RecipePatch,
) -> Vec<Painting> {
    let RuleAction::Paint { styles: names } = &rule.action else { return vec![] };
    let patch =
        |name: &str| overridden([defaults, &styles[name].settings, &rule.settings], overrides);
    let resolved = |patch: &RecipePatch| {
        patch.resolve().expect("recipes are checked before they are resolved")
    };
    let painting = |name: &String| {
        let own = patch(name);
        let init = own.init_image().and_then(|path| path.parse().ok());
        let recipe = resolved(&own);
        let of_style = |style: &str| resolved(&patch(style));
        Painting {
            style: name.clone(),
            preset: own.preset.unwrap_or(Preset::Painterly),
            regions: rule.regions.as_ref().map(|regions| regions.painted(&recipe, of_style)),
            recipe,
            says_alpha: own.common.alpha.is_some(),
            init,
            model: own.network().and_then(|path| path.parse().ok()),
            format: rule.settings.format.or(defaults.format),
            quality: rule.settings.quality.or(defaults.quality).unwrap_or(DEFAULT_QUALITY),
        }
    };
    names.iter().map(painting).collect()
}

/// Checks every recipe that the tables can produce, used or not.
pub(super) fn check(
    defaults: &Settings,
    styles: &BTreeMap<String, Style>,
    rules: &[Rule],
) -> Result<(), ManifestError> {
    let none = Settings::default();
    check_layers([&none, &none, defaults])?;
    check_quality(defaults, rules)?;
    for style in styles.values() {
        check_layers([&none, defaults, &style.settings])?;
    }
    for rule in rules {
        match &rule.action {
            RuleAction::Skip => check_layers([&none, defaults, &rule.settings])?,
            RuleAction::Paint { styles: names } => {
                for name in names {
                    let layers = [defaults, &styles[name].settings, &rule.settings];
                    check_layers(layers)?;
                    check_needs(&styles[name], rule, &laid(layers))?;
                    check_regions(defaults, styles, rule, (&styles[name], &laid(layers)))?;
                }
            }
        }
    }
    Ok(())
}

/// Checks the recipes of a rule's regions, beside that of the rest of the picture.
fn check_regions(
    defaults: &Settings,
    styles: &BTreeMap<String, Style>,
    rule: &Rule,
    (own, whole): (&Style, &RecipePatch),
) -> Result<(), ManifestError> {
    let Some(regions) = &rule.regions else { return Ok(()) };
    let mut images = own.images.len();
    for name in regions.styles() {
        let layers = [defaults, &styles[name].settings, &rule.settings];
        check_layers(layers)?;
        let patch = laid(layers);
        check_needs(&styles[name], rule, &patch)?;
        if styles[name].images.is_empty() {
            return Err(without_images(
                &styles[name],
                "a region is painted in the style of its images",
            ));
        }
        images += styles[name].images.len();
        if images > MAX_STYLES {
            return Err(regions.too_many(name));
        }
        if let Some(what) = difference(whole, &patch) {
            return Err(regions.differs(name, what));
        }
    }
    Ok(())
}

/// What two recipes of one picture must not differ in, if they do.
fn difference(whole: &RecipePatch, part: &RecipePatch) -> Option<&'static str> {
    if whole.model != part.model {
        return Some("model");
    }
    if whole.any_style_model != part.any_style_model {
        return Some("any_style_model");
    }
    if whole.init_image() != part.init_image() {
        return Some("init");
    }
    let (whole, part) = (whole.resolve().ok()?, part.resolve().ok()?);
    Regions::difference(&whole, &part)
}

/// What a method needs beside its parameters: a network of the project's own, or style images.
fn check_needs(style: &Style, rule: &Rule, patch: &RecipePatch) -> Result<(), ManifestError> {
    match lacking(style, patch) {
        None => Ok(()),
        Some(Lacking::Model(_)) => Err(ManifestError::MissingKey {
            place: rule.place.clone(),
            table: rule.settings.label.clone(),
            key: "model",
            hint: "name the network to paint with, a file that `impasto train` wrote",
        }),
        Some(Lacking::Images(_)) => Err(without_images(
            style,
            "a rule paints in this style by a method that looks at its images",
        )),
    }
}

fn without_images(style: &Style, hint: &'static str) -> ManifestError {
    ManifestError::MissingKey {
        place: style.place.clone(),
        table: style.settings.label.clone(),
        key: "images",
        hint,
    }
}

/// What a resolved recipe lacks.
enum Lacking {
    Model(Method),
    Images(Method),
}

fn lacking(style: &Style, patch: &RecipePatch) -> Option<Lacking> {
    let method = patch.chosen_method();
    match (method.takes_model(), &patch.model) {
        (true, None) => Some(Lacking::Model(method)),
        (false, _) if style.images.is_empty() => Some(Lacking::Images(method)),
        _ => None,
    }
}

/// Refuses a `quality` where every output is in a format that has none.
fn check_quality(defaults: &Settings, rules: &[Rule]) -> Result<(), ManifestError> {
    let has_quality = |format: ContainerFormat| format == ContainerFormat::Jpeg;
    let useless = |settings: &Settings, format: Option<ContainerFormat>| {
        let quality = settings.quality?;
        let format = format.filter(|format| !has_quality(*format))?;
        let reason = format!("{format} has no quality: only jpg has one");
        Some(value_error([settings; 3], "quality", quality.to_string(), reason))
    };
    let format = |rule: &Rule| rule.settings.format.or(defaults.format);
    let of_rule = rules.iter().find_map(|rule| useless(&rule.settings, format(rule)));
    let mut painting = rules.iter().filter(|rule| !rule.skips());
    let of_defaults = useless(defaults, defaults.format)
        .filter(|_| !painting.any(|rule| format(rule).is_none_or(has_quality)));
    of_rule.or(of_defaults).map_or(Ok(()), Err)
}

/// Checks every recipe with the overrides, and normalises the path of their init image.
pub(super) fn check_overrides(
    overrides: &mut RecipePatch,
    defaults: &Settings,
    styles: &BTreeMap<String, Style>,
    rules: &[Rule],
) -> Result<(), OverrideError> {
    if let Some(InitSource::Image(path)) = &overrides.optimize.init {
        overrides.optimize.init =
            Some(InitSource::Image(project_path(path).map_err(OverrideError::Init)?.into()));
    }
    for path in [&mut overrides.model, &mut overrides.any_style_model].into_iter().flatten() {
        *path = project_path(path).map_err(OverrideError::Model)?.into();
    }
    if overrides.method.is_some_and(|method| !method.takes_content()) {
        return Err(OverrideError::Synthesis);
    }
    for rule in rules {
        let RuleAction::Paint { styles: names } = &rule.action else { continue };
        let of_regions = rule.regions.iter().flat_map(|regions| regions.styles());
        let of_regions: Vec<&str> = of_regions.collect();
        let laid =
            |name: &str| overridden([defaults, &styles[name].settings, &rule.settings], overrides);
        for name in names.iter().map(String::as_str).chain(of_regions.iter().copied()) {
            let patch = laid(name);
            patch.resolve()?.check()?;
            match lacking(&styles[name], &patch) {
                None => {}
                Some(Lacking::Model(method)) => return Err(OverrideError::NoModel(method)),
                Some(Lacking::Images(method)) => {
                    return Err(OverrideError::NoImages(name.to_owned(), method));
                }
            }
        }
        for name in names {
            let whole = laid(name);
            for style in &of_regions {
                if let Some(what) = difference(&whole, &laid(style)) {
                    return Err(OverrideError::Regions { style: (*style).to_owned(), what });
                }
            }
        }
    }
    Ok(())
}

/// Merges tables; later ones take precedence.
fn laid(layers: [&Settings; 3]) -> RecipePatch {
    overridden(layers, &RecipePatch::default())
}

/// The same, and what the command line says above them.
fn overridden(layers: [&Settings; 3], overrides: &RecipePatch) -> RecipePatch {
    let [defaults, style, rule] = layers.map(|layer| &layer.recipe);
    RecipePatch::laid(&[defaults, style, rule, overrides])
}

fn check_layers(layers: [&Settings; 3]) -> Result<(), ManifestError> {
    let patch = laid(layers);
    if patch.method.is_some_and(|method| !method.takes_content()) {
        return Err(value_error(
            layers,
            "method",
            "\"synthesize\"".to_owned(),
            NO_SYNTHESIS.to_owned(),
        ));
    }
    patch.resolve().and_then(|recipe| recipe.check()).map_err(|error| {
        value_error(layers, error.name, error.value, format!("it has to be {}", error.range))
    })
}

/// The error for a wrong `key`, placed in the last table that sets it.
fn value_error(
    layers: [&Settings; 3],
    key: &'static str,
    value: String,
    reason: String,
) -> ManifestError {
    let said = layers.iter().rev().find_map(|layer| Some((layer, layer.places.get(key)?)));
    // Presets are in range, as tests of impasto-types show, so some table set the value.
    let (layer, place) = said.expect("a value out of range comes from a table");
    ManifestError::Value {
        place: place.clone(),
        table: layer.label.clone(),
        key: key.to_owned(),
        value,
        reason,
    }
}
