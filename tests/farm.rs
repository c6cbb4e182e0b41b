//! A farm of processes: a coordinator, two workers and a command line, some of which are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use impasto_tests::{Coordinator, Finished, Process, Project, Worker, models_dir, pictures};
use serde_json::Value;

/// Enough assets that both workers are busy when a process is killed.
const HOUSES: u32 = 6;

/// Pictures of houses that take a second or two each.
fn street() -> Project {
    let project = Project::empty();
    project.replace("impasto.toml", "iterations = 3", "iterations = 16");
    for number in 1..=HOUSES {
        project.save(&format!("textures/house_{number}.png"), &pictures::bricks(64, 64, number));
    }
    project
}

/// The outputs of [`street`] in a build without a farm.
fn painted_here() -> &'static BTreeMap<String, Vec<u8>> {
    static PAINTED: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    PAINTED.get_or_init(|| {
        let project = street();
        project.build();
        project.painted()
    })
}

fn start_build(project: &Project, coordinator: &Coordinator) -> Process {
    project.start(&["build", "--json", "--require-farm", "--coordinator", &coordinator.url])
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is text").to_owned()
}

/// Waits until this worker is halfway through a picture, and returns its output's path.
fn await_middle(building: &mut Process, worker: &str) -> String {
    let mut begun = BTreeSet::new();
    building.until_out("progress", |line| {
        let event: Value = serde_json::from_str(line).expect("it is JSON");
        let output = event["output"].as_str()?;
        if event["event"] == "started" && event["worker"] == worker {
            begun.insert(output.to_owned());
        }
        let early = event["event"] == "progress"
            && event["iteration"].as_u64()? * 2 <= event["iterations"].as_u64()?;
        (early && begun.contains(output)).then(|| output.to_owned())
    })
}

/// Asserts that every house was painted once, with the same bytes as without a farm.
#[track_caller]
fn assert_right(project: &Project, built: &Finished) {
    let mut delivered: Vec<String> =
        built.events_named("delivered").iter().map(|event| text(&event["output"])).collect();
    delivered.sort_unstable();
    let expected: Vec<String> =
        (1..=HOUSES).map(|number| format!("painted/textures/house_{number}.png")).collect();
    assert_eq!(delivered, expected, "each is delivered once: {built}");
    assert_eq!(built.summary()["painted"], HOUSES, "{built}");
    assert!(project.painted() == *painted_here(), "a farm paints what one machine paints");
}

/// The attempts that were started, by output and number; an event may be repeated.
fn attempts(built: &Finished) -> BTreeSet<(String, u64)> {
    let started = built.events_named("started");
    started
        .iter()
        .map(|event| (text(&event["output"]), event["attempt"].as_u64().expect("a number")))
        .collect()
}

#[test]
fn both_workers_paint_and_get_the_weights_from_the_coordinator() {
    let project = street();
    let coordinator = Coordinator::start(&project);
    let stores = ["models of a", "models of b"].map(|name| project.beside(name));
    // Both workers ask for the same name: the machine's.
    let _workers = [&stores[0], &stores[1]]
        .map(|store| Worker::start(&project, &coordinator.url, "host", store));
    coordinator.await_workers(&project, 2);

    let built = start_build(&project, &coordinator).finish().expect_code(0);
    assert_right(&project, &built);
    let painters: BTreeSet<String> =
        built.events_named("started").iter().map(|event| text(&event["worker"])).collect();
    assert_eq!(painters, BTreeSet::from(["host".to_owned(), "host-2".to_owned()]), "{built}");
    assert!(attempts(&built).iter().all(|(_, attempt)| *attempt == 1), "{built}");
    for store in stores {
        let kept = store
            .read_dir()
            .expect("the worker has made it")
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().ends_with(".safetensors"));
        assert!(kept, "the weights came from the coordinator");
    }
    // All projects share the farm's cache.
    let elsewhere = street();
    let again = start_build(&elsewhere, &coordinator).finish().expect_code(0);
    assert_eq!([&again.summary()["painted"], &again.summary()["cached"]], [0, HOUSES], "{again}");
    assert!(elsewhere.painted() == *painted_here());
}

