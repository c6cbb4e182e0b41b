//! Whether an output is up to date with its asset, style and recipe, and if not, why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use impasto_types::{
    Action, AssetPath, BlobRef, ContainerFormat, Digest, HexColor, Input, InputRef, Method,
    ModelName, ModelRef, Part, Recipe, Regions,
};
use serde_json::Value;

use crate::manifest::Style;
use crate::{Record, RecordDetails};

/// Whether an output has to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staleness {
    UpToDate,
    /// The reasons, at least one.
    Stale(Arc<[Reason]>),
}

impl Staleness {
    /// Keeps the reasons once if another task has the same, as most neighbours have.
    pub(crate) fn share_with(&mut self, other: &Self) {
        if self == other {
            self.clone_from(other);
        }
    }
}

/// One reason to build an output. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    NeverBuilt,
    OutputMissing,
    /// The file was changed after Impasto wrote it.
    OutputChanged,
    ContentChanged,
    /// The output was painted from another asset.
    AssetReplaced {
        from: AssetPath,
    },
    /// The bytes of a style image differ, or another image took its place.
    StyleChanged {
        path: AssetPath,
    },
    /// The same style with another number of images.
    StyleImagesChanged {
        style: String,
        from: usize,
        to: usize,
    },
    StyleWeightChanged {
        path: AssetPath,
        from: String,
        to: String,
    },
    StyleReplaced {
        from: String,
        to: String,
    },
    InitChanged,
    /// Another file of the asset changed, was added or was removed.
    PartChanged {
        part: Part,
    },
    /// A region of the ID map has other styles or another recipe, was added or was removed.
    RegionChanged {
        color: HexColor,
    },
    RecipeChanged {
        field: String,
        from: String,
        to: String,
    },
    ModelChanged {
        model: ModelName,
    },
    /// A new version of the method paints a different picture.
    MethodImproved {
        method: Method,
        from: u32,
        to: u32,
    },
    FormatChanged {
        from: ContainerFormat,
        to: ContainerFormat,
    },
    QualityChanged {
        from: u8,
        to: u8,
    },
    /// The action differs, and only the digest of the recorded one is known.
    ActionChanged,
    /// The record is from a version of Impasto that digests actions differently.
    RecordOutdated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverBuilt => write!(f, "it was never built"),
            Self::OutputMissing => write!(f, "the output is missing"),
            Self::OutputChanged => write!(f, "the output was changed by something else"),
            Self::ContentChanged => write!(f, "the asset changed"),
            Self::AssetReplaced { from } => write!(f, "it was made from {from}"),
            Self::StyleChanged { path } => write!(f, "style image {path} changed"),
            Self::StyleImagesChanged { style, from, to } => {
                write!(f, "style `{style}` had {from} images and has {to}")
            }
            Self::StyleWeightChanged { path, from, to } => {
                write!(f, "the weight of style image {path} changed from {from} to {to}")
            }
            Self::StyleReplaced { from, to } => {
                write!(f, "the style changed from `{from}` to `{to}`")
            }
            Self::InitChanged => write!(f, "the init image changed"),
            Self::PartChanged { part: Part::File(_) } => {
                f.write_str("a file that the model names changed")
            }
            Self::PartChanged { part } => write!(f, "the {part} changed"),
            Self::RegionChanged { color } => write!(f, "region {color} changed"),
            Self::RecipeChanged { field, from, to } => {
                write!(f, "{field} changed from {from} to {to}")
            }
            Self::ModelChanged { model } => write!(f, "model {model} changed"),
            Self::MethodImproved { method, from, to } => {
                write!(f, "method {method} changed from version {from} to {to}")
            }
            Self::FormatChanged { from, to } => write!(f, "the format changed from {from} to {to}"),
            Self::QualityChanged { from, to } => {
                write!(f, "the quality changed from {from} to {to}")
            }
            Self::ActionChanged => {
                write!(f, "its asset, style, recipe or model changed since it was built")
            }
            Self::RecordOutdated => write!(f, "it was built by another version of Impasto"),
        }
    }
}

