//! A running program whose output goes to files, so that a failed round can be studied.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

#[cfg(unix)]
use crate::eventually::eventually;

/// A child process. It is killed when this is dropped, also if it is stopped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    name: String,
    out: PathBuf,
}

/// Signals of the command `kill`. Windows cannot send these to another process.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Stop,
    Continue,
    /// Please end.
    Terminate,
}

impl Program {
    /// Starts `command`, with its output in `logs` under a name that is free.
    pub(super) fn start(name: &str, command: &mut Command, logs: &Path) -> Self {
        let file = |nth: u32, kind: &str| logs.join(format!("{name}-{nth}.{kind}"));
        let nth = (1..).find(|nth| !file(*nth, "out").exists()).expect("a number is free");
        let out = file(nth, "out");
        let create = |path: &Path| File::create(path).expect("a log is created");
        let child = command
            .stdin(Stdio::null())
            .stdout(create(&out))
            .stderr(create(&file(nth, "err")))
            .spawn()
            .expect("the program starts");
        let name = format!("{name} (run {nth})");
        Self { child, name, out }
    }

    /// Its name and the number of its run, as its logs are called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it has written to stdout.
    pub(super) fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// The complete JSON lines of stdout. A killed program may have written half a line.
    pub(super) fn events(&self) -> Vec<Value> {
        let out = self.out();
        let complete = out.rfind('\n').map_or("", |end| &out[..end]);
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error} in {line}", self.name))
        };
        complete.lines().map(parse).collect()
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    /// Waits for its end.
    #[cfg(unix)]
    pub(super) fn await_end(&mut self) -> ExitStatus {
        let name = self.name.clone();
        eventually(&format!("the end of {name}"), || self.ended())
    }

    /// Ends it at once, like `kill -9`.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, unless it has ended.
    #[cfg(unix)]
    pub(super) fn signal(&mut self, signal: Signal) {
        let name = match signal {
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
            Signal::Terminate => "-TERM",
        };
        if self.ended().is_none() {
            let id = self.child.id().to_string();
            let sent = Command::new("kill").args([name, &id]).status().expect("there is a `kill`");
            assert!(sent.success(), "{} gets no {name}", self.name);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
