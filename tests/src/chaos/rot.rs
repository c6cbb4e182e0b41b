//! Bits that flip on a disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// Larger files are weights, which are read once.
const SMALL_BYTES: u64 = 1 << 20;

/// The first bytes of pictures.
const PNG: [u8; 4] = *b"\x89PNG";

/// What was damaged.
#[derive(Debug, Default)]
pub(super) struct Rotten {
    pub(super) pictures: usize,
    /// Lists of tasks, checkpoints, entries of the cache of results.
    pub(super) others: usize,
}

/// Flips a bit in one of `one_in` small files below `folders`, in subfolders too.
pub(super) fn rot(folders: &[PathBuf], one_in: usize, dice: &mut Rng) -> Rotten {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| collect(folder, &mut files));
    // Listing has no order of its own.
    files.sort_unstable();
    dice.shuffle(&mut files);
    files.truncate(files.len().div_ceil(one_in));
    let mut rotten = Rotten::default();
    for file in files {
        // It may have been removed by now.
        let Ok(bytes) = fs::read(&file) else { continue };
        let at = dice.usize(..bytes.len().max(1));
        let Some(byte) = bytes.get(at) else { continue };
        let is_written = write_at(&file, at as u64, byte ^ (1 << dice.u8(..8))).is_ok();
        match bytes.starts_with(&PNG) {
            _ if !is_written => {}
            true => rotten.pictures += 1,
            false => rotten.others += 1,
        }
    }
    rotten
}

/// Replaces a byte in place: a disk that rots keeps the file.
fn write_at(file: &Path, at: u64, byte: u8) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[byte])
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let name = entry.file_name();
        let is_unfinished = name == "tmp" || name == "corrupt" || name == "filler";
        if metadata.is_dir() && !is_unfinished {
            collect(&entry.path(), files);
        } else if metadata.is_file() && metadata.len() < SMALL_BYTES && !is_unfinished {
            files.push(entry.path());
        }
    }
}
