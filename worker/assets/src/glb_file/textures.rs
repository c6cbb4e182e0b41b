//! The textures of a model that are to be painted, and where each lies in the picture of all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::ops::Range;

use impasto_types::{ContainerFormat, Depth, FileTraits};

use super::claims::Claims;
use super::document::Document;
use super::images::{Key, Whereabouts, buffer_bytes, images_of, label, whereabouts, wraps};
use super::pack::pack;
use super::twins::{Traces, Twins, sample};
use super::unsupported;
use super::uses::Uses;
use crate::glb_layout::largest_side;
use crate::header::picture_header;
use crate::sniff::sniff;
use crate::{AssetErrorKind, Color, Header, Limits, Orientation, Place};

/// The textures that are painted.
#[derive(Debug, Default)]
pub(crate) struct Textures {
    /// Of the picture of all.
    pub size: (u32, u32),
    /// In the order of the file's images.
    pub painted: Vec<Painted>,
    /// Which of them each texture of the description shows.
    pub of_texture: BTreeMap<usize, Vec<usize>>,
    /// The first of the base colour textures that are not in this file, and so not painted.
    pub elsewhere: Option<String>,
}

/// A texture, which may be in the file in several formats, and more than once.
#[derive(Debug)]
pub(crate) struct Painted {
    pub place: Place,
    /// Never empty, and all of one size; the first one is what is seen.
    pub images: Vec<Stored>,
    pub alpha: AlphaUse,
}

/// What the alpha of a texture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlphaUse {
    /// There is none.
    Absent,
    /// A material has it as its opacity.
    Opacity,
    /// No material has, so that it may be anything.
    Data,
}

/// A file in the buffer.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its number, and its name if it has one.
    pub label: String,
    /// Bytes of the buffer.
    pub range: Range<u64>,
    pub header: Header,
}

/// What the files in the buffer are called by their readers: a name without an extension, so that
/// only the content decides.
pub(crate) const LABEL: &str = "image";

/// A file in the buffer, before it is read.
#[derive(Debug)]
struct Found {
    /// The least number of its images.
    image: usize,
    /// The least number of its textures.
    texture: usize,
    opacity: bool,
}

