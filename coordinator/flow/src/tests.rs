//! Complete builds with a farm in memory.

use impasto_project::LockError;
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::fake_farm::FakeFarm;
use crate::outcome::Outcome;
use crate::patience::IfLost;
use crate::submit::submit;
use crate::survey::survey;
use crate::test_project::{Heard, TestProject, refused, run};

const ASSETS: [&str; 5] = ["a.png", "b.png", "c.png", "d.png", "e.png"];

/// The counts of an outcome: painted, cached, up to date, failed, open.
fn counts(outcome: &Outcome) -> [usize; 5] {
    let Outcome { painted, cached, up_to_date, failed, open, .. } = outcome;
    [*painted, *cached, *up_to_date, failed.len(), *open]
}

#[test]
fn a_second_build_reads_no_output_and_asks_no_farm() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    let (survey, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), survey.inputs_digested), ([5, 0, 0, 0, 0], 6));
    assert_eq!((farm.jobs(), farm.uploads()), (vec![5], 6));
    let record = test.read("impasto.lock").expect("it is written");

    farm.go_away(0..usize::MAX);
    let heard = Heard::default();
    let build = test.begin(&heard, &CancellationToken::new());
    assert!(build.is_done());
    // Even though they are fresh.
    assert_eq!(build.survey().outputs_digested, 0);
    let (_, outcome) = build.finish();
    assert_eq!(counts(&outcome), [0, 0, 5, 0, 0]);
    assert_eq!(test.read("impasto.lock"), Some(record));
}

#[test]
fn a_build_keeps_what_a_killed_build_delivered() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    let heard = Heard::default();
    let mut killed = test.begin(&heard, &CancellationToken::new());
    run(killed.paint(&farm, &test.models(), None, IfLost::Fail)).expect("it is painted");
    drop(killed);
    assert_eq!(test.read("impasto.lock"), None, "it is written at the end");
    farm.go_away(0..usize::MAX);
    let build = test.begin(&heard, &CancellationToken::new());
    assert!(build.is_done());
    build.finish();
    assert!(test.read("impasto.lock").is_some(), "the next build writes it");
}

#[test]
fn results_are_fetched_concurrently() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    // A build that waited for each download before the next event would never end.
    farm.meet(5);
    let (_, outcome) = test.build(&farm);
    assert_eq!(counts(&outcome), [5, 0, 0, 0, 0]);
}

#[test]
fn ready_results_are_asked_for_in_pages_and_fetched_in_batches() {
    const COUNT: usize = 1_100;
    let names: Vec<String> = (0..COUNT).map(|number| format!("{number}.png")).collect();
    let test = TestProject::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let farm = FakeFarm::with_max_tasks(COUNT);
    let found = survey(&test.request(), None).expect("it is surveyed");
    run(submit(&found, &farm, &test.models(), &Heard::default())).expect("it is submitted");
    let (_, outcome) = test.build(&farm);
    assert_eq!(counts(&outcome), [0, COUNT, 0, 0, 0]);
    let (most_asked, most_downloading) = farm.most();
    assert!(most_asked <= 1024, "{most_asked} results were in memory at once");
    assert!((2..=256).contains(&most_downloading), "{most_downloading} were downloaded at once");
}

#[test]
fn tasks_beyond_the_limit_of_a_job_go_into_further_jobs() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::with_max_tasks(2);
    let (_, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), farm.jobs()), ([5, 0, 0, 0, 0], vec![2, 2, 1]));
}

#[test]
fn a_build_follows_the_jobs_of_an_earlier_submit() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::with_max_tasks(2);
    let found = survey(&test.request(), None).expect("it is surveyed");
    let heard = Heard::default();
    let submitted = run(submit(&found, &farm, &test.models(), &heard)).expect("it is submitted");
    assert_eq!((submitted.jobs.len(), submitted.tasks, submitted.refused.len()), (3, 5, 0));
    farm.forget_results();
    let mut build = test.begin(&heard, &CancellationToken::new());
    run(build.paint(&farm, &test.models(), None, IfLost::Fail)).expect("it is painted");
    let (_, outcome) = build.finish();
    assert_eq!(counts(&outcome), [5, 0, 0, 0, 0]);
    assert_eq!(farm.jobs(), [2, 2, 1], "no other job is submitted");
}

#[test]
fn nothing_is_submitted_if_every_file_is_refused() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    farm.refuse_uploads();
    let found = survey(&test.request(), None).expect("it is surveyed");
    let heard = Heard::default();
    let submitted = run(submit(&found, &farm, &test.models(), &heard)).expect("it ends well");
    assert_eq!((submitted.jobs.len(), submitted.tasks, submitted.refused.len()), (0, 0, 5));
    assert_eq!(farm.jobs(), [0_usize; 0]);

    let (_, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), farm.jobs()), ([0, 0, 0, 5, 0], vec![]));
}

#[test]
fn a_lost_result_is_computed_once_more() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    farm.lose(2);
    let (_, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), farm.jobs()), ([5, 0, 0, 0, 0], vec![5, 2]));

    let test = TestProject::new(&["a.png"]);
    let farm = FakeFarm::new();
    farm.lose(2);
    let (_, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), farm.jobs()), ([0, 0, 0, 1, 0], vec![1, 1]));
}

