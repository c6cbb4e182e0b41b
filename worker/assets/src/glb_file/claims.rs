//! Whether the bytes of textures belong to textures alone, so that they can be replaced.

use std::collections::BTreeMap;
use std::ops::Range;

use super::document::{Document, placed};
use super::images::Key;
use super::unsupported;
use crate::AssetErrorKind;

/// Which bytes of the first buffer the buffer views have.
#[derive(Debug)]
pub(super) struct Claims {
    /// Beside each range, the number of its view, and whether it may be a texture: what extensions
    /// pack is none.
    all: Vec<(Range<u64>, usize, bool)>,
    /// In order, as the ends are.
    starts: Vec<u64>,
    ends: Vec<u64>,
    /// How often a range that may be a texture is claimed.
    counts: BTreeMap<Key, usize>,
}

impl Claims {
    pub(super) fn of(document: &Document<'_>) -> Result<Self, AssetErrorKind> {
        let mut all: Vec<(Range<u64>, usize, bool)> = Vec::new();
        for (at, view) in document.buffer_views.iter().enumerate() {
            let own = (view.buffer.0 == 0).then(|| view.range()).transpose()?;
            all.extend(own.map(|own| (own, at, true)));
            for part in placed(&view.extensions).filter(|part| part.buffer.0 == 0) {
                all.push((part.range()?, at, false));
            }
        }
        all.retain(|(range, ..)| !range.is_empty());
        let mut starts: Vec<u64> = all.iter().map(|(range, ..)| range.start).collect();
        let mut ends: Vec<u64> = all.iter().map(|(range, ..)| range.end).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let mut counts = BTreeMap::new();
        for (range, _, _) in all.iter().filter(|(.., may_be_one)| *may_be_one) {
            *counts.entry((range.start, range.end)).or_default() += 1;
        }
        Ok(Self { all, starts, ends, counts })
    }

    /// Whether each view that has a part of these bytes has exactly these.
    pub(super) fn are_exact(&self, bytes: Key) -> bool {
        let begun = self.starts.partition_point(|start| *start < bytes.1);
        let over = self.ends.partition_point(|end| *end <= bytes.0);
        begun.saturating_sub(over) == self.counts.get(&bytes).copied().unwrap_or(0)
    }

    /// Refuses a file of which a buffer view has a part of a texture's bytes and not exactly these.
    /// `textures` are in order.
    pub(super) fn check(&self, textures: impl Iterator<Item = Key>) -> Result<(), AssetErrorKind> {
        let textures: Vec<Key> = textures.collect();
        if textures.windows(2).any(|pair| matches!(pair, [one, next] if next.0 < one.1)) {
            return Err(unsupported("textures that share a part of their bytes"));
        }
        let Some((start, end)) = textures.into_iter().find(|bytes| !self.are_exact(*bytes)) else {
            return Ok(());
        };
        let view = self.all.iter().find(|(claimed, _, may_be_one)| {
            let is_exact = *may_be_one && (claimed.start, claimed.end) == (start, end);
            claimed.start < end && start < claimed.end && !is_exact
        });
        let view = view.map_or(0, |(_, view, _)| *view);
        Err(unsupported(format!("a texture that buffer view {view} has a part of")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_texture_s_if_nothing_else_has_a_part_of_them() {
        let json = r#"{"bufferViews":[{"buffer":0,"byteOffset":8,"byteLength":8},
            {"buffer":0,"byteOffset":8,"byteLength":8},
            {"buffer":0,"byteOffset":16,"byteLength":8},
            {"buffer":0,"byteOffset":20,"byteLength":0},
            {"buffer":0,"byteOffset":32,"byteLength":8},
            {"buffer":0,"byteOffset":36,"byteLength":12},
            {"buffer":1,"byteOffset":0,"byteLength":99},
            {"buffer":1,"byteLength":8,"extensions":{"EXT_meshopt_compression":
                {"buffer":0,"byteOffset":64,"byteLength":8}}},
            {"buffer":0,"byteOffset":64,"byteLength":8}]}"#;
        let claims = Claims::of(&Document::parse(json).expect("it is JSON")).expect("ranges");
        let check = |bytes: Key, expected: Option<&str>| {
            assert_eq!(claims.are_exact(bytes), expected.is_none(), "{bytes:?}");
            let error = claims.check([bytes].into_iter()).err().map(|kind| kind.to_string());
            let expected = expected.map(|view| {
                format!(
                    "is a glb with a texture that buffer view {view} has a part of, which is not \
                     supported"
                )
            });
            assert_eq!(error, expected, "{bytes:?}");
        };
        check((8, 16), None);
        check((16, 24), None);
        check((0, 8), None);
        check((8, 15), Some("0"));
        check((8, 24), Some("0"));
        check((24, 33), Some("4"));
        check((32, 40), Some("5"));
        check((36, 48), Some("4"));
        check((64, 72), Some("7"));
    }
}
