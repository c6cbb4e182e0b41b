//! The file of a stat cache.
//!
//! It begins with a line that names its version, and the digest of the rest; a file of another
//! version and a damaged one are treated as absent. The rest is made for reading hundreds of
//! thousands of entries at once: numbers of variable length (seven bits a byte, the lowest first),
//! paths in order, each without the beginning that it shares with the one before, and times as
//! differences. Headers and looks, of which there are few, are listed once as JSON.

use std::collections::HashMap;
use std::hash::Hash;

use impasto_planner::{ImageHeader, Look};
use impasto_types::{AssetPath, BlobRef, Digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::fingerprint::Fingerprint;
use crate::stamp::Stamp;

/// Raised when an older or newer file would be misread.
const MAGIC: &[u8] = b"impasto stat-cache 3\n";

/// The bytes of the shortest entry: two lengths, sizes, times, id, digest and kind.
const LEAST_ENTRY_BYTES: usize = 2 + 2 + 8 + 1 + 1 + 1 + 32 + 1;

/// An entry whose path shares most with the one before.
const USUAL_ENTRY_BYTES: usize = 80;

/// Where the rest begins: after the line and the digest.
const REST_AT: usize = MAGIC.len() + size_of::<Digest>();

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) entries: HashMap<AssetPath, Entry>,
    pub(super) outputs: HashMap<AssetPath, Fingerprint>,
}

/// The bytes of a file; the order of the maps does not matter.
pub(super) fn render(
    entries: &HashMap<AssetPath, Entry>,
    outputs: &HashMap<AssetPath, Fingerprint>,
) -> serde_json::Result<Vec<u8>> {
    let (entries, outputs) = (sorted(entries), sorted(outputs));
    let headers = Listed::of(entries.iter().filter_map(|(_, entry)| HeaderOf::entry(entry)));
    let looks = Listed::of(entries.iter().filter_map(|(_, entry)| entry.look));
    let mut bytes = Vec::with_capacity(4096 + USUAL_ENTRY_BYTES * (entries.len() + outputs.len()));
    bytes.extend_from_slice(MAGIC);
    // The digest, once the rest is known.
    bytes.resize(REST_AT, 0);
    headers.put(&mut bytes)?;
    looks.put(&mut bytes)?;
    put_number(&mut bytes, entries.len() as u64);
    put_number(&mut bytes, outputs.len() as u64);
    let mut before = "";
    for (path, entry) in entries {
        put_path(&mut bytes, before, path);
        put_fingerprint(&mut bytes, &entry.fingerprint);
        put_number(&mut bytes, headers.place(HeaderOf::entry(entry)));
        put_number(&mut bytes, looks.place(entry.look));
        before = path.as_str();
    }
    before = "";
    for (path, fingerprint) in outputs {
        put_path(&mut bytes, before, path);
        put_fingerprint(&mut bytes, fingerprint);
        before = path.as_str();
    }
    let digest = Digest::of(&bytes[REST_AT..]);
    bytes[MAGIC.len()..REST_AT].copy_from_slice(digest.as_bytes());
    Ok(bytes)
}

/// Reads what [`render`] wrote; `None` for all other bytes.
pub(super) fn parse(bytes: &[u8]) -> Option<Content> {
    let (digest, rest) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    if Digest::of(rest).as_bytes() != digest {
        return None;
    }
    let mut rest = Rest(rest);
    let (headers, looks) = (rest.listed::<HeaderOf>()?, rest.listed::<Look>()?);
    let (entry_count, output_count) = (rest.count()?, rest.count()?);
    let mut content = Content {
        entries: HashMap::with_capacity(entry_count),
        outputs: HashMap::with_capacity(output_count),
    };
    let mut text = String::new();
    for _ in 0..entry_count {
        let path = rest.path(&mut text)?;
        let fingerprint = rest.fingerprint()?;
        let header = rest.placed(&headers)?;
        let (header, whole) = (header.map(|own| own.header), header.and_then(|own| own.whole));
        let look = rest.placed(&looks)?;
        content.entries.insert(path, Entry { fingerprint, header, whole, look });
    }
    text.clear();
    for _ in 0..output_count {
        let path = rest.path(&mut text)?;
        content.outputs.insert(path, rest.fingerprint()?);
    }
    rest.0.is_empty().then_some(content)
}

