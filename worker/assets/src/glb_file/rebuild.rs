//! A GLB file, or the buffer of a model, with other bytes in place of some textures.
//!
//! What comes after a replaced texture moves by a multiple of eight bytes, so that whatever was
//! aligned stays so; zeros fill up. In the description only those numbers change that name what
//! has moved or has another length. They are replaced in its text, so that every other byte of it
//! stays.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use serde_json::value::RawValue;

use super::Container;
use super::container::{CHUNK_HEAD_BYTES, HEAD_BYTES};
use super::document::{Document, number, placed};
use super::images::Key;
use super::{damaged, failed};
use crate::AssetErrorKind;

/// New bytes by the old ones in the buffer.
pub(crate) type Replacements = BTreeMap<Key, Vec<u8>>;

/// The least common alignment of everything that a buffer holds.
const STEP: u64 = 8;

/// The file with these replacements.
///
/// # Errors
/// If it would be longer than the format can hold.
pub(crate) fn rebuilt(
    file: &[u8],
    container: &Container,
    new: &Replacements,
) -> Result<Vec<u8>, AssetErrorKind> {
    let bin = container.bin_at.clone().ok_or_else(|| damaged("it has no buffer"))?;
    let part = |range: Range<u64>| {
        let [start, end] =
            [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        file.get(start..end).ok_or(AssetErrorKind::Truncated)
    };
    let json = padded(description(&container.json, new)?.into_bytes(), b' ');
    let buffer = padded(buffer(part(bin.clone())?, new)?, 0);

    let mut bytes = part(0..HEAD_BYTES)?.to_vec();
    let mut chunk = |between: &[u8], kind: &[u8; 4], content: &[u8]| {
        bytes.extend(between);
        // Checked with the length of the whole.
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(kind);
        bytes.extend(content);
    };
    chunk(&[], b"JSON", &json);
    chunk(part(container.json_at.end..bin.start - CHUNK_HEAD_BYTES)?, b"BIN\0", &buffer);
    bytes.extend(part(bin.end..file.len() as u64)?);
    let length = u32::try_from(bytes.len()).map_err(|_| failed("it would be longer than 4 GiB"))?;
    if let Some(field) = bytes.get_mut(8..12) {
        field.copy_from_slice(&length.to_le_bytes());
    }
    Ok(bytes)
}

/// How long the bytes are that take the place of `old` ones: as long as the new ones at least.
fn room(old: Key, new: &[u8]) -> u64 {
    let (old, new) = (old.1 - old.0, new.len() as u64);
    new + (old % STEP + STEP - new % STEP) % STEP
}

/// A buffer with these replacements.
pub(super) fn buffer(old: &[u8], new: &Replacements) -> Result<Vec<u8>, AssetErrorKind> {
    let mut bytes = Vec::with_capacity(old.len());
    let mut done = 0;
    for (&key, replacement) in new {
        let kept = old.get(done..key.0 as usize).ok_or(AssetErrorKind::Truncated)?;
        bytes.extend(kept);
        bytes.extend(replacement);
        let filled = room(key, replacement) as usize - replacement.len();
        bytes.resize(bytes.len() + filled, 0);
        done = key.1 as usize;
    }
    bytes.extend(old.get(done..).ok_or(AssetErrorKind::Truncated)?);
    Ok(bytes)
}

/// The description with other numbers.
fn description(json: &str, new: &Replacements) -> Result<String, AssetErrorKind> {
    let mut splices = Splices::of(json);
    describe(&mut splices, &Document::parse(json)?, 0, new)?;
    Ok(splices.apply())
}

/// Writes the numbers anew that name what has moved in the buffer of this number.
pub(super) fn describe(
    splices: &mut Splices<'_>,
    document: &Document<'_>,
    buffer: usize,
    new: &Replacements,
) -> Result<(), AssetErrorKind> {
    let moves = Moves::of(new);
    if let Some(buffer) = document.buffers.get(buffer) {
        let old = number(buffer.byte_length)?;
        splices.set(buffer.byte_length, old, moves.moved(old));
    }
    for view in &document.buffer_views {
        for part in placed(&view.extensions).filter(|part| part.buffer.index() == buffer) {
            if let Some(offset) = part.byte_offset {
                let old = number(offset)?;
                splices.set(offset, old, moves.moved(old));
            }
        }
        if view.buffer.index() == buffer {
            let range = view.range()?;
            if let Some(offset) = view.byte_offset {
                splices.set(offset, range.start, moves.moved(range.start));
            }
            if let Some(replacement) = new.get(&(range.start, range.end)) {
                let old = range.end - range.start;
                splices.set(view.byte_length, old, replacement.len() as u64);
            }
        }
    }
    Ok(())
}

/// How far what follows each texture moves.
struct Moves {
    /// The end of a texture, and how much longer everything up to there is.
    ends: Vec<(u64, i128)>,
}

impl Moves {
    fn of(new: &Replacements) -> Self {
        let mut sum = 0;
        let ends = new.iter().map(|(&key, replacement)| {
            sum += i128::from(room(key, replacement)) - i128::from(key.1 - key.0);
            (key.1, sum)
        });
        Self { ends: ends.collect() }
    }

    /// Where the byte that was at `offset` is.
    fn moved(&self, offset: u64) -> u64 {
        let before = self.ends.partition_point(|(end, _)| *end <= offset);
        let sum = before.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |it| it.1);
        u64::try_from(i128::from(offset) + sum).unwrap_or(u64::MAX)
    }
}

/// New text for parts of a text.
pub(super) struct Splices<'a> {
    json: &'a str,
    /// By the start and the end of the old text.
    new: BTreeMap<(usize, usize), String>,
}

impl<'a> Splices<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self { json, new: BTreeMap::new() }
    }

    /// Writes a text anew.
    pub(super) fn set_text(&mut self, at: &RawValue, new: &str) {
        self.put(at, Value::from(new).to_string());
    }

    /// Writes a number anew. One that stays the same stays as it is written.
    fn set(&mut self, at: &RawValue, old: u64, new: u64) {
        if old != new {
            self.put(at, new.to_string());
        }
    }

    fn put(&mut self, at: &RawValue, new: String) {
        let start = (at.get().as_ptr() as usize).wrapping_sub(self.json.as_ptr() as usize);
        self.new.insert((start, start.saturating_add(at.get().len())), new);
    }

    pub(super) fn apply(self) -> String {
        let (mut text, mut done) = (String::with_capacity(self.json.len()), 0);
        for (&(start, end), new) in &self.new {
            text.push_str(self.json.get(done..start).unwrap_or_default());
            text.push_str(new);
            done = end;
        }
        text.push_str(self.json.get(done..).unwrap_or_default());
        text
    }
}

/// Filled up to a multiple of four bytes.
fn padded(mut bytes: Vec<u8>, with: u8) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), with);
    bytes
}
