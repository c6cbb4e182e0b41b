//! Reads the files that glTF models as text name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use impasto_assets::{
    AssetErrorKind, Header, Limits, ModelFile, gather_model, model_files, read_header,
};
use impasto_planner::{ImageHeader, NamedFile};
use impasto_types::{AssetPath, BlobRef, ContainerFormat, Digest, FileRole, error_text};
use rayon::prelude::*;

use super::{Read, Scan, find_input, read};
use crate::fingerprint::{FingerprintError, fingerprint};
use crate::picture::image_header;
use crate::project::Project;
use crate::stamp::Stamp;
use crate::stat_cache::StatCache;

/// What is known of a model's files.
#[derive(Default)]
struct Named {
    files: Vec<Listed>,
    /// The header of the model with its files, or why it cannot be used.
    header: Option<Result<ImageHeader, String>>,
    /// Identifies all on which the header depends.
    content: Option<Digest>,
}

/// A file that a model names, and what was read of it.
struct Listed {
    named: NamedFile,
    file: PathBuf,
    stamp: Stamp,
    read: Read,
}

/// Reads what the models among the assets and the inputs name. A model of which a file cannot be
/// used cannot be used itself, and one of which `is_held` selects a file has to wait.
pub(super) fn scan(
    project: &Project,
    cache: &mut StatCache,
    scan: &mut Scan,
    is_held: impl Fn(&AssetPath, &Stamp) -> bool,
) {
    let is_text = |header: &ImageHeader| header.format == ContainerFormat::Gltf;
    let assets = scan.listing.assets.iter();
    let assets = assets.filter(|asset| asset.image.as_ref().is_ok_and(is_text));
    let inputs = scan.inputs.iter().filter_map(|(path, input)| Some((path, input.as_ref().ok()?)));
    let inputs = inputs.filter(|(_, input)| is_text(&input.header));
    let models: BTreeMap<AssetPath, BlobRef> = assets
        .map(|asset| (asset.path.clone(), asset.blob))
        .chain(inputs.map(|(path, input)| (path.clone(), input.blob)))
        .collect();
    let known = &*cache;
    let found: Vec<_> = models
        .into_par_iter()
        .map(|(path, blob)| (named(project, &path, blob, known), path))
        .collect();
    let mut headers = BTreeMap::new();
    let mut waiting = BTreeSet::new();
    for (Named { files, header, content }, path) in found {
        let waits = files.iter().any(|file| is_held(&file.named.path, &file.stamp));
        let mut own = Vec::with_capacity(files.len());
        for Listed { named, read, .. } in files {
            // What it holds is of no matter by itself.
            let _ = scan.note(cache, &named.path, read);
            own.push(named);
        }
        if waits {
            waiting.insert(path.clone());
        }
        if let (Some(Ok(header)), Some(content)) = (&header, content) {
            cache.note_whole(&path, *header, content);
        }
        if let Some(header) = header {
            headers.insert(path.clone(), header);
        }
        scan.listing.named.insert(path, own);
    }
    scan.set_headers(&headers);
    if !waiting.is_empty() {
        scan.listing.assets.retain(|asset| !waiting.contains(&asset.path));
        scan.listing.passed.unsettled.append(&mut waiting);
    }
}

/// The paths of the files that a model names, as far as it can be read and they are in the project.
pub(crate) fn paths(project: &Project, model: &AssetPath) -> Vec<AssetPath> {
    let files = || {
        let (file, _) = find_input(project, model)?.ok()?;
        model_files(&fs::read(file).ok()?, model.as_str()).ok()
    };
    let files = files().unwrap_or_default();
    files.iter().filter_map(|file| model.beside(&file.path).ok()).collect()
}

/// Whether a file is named like a model that may name others.
pub(crate) fn may_name_files(path: &AssetPath) -> bool {
    ContainerFormat::from_extension(path.extension()) == Some(ContainerFormat::Gltf)
}

fn named(project: &Project, model: &AssetPath, blob: BlobRef, cache: &StatCache) -> Named {
    let mut named = Named::default();
    match text(project, model, blob) {
        Err(reason) => named.header = Some(Err(reason)),
        Ok((_, files)) if files.is_empty() => {}
        Ok((text, files)) => {
            let mut faults = Vec::new();
            for (number, file) in files.into_iter().enumerate() {
                match listed(project, model, (number, file), cache) {
                    Ok(listed) => named.files.push(listed),
                    Err(reason) => faults.push(reason),
                }
            }
            match faults.into_iter().next() {
                Some(first) => named.header = Some(Err(first)),
                None => named.read_whole(model, (&text, blob), cache),
            }
        }
    }
    named
}

