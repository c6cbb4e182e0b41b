//! Tasks that a living job has are not submitted again, by whom and from where ever.

use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};
use serde_json::{Value, json};

/// Runs `impasto submit`, and returns its document.
#[track_caller]
fn submit(project: &Project, coordinator: &Coordinator, more: &[&str]) -> Value {
    let command = ["submit", "--json", "--coordinator", &coordinator.url];
    project.run(&[&command, more].concat()).expect_code(0).document()
}

fn submitted(jobs: &[u64], tasks: u64, known: u64) -> Value {
    json!({ "job": jobs.first(), "jobs": jobs, "tasks": tasks, "known": known })
}

/// The number of tasks of each job, oldest first.
fn jobs(project: &Project, coordinator: &Coordinator) -> Vec<u64> {
    let listed = project.run(&["jobs", "--json", "--coordinator", &coordinator.url]);
    let listed = listed.expect_code(0).document();
    let tasks = |job: &Value| {
        ["blocked", "ready", "leased", "succeeded", "failed", "canceled"]
            .iter()
            .filter_map(|state| job[state].as_u64())
            .sum()
    };
    listed.as_array().expect("a list").iter().rev().map(tasks).collect()
}

#[test]
fn the_same_tasks_stay_in_one_job() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 3), "again");
    std::fs::remove_dir_all(project.path(".impasto")).expect("it is removed");
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 3), "without its file");
    let checkout = Project::small();
    assert_eq!(submit(&checkout, &coordinator, &[]), submitted(&[1], 3, 3), "from elsewhere");
    assert_eq!(submit(&checkout, &coordinator, &[]), submitted(&[1], 3, 3), "and again");
    assert_eq!(jobs(&project, &coordinator), [3]);
    let said = project.run(&["submit", "--coordinator", &coordinator.url]).expect_code(0);
    assert!(said.out.contains("job 1: 3 assets, submitted before"), "{said}");
}

#[test]
fn two_shells_at_the_same_time_submit_one_job() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    let command = ["submit", "--json", "--coordinator", &coordinator.url];
    let shells = [0; 4].map(|_| project.start(&command));
    for shell in shells {
        assert_eq!(shell.finish().expect_code(0).document()["jobs"], json!([1]));
    }
    assert_eq!(jobs(&project, &coordinator), [3]);
}

#[test]
fn only_what_is_new_goes_into_a_new_job() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    let day = submit(&project, &coordinator, &["--only", "textures/day/*"]);
    assert_eq!(day, submitted(&[1], 1, 0));
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1, 2], 3, 1), "the rest");
    project.save("textures/new.png", &pictures::bricks(64, 64, 9));
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1, 2, 3], 4, 3), "one more");
    let day = submit(&project, &coordinator, &["--only", "textures/day/*"]);
    assert_eq!(day, submitted(&[1], 1, 1), "others are left alone");
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1, 2, 3], 4, 4), "but not lost");
    assert_eq!(jobs(&project, &coordinator), [1, 2, 1]);
}

#[test]
fn what_was_canceled_is_submitted_again_once() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    for (canceled, next) in [("1", 2), ("2", 3)] {
        project.run(&["cancel", canceled, "--coordinator", &coordinator.url]).expect_code(0);
        assert_eq!(submit(&project, &coordinator, &[]), submitted(&[next], 3, 0));
        assert_eq!(submit(&project, &coordinator, &[]), submitted(&[next], 3, 3));
        // It knows none of the earlier jobs.
        assert_eq!(submit(&Project::small(), &coordinator, &[]), submitted(&[next], 3, 3));
    }
}

#[test]
fn a_build_follows_the_job_of_another_checkout_and_leaves_it_alone_when_interrupted() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    let checkout = Project::small();
    let build = ["build", "--json", "--require-farm", "--coordinator", &coordinator.url];
    let mut building = checkout.start(&build);
    let job = building.until_event("submitted", |event| {
        Some([event["job"].clone(), event["attached"].clone(), event["tasks"].clone()])
    });
    assert_eq!(job, [json!(1), json!(true), json!(3)]);
    #[cfg(unix)]
    {
        building.interrupt();
        building.finish().expect_code(130);
        assert_eq!(coordinator.job(&project, 1)["job"]["state"], "queued");
        building = checkout.start(&build);
    }
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    let built = building.finish().expect_code(0);
    assert_eq!(built.summary()["painted"], 3, "{built}");
    // Its results are all there, and were not fetched.
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 3));
    assert_eq!(jobs(&project, &coordinator), [3]);
}

#[test]
fn a_build_goes_on_if_another_checkout_cancels_their_job() {
    let (project, checkout) = (Project::small(), Project::small());
    let coordinator = Coordinator::start(&project);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    let build = ["build", "--json", "--require-farm", "--coordinator", &coordinator.url];
    let mut building = checkout.start(&build);
    building.until_event("submitted", |event| event["attached"].as_bool()?.then_some(()));
    project.run(&["cancel", "1", "--coordinator", &coordinator.url]).expect_code(0);
    let next = building.until_event("submitted", |event| event["job"].as_u64());
    assert_eq!(next, 2);
    project.run(&["cancel", "2", "--coordinator", &coordinator.url]).expect_code(0);
    // This one is its own.
    let built = building.finish().expect_code(1);
    assert_eq!(built.summary()["open"], 3, "{built}");
}

#[test]
fn a_coordinator_that_has_lost_everything_gets_the_tasks_again() {
    let project = Project::small();
    let coordinator = Coordinator::start(&project);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    let url = coordinator.url.clone();
    coordinator.kill();
    std::fs::remove_dir_all(project.beside("coordinator")).expect("it is removed");
    let coordinator = Coordinator::restart(&project, &url);
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 0));
    assert_eq!(submit(&project, &coordinator, &[]), submitted(&[1], 3, 3));
}