#[test]
fn a_bad_result_of_a_farm_is_forgotten_and_painted_again() {
    let test = TestProject::new(&["a.png", "b.png"]);
    let farm = FakeFarm::new();
    let found = survey(&test.request(), None).expect("it is surveyed");
    farm.keep_text(found.plan.tasks[0].action);
    let (_, outcome) = test.build(&farm);
    assert_eq!((counts(&outcome), farm.jobs()), ([2, 0, 0, 0, 0], vec![2]));
    for name in ["a", "b"] {
        let painted = test.read(&format!("stylized/walls/{name}.png")).expect("it is delivered");
        assert!(painted.starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
fn a_build_waits_for_a_farm_that_does_not_answer_for_a_while() {
    // A build makes some twenty calls.
    for call in 0..24 {
        let test = TestProject::new(&ASSETS);
        let farm = FakeFarm::new();
        farm.go_away(call..call + 3);
        let heard = Heard::default();
        let mut build = test.begin(&heard, &CancellationToken::new());
        run(build.paint(&farm, &test.models(), None, IfLost::Fail)).expect("it is painted");
        let counts = counts(&build.finish().1);
        assert_eq!((counts[0] + counts[1], counts[4]), (5, 0), "{call}: {counts:?}");
        assert_eq!(heard.count("disconnected"), heard.count("reconnected"), "{call}");
        assert_eq!(farm.jobs(), [5], "{call}");
    }
}

#[test]
fn a_canceled_build_keeps_finished_results() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    let (heard, cancel) = (Heard::default(), CancellationToken::new());
    let mut build = test.begin(&heard, &cancel);
    cancel.cancel();
    run(build.paint(&farm, &test.models(), None, IfLost::Fail)).expect("it ends well");
    let (_, outcome) = build.finish();
    assert_eq!((counts(&outcome), outcome.interrupted), ([0, 0, 0, 0, 5], true));
    assert_eq!(farm.jobs(), [0_usize; 0]);
}

#[test]
fn a_project_is_built_once_at_a_time() {
    let test = TestProject::new(&ASSETS);
    let heard = Heard::default();
    let first = test.begin(&heard, &CancellationToken::new());
    assert!(matches!(refused(&test), BuildError::Lock(LockError::Held { .. })));
    first.finish();
    let (_, outcome) = test.build(&FakeFarm::new());
    assert_eq!(counts(&outcome), [5, 0, 0, 0, 0]);
}

#[test]
fn an_orphan_is_forgotten_once_its_file_is_gone() {
    let test = TestProject::new(&["a.png", "b.png"]);
    let farm = FakeFarm::new();
    test.build(&farm);
    std::fs::remove_file(test.dir().join("walls/b.png")).expect("it is removed");
    test.write("walls/c.png", &test.read("walls/a.png").expect("it is there"));
    let recorded = |name: &str| {
        let record = test.read("impasto.lock").expect("it is there");
        String::from_utf8(record).expect("it is text").contains(name)
    };
    test.build(&farm);
    assert!(recorded("stylized/walls/b.png"), "its file is there");
    std::fs::remove_file(test.dir().join("stylized/walls/b.png")).expect("it is removed");
    std::fs::remove_file(test.dir().join("stylized/walls/c.png")).expect("it is removed");
    test.build(&farm);
    assert!(!recorded("stylized/walls/b.png") && recorded("stylized/walls/c.png"));
}

#[test]
fn inputs_that_went_missing_are_sent_again() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    farm.starve();
    let (_, outcome) = test.build(&farm);
    assert_eq!(counts(&outcome), [5, 0, 0, 0, 0]);
    assert_eq!((farm.uploads(), farm.sent()), (6, 6 + 10), "an asset and its style for each task");
}

#[test]
fn how_long_a_build_waits_depends_on_what_is_at_stake() {
    for (if_lost, answered, waits_s) in [
        (IfLost::Fail, 0, 5),
        (IfLost::PaintElsewhere, 0, 5),
        // It has looked into the farm's cache, and has nowhere else to go.
        (IfLost::Fail, 1, 300),
        (IfLost::PaintElsewhere, 1, 60),
    ] {
        let test = TestProject::new(&ASSETS);
        let farm = FakeFarm::new();
        farm.go_away(answered..usize::MAX);
        let (heard, cancel) = (Heard::default(), CancellationToken::new());
        let mut build = test.begin(&heard, &cancel);
        let models = test.models();
        let (ended, took) = run(async {
            let began = tokio::time::Instant::now();
            (build.paint(&farm, &models, None, if_lost).await, began.elapsed())
        });
        assert!(matches!(ended, Err(BuildError::Farm(error)) if error.is_away()));
        let waited = waits_s..waits_s + 6;
        assert!(waited.contains(&took.as_secs()), "{if_lost:?}, {answered} calls: {took:?}");
        // Another farm paints the rest.
        run(build.paint(&FakeFarm::new(), &models, None, if_lost)).expect("it is painted");
        assert_eq!(counts(&build.finish().1), [5, 0, 0, 0, 0]);
    }
}

#[test]
fn what_a_living_job_has_is_not_submitted_again() {
    let test = TestProject::new(&ASSETS);
    let farm = FakeFarm::new();
    // Its jobs go on.
    farm.forget_results();
    let heard = Heard::default();
    let submit_all = || {
        let found = survey(&test.request(), None).expect("it is surveyed");
        let submitted =
            run(submit(&found, &farm, &test.models(), &heard)).expect("it is submitted");
        (submitted.jobs.len(), submitted.tasks, submitted.known)
    };
    assert_eq!(submit_all(), (1, 5, 0));
    assert_eq!(submit_all(), (1, 5, 5));
    std::fs::remove_dir_all(test.dir().join(".impasto")).expect("it is removed");
    assert_eq!(submit_all(), (1, 5, 5), "the farm knows the key");
    std::fs::remove_file(test.dir().join("walls/e.png")).expect("it is removed");
    test.write("walls/f.png", &test.read("styles/night.png").expect("it is there"));
    assert_eq!(submit_all(), (2, 5, 4), "a job for the new one");
    assert_eq!(farm.jobs(), [5, 1]);
}
