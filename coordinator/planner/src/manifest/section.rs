//! Reads TOML and keeps places for messages: tables with known keys, and their entries.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ManifestError, Place};
use crate::suggest::nearest;

/// The manifest's name and text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) name: &'s str,
    pub(super) text: &'s str,
}

impl Source<'_> {
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::at(self.name, self.text, offset)
    }
}

pub(super) const AT_LEAST_ONE: &str = "it has to name at least one";

/// A table of the manifest whose keys have been checked.
pub(super) struct Section<'s> {
    source: Source<'s>,
    /// Its name in messages.
    pub(super) label: String,
    pub(super) place: Place,
    entries: BTreeMap<String, (usize, Spanned<DeValue<'s>>)>,
}

/// One key's value.
pub(super) struct Entry<'s> {
    source: Source<'s>,
    pub(super) table: String,
    pub(super) key: String,
    key_offset: usize,
    pub(super) value: Spanned<DeValue<'s>>,
}

impl<'s> Section<'s> {
    /// # Errors
    /// The first key that is not among `known`.
    pub(super) fn new(
        source: Source<'s>,
        label: impl Into<String>,
        offset: usize,
        table: DeTable<'s>,
        known: &[&str],
    ) -> Result<Self, ManifestError> {
        let mut section = Self {
            source,
            label: label.into(),
            place: source.place(offset),
            entries: BTreeMap::new(),
        };
        let mut unknown = BTreeMap::new();
        for (key, value) in table {
            let (offset, key) = (key.span().start, key.into_inner().into_owned());
            if !known.contains(&key.as_str()) {
                unknown.insert(offset, key.clone());
            }
            section.entries.insert(key, (offset, value));
        }
        match unknown.pop_first() {
            None => Ok(section),
            Some((offset, key)) => Err(ManifestError::UnknownKey {
                place: source.place(offset),
                table: section.label,
                near: nearest(&key, known.iter().copied()),
                key,
            }),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry<'s>> {
        let (offset, value) = self.entries.remove(key)?;
        Some(Entry {
            source: self.source,
            table: self.label.clone(),
            key: key.to_owned(),
            key_offset: offset,
            value,
        })
    }

    pub(super) fn require(
        &mut self,
        key: &'static str,
        hint: &'static str,
    ) -> Result<Entry<'s>, ManifestError> {
        self.take(key).ok_or_else(|| ManifestError::MissingKey {
            place: self.place.clone(),
            table: self.label.clone(),
            key,
            hint,
        })
    }

    /// Every entry left, in the order of the text.
    pub(super) fn into_entries(mut self) -> Vec<Entry<'s>> {
        let mut keys: Vec<_> =
            self.entries.iter().map(|(key, (offset, _))| (*offset, key.clone())).collect();
        keys.sort();
        keys.iter().filter_map(|(_, key)| self.take(key)).collect()
    }
}

impl<'s> Entry<'s> {
    /// The error for this value, because of `reason`.
    pub(super) fn wrong(&self, reason: impl ToString) -> ManifestError {
        self.wrong_part(shown(self.value.get_ref()), reason)
    }

    /// The error for a part of this value.
    pub(super) fn wrong_part(&self, value: String, reason: impl ToString) -> ManifestError {
        ManifestError::Value {
            place: self.place(),
            table: self.table.clone(),
            key: self.key.clone(),
            value,
            reason: reason.to_string(),
        }
    }

    /// Where the key begins.
    pub(super) fn key_place(&self) -> Place {
        self.source.place(self.key_offset)
    }

    /// Where the value begins.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.value.span().start)
    }

    pub(super) fn string(&self) -> Result<&str, ManifestError> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong("it has to be a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool, ManifestError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong("it has to be true or false"))
    }

    /// The value as a whole number, 0 or more.
    pub(super) fn whole(&self) -> Option<u32> {
        let integer = self.value.get_ref().as_integer()?;
        u32::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// The value as a number, whole or not.
    pub(super) fn number(&self) -> Option<f64> {
        match self.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|whole| whole as f64),
            _ => None,
        }
    }

    /// The value as a table with the keys `known`.
    pub(super) fn section(
        self,
        label: impl Into<String>,
        known: &[&str],
    ) -> Result<Section<'s>, ManifestError> {
        let offset = self.value.span().start;
        let refusal = self.wrong("it has to be a table");
        match self.value.into_inner() {
            DeValue::Table(table) => Section::new(self.source, label, offset, table, known),
            _ => Err(refusal),
        }
    }

    /// The entries of a table with arbitrary keys, in the order of the text.
    pub(super) fn entries(self, label: &str) -> Result<Vec<Self>, ManifestError> {
        let keys: Vec<String> = match self.value.get_ref() {
            DeValue::Table(table) => {
                table.keys().map(|key| key.get_ref().clone().into_owned()).collect()
            }
            _ => vec![],
        };
        let known: Vec<_> = keys.iter().map(String::as_str).collect();
        Ok(self.section(label, &known)?.into_entries())
    }

    /// The elements of a list, each as an entry under the same key.
    ///
    /// # Errors
    /// `reason`, if the value is not a list.
    pub(super) fn elements(self, reason: &str) -> Result<Vec<Self>, ManifestError> {
        let refusal = self.wrong(reason);
        let (source, table, key, key_offset) = (self.source, self.table, self.key, self.key_offset);
        let entry =
            |value| Self { source, table: table.clone(), key: key.clone(), key_offset, value };
        match self.value.into_inner() {
            DeValue::Array(array) => Ok(array.into_iter().map(entry).collect()),
            _ => Err(refusal),
        }
    }

    /// The value as one string or a list of strings.
    pub(super) fn strings(&self) -> Result<Vec<String>, ManifestError> {
        let refusal = || self.wrong("it has to be a string or a list of strings");
        match self.value.get_ref() {
            DeValue::String(one) => Ok(vec![one.clone().into_owned()]),
            DeValue::Array(list) => list
                .iter()
                .map(|element| element.get_ref().as_str().map(str::to_owned).ok_or_else(refusal))
                .collect(),
            _ => Err(refusal()),
        }
    }

    /// The elements of a list that is not empty.
    pub(super) fn non_empty(self, reason: &str) -> Result<Vec<Self>, ManifestError> {
        let empty = self.wrong(AT_LEAST_ONE);
        let elements = self.elements(reason)?;
        if elements.is_empty() { Err(empty) } else { Ok(elements) }
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }
}

/// A value as messages show it; long values and tables are abbreviated.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let short: String = text.chars().take(80).collect();
            if short.len() < text.len() { format!("{short:?}...") } else { format!("{short:?}") }
        }
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(array) if array.is_empty() => "an empty list".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
