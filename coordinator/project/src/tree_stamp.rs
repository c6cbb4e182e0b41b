//! One stamp for all that a survey of a project looks at.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use impasto_types::{AssetPath, Digest};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::stamp::{RACY_NS, Stamp};
use crate::state::DELIVERIES;
use crate::temporary::is_passed_over;
use crate::walk::{is_unsupported, names_an_image};

/// The names and stamps of a project's files in one digest: equal ones mean that a survey would
/// find what it found before. Taking one lists each folder and examines each picture once, and
/// reads no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeStamp {
    digest: Digest,
    /// The latest time of a file.
    newest_ns: i64,
}

impl TreeStamp {
    /// The stamp of the folder of assets, the manifest, the record and `others`: inputs, and
    /// outputs that [`is_in_tree`] does not accept. Missing files have their meaning too. `None` if
    /// something cannot be examined, or a linked folder belongs to the assets: then only a survey
    /// tells.
    pub fn take(project: &Project, others: &[AssetPath]) -> Option<Self> {
        let mut tree = Tree::default();
        let mut level = vec![project.assets_dir()];
        while !level.is_empty() {
            let listed: io::Result<Vec<Listed>> =
                level.par_iter().map(|folder| list(project, folder)).collect();
            let mut below = Vec::new();
            for (folder, listed) in level.iter().zip(listed.ok()?) {
                tree.add(folder, &listed.seen);
                below.extend(listed.folders);
            }
            level = below;
        }
        let own = [project.manifest_file(), project.lockfile(), project.state_file(DELIVERIES)];
        let others = others.iter().map(|path| project.path_of(path));
        let files: Vec<PathBuf> = own.into_iter().chain(others).collect();
        let stamps: io::Result<Vec<Option<Stamp>>> =
            files.par_iter().map(|file| stamp_if_there(file)).collect();
        for (file, stamp) in files.iter().zip(stamps.ok()?) {
            let mut seen = Seen::default();
            seen.stamp(stamp);
            tree.add(file, &seen);
        }
        Some(Self { digest: Digest::of_hasher(&tree.hasher), newest_ns: tree.newest_ns })
    }

    /// Whether a survey that began at `began_ns` saw the files of this stamp, and later changes
    /// will show: none of them is so new that it may change without a new stamp.
    pub fn is_trusted(&self, began_ns: i64) -> bool {
        self.newest_ns.saturating_add(RACY_NS) <= began_ns
    }
}

/// Whether the stamp of a project's tree has the file at `path` without being told of it.
pub fn is_in_tree(project: &Project, path: &AssetPath) -> bool {
    let below = match project.manifest().assets() {
        None => Some(path.as_str()),
        Some(assets) => {
            path.as_str().strip_prefix(assets.as_str()).and_then(|path| path.strip_prefix('/'))
        }
    };
    below.is_some_and(|path| !path.split('/').any(is_passed_over))
        && (names_an_image(Path::new(path.as_str())) || project.manifest().passes_files())
}

#[derive(Default)]
struct Tree {
    hasher: blake3::Hasher,
    newest_ns: i64,
}

impl Tree {
    fn add(&mut self, path: &Path, seen: &Seen) {
        let path = path.as_os_str().as_encoded_bytes();
        self.hasher.update(&(path.len() as u64).to_le_bytes());
        self.hasher.update(path);
        self.hasher.update(&(seen.bytes.len() as u64).to_le_bytes());
        self.hasher.update(&seen.bytes);
        self.newest_ns = self.newest_ns.max(seen.newest_ns);
    }
}

/// What a folder has, without the folders below it.
struct Listed {
    seen: Seen,
    folders: Vec<PathBuf>,
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    newest_ns: i64,
}

impl Seen {
    fn text(&mut self, kind: u8, text: &[u8]) {
        self.bytes.push(kind);
        self.bytes.extend((text.len() as u64).to_le_bytes());
        self.bytes.extend(text);
    }

