//! A glance at a project: whether a build has nothing to do, without a survey.
//!
//! A survey that finds everything up to date leaves the stamp of the files that it looked at. As
//! long as they have that stamp, and the request and the program are the same, another survey would
//! find the same. So a build with nothing to do lists folders and examines files, but plans
//! nothing.

use std::fs;
use std::time::Instant;

use impasto_planner::PlannedTask;
use impasto_project::{Project, Stamp, TreeStamp, is_in_tree, now_ns};
use impasto_types::{AssetPath, Digest, ModelRef};
use serde::{Deserialize, Serialize};

use crate::event::{Event, Observer};
use crate::outcome::Outcome;
use crate::survey::{Survey, SurveyError, SurveyRequest, models, open};

/// A project before a survey of it.
#[derive(Debug)]
pub struct Glance {
    project: Project,
    /// The request and the program.
    asked: Digest,
    began: Instant,
    began_ns: i64,
    /// The files besides assets and their outputs, as far as they are known.
    others: Vec<AssetPath>,
    /// `None` if only a survey can tell.
    tree: Option<TreeStamp>,
    known: Option<Known>,
}

/// What the last survey found, as `.impasto/up-to-date` keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    version: u32,
    asked: Digest,
    tree: TreeStamp,
    others: Vec<AssetPath>,
    up_to_date: usize,
    warnings: Vec<String>,
}

const VERSION: u32 = 1;
const FILE: &str = "up-to-date";

/// The largest file that is read: a few warnings, and the paths of a million masks.
const MAX_BYTES: u64 = 256 << 20;

impl Glance {
    /// Glances at the project of a request.
    ///
    /// # Errors
    /// Those of a survey that come before it looks at files.
    pub fn take(request: &SurveyRequest) -> Result<Self, SurveyError> {
        let (began, began_ns) = (Instant::now(), now_ns());
        let project = open(request)?;
        let asked = asked(request, &project, &models(&project, request)?);
        let known = Known::load(&project).filter(|known| known.asked == asked);
        let others = match &known {
            Some(known) => known.others.clone(),
            None => project.manifest().needed(),
        };
        let tree = request.is_whole().then(|| TreeStamp::take(&project, &others)).flatten();
        Ok(Self { project, asked, began, began_ns, others, tree, known })
    }

    /// The outcome of a build that has nothing to do, reported like any other. `None` if a survey
    /// has to tell.
    pub fn up_to_date(&self, observer: &dyn Observer) -> Option<Outcome> {
        let known = self.known.as_ref().filter(|known| Some(known.tree) == self.tree)?;
        for message in &known.warnings {
            observer.event(Event::Warning { message });
        }
        let up_to_date = known.up_to_date;
        observer.event(Event::Planned { stale: 0, up_to_date, unusable: 0, work: 0 });
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(Outcome { up_to_date, elapsed_ms, ..Outcome::default() })
    }

    /// Keeps what the survey after the glance found, if that is nothing to do, and no file has
    /// changed since the glance. If it cannot be kept, the next build takes longer.
    pub fn keep(self, survey: &Survey) {
        let is_settled = !survey.plan.has_work()
            && survey.unusable() == 0
            && survey.unsettled.is_empty()
            && !survey.state.is_unsaved();
        let trusted = self.tree.filter(|tree| is_settled && tree.is_trusted(self.began_ns));
        let Some(before) = trusted else { return };
        if TreeStamp::take(&self.project, &self.others) != Some(before) {
            return;
        }
        // Files that the glance did not know of are in the next one's stamp, so the next survey
        // will be kept.
        let known = Known {
            version: VERSION,
            asked: self.asked,
            tree: before,
            others: others(survey),
            up_to_date: survey.up_to_date(),
            warnings: survey.warnings.clone(),
        };
        if let Err(error) = known.save(&self.project) {
            tracing::debug!("{error}");
        }
    }
}

impl Known {
    fn load(project: &Project) -> Option<Self> {
        let file = project.state_file(FILE);
        if fs::metadata(&file).ok()?.len() > MAX_BYTES {
            return None;
        }
        let known: Self = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        (known.version == VERSION).then_some(known)
    }