/// The text of a model, and what it names.
fn text(
    project: &Project,
    model: &AssetPath,
    blob: BlobRef,
) -> Result<(Vec<u8>, Vec<ModelFile>), String> {
    let Some(found) = find_input(project, model) else {
        return Err("was removed while it was read".to_owned());
    };
    let text = fs::read(found?.0).map_err(|error| error_text(&AssetErrorKind::Read(error)))?;
    if BlobRef::of(&text) != blob {
        return Err("changed while it was read".to_owned());
    }
    match model_files(&text, model.as_str()) {
        Ok(files) => Ok((text, files)),
        Err(error) => Err(error_text(&error.kind)),
    }
}

/// Finds a file that a model names.
fn listed(
    project: &Project,
    model: &AssetPath,
    (number, ModelFile { path: relative, role, is_buffer }): (usize, ModelFile),
    cache: &StatCache,
) -> Result<Listed, String> {
    let path = model.beside(&relative).map_err(|error| format!("names a file, but {error}"))?;
    let (file, stamp) = match find_input(project, &path) {
        Some(Ok(found)) => found,
        Some(Err(reason)) => return Err(format!("names `{relative}`, which {reason}")),
        None => return Err(format!("names `{relative}`, which does not exist")),
    };
    let read = match is_buffer {
        false => read(&path, &stamp, || file.clone(), cache),
        true => digest(&path, &stamp, &file, cache),
    };
    let read = read.map_err(|error| format!("names `{relative}`, which {}", error_text(&error)))?;
    let held = read.image.as_ref().ok().map(|header| header.format);
    let format = held.or_else(|| ContainerFormat::from_extension(path.extension()));
    let format = format.unwrap_or(ContainerFormat::Png);
    let named = NamedFile {
        // There are fewer files than this has numbers.
        number: u16::try_from(number).unwrap_or(u16::MAX),
        path,
        relative,
        role,
        blob: read.blob,
        format: (!is_buffer).then_some(format),
    };
    Ok(Listed { named, file, stamp, read })
}

/// Digests a file that is no picture.
fn digest(
    path: &AssetPath,
    stamp: &Stamp,
    file: &Path,
    cache: &StatCache,
) -> Result<Read, FingerprintError> {
    let image = Err("is no picture".to_owned());
    if let Some((blob, _)) = cache.get(path, stamp) {
        return Ok(Read { blob, image, fresh: None });
    }
    let (fresh, ()) = fingerprint(file, || ())?;
    Ok(Read { blob: fresh.blob, image, fresh: Some(fresh) })
}

impl Named {
    /// Reads the header of the model with its files, if the cache does not know it.
    fn read_whole(&mut self, model: &AssetPath, (text, blob): (&[u8], BlobRef), cache: &StatCache) {
        let read = || self.files.iter().filter(|file| file.is_read());
        let digests = [blob.digest].into_iter().chain(read().map(|file| file.named.blob.digest));
        let content =
            Digest::of(&digests.flat_map(|digest| *digest.as_bytes()).collect::<Vec<_>>());
        if let Some(header) = cache.whole(model, content) {
            self.header = Some(Ok(header));
            return;
        }
        self.content = Some(content);
        let whole = || {
            let limits = Limits::default();
            let bytes =
                blob.size_bytes + read().map(|file| file.named.blob.size_bytes).sum::<u64>();
            if bytes > limits.max_file_bytes {
                let max = limits.max_file_bytes;
                return Err(AssetErrorKind::FileTooLarge { bytes, max });
            }
            let mut contents = BTreeMap::new();
            for file in read() {
                let bytes = fs::read(&file.file).map_err(AssetErrorKind::Read)?;
                contents.insert(usize::from(file.named.number), bytes);
            }
            let contents = contents.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
            let glb = gather_model(text, model.as_str(), &contents).map_err(|error| error.kind)?;
            // A name without an extension, since it is no text now.
            read_header(&glb, model.file_stem(), &limits).map_err(|error| error.kind)
        };
        let header =
            whole().map(|header| image_header(Header { format: ContainerFormat::Gltf, ..header }));
        self.header = Some(header.map_err(|kind| error_text(&kind)));
    }
}

impl Listed {
    /// Whether the header of the model depends on it.
    fn is_read(&self) -> bool {
        self.named.format.is_none() || self.named.role != FileRole::Kept
    }
}

#[cfg(test)]
mod tests {
    use impasto_planner::Listing;

    use super::*;
    use crate::scan;
    use crate::scan::scan_except;
    use crate::test_project::{TestProject, path, png};

