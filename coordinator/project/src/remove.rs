//! Removes outputs that no rule makes any more.

use std::fs;
use std::io;
use std::path::PathBuf;

use impasto_types::{AssetPath, BlobRef};

use crate::fingerprint::fingerprint;
use crate::project::Project;

/// What lies where an output was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// The file as it was built.
    Untouched,
    /// A file with other bytes, or one that cannot be read.
    Changed,
    /// A link or a folder, or a path that leads through a link: never removed.
    Foreign,
    /// Nothing.
    Gone,
}

/// A file cannot be removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove {}", path.display())]
pub struct RemoveError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Compares what lies at `output` with the file that was recorded there.
pub fn leftover(project: &Project, output: &AssetPath, recorded: BlobRef) -> Leftover {
    let file = project.path_of(output);
    let Ok(metadata) = fs::symlink_metadata(&file) else { return Leftover::Gone };
    let is_direct = project.resolve(output).is_ok_and(|path| path == project.resolved(output));
    if !metadata.is_file() || !is_direct {
        return Leftover::Foreign;
    }
    match fingerprint(&file, || ()) {
        Ok((found, ())) if found.blob == recorded => Leftover::Untouched,
        Ok(_) | Err(_) => Leftover::Changed,
    }
}

/// Removes the file at `output`, and every folder above it that is empty then, up to the project's
/// own.
///
/// # Errors
/// The file cannot be removed. A folder that cannot be removed is left.
pub fn remove_output(project: &Project, output: &AssetPath) -> Result<(), RemoveError> {
    let path = project.path_of(output);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(RemoveError { path, source });
        }
        Ok(()) | Err(_) => {}
    }
    let inside = path.ancestors().skip(1).take_while(|folder| *folder != project.dir());
    for folder in inside {
        // Fails if the folder is not empty.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, path};

    #[test]
    fn what_lies_there_is_compared_with_the_record() {
        let test = TestProject::new();
        test.write("out/a.png", b"one");
        test.write("out/b.png", b"ONE");
        fs::create_dir(test.dir().join("out/c.png")).expect("it is made");
        let mut rows = vec![
            ("out/a.png", Leftover::Untouched),
            ("out/b.png", Leftover::Changed),
            ("out/c.png", Leftover::Foreign),
            ("out/d.png", Leftover::Gone),
        ];
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink("a.png", test.dir().join("out/e.png")).expect("it is linked");
            symlink("out", test.dir().join("through")).expect("it is linked");
            rows.extend([("out/e.png", Leftover::Foreign), ("through/a.png", Leftover::Foreign)]);
        }
        for (output, expected) in rows.drain(..) {
            let found = leftover(test.project(), &path(output), BlobRef::of(b"one"));
            assert_eq!(found, expected, "{output}");
        }
    }

    #[test]
    fn empty_folders_go_with_the_last_file() {
        let test = TestProject::new();
        for file in ["out/walls/old/a.png", "out/walls/b.png", "out/c.png"] {
            test.write(file, b"one");
        }
        let remove = |file: &str| {
            remove_output(test.project(), &path(file)).expect("it is removed");
            ["out/walls/old", "out/walls", "out"].map(|folder| test.dir().join(folder).exists())
        };
        assert_eq!(remove("out/walls/old/a.png"), [false, true, true]);
        assert_eq!(remove("out/walls/b.png"), [false, false, true]);
        assert_eq!(remove("out/c.png"), [false, false, false]);
        assert_eq!(remove("out/c.png"), [false; 3], "it is gone already");
        assert!(test.dir().exists());
    }
}
