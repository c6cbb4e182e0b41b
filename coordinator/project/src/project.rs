//! A project: a folder with a manifest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use impasto_assets::{Limits, header_of_path};
use impasto_planner::{Manifest, ManifestError, OverrideError};
use impasto_types::{AssetPath, AssetPathError, ContainerFormat, RecipePatch};

use crate::contained::{self, LeavesProject};
use crate::replace::{ReplaceError, replace_file};

/// The manifest's name if only a folder is given.
pub const MANIFEST_NAME: &str = "impasto.toml";

/// The folder in a project for private files: caches, and the state of a build in progress.
/// Deleting it costs time, but no result.
pub const STATE_DIR: &str = ".impasto";

/// Far more than any real manifest, and small enough to read at once.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// A project's folder and its checked manifest.
#[derive(Debug, Clone)]
pub struct Project {
    dir: PathBuf,
    /// Where links of assets and inputs may lead, canonical: the project's folder, then the
    /// manifest's `links`.
    roots: Vec<PathBuf>,
    manifest_path: AssetPath,
    manifest: Manifest,
}

/// Why a folder cannot be used as a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("there is no {MANIFEST_NAME} in {}; `impasto init` writes one", dir.display())]
    NoManifest { dir: PathBuf },
    #[error("there is no folder or manifest {}", dir.display())]
    NoFolder { dir: PathBuf },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is a picture, not a project's folder or a manifest", path.display())]
    Picture { path: PathBuf },
    #[error("{} is not text, so it is not a manifest", path.display())]
    NotText { path: PathBuf },
    #[error(
        "{} has {size_bytes} bytes; a manifest has at most {MAX_MANIFEST_BYTES}", path.display()
    )]
    TooLarge { path: PathBuf, size_bytes: u64 },
    #[error("the name of {} cannot be used on every system", path.display())]
    Name { path: PathBuf, source: AssetPathError },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Project {
    /// Opens the project in the folder `dir`, or with the manifest `dir` if that is a file.
    ///
    /// # Errors
    /// The manifest does not exist, cannot be read or is invalid.
    pub fn open(dir: &Path) -> Result<Self, ProjectError> {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let is_file = fs::metadata(dir)
            .map_err(|source| not_found(source, dir, |dir| ProjectError::NoFolder { dir }))?
            .is_file();
        let shown = if is_file { dir.to_owned() } else { dir.join(MANIFEST_NAME) };
        let text = read_manifest(&shown, dir)?;
        let manifest = Manifest::parse(&text, &shown.display().to_string())?;

        let read = |source| ProjectError::Read { path: shown.clone(), source };
        let absolute = std::path::absolute(&shown).map_err(read)?;
        let (Some(dir), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(read(io::ErrorKind::InvalidFilename.into()));
        };
        let manifest_path = name
            .to_string_lossy()
            .parse()
            .map_err(|source| ProjectError::Name { path: shown.clone(), source })?;
        let mut roots = vec![fs::canonicalize(dir).map_err(read)?];
        // A folder that does not exist, as on a machine without the store, allows nothing.
        let allowed = manifest.links().iter().map(|link| fs::canonicalize(dir.join(link)));
        roots.extend(allowed.filter_map(Result::ok));
        Ok(Self { dir: dir.to_owned(), roots, manifest_path, manifest })
    }

    /// The project without the folders that its manifest's `links` allow.
    #[must_use]
    pub fn without_links(mut self) -> Self {
        self.roots.truncate(1);
        self
    }

    /// The project with a command line's `overrides` applied to every rule.
    ///
    /// # Errors
    /// A value that is out of range, or an init image that is not in the project.
    pub fn with_overrides(self, overrides: RecipePatch) -> Result<Self, OverrideError> {
        Ok(Self { manifest: self.manifest.with_overrides(overrides)?, ..self })
    }

    /// The project's folder: absolute, with links not resolved.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest's file.
    pub fn manifest_file(&self) -> PathBuf {
        self.path_of(&self.manifest_path)
    }

    /// The absolute path of `path`. Links are not resolved.
    pub fn path_of(&self, path: &AssetPath) -> PathBuf {
        self.dir.join(path.to_path_buf())
    }

    /// The folder that a scan walks.
    pub(crate) fn assets_dir(&self) -> PathBuf {
        self.manifest.assets().map_or_else(|| self.dir.clone(), |assets| self.path_of(assets))
    }

    pub(crate) fn manifest_path(&self) -> &AssetPath {
        &self.manifest_path
    }

    /// `file` relative to the project, if it is inside and its name can be used.
    pub(crate) fn relative(&self, file: &Path) -> Option<AssetPath> {
        // Some systems report events with the folder's canonical path.
        let relative =
            file.strip_prefix(&self.dir).or_else(|_| file.strip_prefix(self.root())).ok()?;
        slashed(relative)?.parse().ok()
    }

    /// The project's folder, canonical.
    /// Where links of assets and inputs may lead, with links resolved: the project's folder, then
    /// what the manifest allows.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    fn root(&self) -> &Path {
        &self.roots[0]
    }

    /// The absolute path of an output with every link resolved, as far as it exists. Outputs never
    /// leave the project.
    pub(crate) fn resolve(&self, path: &AssetPath) -> Result<PathBuf, LeavesProject> {
        contained::resolve(&self.roots[..1], path)
    }

    /// What [`Self::resolve`] returns if the path has no links.
    pub(crate) fn resolved(&self, path: &AssetPath) -> PathBuf {
        self.root().join(path.to_path_buf())
    }

    /// The absolute path of an asset or input with every link resolved, as far as it exists. Links
    /// may also lead to where the manifest allows.
    pub(crate) fn resolve_input(&self, path: &AssetPath) -> Result<PathBuf, LeavesProject> {
        contained::resolve(&self.roots, path)
    }

    /// Whether `file` is in the project, or where the manifest allows links to lead, after
    /// resolving links.
    ///
    /// # Errors
    /// The file does not exist, or cannot be examined.
    pub fn holds(&self, file: &Path) -> io::Result<bool> {
        Ok(contained::holds(&self.roots, &fs::canonicalize(file)?))
    }

    /// Whether a linked folder leads to where the manifest allows links to lead, rather than to
    /// another place in the project, where its files have their own names.
    pub(crate) fn enters(&self, folder: &Path) -> bool {
        let canonical = fs::canonicalize(folder);
        canonical.is_ok_and(|canonical| contained::holds(&self.roots[1..], &canonical))
    }

    /// The committable record of what was built: `impasto.lock` beside `impasto.toml`.
    pub fn lockfile(&self) -> PathBuf {
        self.manifest_file().with_extension("lock")
    }

    /// The folder of the project's private files.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join(STATE_DIR)
    }

    /// The path of a private file that belongs to the manifest. Each manifest of a folder has its
    /// own.
    pub fn state_file(&self, name: &str) -> PathBuf {
        let manifest = self.manifest_path.as_str();
        if manifest == MANIFEST_NAME {
            self.state_dir().join(name)
        } else {
            self.state_dir().join(manifest).join(name)
        }
    }

    /// Replaces a private file that belongs to the manifest.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_state_file(&self, name: &str, bytes: &[u8]) -> Result<(), ReplaceError> {
        let file = self.state_file(name);
        let other = |source| ReplaceError::Other { path: file.clone(), source };
        self.make_state_dir(&file).map_err(other)?;
        replace_file(&file, bytes).map(drop)
    }

    /// Creates the folder of private files and the parent of `file`, one of them. Makes version
    /// control ignore it.
    pub(crate) fn make_state_dir(&self, file: &Path) -> io::Result<()> {
        let dir = self.state_dir();
        fs::create_dir_all(file.parent().unwrap_or(&dir))?;
        let ignore = dir.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n")?;
        }
        Ok(())
    }
}

