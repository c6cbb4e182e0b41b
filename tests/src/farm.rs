//! The servers of a farm, each in a process.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::eventually::eventually;
use crate::process::{Finished, Process};
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
        Self::start_as(project, |command| command)
    }

    /// Starts what `wrap` makes of the command.
    pub fn start_as(project: &Project, wrap: impl FnOnce(Command) -> Command) -> Self {
        Self::listen(wrap(Self::command(project, "127.0.0.1:0")))
    }

    /// Restarts with the same address and data after [`Coordinator::kill`].
    pub fn restart(project: &Project, url: &str) -> Self {
        Self::restart_as(project, url, |command| command)
    }

    /// Restarts what `wrap` makes of the command.
    pub fn restart_as(project: &Project, url: &str, wrap: impl FnOnce(Command) -> Command) -> Self {
        Self::listen(wrap(Self::command(project, address_of(url))))
    }

    /// Starts one that has to refuse, and returns what it says.
    #[track_caller]
    pub fn refused(project: &Project) -> Finished {
        Finished::of(&mut Self::command(project, "127.0.0.1:0")).expect_code(2)
    }

    /// Its data folder.
    pub fn data_dir(project: &Project) -> PathBuf {
        project.beside("coordinator")
    }

    fn command(project: &Project, address: &str) -> Command {
        let mut command = project.impasto(&["coordinator", "--listen", address, "--data-dir"]);
        command.arg(Self::data_dir(project)).envs(HASTE);
        command
    }

    fn listen(mut command: Command) -> Self {
        let mut process = Process::start(&mut command);
        let url = process
            .until_out("its address", |line| line.starts_with("http://").then(|| line.to_owned()));
        Self { process, url }
    }

    pub fn kill(self) {
        self.process.kill();
    }

    /// Kills it, and returns its log.
    pub fn end(self) -> String {
        self.process.end_and_read().err
    }

    /// Stops it, without ending it: connections are accepted, and nothing answers.
    #[cfg(unix)]
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Waits until its log has this text, which may have been before its address was known.
    #[track_caller]
    pub fn await_word_of(&mut self, text: &str) {
        if !self.process.has_said(text) {
            self.process.until_err(text);
        }
    }

    /// Its workers, as `impasto workers` lists them.
    pub fn workers(&self, project: &Project) -> Vec<Value> {
        let list = project.run(&["workers", "--json", "--coordinator", &self.url]);
        let listed = list.expect_code(0).document();
        listed.as_array().expect("a list").clone()
    }

    /// Waits until this many workers are connected.
    pub fn await_workers(&self, project: &Project, count: usize) {
        eventually("the workers", || (self.workers(project).len() == count).then_some(()));
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
        Self::start_as(project, coordinator, name, models, |command| command)
    }

    /// Starts what `wrap` makes of the command.
    pub fn start_as(
        project: &Project,
        coordinator: &str,
        name: &str,
        models: &Path,
        wrap: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut command =
            project.impasto(&["worker", "--name", name, "--coordinator", coordinator]);
        command
            .env("IMPASTO_WORKER__MODELS_DIR", models)
            .env("IMPASTO_WORKER__CACHE_DIR", project.beside(&format!("cache of {name}")));
        command.env("IMPASTO_WORKER__THREADS", "1").env("IMPASTO_WORKER__SLOTS", "1");
        Self { process: Process::start(&mut wrap(command)) }
    }

    /// Waits until its log mentions a coordinator.
    pub fn await_word_of(&mut self, coordinator: &str) {
        self.process.until_err(coordinator);
    }

    pub fn kill(self) {
        self.process.kill();
    }
}

/// The address in the URL of a coordinator of this crate.
fn address_of(url: &str) -> &str {
    url.strip_prefix("http://").expect("it is an address of this crate's coordinator")
}
