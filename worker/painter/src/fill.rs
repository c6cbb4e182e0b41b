//! Fills holes in a picture from the rest of it, or makes it tile: see [`impasto_engine::fill`].

use std::collections::BTreeMap;

use impasto_assets::{AssetError, AssetErrorKind, Limits, read_header};
use impasto_engine::fill::{Fill, Filled, Holes};
use impasto_engine::{EngineError, Image, Interrupt};
use impasto_types::{AlphaUse, ByteSize, FailureKind, OutputSpec, Part, Preset, Recipe, Tileable};

use crate::adapter::{Adapter, AdapterError, Filling, OpenAsset, Opened, PictureAdapter};
use crate::{OutputFile, Source, View, machine};

/// A picture that is filled, and the maps that belong to it, which are filled from the same places;
/// each with how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Filler<'a> {
    pub picture: (&'a Source, OutputSpec),
    /// White where the picture has holes.
    pub mask: Option<&'a Source>,
    /// Each has the picture's size.
    pub maps: &'a [(Source, OutputSpec)],
    pub filling: Filling,
    pub threads: usize,
    /// The most memory that may be used, in bytes; without a number, four fifths of what is free.
    pub memory_bytes: Option<u64>,
}

/// Pictures whose holes are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledFiles {
    pub picture: OutputFile,
    /// In the order in which they were given.
    pub maps: Vec<OutputFile>,
    /// How many pixels were holes.
    pub holes: usize,
    /// How many pixels have other colours than before, those around holes among them.
    pub changed: usize,
}

/// Why a picture cannot be filled. The text names the file that is at fault.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    #[error(transparent)]
    File(#[from] AssetError),
    #[error("`{name}` cannot be filled")]
    Adapter { name: String, source: Box<AdapterError> },
    #[error("`{name}` cannot be filled")]
    Engine { name: String, source: EngineError },
    #[error(
        "filling `{name}`, {width} x {height} pixels, takes {} of memory, but may take no more \
         than {}",
        ByteSize(*least_bytes),
        ByteSize(*given_bytes)
    )]
    Memory { name: String, width: u32, height: u32, least_bytes: u64, given_bytes: u64 },
    #[error(
        "`{name}` has {} x {} pixels, and the picture {} x {}: a map that is filled with it has \
         its size", size.0, size.1, picture.0, picture.1
    )]
    MapSize { name: String, size: (usize, usize), picture: (usize, usize) },
    #[error("filling `{name}` was canceled")]
    Canceled { name: String },
}

impl FillError {
    /// The kind of failure: [`FailureKind::Input`] if a file is at fault.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::File(_) | Self::Adapter { .. } | Self::MapSize { .. } => FailureKind::Input,
            Self::Engine { source, .. } => source.kind(),
            Self::Memory { .. } => FailureKind::Shortage,
            Self::Canceled { .. } => FailureKind::Transient,
        }
    }
}

/// What decoding and encoding a picture take beside filling, in bytes a pixel.
const HELD_BYTES: u64 = 48;

/// A decoded file.
struct Own<'a> {
    source: &'a Source,
    output: OutputSpec,
    image: Image,
    view: View,
    asset: Box<dyn OpenAsset>,
}

