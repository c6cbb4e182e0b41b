//! A coordinator whose disk is full, with real processes.

use impasto_tests::{Coordinator, Process, SmallDisk, Street, Worker, eventually, models_dir};

/// Enough for the weights and a small project.
const DISK_MEBIBYTES: u32 = 160;

const HOUSES: u32 = 6;

/// A street that is being built, with its job.
fn building(street: &Street, coordinator: &Coordinator) -> (Process, String) {
    let mut building = street.start_build(coordinator);
    let job = building.until_event("submitted", |event| event["job"].as_u64());
    (building, job.to_string())
}

#[test]
fn a_full_disk_holds_a_farm_back_until_there_is_room() {
    let street = Street::new(HOUSES, 1, 12);
    let project = &street.project;
    let folder = Coordinator::data_dir(project);
    let Some(disk) = SmallDisk::over(&folder, DISK_MEBIBYTES, "a full disk") else { return };
    let mut coordinator = Coordinator::start_as(project, |command| disk.command(&command));
    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(project, 1);
    let (mut building, job) = building(&street, &coordinator);
    building.until_event("started", |_| Some(()));
    // Another job, to be canceled: which has to be recorded.
    let other = Street::new(HOUSES, 2, 12).submit(&coordinator).to_string();

    disk.fill();
    let cancel = |coordinator: &Coordinator| {
        project.run(&["cancel", &other, "--coordinator", &coordinator.url])
    };
    let refused = cancel(&coordinator);
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(refused.error().contains("the disk is full"), "{refused}");
    coordinator.await_word_of("nothing can be recorded");
    // People can look.
    assert_eq!(coordinator.workers(project).len(), 1);

    // It can be killed, and starts again while the disk is full.
    let url = coordinator.url.clone();
    coordinator.kill();
    let mut coordinator = Coordinator::restart_as(project, &url, |command| disk.command(&command));
    coordinator.await_word_of("nothing can be recorded");
    let refused = cancel(&coordinator);
    assert!(refused.error().contains("the disk is full"), "{refused}");
    let jobs = project.run(&["jobs", "--json", "--coordinator", &url]).expect_code(0).document();
    assert_eq!(jobs.as_array().map(Vec::len), Some(2), "{jobs}");

    disk.make_room();
    coordinator.await_word_of("everything can be recorded again");
    eventually("the cancelation", || (cancel(&coordinator).code == Some(0)).then_some(()));
    let built = building.finish().expect_code(0);
    street.assert_painted(&built);
    let number = job.parse().expect("a number");
    assert_eq!(coordinator.job(project, number)["job"]["state"], "succeeded");
}

#[test]
fn a_full_folder_of_blobs_refuses_uploads_until_there_is_room() {
    let street = Street::new(2, 3, 3);
    let project = &street.project;
    let folder = Coordinator::data_dir(project).join("blobs");
    let Some(disk) = SmallDisk::over(&folder, DISK_MEBIBYTES, "a full folder") else { return };
    let coordinator = Coordinator::start_as(project, |command| disk.command(&command));
    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    disk.fill();
    let mut building = street.start_build(&coordinator);
    let reason = building.until_event("disconnected", |event| {
        Some(event["reason"].as_str().expect("it is text").to_owned())
    });
    assert!(reason.contains("disk is full") && reason.contains("blobs has 0 B free"), "{reason}");
    disk.make_room();
    building.until_event("reconnected", |_| Some(()));
    street.assert_painted(&building.finish().expect_code(0));
}

#[test]
fn results_wait_for_room_at_the_coordinator() {
    let street = Street::new(HOUSES, 4, 12);
    let project = &street.project;
    let folder = Coordinator::data_dir(project).join("blobs");
    let Some(disk) = SmallDisk::over(&folder, DISK_MEBIBYTES, "a full folder") else { return };
    let mut coordinator = Coordinator::start_as(project, |command| disk.command(&command));
    // The only worker: nobody else could try.
    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    let (mut building, job) = building(&street, &coordinator);
    building.until_event("delivered", |_| Some(()));
    disk.fill();
    // One is painted, and cannot be handed in.
    coordinator.await_word_of("uploads are refused");
    disk.make_room();
    coordinator.await_word_of("uploads are accepted again");
    let built = building.finish().expect_code(0);
    street.assert_painted(&built);
    let job = coordinator.job(project, job.parse().expect("a number"));
    for task in job["tasks"].as_array().expect("a list") {
        assert_eq!(task["attempts"], 1, "nothing is charged: {job}");
    }
}
