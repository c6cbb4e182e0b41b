//! Actions: everything that a result depends on, with canonical bytes and a digest.
//!
//! The canonical form is a line with the version of the form, then compact JSON with sorted keys. A
//! value that equals its documented default is absent, so adding a field whose default is today's
//! behaviour changes no digest. The same bytes are digested, stored and sent. A reader accepts only
//! canonical bytes that it understands completely: a program of another version refuses an action
//! that it would compute differently, instead of giving it another digest.

mod shape;
#[cfg(test)]
mod tests;

pub use shape::ActionShape;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    BlobRef, ContainerFormat, Crop, Digest, Method, ModelRef, Part, Recipe, Regions, StyleRef,
    Tileable, Train, Training,
};

/// Everything that a result depends on: the recipe, the bytes of all inputs and models, the
/// method's version and the outputs. The same action gives the same pictures, except for rounding
/// that depends on the machine and its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// [`Method::version`] of the recipe's method.
    pub method_version: u32,
    pub recipe: Recipe,
    /// The kind of asset, which decides how its files become pictures and back.
    #[serde(default, skip_serializing_if = "AssetKind::is_picture")]
    pub kind: AssetKind,
    /// The asset's files, in the order of their parts; none if a picture is made from styles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// At least one; none only where the network has learned a single one.
    pub styles: Vec<StyleRef>,
    /// How the regions of an input [`Part::Regions`] are painted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// The name of the asset's file, by which it is found among the textures of an input
    /// [`Part::Mesh`]; in lower case, without the extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texture: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelRef>,
    /// At least one, in the order of their parts.
    pub outputs: Vec<OutputSpec>,
}

/// A kind of asset by name: 1 to 32 lowercase letters, digits or `-`. The painter knows whether
/// there is an adapter for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetKind(String);

/// One input file of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub part: Part,
    #[serde(flatten)]
    pub source: InputRef,
}

/// The source of an input's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputRef {
    Blob(BlobRef),
    /// The output of another task of the same job, named by its action, which runs first.
    Output {
        action: Digest,
        output: Part,
    },
}

/// A file that an action produces. Bit depth, alpha and colour profile are the asset's, as far as
/// the format can hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    pub part: Part,
    /// A picture's. A file of another kind has one form, and `png` here.
    pub format: ContainerFormat,
    /// The JPEG quality, 1 to 100; other formats ignore it.
    pub quality: u8,
}

/// Why bytes are not a valid action.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("an action begins with `impasto action {FORM}`, but this begins with `{0}`")]
    Form(String),
    #[error(
        "an action cannot be read: {0}; if a newer version of Impasto made it, use that version \
         here"
    )]
    Parse(#[from] serde_json::Error),
    #[error("an action is not in its canonical form")]
    NotCanonical,
    #[error("an action has {0} bytes; the most is {MAX_BYTES}")]
    TooLong(usize),
    #[error("{0}")]
    Content(String),
}

/// The version of the canonical form. Raise it if the same action would get other bytes.
const FORM: u32 = 1;

/// Far more than an action of ten thousand frames needs.
const MAX_BYTES: usize = 4 << 20;

/// More files than any asset has.
pub const MAX_INPUTS: usize = 16_384;
/// More styles than anyone can distinguish in a picture.
pub const MAX_STYLES: usize = 64;
/// More models than any method reads.
pub const MAX_MODELS: usize = 16;

impl Action {
    /// The bytes by which this action is digested, stored and sent.
    pub fn canonical(&self) -> Vec<u8> {
        // Plain structs of numbers, strings and lists always serialise. Converting through text
        // keeps the shortest form of single-precision numbers: 0.1 stays 0.1.
        let text = serde_json::to_string(self).expect("an action serialises");
        let value = serde_json::from_str(&text).expect("what was just written is JSON");
        format!("impasto action {FORM}\n{}", sorted(value)).into_bytes()
    }

