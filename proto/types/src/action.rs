//! What is computed, and its digest.

use serde::{Deserialize, Serialize};

use crate::{BlobRef, Digest, ModelRef, OutputSpec, Recipe, StyleRef};

/// Rises whenever the engine would paint a different picture from the same inputs, so that older
/// results are not taken for new ones.
pub const ENGINE_VERSION: u32 = 3;

/// All that a result follows from: the recipe, the inputs' bytes, the model's and the engine's
/// version. Same action, same picture, but for roundings that machines and their memory decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    pub engine_version: u32,
    pub recipe: Recipe,
    /// The asset's file; `None` where a texture is synthesised.
    pub content: Option<BlobRef>,
    /// At least one.
    pub styles: Vec<StyleRef>,
    /// The picture of `init`, where the recipe says image.
    pub init: Option<BlobRef>,
    pub models: Vec<ModelRef>,
    pub output: OutputSpec,
}

impl Action {
    /// The action's name: the BLAKE3 digest of its canonical form (JSON with fields in the order of
    /// declaration).
    pub fn digest(&self) -> Digest {
        let mut canonical = b"impasto action 1\n".to_vec();
        // Plain structs of numbers, strings and lists always serialise.
        serde_json::to_writer(&mut canonical, self).expect("an action serialises");
        Digest::of(&canonical)
    }

    /// Every blob that has to be at hand before this can run, models included.
    pub fn blobs(&self) -> impl Iterator<Item = BlobRef> + '_ {
        let pictures = self.content.iter().chain(self.init.iter()).copied();
        pictures
            .chain(self.styles.iter().map(|style| style.blob))
            .chain(self.models.iter().map(|model| model.blob))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerFormat, Preset};

    #[test]
    fn anything_that_changes_the_picture_changes_the_digest() {
        let action = Action {
            engine_version: ENGINE_VERSION,
            recipe: Preset::Painterly.recipe(),
            content: Some(BlobRef::of(b"content")),
            styles: vec![StyleRef { blob: BlobRef::of(b"style"), weight: 1.0 }],
            init: None,
            models: vec![],
            output: OutputSpec { format: ContainerFormat::Png, quality: 90 },
        };
        let digest = action.digest();
        assert_eq!(action.clone().digest(), digest);
        let changes: [fn(&mut Action); 6] = [
            |a| a.engine_version += 1,
            |a| a.recipe.seed += 1,
            |a| a.recipe.tv_weight += 1e-7,
            |a| a.content = Some(BlobRef::of(b"other")),
            |a| a.styles[0].weight = 2.0,
            |a| a.output.format = ContainerFormat::Tiff,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = action.clone();
            change(&mut changed);
            assert_ne!(changed.digest(), digest, "change {index}");
        }
    }
}
