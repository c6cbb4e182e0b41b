//! What has to hold after a round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build::{Builds, Run};
use super::farm::{Farm, SLOTS, WORKERS};
use super::fault::{Fault, Kind, Victim};
#[cfg(unix)]
use super::program::Signal;
use super::rot::rot;
use super::town::{Paintings, Town};
use crate::eventually::eventually;

/// What some faults may cost.
#[derive(Debug, Default)]
pub(super) struct Excuses {
    /// A list of tasks may be damaged, which fails its job; the next build submits another one.
    lists_rot: bool,
    /// Processes that were killed may leave temporary files, which are removed after a day.
    killed: BTreeSet<&'static str>,
}

impl Excuses {
    pub(super) fn note(&mut self, fault: Fault) {
        let name = match fault.victim {
            Victim::Coordinator => "coordinator",
            Victim::Worker(nth) => WORKERS[nth],
            Victim::Build(_) => return,
        };
        self.lists_rot |= fault.kind == Kind::Rot && fault.victim == Victim::Coordinator;
        if fault.is_deadly() {
            self.killed.insert(name);
        }
    }

    /// Whether a build may fail for this reason, if the next one succeeds.
    pub(super) fn allow(&self, reason: &str) -> bool {
        self.lists_rot && reason.contains("the job's ")
    }
}

/// Checks everything. The farm has ended then.
///
/// # Panics
/// If something is not as it should be.
pub(super) fn check(
    farm: &mut Farm,
    builds: &mut [Builds],
    reference: &Paintings,
    excuses: &Excuses,
    say: &dyn Fn(&str),
) {
    for builds in builds.iter() {
        assert_right(&builds.town, reference);
        assert_delivered_once(builds);
    }
    assert_jobs_ended(farm, excuses);
    assert_restored(farm, &mut builds[0], reference);
    say("          everything is right; now every worker has to use all its slots");
    assert_trusted(farm);
    assert_all_slots_work(farm);
    end(farm);
    assert_nobody_is_left(farm, builds);
    assert_tidy(farm, builds, excuses);
}

/// The outputs are those of a build without a farm.
fn assert_right(town: &Town, reference: &Paintings) {
    let (painted, expected) = (town.project.painted(), town.expected(reference));
    let wrong: Vec<&String> = expected
        .iter()
        .filter(|(file, bytes)| painted.get(*file) != Some(bytes))
        .map(|(file, _)| file)
        .collect();
    assert!(wrong.is_empty(), "{}: {} wrong outputs: {wrong:?}", town.name, wrong.len());
    let names = |paintings: &Paintings| paintings.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&painted), names(&expected), "{}: other files", town.name);
}

/// Each output was written once. A build that was killed may have written one without saying so.
fn assert_delivered_once(builds: &Builds) {
    let town = builds.town.name;
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for run in builds.ended() {
        let mut here = BTreeSet::new();
        for event in run.named("delivered") {
            let output = event["output"].as_str().expect("a path").to_owned();
            assert!(here.insert(output.clone()), "{}: {output} is delivered twice", run.name);
            if event["changed"] == true {
                *written.entry(output).or_default() += 1;
            }
        }
    }
    let was_killed = builds.ended().iter().any(|run| run.code.is_none());
    for output in builds.town.outputs() {
        let times = written.get(&output).copied().unwrap_or(0);
        let is_right = times == 1 || times == 0 && was_killed;
        assert!(is_right, "{town}: {output} was written {times} times");
    }
    let last = builds.ended().last().and_then(|run: &Run| run.named("summary").last());
    let last = last.unwrap_or_else(|| panic!("{town}: the last build has no summary"));
    assert_eq!((&last["failed"], &last["open"]), (&Value::from([0; 0]), &Value::from(0)), "{town}");
}

/// All jobs have ended, and no task has failed.
fn assert_jobs_ended(farm: &Farm, excuses: &Excuses) {
    let jobs = eventually("the ends of all jobs", || {
        let jobs = farm.ask(&["jobs"])?;
        let mut states = jobs.as_array()?.iter().map(|job| job["state"].as_str().expect("a state"));
        states.all(|state| ["succeeded", "failed", "canceled"].contains(&state)).then_some(jobs)
    });
    for job in jobs.as_array().expect("a list") {
        let unfinished = [&job["failed"], &job["canceled"]];
        let is_fine = unfinished.iter().all(|count| **count == 0) || excuses.lists_rot;
        assert!(is_fine, "a job did not succeed: {job}");
    }
}