    /// Reads [`Self::canonical`] bytes, and checks the action.
    ///
    /// # Errors
    /// If the bytes are of another form, have an unknown field, are not canonical, or a value is
    /// out of range.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, ActionError> {
        if bytes.len() > MAX_BYTES {
            return Err(ActionError::TooLong(bytes.len()));
        }
        let header = format!("impasto action {FORM}\n");
        let Some(json) = bytes.strip_prefix(header.as_bytes()) else {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let shown = String::from_utf8_lossy(&line[..line.len().min(40)]);
            return Err(ActionError::Form(shown.escape_default().to_string()));
        };
        let action: Self = serde_json::from_slice(json)?;
        action.check()?;
        if action.canonical() != bytes {
            return Err(ActionError::NotCanonical);
        }
        Ok(action)
    }

    /// The BLAKE3 digest of the canonical bytes: the action's name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }

    pub fn method(&self) -> Method {
        self.recipe.method()
    }

    /// The source of the input with this role.
    pub fn input(&self, part: Part) -> Option<InputRef> {
        self.inputs.iter().find(|input| input.part == part).map(|input| input.source)
    }

    /// Every style image with the recipe that paints in it: the action's own, then those of each
    /// region.
    pub fn all_styles(&self) -> impl Iterator<Item = (&StyleRef, &Recipe)> + '_ {
        let of_regions =
            self.regions.iter().flat_map(|regions| &regions.named).flat_map(|region| {
                let recipe = region.recipe.as_ref().unwrap_or(&self.recipe);
                region.styles.iter().map(move |style| (style, recipe))
            });
        self.styles.iter().map(|style| (style, &self.recipe)).chain(of_regions)
    }

    /// Gives the result, and so every region of it, another size: as if it were seen from further
    /// away, with strokes that are as much smaller. Sizes are of longer sides.
    pub fn shrink(&mut self, from: u32, to: u32) {
        let of_regions = self.regions.iter_mut().flat_map(|regions| &mut regions.named);
        let recipes = of_regions.filter_map(|region| region.recipe.as_mut());
        recipes.chain([&mut self.recipe]).for_each(|recipe| recipe.common_mut().shrink(from, to));
    }

    /// The same where the result, and so every region of it, repeats otherwise.
    #[must_use]
    pub fn with_tileable(&self, tileable: Tileable) -> Self {
        let mut action = self.clone();
        let of_regions = action.regions.iter_mut().flat_map(|regions| &mut regions.named);
        let recipes = of_regions.filter_map(|region| region.recipe.as_mut());
        let all = recipes.chain([&mut action.recipe]);
        all.for_each(|recipe| recipe.common_mut().tileable = tileable);
        action
    }

    /// All blobs that this action needs, models included, except outputs of other tasks, which are
    /// not known yet.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        let inputs = self.inputs.iter().filter_map(|input| input.source.blob());
        inputs
            .chain(self.all_styles().map(|(style, _)| style.blob))
            .chain(self.models.iter().map(|model| model.blob))
    }

    /// The actions whose outputs this one reads.
    pub fn producers(&self) -> impl Iterator<Item = Digest> + '_ {
        self.inputs.iter().filter_map(|input| match input.source {
            InputRef::Blob(_) => None,
            InputRef::Output { action, .. } => Some(action),
        })
    }

    /// Checks what types cannot: ranges, order, and that all inputs of the recipe are there.
    ///
    /// # Errors
    /// [`ActionError::Content`], which names the field and its value.
    pub fn check(&self) -> Result<(), ActionError> {
        self.recipe.check().map_err(|error| wrong(format_args!("recipe.{error}")))?;
        at_most("inputs", self.inputs.len(), MAX_INPUTS)?;
        at_most("styles", self.all_styles().count(), MAX_STYLES)?;
        at_most("models", self.models.len(), MAX_MODELS)?;
        ascending("inputs", self.inputs.iter().map(|input| input.part))?;
        ascending("outputs", self.outputs.iter().map(|output| output.part))?;
        let takes_model = self.recipe.takes_network();
        if self.styles.is_empty() && !self.method().takes_model() {
            return Err(wrong("an action has at least one style"));
        }
        match (self.input(Part::Model), self.method()) {
            (None, method) if takes_model => {
                return Err(wrong(format_args!("method {method} needs an input `model`")));
            }
            (Some(_), method) if !takes_model => {
                return Err(wrong(format_args!("method {method} has no use for an input `model`")));
            }
            _ => {}
        }
        if self.outputs.is_empty() {
            return Err(wrong("an action has at least one output"));
        }
        self.check_regions()?;
        for (style, _) in self.all_styles() {
            if !(0.0..=1e9).contains(&style.weight) {
                let weight = style.weight;
                return Err(wrong(format_args!("a style's weight is {weight}, not 0 to 1e9")));
            }
            if style.crop.is_some_and(Crop::is_none) {
                return Err(wrong("a style's crop cuts nothing off"));
            }
        }
        for output in &self.outputs {
            if !(1..=100).contains(&output.quality) {
                let (part, quality) = (output.part, output.quality);
                return Err(wrong(format_args!("quality of {part} is {quality}, not 1 to 100")));
            }
        }
        let content = self.inputs.iter().any(|input| !input.part.is_beside_content());
        if let Recipe::Train(train) = &self.recipe {
            self.check_training(train)?;
        }
        if self.method().takes_content() && !content {
            return Err(wrong(format_args!("method {} paints an asset", self.method())));
        }
        if self.recipe.init() == Some(crate::Init::Image) && self.input(Part::Init).is_none() {
            return Err(wrong("the recipe starts from an image, but there is no input `init`"));
        }
        Ok(())
    }
}

