//! The manifest, `impasto.toml`: which assets are painted, in which styles, and where the results
//! go.
//!
//! A [`Manifest`] is checked completely when it is created: its globs compile, its styles exist,
//! and every recipe that it can produce is in range.

mod error;
mod passthrough;
mod project;
mod recipes;
mod regions;
mod rule;
mod section;
mod settings;
mod style;
#[cfg(test)]
mod tests;
mod tile_name;
mod trained;
mod training;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use impasto_types::{
    AssetPath, AssetPathError, ContainerFormat, ModelName, Part, Preset, RecipePatch, Train,
};
use toml::de::DeTable;

use crate::glob_folder::glob_folder;
use crate::output_pattern::{OutputPattern, Parts};

pub use error::{ManifestError, Place};
pub use passthrough::Passthrough;
use project::Project;
pub use recipes::OverrideError;
pub(crate) use recipes::Painting;
pub(crate) use regions::{PaintedRegions, RegionStyle};
pub(crate) use rule::{Rule, RuleAction};
use section::{Section, Source};
use settings::Settings;
pub(crate) use style::{Style, StyleImage};
pub(crate) use tile_name::TileName;
pub(crate) use trained::TrainedStyle;

/// A checked manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    file: String,
    project: Project,
    defaults: Settings,
    styles: BTreeMap<String, Style>,
    rules: Vec<Rule>,
    overrides: RecipePatch,
    /// What each rule paints, in the order of `rules`.
    paintings: Vec<Vec<Painting>>,
    /// The style images that rules use, init images, and masks shared by all assets of a rule.
    inputs: BTreeSet<AssetPath>,
    /// The networks that rules paint with, those that the build trains included.
    networks: BTreeSet<AssetPath>,
    /// The styles whose networks the build trains.
    trained: Vec<TrainedStyle>,
    /// The case keys of `inputs`, and of the images of styles that no rule uses.
    reserved: BTreeSet<Arc<str>>,
}

/// The rule that applies to an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// Its index among the manifest's rules, from 0.
    pub rule: usize,
}

/// What a manifest says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A rule paints it.
    Wanted(Matched),
    /// A rule skips it.
    Skipped(Matched),
    /// An image that no rule matches.
    Unmatched,
    /// Excluded by `[project]`.
    Excluded,
    /// It has the name of an output.
    Output,
    /// A style image, init image or shared mask.
    Input,
    /// Outside the folder of assets, or without the extension of an image.
    Foreign,
}

