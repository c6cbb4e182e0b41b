//! Scans a project: lists, digests and reads the headers of its assets.

mod content;
pub(crate) mod models;
pub(crate) mod networks;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use impasto_planner::{ImageHeader, InputFile, ListedAsset, Listing, NetworkFile, OtherFile};
use impasto_types::{AssetPath, BlobRef, error_text};
use rayon::prelude::*;

use crate::fingerprint::{Fingerprint, FingerprintError, fingerprint};
use crate::picture::header;
use crate::project::Project;
use crate::stamp::Stamp;
use crate::stat_cache::StatCache;
use crate::walk::{Found, ScanError, ScanProblem, Walk, walk};

/// The content of a project's folder, in the form that the planner needs.
#[derive(Debug, Default)]
pub struct Scan {
    /// In the order of their paths.
    pub listing: Listing,
    /// Style images, init images, masks, and pictures to train on. Files that do not exist have no
    /// entry.
    pub inputs: BTreeMap<AssetPath, Result<InputFile, String>>,
    /// The networks that recipes paint with. Files that do not exist have no entry.
    pub networks: BTreeMap<AssetPath, Result<NetworkFile, String>>,
    /// Files that could not be listed.
    pub problems: Vec<ScanProblem>,
    /// How many files had to be read because they were new or changed.
    pub digested: usize,
}

/// Scans the project, on several threads. With `cache` an unchanged file costs one `stat`. Updates
/// `cache`, which the caller has to save.
///
/// # Errors
/// The folder of assets cannot be listed. Problems of single files are part of the [`Scan`].
pub fn scan(project: &Project, cache: &mut StatCache) -> Result<Scan, ScanError> {
    scan_except(project, cache, |_, _| false)
}

/// Like [`scan`], without the assets that `hold_back` selects by path and stamp.
pub(crate) fn scan_except(
    project: &Project,
    cache: &mut StatCache,
    hold_back: impl Fn(&AssetPath, &Stamp) -> bool,
) -> Result<Scan, ScanError> {
    let Walk { wanted, others, mut passed, problems } = walk(project)?;
    let is_held = |found: &Found| hold_back(&found.path, &found.stamp);
    let (held, wanted): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_held);
    let (held_others, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_held);
    passed.unsettled = held.into_iter().chain(held_others).map(|found| found.path).collect();
    let mut scan = Scan {
        listing: Listing { assets: Vec::with_capacity(wanted.len()), passed, ..Listing::default() },
        problems,
        ..Scan::default()
    };

    let known = &*cache;
    let look =
        |found: &Found| read(&found.path, &found.stamp, || project.path_of(&found.path), known);
    let read: Vec<_> = wanted.par_iter().map(look).collect();
    for (found, read) in wanted.into_iter().zip(read) {
        if let Some(read) = scan.readable(&found.path, read) {
            let (blob, image) = scan.note(cache, &found.path, read);
            scan.listing.assets.push(ListedAsset { path: found.path, blob, image });
        }
    }
    scan.add_others(project, cache, others);
    refuse_case_collisions(&mut scan.listing.assets);
    scan_inputs(project, cache, &mut scan);
    models::scan(project, cache, &mut scan, &hold_back);
    scan.networks = networks::scan(project);

    // The cache knows all that was read; only if it knows more is there anything to drop.
    let (assets, inputs) = (scan.listing.assets.iter().map(|asset| &asset.path), &scan.inputs);
    let others = scan.listing.others.iter().map(|other| &other.path);
    let usable = inputs.values().filter(|input| input.is_ok()).count();
    let named = scan.listing.named.values().flatten().map(|file| &file.path);
    if cache.count() > assets.len() + others.len() + usable + named.clone().count() {
        let listed: HashSet<_> = assets.chain(others).chain(inputs.keys()).chain(named).collect();
        cache.retain(|path| listed.contains(path));
    }
    Ok(scan)
}

/// A file's content, from the cache or just read.
struct Read {
    blob: BlobRef,
    image: Result<ImageHeader, String>,
    fresh: Option<Fingerprint>,
}

/// Reads the file at `path` as far as the cache does not know it; `file` is where it is.
fn read(
    path: &AssetPath,
    stamp: &Stamp,
    file: impl Fn() -> PathBuf,
    cache: &StatCache,
) -> Result<Read, FingerprintError> {
    if let Some((blob, known)) = cache.get(path, stamp) {
        let image = known.map_or_else(|| header(&file()), Ok);
        return Ok(Read { blob, image, fresh: None });
    }
    let file = file();
    let (fresh, image) = fingerprint(&file, || header(&file))?;
    Ok(Read { blob: fresh.blob, image, fresh: Some(fresh) })
}

