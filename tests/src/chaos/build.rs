//! Builds of one town: runs of the command line, some of which are killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::link::Link;
use super::program::Program;
use super::town::Town;

/// All runs that build a town.
#[derive(Debug)]
pub(super) struct Builds {
    pub(super) town: Town,
    pub(super) link: Link,
    running: Vec<Program>,
    ended: Vec<Run>,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) events: Vec<Value>,
    /// Its exit code; `None` if it was killed.
    pub(super) code: Option<i32>,
}

impl Builds {
    pub(super) fn new(town: Town, coordinator: SocketAddr) -> Self {
        Self { town, link: Link::to(coordinator), running: Vec::new(), ended: Vec::new() }
    }

    /// Starts a run, beside those that are running.
    pub(super) fn start(&mut self, logs: &Path) {
        let mut command = self.town.build(&self.link.url());
        let name = format!("build-{}", self.town.name);
        self.running.push(Program::start(&name, &mut command, logs));
    }

    /// Notes runs that have ended, and returns what those say that ended without success.
    pub(super) fn look(&mut self) -> Vec<String> {
        let mut failed = Vec::new();
        let mut running = Vec::new();
        for mut program in self.running.drain(..) {
            let Some(status) = program.ended() else {
                running.push(program);
                continue;
            };
            let run = Run::of(&program, status.code());
            if !status.success() {
                let reasons: BTreeSet<String> =
                    run.named("failed").map(|event| event["message"].to_string()).collect();
                failed.push(format!("{} ended: {status}: {reasons:?}", run.name));
            }
            self.ended.push(run);
        }
        self.running = running;
        failed
    }

    /// Kills all runs.
    pub(super) fn kill(&mut self) {
        for mut program in self.running.drain(..) {
            program.kill();
            self.ended.push(Run::of(&program, None));
        }
    }

    #[cfg(unix)]
    pub(super) fn running(&mut self) -> &mut [Program] {
        &mut self.running
    }

    /// Whether a run has succeeded and none is running.
    pub(super) fn is_done(&self) -> bool {
        self.running.is_empty() && self.ended.last().is_some_and(|run| run.code == Some(0))
    }

    /// The runs that have ended, in the order of their ends.
    pub(super) fn ended(&self) -> &[Run] {
        &self.ended
    }

    /// How many assets were delivered so far.
    pub(super) fn delivered(&self) -> usize {
        let running = self.running.iter().flat_map(Program::events);
        let ended = self.ended.iter().flat_map(|run| run.events.clone());
        running.chain(ended).filter(|event| event["event"] == "delivered").count()
    }
}

impl Run {
    fn of(program: &Program, code: Option<i32>) -> Self {
        Self { name: program.name().to_owned(), events: program.events(), code }
    }

    /// The events of this name.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["event"] == name)
    }
}
