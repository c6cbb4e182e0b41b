//! Getting what tasks need into the store: assets, styles and models.

use std::collections::{BTreeMap, BTreeSet};

use impasto_blobs::LocalBlobs;
use impasto_models::{ModelError, ModelStore};
use impasto_planner::PlannedTask;
use impasto_project::{Project, Scan};
use impasto_types::{AssetPath, BlobRef, Digest, ModelRef, error_text};

/// Where things are, and where they go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supply<'a> {
    pub(super) project: &'a Project,
    pub(super) models: &'a ModelStore,
    pub(super) blobs: &'a LocalBlobs,
    pub(super) scan: &'a Scan,
}

/// What can be painted, and what cannot.
#[derive(Debug)]
pub(super) struct Supplied<'p> {
    pub(super) tasks: Vec<&'p PlannedTask>,
    pub(super) failures: Vec<String>,
}

impl Supply<'_> {
    /// Stores what is missing. A file that is no longer what it was when it was scanned costs its
    /// own tasks only, and only until the change is reported.
    pub(super) fn run<'p>(self, tasks: Vec<&'p PlannedTask>) -> Result<Supplied<'p>, ModelError> {
        let needed: BTreeSet<BlobRef> =
            tasks.iter().flat_map(|task| task.spec.action.blobs()).collect();
        let missing: Vec<BlobRef> =
            needed.into_iter().filter(|blob| !self.blobs.contains(*blob)).collect();
        let models: BTreeMap<BlobRef, ModelRef> = tasks
            .iter()
            .flat_map(|task| &task.spec.action.models)
            .map(|model| (model.blob, *model))
            .collect();
        let files = self.files();
        let (mut failures, mut absent) = (Vec::new(), BTreeSet::new());
        for blob in missing {
            let path = match (models.get(&blob), files.get(&blob.digest)) {
                (Some(model), _) => self.model(*model)?,
                (None, Some(path)) => self.project.path_of(path),
                (None, None) => continue,
            };
            if let Err(error) = self.blobs.put_file(blob, &path) {
                failures.push(format!(
                    "{} is not painted with: {}",
                    path.display(),
                    error_text(&error)
                ));
                absent.insert(blob);
            }
        }
        let tasks = tasks
            .into_iter()
            .filter(|task| !task.spec.action.blobs().any(|blob| absent.contains(&blob)))
            .collect();
        Ok(Supplied { tasks, failures })
    }

    fn model(self, model: ModelRef) -> Result<std::path::PathBuf, ModelError> {
        if let Some(file) = self.models.find_ref(&model)? {
            return Ok(file.path);
        }
        tracing::info!(model = %model.name, "pulling a model");
        Ok(self.models.ensure(model.name, &mut |_| {})?.path)
    }

    fn files(&self) -> BTreeMap<Digest, &AssetPath> {
        let Scan { listing, inputs, .. } = self.scan;
        let assets = listing.assets.iter().map(|asset| (asset.blob.digest, &asset.path));
        let inputs = inputs
            .iter()
            .filter_map(|(path, input)| Some((input.as_ref().ok()?.blob.digest, path)));
        assets.chain(inputs).collect()
    }
}
