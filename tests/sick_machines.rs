//! Farms with troubled machines, with real processes: one machine's trouble is nobody else's.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use impasto_tests::{
    Coordinator, SmallDisk, Street, Worker, blob_file, blobs, eventually, models_dir, task_lists,
};
use serde_json::Value;

#[test]
fn a_list_that_cannot_be_read_fails_its_job_alone() {
    let healthy = Street::new(3, 1, 3);
    let project = &healthy.project;
    let coordinator = Coordinator::start(project);
    let data_dir = Coordinator::data_dir(project);
    // Submitted first, so that every worker meets them.
    let sick = [2, 3, 4].map(|seed| Street::new(2, seed, 3));
    let damage = [
        |list: &[u8]| list[..list.len() / 2].to_vec(),
        |list: &[u8]| list.iter().map(|byte| byte ^ 1).collect(),
        |_: &[u8]| Vec::new(),
    ];
    let mut jobs = Vec::new();
    let mut lists = Vec::new();
    for street in &sick {
        let earlier = blobs(&data_dir);
        jobs.push(street.submit(&coordinator));
        let found = task_lists(&data_dir, &earlier, &street.project);
        assert_eq!(found.len(), 1, "{found:?}");
        lists.extend(found);
    }
    let url = coordinator.url.clone();
    // A restarted coordinator has no list in memory.
    coordinator.kill();
    for (list, damage) in lists.iter().zip(damage) {
        let damaged = damage(&fs::read(list).expect("it is there"));
        match damaged.is_empty() {
            true => fs::remove_file(list).expect("it is removed"),
            false => fs::write(list, damaged).expect("it is written"),
        }
    }
    let coordinator = Coordinator::restart(project, &url);
    // One slot each: a slot that is lost is missed.
    let workers = ["a", "b"];
    let _workers = workers.map(|name| Worker::start(project, &url, name, models_dir()));
    let built = healthy.start_build(&coordinator).finish().expect_code(0);
    healthy.assert_painted(&built);
    for job in jobs {
        let failed = eventually("its end", || {
            let job = coordinator.job(project, job);
            (job["job"]["state"] == "failed").then_some(job)
        });
        let tasks = failed["tasks"].as_array().expect("a list");
        let reason = |task: &Value| task["message"].as_str().is_some_and(|text| !text.is_empty());
        assert!(tasks.len() == 2 && tasks.iter().all(reason), "{failed}");
    }
    // Both still take tasks: neither's only slot is lost.
    let again = Street::new(8, 5, 8);
    let built = again.start_build(&coordinator).finish().expect_code(0);
    again.assert_painted(&built);
    for worker in workers {
        let took = built.events_named("started").iter().any(|event| event["worker"] == worker);
        assert!(took, "{worker} gets no tasks any more: {built}");
    }
}

#[test]
fn workers_with_full_and_read_only_disks_are_benched() {
    let street = Street::new(12, 6, 12);
    let project = &street.project;
    let mut coordinator = Coordinator::start(project);
    let sick = ["full", "read-only"];
    let mut disks = Vec::new();
    let mut workers = Vec::new();
    for name in sick {
        let folder = project.beside(&format!("disk of {name}"));
        // Far too small for the weights.
        let Some(disk) = SmallDisk::over(&folder, 1, "workers with full disks") else { return };
        if name == "read-only" {
            disk.set_read_only(true);
        }
        let start = |command| disk.command(&command);
        workers.push(Worker::start_as(project, &coordinator.url, name, &folder, start));
        disks.push(disk);
    }
    workers.push(Worker::start(project, &coordinator.url, "healthy", models_dir()));
    coordinator.await_workers(project, 3);
    let building = street.start_build(&coordinator);
    let benched = eventually("the benches", || {
        let workers = coordinator.workers(project);
        let benched = |name: &str| {
            workers.iter().any(|worker| worker["name"] == *name && !worker["benched"].is_null())
        };
        sick.iter().all(|name| benched(name)).then_some(workers)
    });
    for worker in benched {
        let is_sick = sick.iter().any(|name| worker["name"] == *name);
        // None is not listed.
        let failures = worker["failures"].as_u64().unwrap_or(0);
        assert_eq!(is_sick, failures >= 3, "{worker}");
        assert_eq!(is_sick, worker["benched"]["reason"].is_string(), "{worker}");
    }
    coordinator.await_word_of("a worker is benched");
    let built = building.finish().expect_code(0);
    street.assert_painted(&built);
}

/// Descriptors of a coordinator that has far too few for its callers.
const DESCRIPTORS: u32 = 48;

#[cfg(unix)]
#[test]
fn a_coordinator_without_descriptors_charges_nobody() {
    let street = Street::new(6, 7, 12);
    let project = &street.project;
    let script = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    let limited = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().expect("the project"));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    };
    let coordinator = Coordinator::start_as(project, |command| limited(&command));
    let _workers =
        ["a", "b"].map(|name| Worker::start(project, &coordinator.url, name, models_dir()));
    let address = coordinator.url.trim_start_matches("http://").to_owned();
    let over = AtomicBool::new(false);
    let mut building = street.start_build(&coordinator);
    let is_submitted = |line: &str| line.contains("\"submitted\"").then_some(());
    building.until_out("its job", is_submitted);
    let built = thread::scope(|scope| {
        // Callers that say nothing, more than it has descriptors.
        scope.spawn(|| {
            let mut silent = Vec::new();
            while !over.load(Ordering::Relaxed) {
                match TcpStream::connect(&address) {
                    Ok(stream) if silent.len() < 100 => silent.push(stream),
                    _ => thread::park_timeout(std::time::Duration::from_millis(20)),
                }
            }
        });
        let built = building.finish();
        over.store(true, Ordering::Relaxed);
        built
    });
    let built = built.expect_code(0);
    street.assert_painted(&built);
    // An attempt may end by the coordinator's trouble, but counts against no task and no worker.
    let log = coordinator.end();
    for line in log.lines() {
        let is_charged = line.contains("an attempt failed") && !line.contains("kind=Coordinator");
        let is_blamed = line.contains("a lease was lost") || line.contains("is benched");
        assert!(!is_charged && !is_blamed, "{line}\n{log}");
    }
}

#[test]
fn inputs_that_the_coordinator_loses_are_sent_again() {
    let street = Street::new(4, 8, 3);
    let project = &street.project;
    let coordinator = Coordinator::start(project);
    let mut building = street.start_build(&coordinator);
    let job = building.until_event("submitted", |event| event["job"].as_u64());
    let data_dir = Coordinator::data_dir(project);
    let file = |asset: &str| blob_file(&data_dir, &project.read(asset));
    let houses = ["textures/house_1.png", "textures/house_2.png", "textures/house_3.png"];
    let [missing, rotten, cut] = houses.map(file);
    fs::remove_file(&missing).expect("it was uploaded");
    let mut bytes = fs::read(&rotten).expect("it was uploaded");
    bytes[20] ^= 1;
    fs::write(&rotten, bytes).expect("it is written");
    fs::write(&cut, "cut").expect("it was uploaded");
    // All need the style.
    fs::remove_file(file("styles/night.png")).expect("it was uploaded");

    let _worker = Worker::start(project, &coordinator.url, "a", models_dir());
    street.assert_painted(&building.finish().expect_code(0));
    for asset in houses.iter().chain(&["styles/night.png"]) {
        let again = fs::read(file(asset)).expect("it is sent again");
        assert!(again == project.read(asset), "{asset}");
    }
    assert_eq!(coordinator.job(project, job)["job"]["state"], "succeeded");
}
