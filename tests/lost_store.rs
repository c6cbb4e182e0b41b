//! A coordinator whose database is removed, emptied, or replaced, with real processes.

use std::fs;
use std::path::PathBuf;

use impasto_tests::{Coordinator, Project, Street, Worker, models_dir};

const HOUSES: u32 = 6;

/// Removes the database and its journal.
fn remove_store(project: &Project) {
    for suffix in ["", "-wal", "-shm"] {
        // The journal may not exist.
        let _ = fs::remove_file(store(project, suffix));
    }
    assert!(!store(project, "").exists());
}

fn store(project: &Project, suffix: &str) -> PathBuf {
    Coordinator::data_dir(project).join(format!("coordinator.sqlite{suffix}"))
}

#[test]
fn a_store_removed_from_a_running_coordinator_is_made_anew() {
    let street = Street::new(HOUSES, 1, 12);
    let project = &street.project;
    let mut coordinator = Coordinator::start(project);
    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    let mut building = street.start_build(&coordinator);
    let job = building.until_event("submitted", |event| event["job"].as_u64());
    building.until_event("delivered", |_| Some(()));
    remove_store(project);
    coordinator.await_word_of("the store was made anew from memory");

    let url = coordinator.url.clone();
    coordinator.kill();
    let coordinator = Coordinator::restart(project, &url);
    street.assert_painted(&building.finish().expect_code(0));
    let job = coordinator.job(project, job);
    assert_eq!(job["job"]["state"], "succeeded", "the job is known: {job}");
}

#[test]
fn an_empty_store_in_a_used_folder_is_not_a_new_farm() {
    let street = Street::new(HOUSES, 2, 12);
    let project = &street.project;
    let coordinator = Coordinator::start(project);
    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    let mut building = street.start_build(&coordinator);
    building.until_event("delivered", |_| Some(()));
    building.until_event("progress", |_| Some(()));
    let url = coordinator.url.clone();
    coordinator.kill();

    remove_store(project);
    for _ in 0..2 {
        let refused = Coordinator::refused(project);
        assert!(refused.err.contains("coordinator.sqlite is missing or empty"), "{refused}");
        assert!(refused.err.contains("--new-farm"), "{refused}");
        // Once there is none, once it is empty.
        fs::write(store(project, ""), "").expect("it is written");
    }

    // The worker's leases are of the old farm, whose numbers the new one uses again: elsewhere at
    // first, so that the build meets a job that is not its own.
    let coordinator = Coordinator::start_as(project, |mut command| {
        command.arg("--new-farm");
        command
    });
    let others = [Street::new(1, 3, 3), Street::new(1, 4, 3)];
    assert_eq!(others.each_ref().map(|other| other.submit(&coordinator)), [1, 2]);
    coordinator.kill();
    let coordinator = Coordinator::restart(project, &url);
    street.assert_painted(&building.finish().expect_code(0));
    for other in others {
        let built = other.start_build(&coordinator).finish().expect_code(0);
        other.assert_painted(&built);
    }
}

#[test]
fn the_store_of_another_farm_is_refused() {
    let (ours, theirs) = (Project::empty(), Project::empty());
    for project in [&ours, &theirs] {
        let coordinator = Coordinator::start(project);
        coordinator.await_workers(project, 0);
        coordinator.kill();
    }
    remove_store(&ours);
    for suffix in ["", "-wal"] {
        if store(&theirs, suffix).exists() {
            fs::copy(store(&theirs, suffix), store(&ours, suffix)).expect("it is copied");
        }
    }
    let refused = Coordinator::refused(&ours);
    assert!(refused.err.contains("belongs to another farm"), "{refused}");
    fs::remove_file(Coordinator::data_dir(&ours).join("farm.json")).expect("it is removed");
    Coordinator::start(&ours).await_workers(&ours, 0);
}