/// Outputs that were deleted come back right, although the cache rots.
fn assert_restored(farm: &mut Farm, builds: &mut Builds, reference: &Paintings) {
    let removed: Vec<String> = builds.town.outputs().take(4).collect();
    for output in &removed {
        fs::remove_file(builds.town.project.path(output)).expect("it is there");
    }
    let cache = builds.town.project.beside("cache");
    rot(&[cache.join("blobs"), cache.join("actions")], 1, &mut fastrand::Rng::with_seed(0));
    builds.start(farm.logs());
    eventually("the build that restores", || {
        let failed = builds.look();
        assert!(failed.is_empty(), "after outputs were removed, {failed:?}");
        builds.is_done().then_some(())
    });
    assert_right(&builds.town, reference);
    let last = builds.ended().last().expect("a run has ended");
    let delivered = last.named("delivered").map(|event| event["output"].as_str().expect("a path"));
    let delivered: BTreeSet<&str> = delivered.collect();
    assert_eq!(delivered, removed.iter().map(String::as_str).collect(), "{}", last.name);
}

/// Benched workers prove themselves, and no worker has failures on its record.
fn assert_trusted(farm: &Farm) {
    let mut first = 1_000;
    eventually("trust in all workers", || {
        let workers = farm.connected()?;
        let is_trusted =
            |worker: &Value| worker["benched"].is_null() && worker["failures"].as_u64().is_none();
        if workers.len() == WORKERS.len() && workers.iter().all(is_trusted) {
            return Some(());
        }
        let errand = Town::new("errand", first..=first + 11);
        first += 12;
        let url = format!("http://{}", farm.address());
        let done = errand.build(&url).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        None
    });
}

/// No credit was lost: every worker has as many tasks at once as slots.
fn assert_all_slots_work(farm: &Farm) {
    let town = Town::new("work", 2_000..=2_000 + (WORKERS.len() * SLOTS) as u32);
    town.project.replace("impasto.toml", "iterations = ", "iterations = 9");
    let url = format!("http://{}", farm.address());
    let submit = town.project.run(&["submit", "--json", "--coordinator", &url]).expect_code(0);
    let job = submit.document()["job"].to_string();
    eventually("all slots in use", || {
        let workers = farm.connected()?;
        let is_full = |worker: &Value| worker["leases"].as_array().map(Vec::len) == Some(SLOTS);
        (workers.len() == WORKERS.len() && workers.iter().all(is_full)).then_some(())
    });
    farm.tell(&["cancel", &job]).expect("the job is canceled");
    eventually("idle workers", || {
        let workers = farm.connected()?;
        workers.iter().all(|worker| worker["state"] == "idle").then_some(())
    });
}

/// Asks all servers to end, as a service manager does.
fn end(farm: &mut Farm) {
    #[cfg(unix)]
    for worker in farm.workers.iter_mut().filter_map(|worker| worker.program.as_mut()) {
        worker.signal(Signal::Terminate);
        let status = worker.await_end();
        assert!(status.success(), "{} ended: {status}", worker.name());
    }
    for worker in &mut farm.workers {
        worker.program = None;
    }
    #[cfg(unix)]
    farm.terminate_coordinator();
    farm.kill_coordinator();
}

/// No process is left that knows the round's folders.
#[cfg(target_os = "linux")]
fn assert_nobody_is_left(farm: &Farm, builds: &[Builds]) {
    let mut folders: Vec<PathBuf> = builds.iter().map(|builds| builds.town.project.dir()).collect();
    folders.push(farm.logs().to_owned());
    let own = std::process::id().to_string();
    let mut left = Vec::new();
    for process in fs::read_dir("/proc").expect("processes are listed").flatten() {
        let read = |file: &str| fs::read(process.path().join(file)).unwrap_or_default();
        let said = [read("cmdline"), read("environ")].concat();
        let said = String::from_utf8_lossy(&said);
        let knows = |folder: &PathBuf| said.contains(&*folder.to_string_lossy());
        if process.file_name().to_string_lossy() != own && folders.iter().any(knows) {
            left.push(format!("{}: {said}", process.path().display()));
        }
    }
    assert!(left.is_empty(), "processes are left: {left:?}");
}

#[cfg(not(target_os = "linux"))]
fn assert_nobody_is_left(_farm: &Farm, _builds: &[Builds]) {}

/// No temporary files are left, except those of servers that were killed.
fn assert_tidy(farm: &Farm, builds: &[Builds], excuses: &Excuses) {
    let mut left = Vec::new();
    for builds in builds {
        temporary(&builds.town.project.dir(), &mut left);
    }
    let workers = farm.workers.iter().map(|worker| (worker.name, &worker.disk));
    for (name, disk) in workers.chain([("coordinator", &farm.coordinator.disk)]) {
        if !excuses.killed.contains(name) {
            temporary(&disk.outside(), &mut left);
        }
    }
    assert!(left.is_empty(), "temporary files are left: {left:?}");
}

fn temporary(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("it can be listed").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && (name.ends_with(".tmp") || name.ends_with(".part")) {
            found.push(entry.path());
        }
        if entry.path().is_dir() {
            temporary(&entry.path(), found);
        }
    }
}
