//! A coordinator, its workers, and the network and the disks between them, all of which can fail.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::disk::Disk;
use super::link::Link;
use super::program::Program;
#[cfg(unix)]
use super::program::Signal;
use crate::eventually::eventually;
use crate::models::models_dir;
use crate::project::Project;

/// An attempt ends if its worker is silent for this long. It is short, so that faults outlast it,
/// but not so short that a busy machine loses leases without any fault.
pub(super) const LEASE: Duration = Duration::from_secs(5);

/// The settings of the coordinator, in milliseconds.
const HASTE: [(&str, &str); 3] = [
    ("IMPASTO_COORDINATOR__HEARTBEAT_MS", "250"),
    ("IMPASTO_COORDINATOR__LEASE_MS", "5000"),
    ("IMPASTO_COORDINATOR__RECONNECT_GRACE_MS", "4000"),
];

pub(super) const WORKERS: [&str; 3] = ["a", "b", "c"];

/// How many tasks a worker runs at once.
pub(super) const SLOTS: usize = 2;

/// The coordinator's disk holds the weights, with as much again while they are uploaded.
const COORDINATOR_MIB: u32 = 240;
const WORKER_MIB: u32 = 32;

/// A question that takes longer is not answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Everything but the builds.
#[derive(Debug)]
pub(super) struct Farm {
    pub(super) coordinator: Coordinator,
    pub(super) workers: Vec<Worker>,
    /// Where questions are asked from; it has no assets.
    office: Project,
    logs: PathBuf,
    /// Removed last, with the disks in it.
    root: TempDir,
}

#[derive(Debug)]
pub(super) struct Coordinator {
    /// `None` after it was killed.
    program: Option<Program>,
    /// Whether it is stopped.
    is_stopped: bool,
    address: SocketAddr,
    pub(super) disk: Disk,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: &'static str,
    /// `None` after it was killed.
    pub(super) program: Option<Program>,
    /// Whether it was told to finish its tasks and end.
    pub(super) is_drained: bool,
    pub(super) link: Link,
    pub(super) disk: Disk,
}

impl Farm {
    /// Starts all servers, and waits for the workers.
    pub(super) fn start() -> Self {
        let root = tempfile::Builder::new().prefix("chaos-").tempdir().expect("a folder");
        let logs = root.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder is made");
        let office = Project::empty();
        let disk = Disk::new(&root.path().join("coordinator"), COORDINATOR_MIB);
        let (program, address) = start_coordinator(&office, &disk, &logs);
        let coordinator = Coordinator { program: Some(program), is_stopped: false, address, disk };
        let workers = WORKERS.map(|name| Worker {
            name,
            program: None,
            is_drained: false,
            link: Link::to(address),
            disk: Disk::new(&root.path().join(name), WORKER_MIB),
        });
        let mut farm = Self { coordinator, workers: workers.into(), office, logs, root };
        (0..WORKERS.len()).for_each(|nth| farm.start_worker(nth));
        eventually("the workers", || (farm.connected()?.len() == WORKERS.len()).then_some(()));
        farm
    }

    pub(super) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Keeps the folder with the logs.
    pub(super) fn keep(&mut self) {
        self.root.disable_cleanup(true);
    }

    /// The coordinator's address; it is another one after each restart.
    pub(super) fn address(&self) -> SocketAddr {
        self.coordinator.address
    }

    pub(super) fn start_worker(&mut self, nth: usize) {
        let worker = &mut self.workers[nth];
        let url = worker.link.url();
        let mut command =
            self.office.impasto(&["worker", "--name", worker.name, "--coordinator", &url]);
        command
            .env("IMPASTO_WORKER__MODELS_DIR", models_dir())
            .env("IMPASTO_WORKER__CACHE_DIR", worker.disk.inside())
            .env("IMPASTO_WORKER__THREADS", "1")
            .env("IMPASTO_WORKER__SLOTS", SLOTS.to_string());
        let name = format!("worker-{}", worker.name);
        let mut command = worker.disk.command(command);
        worker.program = Some(Program::start(&name, &mut command, &self.logs));
        worker.is_drained = false;
    }

    pub(super) fn kill_coordinator(&mut self) {
        self.coordinator.program = None;
    }