    fn stamp(&mut self, stamp: Option<Stamp>) {
        self.bytes.push(u8::from(stamp.is_some()));
        let Some(Stamp { size_bytes, modified_ns, changed_ns, file_id }) = stamp else { return };
        self.bytes.extend(size_bytes.to_le_bytes());
        self.bytes.extend(modified_ns.to_le_bytes());
        self.bytes.extend(changed_ns.to_le_bytes());
        self.bytes.extend(file_id.to_le_bytes());
        self.newest_ns = self.newest_ns.max(modified_ns).max(changed_ns);
    }
}

/// Something in a folder that a survey looks at.
enum Entry {
    Folder(PathBuf),
    File(Stamp),
    Link {
        own: Stamp,
        target: Option<PathBuf>,
        stamp: Option<Stamp>,
    },
    /// Only its name matters.
    Named,
}

/// Folders of more entries are examined on several threads.
const LARGE: usize = 4096;

fn list(project: &Project, folder: &Path) -> io::Result<Listed> {
    let mut entries: Vec<(OsString, DirEntry)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_passed_over(&name.to_string_lossy()) {
            entries.push((name, entry));
        }
    }
    // File systems list folders in an order of their own.
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let look = |(name, entry): &(OsString, DirEntry)| look(project, Path::new(name), entry);
    let looks: io::Result<Vec<Option<Entry>>> = match entries.len() > LARGE {
        true => entries.par_iter().map(look).collect(),
        false => entries.iter().map(look).collect(),
    };
    let (mut seen, mut folders) = (Seen::default(), Vec::new());
    for ((name, _), entry) in entries.iter().zip(looks?) {
        let Some(entry) = entry else { continue };
        let name = name.as_encoded_bytes();
        match entry {
            Entry::Folder(path) => {
                seen.text(b'd', name);
                folders.push(path);
            }
            Entry::File(stamp) => {
                seen.text(b'f', name);
                seen.stamp(Some(stamp));
            }
            Entry::Link { own, target, stamp } => {
                seen.text(b'l', name);
                seen.stamp(Some(own));
                let target = target.unwrap_or_default();
                seen.text(b't', target.as_os_str().as_encoded_bytes());
                seen.stamp(stamp);
            }
            Entry::Named => seen.text(b'n', name),
        }
    }
    Ok(Listed { seen, folders })
}

/// `None` for what no survey looks at.
fn look(project: &Project, name: &Path, entry: &DirEntry) -> io::Result<Option<Entry>> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        return Ok(Some(Entry::Folder(entry.path())));
    }
    let is_examined = names_an_image(name) || project.manifest().passes_files();
    if kind.is_symlink() {
        let path = entry.path();
        if path.is_dir() && project.enters(&path) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let own = Stamp::of(&entry.metadata()?);
        let target = fs::canonicalize(&path).ok();
        return Ok(Some(Entry::Link { own, target, stamp: stamp_if_there(&path)? }));
    }
    match (kind.is_file(), is_examined) {
        (true, true) => Ok(Some(Entry::File(Stamp::of(&entry.metadata()?)))),
        (true, false) => Ok(is_unsupported(name).then_some(Entry::Named)),
        (false, _) => Ok(None),
    }
}

