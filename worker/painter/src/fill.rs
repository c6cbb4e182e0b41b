//! Fills holes in a picture from the rest of it, or makes it tile: see [`impasto_engine::fill`].

use std::collections::BTreeMap;

use impasto_assets::{AssetError, AssetErrorKind, Limits, read_header};
use impasto_engine::fill::{Fill, Filled, Holes};
use impasto_engine::{EngineError, Interrupt};
use impasto_types::{AssetKind, OutputSpec, Part, Preset, Tileable};

use crate::adapter::{Adapter, AdapterError, Filling, OpenAsset, Opened, PictureAdapter};
use crate::{OutputFile, PaintError, Source, View, machine};

/// A picture whose holes are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledFile {
    pub file: OutputFile,
    /// How many pixels were holes.
    pub holes: usize,
    /// How many pixels are others than before, those around holes among them.
    pub changed: usize,
}

/// What decoding and encoding take beside filling, in bytes a pixel.
const HELD_BYTES: u64 = 48;

impl Filling {
    /// Fills a picture where the mask is white, and writes it as `output` asks, on so many threads
    /// and in `memory_bytes` of memory, or what is free.
    ///
    /// # Errors
    /// If a file cannot be read, there is nothing to fill from, or it was interrupted.
    pub fn fill(
        self,
        source: &Source,
        mask: Option<&Source>,
        output: OutputSpec,
        (threads, memory_bytes): (usize, Option<u64>),
        interrupt: &Interrupt,
    ) -> Result<FilledFile, PaintError> {
        let asset = source.name.as_str();
        let given_bytes = memory_bytes.unwrap_or_else(machine::default_memory_bytes);
        check(source, given_bytes)?;
        let unusable =
            |error: AdapterError| PaintError::of_adapter(asset, &AssetKind::photograph(), error);
        let mut recipe = Preset::Texture.recipe();
        let joins = self.joins();
        recipe.common_mut().tileable = match (joins.repeats_across(), joins.repeats_down()) {
            (true, true) => Tileable::Both,
            (true, false) => Tileable::X,
            (false, true) => Tileable::Y,
            (false, false) => Tileable::None,
        };
        let mut files = BTreeMap::from([(Part::Color, source)]);
        files.extend(mask.map(|mask| (Part::Mask, mask)));
        let adapter = PictureAdapter::filling(self);
        let Opened { views, asset: mut opened, .. } =
            adapter.open(&files, &recipe).map_err(unusable)?;
        let failed = |error: EngineError| match error {
            EngineError::Interrupted => PaintError::Canceled { asset: asset.to_owned() },
            error => PaintError::of_engine(asset, given_bytes, 0, error),
        };
        let (mut images, mut holes, mut changed) = (Vec::new(), 0, 0);
        for View { image, coverage, mask, .. } in views {
            let Some(image) = image else { continue };
            // What the adapter made of the mask and the borders.
            let none = Holes::none(image.width, image.height);
            let own = match mask {
                Some(mask) => none.masked(&mask, 0, &joins).map_err(failed)?,
                None => none,
            };
            let (coverage, joins) = (coverage.as_ref(), &joins);
            let fill = Fill { image: &image, coverage, holes: &own, joins };
            let Filled { image, is_new } = fill.run(threads, interrupt).map_err(failed)?;
            if coverage.is_some() {
                show(&mut *opened, &is_new);
            }
            holes += own.missing();
            changed += is_new.iter().filter(|is_new| **is_new).count();
            images.push(image);
        }
        let files = opened.close(images, &[output]).map_err(unusable)?;
        // One for the one output.
        let file = files.into_iter().next();
        let file = file.ok_or(AdapterError::UnknownOutput(output.part)).map_err(unusable)?;
        Ok(FilledFile { file, holes, changed })
    }
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

/// Makes pixels opaque that were filled, as those are that they were filled from.
fn show(asset: &mut dyn OpenAsset, is_new: &[bool]) {
    if let Some(alpha) = asset.alpha() {
        let alpha = alpha.iter().zip(is_new);
        let alpha = alpha.map(|(alpha, is_new)| if *is_new { 1.0 } else { *alpha }).collect();
        asset.repaint_alpha(alpha);
    }
}
