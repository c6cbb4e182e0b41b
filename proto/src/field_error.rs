//! The error of an invalid message.

use std::fmt::Display;

/// A field of a message is missing or has an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FieldError {
    /// The field's path from the outermost message, such as `tasks[3].action.recipe.size`.
    pub field: String,
    /// The value, and the requirement that it breaks.
    pub problem: String,
}

/// How much of an invalid value is shown.
const SHOWN_CHARS: usize = 80;

impl FieldError {
    pub fn missing(field: &str) -> Self {
        Self { field: field.to_owned(), problem: "is missing".to_owned() }
    }

    /// `wanted` completes "but has to be".
    pub fn out_of_range(field: &str, value: impl Display, wanted: impl Display) -> Self {
        Self {
            field: field.to_owned(),
            problem: format!("is {}, but has to be {wanted}", shown(value)),
        }
    }

    /// The value does not parse; `cause` says why.
    pub fn malformed(field: &str, value: impl Display, cause: impl Display) -> Self {
        Self { field: field.to_owned(), problem: format!("is `{}`: {cause}", shown(value)) }
    }

    /// The same error with `parent`, the field that contains this message, before its path.
    #[must_use]
    pub fn within(self, parent: impl Display) -> Self {
        Self { field: format!("{parent}.{}", self.field), ..self }
    }
}

fn shown(value: impl Display) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl From<FieldError> for tonic::Status {
    fn from(error: FieldError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}
