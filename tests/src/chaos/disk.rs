//! A folder on a small disk of its own, which can be filled.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder. On Linux it is a memory disk of limited size, if this user may mount one.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// The process in whose namespace the disk is mounted. It ends with its stdin.
    keeper: Option<Child>,
}

/// Mounts a memory disk of `$2` MiB at `$1`, says so, and waits for the end of stdin.
const KEEP: &str = "mount -t tmpfs -o size=$2m tmpfs \"$1\" && echo mounted && exec cat";

impl Disk {
    /// Makes the folder `at`.
    pub(super) fn new(at: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(at).expect("a folder is made");
        match mount(at, mebibytes) {
            Some((keeper, folder)) => Self { folder, keeper: Some(keeper) },
            None => Self { folder: at.to_owned(), keeper: None },
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is small enough to be filled.
    pub(super) fn is_small(&self) -> bool {
        self.keeper.is_some()
    }

    /// Takes all space that is left.
    pub(super) fn fill(&self) {
        assert!(self.is_small(), "a whole machine's disk would be filled");
        let mut filler = File::create(self.filler()).expect("the filler is created");
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            if filler.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    /// Gives the space back.
    pub(super) fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }
}

/// Mounts a disk where only the keeper sees it, and returns the path by which others reach it.
fn mount(at: &Path, mebibytes: u32) -> Option<(Child, PathBuf)> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut keeper = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", KEEP, "sh"])
        .args([at.as_os_str(), mebibytes.to_string().as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut said = String::new();
    let out = keeper.stdout.take().expect("it is piped");
    let seen = Path::new("/proc")
        .join(keeper.id().to_string())
        .join("root")
        .join(at.strip_prefix("/").expect("temporary folders have absolute paths"));
    match BufReader::new(out).read_line(&mut said) {
        Ok(_) if said.trim() == "mounted" && seen.is_dir() => Some((keeper, seen)),
        Ok(_) | Err(_) => {
            let _ = keeper.kill();
            let _ = keeper.wait();
            None
        }
    }
}