/// A header, and what it is of if that is more than its file: see [`Entry::whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct HeaderOf {
    #[serde(flatten)]
    header: ImageHeader,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Digest>,
}

impl HeaderOf {
    fn entry(entry: &Entry) -> Option<Self> {
        Some(Self { header: entry.header?, whole: entry.whole })
    }
}

fn sorted<T>(map: &HashMap<AssetPath, T>) -> Vec<(&AssetPath, &T)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(path, _)| *path);
    entries
}

/// Distinct values, by number: 0 is none, and 1 the first.
struct Listed<T> {
    values: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T: Copy + Eq + Hash + Serialize> Listed<T> {
    /// In the order in which they come first.
    fn of(values: impl Iterator<Item = T>) -> Self {
        let mut listed = Self { values: Vec::new(), places: HashMap::new() };
        for value in values {
            let next = listed.values.len() as u64 + 1;
            if *listed.places.entry(value).or_insert(next) == next {
                listed.values.push(value);
            }
        }
        listed
    }

    fn place(&self, value: Option<T>) -> u64 {
        value.map_or(0, |value| self.places[&value])
    }

    fn put(&self, to: &mut Vec<u8>) -> serde_json::Result<()> {
        put_number(to, self.values.len() as u64);
        for value in &self.values {
            let text = serde_json::to_string(value)?;
            put_number(to, text.len() as u64);
            to.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }
}

fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A difference of two times: the sign is the lowest bit, so that small ones are short.
fn put_difference(to: &mut Vec<u8>, from: i64, until: i64) {
    let difference = until.wrapping_sub(from);
    put_number(to, ((difference << 1) ^ (difference >> 63)) as u64);
}

fn put_path(to: &mut Vec<u8>, before: &str, path: &AssetPath) {
    let path = path.as_str();
    let pairs = before.bytes().zip(path.bytes());
    let mut shared = pairs.take_while(|(one, other)| one == other).count();
    while !path.is_char_boundary(shared) {
        shared -= 1;
    }
    put_number(to, shared as u64);
    put_number(to, (path.len() - shared) as u64);
    to.extend_from_slice(&path.as_bytes()[shared..]);
}

fn put_fingerprint(to: &mut Vec<u8>, fingerprint: &Fingerprint) {
    let Fingerprint { stamp, taken_ns, blob, ours } = fingerprint;
    put_number(to, stamp.size_bytes);
    put_number(to, blob.size_bytes);
    to.extend_from_slice(&stamp.modified_ns.to_le_bytes());
    put_difference(to, stamp.modified_ns, stamp.changed_ns);
    put_difference(to, stamp.modified_ns, *taken_ns);
    put_number(to, stamp.file_id);
    to.push(u8::from(*ours));
    to.extend_from_slice(blob.digest.as_bytes());
}

/// The bytes that are not read yet. All functions return `None` if they are not as written.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    /// A number of entries that the remaining bytes may hold.
    fn count(&mut self) -> Option<usize> {
        self.length().filter(|count| *count <= self.0.len() / LEAST_ENTRY_BYTES)
    }

    fn time_after(&mut self, from: i64) -> Option<i64> {
        let number = self.number()?;
        Some(from.wrapping_add((number >> 1) as i64 ^ -((number & 1) as i64)))
    }

    /// The path after the one in `text`, which it replaces.
    fn path(&mut self, text: &mut String) -> Option<AssetPath> {
        let shared = self.length()?;
        let length = self.length()?;
        if !text.is_char_boundary(shared) {
            return None;
        }
        text.truncate(shared);
        text.push_str(str::from_utf8(self.take(length)?).ok()?);
        text.parse().ok()
    }

    fn fingerprint(&mut self) -> Option<Fingerprint> {
        let (size_bytes, blob_size_bytes) = (self.number()?, self.number()?);
        let modified_ns = i64::from_le_bytes(self.array()?);
        let changed_ns = self.time_after(modified_ns)?;
        let taken_ns = self.time_after(modified_ns)?;
        let file_id = self.number()?;
        let [ours] = self.array()?;
        let digest = Digest::from_bytes(self.array()?);
        Some(Fingerprint {
            stamp: Stamp { size_bytes, modified_ns, changed_ns, file_id },
            taken_ns,
            blob: BlobRef { digest, size_bytes: blob_size_bytes },
            ours: ours == 1,
        })
    }

    fn listed<T: DeserializeOwned>(&mut self) -> Option<Vec<T>> {
        let count = self.length()?;
        let mut values = Vec::new();
        for _ in 0..count {
            let length = self.length()?;
            values.push(serde_json::from_slice(self.take(length)?).ok()?);
        }
        Some(values)
    }

    /// One of the listed values, or none.
    fn placed<T: Copy>(&mut self, values: &[T]) -> Option<Option<T>> {
        match self.length()? {
            0 => Some(None),
            place => values.get(place - 1).copied().map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{ContainerFormat, Crop, Depth, FileTraits};
    use proptest::prelude::*;

    use super::*;
    use crate::test_project::path;

    fn fingerprints() -> impl Strategy<Value = Fingerprint> {
        let stamp = (any::<u64>(), any::<i64>(), any::<i64>(), any::<u64>());
        (stamp, any::<i64>(), any::<[u8; 32]>(), 0..3_u64, any::<bool>()).prop_map(
            |((size_bytes, modified_ns, changed_ns, file_id), taken_ns, digest, size, ours)| {
                let stamp = Stamp { size_bytes, modified_ns, changed_ns, file_id };
                let blob = BlobRef { digest: Digest::from_bytes(digest), size_bytes: size };
                Fingerprint { stamp, taken_ns, blob, ours }
            },
        )
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let header = (1..3_u32, any::<bool>()).prop_map(|(width, alpha)| ImageHeader {
            width,
            height: 7,
            format: ContainerFormat::Tga,
            alpha,
            depth: Depth::Float,
            swaps_sides: alpha,
            traits: FileTraits::default(),
            largest: None,
            array: false,
            layers: 0,
        });
        let look = any::<bool>().prop_map(|normal_map| Look {
            normal_map,
            hidden_colors: false,
            magenta_ground: false,
            border: normal_map.then(|| Crop::all(1)),
        });
        (fingerprints(), proptest::option::of(header), proptest::option::of(look)).prop_map(
            |(fingerprint, header, look)| {
                let whole = header.map(|_| fingerprint.blob.digest);
                Entry { fingerprint, header, whole, look }
            },
        )
    }

    fn paths() -> impl Strategy<Value = AssetPath> {
        "[aä]{1,3}(/[bö]{1,3}){0,2}".prop_map(|text| path(&text))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::hash_map(paths(), entries(), 0..9),
            outputs in proptest::collection::hash_map(paths(), fingerprints(), 0..9),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = render(&entries, &outputs).expect("it is written");
            let read = parse(&bytes).expect("it is read");
            prop_assert_eq!(&bytes, &render(&read.entries, &read.outputs).expect("it is written"));
            prop_assert_eq!(read, Content { entries, outputs });

            let mut broken = bytes.clone();
            broken[cut.index(bytes.len())] ^= 4;
            prop_assert_eq!(parse(&broken), None, "a flipped bit");
            prop_assert_eq!(parse(&bytes[..cut.index(bytes.len())]), None, "a cut");
        }

        /// A digest is no signature: whatever bytes have the right one give an error, not a panic
        /// or an allocation of their choice.
        #[test]
        fn other_bytes_are_refused(rest in proptest::collection::vec(any::<u8>(), 0..99)) {
            let bytes = [MAGIC, Digest::of(&rest).as_bytes(), &rest].concat();
            if let Some(Content { entries, outputs }) = parse(&bytes) {
                prop_assert!(LEAST_ENTRY_BYTES * (entries.len() + outputs.len()) <= rest.len());
            }
        }
    }

    #[test]
    fn counts_beyond_the_file_are_refused() {
        for count in [2, 1 << 20, u64::MAX] {
            let mut rest = vec![0, 0];
            put_number(&mut rest, count);
            put_number(&mut rest, count);
            rest.resize(60, 0);
            let bytes = [MAGIC, Digest::of(&rest).as_bytes(), &rest].concat();
            assert_eq!(parse(&bytes), None, "{count}");
        }
    }
}
