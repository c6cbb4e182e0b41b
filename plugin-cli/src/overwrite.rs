//! Outputs that would replace a picture which the command reads.

use std::fs;
use std::path::{Path, PathBuf};

use same_file::is_same_file;

/// A file that would be written is one that is read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(written, read))]
pub(crate) struct Overwrites {
    written: PathBuf,
    read: PathBuf,
}

fn text(written: &Path, read: &Path) -> String {
    let written = written.display();
    if written.to_string() == read.display().to_string() {
        return format!("writing {written} would overwrite the file that is read");
    }
    format!("writing {written} would overwrite {}: both are the same file", read.display())
}

/// Refuses to write over one of `inputs`, also if it is named by another path, by a link, or in
/// another case where the file system ignores that.
pub(crate) fn refuse<'a>(
    written: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Overwrites> {
    // A file that cannot be opened is not there yet, or is reported when it is read.
    let mut inputs = inputs.into_iter();
    match inputs.find(|input| is_same_file(written, input).unwrap_or(false)) {
        Some(read) => Err(Overwrites { written: written.to_owned(), read: read.to_owned() }),
        None => Ok(()),
    }
}

/// Whether two paths are of one file, which need not be there yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    // Of a file that is not there, its folder is.
    let place = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = fs::canonicalize(parent.unwrap_or(Path::new(".")));
        folder.ok().map(|folder| folder.join(path.file_name().unwrap_or_default()))
    };
    one == other
        || is_same_file(one, other).unwrap_or(false)
        || place(one).is_some_and(|own| place(other) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_is_recognised_by_every_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).expect("it is made");
        for name in ["a.png", "b.png"] {
            fs::write(path(name), name).expect("it is written");
        }
        fs::hard_link(path("a.png"), path("hard.png")).expect("it is linked");
        let mut rows = vec![
            ("a.png", true),
            ("sub/../a.png", true),
            ("hard.png", true),
            ("b.png", false),
            ("new.png", false),
        ];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a.png", path("soft.png")).expect("it is linked");
            rows.push(("soft.png", true));
        }
        // Only some file systems ignore case.
        rows.push(("A.PNG", path("A.PNG").exists()));
        let (other, input) = (path("b.jpg"), path("a.png"));
        for (written, refused) in rows {
            let checked = refuse(&path(written), [other.as_path(), &input]);
            assert_eq!(checked.is_err(), refused, "{written}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_yet_has_one_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("sub")).expect("it is made");
        for (one, other, expected) in [
            ("a.png", "./a.png", true),
            ("a.png", "sub/../a.png", true),
            ("no/a.png", "no/a.png", true),
            ("a.png", "b.png", false),
            ("a.png", "sub/a.png", false),
        ] {
            assert_eq!(is_same(&path(one), &path(other)), expected, "{one} {other}");
        }
    }
}