impl Manifest {
    /// Reads a manifest; `name` is the file's name for messages.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, name: &str) -> Result<Self, ManifestError> {
        let source = Source { name, text };
        let root = DeTable::parse(text).map_err(|error| ManifestError::Syntax {
            place: source.place(error.span().map_or(0, |span| span.start)),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        let mut root = Section::new(
            source,
            "the manifest",
            0,
            root.into_inner(),
            &["project", "defaults", "styles", "rules"],
        )?;

        let project =
            Project::read(root.require("project", "begin with [project] and its `name`")?)?;
        let defaults_keys: Vec<_> =
            Settings::OUTPUT_KEYS.into_iter().chain(RecipePatch::keys()).collect();
        let defaults = match root.take("defaults") {
            None => Settings::default(),
            Some(entry) => Settings::read(entry.section("[defaults]", &defaults_keys)?)?,
        };
        let styles = read_styles(root.take("styles"), name)?;
        let rules = match root.take("rules") {
            None => vec![],
            Some(entry) => {
                let entries = entry
                    .elements("it has to be a list; begin each rule with [[rules]]")?
                    .into_iter()
                    .enumerate();
                entries
                    .map(|(index, entry)| Rule::read(entry, index, &styles))
                    .collect::<Result<_, _>>()?
            }
        };
        Self::checked(name, project, defaults, styles, rules)
    }

    /// Checks conditions across tables.
    fn checked(
        name: &str,
        project: Project,
        defaults: Settings,
        styles: BTreeMap<String, Style>,
        rules: Vec<Rule>,
    ) -> Result<Self, ManifestError> {
        if rules.is_empty() {
            let hint = "add [[rules]] with `match = [\"textures/**/*.png\"]`";
            return Err(ManifestError::Nothing { file: name.to_owned(), what: "rule", hint });
        }
        let mut names = BTreeSet::new();
        for rule in &rules {
            if !names.insert(&rule.name) {
                return Err(ManifestError::Value {
                    place: rule.place.clone(),
                    table: format!("rule `{}`", rule.name),
                    key: "name".to_owned(),
                    value: format!("{:?}", rule.name),
                    reason: "another rule has this name".to_owned(),
                });
            }
            if let RuleAction::Paint { styles } = &rule.action
                && styles.len() > 1
                && !project.output.has_style()
            {
                return Err(ManifestError::StylesShareOutput {
                    place: rule.place.clone(),
                    table: format!("rule `{}`", rule.name),
                    styles: styles.len(),
                    output: project.output.text().to_owned(),
                });
            }
        }
        recipes::check(&defaults, &styles, &rules)?;
        style::check_trained(&styles)?;
        let mut manifest = Self {
            file: name.to_owned(),
            project,
            defaults,
            styles,
            rules,
            overrides: RecipePatch::default(),
            paintings: vec![],
            inputs: BTreeSet::new(),
            networks: BTreeSet::new(),
            trained: vec![],
            reserved: BTreeSet::new(),
        };
        manifest.settle();
        Ok(manifest)
    }

    /// The manifest with `overrides` applied to every rule, as command-line flags are.
    ///
    /// # Errors
    /// A value that is out of range, or an init image that is not in the project.
    pub fn with_overrides(mut self, overrides: RecipePatch) -> Result<Self, OverrideError> {
        self.overrides = overrides;
        recipes::check_overrides(&mut self.overrides, &self.defaults, &self.styles, &self.rules)?;
        self.settle();
        Ok(self)
    }

    /// Recomputes the fields that are derived from the tables.
    fn settle(&mut self) {
        self.paintings = self
            .rules
            .iter()
            .map(|rule| recipes::paintings(&self.defaults, &self.styles, rule, &self.overrides))
            .collect();
        let painted = || self.paintings.iter().flatten();
        let images =
            |style: &Style| style.images.iter().map(|image| image.path.clone()).collect::<Vec<_>>();
        self.inputs = painted()
            .flat_map(Painting::styles)
            .flat_map(|style| images(&self.styles[style]))
            .collect();
        self.inputs.extend(painted().filter_map(|painting| painting.init.clone()));
        self.networks = painted().filter_map(|painting| painting.model.clone()).collect();
        self.trained = self.styles.values().filter_map(|style| self.trained_style(style)).collect();
        let companions = self.rules.iter().flat_map(|rule| &rule.companions);
        let shared = companions.filter(|(_, pattern)| pattern.is_constant());
        self.inputs.extend(shared.filter_map(|(_, pattern)| pattern.text().parse().ok()));
        self.reserved = self
            .styles
            .values()
            .flat_map(images)
            .chain(self.inputs.iter().cloned())
            .map(|path| path.case_key())
            .collect();
    }

    /// The name of the manifest's file, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The project's name.
    pub fn name(&self) -> &str {
        &self.project.name
    }

    /// The folder that globs are relative to, and that a scan walks. `None` means the project's
    /// folder.
    pub fn assets(&self) -> Option<&AssetPath> {
        self.project.assets.as_ref()
    }

    /// The folders outside the project to which links of assets and inputs may lead: relative to
    /// the project's folder, or absolute.
    pub fn links(&self) -> &[String] {
        &self.project.links
    }

    /// The presets that a rule's recipes begin with, one for each of its styles; none if it skips.
    pub fn presets(&self, rule: &str) -> Vec<Preset> {
        let rule = self.rules.iter().position(|known| known.name == rule);
        let paintings = rule.map_or(&[][..], |rule| self.paintings(rule));
        paintings.iter().map(|painting| painting.preset).collect()
    }

    /// The names of all rules, in order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The folders, relative to that of the assets, in which the globs of painting rules begin.
    /// Case does not matter in them.
    pub fn glob_folders(&self) -> BTreeSet<String> {
        let painting = self.rules.iter().filter(|rule| !rule.skips());
        painting.flat_map(|rule| rule.matches.patterns()).map(|glob| glob_folder(glob)).collect()
    }

    /// The rule that paints the file at `path`, if any. A scan asks this before it reads the file.
    pub fn wanted(&self, path: &AssetPath) -> Option<Matched> {
        match self.verdict(path) {
            Verdict::Wanted(matched) => Some(matched),
            Verdict::Skipped(_)
            | Verdict::Unmatched
            | Verdict::Excluded
            | Verdict::Output
            | Verdict::Input
            | Verdict::Foreign => None,
        }
    }

    /// What the manifest says about the file at `path`, which is relative to the project's folder.
    pub fn verdict(&self, path: &AssetPath) -> Verdict {
        let Some(relative) = self.in_assets(path) else { return Verdict::Foreign };
        if ContainerFormat::from_extension(path.extension()).is_none() {
            return Verdict::Foreign;
        }
        let key = path.case_key();
        if self.reserved.contains(&key) {
            return Verdict::Input;
        }
        if self.project.output.may_make(&key) && self.is_output(path) {
            return Verdict::Output;
        }
        if self.project.exclude.matches(relative) {
            return Verdict::Excluded;
        }
        let Some(rule) = self.rules.iter().position(|rule| rule.is_about(relative)) else {
            return if self.is_content(path) { Verdict::Input } else { Verdict::Unmatched };
        };
        match self.rules[rule].action {
            RuleAction::Skip => Verdict::Skipped(Matched { rule }),
            RuleAction::Paint { .. } => Verdict::Wanted(Matched { rule }),
        }
    }

    /// Every image that rules need besides the assets and their companions: style images, init
    /// images, and masks that all assets of a rule share.
    pub fn inputs(&self) -> Vec<AssetPath> {
        self.inputs.iter().cloned().collect()
    }

    /// Every file that rules need besides the assets and their companions: [`Self::inputs`] and
    /// [`Self::networks`].
    pub fn needed(&self) -> Vec<AssetPath> {
        self.inputs.iter().chain(&self.networks).cloned().collect()
    }

    /// The networks of the project's own that rules paint with.
    pub fn networks(&self) -> impl Iterator<Item = &AssetPath> {
        self.networks.iter()
    }

    /// The other files of the asset at `path`, by role, whether they exist or not: of several for
    /// one role the first that exists is the asset's. Empty for files that no rule paints.
    pub fn companions(&self, path: &AssetPath) -> Vec<(Part, AssetPath)> {
        if !self.has_companions() {
            return vec![];
        }
        let Some(Matched { rule }) = self.wanted(path) else { return vec![] };
        let parts = Parts::of_asset(path, self.in_assets(path).unwrap_or(path.as_str()));
        let expanded = |(part, pattern): &(Part, OutputPattern)| {
            Some((*part, pattern.expand(&parts).ok().filter(|companion| companion != path)?))
        };
        self.rules[rule].companions.iter().filter_map(expanded).collect()
    }

    /// Whether a rule has a pattern for files beside its assets, such as masks.
    pub fn has_companions(&self) -> bool {
        self.rules.iter().any(|rule| !rule.companions.is_empty())
    }

    /// Whether a rule paints the tiles of UDIM sets together.
    pub fn has_tiles(&self) -> bool {
        self.rules.iter().any(|rule| rule.udim)
    }

    /// Whether the file is by its name a tile of such a set.
    pub fn is_tile(&self, path: &AssetPath) -> bool {
        self.has_tiles() && self.tile(path).is_some()
    }

    /// What the name of such a tile says, and the rule that paints it.
    pub(crate) fn tile(&self, path: &AssetPath) -> Option<(usize, TileName)> {
        let name = TileName::of(path)?;
        let Matched { rule } = self.wanted(path)?;
        self.rules[rule].udim.then_some((rule, name))
    }

    /// The models that the manifest's recipes read.
    pub fn models(&self) -> BTreeSet<ModelName> {
        let painted = self.paintings.iter().flatten().map(|painting| painting.recipe.models());
        let trained = self.trained.first().map(|_| Train::MODELS);
        painted.chain(trained).flatten().copied().collect()
    }

    /// Whether `path` matches the output pattern. Such a file is never an asset, even if a rule
    /// matches it.
    pub fn is_output(&self, path: &AssetPath) -> bool {
        let styles: Vec<_> = self.styles.keys().map(String::as_str).collect();
        let rules: Vec<_> = self.rule_names().collect();
        self.project.output.could_make(path, &styles, &rules)
    }

    /// `path` relative to the folder of assets, if it is inside.
    pub(crate) fn in_assets<'p>(&self, path: &'p AssetPath) -> Option<&'p str> {
        match &self.project.assets {
            None => Some(path.as_str()),
            Some(assets) => path.as_str().strip_prefix(assets.as_str())?.strip_prefix('/'),
        }
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn exclude(&self) -> &crate::glob::PathGlobs {
        &self.project.exclude
    }

