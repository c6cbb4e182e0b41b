//! From a model's text and its files to one GLB.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::super::document::Whole;
use super::uri::{Address, address, data};
use super::{Contents, damaged, files, numbers, text, unread, unsupported};
use crate::AssetErrorKind;

/// The least common alignment of everything that a buffer holds.
const STEP: usize = 8;

/// One GLB of a model and its files, by their numbers. What is in none of these files stays where
/// it is: textures are then not painted, and surfaces not read.
///
/// # Errors
/// If the text is damaged, or a buffer's file is shorter than the text says.
pub(crate) fn gather(bytes: &[u8], contents: &Contents<'_>) -> Result<Vec<u8>, AssetErrorKind> {
    let files = files(bytes)?;
    let mut document: Map<String, Value> = serde_json::from_str(text(bytes)?).map_err(unread)?;
    let mut bin =
        Bin { contents, numbers: numbers(&files), bytes: Vec::new(), known: BTreeMap::new() };

    // Those of which there are no bytes come after the one that has all.
    let mut places = Vec::new();
    let mut buffers = vec![Value::Null];
    for (number, buffer) in list(&mut document, "buffers").iter().enumerate() {
        match bin.place(buffer)? {
            Some(Range { start, end }) => {
                let (has, length) = (end - start, whole(buffer, "byteLength").unwrap_or(0));
                if length > has as u64 {
                    let reason = format!("buffer {number} has {has} bytes instead of {length}");
                    return Err(damaged(reason));
                }
                places.push(Place::At(start));
            }
            None => {
                places.push(Place::Beside(buffers.len()));
                buffers.push(buffer.clone());
            }
        }
    }
    for view in list(&mut document, "bufferViews") {
        move_view(view, &places);
        let extensions = view.get_mut("extensions").and_then(Value::as_object_mut);
        extensions
            .into_iter()
            .flat_map(|all| all.values_mut())
            .for_each(|it| move_view(it, &places));
    }

    let first_new = list(&mut document, "bufferViews").len();
    // Images in one file have one view.
    let mut views: Vec<Range<usize>> = Vec::new();
    let mut known: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for image in list(&mut document, "images") {
        if image.get("bufferView").is_some() {
            continue;
        }
        let Some(range) = bin.place(image)? else { continue };
        let view = *known.entry((range.start, range.end)).or_insert(views.len());
        if view == views.len() {
            views.push(range);
        }
        describe(image, first_new + view)?;
    }
    if !views.is_empty() {
        let all = document.entry("bufferViews").or_insert_with(|| json!([]));
        let all = all.as_array_mut().ok_or_else(|| damaged("`bufferViews` is no list"))?;
        all.extend(views.into_iter().map(|Range { start, end }| {
            json!({ "buffer": 0, "byteOffset": start, "byteLength": end - start })
        }));
    }
    buffers[0] = json!({ "byteLength": bin.bytes.len() });
    document.insert("buffers".to_owned(), Value::Array(buffers));
    glb(&Value::Object(document).to_string(), &bin.bytes)
}

/// The buffer of all.
struct Bin<'a> {
    contents: &'a Contents<'a>,
    numbers: BTreeMap<&'a str, usize>,
    bytes: Vec<u8>,
    /// Where each file is that is in it.
    known: BTreeMap<usize, Range<usize>>,
}

impl Bin<'_> {
    /// Where the bytes are that a buffer's or an image's address leads to, which are added if they
    /// are not there; none if there are no bytes.
    fn place(&mut self, holder: &Value) -> Result<Option<Range<usize>>, AssetErrorKind> {
        let Some(uri) = holder.get("uri").and_then(Value::as_str) else { return Ok(None) };
        let Address::File(path) = address(uri)? else {
            return Ok(Some(self.append(&data(uri)?)));
        };
        let Some(number) = self.numbers.get(path.as_str()).copied() else { return Ok(None) };
        if let Some(known) = self.known.get(&number) {
            return Ok(Some(known.clone()));
        }
        let Some(bytes) = self.contents.get(&number) else { return Ok(None) };
        let range = self.append(bytes);
        self.known.insert(number, range.clone());
        Ok(Some(range))
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        self.bytes.resize(self.bytes.len().next_multiple_of(STEP), 0);
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        start..self.bytes.len()
    }
}

/// Says that an image is in a view, and what it is called: by its file, if it has no name.
fn describe(image: &mut Value, view: usize) -> Result<(), AssetErrorKind> {
    let image = image.as_object_mut().ok_or_else(|| damaged("an image is nowhere"))?;
    image.insert("bufferView".to_owned(), json!(view));
    let address = image.get("uri").and_then(Value::as_str).map(address).transpose()?;
    let Some(Address::File(path)) = address else {
        // It would be there twice.
        image.remove("uri");
        return Ok(());
    };
    if image.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        let name = path.rsplit('/').next().unwrap_or(&path);
        image.insert("name".to_owned(), json!(name));
    }
    Ok(())
}

/// Where the bytes of a buffer are.
enum Place {
    /// In the buffer of all, from here on.
    At(usize),
    /// In a buffer of this number, of which nothing is known.
    Beside(usize),
}

/// The elements of a list, if the document has it.
fn list<'a>(document: &'a mut Map<String, Value>, name: &str) -> &'a mut [Value] {
    document.get_mut(name).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn whole(value: &Value, field: &str) -> Option<u64> {
    Whole::deserialize(value.get(field)?).ok().map(|Whole(number)| number)
}

/// Brings a part of a buffer to where that buffer is. What names no buffer is none, and one that
/// does not exist is found to be damaged when it is needed.
fn move_view(view: &mut Value, places: &[Place]) {
    let place = whole(view, "buffer").and_then(|buffer| places.get(usize::try_from(buffer).ok()?));
    let (Some(place), start) = (place, whole(view, "byteOffset").unwrap_or(0)) else {
        if let Some(buffer) = view.get_mut("buffer") {
            *buffer = json!(u32::MAX);
        }
        return;
    };
    match place {
        Place::At(at) => {
            view["buffer"] = json!(0);
            view["byteOffset"] = json!(start.saturating_add(*at as u64));
        }
        Place::Beside(number) => view["buffer"] = json!(number),
    }
}

/// A GLB of a description and a buffer.
fn glb(json: &str, bin: &[u8]) -> Result<Vec<u8>, AssetErrorKind> {
    let padded = |length: usize| length.next_multiple_of(4);
    let length = 12 + 8 + padded(json.len()) + 8 + padded(bin.len());
    let length = u32::try_from(length)
        .map_err(|_| unsupported("more than 4 GiB of geometry and textures"))?;
    let mut bytes = Vec::with_capacity(length as usize);
    bytes.extend(b"glTF");
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    for (kind, content, with) in [(b"JSON", json.as_bytes(), b' '), (b"BIN\0", bin, 0)] {
        // Checked with the length of the whole.
        bytes.extend((padded(content.len()) as u32).to_le_bytes());
        bytes.extend(kind);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(4), with);
    }
    Ok(bytes)
}
