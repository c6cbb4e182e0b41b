//! Flags that may stand without a value, such as `--tileable`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Command;

/// Joins such a flag with the argument after it if that is one of the flag's values, so that
/// `--tileable both` is `--tileable=both`, while `--tileable a.png` is the flag and a picture.
/// Arguments after `--` are left.
pub(crate) fn join(arguments: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let flags = bare_flags(command);
    let mut joined = Vec::with_capacity(arguments.len());
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next() {
        let values = argument.to_str().and_then(|flag| flags.get(flag));
        let is_value = |next: &OsString| {
            let next = next.to_str();
            values.is_some_and(|values| values.iter().any(|value| next == Some(value)))
        };
        match rest.next_if(is_value) {
            Some(value) => {
                let mut both = argument;
                both.push("=");
                both.push(value);
                joined.push(both);
            }
            None if argument == "--" => {
                joined.push(argument);
                joined.extend(rest);
                break;
            }
            None => joined.push(argument),
        }
    }
    joined
}

/// The flags of all commands whose value is optional, with their values.
fn bare_flags(command: &Command) -> BTreeMap<String, Vec<String>> {
    let own = command.get_arguments().filter(|argument| argument.is_require_equals_set());
    let own = own.filter_map(|argument| {
        let values = argument.get_possible_values();
        let names = values.iter().map(|value| value.get_name().to_owned());
        Some((format!("--{}", argument.get_long()?), names.collect()))
    });
    own.chain(command.get_subcommands().flat_map(bare_flags)).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Cli;

    #[test]
    fn only_values_are_joined() {
        for (line, expected) in [
            ("x --tileable both a.png", "x --tileable=both a.png"),
            ("x --tileable a.png", "x --tileable a.png"),
            ("x a.png --tileable", "x a.png --tileable"),
            ("x --tileable=x y", "x --tileable=x y"),
            ("x --tileable --preserve-color none", "x --tileable --preserve-color=none"),
            ("x --preserve-color luminance b", "x --preserve-color=luminance b"),
            ("x --preserve-color both", "x --preserve-color both"),
            ("x --preset texture", "x --preset texture"),
            ("x -- --tileable both", "x -- --tileable both"),
        ] {
            let arguments = line.split(' ').map(OsString::from).collect();
            let joined = join(arguments, &Cli::command());
            let words: Vec<&str> = joined.iter().filter_map(|word| word.to_str()).collect();
            assert_eq!(words.join(" "), expected);
        }
    }
}