    pub(crate) fn style(&self, name: &str) -> &Style {
        &self.styles[name]
    }

    /// The style that has this image, if any.
    pub(crate) fn style_with(&self, path: &AssetPath) -> Option<&str> {
        let key = path.case_key();
        let has = |style: &&Style| style.images.iter().any(|image| image.path.case_key() == key);
        self.styles.values().find(has).map(|style| style.name.as_str())
    }

    /// Whether `path` is a style image, an init image or a shared mask, wherever it is.
    pub(crate) fn is_input(&self, path: &AssetPath) -> bool {
        self.reserved.contains(&path.case_key())
    }

    pub(crate) fn unused_styles(&self) -> impl Iterator<Item = &str> {
        let used: BTreeSet<_> =
            self.paintings.iter().flatten().flat_map(Painting::styles).collect();
        self.styles.keys().map(String::as_str).filter(move |style| !used.contains(style))
    }

    pub(crate) fn paintings(&self, rule: usize) -> &[Painting] {
        &self.paintings[rule]
    }

    pub(crate) fn output_pattern(&self) -> &crate::output_pattern::OutputPattern {
        &self.project.output
    }
}

fn read_styles(
    entry: Option<section::Entry<'_>>,
    file: &str,
) -> Result<BTreeMap<String, Style>, ManifestError> {
    let styles = entry.map(|entry| entry.entries("[styles]")).transpose()?.unwrap_or_default();
    if styles.is_empty() {
        let hint = "add [styles.NAME] with `images = [\"styles/NAME.jpg\"]`";
        return Err(ManifestError::Nothing { file: file.to_owned(), what: "style", hint });
    }
    styles
        .into_iter()
        .map(|entry| Style::read(entry).map(|style| (style.name.clone(), style)))
        .collect()
}

/// Parses a path in the project; a leading `./` is allowed.
fn project_path(text: &str) -> Result<AssetPath, AssetPathError> {
    text.strip_prefix("./").unwrap_or(text).parse()
}

/// Whether a text can name a project or a style. The name may become part of a path.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && text.parse::<AssetPath>().is_ok()
}
