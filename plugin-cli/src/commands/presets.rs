//! `impasto presets`

use clap::Args;
use impasto_types::Preset;
use serde_json::Value;

use crate::contact_sheet::{named, of_preset};
use crate::table::Table;
use crate::{Context, Exit, Failure};

/// Show every parameter of every preset
#[derive(Debug, Args)]
pub struct PresetsArgs {}

pub(crate) fn run(_: PresetsArgs, context: &Context) -> Result<Exit, Failure> {
    if context.screen.is_json() {
        context.screen.json(&document());
        return Ok(Exit::Done);
    }
    let heading = ["PARAMETER", "PAINTERLY", "TEXTURE", "GATYS"];
    let mut table = Table::new(heading);
    for row in rows() {
        table.row(row);
    }
    context.screen.result(table);
    Ok(Exit::Done)
}

/// The keys that choose a recipe; every other one has a value in each preset.
#[cfg(test)]
pub(crate) const CHOICES: [&str; 6] =
    ["preset", "method", "effort", "model", "model_styles", "any_style_model"];

/// A parameter's name, then its value in each of [`Preset::ALL`].
pub(crate) fn rows() -> Vec<[String; 1 + Preset::ALL.len()]> {
    let [painterly, texture, gatys] = Preset::ALL.map(|preset| named(&of_preset(preset)));
    let others = texture.into_iter().zip(gatys);
    let row = painterly.into_iter().zip(others);
    row.map(|(one, (two, three))| [one.name, one.value, two.value, three.value]).collect()
}

/// Each preset's parameters, with the types that a manifest has.
fn document() -> Value {
    let of = |preset: Preset| {
        let mut parameters = of_preset(preset);
        parameters.remove("method");
        (preset.as_str().to_owned(), Value::Object(parameters))
    };
    Value::Object(Preset::ALL.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/manifest.md shows the same table.
    #[test]
    fn the_manual_has_every_default() {
        let page = include_str!("../../../docs/manifest.md");
        for [name, values @ ..] in rows().into_iter().filter(|row| row[0] != "preset") {
            let row = format!("| `{name}` | {} |", values.join(" | "));
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn every_parameter_has_a_row() {
        let names: Vec<String> = rows().into_iter().map(|[name, ..]| name).collect();
        let keys = impasto_types::RecipePatch::keys();
        let parameters: Vec<_> = keys.filter(|key| !CHOICES.contains(key)).collect();
        assert_eq!(names, parameters);
        assert_eq!(document()["texture"]["palette"], 1.0);
    }
}
