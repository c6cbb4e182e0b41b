//! Reads the networks that recipes paint with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use impasto_models::read_network;
use impasto_planner::{LearnedStyle, NetworkFile};
use impasto_types::{AssetPath, BlobRef, error_text};

use super::find_input;
use crate::picture::Completeness;
use crate::project::Project;

/// More than the largest network that can be trained has.
const MOST_BYTES: u64 = 16 << 20;

/// The project's networks. They are small, so each is read anew.
pub(super) fn scan(project: &Project) -> BTreeMap<AssetPath, Result<NetworkFile, String>> {
    let read = |path: &AssetPath| {
        let network = find_input(project, path)?.and_then(|(file, _)| network(&file));
        Some((path.clone(), network))
    };
    project.manifest().networks().filter_map(read).collect()
}

/// Whether a network's file is written to its end.
pub(crate) fn completeness(file: &Path) -> Completeness {
    match network(file) {
        Ok(_) => Completeness::Whole,
        Err(reason) => Completeness::Partial(reason),
    }
}

fn network(file: &Path) -> Result<NetworkFile, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = File::open(file).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("is too large for a network that `impasto train` made".to_owned());
    }
    let (header, _) = read_network(&bytes).map_err(|error| error_text(&error))?;
    let styles = (!header.is_for_any_style()).then(|| {
        let styles = header.styles.into_iter();
        styles.map(|style| LearnedStyle { name: style.name, digest: style.digest }).collect()
    });
    Ok(NetworkFile { blob: BlobRef::of(&bytes), styles })
}