/// A relative path in the form that manifests use; `None` if it is not Unicode.
pub(crate) fn slashed(path: &Path) -> Option<String> {
    let components: Option<Vec<_>> =
        path.components().map(|component| component.as_os_str().to_str()).collect();
    Some(components?.join("/"))
}

fn read_manifest(path: &Path, dir: &Path) -> Result<String, ProjectError> {
    let metadata = fs::metadata(path).map_err(|source| {
        match not_found(source, dir, |dir| ProjectError::NoManifest { dir }) {
            ProjectError::Read { source, .. } => {
                ProjectError::Read { path: path.to_owned(), source }
            }
            other => other,
        }
    })?;
    if is_picture(path) {
        return Err(ProjectError::Picture { path: path.to_owned() });
    }
    if metadata.len() > MAX_MANIFEST_BYTES {
        return Err(ProjectError::TooLarge { path: path.to_owned(), size_bytes: metadata.len() });
    }
    let path = path.to_owned();
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(ProjectError::NotText { path })
        }
        Err(source) => Err(ProjectError::Read { path, source }),
    }
}

/// Whether the name says so, or the file begins as pictures do.
fn is_picture(path: &Path) -> bool {
    let named = path.extension().is_some_and(|extension| {
        ContainerFormat::from_extension(&extension.to_string_lossy()).is_some()
    });
    named || header_of_path(path, &Limits::default()).is_ok()
}

