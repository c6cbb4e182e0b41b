//! A project folder in memory, and manifests for it.

use std::collections::BTreeMap;

use impasto_types::{AssetPath, BlobRef, ContainerFormat, Depth, FileTraits, ModelName, ModelRef};

use crate::plan::plan;
use crate::{
    Findings, ImageHeader, InputFile, ListedAsset, Listing, Manifest, NetworkFile, PassedOver,
    Plan, PlanError, Record, Verdict,
};

/// A folder in memory.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) listing: Listing,
    pub(super) inputs: BTreeMap<AssetPath, Result<InputFile, String>>,
    pub(super) networks: BTreeMap<AssetPath, Result<NetworkFile, String>>,
    pub(super) models: Vec<ModelRef>,
    pub(super) previous: BTreeMap<AssetPath, Record>,
    pub(super) present: BTreeMap<AssetPath, BlobRef>,
}

pub(super) const TWO_STYLES: &str = r#"
[project]
name = "village"
output = "out/{style}/{dir}/{name}"
[defaults]
quality = 80
[styles.night]
images = [{ path = "styles/night.jpg", weight = 3 }, "styles/sky.jpg"]
[styles.day]
images = ["styles/day.jpg"]
style_weight = 6.5
[[rules]]
name = "walls"
match = "walls/**"
styles = ["night", "day"]
preset = "texture"
[[rules]]
match = "ui/**"
style = "day"
format = "jpg"
init = "start.png"
"#;

pub(super) fn path(text: &str) -> AssetPath {
    text.parse().expect("it is a path")
}

pub(super) fn header(text: &str) -> ImageHeader {
    let format = ContainerFormat::from_extension(path(text).extension()).expect("it is an image");
    ImageHeader {
        width: 64,
        height: 32,
        format,
        alpha: false,
        depth: Depth::Eight,
        swaps_sides: false,
        traits: FileTraits::default(),
        largest: None,
        array: false,
        layers: 0,
    }
}

pub(super) fn asset(text: &str) -> ListedAsset {
    ListedAsset { path: path(text), blob: BlobRef::of(text.as_bytes()), image: Ok(header(text)) }
}

pub(super) fn folder(assets: &[&str]) -> Folder {
    let input = |name: &str| {
        (path(name), Ok(InputFile { blob: BlobRef::of(name.as_bytes()), header: header(name) }))
    };
    Folder {
        listing: Listing {
            assets: assets.iter().map(|name| asset(name)).collect(),
            others: vec![],
            named: BTreeMap::new(),
            passed: PassedOver {
                images: ["else/1.png", "else/2.png"]
                    .map(|name| (path(name), Verdict::Unmatched))
                    .into(),
                ..PassedOver::default()
            },
        },
        inputs: ["styles/night.jpg", "styles/sky.jpg", "styles/day.jpg", "start.png"]
            .map(input)
            .into(),
        networks: BTreeMap::new(),
        models: vec![ModelRef { name: ModelName::Vgg19, blob: BlobRef::of(b"weights") }],
        previous: BTreeMap::new(),
        present: BTreeMap::new(),
    }
}

impl Folder {
    pub(super) fn plan(&self, manifest: &str) -> Result<Plan, PlanError> {
        let manifest = Manifest::parse(manifest, "impasto.toml")
            .unwrap_or_else(|error| panic!("{error}\n{manifest}"));
        self.plan_of(&manifest)
    }

    pub(super) fn plan_of(&self, manifest: &Manifest) -> Result<Plan, PlanError> {
        let Self { listing, inputs, networks, models, previous, present } = self;
        let findings = Findings { listing, inputs, networks, models, previous, present };
        let plan = plan(manifest, &findings)?;
        for task in &plan.tasks {
            assert_eq!(task.action, task.whole_action().digest(), "{}", task.asset);
        }
        Ok(plan)
    }

    /// Records every stale task of `plan` as built.
    pub(super) fn build(&mut self, plan: &Plan) {
        for task in plan.stale() {
            let output = BlobRef::of(task.action.as_bytes());
            self.previous.insert(task.output().clone(), task.record(output));
            self.present.insert(task.output().clone(), output);
        }
    }

    pub(super) fn check_refused(&self, manifest: &str, expected: &str) {
        assert_eq!(
            self.plan(manifest).map(|_| ()).map_err(|error| error.to_string()),
            Err(expected.to_owned())
        );
    }
}

/// A manifest with one style, one rule and these extra lines.
pub(super) fn one_style(project: &str, rule: &str) -> String {
    format!(
        "[project]\nname = \"x\"\n{project}\n[styles.day]\nimages = \"styles/day.jpg\"\n[[rules]]\n\
         name = \"all\"\n{rule}\n"
    )
}
