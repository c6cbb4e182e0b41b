//! The styles whose networks the build trains, and the pictures that it trains them on.

use std::collections::BTreeSet;

use impasto_types::{AssetPath, Training};

use super::style::Style;
use super::training::TrainKey;
use super::{Manifest, Painting};

/// A style whose network the build trains.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainedStyle {
    pub(crate) style: String,
    /// The file that the network is written to.
    pub(crate) model: AssetPath,
    pub(crate) training: Training,
    /// The folder of the pictures that it is trained on; `None` for those that rules paint by it.
    pub(crate) content: Option<AssetPath>,
}

impl Manifest {
    /// A style whose network the build trains, since a rule paints with it.
    pub(super) fn trained_style(&self, style: &Style) -> Option<TrainedStyle> {
        let TrainKey { training, content } = style.train.clone()?;
        let model: AssetPath = style.settings.recipe.model.as_ref()?.parse().ok()?;
        let with_it = |painting: &&Painting| {
            painting.style == style.name && painting.learned_model() == Some(&model)
        };
        self.paintings.iter().flatten().find(with_it)?;
        Some(TrainedStyle { style: style.name.clone(), model, training, content })
    }

    /// The folders of pictures that networks are trained on, besides those that rules paint.
    pub fn content_folders(&self) -> BTreeSet<&AssetPath> {
        self.trained.iter().filter_map(|trained| trained.content.as_ref()).collect()
    }

    /// Whether the file is in one of [`Self::content_folders`].
    pub(super) fn is_content(&self, path: &AssetPath) -> bool {
        self.content_folders().into_iter().any(|folder| path.is_below(folder))
    }

    /// The styles whose networks the build trains.
    pub(crate) fn trained(&self) -> &[TrainedStyle] {
        &self.trained
    }
}
