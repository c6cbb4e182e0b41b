//! The terminal that progress bars are drawn on.

use std::io;

use anstream::ColorChoice;
use console::Term;
use indicatif::TermLike;

/// Stderr. The bar library fills the last row to the terminal's width, and the terminal prints `^C`
/// where the cursor is when Ctrl-C is pressed: behind a full row that would begin another one, and
/// the row above would not be erased any more. So the cursor waits at the beginning of the row.
#[derive(Debug)]
pub(crate) struct BarTerm {
    term: Term,
    /// Whether colours are written.
    colors: bool,
}

impl BarTerm {
    pub(crate) fn stderr() -> Self {
        let colors = anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        Self { term: Term::buffered_stderr(), colors }
    }

    /// How many columns a progress line may take.
    pub(crate) fn columns() -> usize {
        let (_, columns) = Term::stderr().size();
        columns.into()
    }

    fn shown(&self, text: &str, write: impl FnOnce(&str) -> io::Result<()>) -> io::Result<()> {
        match self.colors {
            true => write(text),
            false => write(&anstream::adapter::strip_str(text).to_string()),
        }
    }
}

impl TermLike for BarTerm {
    fn width(&self) -> u16 {
        let (_, columns) = self.term.size();
        columns
    }

    fn height(&self) -> u16 {
        let (rows, _) = self.term.size();
        rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.shown(text, |text| self.term.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.shown(text, |text| self.term.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    /// Called at the end of each drawing.
    fn flush(&self) -> io::Result<()> {
        self.term.write_str("\r")?;
        self.term.flush()
    }
}
