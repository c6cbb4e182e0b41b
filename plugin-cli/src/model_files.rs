//! Files of glTF models that are text, for commands that read and write files by their paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use impasto_assets::{AssetError, AssetErrorKind, gather_model, is_text_model, model_files};
use impasto_painter::Source;
use impasto_types::{ContainerFormat, Digest, Part};

/// A file that a model names.
#[derive(Debug)]
pub(crate) struct BesideModel {
    pub(crate) part: Part,
    /// Its path from the model's folder, with `/`.
    relative: String,
    pub(crate) source: Source,
}

impl BesideModel {
    /// Whether it lies below the folder of its model.
    pub(crate) fn is_below(&self) -> bool {
        !self.relative.starts_with("..")
    }

    /// Where it was read.
    pub(crate) fn own_path(&self) -> &Path {
        Path::new(&self.source.name)
    }

    /// Where it is beside a model.
    pub(crate) fn path(&self, model: &Path) -> PathBuf {
        beside(model, &self.relative)
    }
}

/// Reads the files that a model names; none of any other file.
///
/// # Errors
/// If the model is damaged, or a file is not there.
pub(crate) fn read_beside(path: &Path, model: &Source) -> Result<Vec<BesideModel>, AssetError> {
    if !is_text_model(&model.bytes, &model.name) {
        return Ok(Vec::new());
    }
    let files = model_files(&model.bytes, &model.name)?.into_iter().enumerate();
    let read = files.map(|(number, file)| {
        let own = beside(path, &file.path);
        let bytes = fs::read(&own).map_err(|error| unreadable(&own, error))?;
        // There are fewer files than this has numbers.
        let part = Part::File(u16::try_from(number).unwrap_or(u16::MAX));
        let source = Source { name: own.display().to_string(), bytes };
        Ok(BesideModel { part, relative: file.path, source })
    });
    read.collect()
}

/// A model and its files in one; any other file as it is.
///
/// # Errors
/// As [`read_beside`].
pub(crate) fn read_in_one(path: &Path, model: Source) -> Result<Source, AssetError> {
    if !is_text_model(&model.bytes, &model.name) {
        return Ok(model);
    }
    let files = read_beside(path, &model)?;
    let contents: BTreeMap<usize, &[u8]> =
        files.iter().enumerate().map(|(number, file)| (number, &file.source.bytes[..])).collect();
    let bytes = gather_model(&model.bytes, &model.name, &contents)?;
    // It is no text now.
    let name = path.with_extension("").display().to_string();
    Ok(Source { name, bytes })
}

/// What a picture of a file depends on: the files that a model names are a part of it.
pub(crate) fn with_files(path: &Path, digest: Digest) -> Digest {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let format = extension.and_then(ContainerFormat::from_extension);
    if format != Some(ContainerFormat::Gltf) {
        return digest;
    }
    // What cannot be read is not shown.
    let files = Source::read(path).ok().and_then(|model| read_beside(path, &model).ok());
    let files = files.unwrap_or_default();
    let digests = files.iter().map(|file| Digest::of(&file.source.bytes));
    let all = [digest].into_iter().chain(digests);
    Digest::of(&all.flat_map(|digest| *digest.as_bytes()).collect::<Vec<u8>>())
}

fn beside(model: &Path, relative: &str) -> PathBuf {
    let folder = model.parent().unwrap_or(Path::new(""));
    relative.split('/').fold(folder.to_owned(), |path, part| path.join(part))
}

fn unreadable(path: &Path, error: io::Error) -> AssetError {
    AssetError { name: path.display().to_string(), kind: AssetErrorKind::Read(error) }
}