impl Scan {
    /// What was read of a file that may be used, or a problem.
    fn readable<T>(&mut self, path: &AssetPath, read: Result<T, FingerprintError>) -> Option<T> {
        match read {
            Ok(read) => return Some(read),
            // Removed since its folder was listed.
            Err(FingerprintError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(FingerprintError::NotAFile) => {}
            Err(FingerprintError::Read(source)) => {
                self.problems.push(ScanProblem::Unreadable { path: path.to_string(), source });
            }
            Err(FingerprintError::Unstable) => {
                self.problems.push(ScanProblem::Unstable { path: path.clone() });
            }
        }
        None
    }

    /// Digests the files that pass through, as far as the cache does not know them.
    fn add_others(&mut self, project: &Project, cache: &mut StatCache, others: Vec<Found>) {
        let known = &*cache;
        let digest = |found: &Found| match known.get(&found.path, &found.stamp) {
            Some((blob, _)) => Ok((blob, None)),
            None => fingerprint(&project.path_of(&found.path), || ())
                .map(|(fresh, ())| (fresh.blob, Some(fresh))),
        };
        let digested: Vec<_> = others.par_iter().map(digest).collect();
        for (found, digested) in others.into_iter().zip(digested) {
            let Some((blob, fresh)) = self.readable(&found.path, digested) else { continue };
            if let Some(fresh) = fresh {
                self.digested += 1;
                cache.put(found.path.clone(), fresh, None);
            }
            self.listing.others.push(OtherFile { path: found.path, blob });
        }
    }

    /// Sets the headers of models among the assets and the inputs.
    fn set_headers(&mut self, headers: &BTreeMap<AssetPath, Result<ImageHeader, String>>) {
        for asset in &mut self.listing.assets {
            if let Some(header) = headers.get(&asset.path) {
                asset.image = header.clone();
            }
        }
        for (model, header) in headers {
            let Some(input) = self.inputs.get_mut(model) else { continue };
            let header = header.clone();
            *input = input.clone().and_then(|file| Ok(InputFile { header: header?, ..file }));
        }
    }

    /// Adds what was read to the cache.
    fn note(
        &mut self,
        cache: &mut StatCache,
        path: &AssetPath,
        read: Read,
    ) -> (BlobRef, Result<ImageHeader, String>) {
        if let Some(fresh) = read.fresh {
            self.digested += 1;
            cache.put(path.clone(), fresh, read.image.clone().ok());
        }
        (read.blob, read.image)
    }
}

/// Refuses names that differ only in case, since they are the same file on some systems.
fn refuse_case_collisions(assets: &mut [ListedAsset]) {
    let keys: Vec<Arc<str>> = assets.par_iter().map(|asset| asset.path.case_key()).collect();
    let distinct: HashSet<&Arc<str>> = keys.iter().collect();
    if distinct.len() == keys.len() {
        return;
    }
    let mut places: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for (place, key) in keys.into_iter().enumerate() {
        places.entry(key).or_default().push(place);
    }
    for places in places.into_values().filter(|places| places.len() > 1) {
        for (turn, &place) in places.iter().enumerate() {
            let other = assets[places[(turn + 1) % places.len()]].path.clone();
            assets[place].image = Err(format!(
                "is the same file as `{other}` on systems that ignore case: rename one"
            ));
        }
    }
}

/// Reads style images, init images, masks and pictures to train on. They may be anywhere in the
/// project, and links to them are resolved completely.
fn scan_inputs(project: &Project, cache: &mut StatCache, scan: &mut Scan) {
    let assets = scan.listing.assets.iter().map(|asset| &asset.path);
    let companions = assets.flat_map(|asset| project.manifest().companions(asset));
    let mut paths: BTreeSet<AssetPath> = companions.map(|(_, path)| path).collect();
    paths.extend(project.manifest().inputs());
    paths.extend(content::pictures(project));
    for path in paths {
        let Some(found) = find_input(project, &path) else { continue };
        let input = found.and_then(|(file, stamp)| {
            let read = read(&path, &stamp, || file.clone(), cache);
            let read = read.map_err(|error| error_text(&error))?;
            let (blob, image) = scan.note(cache, &path, read);
            Ok(InputFile { blob, header: image? })
        });
        scan.inputs.insert(path, input);
    }
}

/// Where an input is, or why it cannot be used; `None` if it does not exist.
fn find_input(project: &Project, path: &AssetPath) -> Option<Result<(PathBuf, Stamp), String>> {
    let Ok(file) = project.resolve_input(path) else {
        return Some(Err(
            "is a link out of the project, or leads through one; name the folder that it leads to \
             in `links` of [project], or copy the file into the project"
                .to_owned(),
        ));
    };
    match std::fs::metadata(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(format!("cannot be read: {error}"))),
        Ok(metadata) => Some(Ok((file, Stamp::of(&metadata)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, path, png};
    use impasto_types::{ContainerFormat, Depth, FileTraits};
    use std::fs;
    use std::time::{Duration, SystemTime};

    fn set_time(file: &std::path::Path, time: SystemTime) {
        let file = fs::File::options().write(true).open(file).expect("it opens");
        file.set_modified(time).expect("its time is set");
    }

    /// The header of [`png`].
    fn header(width: u32, height: u32) -> ImageHeader {
        let (format, depth) = (ContainerFormat::Png, Depth::Eight);
        ImageHeader {
            width,
            height,
            format,
            alpha: false,
            depth,
            swaps_sides: false,
            traits: FileTraits::default(),
            largest: None,
            array: false,
            layers: 0,
        }
    }

    #[test]
    fn assets_and_inputs_are_read() {
        let test = TestProject::new();
        test.write("walls/a.png", &png(9, 8));
        test.write("walls/broken.png", b"\x89PNG\r\n\x1a\n");
        test.write("styles/night.png", &png(5, 6));
        let scan = scan(test.project(), &mut StatCache::default()).expect("it is scanned");
        let [a, broken] = &scan.listing.assets[..] else {
            panic!("two assets: {:?}", scan.listing)
        };
        assert_eq!((&a.path, a.blob), (&path("walls/a.png"), BlobRef::of(&png(9, 8))));
        assert_eq!(a.image, Ok(header(9, 8)));
        assert_eq!(broken.image, Err("is truncated".to_owned()));
        let style = scan.inputs[&path("styles/night.png")].clone().expect("it is usable");
        assert_eq!((style.blob, style.header.width), (BlobRef::of(&png(5, 6)), 5));
        assert_eq!(scan.digested, 3);
    }

    #[test]
    fn a_missing_style_has_no_entry_and_a_broken_one_has_a_reason() {
        let test = TestProject::new();
        let scan_style = || {
            let scan = scan(test.project(), &mut StatCache::default()).expect("it is scanned");
            scan.inputs.get(&path("styles/night.png")).cloned()
        };
        assert_eq!(scan_style(), None);
        test.write("styles/night.png", b"");
        assert_eq!(scan_style(), Some(Err("is empty".to_owned())));
    }

    #[test]
    fn a_quick_edit_of_the_same_length_is_detected() {
        let test = TestProject::new();
        let mut cache = StatCache::load(test.project());
        let mut digest = || {
            let scan = scan(test.project(), &mut cache).expect("it is scanned");
            scan.listing.assets[0].blob
        };
        let time = SystemTime::now();
        for round in 0..20_u8 {
            let bytes = [round; 40];
            test.write("walls/a.png", &bytes);
            // As if the file system's clock had not advanced between the edits.
            set_time(&test.dir().join("walls/a.png"), time);
            assert_eq!(digest(), BlobRef::of(&bytes));
        }
    }

    #[test]
    fn names_that_differ_in_case_are_refused() {
        let mut assets: Vec<_> = ["a/x.png", "A/x.png", "b.png"]
            .map(|name| ListedAsset {
                path: path(name),
                blob: BlobRef::of(b""),
                image: Ok(header(1, 1)),
            })
            .into();
        refuse_case_collisions(&mut assets);
        assert_eq!(
            assets[0].image,
            Err("is the same file as `A/x.png` on systems that ignore case: rename one".to_owned())
        );
        assert!(assets[1].image.is_err());
        assert!(assets[2].image.is_ok());
    }

    #[test]
    fn an_unchanged_file_is_not_read_again() {
        let test = TestProject::new();
        test.write("walls/a.png", &png(8, 8));
        let mut cache = StatCache::default();
        let scan_one =
            |cache: &mut StatCache| scan(test.project(), cache).expect("it is scanned").digested;
        assert_eq!(scan_one(&mut cache), 1);

        // As if it had been digested a minute later, so that the test need not wait.
        let metadata = fs::metadata(test.dir().join("walls/a.png")).expect("it is there");
        let stamp = Stamp::of(&metadata);
        let later = Fingerprint {
            stamp,
            taken_ns: stamp.modified_ns + 60_000_000_000,
            blob: BlobRef::of(&png(8, 8)),
            ours: false,
        };
        cache.put(path("walls/a.png"), later, None);
        assert_eq!(scan_one(&mut cache), 0);

        set_time(&test.dir().join("walls/a.png"), SystemTime::now() - Duration::from_secs(5));
        assert_eq!(scan_one(&mut cache), 1, "its time changed");
        fs::remove_file(test.dir().join("walls/a.png")).expect("it is removed");
        assert_eq!(scan_one(&mut cache), 0);
        assert_eq!(cache.get(&path("walls/a.png"), &stamp), None);
    }
}
