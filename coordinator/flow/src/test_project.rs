//! A small project in a temporary folder, for tests.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use impasto_models::ModelStore;
use impasto_planner::Manifest;
use impasto_project::Project;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::build::Build;
use crate::error::BuildError;
use crate::event::{Event, Observer};
use crate::fake_farm::{FakeFarm, lock, png};
use crate::held::Busy;
use crate::outcome::Outcome;
use crate::patience::IfLost;
use crate::survey::{Survey, SurveyRequest};

/// One style for everything in `walls`.
const MANIFEST: &str = r#"
[project]
name = "test"
output = "stylized/{dir}/{name}"

[styles.night]
images = ["styles/night.png"]

[[rules]]
match = ["walls/**"]
style = "night"
"#;

pub(crate) struct TestProject {
    folder: TempDir,
}

impl TestProject {
    /// A project with these files in `walls`, each with different content.
    pub(crate) fn new(assets: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let test = Self { folder };
        assert!(Manifest::parse(MANIFEST, "impasto.toml").is_ok());
        test.write("impasto.toml", MANIFEST.as_bytes());
        test.write("styles/night.png", &png(0));
        for (number, asset) in (1..).zip(assets) {
            test.write(&format!("walls/{asset}"), &png(number));
        }
        test
    }

    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let file = self.dir().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("its folder is made");
        fs::write(file, bytes).expect("it is written");
    }

    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.dir().join(path)).ok()
    }

    pub(crate) fn open(&self) -> Project {
        Project::open(self.dir()).expect("the manifest is right")
    }

    pub(crate) fn request(&self) -> SurveyRequest {
        SurveyRequest {
            dir: self.dir().to_owned(),
            models_dir: Some(self.dir().join(".models")),
            ..SurveyRequest::default()
        }
    }

    pub(crate) fn models(&self) -> ModelStore {
        ModelStore::open(self.request().models_dir.as_deref()).expect("it opens")
    }

    pub(crate) fn begin<'o>(
        &self,
        observer: &'o dyn Observer,
        cancel: &CancellationToken,
    ) -> Build<'o> {
        Build::begin(&self.request(), None, Busy::GiveUp, observer, cancel).expect("it begins")
    }

    /// Runs a build with `farm`.
    pub(crate) fn build(&self, farm: &FakeFarm) -> (Survey, Outcome) {
        let heard = Heard::default();
        let mut build = self.begin(&heard, &CancellationToken::new());
        run(build.paint(farm, &self.models(), None, IfLost::Fail)).expect("it is painted");
        build.finish()
    }
}

/// Runs a build's future in virtual time, which advances only when every task waits.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// An observer that records the names of events.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    pub(crate) fn count(&self, event: &str) -> usize {
        lock(&self.0).iter().filter(|heard| *heard == event).count()
    }
}

impl Observer for Heard {
    fn event(&self, event: Event<'_>) {
        let json = serde_json::to_value(&event).expect("an event serialises");
        lock(&self.0).push(json["event"].as_str().expect("it has a name").to_owned());
    }
}

/// Begins a build that must fail, and returns the error.
pub(crate) fn refused(test: &TestProject) -> BuildError {
    let heard = Heard::default();
    let began =
        Build::begin(&test.request(), None, Busy::GiveUp, &heard, &CancellationToken::new());
    began.expect_err("it cannot begin")
}