/// The parts of a task that decide its staleness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) asset: &'a AssetPath,
    pub(crate) style: &'a Style,
    /// The action without its inputs.
    pub(crate) action: &'a Action,
    pub(crate) inputs: &'a [Input],
    pub(crate) digest: Digest,
}

/// Compares a task with the record and the file of each of its outputs. Outputs are built together,
/// so one stale output makes the task stale.
pub(crate) fn staleness<'a>(
    now: Candidate<'_>,
    outputs: impl Iterator<Item = (Option<&'a Record>, Option<&'a BlobRef>)>,
) -> Staleness {
    let mut reasons: Vec<Reason> = Vec::new();
    for (record, present) in outputs {
        for reason in reasons_for(now, record, present) {
            // A changed action gives the same reason for each output: report it once.
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() { Staleness::UpToDate } else { Staleness::Stale(reasons.into()) }
}

/// Why one output has to be built; empty if it is up to date.
fn reasons_for(
    now: Candidate<'_>,
    record: Option<&Record>,
    present: Option<&BlobRef>,
) -> Vec<Reason> {
    let Some(record) = record else { return vec![Reason::NeverBuilt] };
    let mut reasons = Vec::new();
    match present {
        None => reasons.push(Reason::OutputMissing),
        Some(output) if *output != record.output => reasons.push(Reason::OutputChanged),
        Some(_) => {}
    }
    if record.action_digest != now.digest {
        match &record.details {
            Some(details) => changes(now, &record.asset, details, &mut reasons),
            None if record.asset != *now.asset => {
                reasons.push(Reason::AssetReplaced { from: record.asset.clone() });
            }
            None => reasons.push(Reason::ActionChanged),
        }
    }
    reasons
}

/// Adds a reason for each difference between the recorded and the current action.
fn changes(
    now: Candidate<'_>,
    asset: &AssetPath,
    record: &RecordDetails,
    reasons: &mut Vec<Reason>,
) {
    let found = reasons.len();
    let (then, action) = (&record.action, now.action);
    let input = |part| -> Option<InputRef> {
        now.inputs.iter().find(|input| input.part == part).map(|input| input.source)
    };
    if then.input(Part::Color) != input(Part::Color) {
        let replaced = *asset != *now.asset;
        reasons.push(if replaced {
            Reason::AssetReplaced { from: asset.clone() }
        } else {
            Reason::ContentChanged
        });
    }
    style_changes(now, record, reasons);
    // A change from noise or content to an image is reported as a change of the recipe.
    if then.input(Part::Init) != input(Part::Init) && then.recipe.init() == action.recipe.init() {
        reasons.push(Reason::InitChanged);
    }
    let parts: BTreeSet<Part> =
        then.inputs.iter().chain(now.inputs).map(|input| input.part).collect();
    let others = parts.into_iter().filter(|part| !matches!(part, Part::Color | Part::Init));
    let changed = others.filter(|part| then.input(*part) != input(*part));
    reasons.extend(changed.map(|part| Reason::PartChanged { part }));
    reasons.extend(recipe_changes(&then.recipe, &action.recipe));
    region_changes(then.regions.as_ref(), action.regions.as_ref(), reasons);
    let method = action.method();
    if then.method() == method {
        model_changes(&then.models, &action.models, reasons);
        let (from, to) = (then.method_version, action.method_version);
        if from != to {
            reasons.push(Reason::MethodImproved { method, from, to });
        }
    }
    for (from, to) in then.outputs.iter().zip(&action.outputs) {
        if from.format != to.format {
            reasons.push(Reason::FormatChanged { from: from.format, to: to.format });
        } else if from.quality != to.quality {
            reasons.push(Reason::QualityChanged { from: from.quality, to: to.quality });
        }
    }
    if reasons.len() == found {
        reasons.push(Reason::RecordOutdated);
    }
}

fn style_changes(now: Candidate<'_>, record: &RecordDetails, reasons: &mut Vec<Reason>) {
    let (then, styles) = (&record.action.styles, &now.action.styles);
    if then == styles {
        return;
    }
    if record.style != now.style.name {
        reasons
            .push(Reason::StyleReplaced { from: record.style.clone(), to: now.style.name.clone() });
        return;
    }
    if then.len() != styles.len() {
        reasons.push(Reason::StyleImagesChanged {
            style: record.style.clone(),
            from: then.len(),
            to: styles.len(),
        });
        return;
    }
    for ((from, to), image) in then.iter().zip(styles).zip(&now.style.images) {
        let path = image.path.clone();
        if from.blob != to.blob {
            reasons.push(Reason::StyleChanged { path: path.clone() });
        }
        if from.weight != to.weight {
            reasons.push(Reason::StyleWeightChanged {
                path,
                from: from.weight.to_string(),
                to: to.weight.to_string(),
            });
        }
    }
}

fn model_changes(from: &[ModelRef], to: &[ModelRef], reasons: &mut Vec<Reason>) {
    let new = to.iter().filter(|model| !from.contains(model));
    let gone = from.iter().filter(|model| to.iter().all(|other| other.name != model.name));
    reasons.extend(new.chain(gone).map(|model| Reason::ModelChanged { model: model.name }));
}

/// The regions that differ. Where a map was added or removed, that is the reason.
fn region_changes(from: Option<&Regions>, to: Option<&Regions>, reasons: &mut Vec<Reason>) {
    let (Some(from), Some(to)) = (from, to) else { return };
    let find = |regions: &Regions, color: HexColor| {
        regions.named.iter().find(|region| region.color == color).cloned()
    };
    let colors: BTreeSet<HexColor> =
        from.named.iter().chain(&to.named).map(|region| region.color).collect();
    let changed = colors.into_iter().filter(|color| find(from, *color) != find(to, *color));
    reasons.extend(changed.map(|color| Reason::RegionChanged { color }));
    let others = |regions: &Regions| if regions.keeps_others { "keep" } else { "paint" };
    for (field, from, to) in [
        ("tolerance", from.tolerance.to_string(), to.tolerance.to_string()),
        ("softness", from.softness.to_string(), to.softness.to_string()),
        ("others", others(from).to_owned(), others(to).to_owned()),
    ] {
        if from != to {
            let field = format!("{field} of regions");
            reasons.push(Reason::RecipeChanged { field, from, to });
        }
    }
}

/// The parameters that differ, written as in a manifest. Another method has other parameters, so it
/// is the reason.
fn recipe_changes(from: &Recipe, to: &Recipe) -> Vec<Reason> {
    if from == to {
        return vec![];
    }
    if from.method() != to.method() {
        let quoted = |recipe: &Recipe| format!("\"{}\"", recipe.method());
        let (from, to) = (quoted(from), quoted(to));
        return vec![Reason::RecipeChanged { field: "method".to_owned(), from, to }];
    }
    let (from, to) = (fields(from), fields(to));
    let changed = to.iter().filter(|(field, value)| from.get(*field) != Some(value));
    let shown = |value: Option<&Value>| match value {
        None => "its default".to_owned(),
        Some(Value::Null) => "the asset's own".to_owned(),
        Some(value) => value.to_string(),
    };
    changed
        .map(|(field, value)| Reason::RecipeChanged {
            field: field.clone(),
            from: shown(from.get(field)),
            to: shown(Some(value)),
        })
        .collect()
}

/// A recipe's parameters by name, including those that all methods share. They pass through text so
/// that an `f32` of 0.1 is shown as 0.1, not as its nearest `f64`.
fn fields(recipe: &Recipe) -> BTreeMap<String, Value> {
    let text = serde_json::to_string(recipe).expect("a recipe serialises");
    let mut fields: BTreeMap<String, Value> =
        serde_json::from_str(&text).expect("what was just written is an object");
    for group in ["training", "recipe", "common", "pass"] {
        let Some(Value::Object(group)) = fields.remove(group) else { continue };
        for (name, value) in group {
            // Training has a learning rate of its own, and a loss with another.
            fields.entry(name).or_insert(value);
        }
    }
    // No key: the network itself says that there is another.
    fields.remove("own_network");
    fields
}
