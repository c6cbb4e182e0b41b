//! What is wrong with a manifest, and where.

use std::fmt;

/// A place in a file. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: Box<str>,
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The place of byte `offset` of `text`.
    pub(crate) fn at(file: &str, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        Self {
            file: file.into(),
            line: counted(before.matches('\n').count()),
            column: counted(before[line_start..].chars().count()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a manifest is refused. `table` is the name of the table in messages: `[styles.night]`, rule
/// \`walls\`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("{message} ({place})")]
    Syntax { place: Place, message: String },
    #[error("unknown key `{key}` in {table} ({place}){}", did_you_mean(near))]
    UnknownKey { place: Place, table: String, key: String, near: Option<String> },
    #[error("{table} has no `{key}` ({place}); {hint}")]
    MissingKey { place: Place, table: String, key: &'static str, hint: &'static str },
    #[error("`{key}` in {table} is {value} ({place}): {reason}")]
    Value { place: Place, table: String, key: String, value: String, reason: String },
    #[error(
        "`{key}` in {table} names the style `{style}`, which does not exist ({place}){}",
        did_you_mean(near)
    )]
    UnknownStyle {
        place: Place,
        table: String,
        key: &'static str,
        style: String,
        near: Option<String>,
    },
    #[error("{table} has both `{one}` and `{other}` ({place}); keep one")]
    Both { place: Place, table: String, one: &'static str, other: &'static str },
    #[error("there is no {what} ({file}); {hint}")]
    Nothing { file: String, what: &'static str, hint: &'static str },
    #[error(
        "{table} paints each asset in {styles} styles, but `output` in [project] is \"{output}\" \
         ({place}); put {{style}} into it"
    )]
    StylesShareOutput { place: Place, table: String, styles: usize, output: String },
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}
