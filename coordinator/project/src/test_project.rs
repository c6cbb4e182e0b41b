//! A small project in a temporary folder, for tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use impasto_planner::{Form, PlannedOutput, PlannedTask, RecordDetails, Staleness};
use impasto_types::{
    Action, AssetKind, AssetPath, BlobRef, ContainerFormat, Input, Method, OutputSpec, Part,
    Preset, StyleRef,
};
use tempfile::TempDir;

use crate::{MANIFEST_NAME, Project};

pub(crate) struct TestProject {
    folder: TempDir,
    project: Project,
}

/// One style for everything below `walls` except normal maps.
const MANIFEST: &str = r#"
[project]
name = "test"
output = "stylized/{dir}/{name}"

[styles.night]
images = ["styles/night.png"]

[[rules]]
match = ["**/*_n.*"]
skip = true

[[rules]]
match = ["walls/**"]
style = "night"
"#;

impl TestProject {
    pub(crate) fn new() -> Self {
        Self::with_manifest(MANIFEST)
    }

    pub(crate) fn with_manifest(manifest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("walls")).expect("it is made");
        fs::write(folder.path().join(MANIFEST_NAME), manifest).expect("it is written");
        let project = Project::open(folder.path()).expect("the manifest is right");
        Self { folder, project }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn project(&self) -> &Project {
        &self.project
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.dir().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("its folder is made");
        fs::write(file, bytes).expect("it is written");
    }
}

pub(crate) fn path(text: &str) -> AssetPath {
    text.parse().expect("it is a path")
}

pub(crate) fn details() -> RecordDetails {
    let action = Action {
        method_version: Method::Optimize.version(),
        recipe: Preset::Painterly.recipe(),
        kind: AssetKind::picture(),
        inputs: vec![Input::blob(Part::Color, BlobRef::of(b"content"))],
        styles: vec![StyleRef::whole(BlobRef::of(b"style"), 1.0)],
        regions: None,
        texture: None,
        models: vec![],
        outputs: vec![OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 }],
    };
    RecordDetails { style: "night".to_owned(), action }
}

/// The task of [`details`].
pub(crate) fn planned(output: &str) -> PlannedTask {
    let RecordDetails { style, mut action } = details();
    let digest = action.digest();
    let inputs = std::mem::take(&mut action.inputs);
    PlannedTask {
        asset: path("a.png"),
        form: Arc::new(Form { rule: "walls".to_owned(), style, action }),
        inputs: inputs.into(),
        outputs: [PlannedOutput { part: Part::Color, path: path(output) }].into(),
        width: 64,
        height: 64,
        least_memory_bytes: 0,
        work: 0,
        action: digest,
        training: None,
        state: Staleness::UpToDate,
    }
}

/// A PNG file of noise, so that half of the file is half of the picture.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut seed = 1_u32;
    let noise: Vec<u8> = (0..width * height * 3)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&noise).expect("pixels");
    writer.finish().expect("an end");
    bytes
}