impl Textures {
    /// Finds them by the description and their files, each of which `read` gives whole: bytes of
    /// the chunk of the buffer, which has `bin_bytes`.
    pub(super) fn read(
        document: &Document<'_>,
        bin_bytes: u64,
        mut read: impl FnMut(&Range<u64>) -> Result<Vec<u8>, AssetErrorKind>,
        limits: &Limits,
    ) -> Result<Self, AssetErrorKind> {
        let buffer = buffer_bytes(document, bin_bytes)?;
        let Search { found, textures, elsewhere } = Search::of(document, buffer)?;
        if found.is_empty() {
            return Err(elsewhere.map_or(AssetErrorKind::NoTextures, |first| {
                AssetErrorKind::TexturesElsewhere { first }
            }));
        }
        Claims::of(document)?.check(found.keys().copied())?;

        let mut found: Vec<(Key, Found)> = found.into_iter().collect();
        found.sort_by_key(|(_, found)| found.image);
        let mut files = Vec::with_capacity(found.len());
        let mut samples = Vec::with_capacity(found.len());
        for ((start, end), Found { image, .. }) in &found {
            let label = label(document, *image);
            let range = *start..*end;
            let bytes = read(&range).map_err(|kind| kind.of_texture(&label))?;
            samples.push(sample(&bytes));
            let format = sniff(LABEL, &bytes).map_err(|kind| kind.of_texture(&label))?;
            check_format(format, &label)?;
            let header = header_of(&bytes, limits).map_err(|kind| kind.of_texture(&label))?;
            files.push(Stored { label, range, header });
        }

        let at: BTreeMap<Key, usize> =
            found.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        let textures: BTreeMap<usize, Vec<usize>> = textures
            .into_iter()
            .map(|(texture, keys)| {
                (texture, keys.iter().filter_map(|key| at.get(key).copied()).collect())
            })
            .collect();
        let sizes: Vec<(u32, u32)> = files.iter().map(Stored::size).collect();
        let mut twins = Twins::of_textures(&sizes, &textures);
        // Copies of a texture share a place, and those that they would have stay empty: a texture
        // may become another's copy when it is painted, and the picture keeps its size then.
        let firsts: BTreeSet<usize> = twins.firsts().into_iter().collect();
        let own_sizes: Vec<(u32, u32)> =
            firsts.iter().filter_map(|first| sizes.get(*first).copied()).collect();
        let (whole, corners) = pack(&own_sizes);
        let size = (side(whole.0), side(whole.1));
        limits.check(size.0, size.1)?;
        let corners: BTreeMap<usize, (u64, u64)> = firsts.into_iter().zip(corners).collect();

        let traces = traces(document, &found, &files, samples, &mut twins)?;
        twins.join_copies(traces, |at| match files.get(at) {
            Some(file) => read(&file.range).map_err(|kind| kind.of_texture(&file.label)),
            None => Ok(Vec::new()),
        })?;
        let first_of = twins.firsts();
        let mut groups: BTreeMap<usize, (Found, Vec<Stored>)> = BTreeMap::new();
        for ((file, (_, found)), first) in files.into_iter().zip(found).zip(&first_of) {
            match groups.get_mut(first) {
                None => {
                    groups.insert(*first, (found, vec![file]));
                }
                Some((known, files)) => {
                    known.texture = known.texture.min(found.texture);
                    known.opacity |= found.opacity;
                    files.push(file);
                }
            }
        }
        let place_of: BTreeMap<usize, usize> =
            groups.keys().enumerate().map(|(place, first)| (*first, place)).collect();
        let of_texture = textures
            .into_iter()
            .map(|(texture, files)| {
                let firsts = files.iter().filter_map(|file| first_of.get(*file));
                let places: BTreeSet<usize> =
                    firsts.filter_map(|first| place_of.get(first).copied()).collect();
                (texture, places.into_iter().collect())
            })
            .collect();

        let painted = groups.into_iter().map(|(first, (found, files))| {
            let corner = corners.get(&first).copied().unwrap_or_default();
            let size = sizes.get(first).copied().unwrap_or_default();
            Painted::new(document, found, files, corner, size)
        });
        Ok(Self { size, painted: painted.collect::<Result<_, _>>()?, of_texture, elsewhere })
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        self.painted.iter().map(|painted| painted.place.clone()).collect()
    }

    /// Whether a texture has alpha of this use.
    pub(crate) fn has(&self, alpha: AlphaUse) -> bool {
        self.painted.iter().any(|painted| painted.alpha == alpha)
    }

    /// The depth of the deepest.
    pub(crate) fn depth(&self) -> Depth {
        let has = |depth| self.files().any(|file| file.header.depth == depth);
        let deepest = [Depth::Float, Depth::Sixteen].into_iter().find(|depth| has(*depth));
        deepest.unwrap_or(Depth::Eight)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Stored> {
        self.painted.iter().flat_map(|painted| &painted.images)
    }

    pub(crate) fn header(&self) -> Header {
        // What the encoder of a texture's own format keeps is not lost.
        let lost = |file: &Stored| {
            let format = file.header.format;
            file.header.traits.iter().filter(move |one| !one.is_kept_by(format)).collect::<Vec<_>>()
        };
        let traits: FileTraits = self.files().flat_map(lost).collect();
        Header {
            format: ContainerFormat::Glb,
            width: self.size.0,
            height: self.size.1,
            color: Color::Rgb,
            alpha: self.has(AlphaUse::Opacity),
            depth: self.depth(),
            extra: u32::from(self.has(AlphaUse::Data)),
            orientation: Orientation::Normal,
            traits,
            largest: Some(largest_side(&self.places())),
            sheet: None,
            layers: 0,
        }
    }
}

/// What copies of each file have in common with it. `samples` are of the files.
fn traces(
    document: &Document<'_>,
    found: &[(Key, Found)],
    files: &[Stored],
    samples: Vec<Vec<u8>>,
    twins: &mut Twins,
) -> Result<Vec<Traces>, AssetErrorKind> {
    // The least texture of each group, which says how it is shown, and whether it has alpha.
    let mut groups: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
    for (at, ((_, found), file)) in found.iter().zip(files).enumerate() {
        let (texture, alpha) = groups.entry(twins.first(at)).or_insert((found.texture, false));
        *texture = found.texture.min(*texture);
        *alpha |= file.header.alpha;
    }
    let mut traces = Vec::with_capacity(files.len());
    for (at, (file, sample)) in files.iter().zip(samples).enumerate() {
        let (texture, alpha) = groups.get(&twins.first(at)).copied().unwrap_or_default();
        let bytes = file.range.end - file.range.start;
        traces.push(Traces { bytes, sample, wraps: wraps(document, texture)?, alpha });
    }
    Ok(traces)
}

impl Painted {
    fn new(
        document: &Document<'_>,
        Found { image, texture, opacity }: Found,
        mut images: Vec<Stored>,
        (x, y): (u64, u64),
        (width, height): (u32, u32),
    ) -> Result<Self, AssetErrorKind> {
        let name = document.images.get(image).and_then(|image| image.name.clone());
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("image {image}"));
        let place =
            Place { x: side(x), y: side(y), width, height, wraps: wraps(document, texture)?, name };
        // The picture with alpha is the whole picture.
        images.sort_by_key(|file| !file.header.alpha);
        let alpha = match (images.first().is_some_and(|file| file.header.alpha), opacity) {
            (false, _) => AlphaUse::Absent,
            (true, true) => AlphaUse::Opacity,
            (true, false) => AlphaUse::Data,
        };
        Ok(Self { place, images, alpha })
    }
}

