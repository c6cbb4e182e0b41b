//! A folder on a disk of its own, which can be filled where the system allows that.

use std::fs;
use std::path::{Path, PathBuf};

use crate::small_disk::SmallDisk;

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    small: Option<SmallDisk>,
}

impl Disk {
    /// Makes the folder `at`.
    pub(super) fn new(at: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(at).expect("a folder is made");
        let small = SmallDisk::over(at, mebibytes, "full disks");
        // Programs can use the path by which other processes see the disk, so they need not be
        // started on it.
        let folder = small.as_ref().map_or_else(|| at.to_owned(), SmallDisk::dir);
        Self { folder, small }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The disk, if it is small enough to be filled.
    pub(super) fn small(&self) -> Option<&SmallDisk> {
        self.small.as_ref()
    }
}