    fn save(&self, project: &Project) -> Result<(), impasto_project::ReplaceError> {
        project.write_state_file(FILE, &serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Every file of a survey that the stamp of the tree does not have by itself, whether it exists or
/// not.
fn others(survey: &Survey) -> Vec<AssetPath> {
    let project = &survey.project;
    let manifest = project.manifest();
    let tasks = &survey.plan.tasks;
    let mut others = manifest.needed();
    if manifest.has_companions() {
        let companions = tasks.iter().flat_map(|task| manifest.companions(&task.asset));
        others.extend(companions.map(|(_, path)| path));
    }
    others.extend(survey.named.keys().cloned());
    let copies = survey.plan.copies.iter().map(|copy| &copy.output);
    let outputs = tasks.iter().flat_map(PlannedTask::output_paths).chain(copies);
    others.extend(outputs.filter(|output| !is_in_tree(project, output)).cloned());
    others.sort_unstable();
    others.dedup();
    others
}

/// Identifies what a request asks for, and the program that answers.
fn asked(request: &SurveyRequest, project: &Project, models: &[ModelRef]) -> Digest {
    let program = std::env::current_exe().and_then(fs::metadata).ok();
    let program = program.map(|program| Stamp::of(&program));
    let version = env!("CARGO_PKG_VERSION");
    let asked = (version, program, &request.overrides, project.roots(), models);
    Digest::of(format!("{asked:?}").as_bytes())
}

#[cfg(test)]
mod tests {
    use impasto_types::{Preset, RecipePatch};

    use super::*;
    use crate::fake_farm::{FakeFarm, png};
    use crate::survey::survey;
    use crate::test_project::{Heard, TestProject};

    /// What is done to a project, and how.
    type Change = (&'static str, fn(&TestProject));

    /// A project that is painted, as a later survey finds it.
    fn painted() -> TestProject {
        let test = TestProject::new(&["a.png", "b.png"]);
        let (_, outcome) = test.build(&FakeFarm::new());
        assert_eq!(outcome.painted, 2);
        test
    }

    /// Surveys and keeps, as if the files had been there for a minute before.
    fn survey_and_keep(test: &TestProject) {
        let mut glance = Glance::take(&test.request()).expect("it is a project");
        glance.began_ns += 60_000_000_000;
        glance.keep(&survey(&test.request(), None).expect("it is surveyed"));
    }

    fn known(test: &TestProject) -> Option<Outcome> {
        let glance = Glance::take(&test.request()).expect("it is a project");
        glance.up_to_date(&Heard::default())
    }

    #[test]
    fn a_glance_reports_what_a_survey_would() {
        let test = painted();
        assert_eq!(known(&test), None);
        survey_and_keep(&test);
        let outcome = known(&test).expect("it is up to date");
        assert_eq!((outcome.up_to_date, outcome.painted), (2, 0));

        let (glanced, surveyed) = (Heard::default(), Heard::default());
        Glance::take(&test.request()).expect("it is a project").up_to_date(&glanced);
        test.begin(&surveyed, &Default::default()).finish();
        for event in ["warning", "planned"] {
            assert_eq!(glanced.count(event), surveyed.count(event), "{event}");
        }
    }

    #[test]
    fn files_that_are_too_new_are_surveyed_again() {
        let test = painted();
        let glance = Glance::take(&test.request()).expect("it is a project");
        glance.keep(&survey(&test.request(), None).expect("it is surveyed"));
        assert_eq!(known(&test), None);
    }

    #[test]
    fn any_change_asks_for_a_survey() {
        let changes: [Change; 7] = [
            ("an asset", |test| test.write("walls/a.png", &png(7))),
            ("a new asset", |test| test.write("walls/c.png", &png(8))),
            ("a style", |test| test.write("styles/night.png", &png(9))),
            ("an output", |test| test.write("stylized/walls/a.png", b"other")),
            ("a removed output", |test| {
                fs::remove_file(test.dir().join("stylized/walls/a.png")).expect("it is removed");
            }),
            ("an unsaved delivery", |test| test.write(".impasto/deliveries.jsonl", b"\n")),
            ("a damaged file", |test| test.write(".impasto/up-to-date", b"{\"version\":1}")),
        ];
        for (what, change) in changes {
            let test = painted();
            survey_and_keep(&test);
            assert!(known(&test).is_some(), "{what}");
            change(&test);
            assert_eq!(known(&test), None, "{what}");
        }
    }

    #[test]
    fn other_requests_are_not_answered() {
        let test = painted();
        survey_and_keep(&test);
        let recipe = RecipePatch { preset: Some(Preset::Texture), ..RecipePatch::default() };
        for other in [
            SurveyRequest { overrides: recipe, ..test.request() },
            SurveyRequest { only: vec!["walls/a.png".to_owned()], ..test.request() },
            SurveyRequest { preview_px: Some(64), ..test.request() },
        ] {
            let glance = Glance::take(&other).expect("it is a project");
            assert_eq!(glance.up_to_date(&Heard::default()), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_stale_or_unusable_is_not_kept() {
        let test = TestProject::new(&["a.png"]);
        survey_and_keep(&test);
        assert_eq!(known(&test), None, "nothing is painted");
        let test = painted();
        test.write("walls/broken.png", b"\x89PNG");
        survey_and_keep(&test);
        assert_eq!(known(&test), None, "one cannot be painted");
    }

    #[test]
    fn outputs_and_inputs_outside_the_folder_of_assets_count() {
        let test = TestProject::new(&["a.png"]);
        let manifest = String::from_utf8(test.read("impasto.toml").expect("it is there"));
        let manifest = manifest.expect("it is text");
        let manifest = manifest.replace("[project]", "[project]\nassets = \"walls\"");
        let manifest = manifest.replace("\"walls/**\"", "\"**\"");
        test.write("impasto.toml", manifest.as_bytes());
        let (_, outcome) = test.build(&FakeFarm::new());
        assert_eq!(outcome.painted, 1, "{outcome:?}");
        // The first survey tells which these are.
        survey_and_keep(&test);
        assert_eq!(known(&test), None);
        survey_and_keep(&test);
        assert!(known(&test).is_some());
        let output = "stylized/a.png";
        assert!(test.read(output).is_some());
        test.write(output, b"other");
        assert_eq!(known(&test), None);
    }
}