impl Filler<'_> {
    /// Fills the picture and its maps.
    ///
    /// # Errors
    /// If a file cannot be read or a map has another size, if there is nothing to fill from or too
    /// little memory, or if it was interrupted.
    pub fn fill(&self, interrupt: &Interrupt) -> Result<FilledFiles, FillError> {
        let (source, output) = self.picture;
        let given_bytes = self.memory_bytes.unwrap_or_else(machine::default_memory_bytes);
        for source in [source].into_iter().chain(self.maps.iter().map(|(map, _)| map)) {
            check(source, given_bytes)?;
        }
        let failed = |error: EngineError| match (source.name.clone(), error) {
            (name, EngineError::Interrupted) => FillError::Canceled { name },
            (name, source) => FillError::Engine { name, source },
        };
        let adapter = PictureAdapter::filling(self.filling);
        let own = Own::open(adapter, (source, output), self.mask, &self.recipe())?;
        let View { coverage, mask, joins, .. } = &own.view;
        let size = (own.image.width, own.image.height);
        // What the adapter made of the mask and the borders.
        let none = Holes::none(size.0, size.1);
        let holes = match mask {
            Some(mask) => none.masked(mask, 0, joins).map_err(failed)?,
            None => none,
        };
        let (image, coverage) = (&own.image, coverage.as_ref());
        let fill = Fill { image, coverage, holes: &holes, joins };
        let mut filled = fill.run(self.threads, interrupt).map_err(failed)?;
        let rgb = std::mem::take(&mut filled.image.rgb);
        let pixels = rgb.chunks_exact(3).zip(image.rgb.chunks_exact(3));
        let changed = pixels.filter(|(new, old)| new != old).count();
        let picture = own.close(&filled, rgb)?;

        let mut of_maps = self.recipe();
        // All that a map has belongs to it, whatever its alpha is.
        of_maps.common_mut().alpha = AlphaUse::Data;
        let map = |(source, output): &(Source, OutputSpec)| {
            let adapter = PictureAdapter::of_photographs();
            let own = Own::open(adapter, (source, *output), None, &of_maps)?;
            let own_size = (own.image.width, own.image.height);
            if own_size != size {
                let name = source.name.clone();
                return Err(FillError::MapSize { name, size: own_size, picture: size });
            }
            let rgb = filled.along(&own.image.rgb, 3);
            own.close(&filled, rgb)
        };
        let maps = self.maps.iter().map(map).collect::<Result<_, _>>()?;
        Ok(FilledFiles { picture, maps, holes: holes.missing(), changed })
    }

    /// What adapters need to know: whether the result tiles.
    fn recipe(&self) -> Recipe {
        let joins = self.filling.joins();
        let mut recipe = Preset::Texture.recipe();
        recipe.common_mut().tileable = match (joins.repeats_across(), joins.repeats_down()) {
            (true, true) => Tileable::Both,
            (true, false) => Tileable::X,
            (false, true) => Tileable::Y,
            (false, false) => Tileable::None,
        };
        recipe
    }
}

impl<'a> Own<'a> {
    fn open(
        adapter: PictureAdapter,
        (source, output): (&'a Source, OutputSpec),
        mask: Option<&Source>,
        recipe: &Recipe,
    ) -> Result<Self, FillError> {
        let mut files = BTreeMap::from([(Part::Color, source)]);
        files.extend(mask.map(|mask| (Part::Mask, mask)));
        let opened = adapter.open(&files, recipe).map_err(|error| unusable(source, error))?;
        let Opened { views, asset, .. } = opened;
        // A picture is one view.
        let view = views.into_iter().next();
        let view = view.and_then(|mut view| Some((view.image.take()?, view)));
        let missing = || unusable(source, AdapterError::MissingPart(Part::Color));
        let (image, view) = view.ok_or_else(missing)?;
        Ok(Self { source, output, image, view, asset })
    }

    /// Writes it with other colours. What else its pixels have comes from where they do.
    fn close(mut self, filled: &Filled, rgb: Vec<f32>) -> Result<OutputFile, FillError> {
        self.asset.move_planes(&|plane| filled.along(plane, 1));
        let Image { width, height, .. } = self.image;
        let image = Image { width, height, rgb };
        let files = self.asset.close(vec![image], &[self.output]);
        let file = files.map(|files| files.into_iter().next());
        // One for the one output.
        file.and_then(|file| file.ok_or(AdapterError::UnknownOutput(self.output.part)))
            .map_err(|error| unusable(self.source, error))
    }
}

fn unusable(source: &Source, error: AdapterError) -> FillError {
    match error {
        AdapterError::File(error) => error.into(),
        error => FillError::Adapter { name: source.name.clone(), source: Box::new(error) },
    }
}

/// Refuses what is no picture, and a picture that does not fit into memory.
fn check(source: &Source, given_bytes: u64) -> Result<(), FillError> {
    let header = read_header(&source.bytes, &source.name, &Limits::default())?;
    let name = source.name.clone();
    if header.format.is_model() || header.sheet.is_some() {
        return Err(AssetError { name, kind: AssetErrorKind::NotAPicture }.into());
    }
    let pixels = header.footprint().pixels();
    let least_bytes = source.bytes.len() as u64 + pixels * (Fill::BYTES_PER_PX + HELD_BYTES);
    if least_bytes > given_bytes {
        let (width, height) = (header.width, header.height);
        return Err(FillError::Memory { name, width, height, least_bytes, given_bytes });
    }
    Ok(())
}
