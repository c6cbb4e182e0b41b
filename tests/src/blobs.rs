//! The blobs in a coordinator's data folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::Project;

/// Larger blobs are models.
const LARGEST_LIST_BYTES: u64 = 1 << 20;

/// The file of the blob with this content.
pub fn blob_file(data_dir: &Path, content: &[u8]) -> PathBuf {
    file_of(data_dir, &blake3::hash(content).to_hex())
}

/// The digests of all blobs.
pub fn blobs(data_dir: &Path) -> BTreeSet<String> {
    let folders = entries(&data_dir.join("blobs")).into_iter();
    let folders = folders.filter(|folder| folder.file_name().is_some_and(|name| name.len() == 2));
    let files = folders.flat_map(|folder| entries(&folder));
    files.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect()
}

/// The files of the lists of tasks among the blobs that are not in `earlier`: what is no file of
/// the project.
pub fn task_lists(data_dir: &Path, earlier: &BTreeSet<String>, project: &Project) -> Vec<PathBuf> {
    let files: BTreeSet<String> = project
        .files("")
        .into_values()
        .map(|(content, _)| blake3::hash(&content).to_hex().to_string())
        .collect();
    let known = |digest: &&String| earlier.contains(*digest) || files.contains(*digest);
    let new: Vec<String> =
        blobs(data_dir).iter().filter(|digest| !known(digest)).cloned().collect();
    let is_list = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST_LIST_BYTES)
    };
    new.iter().map(|digest| file_of(data_dir, digest)).filter(is_list).collect()
}

fn file_of(data_dir: &Path, digest: &str) -> PathBuf {
    data_dir.join("blobs").join(&digest[..2]).join(digest)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder);
    listed.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
