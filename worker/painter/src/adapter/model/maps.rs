//! The maps of a model's surface, which follow the paint as those of a material do.

use std::collections::BTreeMap;

use impasto_assets::{Limits, ModelMap, model_maps, read_header, with_images};
use impasto_engine::{Image, Joins};
use impasto_types::{Common, ContainerFormat, GreenAxis, OutputSpec};

use super::unwrap::Unwrap;
use crate::adapter::surface::{Surface, check_map};
use crate::adapter::{AdapterError, OutputFile, Source};

/// The maps in a model's file.
#[derive(Debug)]
pub(super) struct Maps {
    /// Each with its file and its format.
    maps: Vec<(ModelMap, Source, ContainerFormat)>,
    /// Why one of them stays as it is.
    pub(super) warning: Option<String>,
    common: Common,
    joins: Joins,
    /// The model's name in errors.
    name: String,
}

/// The textures before they were painted, and after.
pub(super) struct Dry {
    pub(super) before: Image,
    pub(super) after: Image,
}

impl Maps {
    /// The maps of a model, if the recipe asks for relief. What is no map of its kind stays as it
    /// is.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) fn read(
        model: &Source,
        common: &Common,
        joins: Joins,
    ) -> Result<Self, AdapterError> {
        let mut common = common.clone();
        if common.green == GreenAxis::Auto {
            // By the standard.
            common.green = GreenAxis::Opengl;
        }
        let found = match common.relief > 0.0 {
            true => model_maps(&model.bytes, &model.name, &Limits::default())?,
            false => Vec::new(),
        };
        let (mut maps, mut warning) = (Vec::with_capacity(found.len()), None);
        for mut map in found {
            let source = Source { name: map.name.clone(), bytes: std::mem::take(&mut map.bytes) };
            let format = read_header(&source.bytes, &source.name, &Limits::default())?.format;
            match check_map(map.part, &source, &common, &joins) {
                Ok(()) => maps.push((map, source, format)),
                Err(AdapterError::File(error)) => return Err(error.into()),
                Err(error) => {
                    warning.get_or_insert_with(|| format!("{error}; it stays as it is"));
                }
            }
        }
        Ok(Self { maps, warning, common, joins, name: model.name.clone() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// Memory that it holds, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.maps.iter().map(|(_, source, _)| source.bytes.len() as u64).sum()
    }

    /// Replaces the maps of a finished model. `limits` is how far each pixel is painted; JPEGs have
    /// this quality.
    ///
    /// # Errors
    /// If one of them cannot be encoded.
    pub(super) fn follow(
        &self,
        file: &mut OutputFile,
        dry: &Dry,
        unwrap: &Unwrap,
        limits: Option<&[f32]>,
        quality: u8,
    ) -> Result<(), AdapterError> {
        let width = dry.after.width;
        let mut new = BTreeMap::new();
        for (place, ((left, top), size)) in unwrap.areas().enumerate() {
            let own = || self.maps.iter().filter(|(map, ..)| map.place == place);
            if own().next().is_none() {
                continue;
            }
            let indices = || {
                let rows = (top..top + size.1).map(move |y| y * width + left);
                rows.flat_map(move |start| start..start + size.0)
            };
            let cut = |image: &Image| Image {
                width: size.0,
                height: size.1,
                rgb: indices().flat_map(|at| &image.rgb[3 * at..3 * at + 3]).copied().collect(),
            };
            let weight = |at: usize| match unwrap.is_used(at) {
                true => limits.map_or(1.0, |limits| limits[at]),
                false => 0.0,
            };
            let weights = Some(indices().map(weight).collect());
            let (before, after) = (cut(&dry.before), cut(&dry.after));
            let surface = Surface::of(before, &after, weights, self.joins, self.common.clone());
            for (map, source, format) in own() {
                let output = OutputSpec { part: map.part, format: *format, quality };
                new.insert(map.image, surface.followed(source, None, output)?.bytes);
            }
        }
        file.bytes = with_images(&file.bytes, &self.name, &new)?;
        Ok(())
    }
}