impl Stored {
    fn size(&self) -> (u32, u32) {
        (self.header.width, self.header.height)
    }
}

/// What the description says of the files in the buffer.
#[derive(Debug, Default)]
struct Search {
    found: BTreeMap<Key, Found>,
    /// The files of each texture.
    textures: BTreeMap<usize, Vec<Key>>,
    /// The first of the files that are not in the buffer.
    elsewhere: Option<String>,
}

impl Search {
    fn of(document: &Document<'_>, buffer: u64) -> Result<Self, AssetErrorKind> {
        let uses = Uses::of(document)?;
        let mut data = BTreeSet::new();
        for texture in &uses.data {
            for image in images_of(document, *texture)? {
                if let Whereabouts::Here(key) = whereabouts(document, image, buffer)? {
                    data.insert(key);
                }
            }
        }
        let mut search = Self::default();
        for (&texture, &opacity) in &uses.base {
            let mut keys = Vec::new();
            for image in images_of(document, texture)? {
                match whereabouts(document, image, buffer)? {
                    Whereabouts::Here(key) if data.contains(&key) => {}
                    Whereabouts::Here(key) => {
                        let new = Found { image, texture, opacity };
                        let found = search.found.entry(key).or_insert(new);
                        found.image = found.image.min(image);
                        found.opacity |= opacity;
                        keys.push(key);
                    }
                    Whereabouts::Elsewhere(name) => {
                        search.elsewhere.get_or_insert(name);
                    }
                }
            }
            search.textures.insert(texture, keys);
        }
        Ok(search)
    }
}

/// Refuses what neither the standard nor its extensions have, since nothing else could read it.
fn check_format(format: ContainerFormat, label: &str) -> Result<(), AssetErrorKind> {
    use ContainerFormat as F;
    match format {
        F::Png | F::Jpeg | F::Webp | F::Dds | F::Ktx2 => Ok(()),
        F::Tga | F::Tiff | F::Bmp | F::Exr | F::Hdr | F::Qoi | F::Psd | F::Glb | F::Gltf => {
            Err(unsupported(format!("a texture, {label}, that is a {format}")))
        }
    }
}

/// The header of a texture that can be painted and written again.
fn header_of(bytes: &[u8], limits: &Limits) -> Result<Header, AssetErrorKind> {
    let header = picture_header(Cursor::new(bytes), bytes.len() as u64, LABEL, limits)?;
    match header.depth {
        Depth::Float => Err(unsupported("a texture that holds light")),
        Depth::Eight | Depth::Sixteen => Ok(header),
    }
}

/// Sides beyond any limit stay so.
fn side(length: u64) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
