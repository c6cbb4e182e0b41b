//! Enums on the wire are the manifest's words: serde's names, so that they cannot drift apart.

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::FieldError;

/// The word for an enum's value.
pub(crate) fn of(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a variant without fields serialises as its name, not as {other:?}"),
    }
}

/// The enum's value that `word` stands for.
pub(crate) fn parse<T: DeserializeOwned>(field: &str, word: &str) -> Result<T, FieldError> {
    let deserializer: StrDeserializer<'_, Error> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|cause| FieldError::malformed(field, word, cause))
}