    /// Starts the coordinator with its old data, and leads all links to it.
    pub(super) fn restart_coordinator(&mut self, builds: &[&Link]) {
        let (program, address) =
            start_coordinator(&self.office, &self.coordinator.disk, &self.logs);
        (self.coordinator.program, self.coordinator.address) = (Some(program), address);
        self.workers.iter().map(|worker| &worker.link).for_each(|link| link.retarget(address));
        builds.iter().for_each(|link| link.retarget(address));
    }

    /// Sends the coordinator a signal.
    #[cfg(unix)]
    pub(super) fn signal_coordinator(&mut self, signal: Signal) {
        self.coordinator.is_stopped = signal == Signal::Stop;
        if let Some(program) = &mut self.coordinator.program {
            program.signal(signal);
        }
    }

    /// Asks the coordinator to end, and waits until it has.
    #[cfg(unix)]
    pub(super) fn terminate_coordinator(&mut self) {
        let program = self.coordinator.program.as_mut().expect("it runs");
        program.signal(Signal::Terminate);
        let status = program.await_end();
        assert!(status.success(), "{} ended: {status}", program.name());
    }

    /// Asks the coordinator with a command that prints JSON. `None` if it does not answer.
    pub(super) fn ask(&self, arguments: &[&str]) -> Option<Value> {
        self.tell(&[arguments, &["--json"]].concat()).map(|out| {
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
        })
    }

    /// Runs a command for the coordinator, and returns its output if the exit code is 0.
    pub(super) fn tell(&self, arguments: &[&str]) -> Option<String> {
        if self.coordinator.program.is_none() || self.coordinator.is_stopped {
            return None;
        }
        let url = format!("http://{}", self.coordinator.address);
        let mut command = self.office.impasto(arguments);
        command.args(["--coordinator", &url]);
        let mut program = Program::start("question", &mut command, &self.logs);
        let asked = Instant::now();
        let code = eventually("an answer or none", || match program.ended() {
            Some(status) => Some(status.code()),
            None => (asked.elapsed() > ANSWER_WITHIN).then_some(None),
        });
        (code == Some(0)).then(|| program.out())
    }

    /// The workers that are connected.
    pub(super) fn connected(&self) -> Option<Vec<Value>> {
        let workers = self.ask(&["workers"])?;
        let workers = workers.as_array().expect("a list").iter();
        Some(workers.filter(|worker| worker["state"] != "lost").cloned().collect())
    }

    /// The names that a worker has on the farm now: its own, and a numbered one if its last process
    /// seems to be alive.
    pub(super) fn names_of(&self, nth: usize) -> Option<Vec<String>> {
        let name = WORKERS[nth];
        let connected = self.connected()?;
        let names = connected.iter().filter_map(|worker| worker["name"].as_str());
        let is_its = |found: &&str| found.split('-').next() == Some(name);
        Some(names.filter(is_its).map(str::to_owned).collect())
    }

    /// Whether the coordinator knows that no process of this worker is connected.
    pub(super) fn misses(&self, nth: usize) -> bool {
        self.names_of(nth).is_some_and(|names| names.is_empty())
    }

    /// A server that has ended by itself.
    pub(super) fn died(&mut self) -> Option<String> {
        let working = self.workers.iter_mut().filter(|worker| !worker.is_drained);
        let workers = working.filter_map(|worker| worker.program.as_mut());
        let mut servers = self.coordinator.program.iter_mut().chain(workers);
        servers.find_map(|server| {
            let status = server.ended()?;
            Some(format!("{} ended: {status}", server.name()))
        })
    }
}

fn start_coordinator(office: &Project, disk: &Disk, logs: &Path) -> (Program, SocketAddr) {
    let mut command = office.impasto(&["coordinator", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(disk.inside()).envs(HASTE);
    let mut program = Program::start("coordinator", &mut disk.command(command), logs);
    let address = eventually("the coordinator's address", || {
        let name = program.name().to_owned();
        if let Some(status) = program.ended() {
            panic!("{name} did not start: {status}");
        }
        program.out().lines().find_map(|line| line.strip_prefix("http://")?.parse().ok())
    });
    (program, address)
}
