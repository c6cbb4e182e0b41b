//! Links must not lead out of the project.

use std::fs;
use std::path::{Path, PathBuf};

use impasto_types::AssetPath;

/// A link leads out of the project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is a link out of the project, or leads through one")]
pub struct LeavesProject {
    pub path: String,
}

/// Resolves every link of `path` below the first of `roots`, which are canonical. Links may lead to
/// any of them. Components that do not exist yet are appended unchanged.
///
/// # Errors
/// A link leads out of the roots, or to nothing.
pub(crate) fn resolve(roots: &[PathBuf], path: &AssetPath) -> Result<PathBuf, LeavesProject> {
    let leaves = || LeavesProject { path: path.to_string() };
    let mut resolved = roots.first().ok_or_else(leaves)?.clone();
    for component in path.as_str().split('/') {
        resolved.push(component);
        let is_link = fs::symlink_metadata(&resolved).is_ok_and(|metadata| metadata.is_symlink());
        if is_link {
            // A dangling link might lead outside.
            resolved = fs::canonicalize(&resolved).map_err(|_| leaves())?;
            if !holds(roots, &resolved) {
                return Err(leaves());
            }
        }
    }
    Ok(resolved)
}

/// Whether a canonical path is in one of the roots.
pub(crate) fn holds(roots: &[PathBuf], canonical: &Path) -> bool {
    roots.iter().any(|root| canonical.starts_with(root))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_inside_and_refused_outside() {
        let outside = tempfile::tempdir().expect("a folder");
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("it exists");
        fs::create_dir(root.join("real")).expect("it is made");
        symlink(root.join("real"), root.join("inner")).expect("it is linked");
        symlink(outside.path(), root.join("outer")).expect("it is linked");
        symlink(root.join("nowhere"), root.join("dangling")).expect("it is linked");
        symlink("..", root.join("up")).expect("it is linked");

        let check = |path: &str, expected: Option<&str>| {
            let roots = [root.clone()];
            let found = resolve(&roots, &path.parse().expect("it is a path")).ok();
            assert_eq!(found, expected.map(|expected| root.join(expected)), "{path}");
        };
        check("real/new/a.png", Some("real/new/a.png"));
        check("inner/a.png", Some("real/a.png"));
        check("outer/a.png", None);
        check("up/a.png", None);
        check("dangling", None);
        let roots = [root.clone(), fs::canonicalize(outside.path()).expect("it exists")];
        let allowed = resolve(&roots, &"outer/a.png".parse().expect("it is a path"));
        assert_eq!(allowed, Ok(roots[1].join("a.png")));
        assert!(resolve(&roots, &"up/a.png".parse().expect("it is a path")).is_err());
    }
}
