//! From a painted GLB back to a model's text and its files.

use std::collections::BTreeMap;
use std::io::Cursor;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::Container;
use super::super::document::Document;
use super::super::images::{Key, Whereabouts, buffer_bytes, whereabouts};
use super::super::rebuild::{Replacements, Splices, buffer, describe};
use super::uri::{data, with_data};
use super::{Contents, damaged, files, number_of, numbers, parsed, text, unread};
use crate::{AssetErrorKind, Scattered};

/// The addresses of a text, at their places in it.
#[derive(Debug, Deserialize)]
struct Addresses<'a> {
    #[serde(borrow, default)]
    buffers: Vec<Holder<'a>>,
    #[serde(borrow, default)]
    images: Vec<Holder<'a>>,
}

#[derive(Debug, Deserialize)]
struct Holder<'a> {
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
}

/// What has changed from one GLB of a model to another, in its text and in its files.
///
/// # Errors
/// If these are not GLBs of the model.
pub(crate) fn scatter(
    bytes: &[u8],
    contents: &Contents<'_>,
    before: &[u8],
    after: &[u8],
) -> Result<Scattered, AssetErrorKind> {
    let files = files(bytes)?;
    let numbers = numbers(&files);
    let text = text(bytes)?;
    let document = parsed(text)?;
    let addresses: Addresses<'_> = serde_json::from_str(text).map_err(unread)?;
    let (before, after) = (Images::of(before)?, Images::of(after)?);

    let mut changed: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut splices = Splices::of(text);
    // By the number of the buffer.
    let mut held: BTreeMap<usize, Replacements> = BTreeMap::new();
    for (number, image) in document.images.iter().enumerate() {
        let (Some(old), Some(new)) = (before.bytes(number), after.bytes(number)) else { continue };
        if old == new {
            continue;
        }
        if let Some(view) = image.buffer_view {
            let view = document.buffer_views.get(view.index());
            let view = view.ok_or_else(|| damaged("an image is nowhere"))?;
            let range = view.range()?;
            let own = held.entry(view.buffer.index()).or_default();
            own.insert((range.start, range.end), new.to_vec());
        } else if let Some(uri) = &image.uri {
            match number_of(uri, &numbers)? {
                Some(file) => drop(changed.insert(file, new.to_vec())),
                None => set_data(&mut splices, addresses.images.get(number), uri, new),
            }
        }
    }
    for (&number, new) in &held {
        let uri = document.buffers.get(number).and_then(|holder| holder.uri.as_deref());
        let uri = uri.ok_or_else(|| damaged(format!("buffer {number} is nowhere")))?;
        let file = number_of(uri, &numbers)?;
        let own;
        let old = match file {
            Some(file) => *contents
                .get(&file)
                .ok_or_else(|| damaged(format!("buffer {number} is nowhere")))?,
            None => {
                own = data(uri)?;
                &own[..]
            }
        };
        let rebuilt = buffer(old, new)?;
        describe(&mut splices, &document, number, new)?;
        match file {
            Some(file) => drop(changed.insert(file, rebuilt)),
            None => set_data(&mut splices, addresses.buffers.get(number), uri, &rebuilt),
        }
    }
    let mark = bytes.len() - text.len();
    let text = [&bytes[..mark], splices.apply().as_bytes()].concat();
    Ok(Scattered { text, files: changed })
}

/// Writes the data of an address anew.
fn set_data(splices: &mut Splices<'_>, holder: Option<&Holder<'_>>, uri: &str, bytes: &[u8]) {
    if let Some(at) = holder.and_then(|holder| holder.uri) {
        splices.set_text(at, &with_data(uri, bytes));
    }
}

/// The images in a GLB, by their numbers.
struct Images<'a> {
    glb: &'a [u8],
    container: Container,
    /// None for one that is elsewhere.
    keys: Vec<Option<Key>>,
}

impl<'a> Images<'a> {
    fn of(glb: &'a [u8]) -> Result<Self, AssetErrorKind> {
        let container = Container::read(&mut Cursor::new(glb), glb.len() as u64)?;
        let document = Document::parse(&container.json)?;
        let length = buffer_bytes(&document, container.bin_bytes())?;
        let key = |image| match whereabouts(&document, image, length) {
            Ok(Whereabouts::Here(key)) => Some(key),
            _ => None,
        };
        let keys = (0..document.images.len()).map(key).collect();
        Ok(Self { glb, container, keys })
    }

    fn bytes(&self, image: usize) -> Option<&'a [u8]> {
        let (start, end) = self.keys.get(image).copied().flatten()?;
        self.container.part(self.glb, &(start..end)).ok()
    }
}
