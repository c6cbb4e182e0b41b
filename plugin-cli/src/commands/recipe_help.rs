//! The defaults of recipe flags in `--help`, which differ between presets.

use clap::{Arg, Command};
use impasto_types::{Preset, RecipePatch};

use super::presets;

/// Adds each preset's value to the help of every recipe flag. `synth` has one method, which it does
/// not list.
pub(crate) fn with_defaults(command: Command) -> Command {
    let defaults: Vec<(String, String)> =
        presets::rows().into_iter().map(|[name, values @ ..]| (name, default(&values))).collect();
    let keys: Vec<&'static str> = RecipePatch::keys().collect();
    command.mut_subcommands(move |subcommand| {
        let has_recipe = subcommand.get_arguments().any(|arg| arg.get_id() == "style_weight");
        if !has_recipe {
            return subcommand;
        }
        let has_methods = subcommand.get_name() != "synth";
        subcommand.mut_args(|arg| match keys.iter().find(|key| arg.get_id() == **key) {
            Some(key) => match defaults.iter().find(|(name, _)| name == key) {
                Some((_, default)) => described(arg, default),
                None => arg.hide(*key != "preset" && !has_methods),
            },
            None => arg,
        })
    })
}

/// `14`, or the value of each preset if they differ.
fn default(values: &[String]) -> String {
    if values.iter().all(|value| *value == values[0]) {
        return values[0].clone();
    }
    let named = Preset::ALL.iter().zip(values);
    named.map(|(preset, value)| format!("{preset} {value}")).collect::<Vec<_>>().join(", ")
}

fn described(arg: Arg, default: &str) -> Arg {
    let said = |help: &str| match help.contains("[default") {
        // The size says it already.
        true => help.to_owned(),
        false => format!("{help} [default: {default}]"),
    };
    let short = arg.get_help().map(|help| said(&help.to_string()));
    let long = arg.get_long_help().map(|help| said(&help.to_string()));
    let arg = match short {
        Some(help) => arg.help(help),
        None => arg,
    };
    match long {
        Some(help) => arg.long_help(help),
        None => arg,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Cli;

    #[test]
    fn every_recipe_flag_says_its_default() {
        let mut command = with_defaults(Cli::command());
        for name in ["stylize", "synth", "build", "plan", "check", "watch", "submit"] {
            let subcommand = command.find_subcommand_mut(name).expect("there is such a command");
            let help = subcommand.render_help().to_string();
            for part in
                ["painterly 8, texture 9, gatys 300", "[default: 1.9]", "lbfgs, texture adam"]
            {
                assert!(help.contains(part), "{name}: {part} in {help}");
            }
            for key in RecipePatch::keys().filter(|key| !presets::CHOICES.contains(key)) {
                let arg = subcommand.get_arguments().find(|arg| arg.get_id() == key);
                let text = arg.and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default();
                assert!(text.contains("[default: "), "{name} --{key}: {text}");
            }
        }
    }
}
