//! The files that are painted from.

use std::collections::BTreeMap;

use impasto_types::{
    Action, AssetKind, BlobRef, Input, ModelRef, OutputSpec, Part, Recipe, StyleRef,
};

use crate::Source;

/// The files that an action names.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The asset's own files, and [`Part::Init`].
    pub files: BTreeMap<Part, Source>,
    /// The style images, in the action's order.
    pub styles: Vec<Source>,
    /// The checkpoint of an earlier attempt at the same action: see
    /// [`PaintError::Stopped`](crate::PaintError::Stopped).
    pub checkpoint: Option<Vec<u8>>,
}

impl Sources {
    /// A plain picture and the images of its style.
    pub fn picture(asset: Source, styles: Vec<Source>) -> Self {
        Self { files: [(Part::Color, asset)].into(), styles, checkpoint: None }
    }

    /// The action that paints these files as an asset of `kind`, a picture or a photograph.
    /// `weights` are the styles' shares; each output is a file to write.
    pub fn action(
        &self,
        kind: AssetKind,
        recipe: Recipe,
        weights: &[f32],
        models: Vec<ModelRef>,
        outputs: Vec<OutputSpec>,
    ) -> Action {
        let blob = |source: &Source| BlobRef::of(&source.bytes);
        let inputs = self.files.iter().map(|(part, file)| Input::blob(*part, blob(file)));
        let styles = self.styles.iter().zip(weights);
        Action {
            method_version: recipe.method().version(),
            recipe,
            kind,
            inputs: inputs.collect(),
            styles: styles.map(|(style, weight)| StyleRef::whole(blob(style), *weight)).collect(),
            regions: None,
            texture: None,
            models,
            outputs,
        }
    }

    /// The bytes of all files, as they are stored.
    pub(crate) fn bytes(&self) -> u64 {
        let files = self.files.values().chain(&self.styles).map(|file| file.bytes.len());
        (files.sum::<usize>() + self.checkpoint.as_ref().map_or(0, Vec::len)) as u64
    }
}
