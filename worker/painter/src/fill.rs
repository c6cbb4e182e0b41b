//! Fills holes in a picture from the rest of it, or makes it tile: see [`impasto_engine::fill`].

use std::collections::BTreeMap;

use impasto_assets::{AssetError, AssetErrorKind, Limits, read_header};
use impasto_engine::fill::{Fill, Filled, Holes};
use impasto_engine::{EngineError, Image, Interrupt};
use impasto_types::{AssetKind, OutputSpec, Part, Preset, Recipe, Tileable};

use crate::adapter::{
    Adapter, AdapterError, Filling, OpenAsset, Opened, PictureAdapter, check_shape,
};
use crate::{OutputFile, PaintError, Source, View, machine};

/// A picture that is filled, and the maps that belong to it, which are filled from the same places.
#[derive(Debug, Clone, Copy)]
pub struct Filler<'a> {
    pub picture: &'a Source,
    /// White where the picture has holes.
    pub mask: Option<&'a Source>,
    /// Each has the picture's size.
    pub maps: &'a [Source],
    pub filling: Filling,
    pub threads: usize,
    /// The most memory that may be used, in bytes; without a number, four fifths of what is free.
    pub memory_bytes: Option<u64>,
}

/// Pictures whose holes are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledFiles {
    /// The picture, then its maps.
    pub files: Vec<OutputFile>,
    /// How many pixels were holes.
    pub holes: usize,
    /// How many pixels show others than before, those around holes among them.
    pub changed: usize,
}

/// What decoding and encoding a picture take beside filling, in bytes a pixel.
const HELD_BYTES: u64 = 48;

/// A decoded file.
struct Own<'a> {
    source: &'a Source,
    image: Image,
    view: View,
    asset: Box<dyn OpenAsset>,
}

impl Filler<'_> {
    /// Fills them, and writes the picture and each map as `outputs` ask, which are in this order.
    ///
    /// # Errors
    /// If a file cannot be read or a map has another size, if there is nothing to fill from or too
    /// little memory, or if it was interrupted.
    pub fn fill(
        &self,
        outputs: &[OutputSpec],
        interrupt: &Interrupt,
    ) -> Result<FilledFiles, PaintError> {
        let name = &self.picture.name;
        let given_bytes = self.memory_bytes.unwrap_or_else(machine::default_memory_bytes);
        for source in [self.picture].into_iter().chain(self.maps) {
            check(source, given_bytes)?;
        }
        let failed = |error: EngineError| match error {
            EngineError::Interrupted => PaintError::Canceled { asset: name.clone() },
            error => PaintError::of_engine(name, given_bytes, 0, error),
        };
        let recipe = self.recipe();
        let adapter = PictureAdapter::filling(self.filling);
        let own = Own::open(adapter, self.picture, self.mask, &recipe)?;
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
        let filled = fill.run(self.threads, interrupt).map_err(failed)?;

        let mut outputs = outputs.iter();
        let mut files = Vec::new();
        files.extend(own.close(&filled, filled.image.rgb.clone(), outputs.next())?);
        for source in self.maps {
            let own = Own::open(PictureAdapter::of_photographs(), source, None, &recipe)?;
            check_shape(&source.name, (own.image.width, own.image.height), "picture", size)
                .map_err(|error| unusable(source, error))?;
            let rgb = filled.along(&own.image.rgb, 3);
            files.extend(own.close(&filled, rgb, outputs.next())?);
        }
        let moved = filled.from.iter().enumerate().filter(|(at, from)| *at != **from as usize);
        Ok(FilledFiles { files, holes: holes.missing(), changed: moved.count() })
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
        source: &'a Source,
        mask: Option<&Source>,
        recipe: &Recipe,
    ) -> Result<Self, PaintError> {
        let mut files = BTreeMap::from([(Part::Color, source)]);
        files.extend(mask.map(|mask| (Part::Mask, mask)));
        let opened = adapter.open(&files, recipe).map_err(|error| unusable(source, error))?;
        let Opened { views, asset, .. } = opened;
        // A picture is one view.
        let view = views.into_iter().next();
        let view = view.and_then(|mut view| Some((view.image.take()?, view)));
        let missing = || unusable(source, AdapterError::MissingPart(Part::Color));
        let (image, view) = view.ok_or_else(missing)?;
        Ok(Self { source, image, view, asset })
    }

    /// Writes it with other colours; its alpha comes from where they do.
    fn close(
        mut self,
        filled: &Filled,
        rgb: Vec<f32>,
        output: Option<&OutputSpec>,
    ) -> Result<Vec<OutputFile>, PaintError> {
        if let Some(alpha) = self.asset.alpha().map(|alpha| filled.along(alpha, 1)) {
            self.asset.repaint_alpha(alpha);
        }
        let Image { width, height, .. } = self.image;
        let image = Image { width, height, rgb };
        let outputs: Vec<OutputSpec> = output.into_iter().copied().collect();
        self.asset.close(vec![image], &outputs).map_err(|error| unusable(self.source, error))
    }
}

fn unusable(source: &Source, error: AdapterError) -> PaintError {
    PaintError::of_adapter(&source.name, &AssetKind::photograph(), error)
}

/// Refuses what is no picture, and a picture that does not fit into memory.
fn check(source: &Source, given_bytes: u64) -> Result<(), PaintError> {
    let header = read_header(&source.bytes, &source.name, &Limits::default())?;
    if header.format.is_model() || header.is_cube() {
        let (name, kind) = (source.name.clone(), AssetErrorKind::NotAPicture);
        return Err(AssetError { name, kind }.into());
    }
    let pixels = header.footprint().pixels();
    let least_bytes = source.bytes.len() as u64 + pixels * (Fill::BYTES_PER_PX + HELD_BYTES);
    if least_bytes > given_bytes {
        return Err(PaintError::Picture {
            asset: source.name.clone(),
            name: source.name.clone(),
            width: header.width,
            height: header.height,
            least_bytes,
            given_bytes,
        });
    }
    Ok(())
}
