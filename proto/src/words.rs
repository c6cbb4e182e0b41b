//! Enums on the wire have their serde names, as in the manifest, so that the two cannot differ.

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::FieldError;

/// The name of an enum's value.
pub(crate) fn of(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a variant without fields serialises as its name, not as {other:?}"),
    }
}

/// The enum's value with the name `word`.
pub(crate) fn parse<T: DeserializeOwned>(field: &str, word: &str) -> Result<T, FieldError> {
    let deserializer: StrDeserializer<'_, Error> = word.into_deserializer();
    T::deserialize(deserializer).map_err(|cause| FieldError::malformed(field, word, cause))
}