impl Action {
    /// That regions come with their ID map.
    fn check_regions(&self) -> Result<(), ActionError> {
        match (&self.regions, self.input(Part::Regions)) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(wrong("an input `regions` is there, but no region is named")),
            (Some(_), None) => Err(wrong("regions are named, but there is no input `regions`")),
            (Some(regions), Some(_)) => regions.check(&self.recipe).map_err(wrong),
        }
    }

    /// That a part of a training run has pictures, and leaves what it has to.
    fn check_training(&self, train: &Train) -> Result<(), ActionError> {
        let pictures =
            self.inputs.iter().filter(|input| matches!(input.part, Part::Frame(_))).count();
        let least = Training::LEAST_PICTURES;
        if pictures < least {
            return Err(wrong(format_args!("training takes {least} pictures, not {pictures}")));
        }
        if train.names.len() != self.styles.len() {
            let (names, styles) = (train.names.len(), self.styles.len());
            return Err(wrong(format_args!("{styles} styles have {names} names")));
        }
        let part = if train.is_last() { Part::Model } else { Part::State };
        match &self.outputs[..] {
            [output] if output.part == part => Ok(()),
            _ => Err(wrong(format_args!("this part of a training run leaves the {part} alone"))),
        }
    }
}

impl Input {
    /// An input whose bytes are known.
    pub fn blob(part: Part, blob: BlobRef) -> Self {
        Self { part, source: InputRef::Blob(blob) }
    }
}

impl InputRef {
    /// The blob, if it is known.
    pub fn blob(self) -> Option<BlobRef> {
        match self {
            Self::Blob(blob) => Some(blob),
            Self::Output { .. } => None,
        }
    }
}

impl AssetKind {
    /// A single picture: the usual kind.
    pub fn picture() -> Self {
        Self("picture".to_owned())
    }

    /// A single picture that is turned upright, as its metadata says, before it is painted; a plain
    /// [`picture`](Self::picture) keeps its stored grid, which the texture coordinates of models
    /// refer to.
    pub fn photograph() -> Self {
        Self("photograph".to_owned())
    }

    /// A colour map with maps of its surface, which follow the paint.
    pub fn material() -> Self {
        Self("material".to_owned())
    }

    /// The tiles of a UDIM set, [`Part::Udim`], painted as one picture. [`Part::Color`] is the file
    /// of the tile with the lowest number, which is there as that, too.
    pub fn udim() -> Self {
        Self("udim".to_owned())
    }

    /// A model with its textures, which are painted as one picture; or a picture with a
    /// [`Part::Mesh`] that shows it.
    pub fn model() -> Self {
        Self("model".to_owned())
    }

    /// A cube map, whose faces are painted as one picture.
    pub fn cube() -> Self {
        Self("cube".to_owned())
    }

    /// An array of textures, whose layers are painted as one picture; each repeats as the recipe
    /// says.
    pub fn array() -> Self {
        Self("array".to_owned())
    }

    /// Whether its picture is that of a surface, on which paint goes on across seams.
    pub fn has_seams(&self) -> bool {
        [Self::model(), Self::cube(), Self::array()].contains(self)
    }

    fn is_picture(&self) -> bool {
        self.0 == "picture"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for AssetKind {
    fn default() -> Self {
        Self::picture()
    }
}

impl TryFrom<String> for AssetKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            let shown: String = text.chars().take(40).collect();
            Err(format!("`{shown}` is not a kind of asset: use 1 to 32 of a-z, 0-9 and `-`"))
        }
    }
}

impl From<AssetKind> for String {
    fn from(kind: AssetKind) -> Self {
        kind.0
    }
}

impl std::fmt::Display for AssetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `value` with the keys of every object sorted, whatever map type `serde_json` is built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(Map::from_iter(
                entries.into_iter().map(|(key, value)| (key, sorted(value))),
            ))
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

fn wrong(reason: impl ToString) -> ActionError {
    ActionError::Content(reason.to_string())
}

fn at_most(field: &str, count: usize, most: usize) -> Result<(), ActionError> {
    if count > most {
        return Err(wrong(format_args!("{field} has {count} entries; the most is {most}")));
    }
    Ok(())
}

/// Checks that each part appears once, in order, so that an action has one form.
fn ascending(field: &str, parts: impl Iterator<Item = Part>) -> Result<(), ActionError> {
    let parts: Vec<Part> = parts.collect();
    match parts.windows(2).find(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(pair) => Err(wrong(format_args!("{field}: {} stands before {}", pair[0], pair[1]))),
    }
}