/// `missing` if `error` means that the path does not exist, else a read error.
fn not_found(
    error: io::Error,
    path: &Path,
    missing: impl FnOnce(PathBuf) -> ProjectError,
) -> ProjectError {
    match error.kind() {
        io::ErrorKind::NotFound => missing(path.to_owned()),
        _ => ProjectError::Read { path: path.to_owned(), source: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, png};

    #[test]
    fn a_project_opens_by_its_folder_and_by_its_manifest() {
        let test = TestProject::new();
        let by_file = Project::open(&test.dir().join(MANIFEST_NAME)).expect("the file opens");
        assert_eq!(by_file.dir(), test.project().dir());
        assert_eq!(by_file.manifest_file(), test.dir().join(MANIFEST_NAME));
        let inside = test.dir().join("walls").join("a.png");
        assert_eq!(
            by_file.relative(&inside).map(|path| path.to_string()),
            Some("walls/a.png".to_owned())
        );
        assert_eq!(by_file.relative(Path::new("/elsewhere/a.png")), None);
    }

    #[test]
    fn errors_about_missing_projects_say_what_to_do() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = Project::open(empty.path()).expect_err("it has no manifest");
        assert_eq!(
            error.to_string(),
            format!(
                "there is no impasto.toml in {}; `impasto init` writes one",
                empty.path().display()
            )
        );

        let error = Project::open(&empty.path().join("nowhere")).expect_err("it does not exist");
        assert!(matches!(error, ProjectError::NoFolder { .. }), "{error}");

        fs::write(empty.path().join(MANIFEST_NAME), "[project]\nnam = \"x\"\n")
            .expect("it is written");
        let error = Project::open(empty.path()).expect_err("it has a slip").to_string();
        assert!(error.contains(&empty.path().join(MANIFEST_NAME).display().to_string()), "{error}");

        fs::write(empty.path().join(MANIFEST_NAME), [0xff, 0xfe]).expect("it is written");
        assert!(matches!(Project::open(empty.path()), Err(ProjectError::NotText { .. })));
    }

    #[test]
    fn a_picture_is_no_manifest() {
        let test = TestProject::new();
        for (name, bytes) in [
            ("a.png", png(8, 8)),
            ("without extension", png(8, 8)),
            ("empty.TGA", vec![]),
            ("text.jpg", b"[project]".to_vec()),
        ] {
            test.write(name, &bytes);
            let error = Project::open(&test.dir().join(name)).expect_err("it is a picture");
            assert!(matches!(error, ProjectError::Picture { .. }), "{name}: {error}");
        }
    }
}
