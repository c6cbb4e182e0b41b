//! Runs programs to their end or line by line, and kills them when their test ends.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use serde_json::Value;

use crate::eventually::{PATIENCE, eventually};

/// The output of a program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    command: String,
}

impl Finished {
    /// Runs a program to its end.
    pub fn of(command: &mut Command) -> Self {
        Process::start(command).finish()
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Stdout as JSON lines.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{error} in {line}: {self}"))
            })
            .collect()
    }

    /// The JSON lines with this `event`.
    #[track_caller]
    pub fn events_named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// A build's last line.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("there is no line: {self}"));
        assert_eq!(last["event"], "summary", "{self}");
        last
    }

    /// The one line of stderr that says what went wrong.
    #[track_caller]
    pub fn error(&self) -> &str {
        let errors: Vec<&str> =
            self.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{self}");
        errors[0]
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, out, err, command } = self;
        write!(f, "{command}\nexit code: {code:?}\nstdout:\n{out}\nstderr:\n{err}")
    }
}

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    command: String,
    lines: Receiver<Line>,
    out: String,
    err: String,
}

#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = channel();
        pass_on(child.stdout.take().expect("it is piped"), sender.clone(), Line::Out);
        pass_on(child.stderr.take().expect("it is piped"), sender, Line::Err);
        Self {
            child,
            command: format!("{command:?}"),
            lines,
            out: String::new(),
            err: String::new(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of stdout in which `pick` finds a value.
    #[track_caller]
    pub fn until_out<T>(&mut self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        loop {
            if let Line::Out(line) = self.next(what)
                && let Some(found) = pick(&line)
            {
                return found;
            }
        }
    }

    /// Whether a line of stderr that was read has this text.
    pub fn has_said(&self, text: &str) -> bool {
        self.err.lines().any(|line| line.contains(text))
    }

    /// Waits for a line of stderr with this text.
    #[track_caller]
    pub fn until_err(&mut self, text: &str) {
        while !matches!(self.next(text), Line::Err(line) if line.contains(text)) {}
    }

    /// Waits for a JSON line with this `event` in which `pick` finds a value.
    #[track_caller]
    pub fn until_event<T>(&mut self, name: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> T {
        self.until_out(name, |line| {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
            (event["event"] == name).then(|| pick(&event)).flatten()
        })
    }

    #[track_caller]
    fn next(&mut self, awaited: &str) -> Line {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let (text, line_text) = match &line {
                    Line::Out(line) => (&mut self.out, line),
                    Line::Err(line) => (&mut self.err, line),
                };
                text.push_str(line_text);
                text.push('\n');
                line
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("{awaited}: no more output\n{}", self.said())
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{awaited}: the program ended before\n{}", self.said())
            }
        }
    }

    fn said(&self) -> String {
        format!("{}\nstdout:\n{}\nstderr:\n{}", self.command, self.out, self.err)
    }

    /// Kills it, like `kill -9`.
    pub fn kill(mut self) {
        self.end();
    }

    /// Kills it, and returns all that it said.
    #[track_caller]
    pub fn end_and_read(mut self) -> Finished {
        self.end();
        self.finish()
    }

    /// Ctrl-C.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// What a system sends before it kills a process.
    #[cfg(unix)]
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Stops it, without ending it: its ports stay open, and nothing answers there.
    #[cfg(unix)]
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("there is a `kill`");
        assert!(sent.success(), "the signal cannot be sent");
    }

    /// Waits until it ends.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(Line::Out(line)) => self.out.extend([line.as_str(), "\n"]),
                Ok(Line::Err(line)) => self.err.extend([line.as_str(), "\n"]),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end\n{}", self.said()),
            }
        }
        let status: ExitStatus =
            eventually("its end", || self.child.try_wait().expect("it can be waited for"));
        let text = |text: &mut String| std::mem::take(text);
        Finished {
            code: status.code(),
            out: text(&mut self.out),
            err: text(&mut self.err),
            command: text(&mut self.command),
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends a stream's lines from a thread of its own, which ends with the stream.
fn pass_on(stream: impl Read + Send + 'static, lines: Sender<Line>, kind: fn(String) -> Line) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if lines.send(kind(line)).is_err() {
                return;
            }
        }
    });
}