#[test]
fn killing_a_worker_costs_one_attempt() {
    let project = street();
    let coordinator = Coordinator::start(&project);
    let [a, _b] =
        ["a", "b"].map(|name| Worker::start(&project, &coordinator.url, name, models_dir()));
    coordinator.await_workers(&project, 2);

    let mut building = start_build(&project, &coordinator);
    let begun = await_middle(&mut building, "a");
    a.kill();
    let built = building.finish().expect_code(0);
    assert_right(&project, &built);
    let again: Vec<(String, u64)> =
        attempts(&built).into_iter().filter(|(_, attempt)| *attempt > 1).collect();
    assert_eq!(again, [(begun, 2)], "only what it was painting is started again: {built}");
}

#[test]
fn a_killed_coordinator_continues_after_a_restart() {
    let project = street();
    let coordinator = Coordinator::start(&project);
    let _workers =
        ["a", "b"].map(|name| Worker::start(&project, &coordinator.url, name, models_dir()));
    coordinator.await_workers(&project, 2);

    let mut building = start_build(&project, &coordinator);
    building.until_event("delivered", |_| Some(()));
    building.until_event("progress", |_| Some(()));
    let url = coordinator.url.clone();
    coordinator.kill();
    building.until_event("disconnected", |_| Some(()));
    let coordinator = Coordinator::restart(&project, &url);
    building.until_event("reconnected", |_| Some(()));
    let built = building.finish().expect_code(0);
    assert_right(&project, &built);
    assert!(
        attempts(&built).iter().all(|(_, attempt)| *attempt == 1),
        "the workers kept what they were painting: {built}"
    );
    let job = built.events_named("submitted")[0]["job"].as_u64().expect("a number");
    assert_eq!(coordinator.job(&project, job)["job"]["state"], "succeeded");
}

#[test]
fn after_a_killed_build_the_next_one_finds_its_job() {
    let project = street();
    let coordinator = Coordinator::start(&project);
    let _workers =
        ["a", "b"].map(|name| Worker::start(&project, &coordinator.url, name, models_dir()));
    coordinator.await_workers(&project, 2);

    let mut building = start_build(&project, &coordinator);
    let job = building.until_event("submitted", |event| event["job"].as_u64());
    building.until_event("started", |_| Some(()));
    building.kill();
    let built = start_build(&project, &coordinator).finish().expect_code(0);
    let submitted = built.events_named("submitted");
    assert_eq!(
        (submitted[0]["job"].as_u64(), submitted[0]["attached"].as_bool()),
        (Some(job), Some(true)),
        "{built}"
    );
    assert_right(&project, &built);
}

#[test]
fn results_of_a_submitted_job_are_fetched_later() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    let submitted = project
        .run(&["submit", "--json", "--coordinator", &coordinator.url])
        .expect_code(0)
        .document();
    assert_eq!(submitted["tasks"], 3);
    let job = submitted["job"].as_u64().expect("a number").to_string();
    project.run(&["job", &job, "--watch", "--coordinator", &coordinator.url]).expect_code(0);
    assert_eq!(project.painted().len(), 0, "submitting delivers nothing");

    let summary = start_build(&project, &coordinator).finish().expect_code(0).summary();
    assert_eq!([&summary["painted"], &summary["cached"]], [0, 3]);
    assert_eq!(project.painted().len(), 3);
}

#[test]
fn a_worker_may_start_before_its_coordinator() {
    let project = Project::empty();
    let coordinator = Coordinator::start(&project);
    let url = coordinator.url.clone();
    coordinator.kill();
    let mut worker = Worker::start(&project, &url, "a", models_dir());
    worker.await_word_of(&url);
    Coordinator::restart(&project, &url).await_workers(&project, 1);
}
