//! The servers of a farm, each in a process.

use std::path::Path;

use serde_json::Value;

use crate::eventually::eventually;
use crate::process::Process;
use crate::project::Project;

/// A coordinator with its data folder beside a project.
#[derive(Debug)]
pub struct Coordinator {
    process: Process,
    /// Its URL, with the port that it chose.
    pub url: String,
}

/// Settings for tests: heartbeats are frequent, and a lost worker is noticed soon, but not so soon
/// that a busy machine cannot restart it in time.
const HASTE: [(&str, &str); 3] = [
    ("IMPASTO_COORDINATOR__HEARTBEAT_MS", "200"),
    ("IMPASTO_COORDINATOR__LEASE_MS", "30000"),
    ("IMPASTO_COORDINATOR__RECONNECT_GRACE_MS", "10000"),
];

impl Coordinator {
    /// Starts on any free port.
    pub fn start(project: &Project) -> Self {
        Self::listen(project, "127.0.0.1:0")
    }

    /// Restarts with the same address and data after [`Coordinator::kill`].
    pub fn restart(project: &Project, url: &str) -> Self {
        Self::listen(
            project,
            url.strip_prefix("http://").expect("it is an address of this crate's coordinator"),
        )
    }

    fn listen(project: &Project, address: &str) -> Self {
        let mut command = project.impasto(&["coordinator", "--listen", address, "--data-dir"]);
        command.arg(project.beside("coordinator")).envs(HASTE);
        let mut process = Process::start(&mut command);
        let url = process
            .until_out("its address", |line| line.starts_with("http://").then(|| line.to_owned()));
        Self { process, url }
    }

    pub fn kill(self) {
        self.process.kill();
    }

    /// Stops it, without ending it: connections are accepted, and nothing answers.
    #[cfg(unix)]
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Waits until this many workers are connected.
    pub fn await_workers(&self, project: &Project, count: usize) {
        eventually("the workers", || {
            let listed = project
                .run(&["workers", "--json", "--coordinator", &self.url])
                .expect_code(0)
                .document();
            (listed.as_array().map(Vec::len) == Some(count)).then_some(())
        });
    }

    /// A job and its tasks, as the coordinator reports them.
    pub fn job(&self, project: &Project, number: u64) -> Value {
        project
            .run(&["job", &number.to_string(), "--json", "--coordinator", &self.url])
            .expect_code(0)
            .document()
    }
}

/// A worker with one thread and one slot.
#[derive(Debug)]
pub struct Worker {
    process: Process,
}

impl Worker {
    /// `coordinator` is the coordinator's URL, `models` its model store; missing models come from
    /// the coordinator.
    pub fn start(project: &Project, coordinator: &str, name: &str, models: &Path) -> Self {
        let mut command =
            project.impasto(&["worker", "--name", name, "--coordinator", coordinator]);
        command
            .env("IMPASTO_WORKER__MODELS_DIR", models)
            .env("IMPASTO_WORKER__CACHE_DIR", project.beside(&format!("cache of {name}")));
        command.env("IMPASTO_WORKER__THREADS", "1").env("IMPASTO_WORKER__SLOTS", "1");
        Self { process: Process::start(&mut command) }
    }

    /// Waits until its log mentions a coordinator.
    pub fn await_word_of(&mut self, coordinator: &str) {
        self.process.until_err(coordinator);
    }

    pub fn kill(self) {
        self.process.kill();
    }
}
