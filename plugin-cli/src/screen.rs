//! All output: results on stdout, messages on stderr, progress bars on a terminal.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use same_file::Handle;
use serde::Serialize;

use crate::bar_term::BarTerm;
use crate::failure::Failure;
use crate::flags::OutputFlags;

pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// How often bars are drawn in a second, at most.
const BARS_HZ: u8 = 20;

const JSON_BUFFER_BYTES: usize = 64 << 10;

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document, or JSON lines.
    Json,
}

/// Stdout and stderr, used as the flags say.
#[derive(Debug)]
pub struct Screen {
    pub format: Format,
    quiet: bool,
    verbose: bool,
    /// Whether stdout and stderr lead to the same place.
    one_place: bool,
    bars: MultiProgress,
    /// The first error of stdout; [`Self::finish`] returns it.
    broken: Mutex<Option<io::Error>>,
}

impl Screen {
    pub fn new(flags: &OutputFlags) -> Self {
        let drawn = io::stderr().is_terminal() && !flags.quiet && !flags.json;
        Self {
            format: if flags.json { Format::Json } else { Format::Text },
            quiet: flags.quiet,
            verbose: flags.verbose > 0,
            one_place: lead_to_one_place(),
            bars: MultiProgress::with_draw_target(if drawn {
                ProgressDrawTarget::term_like_with_hz(Box::new(BarTerm::stderr()), BARS_HZ)
            } else {
                ProgressDrawTarget::hidden()
            }),
            broken: Mutex::new(None),
        }
    }

    /// The progress bars; they are drawn only on a terminal.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether bars are drawn. If not, a line is printed instead when a task ends.
    pub fn draws_bars(&self) -> bool {
        !self.bars.is_hidden()
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether a reader of results sees messages too, as on a terminal or in a log of both, so that
    /// what was a message need not be a result again.
    pub fn shows_messages_with_results(&self) -> bool {
        self.one_place && !self.quiet
    }

    /// How many columns a progress line may take.
    pub fn bar_columns(&self) -> usize {
        BarTerm::columns()
    }

    /// Prints a line of the command's result.
    pub fn result(&self, line: impl Display) {
        self.stdout(|out| writeln!(out, "{line}"));
    }

    /// Prints text unchanged, such as a manifest or a completion script.
    pub fn text(&self, text: &str) {
        self.stdout(|out| out.write_all(text.as_bytes()));
    }

    /// Prints one line of JSON.
    pub fn json(&self, value: &impl Serialize) {
        self.stdout(|out| {
            // A document may have megabytes, and comes in pieces of a few bytes.
            let mut out = BufWriter::with_capacity(JSON_BUFFER_BYTES, out);
            serde_json::to_writer(&mut out, value)?;
            out.write_all(b"\n")?;
            out.flush()
        });
    }

    /// Prints a line on stderr, unless `-q` is given.
    pub fn message(&self, line: impl Display) {
        if !self.quiet {
            self.stderr(|out| writeln!(out, "{line}"));
        }
    }

    /// Prints a line on stderr if `-v` is given.
    pub fn detail(&self, line: impl Display) {
        if self.verbose {
            self.message(format_args!("{FAINT}{line}{FAINT:#}"));
        }
    }

    pub fn warning(&self, line: impl Display) {
        self.message(format_args!("{WARN}warning{WARN:#}: {line}"));
    }

    /// Prints the error that ends the command, even with `-q`.
    pub fn failure(&self, failure: &Failure) {
        self.stderr(|out| {
            let mut lines = failure.chain().into_iter();
            let first = lines.next().unwrap_or_default();
            writeln!(out, "{BAD}error{BAD:#}: {first}")?;
            for cause in lines {
                writeln!(out, "  {FAINT}caused by{FAINT:#}: {cause}")?;
            }
            match &failure.hint {
                Some(hint) => writeln!(out, "{HINT}help{HINT:#}: {hint}"),
                None => Ok(()),
            }
        });
    }

    /// Returns the first error of stdout. A reader that closed the pipe (`impasto plan | head`) is
    /// not an error.
    ///
    /// # Errors
    /// If a result could not be written.
    pub fn finish(&self) -> Result<(), Failure> {
        match self.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::here(error).hint("the result could not be written to stdout"))
            }
            _ => Ok(()),
        }
    }

    fn stdout(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.is_none() {
            *broken = self
                .bars
                .suspend(|| {
                    let mut out = anstream::stdout().lock();
                    write(&mut out).and_then(|()| out.flush())
                })
                .err();
        }
    }

    /// Prints the error of one of several builds, which does not end the command.
    pub fn setback(&self, failure: &Failure) {
        if !self.is_json() {
            return self.failure(failure);
        }
        let mut lines = failure.chain().into_iter();
        self.json(&Setback {
            event: "error",
            message: lines.next().unwrap_or_default(),
            causes: lines.collect(),
            help: failure.hint.as_deref(),
        });
    }

    /// Errors of stderr are ignored: they cannot be reported anywhere.
    fn stderr(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        self.bars.suspend(|| {
            let _ = write(&mut anstream::stderr().lock());
        });
    }
}

/// A failure as an event.
#[derive(Serialize)]
struct Setback<'a> {
    event: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

/// Whether stdout and stderr are the same file, pipe or terminal.
fn lead_to_one_place() -> bool {
    let same = Handle::stdout().and_then(|out| Ok(out == Handle::stderr()?));
    // Consoles of Windows have no identity; a process has one.
    same.unwrap_or(false) || io::stdout().is_terminal() && io::stderr().is_terminal()
}
