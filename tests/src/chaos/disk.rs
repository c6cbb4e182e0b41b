//! A folder on a disk of its own, which can be filled where the system allows that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::small_disk::SmallDisk;

#[derive(Debug)]
pub(super) struct Disk {
    /// Where programs on the disk see it.
    folder: PathBuf,
    small: Option<SmallDisk>,
}

impl Disk {
    /// Makes the folder `at`.
    pub(super) fn new(at: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(at).expect("a folder is made");
        let small = SmallDisk::over(at, mebibytes, "full disks");
        Self { folder: at.to_owned(), small }
    }

    /// The folder for programs that are started [on the disk](Self::command).
    pub(super) fn inside(&self) -> &Path {
        &self.folder
    }

    /// The folder as this process sees it.
    pub(super) fn outside(&self) -> PathBuf {
        self.small.as_ref().map_or_else(|| self.folder.clone(), SmallDisk::dir)
    }

    /// The same program, on the disk.
    pub(super) fn command(&self, program: Command) -> Command {
        match &self.small {
            Some(small) => small.command(&program),
            None => program,
        }
    }

    /// The disk, if it is small enough to be filled.
    pub(super) fn small(&self) -> Option<&SmallDisk> {
        self.small.as_ref()
    }
}