    const MODEL: &str = r#"{"asset":{"version":"2.0"},
        "buffers":[{"uri":"crate.bin","byteLength":4}],
        "images":[{"uri":"maps/c.png"},{"uri":"../glow.png"}],
        "textures":[{"source":0},{"source":1}],
        "materials":[{"pbrMetallicRoughness":{"baseColorTexture":{"index":0}},
            "emissiveTexture":{"index":1}}]}"#;

    fn project() -> TestProject {
        let test = TestProject::new();
        test.write("styles/night.png", &png(8, 8));
        test.write("walls/box/crate.gltf", MODEL.as_bytes());
        test.write("walls/box/crate.bin", &[0; 4]);
        test.write("walls/box/maps/c.png", &png(9, 8));
        test.write("walls/glow.png", &png(7, 7));
        test
    }

    fn header(listing: &Listing) -> Result<(ContainerFormat, u32, u32), String> {
        let model = path("walls/box/crate.gltf");
        let asset = listing.assets.iter().find(|asset| asset.path == model).expect("it is listed");
        asset.image.clone().map(|header| (header.format, header.width, header.height))
    }

    #[test]
    fn a_model_is_read_with_its_files() {
        let test = project();
        let mut cache = StatCache::default();
        let found = scan(test.project(), &mut cache).expect("it is scanned");
        assert_eq!(header(&found.listing), Ok((ContainerFormat::Gltf, 9, 8)));
        let files = &found.listing.named[&path("walls/box/crate.gltf")];
        let files: Vec<_> =
            files.iter().map(|file| (file.path.as_str(), file.role, file.format)).collect();
        let png_file = Some(ContainerFormat::Png);
        assert_eq!(
            files,
            [
                ("walls/box/crate.bin", FileRole::Geometry, None),
                ("walls/box/maps/c.png", FileRole::Color, png_file),
                ("walls/glow.png", FileRole::Kept, png_file),
            ]
        );
        // What has changed since is found, and so is what the text says no longer.
        test.write("walls/box/maps/c.png", &png(5, 5));
        let found = scan(test.project(), &mut cache).expect("it is scanned");
        assert_eq!(header(&found.listing), Ok((ContainerFormat::Gltf, 5, 5)));
        test.write("walls/box/crate.gltf", MODEL.replace("../glow", "maps/c").as_bytes());
        let found = scan(test.project(), &mut cache).expect("it is scanned");
        assert_eq!(found.listing.named[&path("walls/box/crate.gltf")].len(), 2);
        assert!(cache.seen(&path("walls/box/maps/c.png")).is_some());
    }

    #[test]
    fn a_header_is_kept_for_the_content_of_all_files() {
        let test = project();
        let mut cache = StatCache::default();
        scan(test.project(), &mut cache).expect("it is scanned");
        let model = path("walls/box/crate.gltf");
        let (header, _) = cache.seen(&model).expect("it is known");
        assert_eq!((header.width, header.height), (9, 8));
        // One that is none of the files, which shows that they are not read again.
        let files = [MODEL.as_bytes(), &[0; 4], &png(9, 8)].map(|bytes| BlobRef::of(bytes).digest);
        let content = Digest::of(&files.map(|digest| *digest.as_bytes()).concat());
        assert_eq!(cache.whole(&model, content), Some(header));
        assert_eq!(cache.whole(&model, files[0]), None);
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let check = |change: &dyn Fn(&TestProject), expected: &str| {
            let test = project();
            change(&test);
            let found = scan(test.project(), &mut StatCache::default()).expect("it is scanned");
            let error = header(&found.listing).expect_err("it cannot be used");
            assert!(error.starts_with(expected), "{error}");
        };
        let remove = |file: &'static str| {
            move |test: &TestProject| fs::remove_file(test.dir().join(file)).expect("it is removed")
        };
        let bin = "names `crate.bin`, which does not exist";
        check(&remove("walls/box/crate.bin"), bin);
        check(&remove("walls/glow.png"), "names `../glow.png`, which does not exist");
        check(
            &|test| test.write("walls/box/crate.bin", &[0; 3]),
            "is damaged: Format error decoding `gltf`: buffer 0 has 3 bytes instead of 4",
        );
        check(
            &|test| test.write("walls/box/maps/c.png", &png(9, 8)[..20]),
            "has a texture, image 0 (`c.png`), which is truncated",
        );
        check(
            &|test| {
                let text = MODEL.replace("../glow", "../../../glow");
                test.write("walls/box/crate.gltf", text.as_bytes());
            },
            "names a file, but path `../../../glow.png` leads out of the project",
        );
    }

    #[test]
    fn a_model_waits_for_a_file_that_is_being_written() {
        let test = project();
        let held = |path: &AssetPath, _: &Stamp| path.as_str() == "walls/box/crate.bin";
        let found = scan_except(test.project(), &mut StatCache::default(), held);
        let listing = found.expect("it is scanned").listing;
        let model = path("walls/box/crate.gltf");
        assert!(listing.assets.iter().all(|asset| asset.path != model));
        assert!(listing.passed.unsettled.contains(&model));
    }
}