/// The stamp of a file, or of what a link leads to; `None` if there is none.
fn stamp_if_there(file: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::test_project::{TestProject, path, png};

    /// What is done to a project, and how.
    type Change = (&'static str, fn(&TestProject));

    fn project() -> TestProject {
        let test = TestProject::new();
        for file in ["walls/a.png", "walls/sub/b.png", "stylized/walls/a.png"] {
            test.write(file, &png(4, 4));
        }
        test.write("styles/night.png", &png(4, 4));
        test
    }

    #[test]
    fn what_a_survey_looks_at_changes_the_stamp() {
        let changes: [Change; 11] = [
            ("an asset", |test| test.write("walls/a.png", &png(5, 4))),
            ("a new asset", |test| test.write("walls/c.png", &png(4, 4))),
            ("a removed asset", |test| remove(test, "walls/sub/b.png")),
            ("a renamed asset", |test| {
                let from = test.dir().join("walls/a.png");
                fs::rename(from, test.dir().join("walls/z.png")).expect("it is renamed");
            }),
            ("an output", |test| test.write("stylized/walls/a.png", b"other")),
            ("a removed output", |test| remove(test, "stylized/walls/a.png")),
            ("a style", |test| test.write("styles/night.png", &png(9, 9))),
            ("a mask that was missing", |test| test.write(".hidden/mask.png", &png(4, 4))),
            ("the manifest", |test| test.write("impasto.toml", b"[project]\n")),
            ("the record", |test| test.write("impasto.lock", b"{}")),
            ("a picture that cannot be read", |test| test.write("walls/d.xcf", b"")),
        ];
        let others = [path("styles/night.png"), path(".hidden/mask.png")];
        for (what, change) in changes {
            let test = project();
            let stamp = || TreeStamp::take(test.project(), &others).expect("it is taken");
            let before = stamp();
            assert_eq!(stamp(), before);
            change(&test);
            assert_ne!(stamp().digest, before.digest, "{what}");
        }
    }

    fn remove(test: &TestProject, file: &str) {
        fs::remove_file(test.dir().join(file)).expect("it is removed");
    }

    #[test]
    fn what_no_survey_looks_at_does_not() {
        let test = project();
        let before = TreeStamp::take(test.project(), &[]);
        for file in ["notes.txt", ".git/x.png", "walls/a.png.tmp", ".impasto/stat-cache"] {
            test.write(file, b"x");
        }
        assert_eq!(TreeStamp::take(test.project(), &[]), before);
    }

    #[test]
    fn a_stamp_of_new_files_is_not_trusted() {
        let test = project();
        let now = crate::stamp::now_ns();
        let stamp = TreeStamp::take(test.project(), &[]).expect("it is taken");
        assert!(!stamp.is_trusted(now) && stamp.is_trusted(now + 2 * RACY_NS));
        // A time in the future, as of a machine whose clock is ahead.
        let file = fs::File::options().write(true).open(test.dir().join("walls/a.png"));
        let ahead = SystemTime::now() + Duration::from_secs(60);
        file.and_then(|file| file.set_modified(ahead)).expect("its time is set");
        let stamp = TreeStamp::take(test.project(), &[]).expect("it is taken");
        assert!(!stamp.is_trusted(now + 2 * RACY_NS));
    }

    #[test]
    fn files_in_the_tree_are_those_that_it_examines() {
        let test = project();
        for (file, expected) in [
            ("walls/a.png", true),
            ("stylized/walls/a.png", true),
            ("walls/.a.png", false),
            (".hidden/a.png", false),
            ("walls/a", false),
        ] {
            assert_eq!(is_in_tree(test.project(), &path(file)), expected, "{file}");
        }
        let inner = TestProject::with_manifest(
            "[project]\nname = \"t\"\nassets = \"art\"\n[styles.night]\nimages = [\"n.png\"]\n\
             [[rules]]\nmatch = [\"**\"]\nstyle = \"night\"\n",
        );
        for (file, expected) in [("art/a.png", true), ("art2/a.png", false), ("a.png", false)] {
            assert_eq!(is_in_tree(inner.project(), &path(file)), expected, "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_count_with_their_targets() {
        use std::os::unix::fs::symlink;
        let test = project();
        let store = tempfile::tempdir().expect("a folder");
        fs::write(store.path().join("one"), png(4, 4)).expect("it is written");
        symlink(store.path().join("one"), test.dir().join("walls/l.png")).expect("it is linked");
        symlink("nowhere", test.dir().join("walls/dangling.png")).expect("it is linked");
        let stamp = || TreeStamp::take(test.project(), &[]).expect("it is taken");
        let before = stamp();
        fs::write(store.path().join("one"), png(6, 4)).expect("it is written");
        let after = stamp();
        assert_ne!(after.digest, before.digest, "its target");
        fs::write(test.dir().join("walls/nowhere"), b"").expect("it is written");
        assert_ne!(stamp().digest, after.digest, "what dangled");
    }
}
